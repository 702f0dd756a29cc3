package imapsrv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"mail2graph/imapsrv/wire"
)

// Server serves IMAP on any number of listeners.
type Server struct {
	opts  Options
	known func(command string) bool // is one of ours

	mu     sync.Mutex // guards all below
	last   uint64     // number of the last connection
	live   int
	away   uint64         // connections turned away
	quiet  int            // live connections that are not counted
	hushed uint64         // those so far
	logins map[string]int // live connections by account

	strangers waiting // before login

	done doneCount
}

// New returns a Server; opts.Login is required.
func New(opts Options) *Server {
	known := func(command string) bool {
		_, ok := commands[command]
		return ok
	}
	opts = opts.withDefaults()
	return &Server{known: known, opts: opts, logins: make(map[string]int), done: doneCount{n: map[Done]uint64{}}, strangers: waiting{limit: opts.MaxStrangersPerAddress}}
}

// Serve accepts connections until ctx ends, and returns nil once all of them
// have ended: idle ones are told BYE at once, running commands get StopTimeout.
// It closes l; when somebody else does, the connections of l are ended as well
// and the error is returned. Connections of a tls.Listener are secure from the
// start.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	unhook := context.AfterFunc(ctx, func() { l.Close() })
	defer unhook()
	defer l.Close()

	var pause time.Duration
	for {
		nc, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				nc.Close()
			}
			return nil
		}
		if err == nil {
			pause = 0
			conns.Go(func() { s.serveConn(ctx, nc) })
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept on %v: %w", l.Addr(), err)
		}
		// Out of descriptors, most likely: connections that end help.
		pause = min(max(2*pause, 10*time.Millisecond), time.Second)
		s.opts.Logger.Error("connection not accepted", "listener", l.Addr(), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// ServeTLS is Serve on a listener whose connections begin with TLS (RFC 8314);
// Options.TLSConfig must be set.
func (s *Server) ServeTLS(ctx context.Context, l net.Listener) error {
	if s.opts.TLSConfig == nil {
		l.Close()
		return errors.New("serve TLS: no certificate")
	}
	return s.Serve(ctx, tls.NewListener(l, s.opts.TLSConfig))
}

// serveConn serves one connection and closes it. When ctx ends, commands that
// run have StopTimeout to end by themselves, then their context is cancelled,
// and after as long again the connection is cut.
func (s *Server) serveConn(ctx context.Context, nc net.Conn) {
	defer nc.Close()
	uncounted := s.opts.Uncounted(nc.RemoteAddr())
	number, ok := s.enter(uncounted)
	defer s.leave(uncounted)
	log := s.opts.Logger.With("conn", number, "remote", nc.RemoteAddr().String())
	st := newStream(nc, s.opts.TransferTimeout, s.opts.WriteTimeout)

	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended, stopped := make(chan struct{}), make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(stopped)
		st.interrupt()
		for _, step := range []func(){cancel, func() { nc.Close() }} {
			select {
			case <-time.After(s.opts.StopTimeout):
				step()
			case <-ended:
				return
			}
		}
	})
	defer func() {
		close(ended)
		if !unhook() {
			<-stopped
		}
	}()

	if !ok {
		log.Warn("too many connections", "limit", s.opts.MaxConnections)
		s.turnAway(nc, st)
		return
	}
	known, ok := s.strangers.enter(nc.RemoteAddr())
	if !ok {
		log.Warn("too many connections without a login from one address", "limit", s.opts.MaxStrangersPerAddress)
		s.turnAway(nc, st)
		return
	}
	defer known()
	s.converse(work, nc, st, log, known)
}

// converse makes the connection ready and runs its commands; known is called with the
// first login.
func (s *Server) converse(ctx context.Context, nc net.Conn, st *stream, log *slog.Logger, known func()) {
	c := &conn{srv: s, opts: &s.opts, log: log, net: st, remote: nc.RemoteAddr(), opened: time.Now(), known: known}
	if tc, ok := nc.(*tls.Conn); ok {
		// A client that connects and stays silent must not hold a connection for ever.
		limited, cancel := context.WithTimeout(ctx, s.opts.TransferTimeout)
		err := tc.HandshakeContext(limited)
		cancel()
		if err != nil {
			log.Info("TLS handshake failed", "error", err)
			return
		}
		c.secure = true
	}
	log.Debug("connected", "tls", c.secure)
	c.attach(st)
	defer c.cleanUp()
	c.run(ctx)
	log.Debug("disconnected")
}

// turnAway tells a client in the clear why it is not served.
func (s *Server) turnAway(nc net.Conn, st *stream) {
	if _, ok := nc.(*tls.Conn); ok {
		return
	}
	w := wire.NewWriter(st)
	w.Untagged(wire.BYE, wire.CodeLimit, "Too many connections")
	w.Flush()
}

func (s *Server) enter(uncounted bool) (number uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.live++
	if uncounted {
		s.quiet++
		s.hushed++
	}
	if s.live > s.opts.MaxConnections {
		s.away++
		return s.last, false
	}
	return s.last, true
}

func (s *Server) leave(uncounted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live--
	if uncounted {
		s.quiet--
	}
}

// enterLogin counts a connection of an account, unless it has too many.
func (s *Server) enterLogin(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logins[name] >= s.opts.MaxConnectionsPerLogin {
		return false
	}
	s.logins[name]++
	return true
}

func (s *Server) leaveLogin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logins[name]--; s.logins[name] == 0 {
		delete(s.logins, name)
	}
}
