package bridge

import (
	"crypto/tls"
	"net"
	"net/mail"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// validate checks what concerns more than one value, reads the secrets from
// their files, and fills in what depends on other keys.
func (l *loader) validate(c *Config) {
	l.listeners(c)
	l.smtp(&c.SMTP)
	l.certificate(&c.TLS)
	l.metrics(&c.Metrics)
	for _, kind := range []string{"app", "mailbox", "login"} {
		if _, found := l.prims[kind]; !found {
			l.problemf(toml.Key{kind}, "missing, needed is at least one table [%s.NAME]", kind)
		}
	}
	for _, name := range sortedKeys(c.Apps) {
		l.app(name, c.Apps[name], c.usersAlone(name))
	}
	l.mailboxes(c)
	l.logins(c)
	l.trustedLogins(c)
	for _, p := range l.warnings {
		c.Warnings = append(c.Warnings, p.render(l.file))
	}
}

// listeners demands an address at all, each once, and TLS wherever a password
// could be read on the way. (Where networks are trusted nobody is asked for one.)
func (l *loader) listeners(c *Config) {
	haveTLS := c.TLS.CertFile != "" && c.TLS.KeyFile != ""
	seen := map[Addr]string{}
	once := func(key toml.Key, addrs []Addr) {
		for _, a := range addrs {
			if _, port, _ := net.SplitHostPort(string(a)); port == "0" || port == "" {
				continue // the system's choice is another one each time; "": refused already
			}
			if other, ok := seen[a]; ok {
				l.problemf(key, "found %q, which %s has already; allowed is each address once", a, other)
			}
			seen[a] = key.String()
		}
	}
	for _, p := range []struct {
		name string
		cfg  ListenConfig
	}{{"imap", c.IMAP}, {"smtp", c.SMTP.ListenConfig}} {
		plain, implicit := toml.Key{p.name, "listen"}, toml.Key{p.name, "listen_tls"}
		for _, a := range p.cfg.Listen {
			if a != "" && !a.Loopback() && !haveTLS && !bool(p.cfg.AllowPlaintext) && !(p.name == "smtp" && len(c.SMTP.Trusted) > 0) {
				l.problemf(plain, "found %q without a certificate, allowed are loopback addresses; "+
					"set cert_file and key_file in [tls], listen on 127.0.0.1, or set allow_plaintext = true", a)
			}
		}
		l.plaintextRemark(p.name, p.cfg)
		if len(p.cfg.ListenTLS) > 0 && !haveTLS {
			l.problemf(implicit, "found addresses without a certificate; set cert_file and key_file in [tls]")
		}
		once(plain, p.cfg.Listen)
		once(implicit, p.cfg.ListenTLS)
	}
	once(toml.Key{"metrics", "listen"}, c.Metrics.Listen)
	if len(c.IMAP.Listen)+len(c.IMAP.ListenTLS)+len(c.SMTP.Listen)+len(c.SMTP.ListenTLS) == 0 {
		l.problemf(toml.Key{"imap", "listen"}, "found no address to listen on, neither here nor in [smtp]")
	}
}

func (l *loader) certificate(c *TLSConfig) {
	cert, key := toml.Key{"tls", "cert_file"}, toml.Key{"tls", "key_file"}
	switch {
	case c.CertFile == "" && c.KeyFile == "":
		return
	case c.KeyFile == "":
		l.problemf(key, "missing, needed with cert_file")
		return
	case c.CertFile == "":
		l.problemf(cert, "missing, needed with key_file")
		return
	}
	if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
		l.problemf(cert, "%v; allowed is a PEM certificate with the PEM key of key_file", err)
	}
	l.warnIfPublic(key, c.KeyFile)
}

// warnIfPublic tells of secrets that every user of the host can read. It is no
// error: container runtimes mount secrets that way.
func (l *loader) warnIfPublic(key toml.Key, path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		l.warnf(key, "every user of this host can read %s; chmod o-r it", path)
	}
}

func (l *loader) mailboxes(c *Config) {
	byAddress := map[string]string{}
	for _, name := range sortedKeys(c.Mailboxes) {
		m := c.Mailboxes[name]
		table := toml.Key{"mailbox", name}
		at := func(key string) toml.Key { return append(slices.Clone(table), key) }
		l.name(table)
		if m.Address == "" {
			l.problemf(at("address"), `missing, needed is an address such as "user@example.com"`)
		} else {
			l.address(at("address"), m.Address)
			folded := strings.ToLower(m.Address)
			if other, ok := byAddress[folded]; ok {
				l.problemf(at("address"), "found %q, which mailbox %s has already; several logins may share one mailbox",
					m.Address, other)
			}
			byAddress[folded] = name
		}
		if _, ok := c.Apps[m.App]; !ok {
			l.reference(at("app"), m.App, "app", sortedKeys(c.Apps))
		}
		c.Mailboxes[name] = l.access(at, m, c.Apps[m.App])
		if d := time.Duration(m.IdlePoll); d < time.Second || d > 5*time.Minute {
			l.problemf(at("idle_poll"), `found %q, allowed is "1s" to "5m"`, m.IdlePoll)
		}
		if d := time.Duration(m.Poll); d != 0 && (d < 5*time.Second || d > 24*time.Hour) {
			l.problemf(at("poll"), `found %q, allowed is "5s" to "24h", or "0" for none`, m.Poll)
		}
		l.sendLimits(at, m.SendLimits)
	}
}

func (l *loader) logins(c *Config) {
	byUser := map[string]string{}
	used := map[string]bool{}
	for _, name := range sortedKeys(c.Logins) {
		login := c.Logins[name]
		table := toml.Key{"login", name}
		at := func(key string) toml.Key { return append(slices.Clone(table), key) }
		if login.Username == "" {
			login.Username = name
			c.Logins[name] = login
		}
		if strings.ContainsFunc(login.Username, func(r rune) bool { return r < ' ' || r == 0x7F }) || len(login.Username) > 255 {
			l.problemf(at("username"), "found %q, allowed are up to 255 octets without control characters", login.Username)
		}
		folded := foldUser(login.Username)
		if other, ok := byUser[folded]; ok {
			l.problemf(at("username"), "found %q, which login %s has already; letter case does not count",
				login.Username, other)
		}
		byUser[folded] = name
		if _, found := l.prims[at("password_hash").String()]; !found {
			l.problemf(at("password_hash"), "missing, needed is a hash as 'mail2graph passwd' prints it")
		}
		login = l.loginMailboxes(at, login, c.Mailboxes)
		l.loginRights(at, login)
		c.Logins[name] = login
		for _, mailbox := range append([]string{login.Mailbox}, login.Mailboxes...) {
			used[mailbox] = true
		}
		for _, a := range login.SendAs {
			l.address(at("send_as"), a)
		}
		if c.SMTP.Delivery == DeliveryDirect && login.SentCopy != SentKeep {
			l.problemf(at("sent_copy"), `found %q, allowed with delivery = "direct" is "keep": nobody is there when the copy appears`, login.SentCopy)
		}
	}
	for _, name := range sortedKeys(c.Mailboxes) {
		if !used[name] {
			l.warnf(toml.Key{"mailbox", name}, "no login opens this mailbox")
		}
	}
}

// reference reports a name that no table has.
func (l *loader) reference(key toml.Key, found, kind string, known []string) {
	allowed := strings.Join(known, ", ")
	if allowed == "" {
		allowed = "none yet, write one"
	}
	if found == "" {
		l.problemf(key, "missing, needed is the NAME of a table [%s.NAME]: %s", kind, allowed)
		return
	}
	l.problemf(key, "found %q, allowed is the NAME of a table [%s.NAME]: %s", found, kind, allowed)
}

// name checks a NAME that becomes part of file names and log lines.
func (l *loader) name(table toml.Key) {
	name := table[len(table)-1]
	bad := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-@", r))
	}
	if name == "" || len(name) > 64 || name[0] == '.' || strings.ContainsFunc(name, bad) {
		l.problemf(table, "found the name %q, allowed are 1 to 64 ASCII letters, digits, '.', '_', '-' and '@', not beginning with '.'", name)
	}
}

// address checks the bare form of an e-mail address.
func (l *loader) address(key toml.Key, s string) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		l.problemf(key, `found %q, allowed is an address such as "user@example.com"`, s)
	}
}

// foldUser makes user names equal that differ in letter case alone.
func foldUser(name string) string { return strings.ToLower(name) }
