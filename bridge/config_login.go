package bridge

import (
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Protocol) UnmarshalText(text []byte) error { return oneOf(p, text, IMAP, SMTP) }

// Speaks reports whether the login may use a protocol.
func (c *LoginConfig) Speaks(p Protocol) bool {
	switch {
	case bool(c.ReadOnly) && p != IMAP, bool(c.SendOnly) && p != SMTP:
		return false
	}
	return len(c.Protocols) == 0 || slices.Contains(c.Protocols, p)
}

// loginMailboxes checks which mailboxes a login opens, and puts the first, its own, into
// Mailbox and the others into Mailboxes.
func (l *loader) loginMailboxes(at func(string) toml.Key, login LoginConfig, mailboxes map[string]MailboxConfig) LoginConfig {
	list := login.Mailboxes
	if login.Mailbox != "" || len(list) == 0 {
		list = append([]string{login.Mailbox}, list...)
	}
	seen := map[string]bool{}
	for i, name := range list {
		key := at("mailboxes")
		if i == 0 && login.Mailbox == name {
			key = at("mailbox")
		}
		if _, ok := mailboxes[name]; !ok {
			l.reference(key, name, "mailbox", sortedKeys(mailboxes))
		} else if seen[name] {
			l.problemf(key, "found %q twice, allowed is each mailbox once", name)
		}
		seen[name] = true
	}
	login.Mailbox, login.Mailboxes = list[0], slices.Clone(list[1:])
	return login
}

// loginRights refuses rights that leave nothing, or that contradict each other.
func (l *loader) loginRights(at func(string) toml.Key, login LoginConfig) {
	switch {
	case bool(login.ReadOnly && login.SendOnly):
		l.problemf(at("read_only"), "found true, and send_only too: such a login could do nothing; allowed is one of them")
	case bool(login.ReadOnly) && slices.Contains(login.Protocols, SMTP):
		l.problemf(at("protocols"), `found "smtp" for a login with read_only, which sends nothing; allowed is ["imap"]`)
	case bool(login.SendOnly) && slices.Contains(login.Protocols, IMAP):
		l.problemf(at("protocols"), `found "imap" for a login with send_only, which reads nothing; allowed is ["smtp"]`)
	}
	if _, given := l.prims[at("protocols").String()]; given && len(login.Protocols) == 0 {
		l.problemf(at("protocols"), `found an empty list, allowed are "imap" and "smtp"; to switch a login off take its table out`)
	}
	if _, given := l.prims[at("allow_from").String()]; given && len(login.AllowFrom) == 0 {
		l.problemf(at("allow_from"), "found an empty list, which nobody is in; leave the key out to allow every address")
	}
}

// plaintextRemark tells where passwords are readable on the way, as the operator wants it.
func (l *loader) plaintextRemark(proto string, c ListenConfig) {
	var open []string
	for _, a := range c.Listen {
		if a != "" && !a.Loopback() {
			open = append(open, string(a))
		}
	}
	if len(open) > 0 && bool(c.AllowPlaintext) {
		l.warnf(toml.Key{proto, "allow_plaintext"}, "passwords and mail cross the network readable for others at %s", strings.Join(open, ", "))
	}
}
