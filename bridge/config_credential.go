package bridge

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"mail2graph/bridge/keyfile"
)

// CredentialKind says how an application proves who it is.
type CredentialKind string

// The kinds (entra/identity-platform/v2-oauth2-client-creds-grant-flow):
// CredentialNone is for what acts on behalf of users alone.
const (
	CredentialNone        CredentialKind = ""
	CredentialSecret      CredentialKind = "client secret"
	CredentialCertificate CredentialKind = "certificate"
	CredentialFederated   CredentialKind = "federated token"
	CredentialManaged     CredentialKind = "managed identity"
)

// Credential tells which kind the application has; a loaded configuration has
// at most one.
func (c *AppConfig) Credential() CredentialKind {
	switch {
	case c.ManagedIdentity != "":
		return CredentialManaged
	case c.FederatedTokenFile != "":
		return CredentialFederated
	case c.CertificateFile != "":
		return CredentialCertificate
	case c.ClientSecret != "", c.ClientSecretFile != "", c.ClientSecretEnv != "", c.ClientSecretCredential != "":
		return CredentialSecret
	}
	return CredentialNone
}

// ReadSecret returns the client secret as it is now: from the configuration, a
// file, the environment, or a credential of the systemd unit. White space around
// it is dropped.
func (c *AppConfig) ReadSecret() (Secret, error) {
	file := c.ClientSecretFile
	switch {
	case c.ClientSecret != "":
		return c.ClientSecret, nil
	case c.ClientSecretEnv != "":
		text, ok := os.LookupEnv(c.ClientSecretEnv)
		if !ok {
			return "", fmt.Errorf("the environment has no variable %s", c.ClientSecretEnv)
		}
		return oneLine("the variable "+c.ClientSecretEnv, text)
	case c.ClientSecretCredential != "":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fmt.Errorf("$CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential=%[1]s:FILE "+
				"or LoadCredentialEncrypted=%[1]s:FILE", c.ClientSecretCredential)
		}
		file = filepath.Join(dir, c.ClientSecretCredential)
	case file == "":
		return "", errors.New("no client secret is configured")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	return oneLine(file, string(text))
}

func oneLine(where, text string) (Secret, error) {
	secret := strings.TrimSpace(text)
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("%s must hold the secret on one line and nothing else", where)
	}
	return Secret(secret), nil
}

// KeyFiles name the certificate and its key.
func (c *AppConfig) KeyFiles() keyfile.Files {
	return keyfile.Files{Certificate: c.CertificateFile, Key: c.CertificateKeyFile, Password: c.CertificatePasswordFile}
}

// certificateWarning is how long before its end a certificate is spoken of.
const certificateWarning = 30 * 24 * time.Hour

// usersAlone reports that every mailbox of an app is opened on behalf of a user:
// such an app needs no credential of its own.
func (c *Config) usersAlone(app string) bool {
	used := false
	for _, m := range c.Mailboxes {
		if m.App == app {
			if m.Access != AccessUser {
				return false
			}
			used = true
		}
	}
	return used
}

// access checks in whose name a mailbox is opened.
func (l *loader) access(at func(string) toml.Key, m MailboxConfig, app AppConfig) MailboxConfig {
	if m.Access != AccessUser {
		if m.User != "" {
			l.problemf(at("user"), `found without access = %q, to which it belongs`, AccessUser)
		}
		return m
	}
	if app.ManagedIdentity != "" {
		l.problemf(at("access"), "found %q with an app that is a managed identity, which cannot act on behalf of users", AccessUser)
	}
	if m.ImportMIME {
		// No mistake: where the service gives the user more than was asked for, it works.
		l.warnf(at("import_mime"), "found true with access = %q: the sign-in does not ask for the permission it needs (Mail-Advanced.ReadWrite), "+
			"so messages are probably filed the other way; take it out", AccessUser)
	}
	if m.User == "" {
		m.User = m.Address
		return m
	}
	l.address(at("user"), m.User)
	return m
}

// app checks one application; optional says that it needs no credential.
func (l *loader) app(name string, a AppConfig, optional bool) {
	table := toml.Key{"app", name}
	at := func(key string) toml.Key { return append(slices.Clone(table), key) }
	l.name(table)
	l.credential(at, &a, optional)
	if a.ManagedIdentity == "" {
		l.registration(at, a)
	}
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			l.problemf(at("ca_file"), "%v", err)
		} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			l.problemf(at("ca_file"), "found no certificate in %s, allowed is a PEM file", a.CAFile)
		}
	}
}

// registration checks what names the application.
func (l *loader) registration(at func(string) toml.Key, a AppConfig) {
	switch strings.ToLower(a.TenantID) {
	case "":
		l.problemf(at("tenant_id"), "missing, needed is the tenant's GUID or a verified domain")
	case "common", "organizations", "consumers":
		l.problemf(at("tenant_id"), "found %q, allowed is the tenant's GUID or a verified domain; "+
			"an application without a user belongs to one tenant", a.TenantID)
	default:
		if !validHost(a.TenantID) {
			l.problemf(at("tenant_id"), "found %q, allowed is the tenant's GUID or a verified domain", a.TenantID)
		}
	}
	if a.ClientID == "" {
		l.problemf(at("client_id"), "missing, needed is the Application (client) ID")
	} else if strings.ContainsAny(a.ClientID, " \t\r\n") {
		l.problemf(at("client_id"), "found %q, allowed is the Application (client) ID", a.ClientID)
	}
}

// credentialKeys are the keys of which an application has one.
var credentialKeys = []string{
	"client_secret", "client_secret_file", "client_secret_env", "client_secret_credential",
	"certificate_file", "federated_token_file", "managed_identity",
}

// credential demands exactly one, and that it can be read.
func (l *loader) credential(at func(string) toml.Key, a *AppConfig, optional bool) {
	found := func(key string) bool { _, ok := l.prims[at(key).String()]; return ok }
	for _, part := range []string{"certificate_key_file", "certificate_password_file"} {
		if found(part) && !found("certificate_file") {
			l.problemf(at(part), "found without certificate_file, to which it belongs")
		}
	}
	have := slices.DeleteFunc(slices.Clone(credentialKeys), func(key string) bool { return !found(key) })
	switch len(have) {
	case 0:
		if optional {
			return
		}
		l.problemf(at("client_secret"), "missing, needed is a credential: one of %s", strings.Join(credentialKeys, ", "))
		return
	case 1:
	default:
		for _, key := range have[1:] {
			l.problemf(at(key), "found %s too, allowed is one credential for an app", have[0])
		}
		return
	}
	switch key := at(have[0]); a.Credential() {
	case CredentialSecret:
		l.secret(key, a)
	case CredentialCertificate:
		l.keyPair(at, a)
	case CredentialFederated:
		if _, err := os.ReadFile(a.FederatedTokenFile); err != nil {
			l.problemf(key, "%v", err)
		}
	case CredentialManaged:
		for _, other := range []string{"tenant_id", "client_id", "authority_host"} {
			if found(other) {
				l.problemf(at(other), "found with managed_identity, which stands for it; leave it out")
			}
		}
		if strings.ContainsAny(a.ManagedIdentity, " \t\r\n/") {
			l.problemf(key, `found %q, allowed is "system" or the client id of a user-assigned identity`, a.ManagedIdentity)
		}
	}
}

func (l *loader) secret(key toml.Key, a *AppConfig) {
	if strings.ContainsAny(a.ClientSecretCredential, "/\\") || a.ClientSecretCredential == ".." {
		l.problemf(key, "found %q, allowed is the name of a credential, without a path", a.ClientSecretCredential)
		return
	}
	if _, err := a.ReadSecret(); err != nil {
		l.problemf(key, "%v", err)
		return
	}
	switch {
	case a.ClientSecret != "":
		l.warnIfPublic(key, l.file)
	case a.ClientSecretFile != "":
		l.warnIfPublic(key, a.ClientSecretFile)
	}
}

// keyPair reads the certificate and tells of one that has ended or is about to.
func (l *loader) keyPair(at func(string) toml.Key, a *AppConfig) {
	key := at("certificate_file")
	pair, err := keyfile.Load(a.KeyFiles())
	if err != nil {
		l.problemf(key, "%v", err)
		return
	}
	switch end := pair.Certificates[0].NotAfter; {
	case time.Now().After(end):
		l.warnf(key, "the certificate ended on %s; make a new one and register it on the app", end.Format(time.DateOnly))
	case time.Until(end) < certificateWarning:
		l.warnf(key, "the certificate ends on %s; make a new one and register it on the app", end.Format(time.DateOnly))
	}
	l.warnIfPublic(key, cmp.Or(a.CertificateKeyFile, a.CertificateFile))
	if a.CertificatePasswordFile != "" {
		l.warnIfPublic(at("certificate_password_file"), a.CertificatePasswordFile)
	}
}
