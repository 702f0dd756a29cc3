package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestSenderRules: every sender that a message names belongs to the login, and the
// service sees those that were checked.
func TestSenderRules(t *testing.T) {
	for _, tc := range []struct {
		name, from, head string
		refused          string // the field and the address
		sees             string
	}{
		{"own", "user@example.com", "From: user@example.com", "", ""},
		{"an address as a name", "user@example.com", `From: "boss@example.com" <user@example.com>`, "", ""},
		{"an address as a name without quotes", "user@example.com", "From: boss@example.com <user@example.com>", "", `From: "boss@example.com" <user@example.com>`},
		{"a name that would be read as an address", "user@example.com", "From: <user@example.com> boss@example.com", "From <boss@example.com>", ""},
		{"two, one foreign", "user@example.com", "From: user@example.com, boss@example.com", "From <boss@example.com>", ""},
		{"two own", "user@example.com", "From: user@example.com, team@example.com", "", "Sender: user@example.com"},
		{"a group", "user@example.com", "From: us: user@example.com, boss@example.com;", "From <boss@example.com>", ""},
		{"a group of its own", "user@example.com", "From: us: user@example.com;", "", "From: user@example.com"},
		{"no domain", "", "From: user", "", "From: user@example.com"},
		{"no domain, foreign", "", "From: root", "From <root>", ""},
		{"null sender, foreign From", "", "From: boss@example.com", "From <boss@example.com>", ""},
		{"null sender, no From", "", "X: y", "", "From: user@example.com"},
		{"foreign Sender", "user@example.com", "From: user@example.com\r\nSender: boss@example.com", "Sender <boss@example.com>", ""},
		{"foreign envelope", "boss@example.com", "From: user@example.com", "MAIL FROM <boss@example.com>", ""},
		{"second From", "user@example.com", "From: user@example.com\r\nfrom : boss@example.com", "From <boss@example.com>", ""},
		{"folded", "user@example.com", "From:\r\n\tuser@example.com,\r\n boss@example.com", "From <boss@example.com>", ""},
		{"international domain", "int@xn--bcher-kva.example", "From: int@xn--bcher-kva.example", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, storetest.Options{SendAs: []string{"team@example.com", "int@xn--bcher-kva.example"}}, bridge.MailboxOptions{}, func(r *rig) {
				a := bridge.NewAccount("login", r.Mailbox, "user@example.com", "team@example.com", "int@bücher.example")
				msg := tc.head + "\r\nTo: x@example.org\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <a@b>\r\n\r\nhi\r\n"
				_, err := a.Send(r.ctx(), letterFrom(tc.from, "x@example.org"), section(msg))
				got := ""
				if s, ok := errors.AsType[*bridge.SenderError](err); ok && errors.Is(err, bridge.ErrDenied) {
					got, err = s.Field+" <"+s.Address+">", nil
				}
				if got != tc.refused || err != nil {
					r.t.Fatalf("refused %q, %v, want %q", got, err, tc.refused)
				}
				sent := r.store.Sent()
				if tc.refused != "" {
					if len(sent) != 0 {
						r.t.Error("it was sent")
					}
					return
				}
				if head := string(sent[0].MIME); !strings.Contains(head, tc.sees) {
					r.t.Errorf("no %q in %q", tc.sees, head)
				}
			})
		})
	}
}

// TestPathOfSender: a message goes by the mailbox of its author where the same
// application reaches it, and lies in the Sent Items there.
func TestPathOfSender(t *testing.T) {
	relayBubble(t, storetest.Options{SendAs: []string{"boss@example.com"}}, nil, func(r *relay) {
		r.stop()
		boss := storetest.NewMemory(storetest.Options{Address: "boss@example.com", SendAs: []string{"user@example.com"}})
		far := storetest.NewMemory(storetest.Options{Address: "far@example.com"})
		r.others = map[string]bridge.Store{"boss": boss, "far": far}
		for name, app := range map[string]string{"box": "app", "boss": "app", "far": "another"} {
			m := r.cfg.Mailboxes["box"]
			if m.App = app; name != "box" {
				m.Address = name + "@example.com"
			}
			r.cfg.Mailboxes[name] = m
		}
		stores := map[string]*storetest.Memory{"": r.store, "boss": boss}
		login := r.cfg.Logins["u"]
		login.SendAs = []string{"Boss@example.com", "far@example.com"}
		r.cfg.Logins["u"] = login
		r.start(r.store)
		for _, tc := range []struct{ from, header, by string }{
			{"boss@example.com", "From: boss@example.com", "boss"},
			{"user@example.com", "From: The Boss <BOSS@example.com>", "boss"},
			{"user@example.com", "From: user@example.com", ""},
			{"user@example.com", "From: boss@example.com\r\nSender: user@example.com", ""},
			{"user@example.com", "From: user@example.com\r\nSender: boss@example.com", "boss"},
		} {
			before := len(stores[tc.by].Sent())
			if _, err := r.account.Send(r.t.Context(), letterFrom(tc.from, "x@example.org"), section(tc.header+"\r\nTo: x@example.org\r\n\r\nhi\r\n")); err != nil {
				r.t.Errorf("%s: %v", tc.header, err)
				continue
			}
			time.Sleep(time.Second)
			if got := len(stores[tc.by].Sent()) - before; got != 1 {
				r.t.Errorf("%s: %d messages by mailbox %q", tc.header, got, tc.by)
			}
		}
		// A mailbox of another application has credentials of its own: Exchange judges.
		_, err := r.account.Send(r.t.Context(), letterFrom("far@example.com", "x@example.org"), section("From: far@example.com\r\nTo: x@example.org\r\n\r\nhi\r\n"))
		if !errors.Is(err, bridge.ErrDenied) || len(far.Sent()) != 0 {
			r.t.Errorf("by another application: %v, %d messages", err, len(far.Sent()))
		}
	})
}
