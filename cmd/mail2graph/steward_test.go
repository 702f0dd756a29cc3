package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/logging"
	"mail2graph/cmd/mail2graph/internal/systemd"
)

func TestWatch(t *testing.T) {
	for _, tc := range []struct {
		name  string
		check func(ctx context.Context) error
		want  int // within ten intervals
	}{
		{"well", func(context.Context) error { return nil }, 20},
		{"fails", func(context.Context) error { return errors.New("index away") }, 0},
		{"hangs", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newScreen()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute-time.Second)
				defer cancel()
				n := 0
				watch(ctx, time.Minute, tc.check, func() { n++ }, slog.New(slog.NewTextHandler(log, nil)))
				if n != tc.want {
					t.Errorf("%d signs of life, want %d", n, tc.want)
				}
				if said := strings.Contains(log.String(), "self-check failed"); said != (tc.want == 0) {
					t.Errorf("the log: %s", log)
				}
			})
		})
	}
}

// TestSelfCheck: it works without Graph, and finds an index that is closed and a
// server that does not let it in.
func TestSelfCheck(t *testing.T) {
	b := newBed(t)
	p, err := newProbe()
	if err != nil {
		t.Fatal(err)
	}
	log := newScreen()
	s := &service{log: slog.New(calm{slog.NewTextHandler(log, nil)}), probe: p}
	cfg := p.admit(b.cfg, func(string) bool { return true })
	if len(b.cfg.Logins) != 1 || len(cfg.Logins) != 2 {
		t.Fatalf("%d logins became %d", len(b.cfg.Logins), len(cfg.Logins))
	}
	if err := s.start(t.Context(), cfg, b.sim.CAPEM); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	running := make(chan struct{})
	s.started = func() { close(running) }
	go func() { done <- s.run(ctx) }()
	<-running
	b.sim.Close() // Graph is away
	for range 3 {
		if err := s.selfCheck(ctx); err != nil {
			t.Errorf("self-check: %v", err)
		}
	}
	if strings.Contains(log.String(), "logged in") {
		t.Errorf("the log has the self-check:\n%s", log)
	}
	s.bridge.SetLogins(b.cfg)
	if err := s.selfCheck(ctx); err == nil || !strings.Contains(err.Error(), "log in") {
		t.Errorf("without its login: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.selfCheck(t.Context()); err == nil {
		t.Error("the self-check finds a closed service well")
	}
}

// TestEarlyReload: a signal that comes while the service starts neither ends it nor is lost.
func TestEarlyReload(t *testing.T) {
	h := newHouse(t)
	h.write()
	cfg, err := bridge.LoadConfig(h.path())
	if err != nil {
		t.Fatal(err)
	}
	log := newScreen()
	handler, levels, err := logging.New(cfg.Log, log)
	if err != nil {
		t.Fatal(err)
	}
	v, err := newSteward(t.Context(), cfg, h.path(), levels, nil, slog.New(handler))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(syscall.SIGHUP)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.run(ctx) }()
	log.await(t, "a reload", func(text string) bool { return strings.Contains(text, "configuration reloaded") })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFixedChanges(t *testing.T) {
	base := func() *bridge.Config {
		c := bridge.Defaults()
		c.Apps = map[string]bridge.AppConfig{"a": {ClientSecret: "x"}, "b": {}}
		c.Mailboxes = map[string]bridge.MailboxConfig{"m": {Address: "m@x"}}
		c.Logins = map[string]bridge.LoginConfig{"l": {}}
		return c
	}
	for _, tc := range []struct {
		name   string
		change func(c *bridge.Config)
		want   []string
	}{
		{"nothing", func(*bridge.Config) {}, nil},
		{"what a reload applies", func(c *bridge.Config) {
			c.Logins = nil
			c.Log.Level = bridge.LevelDebug
			c.TLS.CertFile = "x"
			c.Warnings = []string{"x"}
		}, nil},
		{"format of the log", func(c *bridge.Config) { c.Log.Format = bridge.FormatJSON }, []string{"[log]"}},
		{"state", func(c *bridge.Config) { c.StateDir = "/x" }, []string{"state_dir"}},
		{"addresses", func(c *bridge.Config) { c.IMAP.Listen = nil }, []string{"[imap]"}},
		{"apps", func(c *bridge.Config) {
			delete(c.Apps, "b")
			c.Apps["a"] = bridge.AppConfig{ClientSecret: "y"}
			c.Apps["c"] = bridge.AppConfig{}
		}, []string{"[app.a]", "[app.b]", "[app.c]"}},
		{"mailbox", func(c *bridge.Config) { c.Mailboxes["n"] = bridge.MailboxConfig{} }, []string{"[mailbox.n]"}},
	} {
		now := base()
		tc.change(now)
		if got := fixedChanges(base(), now); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestOutdatedSessions: whoever is shut out by a reload is named while he is still there.
func TestOutdatedSessions(t *testing.T) {
	as := func(hash bridge.PasswordHash) bridge.LoginConfig {
		return bridge.LoginConfig{PasswordHash: hash, Mailbox: "box", Protocols: []bridge.Protocol{bridge.IMAP}}
	}
	old := map[string]bridge.LoginConfig{"gone": as("1"), "gone and away": as("1"), "new password": as("1"), "same": as("1")}
	now := map[string]bridge.LoginConfig{"new password": as("2"), "same": as("1"), "added": as("1")}
	imap, smtp := map[string]int{"gone": 2, "new password": 1, "same": 3, "added": 1}, map[string]int{"gone": 1}
	if got := strings.Join(outdatedSessions(old, now, imap, smtp), ", "); got != "gone (3), new password (1)" {
		t.Errorf("outdated: %q", got)
	}
	if got := outdatedSessions(old, old, imap, smtp); len(got) > 0 {
		t.Errorf("without a change: %q", got)
	}
}

func TestAdoptNeedsACertificate(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{sockets: []systemd.Socket{{Name: "imaps", Listener: ln}}}
	if err := s.adopt(nil); err == nil || !strings.Contains(err.Error(), "cert_file") {
		t.Errorf("TLS without a certificate: %v", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the socket is still open")
	}
}

func TestServiceUnits(t *testing.T) {
	dir := t.TempDir()
	install := func(args ...string) (int, string, string) {
		return runWith(strings.NewReader(""), append([]string{"service", "install", "--dir", dir, "--binary", "/usr/bin/mail2graph"}, args...)...)
	}
	code, out, errText := install("--sockets")
	if code != 0 || !strings.Contains(out, "systemctl enable --now mail2graph-imap.socket mail2graph-imaps.socket mail2graph-smtp.socket mail2graph-smtps.socket mail2graph.service\n") {
		t.Fatalf("status %d: %s%s", code, out, errText)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 5 {
		t.Errorf("files: %v, %v", entries, err)
	}
	if code, _, _ := install("--sockets"); code != 0 {
		t.Errorf("the same again: status %d", code)
	}
	before, err := os.ReadFile(filepath.Join(dir, "mail2graph.service"))
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errText := install("--user", "mail"); code != 1 || !strings.Contains(errText, "--force") {
		t.Errorf("another one: status %d: %s", code, errText)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "mail2graph.service")); err != nil || string(after) != string(before) {
		t.Errorf("a refused install changed the file: %v", err)
	}
	if code, _, _ := install("--user", "mail", "--force"); code != 0 {
		t.Errorf("with --force: status %d", code)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "mail2graph.service")); err != nil || !strings.Contains(string(after), "\nUser=mail\n") {
		t.Errorf("with --force: %v\n%s", err, after)
	}
	dir = filepath.Join(dir, "missing")
	if code, _, errText := install(); code != 1 || !strings.Contains(errText, "run it as root, or give --dir") {
		t.Errorf("where nothing can be written: status %d: %s", code, errText)
	}
}
