package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/storetest"
)

// rig is a running Mailbox over a Memory; it can be stopped and started again
// on the same state.
type rig struct {
	t       *testing.T
	store   *storetest.Memory
	front   func(*storetest.Memory) bridge.Store // stands before store, if set
	dir     string
	options bridge.MailboxOptions
	*bridge.Mailbox
	stop func()
}

func newRig(t *testing.T, so storetest.Options, mo bridge.MailboxOptions) *rig {
	r := &rig{t: t, store: storetest.NewMemory(so), dir: t.TempDir(), options: mo}
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) start() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	x, err := index.Open(ctx, filepath.Join(r.dir, "index.sqlite"), index.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	cache, err := mimecache.Open(filepath.Join(r.dir, "mime"), 1<<30, slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	o := r.options
	o.Name, o.Store, o.Index, o.Cache = "test", r.store, x, cache
	if r.front != nil {
		o.Store = r.front(r.store)
	}
	if r.Mailbox, err = bridge.NewMailbox(ctx, o); err != nil {
		r.t.Fatal(err)
	}
	done := make(chan struct{})
	go func(m *bridge.Mailbox) {
		defer close(done)
		m.Run(ctx)
	}(r.Mailbox)
	r.stop = func() {
		r.stop = func() {}
		cancel()
		<-done
		if err := errors.Join(cache.Close(), x.Close()); err != nil {
			r.t.Error(err)
		}
	}
}

func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

func (r *rig) ctx() context.Context { return r.t.Context() }

// folder returns a synced folder.
func (r *rig) folder(name string) *bridge.Folder {
	r.t.Helper()
	f, err := r.Folder(r.ctx(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	r.sync(f)
	return f
}

// sync runs a round now, past the time for which the last one serves.
func (r *rig) sync(f *bridge.Folder) {
	r.t.Helper()
	time.Sleep(1100 * time.Millisecond) // virtual: every test runs in a bubble
	if err := f.Sync(r.ctx()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) deliver(role bridge.Role, n int, o storetest.DeliverOptions) bridge.MessageID {
	return r.store.Deliver(r.store.Folder(role), mail(n), o)
}

func mail(n int) []byte {
	return fmt.Appendf(nil, "From: Ann <ann@example.org>\r\nTo: user@example.com\r\nSubject: message %d\r\n"+
		"Date: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%d@example.org>\r\n\r\nbody of %d\r\n", n, n, n)
}

// show writes a snapshot as "uid:flags" words.
func show(s *bridge.Snapshot) string {
	var words []string
	for i := range s.Len() {
		row := s.At(i)
		var fl string
		for _, b := range []struct {
			bit bridge.Flags
			c   string
		}{{bridge.FlagSeen, "S"}, {bridge.FlagAnswered, "A"}, {bridge.FlagFlagged, "F"}, {bridge.FlagDeleted, "D"},
			{bridge.FlagDraft, "R"}, {bridge.FlagForwarded, "W"}} {
			if row.Flags&b.bit != 0 {
				fl += b.c
			}
		}
		if len(row.Categories) > 0 {
			fl += "{" + strings.Join(row.Categories, ",") + "}"
		}
		words = append(words, fmt.Sprintf("%d:%s", row.UID, fl))
	}
	return strings.Join(words, " ")
}

func (r *rig) expect(f *bridge.Folder, want string) {
	r.t.Helper()
	if got := show(f.Snapshot()); got != want {
		r.t.Fatalf("folder %s: %q, want %q", f.Name(), got, want)
	}
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, so storetest.Options, mo bridge.MailboxOptions, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, so, mo)
		test(r)
		r.stop()
	})
}

func TestFirstSyncOrderAndRestart(t *testing.T) {
	bubble(t, storetest.Options{PageSize: 7}, bridge.MailboxOptions{}, func(r *rig) {
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, n := range []int{5, 3, 9, 1, 7, 2, 8, 4, 6, 0} {
			r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{Received: base.Add(time.Duration(n) * time.Hour)})
		}
		f := r.folder("inbox")
		for i := range 10 {
			if got := f.Snapshot().At(i).Received; !got.Equal(base.Add(time.Duration(i) * time.Hour)) {
				t.Errorf("message %d was received %v: UIDs are not in order of arrival", i, got)
			}
		}
		before, validity := show(f.Snapshot()), f.UIDValidity()
		r.restart()
		f = r.folder("INBOX")
		if f.UIDValidity() != validity {
			t.Errorf("UIDVALIDITY %d after a restart, was %d", f.UIDValidity(), validity)
		}
		r.expect(f, before)
		r.deliver(bridge.RoleInbox, 11, storetest.DeliverOptions{Read: true})
		r.sync(f)
		r.expect(f, before+" 11:S")
	})
}

func TestQuietPollCostsOneRequest(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f := r.folder("INBOX")
		r.store.ResetCalls()
		r.sync(f)
		if got := r.store.AllCalls(); got != 1 {
			t.Errorf("a poll with nothing new made %d calls, want 1", got)
		}
	})
}

func TestChangesFromOutside(t *testing.T) {
	for _, so := range []storetest.Options{{}, {FullRows: true}, {Replay: true, PageSize: 2}} {
		bubble(t, so, bridge.MailboxOptions{}, func(r *rig) {
			var ids []bridge.MessageID
			for n := range 5 {
				ids = append(ids, r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{Received: time.Unix(int64(1e9+n), 0)}))
			}
			f := r.folder("INBOX")
			r.expect(f, "1: 2: 3: 4: 5:")
			r.store.SetRead(ids[0], true)
			r.store.SetFlagged(ids[1], true)
			r.store.SetCategories(ids[2], "Red category")
			r.store.SetVerb(ids[3], bridge.VerbReply)
			r.store.Remove(ids[4])
			r.deliver(bridge.RoleInbox, 6, storetest.DeliverOptions{})
			r.sync(f)
			r.expect(f, "1:S 2:F 3:{Red category} 4:A 6:")
			r.store.MoveMessage(ids[0], r.store.Folder(bridge.RoleArchive))
			r.sync(f)
			r.expect(f, "2:F 3:{Red category} 4:A 6:")
			// Out and back between two rounds: delta says deleted and no more.
			r.store.MoveMessage(ids[1], r.store.Folder(bridge.RoleArchive))
			r.store.MoveMessage(ids[1], r.store.Folder(bridge.RoleInbox))
			r.sync(f)
			r.expect(f, "2:F 3:{Red category} 4:A 6:")
			// Gone, noticed, back, and out and back once more: again delta says
			// deleted and no more, now of a message that the index does not have.
			r.store.MoveMessage(ids[1], r.store.Folder(bridge.RoleArchive))
			r.sync(f)
			r.expect(f, "3:{Red category} 4:A 6:")
			r.store.MoveMessage(ids[1], r.store.Folder(bridge.RoleInbox))
			r.store.MoveMessage(ids[1], r.store.Folder(bridge.RoleArchive))
			r.store.MoveMessage(ids[1], r.store.Folder(bridge.RoleInbox))
			r.sync(f)
			r.expect(f, "3:{Red category} 4:A 6: 7:F")
			// Back after a round: a new arrival.
			r.store.MoveMessage(ids[0], r.store.Folder(bridge.RoleInbox))
			r.sync(f)
			r.expect(f, "3:{Red category} 4:A 6: 7:F 8:S")
		})
	}
}

func TestResyncKeepsUIDs(t *testing.T) {
	bubble(t, storetest.Options{PageSize: 3}, bridge.MailboxOptions{}, func(r *rig) {
		var ids []bridge.MessageID
		for n := range 6 {
			ids = append(ids, r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{Received: time.Unix(int64(1e9+n), 0)}))
		}
		f := r.folder("INBOX")
		r.store.Remove(ids[2])
		r.store.SetRead(ids[4], true)
		r.deliver(bridge.RoleInbox, 7, storetest.DeliverOptions{})
		r.store.ExpireDelta()
		r.sync(f)
		r.expect(f, "1: 2: 4: 5:S 6: 7:")
		r.store.ResetCalls()
		r.sync(f)
		if got := r.store.AllCalls(); got != 1 {
			t.Errorf("the round after a resync made %d calls, want 1", got)
		}
	})
}

func TestSetFlags(t *testing.T) {
	bubble(t, storetest.Options{FullRows: true}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{Categories: []string{"Red category"}})
		f := r.folder("INBOX")
		step := func(op bridge.FlagOp, fl bridge.Flags, kw []string, want string) {
			t.Helper()
			if failed, err := f.SetFlags(r.ctx(), []uint32{1}, op, fl, kw, nil); err != nil || failed != nil {
				t.Fatalf("SetFlags: %v, %v", failed, err)
			}
			r.expect(f, want)
			r.sync(f)
			r.expect(f, want)
		}
		step(bridge.FlagsAdd, bridge.FlagSeen|bridge.FlagDeleted, nil, "1:SD{Red category}")
		step(bridge.FlagsAdd, bridge.FlagAnswered, []string{"todo", "red_CATEGORY"}, "1:SAD{Red category,todo}")
		step(bridge.FlagsAdd, 0, []string{"$forwarded"}, "1:SADW{Red category,todo}")
		step(bridge.FlagsRemove, bridge.FlagDeleted|bridge.FlagForwarded, []string{"TODO"}, "1:SA{Red category}")
		step(bridge.FlagsReplace, bridge.FlagFlagged|bridge.FlagDraft, nil, "1:FR")
		got := r.store.Contents(r.store.Folder(bridge.RoleInbox))[0]
		if got.ID != id || got.Read || !got.Flagged || got.Verb != bridge.VerbNone || len(got.Categories) != 0 {
			t.Errorf("the service has %+v", got)
		}
		// What we did ourselves needs no look at the message.
		f.SetFlags(r.ctx(), []uint32{1}, bridge.FlagsAdd, bridge.FlagSeen, []string{"x"}, nil)
		r.store.ResetCalls()
		r.sync(f)
		if got := r.store.AllCalls(); got != 1 {
			t.Errorf("the echo of a STORE cost %d calls, want 1", got)
		}
	})
}

func TestSetFlagsPartialFailure(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		for n := range 4 {
			r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{})
		}
		f := r.folder("INBOX")
		r.store.Inject(storetest.SetFlags, storetest.Fault{Err: bridge.ErrUnavailable, After: 2})
		failed, err := f.SetFlags(r.ctx(), []uint32{1, 2, 3, 4}, bridge.FlagsAdd, bridge.FlagSeen, nil, nil)
		if !slices.Equal(failed, []uint32{3, 4}) || !errors.Is(err, bridge.ErrUnavailable) {
			t.Errorf("failed %v, %v; want 3 and 4, unavailable", failed, err)
		}
		r.expect(f, "1:S 2:S 3: 4:")
	})
}

// TestOrderDuringRound lets a client's orders happen while a round with older
// news is under way: its stale row must not take back what they did.
func TestOrderDuringRound(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{Read: true})
		f := r.folder("INBOX")
		r.store.SetRead(id, false)                                 // the row of this is read by the round,
		r.deliver(bridge.RoleInbox, 2, storetest.DeliverOptions{}) // which then has to ask for this one
		arrived, release := r.store.Hold(storetest.Messages)
		time.Sleep(2 * time.Second)
		done := make(chan error)
		go func() { done <- f.Sync(r.ctx()) }()
		<-arrived
		for _, op := range []bridge.FlagOp{bridge.FlagsRemove, bridge.FlagsAdd} {
			if _, err := f.SetFlags(r.ctx(), []uint32{1}, op, bridge.FlagSeen, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		r.expect(f, "1:S 2:")
		r.sync(f)
		r.expect(f, "1:S 2:")
	})
}

// TestOrderEndsDuringRound: a message that a round did not ask for because an order was
// under way, which failed before the round ended, is looked at in the next one.
func TestOrderEndsDuringRound(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f, archive := r.folder("INBOX"), r.folder("Archive")
		r.expect(f, "1:")
		r.store.Fail(storetest.Move, 1, fmt.Errorf("move: %w", bridge.ErrDenied))
		arrived, release := r.store.Hold(storetest.Move)
		moved := make(chan error)
		go func() {
			_, err := f.Transfer(r.ctx(), []uint32{1}, archive, true, nil)
			moved <- err
		}()
		<-arrived
		if err := r.store.Delete(r.ctx(), []bridge.MessageID{id}, bridge.DisposeDelete)[0]; err != nil {
			r.t.Fatal(err)
		}
		r.deliver(bridge.RoleInbox, 2, storetest.DeliverOptions{})
		asked, answer := r.store.Hold(storetest.Messages)
		synced := make(chan struct{})
		go func() {
			defer close(synced)
			r.sync(f)
		}()
		<-asked // for the second message
		release()
		if err := <-moved; err == nil {
			r.t.Error("the order did not fail")
		}
		answer()
		<-synced
		r.sync(f)
		r.expect(f, "2:")
	})
}

// TestKilledDuringOrder takes the state as a kill would leave it while an order is
// under way, after a round that left the order's message alone: the next process
// must hear of it once more.
func TestKilledDuringOrder(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f, archive := r.folder("INBOX"), r.folder("Archive")
		arrived, release := r.store.Hold(storetest.Move)
		done := make(chan error)
		go func() {
			_, err := f.Transfer(r.ctx(), []uint32{1}, archive, true, nil)
			done <- err
		}()
		<-arrived
		if err := r.store.Delete(r.ctx(), []bridge.MessageID{id}, bridge.DisposeDelete)[0]; err != nil {
			r.t.Fatal(err)
		}
		r.sync(f)
		r.expect(f, "1:") // the order will tell

		next := &rig{t: r.t, store: r.store, dir: filepath.Join(r.t.TempDir(), "copy"), options: r.options}
		if err := os.CopyFS(next.dir, os.DirFS(r.dir)); err != nil {
			r.t.Fatal(err)
		}
		next.start()
		next.expect(next.folder("INBOX"), "")
		next.stop()
		release()
		if err := <-done; err != nil {
			r.t.Fatal(err)
		}
		r.sync(f)
		r.expect(f, "")
	})
}

func TestExpungePolicies(t *testing.T) {
	tests := []struct {
		policy bridge.ExpungePolicy
		trash  int // messages in Deleted Items afterwards
	}{
		{bridge.ExpungeTrash, 1}, {bridge.ExpungePermanent, 0},
	}
	for _, tt := range tests {
		bubble(t, storetest.Options{}, bridge.MailboxOptions{Expunge: tt.policy}, func(r *rig) {
			for n := range 3 {
				r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{})
			}
			f := r.folder("INBOX")
			f.SetFlags(r.ctx(), []uint32{2}, bridge.FlagsAdd, bridge.FlagDeleted, nil, nil)
			failed, err := f.Expunge(r.ctx(), []uint32{1, 2, 3}, nil)
			if failed != nil || err != nil {
				t.Fatalf("%s: Expunge: %v, %v", tt.policy, failed, err)
			}
			r.expect(f, "1: 3:")
			r.store.ResetCalls()
			r.sync(f)
			r.expect(f, "1: 3:")
			if n := r.store.AllCalls(); n != 2 { // delta, and a look whether it came back
				t.Errorf("%s: the echo of an EXPUNGE cost %d calls, want 2", tt.policy, n)
			}
			if got := len(r.store.Contents(r.store.Folder(bridge.RoleTrash))); got != tt.trash {
				t.Errorf("%s: %d messages in Deleted Items, want %d", tt.policy, got, tt.trash)
			}
		})
	}
}

func TestExpungeInTrash(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.deliver(bridge.RoleTrash, 1, storetest.DeliverOptions{})
		f := r.folder("Deleted Items")
		f.SetFlags(r.ctx(), []uint32{1}, bridge.FlagsAdd, bridge.FlagDeleted, nil, nil)
		if _, err := f.Expunge(r.ctx(), []uint32{1}, nil); err != nil {
			t.Fatal(err)
		}
		if got := len(r.store.Contents(r.store.Folder(bridge.RoleTrash))); got != 0 {
			t.Errorf("%d messages left in Deleted Items", got)
		}
	})
}

func TestTransfer(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		for n := range 3 {
			r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{Received: time.Unix(int64(1e9+n), 0)})
		}
		r.deliver(bridge.RoleArchive, 9, storetest.DeliverOptions{})
		in, archive := r.folder("INBOX"), r.folder("Archive")
		in.SetFlags(r.ctx(), []uint32{2}, bridge.FlagsAdd, bridge.FlagAnswered, []string{"k"}, nil)
		pairs, err := in.Transfer(r.ctx(), []uint32{1, 2}, archive, false, nil)
		if want := []bridge.UIDPair{{From: 1, To: 2}, {From: 2, To: 3}}; err != nil || !slices.Equal(pairs, want) {
			t.Fatalf("copy: %v, %v; want %v", pairs, err, want)
		}
		pairs, err = in.Transfer(r.ctx(), []uint32{2, 3, 77}, archive, true, nil)
		if want := []bridge.UIDPair{{From: 2, To: 4}, {From: 3, To: 5}}; err != nil || !slices.Equal(pairs, want) {
			t.Fatalf("move: %v, %v; want %v", pairs, err, want)
		}
		for range 2 {
			r.expect(in, "1:")
			r.expect(archive, "1: 2: 3:A{k} 4:A{k} 5:")
			r.sync(in)
			r.sync(archive)
		}
		pairs, err = archive.Transfer(r.ctx(), []uint32{1}, archive, true, nil)
		if want := []bridge.UIDPair{{From: 1, To: 6}}; err != nil || !slices.Equal(pairs, want) {
			t.Fatalf("move in place: %v, %v; want %v", pairs, err, want)
		}
		r.sync(archive)
		r.expect(archive, "2: 3:A{k} 4:A{k} 5: 6:")
		if d := r.subject(archive, 6); d != "message 9" {
			t.Errorf("subject after the move in place: %q", d)
		}
	})
}

// TestMovedBackAtOnce: what we moved away and somebody moved back before the
// next round is told by delta as removed, and no more.
func TestMovedBackAtOnce(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		in, archive := r.folder("INBOX"), r.folder("Archive")
		if _, err := in.Transfer(r.ctx(), []uint32{1}, archive, true, nil); err != nil {
			t.Fatal(err)
		}
		r.store.MoveMessage(id, r.store.Folder(bridge.RoleInbox))
		r.sync(in)
		r.sync(archive)
		r.expect(in, "2:")
		r.expect(archive, "")
	})
}

func (r *rig) subject(f *bridge.Folder, uid uint32) (s string) {
	r.t.Helper()
	if err := f.Details(r.ctx(), []uint32{uid}, func(_ uint32, d *bridge.Detail) error {
		s = d.Envelope.Subject
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	return s
}
