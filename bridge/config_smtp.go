package bridge

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"mail2graph/bridge/envelope"
)

// SMTPConfig is how mail is taken and sent.
type SMTPConfig struct {
	ListenConfig
	// Delivery says whether messages go through the outbox; default queue.
	Delivery Delivery
	// FirstAttempt is how long a client waits for the outcome of the first attempt
	// before it is told that the message is queued; "0" to "4m", default 20s.
	FirstAttempt Duration
	// QueueLife is how long a message is tried before it is returned to its sender;
	// "1m" to "30d", default 5d.
	QueueLife Duration
	// PerMinute bounds the messages sent from a mailbox in a minute; 0: no bound.
	// Default 30, which is what Exchange Online takes.
	PerMinute Count
	// Trusted are networks whose programs need no password; none by default.
	Trusted []TrustedNetwork
	// TLSMinVersion is that of the SMTP listeners, for devices that are older than
	// other programs; default: that of [tls].
	TLSMinVersion TLSVersion
	SMTPLimits
}

func defaultSMTP() SMTPConfig {
	return SMTPConfig{
		ListenConfig: ListenConfig{Listen: []Addr{"127.0.0.1:1025"}},
		Delivery:     DeliveryQueue,
		FirstAttempt: Duration(20 * time.Second),
		QueueLife:    Duration(5 * 24 * time.Hour),
		PerMinute:    30,
		SMTPLimits:   defaultSMTPLimits(),
	}
}

func (c *SMTPConfig) fields() map[string]any {
	all := map[string]any{
		"delivery":        &c.Delivery,
		"first_attempt":   &c.FirstAttempt,
		"queue_life":      &c.QueueLife,
		"per_minute":      &c.PerMinute,
		"trusted":         &c.Trusted,
		"tls_min_version": &c.TLSMinVersion,
	}
	maps.Copy(all, c.SMTPLimits.fields())
	maps.Copy(all, c.ListenConfig.fields())
	return all
}

func (l *loader) smtp(c *SMTPConfig) {
	if d := time.Duration(c.FirstAttempt); d > 4*time.Minute {
		l.problemf(toml.Key{"smtp", "first_attempt"}, `found %q, allowed is "0" to "4m"`, c.FirstAttempt)
	}
	if d := time.Duration(c.QueueLife); d < time.Minute || d > 30*24*time.Hour {
		l.problemf(toml.Key{"smtp", "queue_life"}, `found %q, allowed is "1m" to "30d"`, c.QueueLife)
	}
	l.smtpLimits(&c.SMTPLimits)
}

// Delivery says what happens to a message between the client and Graph.
type Delivery string

// DeliveryQueue stores it durably before the client is told that it was taken;
// DeliveryDirect sends it while the client waits, who keeps what fails.
const (
	DeliveryQueue  Delivery = "queue"
	DeliveryDirect Delivery = "direct"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Delivery) UnmarshalText(text []byte) error {
	return oneOf(d, text, DeliveryQueue, DeliveryDirect)
}

// HeaderRecipients says what becomes of recipients that only To or Cc name.
type HeaderRecipients string

// HeaderStrict takes them out, HeaderTrust lets them have the message too,
// HeaderReject refuses the message.
const (
	HeaderStrict HeaderRecipients = HeaderRecipients(envelope.Strict)
	HeaderTrust  HeaderRecipients = HeaderRecipients(envelope.Trust)
	HeaderReject HeaderRecipients = HeaderRecipients(envelope.Reject)
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *HeaderRecipients) UnmarshalText(text []byte) error {
	return oneOf(h, text, HeaderStrict, HeaderTrust, HeaderReject)
}

// SentCopy says what becomes of the service's copy of a sent message: SentKeep,
// SentRemove, or the name of the folder it goes to.
type SentCopy string

// SentKeep leaves the copy in Sent Items, SentRemove removes it.
const (
	SentKeep   SentCopy = "keep"
	SentRemove SentCopy = "remove"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *SentCopy) UnmarshalText(text []byte) error {
	if len(text) == 0 || len(text) > 255 || strings.ContainsFunc(string(text), func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf(`found %q, allowed are "keep", "remove" and the name of a folder as IMAP shows it`, text)
	}
	*c = SentCopy(text)
	return nil
}

// LargeSigned says what becomes of a signed or encrypted message that is too large
// to be handed over as it is.
type LargeSigned string

// LargeSignedRefuse refuses S/MIME and OpenPGP, which people rely upon, and sends what
// has only the signature of a server (DKIM) without it: Exchange signs again on the
// way out. LargeSignedStrict refuses DKIM as well. LargeSignedSend sends what is left of
// any of them when it is built anew: a signature that nobody can verify as before.
const (
	LargeSignedRefuse LargeSigned = "refuse"
	LargeSignedStrict LargeSigned = "strict"
	LargeSignedSend   LargeSigned = "send"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *LargeSigned) UnmarshalText(text []byte) error {
	return oneOf(p, text, LargeSignedRefuse, LargeSignedStrict, LargeSignedSend)
}

func (p LargeSigned) keepsSigned() bool { return p != LargeSignedSend }
func (p LargeSigned) keepsDKIM() bool   { return p == LargeSignedStrict }

// SendLimits are what the tenant takes from a mailbox.
type SendLimits struct {
	// MaxRecipients is how many recipients one submission may have, 1 to 1000; a
	// message to more goes out in parts. Default 500, which every tenant takes.
	MaxRecipients Count
	// MaxMessageSize is the size of a message, up to 150 MiB, the default.
	MaxMessageSize Size
}

func defaultSendLimits() SendLimits { return SendLimits{MaxRecipients: 500, MaxMessageSize: 150 << 20} }

func (l *loader) sendLimits(at func(string) toml.Key, c SendLimits) {
	if c.MaxRecipients < 1 || c.MaxRecipients > 1000 {
		l.problemf(at("max_recipients"), `found %d, allowed is 1 to 1000`, c.MaxRecipients)
	}
	if c.MaxMessageSize < 64<<10 || c.MaxMessageSize > 150<<20 {
		l.problemf(at("max_message_size"), `found %d octets, allowed is "64KiB" to "150MiB"`, c.MaxMessageSize)
	}
}

// LargestMessage is the largest MaxMessageSize of all mailboxes.
func (c *Config) LargestMessage() (largest int64) {
	for _, m := range c.Mailboxes {
		largest = max(largest, int64(m.MaxMessageSize))
	}
	return largest
}

// Switch is on or off.
type Switch bool

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "true":
		*s = true
	case "false":
		*s = false
	default:
		return fmt.Errorf("found %q, allowed are true and false", text)
	}
	return nil
}

// Count is a number of things, 0 to a million.
type Count int

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Count) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 || n > 1_000_000 {
		return fmt.Errorf("found %q, allowed is a number from 0 to 1000000", text)
	}
	*c = Count(n)
	return nil
}
