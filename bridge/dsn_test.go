package bridge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/bridge/storetest"
)

// reports returns the octets of what is in the Inbox.
func (r *relay) reports() (all []string) {
	r.t.Helper()
	for _, m := range r.store.Contents(r.store.Folder(bridge.RoleInbox)) {
		all = append(all, string(r.store.Octets(m.ID)))
	}
	return all
}

// statusFields are the lines of a report's message/delivery-status part that differ
// from one recipient to the next.
func statusFields(t *testing.T, report string) (lines []string) {
	t.Helper()
	root, err := mimepart.Parse(strings.NewReader(report))
	if err != nil || root.Subtype != "report" || len(root.Children) != 3 {
		t.Fatalf("no report: %q, %v", report, err)
	}
	status := root.Children[1]
	for line := range strings.SplitSeq(report[status.Body:status.End], "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		if slices.Contains([]string{"Original-Envelope-Id", "Original-Recipient", "Final-Recipient", "Action", "Status"}, name) {
			lines = append(lines, line)
		}
	}
	return lines
}

func ask(address, notify, original string) bridge.Recipient {
	return bridge.Recipient{Address: address, Notify: notify, Original: original}
}

func (r *relay) submit(env bridge.Submission) error {
	_, err := r.account.Send(r.t.Context(), env, section(letterTo(1, "a@example.org")))
	return err
}

// TestNotifySuccess: Exchange tells no delivery, so a success is "relayed" (RFC 3461 §6.2.2).
func TestNotifySuccess(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		env := bridge.Submission{From: outUser, EnvelopeID: "QQ 314", ReturnFull: true, Recipients: []bridge.Recipient{
			ask("a@example.org", "SUCCESS,FAILURE", "rfc822;A@example.org"), ask("b@example.org", "", ""), ask("c@example.org", "NEVER", ""),
			ask("ä@example.org", "SUCCESS", "utf-8;ä@example.org"),
		}}
		if err := r.submit(env); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Minute)
		got := r.reports()
		if len(got) != 1 || r.delivered(1) != 1 {
			r.t.Fatalf("%d reports, %d sent", len(got), r.delivered(1))
		}
		want := []string{
			"Original-Envelope-Id: QQ 314",
			"Original-Recipient: rfc822; A@example.org", "Final-Recipient: rfc822; a@example.org", "Action: relayed", "Status: 2.0.0",
			`Original-Recipient: utf-8; \x{E4}@example.org`, `Final-Recipient: utf-8; \x{E4}@example.org`, "Action: relayed", "Status: 2.0.0",
		}
		if lines := statusFields(r.t, got[0]); !slices.Equal(lines, want) {
			r.t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
		if strings.Contains(got[0], "\r\nhi\r\n") || !strings.Contains(got[0], "Subject: letter 1") {
			r.t.Errorf("RET=FULL is for failures: a success returns the header: %q", got[0])
		}
		r.clean()
	})
}

// TestNotifySuccessLater: a report that cannot be filed waits, across restarts, and
// holds up nothing else that is to be done with the message.
func TestNotifySuccessLater(t *testing.T) {
	relayBubble(t, storetest.Options{}, func(c *bridge.Config) {
		login := c.Logins["u"]
		login.SentCopy = bridge.SentRemove
		c.Logins["u"] = login
	}, func(r *relay) {
		r.store.Fail(storetest.Append, 2, bridge.ErrUnavailable)
		if err := r.submit(bridge.Submission{From: outUser, Recipients: []bridge.Recipient{ask("a@example.org", "SUCCESS", "")}}); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Second)
		if w := r.waiting(); len(w) != 1 || !w[0].Relayed || !w[0].Accepted || len(r.reports()) != 0 {
			r.t.Fatalf("outbox %+v, %d reports", w, len(r.reports()))
		}
		r.stop()
		r.start(r.store)
		time.Sleep(time.Hour)
		if n := len(r.reports()); n != 1 || r.delivered(1) != 1 {
			r.t.Errorf("%d reports, %d sent", n, r.delivered(1))
		}
		if n := len(r.store.Contents(r.store.Folder(bridge.RoleSent))); n != 0 {
			r.t.Errorf("%d copies", n)
		}
		r.clean()
	})
}

// TestNotifyFailure: who hears of a failure, and of what.
func TestNotifyFailure(t *testing.T) {
	for _, tc := range []struct {
		name  string
		from  string
		full  bool
		rcpts []bridge.Recipient
		want  string // final recipients of the report; "": none
	}{
		{"nobody asked", outUser, false, []bridge.Recipient{ask("a@example.org", "", ""), ask("b@example.org", "", "")}, "a@example.org b@example.org"},
		{"never", outUser, false, []bridge.Recipient{ask("a@example.org", "NEVER", ""), ask("b@example.org", "SUCCESS,DELAY", "")}, ""},
		{"one of them", outUser, true, []bridge.Recipient{ask("a@example.org", "NEVER", ""), ask("b@example.org", "FAILURE", "")}, "b@example.org"},
		{"null sender", "", false, []bridge.Recipient{ask("a@example.org", "FAILURE,SUCCESS", "")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			relayBubble(t, storetest.Options{}, nil, func(r *relay) {
				r.store.Fail(storetest.CreateDraft, 1, bridge.ErrUnavailable)
				r.store.Fail(storetest.CreateDraft, 1, bridge.ErrDenied)
				if err := r.submit(bridge.Submission{From: tc.from, ReturnFull: tc.full, Recipients: tc.rcpts}); err != nil {
					r.t.Fatal(err)
				}
				time.Sleep(time.Hour)
				got := r.reports()
				if tc.want == "" {
					if len(got) != 0 {
						r.t.Errorf("a report: %q", got)
					}
					return
				}
				if len(got) != 1 {
					r.t.Fatalf("%d reports", len(got))
				}
				var rcpts []string
				for _, line := range statusFields(r.t, got[0]) {
					if address, ok := strings.CutPrefix(line, "Final-Recipient: rfc822; "); ok {
						rcpts = append(rcpts, address)
					}
				}
				if strings.Join(rcpts, " ") != tc.want || !strings.Contains(got[0], "Action: failed") {
					r.t.Errorf("report on %q: %q", rcpts, got[0])
				}
				if full := strings.Contains(got[0], "\r\nhi\r\n"); full != tc.full {
					r.t.Errorf("the text comes back: %v, want %v", full, tc.full)
				}
				r.clean()
			})
		})
	}
}

// TestNotifyDelay: one report, after some hours, to those who asked.
func TestNotifyDelay(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		r.store.Fail(storetest.CreateDraft, 20, bridge.ErrUnavailable)
		env := bridge.Submission{From: outUser, Recipients: []bridge.Recipient{ask("a@example.org", "DELAY", ""), ask("b@example.org", "FAILURE", "")}}
		if err := r.submit(env); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(3*time.Hour + 50*time.Minute)
		if got := r.reports(); len(got) != 0 {
			r.t.Errorf("too early: %q", got)
		}
		r.store.Fail(storetest.Append, 1, bridge.ErrUnavailable)
		time.Sleep(4 * time.Hour)
		r.stop()
		r.start(r.store)
		time.Sleep(4 * time.Hour)
		got := r.reports()
		if len(got) != 1 {
			r.t.Fatalf("%d reports", len(got))
		}
		want := []string{"Final-Recipient: rfc822; a@example.org", "Action: delayed", "Status: 4.4.0"}
		if lines := statusFields(r.t, got[0]); !slices.Equal(lines, want) || !strings.Contains(got[0], "Will-Retry-Until: ") {
			r.t.Errorf("got %q in %q", lines, got[0])
		}
		time.Sleep(24 * time.Hour)
		if r.delivered(1) != 1 || len(r.reports()) != 1 {
			r.t.Errorf("%d sent, %d reports", r.delivered(1), len(r.reports()))
		}
		r.clean()
	})
}

// TestOldRecord: what an earlier version wrote has no wishes, and hears of failures.
func TestOldRecord(t *testing.T) {
	for notify, want := range map[string]bool{"": true, "NEVER": false, "FAILURE": true, "SUCCESS": false, "success,failure": true} {
		if got := len(bridge.Asked([]bridge.Recipient{{Address: "a@x", Notify: notify}}, "FAILURE")) == 1; got != want {
			t.Errorf("%q: %v", notify, got)
		}
	}
}
