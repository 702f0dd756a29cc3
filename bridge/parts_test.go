package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

func people(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("p%d@example.org", i))
	}
	return all
}

func mostRecipients(n bridge.Count) func(*bridge.Config) {
	return func(c *bridge.Config) {
		m := c.Mailboxes["box"]
		m.MaxRecipients = n
		c.Mailboxes["box"] = m
	}
}

func (r *relay) sendTo(rcpts []string) (bridge.Receipt, error) {
	text := letterTo(1, rcpts[0]+", "+strings.Join(rcpts[len(rcpts)/2:], ",\r\n "))
	return r.account.Send(r.t.Context(), letterFrom(outUser, rcpts...), section(text))
}

// eachOnce wants every recipient to have got the message once, and each submission
// to name in its header those alone whom it goes to.
func (r *relay) eachOnce(want []string, parts int) {
	r.t.Helper()
	var got []string
	for _, m := range r.store.Sent() {
		got = append(got, m.Recipients...)
		head, _, _ := strings.Cut(string(m.MIME), "\r\n\r\n")
		for field := range strings.SplitSeq(strings.ReplaceAll(head, "\r\n ", " "), "\r\n") {
			name, value, _ := strings.Cut(field, ":")
			if name != "To" && name != "Cc" && name != "Bcc" {
				continue
			}
			for address := range strings.SplitSeq(value, ",") {
				if a := strings.Trim(address, " <>\t"); a != "undisclosed-recipients:;" && !slices.Contains(m.Recipients, a) {
					r.t.Errorf("%s names %q in a part that goes to %d others", name, a, len(m.Recipients))
				}
			}
		}
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) || len(r.store.Sent()) != parts {
		r.t.Errorf("%d deliveries to %d recipients, want %d to %d", len(r.store.Sent()), len(got), parts, len(want))
	}
}

func TestParts(t *testing.T) {
	relayBubble(t, storetest.Options{}, mostRecipients(500), func(r *relay) {
		rcpts := people(1200)
		if receipt, err := r.sendTo(rcpts); err != nil || receipt.Queued {
			r.t.Fatalf("%+v, %v", receipt, err)
		}
		r.eachOnce(rcpts, 3)
		r.clean()
	})
}

// TestPartsTrusted: whom only the header names gets the message too, in some part.
func TestPartsTrusted(t *testing.T) {
	trust := func(c *bridge.Config) {
		mostRecipients(2)(c)
		l := c.Logins["u"]
		l.HeaderRecipients = bridge.HeaderTrust
		c.Logins["u"] = l
	}
	relayBubble(t, storetest.Options{}, trust, func(r *relay) {
		text := letterTo(1, "x@example.org, y@example.org")
		if _, err := r.account.Send(r.t.Context(), letterFrom(outUser, "x@example.org", "z@example.org"), section(text)); err != nil {
			r.t.Fatal(err)
		}
		r.eachOnce([]string{"x@example.org", "y@example.org", "z@example.org"}, 2)
	})
}

// TestPartsLearned: a tenant that takes fewer than configured shows it by refusing.
func TestPartsLearned(t *testing.T) {
	refused := 0
	h := &habits{refuse: func(m bridge.Outgoing) error {
		if len(m.Recipients) > 100 {
			refused++
			return &bridge.RecipientsError{Err: bridge.ErrInvalid}
		}
		return nil
	}}
	withHabits(t, h, nil, func(r *relay) {
		rcpts := people(300)
		if receipt, err := r.sendTo(rcpts); err != nil || receipt.Queued {
			r.t.Fatalf("%+v, %v", receipt, err)
		}
		r.eachOnce(rcpts, 4) // 300, 150 refused; 75 taken
		if _, err := r.sendTo(people(90)); err != nil || refused != 2 {
			r.t.Errorf("%v, refused %d times, want 2", err, refused)
		}
		r.clean()
	})
}

// TestPartRefused: those whom the service took got the message, so the client is
// told that it was accepted, and the sender who did not.
func TestPartRefused(t *testing.T) {
	h := &habits{refuse: func(m bridge.Outgoing) error {
		if slices.Contains(m.Recipients, "p3@example.org") {
			return fmt.Errorf("p3 is bad: %w", bridge.ErrInvalid)
		}
		return nil
	}}
	withHabits(t, h, mostRecipients(2), func(r *relay) {
		if receipt, err := r.sendTo(people(5)); err != nil || receipt.Queued {
			r.t.Fatalf("%+v, %v", receipt, err)
		}
		r.eachOnce([]string{"p0@example.org", "p1@example.org", "p4@example.org"}, 2)
		time.Sleep(time.Minute)
		r.clean()
		list := r.store.Contents(r.store.Folder(bridge.RoleInbox))
		if len(list) != 1 {
			r.t.Fatalf("%d reports", len(list))
		}
		report := string(r.store.Octets(list[0].ID))
		for _, name := range people(5) {
			listed := strings.Contains(report, "Final-Recipient: rfc822; "+name)
			if want := name[:2] == "p2" || name[:2] == "p3"; listed != want {
				r.t.Errorf("%s is in the report: %t, want %t", name, listed, want)
			}
		}
		if !strings.Contains(report, "p3 is bad") {
			r.t.Errorf("the report gives no reason:\n%s", report)
		}
	})
}

// TestFirstPartRefused: nobody got anything, so the client can be told.
func TestFirstPartRefused(t *testing.T) {
	h := &habits{refuse: func(bridge.Outgoing) error { return bridge.ErrDenied }}
	withHabits(t, h, mostRecipients(2), func(r *relay) {
		if _, err := r.sendTo(people(5)); err == nil {
			r.t.Error("accepted")
		}
		time.Sleep(time.Hour)
		r.eachOnce(nil, 0)
		r.clean()
	})
}

// TestPartsKilled kills the process at each step of a message in three parts.
func TestPartsKilled(t *testing.T) {
	for at := range 7 {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, after it %t", at, after), func(t *testing.T) {
				outHash()
				synctest.Test(t, func(t *testing.T) {
					store := storetest.NewMemory(storetest.Options{Address: outUser})
					first, second := newRelay(t, store), newRelay(t, store)
					mostRecipients(1)(first.cfg)
					mostRecipients(1)(second.cfg)
					k := &killed{Store: store, at: at, after: after, kill: func() { copyTree(t, first.cfg.StateDir, second.cfg.StateDir) }}
					first.start(k)
					if _, err := first.sendTo(people(3)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(10 * time.Minute)
					first.stop()
					if k.dead {
						second.start(store)
						defer second.stop()
						time.Sleep(time.Hour)
					}
					second.eachOnce(people(3), 3)
					if d := store.Contents(store.Folder(bridge.RoleDrafts)); len(d) > 0 {
						t.Errorf("%d drafts stay", len(d))
					}
				})
			})
		}
	}
}

// TestDirectRecipients: without an outbox nobody could come back to later parts.
func TestDirectRecipients(t *testing.T) {
	direct := func(c *bridge.Config) { mostRecipients(2)(c); c.SMTP.Delivery = bridge.DeliveryDirect }
	relayBubble(t, storetest.Options{}, direct, func(r *relay) {
		if n := r.account.MaxRecipients(); n != 2 {
			r.t.Errorf("a message may have %d recipients, want 2", n)
		}
	})
	relayBubble(t, storetest.Options{}, mostRecipients(2), func(r *relay) {
		if n := r.account.MaxRecipients(); n != 0 {
			r.t.Errorf("a message may have %d recipients, want any number", n)
		}
	})
}
