package bridge

import (
	"path/filepath"
	"time"
)

// Config is what an operator writes: one TOML file, read by LoadConfig. Every
// relative path in it is taken from the directory of the file itself.
type Config struct {
	// StateDir holds the indexes, the cached mail and the spool. It is made with
	// mode 0700 when it is missing. Default "/var/lib/mail2graph".
	StateDir string
	Log      LogConfig
	Cache    CacheConfig
	IMAP     ListenConfig
	SMTP     SMTPConfig
	TLS      TLSConfig
	Metrics  MetricsConfig
	// Apps, Mailboxes and Logins are the tables [app.NAME], [mailbox.NAME] and
	// [login.NAME] by NAME.
	Apps      map[string]AppConfig
	Mailboxes map[string]MailboxConfig
	Logins    map[string]LoginConfig

	// Warnings are remarks on a configuration that works: "file:line: key: text".
	Warnings []string
}

// LogConfig says what is logged to standard error, and how.
type LogConfig struct {
	Level  Level     // least severe level shown; default info
	Format LogFormat // default auto
	Levels LogLevels // of parts, where they differ
	// Addresses says how e-mail addresses are shown; default full.
	Addresses LogAddresses
}

// CacheConfig bounds what is kept on disk besides the indexes.
type CacheConfig struct {
	// MaxSize bounds the cached text of messages for each mailbox; 0: the text of
	// messages that are read is never written to disk. Default 2 GiB.
	MaxSize Size
}

// ListenConfig lists the addresses of one protocol.
type ListenConfig struct {
	// Listen are addresses that begin in plain text; STARTTLS is offered when
	// there is a certificate. Default "127.0.0.1:1143" (IMAP), "127.0.0.1:1025"
	// (SMTP). Addresses other than loopback need a certificate.
	Listen []Addr
	// ListenTLS are addresses that begin with TLS (RFC 8314). Default none.
	ListenTLS []Addr
	// AllowPlaintext lets passwords come over Listen from other hosts without TLS,
	// and needs no certificate for that. Default false.
	AllowPlaintext Switch
}

// TLSConfig names the certificate of the listeners; both files or neither.
type TLSConfig struct {
	CertFile string // PEM, the server's certificate first
	KeyFile  string // PEM
	// MinVersion is the oldest version that a client may speak; default 1.2.
	MinVersion TLSVersion
}

// AppConfig is an application registered in Entra ID, with its credentials.
type AppConfig struct {
	TenantID string // the tenant's GUID or a verified domain
	ClientID string // "Application (client) ID"

	// The credential is one of what follows; Credential says which. ReadSecret
	// reads a client secret wherever it is.
	ClientSecret           Secret
	ClientSecretFile       string
	ClientSecretEnv        string // NAME of an environment variable
	ClientSecretCredential string // NAME of a credential of the systemd unit
	// ClientSecretExpires is when the secret ends, as the portal says: a client secret
	// does not tell it itself. Default none.
	ClientSecretExpires Date
	// CertificateFile is PEM, or PKCS #12 with the key inside.
	CertificateFile         string
	CertificateKeyFile      string // PEM; "": the key is in CertificateFile
	CertificatePasswordFile string // of PKCS #12; "": none
	FederatedTokenFile      string // a token of an outside issuer, renewed by it
	// ManagedIdentity is "system", or the client id of a user-assigned identity;
	// it stands for TenantID and ClientID too.
	ManagedIdentity string

	// Cloud selects the endpoints; default global.
	Cloud Cloud
	// AuthorityHost and GraphEndpoint override those of the cloud:
	// "https://host:port" without a path.
	AuthorityHost Endpoint
	GraphEndpoint Endpoint
	CAFile        string // PEM, roots trusted besides those of the system
	// Proxy is the way to both endpoints; "": what the environment says
	// (HTTPS_PROXY, NO_PROXY).
	Proxy ProxyURL
}

// MailboxConfig is one mailbox in Exchange Online.
type MailboxConfig struct {
	Address string // "user@example.com"
	App     string // NAME of the [app.NAME] that reaches it
	Access  Access // default application
	// User is who signs in for AccessUser, by his user principal name; default
	// Address. With another one the mailbox is a shared one.
	User    string
	Expunge ExpungePolicy // default trash
	Sizes   SizePolicy    // default estimate
	Headers HeaderPolicy  // default fast
	Search  SearchPolicy  // default exact
	// AppendSigned is about signed and encrypted messages and reports that a client
	// files; default rebuild.
	AppendSigned AppendPolicy
	// ImportMIME files messages by Graph's beta importMime, where the app has the
	// permission Mail-Advanced.ReadWrite.All; default false.
	ImportMIME Switch
	// IdlePoll is the time between polls of a folder while somebody waits in
	// IDLE; 1s to 5m, default 5s.
	IdlePoll Duration
	// Poll is the time between polls of the INBOX when nobody asks; 0: none, else
	// 5s to 24h. Default 60s.
	Poll Duration
	// Quota is how large the mailbox may get, as its administrator has set it: Graph
	// tells an application how full it is, but not that. Default 0: not known.
	Quota Size
	SendLimits
}

// SignInFile is where the sign-in for a mailbox on behalf of a user is kept.
func (c *Config) SignInFile(mailbox string) string {
	return filepath.Join(c.StateDir, "signin", mailbox+".json")
}

// LoginConfig is one local user name with its password.
type LoginConfig struct {
	Username     string       // default: NAME of the table
	PasswordHash PasswordHash // bcrypt or argon2id, as HashPassword makes it
	Mailbox      string       // NAME of the [mailbox.NAME] it opens as its own
	// Mailboxes are those it sees besides, as "Other Users/NAME". In a file without
	// mailbox the first of them is its own; LoadConfig has moved that one to Mailbox.
	Mailboxes []string
	SendAs    []string // senders allowed besides the mailbox's own address

	Protocols []Protocol // what it may speak; default both
	AllowFrom []Network  // where it may come from; default everywhere
	ReadOnly  Switch     // it changes nothing and sends nothing
	SendOnly  Switch     // it sends, and reads nothing

	// HeaderRecipients is what becomes of To and Cc addresses outside of the SMTP
	// envelope; default strict.
	HeaderRecipients HeaderRecipients
	SentCopy         SentCopy    // default keep
	LargeSigned      LargeSigned // default refuse
	// ForceFrom lets a device send as whoever it says it is: From becomes the mailbox's
	// own address. Default false: foreign senders are refused.
	ForceFrom Switch
	// Trace logs the conversations of its IMAP and SMTP sessions at level info, without
	// passwords and mail. Default false: they are logged at level debug.
	Trace Switch
}

// Defaults is the configuration of an empty file.
func Defaults() *Config {
	return &Config{
		StateDir: "/var/lib/mail2graph",
		Log:      LogConfig{Level: LevelInfo, Format: FormatAuto, Addresses: AddressesFull},
		Cache:    CacheConfig{MaxSize: 2 << 30},
		IMAP:     ListenConfig{Listen: []Addr{"127.0.0.1:1143"}},
		SMTP:     defaultSMTP(),
	}
}

// DefaultApp is what an [app.NAME] table has before its keys are read.
func DefaultApp() AppConfig {
	return AppConfig{Cloud: CloudGlobal}
}

// DefaultMailbox is what a [mailbox.NAME] table has before its keys are read.
func DefaultMailbox() MailboxConfig {
	return MailboxConfig{
		Access:       AccessApplication,
		Expunge:      ExpungeTrash,
		Sizes:        SizesEstimate,
		Headers:      HeadersFast,
		AppendSigned: AppendRebuild,
		Search:       SearchExact,
		IdlePoll:     Duration(5 * time.Second),
		Poll:         Duration(60 * time.Second),

		SendLimits: defaultSendLimits(),
	}
}

// DefaultLogin is what a [login.NAME] table has before its keys are read.
func DefaultLogin() LoginConfig {
	return LoginConfig{HeaderRecipients: HeaderStrict, SentCopy: SentKeep, LargeSigned: LargeSignedRefuse}
}

// A fields method is the list of a table's keys, each with the place its value
// goes to. What is not listed does not exist, for the loader as for the tests.

func (c *LogConfig) fields() map[string]any {
	return map[string]any{"level": &c.Level, "format": &c.Format, "levels": c.Levels.fields(), "addresses": &c.Addresses}
}

func (c *CacheConfig) fields() map[string]any {
	return map[string]any{"max_size": &c.MaxSize}
}

func (c *ListenConfig) fields() map[string]any {
	return map[string]any{"listen": &c.Listen, "listen_tls": &c.ListenTLS, "allow_plaintext": &c.AllowPlaintext}
}

func (c *TLSConfig) fields() map[string]any {
	return map[string]any{"cert_file": &c.CertFile, "key_file": &c.KeyFile, "min_version": &c.MinVersion}
}

func (c *AppConfig) fields() map[string]any {
	return map[string]any{
		"tenant_id":                 &c.TenantID,
		"client_id":                 &c.ClientID,
		"client_secret":             &c.ClientSecret,
		"client_secret_file":        &c.ClientSecretFile,
		"client_secret_env":         &c.ClientSecretEnv,
		"client_secret_credential":  &c.ClientSecretCredential,
		"client_secret_expires":     &c.ClientSecretExpires,
		"certificate_file":          &c.CertificateFile,
		"certificate_key_file":      &c.CertificateKeyFile,
		"certificate_password_file": &c.CertificatePasswordFile,
		"federated_token_file":      &c.FederatedTokenFile,
		"managed_identity":          &c.ManagedIdentity,
		"cloud":                     &c.Cloud,
		"authority_host":            &c.AuthorityHost,
		"graph_endpoint":            &c.GraphEndpoint,
		"ca_file":                   &c.CAFile,
		"proxy":                     &c.Proxy,
	}
}

func (c *MailboxConfig) fields() map[string]any {
	return map[string]any{
		"address":       &c.Address,
		"app":           &c.App,
		"access":        &c.Access,
		"user":          &c.User,
		"expunge":       &c.Expunge,
		"sizes":         &c.Sizes,
		"headers":       &c.Headers,
		"search":        &c.Search,
		"append_signed": &c.AppendSigned,
		"import_mime":   &c.ImportMIME,
		"idle_poll":     &c.IdlePoll,
		"poll":          &c.Poll,
		"quota":         &c.Quota,

		"max_recipients":   &c.MaxRecipients,
		"max_message_size": &c.MaxMessageSize,
	}
}

func (c *LoginConfig) fields() map[string]any {
	return map[string]any{
		"username":          &c.Username,
		"password_hash":     &c.PasswordHash,
		"mailbox":           &c.Mailbox,
		"mailboxes":         &c.Mailboxes,
		"protocols":         &c.Protocols,
		"allow_from":        &c.AllowFrom,
		"read_only":         &c.ReadOnly,
		"send_only":         &c.SendOnly,
		"send_as":           &c.SendAs,
		"header_recipients": &c.HeaderRecipients,
		"sent_copy":         &c.SentCopy,
		"large_signed":      &c.LargeSigned,
		"force_from":        &c.ForceFrom,
		"trace":             &c.Trace,
	}
}
