package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Check is one condition of readiness.
type Check struct {
	Name string // "index of support"
	Err  error  // nil: it holds
}

// Options say where a Server has its knowledge from. All functions may be called
// concurrently; Snapshot and Ready wait for nothing but this host.
type Options struct {
	Snapshot func() *Snapshot
	Live     func(context.Context) error   // the self-check
	Ready    func(context.Context) []Check // whether clients can be served
	// Cure says what to do about an error of a mailbox; "" if nothing is known.
	Cure     func(err error, m *Mailbox) string
	Recorder *Recorder
	Logger   *slog.Logger // nil: none
	// AnyHost answers whatever name the client calls this host by. Otherwise only
	// addresses and localhost are taken, so that no page of the web can read it through
	// a browser here (DNS rebinding).
	AnyHost bool
}

// Server serves the page, metrics and health.
type Server struct {
	o       Options
	history history
	live    shared
}

// New makes a Server.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Recorder == nil {
		o.Recorder = &Recorder{}
	}
	return &Server{o: o}
}

// Limits of time. checkLimit is that of a health check: who asks has one too.
const (
	checkLimit  = 5 * time.Second
	checkFresh  = time.Second // an answer serves all who ask within
	headerLimit = 5 * time.Second
	writeLimit  = 30 * time.Second
	idleLimit   = 2 * time.Minute
)

// Run serves on the listeners and draws the curves until ctx ends, and returns when
// all has ended. It closes the listeners. One that fails costs the page, not the mail.
func (s *Server) Run(ctx context.Context, listeners ...net.Listener) {
	hs := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       headerLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	var serving sync.WaitGroup
	for _, ln := range listeners {
		serving.Go(func() {
			if err := hs.Serve(&bounded{Listener: ln}); !errors.Is(err, http.ErrServerClosed) {
				s.o.Logger.Error("status page is not served any more", "addr", ln.Addr().String(), "error", err)
			}
		})
	}
	ticker := time.NewTicker(historyStep)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			s.history.add(s.o.Snapshot())
		}
	}
	_ = hs.Close() // answers take milliseconds: nobody is waited for
	serving.Wait()
}

// Handler serves all paths.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !s.o.AnyHost && !isOwnName(r.Host) {
			http.Error(w, "this address is served under localhost and its number alone", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isOwnName reports whether a Host header is one that no foreign DNS can make.
func isOwnName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	ready, _ := s.ready(r.Context())
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(Metrics(s.o.Snapshot(), ready)) // who asked may be gone
}

// healthz tells whether the process does its work, as the watchdog sees it.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if err := s.live.do(r.Context(), s.o.Live); err != nil {
		plain(w, http.StatusServiceUnavailable, fmt.Sprintf("self-check failed: %v\n", err))
		return
	}
	plain(w, http.StatusOK, "ok\n")
}

// readyz tells whether clients can be served, line by line. Graph may be away: what
// is known here is served, and mail is taken.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ready, checks := s.ready(r.Context())
	var b bytes.Buffer
	for _, c := range checks {
		if c.Err != nil {
			fmt.Fprintf(&b, "FAIL %s: %v\n", c.Name, c.Err)
		} else {
			fmt.Fprintf(&b, "ok   %s\n", c.Name)
		}
	}
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	plain(w, status, b.String())
}

func (s *Server) ready(ctx context.Context) (bool, []Check) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	checks := s.o.Ready(ctx)
	for _, c := range checks {
		if c.Err != nil {
			return false, checks
		}
	}
	return len(checks) > 0, checks
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text)) // who asked may be gone
}

// shared is a check whose answer serves all who ask at about the same time: each one
// logs in and asks the indexes.
type shared struct {
	mu  sync.Mutex // guards the fields below, and is held while the check runs: up to checkLimit
	at  time.Time  // of the last answer
	err error
}

func (s *shared) do(ctx context.Context, check func(context.Context) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) >= checkFresh {
		// Others get the answer too: that the first one left must not spoil it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
		defer cancel()
		s.err, s.at = check(ctx), time.Now()
	}
	return s.err
}
