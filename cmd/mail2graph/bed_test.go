package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// bed is the whole bridge over a simulator that a test holds in its hands. The
// test fails on a request that the simulator does not model or that Microsoft's
// description of the API does not allow.
type bed struct {
	t    *testing.T
	sim  *graphsim.Running
	box  *graphsim.Mailbox
	cfg  *bridge.Config
	log  *screen
	imap string // address
	smtp string
	stop func()
}

const (
	bedUser     = "user@example.com"
	bedPassword = "correct horse"
)

// newBed starts a bridge for one mailbox.
func newBed(t *testing.T) *bed {
	t.Helper()
	sim := graphsim.NewTest(t, graphsim.Options{Seed: 1})
	box, err := sim.AddMailbox(bedUser, graphsim.MailboxOptions{DisplayName: "User"})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, sim: sim, box: box}
	b.app(graphsim.App{})
	cfg, cleanup, err := demoConfig(demoOptions{imap: "127.0.0.1:0", smtp: "127.0.0.1:0", state: t.TempDir()}, sim.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cleanup)
	hash, err := bridge.HashPassword(bedPassword)
	if err != nil {
		t.Fatal(err)
	}
	m := cfg.Mailboxes["demo"]
	m.Address, m.IdlePoll, m.Poll = bedUser, bridge.Duration(time.Second), 0
	cfg.Mailboxes["demo"] = m
	cfg.Logins = map[string]bridge.LoginConfig{"u": {
		Username: bedUser, PasswordHash: bridge.PasswordHash(hash), Mailbox: "demo",
	}}
	cfg.SMTP.FirstAttempt = bridge.Duration(2 * time.Second)
	b.cfg = cfg
	return b
}

// app registers the bridge's app anew, with what a test wants to be different.
func (b *bed) app(a graphsim.App) {
	a.Tenant, a.ClientID = demoTenant, demoClient
	if a.Secret == "" {
		a.Secret = demoSecret
	}
	if a.Roles == nil {
		a.Roles = []string{"Mail.ReadWrite", "Mail.Send"}
	}
	b.sim.AddApp(a)
}

// start runs the bridge until stop, or the end of the test.
func (b *bed) start() *bed {
	b.t.Helper()
	b.log = newScreen()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := newService(ctx, b.cfg, slog.New(slog.NewTextHandler(b.log, nil)), b.sim.CAPEM)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, d := range s.doors {
		if d.proto == "imap" {
			b.imap = d.ln.Addr().String()
		} else {
			b.smtp = d.ln.Addr().String()
		}
	}
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	b.stop = func() {
		b.stop = func() {}
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("the bridge ended with: %v", err)
		}
	}
	b.t.Cleanup(func() { b.stop() })
	return b
}

// fill delivers n small messages, one minute apart, in order.
func (b *bed) fill(n int) {
	b.t.Helper()
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		if _, err := b.box.Deliver(bedMail(i), graphsim.DeliverOptions{Received: base.Add(time.Duration(i) * time.Minute)}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func bedMail(i int) []byte {
	return fmt.Appendf(nil, "From: Sender %d <s%d@example.org>\r\nTo: %s\r\nSubject: number %d\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"+
		"Message-ID: <%d@example.org>\r\nX-Serial: %d\r\n\r\nThis is message %d.\r\n%s\r\n", i, i, bedUser, i, i, i, i, bytes.Repeat([]byte("x"), i%700))
}

// requests returns how many requests Graph saw since the last call.
func (b *bed) requests() int {
	n := b.sim.Count()
	b.sim.ResetLog()
	return n
}

// session is a plain IMAP connection: what a test says is what is sent.
type session struct {
	*imapTalk
	t *testing.T
}

func (b *bed) login() *session {
	b.t.Helper()
	s := b.connect()
	s.ok("LOGIN %s %q", bedUser, bedPassword)
	return s
}

func (b *bed) connect() *session {
	b.t.Helper()
	talk, err := dialTalk(b.imap)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { talk.conn.Close() })
	return &session{talk, b.t}
}

// cmd runs a command and returns its answer: untagged lines and the tagged one.
func (s *session) cmd(format string, args ...any) answer {
	s.t.Helper()
	a, err := s.imapTalk.cmd(fmt.Sprintf(format, args...))
	if err != nil {
		s.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
	return a
}

// ok is cmd that must succeed.
func (s *session) ok(format string, args ...any) answer {
	s.t.Helper()
	a := s.cmd(format, args...)
	if !strings.HasPrefix(a.status, "OK") {
		s.t.Fatalf("%s: %s", fmt.Sprintf(format, args...), a.status)
	}
	return a
}

// no is cmd that must be refused with a response code.
func (s *session) no(code, format string, args ...any) {
	s.t.Helper()
	a := s.cmd(format, args...)
	if !strings.HasPrefix(a.status, "NO ["+code+"]") {
		s.t.Errorf("%s: %s, want NO [%s]", fmt.Sprintf(format, args...), a.status, code)
	}
}
