package smtpsrv

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mail2graph/bridge"

	"github.com/emersion/go-smtp"
)

// Account is what a login may do here; *bridge.Account satisfies it.
type Account interface {
	// MaySend reports whether an address ("" is the null sender) may be the
	// envelope sender.
	MaySend(address string) bool
	// MaxSize is the size in octets up to which it may send.
	MaxSize() int64
	// MaxRecipients is how many recipients one message may have; 0: any number.
	MaxRecipients() int
	// Domain completes addresses without one; "": they stay so.
	Domain() string
	// Send returns when the message for exactly the recipients of env is accepted by
	// the service, or stored to be sent later; after an error it is neither.
	Send(ctx context.Context, env bridge.Submission, msg *io.SectionReader) (bridge.Receipt, error)
}

var _ Account = (*bridge.Account)(nil)

// Options configure a Server. Only Login is needed.
type Options struct {
	// Login checks a password; remote is the peer's "host:port". bridge.ErrAuth
	// refuses, any other error says that it cannot be told now. It may be called
	// concurrently and decides itself how long a refusal takes.
	Login func(ctx context.Context, user, password, remote string) (Account, error)

	// AllowPlain says whether a client at this address may send its password without
	// TLS. Default: addresses of this host itself.
	AllowPlain func(remote net.Addr) bool

	// Trusted returns the account of a peer who needs no password because of his
	// address, and the name of its login; bridge.ErrAuth: he does. nil: all do.
	Trusted func(ctx context.Context, remote string) (Account, string, error)

	// DSN says that accounts heed what RFC 3461 adds to an envelope; only then it is
	// offered.
	DSN bool

	Hostname  string       // in the greeting; default "localhost"
	Logger    *slog.Logger // default: nothing is logged
	TLSConfig *tls.Config  // for STARTTLS; nil: not offered

	// SpoolDir takes messages of more than a few hundred KiB while they arrive; the
	// files have no name there. "": they stay in memory.
	SpoolDir string

	MaxSize        int64         // octets of a message, announced by SIZE; default 150 MiB
	MaxRecipients  int           // of a message; default 1000
	MaxConnections int           // at once, over all listeners; default 200
	IdleTimeout    time.Duration // between two octets from the client; default 5m (RFC 5321 §4.5.3.2)
	LoginTimeout   time.Duration // from the start to a successful AUTH; default 5m
	SendTimeout    time.Duration // for the service to accept a message; default 5m
	// StopTimeout is how long a message that the service is just taking holds up
	// the end of Serve; default 8s.
	StopTimeout time.Duration

	Limits Limits
}

// maxLineLength bounds commands and AUTH answers (RFC 4954 §4: 12288 octets).
// Lines of message text have no limit: programs send HTML on one line.
const maxLineLength = 16 << 10

// Server serves SMTP on any number of listeners.
type Server struct {
	o     Options
	slots chan struct{} // one for each connection

	figures figures
	number  atomic.Uint64 // of the last connection, for the log

	addresses, logins      tally
	addressPace, loginPace pace
}

// New makes a Server; o.Login must be set.
func New(o Options) *Server {
	o.Hostname = cmp.Or(o.Hostname, "localhost")
	if o.AllowPlain == nil {
		o.AllowPlain = isLocal
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.MaxSize = cmp.Or(o.MaxSize, 150<<20)
	o.MaxRecipients = cmp.Or(o.MaxRecipients, 1000)
	o.MaxConnections = cmp.Or(o.MaxConnections, 200)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 5*time.Minute)
	o.LoginTimeout = cmp.Or(o.LoginTimeout, 5*time.Minute)
	o.SendTimeout = cmp.Or(o.SendTimeout, 5*time.Minute)
	o.StopTimeout = cmp.Or(o.StopTimeout, 8*time.Second)
	return &Server{
		o: o, slots: make(chan struct{}, o.MaxConnections),
		addresses: tally{limit: o.Limits.AddressConnections}, logins: tally{limit: o.Limits.LoginConnections},
		addressPace: pace{limit: o.Limits.AddressRate}, loginPace: pace{limit: o.Limits.LoginRate},
	}
}

// Serve accepts connections until ctx ends and returns nil when the last of
// them has ended. Listeners of tls.NewListener begin with TLS. Idle clients are sent
// away with 421 (RFC 5321 §3.8); messages that the service is taking are waited
// for up to StopTimeout. It closes ln. An error is the listener's.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	// What runs goes on for a while after ctx, and is then told to stop.
	life, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	var conns sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()

	err := s.accept(ctx, ln, func(nc net.Conn) {
		conns.Go(func() {
			defer func() {
				s.addresses.leave(hostKey(nc.RemoteAddr().String()))
				<-s.slots
			}()
			s.serveConn(ctx, life, nc)
		})
	})
	_ = ln.Close()
	if ctx.Err() != nil {
		timer := time.AfterFunc(s.o.StopTimeout, kill)
		defer timer.Stop()
		conns.Wait()
		return nil
	}
	kill()
	conns.Wait()
	return err
}

// accept hands each connection that there is room for to start, until ctx or ln ends.
func (s *Server) accept(ctx context.Context, ln net.Listener, start func(net.Conn)) error {
	pause := 5 * time.Millisecond
	for {
		nc, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return err
			}
			// Mostly too many open files: the others go on.
			s.o.Logger.Error("connection not accepted", "proto", "smtp", "error", err)
			pause = min(2*pause, time.Second)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
			continue
		}
		pause = 5 * time.Millisecond
		remote := nc.RemoteAddr().String()
		if !s.addresses.enter(hostKey(remote)) {
			s.o.Logger.Warn("too many connections from one address", "proto", "smtp", "remote", remote)
			s.figures.accepted(false)
			turnAway(nc, "421 4.7.0 Too many connections from your address, try again later")
			continue
		}
		select {
		case s.slots <- struct{}{}:
			s.figures.accepted(true)
			start(nc)
		default:
			s.figures.accepted(false)
			s.addresses.leave(hostKey(remote))
			s.o.Logger.Warn("too many connections", "proto", "smtp", "remote", remote)
			turnAway(nc, "421 4.3.2 Too many connections, try again later")
		}
	}
}

// turnAway refuses a connection; where TLS comes first there is no way to say why.
func turnAway(nc net.Conn, reply string) {
	if _, ok := nc.(*tls.Conn); !ok {
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(nc, reply+"\r\n")
	}
	_ = nc.Close()
}

// serveConn serves one connection to its end: in one conversation, or in two
// when the client says STARTTLS.
func (s *Server) serveConn(stop, life context.Context, nc net.Conn) {
	defer nc.Close()
	log := s.o.Logger.With("proto", "smtp", "conn", s.number.Add(1), "remote", nc.RemoteAddr().String())
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	// The end of life cuts what still runs.
	defer context.AfterFunc(life, func() { _ = nc.Close() })()

	c := &conn{
		Conn:     nc,
		log:      log,
		idle:     s.o.IdleTimeout,
		loginBy:  time.Now().Add(s.o.LoginTimeout),
		startTLS: s.o.TLSConfig != nil,
		dsn:      s.o.DSN,
	}
	if tc, ok := nc.(*tls.Conn); ok {
		if !s.handshake(ctx, tc, log) {
			return
		}
		c.startTLS, c.secure = false, true
	}
	defer context.AfterFunc(stop, c.stop)()
	s.converse(ctx, c)
	if !c.upgrade {
		return
	}

	tc := tls.Server(nc, s.o.TLSConfig)
	if !s.handshake(ctx, tc, log) {
		return
	}
	// RFC 3207 §4.2: nothing of the first conversation counts any more. The client
	// speaks first in the second one.
	second := &conn{Conn: tc, log: log, idle: c.idle, loginBy: c.loginBy, secure: true, mute: true, dsn: c.dsn}
	defer context.AfterFunc(stop, second.stop)()
	s.converse(ctx, second)
	_ = tc.Close()
}

func (s *Server) handshake(ctx context.Context, tc *tls.Conn, log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		log.Info("TLS handshake failed", "error", err)
		return false
	}
	return true
}

// converse runs go-smtp on c until one of the two has enough.
func (s *Server) converse(ctx context.Context, c *conn) {
	sess := &session{ctx: ctx, srv: s, o: &s.o, conn: c, log: c.log, figures: &s.figures}
	defer sess.end()
	c.sess = sess
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return sess, nil }))
	srv.Domain = s.o.Hostname
	srv.MaxRecipients = s.o.MaxRecipients
	srv.MaxMessageBytes = s.o.MaxSize
	srv.MaxLineLength = maxLineLength
	srv.EnableSMTPUTF8, srv.EnableBINARYMIME, srv.EnableDSN = true, true, c.dsn // conn and session carry them out
	srv.AllowInsecureAuth = true                                                // session.AuthMechanisms decides
	srv.ErrorLog = errorLog{c.log}
	if c.startTLS {
		srv.TLSConfig = s.o.TLSConfig // announces STARTTLS; conn carries it out
	}
	_ = srv.Serve(&oneConn{c: c})          // returns at once: there is no second connection
	_ = srv.Shutdown(context.Background()) // waits for the first
}

// errorLog is go-smtp's log. A connection that breaks is everyday life, a panic
// is not.
type errorLog struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (l errorLog) Printf(format string, args ...any) {
	level := slog.LevelError
	if strings.HasPrefix(format, "error handling ") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, fmt.Sprintf(format, args...))
}

// Println implements smtp.Logger.
func (l errorLog) Println(args ...any) { l.log.Error(fmt.Sprint(args...)) }

// oneConn is a listener for a single connection.
type oneConn struct{ c net.Conn }

// Accept implements net.Listener.
func (l *oneConn) Accept() (net.Conn, error) {
	if l.c == nil {
		return nil, io.EOF
	}
	c := l.c
	l.c = nil
	return c, nil
}

// Close implements net.Listener.
func (l *oneConn) Close() error { return nil }

// Addr implements net.Listener.
func (l *oneConn) Addr() net.Addr { return nil }
