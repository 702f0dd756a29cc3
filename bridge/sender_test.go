package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/outbox"
	"mail2graph/bridge/storetest"
)

const (
	outUser     = "user@example.com"
	outPassword = "correct horse"
)

// outHash is made once: hashes are slow, and slower still under a virtual clock.
var outHash = sync.OnceValue(func() bridge.PasswordHash {
	h, err := bridge.HashPassword(outPassword)
	if err != nil {
		panic(err)
	}
	return bridge.PasswordHash(h)
})

// relay is a running Bridge with an outbox over a Memory.
type relay struct {
	t     *testing.T
	store *storetest.Memory
	cfg   *bridge.Config
	*bridge.Bridge
	account *bridge.Account
	reserve int64
	others  map[string]bridge.Store // of further mailboxes, by name
	stop    func()
}

// newRelay prepares a relay; wrap may put something between the bridge and its store.
func newRelay(t *testing.T, store *storetest.Memory) *relay {
	cfg := bridge.Defaults()
	cfg.StateDir = t.TempDir()
	mailbox := bridge.DefaultMailbox()
	mailbox.Address, mailbox.Poll = outUser, 0
	cfg.Mailboxes = map[string]bridge.MailboxConfig{"box": mailbox}
	cfg.Logins = map[string]bridge.LoginConfig{"u": {Username: "u", PasswordHash: outHash(), Mailbox: "box"}}
	return &relay{t: t, store: store, cfg: cfg, stop: func() {}}
}

func (r *relay) start(store bridge.Store) *relay {
	r.t.Helper()
	b, err := bridge.New(r.t.Context(), r.cfg, bridge.Options{
		OpenStore: func(name string, _ bridge.MailboxConfig) (bridge.Store, error) {
			if other, ok := r.others[name]; ok {
				return other, nil
			}
			return store, nil
		},
		OpenIndex: func(ctx context.Context, _, path string) (bridge.Index, error) {
			return index.Open(ctx, path, index.Options{})
		},
		OutboxReserve: r.reserve,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	r.Bridge = b
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := b.Close(); err != nil {
			r.t.Error(err)
		}
	})
	if r.account, err = b.Login(r.t.Context(), bridge.SMTP, "u", outPassword, "pipe"); err != nil {
		r.t.Fatal(err)
	}
	return r
}

func letterTo(n int, rcpt string) string {
	return fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: letter %d\r\nMessage-ID: <%d@example.com>\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\n\r\nhi\r\n", outUser, rcpt, n, n)
}

func (r *relay) send(n int) (bridge.Receipt, error) {
	return r.account.Send(r.t.Context(), letterFrom(outUser, "x@example.org"), section(letterTo(n, "x@example.org")))
}

// delivered counts how often letter n went out.
func (r *relay) delivered(n int) int {
	count := 0
	for _, m := range r.store.Sent() {
		if strings.Contains(string(m.MIME), fmt.Sprintf("Subject: letter %d\r\n", n)) {
			count++
		}
	}
	return count
}

// waiting returns the records in the outbox.
func (r *relay) waiting() []outbox.Record {
	r.t.Helper()
	var all []outbox.Record
	damaged, err := outbox.List(filepath.Join(r.cfg.StateDir, bridge.OutboxDir), func(rec *outbox.Record) error {
		all = append(all, *rec)
		return nil
	})
	if err != nil || damaged > 0 {
		r.t.Fatalf("outbox: %d damaged, %v", damaged, err)
	}
	return all
}

func (r *relay) clean() {
	r.t.Helper()
	if w := r.waiting(); len(w) > 0 {
		r.t.Errorf("in the outbox: %+v", w)
	}
	if d := r.store.Contents(r.store.Folder(bridge.RoleDrafts)); len(d) > 0 {
		r.t.Errorf("%d drafts stay", len(d))
	}
}

// inbox returns the subjects of what arrived.
func (r *relay) inbox() (subjects []string) {
	for _, m := range r.store.Contents(r.store.Folder(bridge.RoleInbox)) {
		subjects = append(subjects, m.Subject)
	}
	return subjects
}

// relayBubble runs a test in virtual time.
func relayBubble(t *testing.T, so storetest.Options, configure func(*bridge.Config), test func(r *relay)) {
	t.Helper()
	outHash()
	synctest.Test(t, func(t *testing.T) {
		so.Address = outUser
		store := storetest.NewMemory(so)
		r := newRelay(t, store)
		if configure != nil {
			configure(r.cfg)
		}
		r.start(store)
		defer func() { r.stop() }()
		test(r)
	})
}

// TestSendFaults lets each step fail in each way, once and several times: the
// message goes out exactly once, and nothing of it stays behind.
func TestSendFaults(t *testing.T) {
	away := fmt.Errorf("503: %w", bridge.ErrUnavailable)
	for _, method := range []storetest.Method{storetest.CreateDraft, storetest.SendDraft} {
		for name, faults := range map[string][]storetest.Fault{
			"refused once":                  {{Err: away}},
			"answer lost":                   {{Err: away, Late: true}},
			"answer lost twice":             {{Err: away, Late: true}, {Err: away, Late: true}},
			"away, then answer lost":        {{Err: away}, {Err: away, Late: true}},
			"throttled":                     {{Err: &bridge.RetryError{After: 7 * time.Minute}}},
			"credentials":                   {{Err: bridge.ErrCredentials}},
			"not found, though it is there": {{Err: bridge.ErrNotFound}},
			"an error of no kind":           {{Err: errors.New("bug")}},
			"many failures":                 slices.Repeat([]storetest.Fault{{Err: away}}, 6),
		} {
			for _, blind := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, looking fails %t", method, name, blind), func(t *testing.T) {
					relayBubble(t, storetest.Options{}, nil, func(r *relay) {
						for _, f := range faults {
							r.store.Inject(method, f)
						}
						if blind {
							r.store.Fail(storetest.DraftState, 3, away)
						}
						receipt, err := r.send(1)
						if err != nil || receipt.QueueID == "" {
							r.t.Fatalf("Send: %+v, %v", receipt, err)
						}
						if !receipt.Queued && r.delivered(1) != 1 {
							r.t.Error("said to be sent, and was not")
						}
						time.Sleep(45 * time.Minute)
						if strings.HasPrefix(name, "many") {
							time.Sleep(2 * time.Hour)
						}
						if n := r.delivered(1); n != 1 {
							r.t.Errorf("delivered %d times", n)
						}
						if method == storetest.SendDraft || !strings.Contains(name, "lost twice") {
							r.clean()
						}
						if len(r.inbox()) != 0 {
							r.t.Errorf("reports: %q", r.inbox())
						}
					})
				})
			}
		}
	}
}

// TestSendRefused: what the service refuses in the transaction is the client's to
// know; later it comes back as a report.
func TestSendRefused(t *testing.T) {
	for _, method := range []storetest.Method{storetest.CreateDraft, storetest.SendDraft} {
		for _, kind := range []error{bridge.ErrDenied, bridge.ErrInvalid, bridge.ErrTooLarge, bridge.ErrQuota, bridge.ErrNoMailbox} {
			t.Run(fmt.Sprintf("%s %v", method, kind), func(t *testing.T) {
				relayBubble(t, storetest.Options{}, nil, func(r *relay) {
					r.store.Fail(method, 1, kind)
					if _, err := r.send(1); !errors.Is(err, kind) {
						r.t.Errorf("Send: %v, want %v", err, kind)
					}
					r.clean()
					time.Sleep(time.Hour)
					if r.delivered(1) != 0 {
						r.t.Error("refused, but sent")
					}

					r.store.Fail(method, 1, bridge.ErrUnavailable)
					if method == storetest.SendDraft {
						r.store.Fail(method, 2, bridge.ErrUnavailable)
					}
					r.store.Fail(method, 1, kind)
					if receipt, err := r.send(2); err != nil || !receipt.Queued {
						r.t.Fatalf("Send: %+v, %v", receipt, err)
					}
					time.Sleep(time.Hour)
					if r.delivered(2) != 0 {
						r.t.Error("refused later, but sent")
					}
					r.clean()
					r.report("letter 2", kind.Error())
				})
			})
		}
	}
}

// report looks for one delivery report in the Inbox.
func (r *relay) report(wants ...string) {
	r.t.Helper()
	list := r.store.Contents(r.store.Folder(bridge.RoleInbox))
	if len(list) != 1 {
		r.t.Fatalf("%d messages in the Inbox, want one report", len(list))
	}
	text := string(r.store.Octets(list[0].ID))
	for _, want := range append(wants, "multipart/report", "Final-Recipient: rfc822; x@example.org", "Action: failed") {
		if !strings.Contains(text, want) {
			r.t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if list[0].Read {
		r.t.Error("the report is marked as read")
	}
}

// TestQueueLife: a message that cannot be sent is given up and returned, also
// when the report itself cannot be filed at first.
func TestQueueLife(t *testing.T) {
	relayBubble(t, storetest.Options{}, func(c *bridge.Config) { c.SMTP.QueueLife = bridge.Duration(time.Hour) }, func(r *relay) {
		r.store.Fail(storetest.CreateDraft, 1000, bridge.ErrUnavailable)
		r.store.Fail(storetest.Append, 3, bridge.ErrUnavailable)
		if receipt, err := r.send(1); err != nil || !receipt.Queued {
			r.t.Fatalf("Send: %+v, %v", receipt, err)
		}
		time.Sleep(30 * time.Minute)
		if w := r.waiting(); len(w) != 1 || w[0].State != outbox.Deferred || w[0].Attempts < 3 || w[0].Reason == "" {
			r.t.Fatalf("after half its life: %+v", w)
		}
		if n := r.store.Calls(storetest.CreateDraft); n > 10 {
			r.t.Errorf("%d attempts in half an hour", n)
		}
		time.Sleep(2 * time.Hour)
		r.clean()
		r.report("letter 1", "Status: 4.4.7", "service unavailable")
	})
}

// TestNullSender: nothing returns to nobody; the message stays for an operator,
// who may have it tried again.
func TestNullSender(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrUnavailable)
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrDenied)
		if _, err := r.account.Send(r.t.Context(), letterFrom("", "x@example.org"), section(letterTo(1, "x@example.org"))); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Hour)
		w := r.waiting()
		if len(w) != 1 || w[0].State != outbox.Failed || len(r.inbox()) != 0 {
			r.t.Fatalf("outbox %+v, Inbox %q", w, r.inbox())
		}
		dir := filepath.Join(r.cfg.StateDir, bridge.OutboxDir)
		if res, err := outbox.Order(r.t.Context(), dir, outbox.OpRetry, []string{w[0].ID}); err != nil || res[0].Err != "" {
			r.t.Fatal(res, err)
		}
		time.Sleep(time.Minute)
		if r.delivered(1) != 1 {
			r.t.Error("not sent after all")
		}
		r.clean()
	})
}

// TestFirstAttempt: the client waits no longer than it should, and what takes
// longer is not done twice.
func TestFirstAttempt(t *testing.T) {
	for _, method := range []storetest.Method{storetest.CreateDraft, storetest.SendDraft} {
		t.Run(string(method), func(t *testing.T) {
			relayBubble(t, storetest.Options{}, nil, func(r *relay) {
				_, release := r.store.Hold(method)
				start := time.Now()
				receipt, err := r.send(1)
				if d := time.Since(start); err != nil || !receipt.Queued || d != 20*time.Second {
					r.t.Fatalf("after %v: %+v, %v", d, receipt, err)
				}
				time.Sleep(10 * time.Minute)
				release()
				time.Sleep(time.Second)
				if n := r.delivered(1); n != 1 || r.store.Calls(method) != 1 {
					r.t.Errorf("delivered %d times in %d calls", n, r.store.Calls(method))
				}
				r.clean()
			})
		})
	}
	t.Run("refused when the client has his answer", func(t *testing.T) {
		relayBubble(t, storetest.Options{}, nil, func(r *relay) {
			_, release := r.store.Hold(storetest.CreateDraft)
			r.store.Fail(storetest.CreateDraft, 1, bridge.ErrDenied)
			if receipt, err := r.send(1); err != nil || !receipt.Queued {
				r.t.Fatalf("%+v, %v", receipt, err)
			}
			release()
			time.Sleep(time.Minute)
			r.clean()
			r.report("Status: 5.7.1")
		})
	})
}

// TestRate: a burst is accepted, and goes out as fast as Exchange takes it.
func TestRate(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		for n := range 100 {
			if _, err := r.send(n); err != nil {
				r.t.Fatal(err)
			}
		}
		for minute := 1; minute <= 4; minute++ {
			if n := len(r.store.Sent()); n > 30*minute {
				r.t.Errorf("%d messages in minute %d", n, minute)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Minute)
		if n := len(r.store.Sent()); n != 100 {
			r.t.Errorf("%d of 100 were sent in five minutes", n)
		}
		r.clean()
	})
}

// TestSentCopy: the copy in Sent Items goes where the login wants it.
func TestSentCopy(t *testing.T) {
	for _, choice := range []bridge.SentCopy{bridge.SentKeep, bridge.SentRemove, "Archive"} {
		t.Run(string(choice), func(t *testing.T) {
			set := func(c *bridge.Config) {
				l := c.Logins["u"]
				l.SentCopy = choice
				c.Logins["u"] = l
			}
			relayBubble(t, storetest.Options{}, set, func(r *relay) {
				if choice == "Archive" {
					r.store.Fail(storetest.Move, 2, bridge.ErrUnavailable)
				}
				if _, err := r.send(1); err != nil {
					r.t.Fatal(err)
				}
				time.Sleep(time.Hour)
				r.clean()
				got := [2]int{len(r.store.Contents(r.store.Folder(bridge.RoleSent))), len(r.store.Contents(r.store.Folder(bridge.RoleArchive)))}
				want := map[bridge.SentCopy][2]int{bridge.SentKeep: {1, 0}, bridge.SentRemove: {0, 0}, "Archive": {0, 1}}[choice]
				if got != want || r.delivered(1) != 1 {
					r.t.Errorf("in Sent Items and Archive %v, want %v", got, want)
				}
			})
		})
	}
}

// TestSentCopyOfClient: a client that files its own copy has one in the end, also
// where the service's copy is removed or goes elsewhere.
func TestSentCopyOfClient(t *testing.T) {
	for choice, want := range map[bridge.SentCopy][2]int{bridge.SentKeep: {1, 0}, bridge.SentRemove: {1, 0}, "Archive": {1, 1}} {
		t.Run(string(choice), func(t *testing.T) {
			set := func(c *bridge.Config) {
				l := c.Logins["u"]
				l.SentCopy = choice
				c.Logins["u"] = l
			}
			relayBubble(t, storetest.Options{}, set, func(r *relay) {
				r.store.Fail(storetest.Delete, 1, bridge.ErrUnavailable) // the service's copy stays for a while
				r.store.Fail(storetest.Move, 1, bridge.ErrUnavailable)
				if _, err := r.send(1); err != nil {
					r.t.Fatal(err)
				}
				f, err := r.account.Mailbox.Folder(r.t.Context(), "Sent Items")
				if err != nil {
					r.t.Fatal(err)
				}
				text := letterTo(1, "x@example.org")
				if _, err := f.Append(r.t.Context(), strings.NewReader(text), int64(len(text)), bridge.AppendOptions{Flags: bridge.FlagSeen}); err != nil {
					r.t.Fatal(err)
				}
				time.Sleep(time.Hour)
				r.clean()
				got := [2]int{len(r.store.Contents(r.store.Folder(bridge.RoleSent))), len(r.store.Contents(r.store.Folder(bridge.RoleArchive)))}
				if got != want {
					r.t.Errorf("in Sent Items and Archive %v, want %v", got, want)
				}
			})
		})
	}
}

// TestDeletedByOperator: what a deleted message left at the service goes too,
// and what the service has is not taken back.
func TestDeletedByOperator(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		r.store.Fail(storetest.SendDraft, 3, bridge.ErrUnavailable)
		receipt, err := r.send(1)
		if err != nil || !receipt.Queued || len(r.store.Contents(r.store.Folder(bridge.RoleDrafts))) != 1 {
			r.t.Fatalf("%+v, %v", receipt, err)
		}
		time.Sleep(time.Minute) // the attempt ends
		dir := filepath.Join(r.cfg.StateDir, bridge.OutboxDir)
		if res, err := outbox.Order(r.t.Context(), dir, outbox.OpDelete, []string{receipt.QueueID}); err != nil || res[0].Err != "" {
			r.t.Fatal(res, err)
		}
		time.Sleep(10 * time.Minute)
		r.clean()
		if len(r.store.Sent()) != 0 {
			r.t.Error("it was sent")
		}
	})
}

// TestFullDisk: without room nothing is accepted, and what is there already goes on.
func TestFullDisk(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrUnavailable)
		if receipt, err := r.send(1); err != nil || !receipt.Queued {
			r.t.Fatalf("%+v, %v", receipt, err)
		}
		r.stop()
		r.reserve = math.MaxInt64 / 2
		r.start(r.store)
		if _, err := r.send(2); !errors.Is(err, bridge.ErrNoSpace) {
			r.t.Errorf("Send: %v, want ErrNoSpace", err)
		}
		time.Sleep(time.Hour)
		if r.delivered(1) != 1 || r.delivered(2) != 0 {
			r.t.Errorf("delivered %d and %d times, want 1 and 0", r.delivered(1), r.delivered(2))
		}
		r.clean()
	})
}

// TestDirect: without an outbox a failure is the client's to deal with.
func TestDirect(t *testing.T) {
	direct := func(c *bridge.Config) { c.SMTP.Delivery = bridge.DeliveryDirect }
	relayBubble(t, storetest.Options{}, direct, func(r *relay) {
		r.store.Inject(storetest.SendDraft, storetest.Fault{Err: bridge.ErrUnavailable, Late: true})
		if receipt, err := r.send(1); err != nil || receipt.Queued || r.delivered(1) != 1 {
			r.t.Errorf("answer lost: %+v, %v", receipt, err)
		}
		r.store.Fail(storetest.SendDraft, 10, bridge.ErrUnavailable)
		if _, err := r.send(2); !errors.Is(err, bridge.ErrUnavailable) {
			r.t.Errorf("away: %v", err)
		}
		if r.delivered(2) != 0 {
			r.t.Error("refused, but sent")
		}
		r.clean()
	})
}

// killed is a Store whose process is killed at a call: what its caller does later
// reaches nobody.
type killed struct {
	bridge.Store
	at    int  // the call at which it happens
	after bool // after the call's effect
	kill  func()

	mu    sync.Mutex // guards the fields below
	calls int
	dead  bool
}

var errKilled = fmt.Errorf("killed: %w", bridge.ErrUnavailable)

// step runs one call.
func (k *killed) step(call func() error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		return errKilled
	}
	now := k.calls == k.at
	k.calls++
	if !now {
		return call()
	}
	if k.after {
		_ = call() // the answer reaches nobody
	}
	k.dead = true
	k.kill()
	return errKilled
}

func (k *killed) CreateDraft(ctx context.Context, m bridge.Outgoing) (id bridge.MessageID, err error) {
	err = k.step(func() error { id, err = k.Store.CreateDraft(ctx, m); return err })
	return id, err
}

func (k *killed) SendDraft(ctx context.Context, id bridge.MessageID) (r bridge.Receipt, err error) {
	err = k.step(func() error { r, err = k.Store.SendDraft(ctx, id); return err })
	return r, err
}

func (k *killed) DraftState(ctx context.Context, id bridge.MessageID) (s bridge.DraftState, err error) {
	err = k.step(func() error { s, err = k.Store.DraftState(ctx, id); return err })
	return s, err
}

func (k *killed) Delete(ctx context.Context, ids []bridge.MessageID, how bridge.Disposal) []error {
	return []error{k.step(func() error { return k.Store.Delete(ctx, ids, how)[0] })}
}

// TestKilledAtEveryStep kills the process before and after each call of the
// service, with answers getting lost as well, and starts another one on the files
// as they were at that moment.
func TestKilledAtEveryStep(t *testing.T) {
	lost := storetest.Fault{Err: bridge.ErrUnavailable, Late: true}
	for name, prepare := range map[string]func(*storetest.Memory){
		"all well":             func(*storetest.Memory) {},
		"create's answer lost": func(m *storetest.Memory) { m.Inject(storetest.CreateDraft, lost) },
		"send's answer lost":   func(m *storetest.Memory) { m.Inject(storetest.SendDraft, lost) },
		"send fails twice":     func(m *storetest.Memory) { m.Fail(storetest.SendDraft, 2, bridge.ErrUnavailable) },
	} {
		for at := range 6 {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, call %d, after it %t", name, at, after), func(t *testing.T) {
					outHash()
					synctest.Test(t, func(t *testing.T) { killAt(t, prepare, at, after) })
				})
			}
		}
	}
}

func killAt(t *testing.T, prepare func(*storetest.Memory), at int, after bool) {
	store := storetest.NewMemory(storetest.Options{Address: outUser})
	prepare(store)
	first, second := newRelay(t, store), newRelay(t, store)
	k := &killed{Store: store, at: at, after: after, kill: func() { copyTree(t, first.cfg.StateDir, second.cfg.StateDir) }}
	first.start(k)
	_, err := first.send(1)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Minute)
	first.stop()
	if !k.dead { // the message needed fewer calls
		if first.delivered(1) != 1 {
			t.Errorf("delivered %d times", first.delivered(1))
		}
		return
	}
	second.start(store)
	defer second.stop()
	time.Sleep(time.Hour)
	if n := second.delivered(1); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	if w := second.waiting(); len(w) > 0 {
		t.Errorf("in the outbox: %+v", w)
	}
	if n := len(second.inbox()); n > 0 {
		t.Errorf("%d reports", n)
	}
}

// copyTree copies the outbox as a kill would leave it.
func copyTree(t *testing.T, from, to string) {
	from, to = filepath.Join(from, bridge.OutboxDir), filepath.Join(to, bridge.OutboxDir)
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Error(err)
	}
}
