package imapsrv

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"mail2graph/bridge"
)

// Options configure a Server. Login is required; zero values of the others get
// the defaults.
type Options struct {
	// Login checks a password and opens the account: (*bridge.Bridge).Login for
	// bridge.IMAP. remote is the client's address, "ip:port". Slowing down
	// those who guess is its affair.
	Login func(ctx context.Context, user, password, remote string) (*bridge.Account, error)
	// Logger gets everything; default: nothing is logged.
	Logger *slog.Logger
	// TLSConfig is for STARTTLS and ServeTLS; nil: STARTTLS is not offered.
	TLSConfig *tls.Config
	// AllowPlain says whether a client at this address may send its password
	// without TLS. Default: addresses of this host itself.
	AllowPlain func(remote net.Addr) bool
	// Uncounted tells connections that Stats leave out, such as those of a self-check;
	// nil: none.
	Uncounted func(remote net.Addr) bool
	// Zone is that of INTERNALDATE and SAVEDATE, and of the days that SEARCH asks for
	// by them; default: the host's.
	Zone *time.Location
	// Version is told to clients that ask with ID; "" tells the name alone.
	Version string

	MaxConnections         int // of all listeners; 500
	MaxConnectionsPerLogin int // 100
	MaxStrangersPerAddress int // connections without a login from one address of another host; 50
	MaxLine                int // octets of a command without literals; 64 KiB
	MaxLiteral             int64
	MaxAppend              int64 // octets of a message; 150 MiB

	IdleTimeout      time.Duration // without a command after login; 30 min (RFC 3501 §5.4), not less
	LoginTimeout     time.Duration // without a command before login; 1 min
	TransferTimeout  time.Duration // for a command line, a piece of a literal, a TLS handshake to arrive; 1 min
	WriteTimeout     time.Duration // for a buffer to be taken by the client; 2 min
	CommandTimeout   time.Duration // for a call of the bridge without progress; 2 min
	SyncTimeout      time.Duration // for news of a folder whose last state is known; 15 s
	ProgressInterval time.Duration // between "* OK" lines while a command takes long; 10 s
	KeepAlive        time.Duration // between "* OK" lines while IDLE; 2 min
	StopTimeout      time.Duration // for running commands to end when the server stops; 5 s
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.AllowPlain == nil {
		o.AllowPlain = isLocal
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Uncounted == nil {
		o.Uncounted = func(net.Addr) bool { return false }
	}
	count := func(p *int, d int) {
		if *p <= 0 {
			*p = d
		}
	}
	count(&o.MaxConnections, 500)
	count(&o.MaxConnectionsPerLogin, 100)
	count(&o.MaxStrangersPerAddress, 50)
	count(&o.MaxLine, 64<<10)
	if o.MaxLiteral <= 0 {
		o.MaxLiteral = 64 << 10
	}
	if o.MaxAppend <= 0 {
		o.MaxAppend = 150 << 20
	}
	limit := func(p *time.Duration, d time.Duration) {
		if *p <= 0 {
			*p = d
		}
	}
	limit(&o.IdleTimeout, 30*time.Minute)
	limit(&o.LoginTimeout, time.Minute)
	limit(&o.TransferTimeout, time.Minute)
	limit(&o.WriteTimeout, 2*time.Minute)
	limit(&o.CommandTimeout, 2*time.Minute)
	limit(&o.SyncTimeout, 15*time.Second)
	limit(&o.ProgressInterval, 10*time.Second)
	limit(&o.KeepAlive, 2*time.Minute)
	limit(&o.StopTimeout, 5*time.Second)
	return o
}

// isLocal reports whether what comes from addr has not left this host.
func isLocal(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case nil:
		return false
	}
	return addr.Network() == "unix" || addr.Network() == "pipe"
}
