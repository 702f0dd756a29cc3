package bridge

import (
	"encoding"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The types below check themselves: UnmarshalText takes what a configuration
// file says, and its error tells what was found and what is allowed.

// Secret is a text that must not be seen. It prints as <secret> in every verb
// of fmt, in logs, in errors and in JSON; string(s) is the only way to it.
type Secret string

const hidden = "<secret>"

// String implements fmt.Stringer.
func (Secret) String() string { return hidden }

// Format implements fmt.Formatter: without it, a wrong verb (%d) would show the text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler, which encoding/json uses too.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return fmt.Errorf("found an empty text")
	}
	*s = Secret(text)
	return nil
}

// oneOf sets dst to text if it is among allowed.
func oneOf[T ~string](dst *T, text []byte, allowed ...T) error {
	for _, a := range allowed {
		if string(text) == string(a) {
			*dst = a
			return nil
		}
	}
	quoted := make([]string, len(allowed))
	for i, a := range allowed {
		quoted[i] = strconv.Quote(string(a))
	}
	last := len(quoted) - 1
	return fmt.Errorf("found %q, allowed are %s and %s", text, strings.Join(quoted[:last], ", "), quoted[last])
}

// Level is the least severe level that is logged.
type Level string

// The levels: protocol lines and requests; starts, logins and state; what was
// retried; what a person must look at.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	return oneOf(l, text, LevelDebug, LevelInfo, LevelWarn, LevelError)
}

// Slog returns the level as log/slog counts it.
func (l Level) Slog() slog.Level {
	switch l {
	case LevelDebug:
		return slog.LevelDebug
	case LevelWarn:
		return slog.LevelWarn
	case LevelError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// LogFormat is the form of a log line.
type LogFormat string

// FormatText is key=value for people, FormatJSON one object a line for programs,
// FormatJournald the journal of systemd with a field for each attribute. FormatAuto
// is the journal where standard error leads to it, else text.
const (
	FormatAuto     LogFormat = "auto"
	FormatText     LogFormat = "text"
	FormatJSON     LogFormat = "json"
	FormatJournald LogFormat = "journald"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *LogFormat) UnmarshalText(text []byte) error {
	return oneOf(f, text, FormatAuto, FormatText, FormatJSON, FormatJournald)
}

// LogAddresses says how e-mail addresses stand in log lines.
type LogAddresses string

// AddressesFull shows them, AddressesHashed the same word for the same address,
// AddressesNone nothing of them.
const (
	AddressesFull   LogAddresses = "full"
	AddressesHashed LogAddresses = "hashed"
	AddressesNone   LogAddresses = "none"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *LogAddresses) UnmarshalText(text []byte) error {
	return oneOf(a, text, AddressesFull, AddressesHashed, AddressesNone)
}

// Cloud is one of Microsoft's separate clouds.
type Cloud string

// The clouds (Graph: "National cloud deployments"): GCC belongs to the global
// one, usgov is GCC High (L4), usgov-dod is L5, china is run by 21Vianet.
const (
	CloudGlobal   Cloud = "global"
	CloudUSGov    Cloud = "usgov"
	CloudUSGovDoD Cloud = "usgov-dod"
	CloudChina    Cloud = "china"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Cloud) UnmarshalText(text []byte) error {
	return oneOf(c, text, CloudGlobal, CloudUSGov, CloudUSGovDoD, CloudChina)
}

// Access says in whose name a mailbox is opened.
type Access string

// AccessApplication is the application by itself; AccessUser is the application
// on behalf of a user who has signed in.
const (
	AccessApplication Access = "application"
	AccessUser        Access = "on-behalf-of-user"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Access) UnmarshalText(text []byte) error {
	return oneOf(a, text, AccessApplication, AccessUser)
}

// ExpungePolicy says what becomes of a message that a client expunges.
type ExpungePolicy string

// ExpungeTrash moves it to Deleted Items, ExpungeDelete deletes it so that it
// stays recoverable, ExpungePermanent purges it.
const (
	ExpungeTrash     ExpungePolicy = "trash"
	ExpungeDelete    ExpungePolicy = "delete"
	ExpungePermanent ExpungePolicy = "permanent"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *ExpungePolicy) UnmarshalText(text []byte) error {
	return oneOf(p, text, ExpungeTrash, ExpungeDelete, ExpungePermanent)
}

// SizePolicy says what RFC822.SIZE is before a message's text was read.
type SizePolicy string

// SizesEstimate answers at once with a size that does not fall short;
// SizesExact reads the text first.
const (
	SizesEstimate SizePolicy = "estimate"
	SizesExact    SizePolicy = "exact"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *SizePolicy) UnmarshalText(text []byte) error {
	return oneOf(p, text, SizesEstimate, SizesExact)
}

// HeaderPolicy says where header fields come from before a message's text was read.
type HeaderPolicy string

// HeadersFast takes them from what the service lists, without Content-* and
// MIME-Version; HeadersExact reads the text first.
const (
	HeadersFast  HeaderPolicy = "fast"
	HeadersExact HeaderPolicy = "exact"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *HeaderPolicy) UnmarshalText(text []byte) error {
	return oneOf(p, text, HeadersFast, HeadersExact)
}

// SearchPolicy says how BODY and TEXT of SEARCH are answered.
type SearchPolicy string

// SearchExact reads the text of all messages in question; SearchFast only of those
// that the service's own search finds, or could not.
const (
	SearchExact SearchPolicy = "exact"
	SearchFast  SearchPolicy = "fast"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *SearchPolicy) UnmarshalText(text []byte) error {
	return oneOf(p, text, SearchExact, SearchFast)
}

// AppendPolicy says what becomes of a message that a client files and that would
// lose its structure when it is built anew: signed, encrypted, a report.
type AppendPolicy string

// AppendRebuild builds it anew, with the signed or encrypted part as an attachment;
// AppendDraft files it as it is, but as a draft, for ever.
const (
	AppendRebuild AppendPolicy = "rebuild"
	AppendDraft   AppendPolicy = "draft"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *AppendPolicy) UnmarshalText(text []byte) error {
	return oneOf(p, text, AppendRebuild, AppendDraft)
}

// Duration is a span of time as "5s", "1m30s", "2h" or "5d"; "0" is none.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		v = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || v < 0 {
		return fmt.Errorf(`found %q, allowed is a duration such as "5s", "1m30s", "2h" or "5d"`, text)
	}
	*d = Duration(v)
	return nil
}

// String implements fmt.Stringer: the shortest form, "1m" and not "1m0s".
func (d Duration) String() string {
	if day := Duration(24 * time.Hour); d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-len("0s")]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-len("0m")]
	}
	return s
}

// Size is a number of octets: "2GiB", "500MB", "65536", "0".
type Size int64

var sizeUnits = []struct {
	suffix string
	factor float64
}{ // those that end in another one's suffix come first
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(string(text), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(n >= 0) || n*u.factor >= math.MaxInt64 {
			break
		}
		*s = Size(n * u.factor)
		return nil
	}
	return fmt.Errorf(`found %q, allowed is a size such as "2GiB", "500MB" or "0"`, text)
}

// Addr is an address to listen on: "127.0.0.1:1143", "[::1]:993", ":143" for
// all interfaces; port 0 lets the system choose.
type Addr string

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Addr) UnmarshalText(text []byte) error {
	host, port, err := net.SplitHostPort(string(text))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || !validHost(host) {
		return fmt.Errorf(`found %q, allowed is "host:port" such as "127.0.0.1:1143", "[::1]:1143" or ":143"`, text)
	}
	*a = Addr(text)
	return nil
}

// validHost takes an IP address, a host name, or nothing.
func validHost(host string) bool {
	if host == "" {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for _, r := range host {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && r != '-' && r != '.' && r != '_' {
			return false
		}
	}
	return true
}

// Loopback reports whether only programs on this host can reach the address.
func (a Addr) Loopback() bool {
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Endpoint is the base of a web service: "https://host" or "https://host:port".
type Endpoint string

// UnmarshalText implements encoding.TextUnmarshaler. A single slash at the end is dropped.
func (e *Endpoint) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		found := string(text)
		if err == nil {
			found = u.Redacted() // of a password in it
		}
		return fmt.Errorf(`found %q, allowed is "https://host" or "https://host:port" without a path`, found)
	}
	*e = Endpoint("https://" + u.Host)
	return nil
}

// ProxyURL is an HTTP proxy that takes CONNECT: "http://host:port", or https.
type ProxyURL string

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *ProxyURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err == nil && u.User != nil {
		return fmt.Errorf("found a proxy with a user name; set it by HTTPS_PROXY in the environment instead, and leave this key out")
	}
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return fmt.Errorf(`found something else than the URL of a proxy, allowed is "http://host:port"`)
	}
	*p = ProxyURL(u.Scheme + "://" + u.Host)
	return nil
}

// PasswordHash is a bcrypt or argon2id hash that CheckPassword understands.
type PasswordHash string

// UnmarshalText implements encoding.TextUnmarshaler. The error does not repeat
// the text: somebody may have written a password there.
func (h *PasswordHash) UnmarshalText(text []byte) error {
	if err := validHash(string(text)); err != nil {
		return fmt.Errorf("found %w, allowed is a bcrypt or argon2id hash as 'mail2graph passwd' prints it", err)
	}
	*h = PasswordHash(text)
	return nil
}

// Hashes are kept out of logs like the passwords they stand for.

// Format implements fmt.Formatter.
func (PasswordHash) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue implements slog.LogValuer.
func (PasswordHash) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler.
func (PasswordHash) MarshalText() ([]byte, error) { return []byte(hidden), nil }

var (
	_ encoding.TextUnmarshaler = (*Secret)(nil)
	_ encoding.TextUnmarshaler = (*Level)(nil)
	_ encoding.TextUnmarshaler = (*LogFormat)(nil)
	_ encoding.TextUnmarshaler = (*Cloud)(nil)
	_ encoding.TextUnmarshaler = (*Access)(nil)
	_ encoding.TextUnmarshaler = (*ExpungePolicy)(nil)
	_ encoding.TextUnmarshaler = (*SizePolicy)(nil)
	_ encoding.TextUnmarshaler = (*Duration)(nil)
	_ encoding.TextUnmarshaler = (*Size)(nil)
	_ encoding.TextUnmarshaler = (*Addr)(nil)
	_ encoding.TextUnmarshaler = (*Endpoint)(nil)
	_ encoding.TextUnmarshaler = (*ProxyURL)(nil)
	_ encoding.TextUnmarshaler = (*PasswordHash)(nil)
)
