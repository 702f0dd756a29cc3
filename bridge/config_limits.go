package bridge

import (
	"crypto/tls"
	"encoding"
	"net/netip"

	"github.com/BurntSushi/toml"
)

// SMTPLimits keep one program, or one host, from taking what all need; 0 is no limit.
// Those of an address do not hold for programs on this host.
type SMTPLimits struct {
	MaxRecipients Count // of a message, announced by LIMITS; 1 to 10000, default 1000

	MaxConnections     Count // at once; 1 to 10000, default 200
	AddressConnections Count // at once from one address; default 50
	LoginConnections   Count // at once of one login; default 0
	AddressRate        Count // messages a minute from one address; default 600
	LoginRate          Count // messages a minute of one login; default 0
}

func defaultSMTPLimits() SMTPLimits {
	return SMTPLimits{MaxRecipients: 1000, MaxConnections: 200, AddressConnections: 50, AddressRate: 600}
}

func (c *SMTPLimits) fields() map[string]any {
	return map[string]any{
		"max_recipients":      &c.MaxRecipients,
		"max_connections":     &c.MaxConnections,
		"address_connections": &c.AddressConnections,
		"login_connections":   &c.LoginConnections,
		"address_rate":        &c.AddressRate,
		"login_rate":          &c.LoginRate,
	}
}

func (l *loader) smtpLimits(c *SMTPLimits) {
	for key, n := range map[string]Count{"max_recipients": c.MaxRecipients, "max_connections": c.MaxConnections} {
		if n < 1 || n > 10_000 {
			l.problemf(toml.Key{"smtp", key}, `found %d, allowed is 1 to 10000`, n)
		}
	}
}

// TrustedNetwork is where programs may come from that cannot log in, and the login
// that they then have.
type TrustedNetwork struct {
	Network Network
	Login   string // NAME of the [login.NAME] table
}

// trusted takes the table [smtp.trusted].
func (l *loader) trusted(key toml.Key, v any, dst *[]TrustedNetwork) {
	table, ok := v.(map[string]any)
	if !ok {
		l.problemf(key, `found %s, allowed is a table [smtp.trusted] with lines such as "10.0.0.5/32" = "scanner"`, kindOf(v))
		return
	}
	*dst = nil
	seen := map[Network]string{}
	for _, name := range sortedKeys(table) {
		login, ok := table[name].(string)
		var n Network
		switch err := n.UnmarshalText([]byte(name)); {
		case err != nil:
			l.problemf(key, "%v", err)
		case !ok:
			l.problemf(key, "%s: found %s, allowed is the NAME of a table [login.NAME]", name, kindOf(table[name]))
		case seen[n] != "":
			l.problemf(key, "found %q, which is the same as %q", name, seen[n])
		default:
			seen[n] = name
			*dst = append(*dst, TrustedNetwork{n, login})
		}
	}
}

// trustedLogins checks [smtp.trusted] against the logins. So large a network that it
// holds strangers would make this host a relay for everybody.
func (l *loader) trustedLogins(c *Config) {
	key := toml.Key{"smtp", "trusted"}
	for _, t := range c.SMTP.Trusted {
		p := netip.Prefix(t.Network)
		if p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 32 {
			l.problemf(key, "found %s, allowed are networks of /8 (IPv6: /32) or smaller: all in it send without a password", t.Network)
		}
		login, known := c.Logins[t.Login]
		switch {
		case !known:
			l.reference(key, t.Login, "login", sortedKeys(c.Logins))
		case !login.Speaks(SMTP):
			l.problemf(key, "found %s = %q, but that login may not speak SMTP", t.Network, t.Login)
		case login.AllowFrom != nil && !allWithin(p, login.AllowFrom):
			l.problemf(key, "found %s = %q, but that login may not come from all of it (allow_from)", t.Network, t.Login)
		}
	}
}

func allWithin(p netip.Prefix, networks []Network) bool {
	for _, n := range networks {
		if q := netip.Prefix(n); q.Bits() <= p.Bits() && q.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// TLSVersion is the oldest version of TLS that a client may speak.
type TLSVersion string

var _ encoding.TextUnmarshaler = (*TLSVersion)(nil)

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *TLSVersion) UnmarshalText(text []byte) error {
	return oneOf(v, text, "1.0", "1.1", "1.2", "1.3")
}

// Number is the version as crypto/tls counts it; 1.2 for "".
func (v TLSVersion) Number() uint16 {
	switch v {
	case "1.0":
		return tls.VersionTLS10
	case "1.1":
		return tls.VersionTLS11
	case "1.3":
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}
