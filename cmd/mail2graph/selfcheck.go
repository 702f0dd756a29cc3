package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
)

// probe is the client of the self-check: it logs in at this process's own IMAP
// server over a connection that does not leave the process, with a password that
// nobody else knows.
type probe struct {
	user, password string
	hash           bridge.PasswordHash
	door           *pipeListener
}

func newProbe() (*probe, error) {
	p := &probe{user: "self-check " + rand.Text(), password: rand.Text(), door: newPipeListener()}
	hash, err := bridge.HashPassword(p.password)
	p.hash = bridge.PasswordHash(hash)
	return p, err
}

// admit returns cfg with a login for the probe, which opens the first of the
// mailboxes that usable accepts.
func (p *probe) admit(cfg *bridge.Config, usable func(mailbox string) bool) *bridge.Config {
	out := *cfg
	out.Logins = maps.Clone(cfg.Logins)
	if out.Logins == nil {
		out.Logins = map[string]bridge.LoginConfig{}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Mailboxes)) {
		if usable(name) {
			out.Logins[p.user] = bridge.LoginConfig{Username: p.user, PasswordHash: p.hash, Mailbox: name}
			break
		}
	}
	return &out
}

// selfCheck logs in, and asks every index. It does not ask the service: Graph may
// be away while this process is well.
func (s *service) selfCheck(ctx context.Context) error {
	if err := s.bridge.Ping(ctx); err != nil {
		return fmt.Errorf("ask the index: %w", err)
	}
	if err := s.probe.logIn(ctx); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// logIn speaks IMAP (RFC 9051 §6.2.3). A server that says it is full is alive.
func (p *probe) logIn(ctx context.Context) error {
	conn, err := p.door.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r := bufio.NewReader(conn)
	greeting, err := r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if strings.HasPrefix(greeting, "* BYE [LIMIT]") {
		return nil
	}
	if _, err := fmt.Fprintf(conn, "a LOGIN %q %q\r\n", p.user, p.password); err != nil {
		return err
	}
	for {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "a OK"), strings.HasPrefix(line, "a NO [LIMIT]"):
			return nil
		case strings.HasPrefix(line, "a "):
			return fmt.Errorf("the answer is %q", strings.TrimSpace(line))
		}
	}
}

// pipeListener is a listener within the process.
type pipeListener struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), ended: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

// Addr implements net.Listener; it is that of net.Pipe.
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

// isProbe tells the self-check's connections from those of programs.
func isProbe(remote net.Addr) bool { return remote.Network() == pipeAddr{}.Network() }

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.ended:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// watch sends alive twice in each interval, as long as check succeeds, until ctx
// ends. A check that hangs is as bad as one that fails.
func watch(ctx context.Context, interval time.Duration, check func(context.Context) error, alive func(), log *slog.Logger) {
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, interval/2)
		err := check(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("self-check failed", "error", err)
		default:
			alive()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// calm drops what the self-check's own connections log below a warning: they come
// for ever.
type calm struct{ slog.Handler }

// WithAttrs implements slog.Handler.
func (h calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := h.Handler.WithAttrs(attrs)
	for _, a := range attrs {
		if a.Key == "remote" && a.Value.Resolve().String() == (pipeAddr{}).String() {
			return warnings{next}
		}
	}
	return calm{next}
}

// WithGroup implements slog.Handler.
func (h calm) WithGroup(name string) slog.Handler { return calm{h.Handler.WithGroup(name)} }

type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h warnings) WithGroup(name string) slog.Handler { return warnings{h.Handler.WithGroup(name)} }
