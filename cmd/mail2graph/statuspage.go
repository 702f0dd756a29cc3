package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/keyfile"
	"mail2graph/bridge/outbox"
	"mail2graph/cmd/mail2graph/internal/doctor"
	"mail2graph/cmd/mail2graph/internal/status"
	"mail2graph/graphstore"
)

// watching is what a service tells of itself over HTTP.
type watching struct {
	counter  status.Counter
	recorder *status.Recorder // before the handler of the log; nil: nothing is recorded
	doors    []net.Listener
	started  time.Time
	expiries expiries

	// mu guards what follows.
	mu    sync.Mutex
	cfg   *bridge.Config // in force
	phase phase
}

// phase is where a service is in its life.
type phase string

const (
	phaseStarting phase = ""
	phaseServing  phase = "serving"
	phaseStopping phase = "stopping"
)

func (w *watching) set(p phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase = p
}

func (w *watching) configure(cfg *bridge.Config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cfg = cfg
}

// listenWeb opens the addresses of [metrics], unless the service manager did.
func (s *service) listenWeb(ctx context.Context, cfg *bridge.Config) error {
	s.watching.started = time.Now()
	s.watching.configure(cfg)
	if len(s.watching.doors) > 0 {
		return nil
	}
	var config net.ListenConfig
	for _, a := range cfg.Metrics.Listen {
		ln, err := config.Listen(ctx, "tcp", string(a))
		if err != nil {
			return fmt.Errorf("metrics: %w; %s", err, doctor.ListenCure(err))
		}
		s.watching.doors = append(s.watching.doors, ln)
	}
	return nil
}

// statusServer is what serves the open addresses.
func (s *service) statusServer(cfg *bridge.Config) *status.Server {
	return status.New(status.Options{
		Snapshot: s.snapshot, Live: s.selfCheck, Ready: s.ready, Cure: mailboxCure,
		Recorder: s.watching.recorder, Logger: s.log.With("part", "metrics"), AnyHost: bool(cfg.Metrics.AllowRemote),
	})
}

func mailboxCure(err error, m *status.Mailbox) string {
	return doctor.Cure(err, m.Name, m.Address, m.User)
}

// ready tells whether clients can be served: not whether Graph can.
func (s *service) ready(ctx context.Context) []status.Check {
	s.watching.mu.Lock()
	phase := s.watching.phase
	s.watching.mu.Unlock()
	var down error
	switch phase {
	case phaseStarting:
		down = errors.New("the service is starting")
	case phaseStopping:
		down = errors.New("the service is stopping")
	}
	var checks []status.Check
	for _, d := range s.doors {
		checks = append(checks, status.Check{Name: fmt.Sprintf("listening %s %s", d.proto, d.ln.Addr()), Err: down})
	}
	return append(checks, status.Check{Name: "indexes readable", Err: s.bridge.Ping(ctx)})
}

// snapshot gathers what page and metrics show.
func (s *service) snapshot() *status.Snapshot {
	w := &s.watching
	w.mu.Lock()
	cfg := w.cfg
	w.mu.Unlock()
	out := &status.Snapshot{
		Now: time.Now(), Started: w.started, Version: buildVersion(),
		IMAP: s.imap.Stats(), SMTP: s.smtp.Stats(), Logins: s.bridge.LoginCounts(), Graph: w.counter.Traffic(),
	}
	if free, err := outbox.FreeSpace(cfg.StateDir); err == nil || errors.Is(err, outbox.ErrNoInodes) {
		out.DiskFree, out.NoInodes = &free, err != nil
	}
	if w.recorder != nil {
		out.Warnings, out.Errors = w.recorder.Counts()
	}
	if s.probe != nil {
		delete(out.IMAP.Sessions, s.probe.user) // it would have another name after each start
	}
	for _, d := range s.doors {
		out.Listeners = append(out.Listeners, status.Listener{Protocol: d.proto, Addr: d.ln.Addr().String(), TLS: d.secure})
	}
	if cert := s.certs.current.Load(); cert != nil {
		out.Certificate = leafEnd(cert.Leaf, cert.Certificate)
	}
	for name, ends := range w.expiries.of(cfg) {
		if token, ok := s.graph.token(name, ""); ok {
			out.Apps = append(out.Apps, status.App{Name: name, Token: token, Credential: ends.kind, Expires: ends.at})
		}
	}
	slices.SortFunc(out.Apps, func(a, b status.App) int { return strings.Compare(a.Name, b.Name) })
	for _, st := range s.bridge.Status() {
		m := status.Mailbox{MailboxStatus: st, App: cfg.Mailboxes[st.Name].App}
		if c := cfg.Mailboxes[st.Name]; c.Access == bridge.AccessUser {
			m.User = c.User
		}
		m.Load = s.graph.load(st.Name)
		m.Token, _ = s.graph.token(m.App, st.Name)
		out.Mailboxes = append(out.Mailboxes, m)
	}
	return out
}

// leafEnd is when a certificate ends.
func leafEnd(leaf *x509.Certificate, chain [][]byte) time.Time {
	if leaf == nil && len(chain) > 0 {
		leaf, _ = x509.ParseCertificate(chain[0])
	}
	if leaf == nil {
		return time.Time{}
	}
	return leaf.NotAfter
}

// expiries remembers for a minute when credentials end: their files are read for it.
type expiries struct {
	// mu guards what follows.
	mu    sync.Mutex
	at    time.Time
	cfg   *bridge.Config
	known map[string]expiry // by app
}

// expiry is a credential and its end, as far as that is known.
type expiry struct {
	kind string
	at   time.Time
}

func (x *expiries) of(cfg *bridge.Config) map[string]expiry {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cfg == cfg && time.Since(x.at) < time.Minute {
		return x.known
	}
	x.at, x.cfg, x.known = time.Now(), cfg, map[string]expiry{}
	for name, a := range cfg.Apps {
		x.known[name] = credentialEnd(a)
	}
	return x.known
}

func credentialEnd(a bridge.AppConfig) expiry {
	switch a.Credential() {
	case bridge.CredentialCertificate:
		e := expiry{kind: "certificate"}
		if pair, err := keyfile.Load(a.KeyFiles()); err == nil { // else the token source says why not
			e.at = pair.Certificates[0].NotAfter
		}
		return e
	case bridge.CredentialFederated:
		return expiry{kind: "federated token"}
	case bridge.CredentialManaged:
		return expiry{kind: "managed identity"}
	}
	return expiry{kind: "client secret", at: a.ClientSecretExpires.Time}
}

// token is that of an app, or of a mailbox on behalf of a user, which has its own.
func (c *clients) token(app, mailbox string) (graphstore.TokenState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	client := c.users[mailbox]
	if client == nil {
		client = c.apps[app]
	}
	if client == nil {
		return graphstore.TokenState{}, false
	}
	return client.Token(), true
}

// load is that of a mailbox.
func (c *clients) load(mailbox string) graphstore.Load {
	c.mu.Lock()
	defer c.mu.Unlock()
	if store := c.stores[mailbox]; store != nil {
		return store.Load()
	}
	return graphstore.Load{}
}
