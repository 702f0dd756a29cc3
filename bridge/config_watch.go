package bridge

import (
	"fmt"
	"time"

	"github.com/BurntSushi/toml"
)

// MetricsConfig is where the status page, metrics and health are served.
type MetricsConfig struct {
	// Listen are addresses for HTTP; default none. The page has no password, so
	// addresses other than loopback need AllowRemote.
	Listen      []Addr
	AllowRemote Switch // default false
}

func (c *MetricsConfig) fields() map[string]any {
	return map[string]any{"listen": &c.Listen, "allow_remote": &c.AllowRemote}
}

// LogLevels are the levels of parts that differ from that of the rest; "" is the
// rest's.
type LogLevels struct {
	IMAP, SMTP Level // conversations with mail programs
	Graph      Level // requests, tokens
	Sync       Level // what the mailboxes do by themselves
	Outbox     Level // messages to be sent
}

func (c *LogLevels) fields() map[string]any {
	return map[string]any{"imap": &c.IMAP, "smtp": &c.SMTP, "graph": &c.Graph, "sync": &c.Sync, "outbox": &c.Outbox}
}

// Of returns the level of a part as a logger names it, or "".
func (c LogLevels) Of(part string) Level {
	if l, ok := c.fields()[part].(*Level); ok {
		return *l
	}
	return ""
}

// metrics keeps what has no password on this host.
func (l *loader) metrics(c *MetricsConfig) {
	for _, a := range c.Listen {
		if a != "" && !a.Loopback() && !bool(c.AllowRemote) {
			l.problemf(toml.Key{"metrics", "listen"}, "found %q, allowed are loopback addresses: whoever reaches the status page may read it; "+
				"listen on 127.0.0.1, or set allow_remote = true where a firewall decides who does", a)
		}
	}
}

// Date is a day, "2027-03-01"; the zero Date is none.
type Date struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf(`found %q, allowed is a day such as "2027-03-01"`, text)
	}
	d.Time = t
	return nil
}
