package main

import (
	"net/smtp"
	"path/filepath"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/outbox"
	"mail2graph/graphstore/graphsim"
)

// TestPlainReasons gives the service and the client their reasons to fail: the
// client gets NO with the cure in plain words, the operator's log one line with
// Graph's code and request id, and the connection stays.
func TestPlainReasons(t *testing.T) {
	tests := []struct {
		name    string
		spoil   func(b *bed)
		code    string // response code of SELECT
		text    string // in its text
		log     []string
		smtp    string // what submission answers
		lockout bool   // the login itself fails
	}{
		{"wrong password", nil, "", "", []string{"login refused"}, "", true},
		{"unknown mailbox", func(b *bed) { b.box.SetState(graphsim.StateInvalid) },
			"NONEXISTENT", "licen", []string{"ErrorInvalidUser", "request"}, "550 5.1.1", false},
		{"on-premises mailbox", func(b *bed) { b.box.SetState(graphsim.StateOnPremises) },
			"NONEXISTENT", "mailbox", []string{"MailboxNotEnabledForRESTAPI", "request"}, "550 5.1.1", false},
		{"denied mailbox", func(b *bed) { b.app(graphsim.App{AllowMailboxes: []string{"other@example.com"}}) },
			"NOPERM", "", []string{"ErrorAccessDenied", "request"}, "550 5.7.1", false},
		{"expired secret", func(b *bed) { b.app(graphsim.App{SecretExpired: true}) },
			"UNAVAILABLE", "operator", []string{"AADSTS7000222"}, queued, false},
		{"wrong secret", func(b *bed) { b.app(graphsim.App{Secret: "another"}) },
			"UNAVAILABLE", "operator", []string{"AADSTS7000215"}, queued, false},
		{"throttled for long", func(b *bed) {
			b.sim.AddFault(graphsim.Fault{Status: 429, Code: "ApplicationThrottled", RetryAfter: "900"})
		}, "UNAVAILABLE", "", []string{"ApplicationThrottled", "request"}, queued, false},
		{"gateway errors in HTML", func(b *bed) {
			b.sim.AddFault(graphsim.Fault{Status: 502, HTML: true})
		}, "UNAVAILABLE", "", []string{"502"}, queued, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			if tt.spoil != nil {
				tt.spoil(b)
			}
			b.start()
			s := b.connect()
			if tt.lockout {
				s.no("AUTHENTICATIONFAILED", "LOGIN %s wrong", bedUser)
				s.ok("LOGIN %s %q", bedUser, bedPassword)
				s.ok("SELECT INBOX")
			} else {
				s.ok("LOGIN %s %q", bedUser, bedPassword) // cached mail stays readable whatever Graph says
				a := s.cmd("SELECT INBOX")
				if !strings.HasPrefix(a.status, "NO ["+tt.code+"]") || !strings.Contains(a.status, tt.text) {
					t.Errorf("SELECT: %s; want NO [%s] with %q", a.status, tt.code, tt.text)
				}
				for _, secret := range []string{demoSecret, "Trace ID", "AADSTS", "https://"} {
					if strings.Contains(a.status, secret) {
						t.Errorf("the client is told %q: %s", secret, a.status)
					}
				}
			}
			s.ok("NOOP")
			for _, want := range tt.log {
				if !strings.Contains(b.log.String(), want) {
					t.Errorf("the log lacks %q:\n%s", want, b.log)
				}
			}
			if strings.Contains(b.log.String(), demoSecret) || strings.Contains(b.log.String(), bedPassword) {
				t.Errorf("the log has a secret:\n%s", b.log)
			}
			if tt.smtp != "" {
				err := smtp.SendMail(b.smtp, smtp.PlainAuth("", bedUser, bedPassword, "127.0.0.1"), bedUser,
					[]string{"x@example.org"}, []byte("From: "+bedUser+"\r\nTo: x@example.org\r\n\r\nhi\r\n"))
				if tt.smtp == queued {
					if err != nil {
						t.Errorf("submission: %v, want it to be queued", err)
					}
					b.waits(1)
				} else if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), `"`, ""), tt.smtp) { // textproto quotes
					t.Errorf("submission: %v, want %s", err, tt.smtp)
				}
			}
		})
	}
}

// queued stands for a submission that is accepted and stays in the outbox.
const queued = "queued"

// waits checks how many messages wait in the outbox.
func (b *bed) waits(want int) {
	b.t.Helper()
	n := 0
	if _, err := outbox.List(filepath.Join(b.cfg.StateDir, bridge.OutboxDir), func(r *outbox.Record) error {
		n++
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	if n != want {
		b.t.Errorf("%d messages wait in the outbox, want %d", n, want)
	}
}

// TestExpiryInBetween lets the credentials fail after mail was read: what is
// known goes on being served.
func TestExpiryInBetween(t *testing.T) {
	b := newBed(t)
	b.fill(3)
	b.start()
	s := b.login()
	s.ok("SELECT INBOX")
	s.ok("FETCH 1 (BODY.PEEK[])")
	b.app(graphsim.App{SecretExpired: true})
	b.sim.RevokeTokens(demoTenant, demoClient)
	other := b.login()
	for range 3 {
		if a := other.ok("SELECT INBOX"); len(a.with("3 EXISTS")) == 0 {
			t.Errorf("SELECT without credentials: %v", a.lines)
		}
		if a := other.ok("FETCH 1 (FLAGS BODY.PEEK[])"); len(a.with("This is message 0")) == 0 {
			t.Errorf("FETCH from the cache without credentials: %v", a.lines)
		}
		other.no("UNAVAILABLE", "FETCH 2 (BODY.PEEK[])")
		other.no("UNAVAILABLE", `STORE 1 +FLAGS (\Seen)`)
	}
	b.app(graphsim.App{})
}
