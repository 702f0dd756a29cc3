package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// neighbours has a relay with a second mailbox, and says how to send from that one. It runs
// in virtual time.
func neighbours(t *testing.T, test func(r *relay, second *storetest.Memory, send func(n int) (bridge.Receipt, error))) {
	t.Helper()
	const address = "second@example.com"
	outHash()
	synctest.Test(t, func(t *testing.T) {
		first, second := storetest.NewMemory(storetest.Options{Address: outUser}), storetest.NewMemory(storetest.Options{Address: address})
		r := newRelay(t, first)
		mailbox := r.cfg.Mailboxes["box"]
		mailbox.Address = address
		r.cfg.Mailboxes["second"] = mailbox
		r.cfg.Logins["v"] = bridge.LoginConfig{Username: "v", PasswordHash: outHash(), Mailbox: "second"}
		r.others = map[string]bridge.Store{"second": second}
		r.start(first)
		defer func() { r.stop() }()
		account, err := r.Login(t.Context(), bridge.SMTP, "v", outPassword, "pipe")
		if err != nil {
			t.Fatal(err)
		}
		test(r, second, func(n int) (bridge.Receipt, error) {
			text := strings.Replace(letterTo(n, "x@example.org"), outUser, address, 1)
			return account.Send(t.Context(), letterFrom(address, "x@example.org"), section(text))
		})
	})
}

// TestFairBesideThousands: while a mailbox has thousands waiting, it sends what Exchange takes
// of it in a minute, the oldest first, and another one's mail goes out at once.
func TestFairBesideThousands(t *testing.T) {
	many := 2000
	if testing.Short() {
		many = 500
	}
	neighbours(t, func(r *relay, second *storetest.Memory, send func(int) (bridge.Receipt, error)) {
		for n := range many {
			if _, err := r.send(n); err != nil {
				r.t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // ids tell the order to the millisecond
		}
		now := time.Now() // the messages of a minute go out at the beginning of a second: look in the middle
		time.Sleep(now.Truncate(time.Second).Add(1500 * time.Millisecond).Sub(now))
		const seconds = 9 * 60
		var sent [seconds + 1]int
		for s := range sent {
			if sent[s] = len(r.store.Sent()); s >= 60 && sent[s]-sent[s-60] > 30 {
				r.t.Fatalf("%d messages in the minute before second %d", sent[s]-sent[s-60], s)
			}
			if s%45 == 0 {
				if receipt, err := send(s); err != nil || receipt.Queued || len(second.Sent()) != s/45+1 {
					r.t.Errorf("second %d: a message of the other mailbox is not sent at once: %+v, %v", s, receipt, err)
				}
			}
			time.Sleep(time.Second)
		}
		if n := sent[seconds]; n < 30*seconds/60 {
			r.t.Errorf("%d messages in %d seconds", n, seconds)
		}
		for i, m := range r.store.Sent() {
			var n int
			_, after, _ := strings.Cut(string(m.MIME), "Subject: letter ")
			if _, err := fmt.Sscan(after, &n); err != nil || n > i+150 || n < i-150 { // two at once are on their way, and either may win
				r.t.Fatalf("number %d to be sent is letter %d, %v", i, n, err)
			}
		}
		// What waits goes on after a restart, and still delays nobody.
		r.stop()
		left := len(r.waiting())
		if got := left + len(r.store.Sent()); got != many {
			r.t.Errorf("%d of %d messages are there", got, many)
		}
		r.start(r.store)
		time.Sleep(90 * time.Second)
		if n := left - len(r.waiting()); n < 30 || n > 60 {
			r.t.Errorf("%d were sent in one minute and a half after a restart", n)
		}
	})
}

// TestFairToThoseWaiting: messages that come in as fast as a mailbox may send do not keep those
// that came before them from their turn.
func TestFairToThoseWaiting(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		const before = 90 // thirty go out at once
		next := 0
		one := func() {
			if _, err := r.send(next); err != nil {
				r.t.Fatal(err)
			}
			next++
		}
		for range before {
			one()
			time.Sleep(time.Millisecond)
		}
		for range 5 * 60 {
			one()
			time.Sleep(time.Second)
		}
		for n := range before {
			if r.delivered(n) != 1 {
				r.t.Errorf("message %d waits after five minutes, while %d went out", n, len(r.store.Sent()))
			}
		}
		time.Sleep(time.Hour)
		if n := len(r.store.Sent()); n != next {
			r.t.Errorf("%d of %d messages were sent in the end", n, next)
		}
		r.clean()
	})
}

// TestFairBesideStalled: a mailbox that the service does not answer for, or throttles, costs
// the others nothing.
func TestFairBesideStalled(t *testing.T) {
	for name, block := range map[string]func(*storetest.Memory) (end func()){
		"no answer": func(m *storetest.Memory) func() { _, release := m.Hold(storetest.CreateDraft); return release },
		"throttled": func(m *storetest.Memory) func() {
			m.Fail(storetest.CreateDraft, 500, &bridge.RetryError{After: time.Minute})
			return func() {}
		},
		"away": func(m *storetest.Memory) func() {
			m.Fail(storetest.CreateDraft, 500, fmt.Errorf("503: %w", bridge.ErrUnavailable))
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			neighbours(t, func(r *relay, second *storetest.Memory, send func(int) (bridge.Receipt, error)) {
				end := block(r.store)
				defer end()
				for n := range 50 {
					go func() { _, _ = r.send(n) }() // accepted, later or never: not what is asked here
				}
				for n := range 20 {
					time.Sleep(7 * time.Second)
					if receipt, err := send(n); err != nil || receipt.Queued || len(second.Sent()) != n+1 {
						r.t.Fatalf("message %d of the other mailbox is not sent at once: %+v, %v", n, receipt, err)
					}
				}
			})
		})
	}
}
