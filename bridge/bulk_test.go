package bridge_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// fillInbox delivers n messages and returns the synchronised INBOX.
func (r *rig) fillInbox(n int) *bridge.Folder {
	r.t.Helper()
	for i := range n {
		r.deliver(bridge.RoleInbox, i, storetest.DeliverOptions{})
	}
	return r.folder("INBOX")
}

func seen(s *bridge.Snapshot) (n int) {
	for i := range s.Len() {
		if s.At(i).Flags&bridge.FlagSeen != 0 {
			n++
		}
	}
	return n
}

// TestLargeOrderInParts: another session sees the finished part of a large order
// while the rest is under way, and progress is told.
func TestLargeOrderInParts(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(1000)
		var told []int
		failed, err := f.SetFlags(r.ctx(), f.Snapshot().UIDs(), bridge.FlagsAdd, bridge.FlagSeen, nil, func(done, total int) {
			told = append(told, done)
			if total != 1000 || seen(f.Snapshot()) != done {
				t.Errorf("told %d of %d done, a session sees %d", done, total, seen(f.Snapshot()))
			}
		})
		if err != nil || failed != nil || !slices.Equal(told, []int{300, 600, 900, 1000}) {
			t.Errorf("failed %v, error %v, told %v", failed, err, told)
		}
	})
}

// TestLargeOrderFailsInPart: what a part could not do is named, later parts go
// on, and an outage ends the order.
func TestLargeOrderFailsInPart(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(1000)
		uids := f.Snapshot().UIDs()
		r.store.Inject(storetest.SetFlags, storetest.Fault{Late: true}) // the first part succeeds
		r.store.Inject(storetest.SetFlags, storetest.Fault{After: 290, Err: bridge.ErrUnavailable})
		failed, err := f.SetFlags(r.ctx(), uids, bridge.FlagsAdd, bridge.FlagSeen, nil, nil)
		if !slices.Equal(failed, uids[590:600]) || !errors.Is(err, bridge.ErrUnavailable) || seen(f.Snapshot()) != 990 {
			t.Errorf("failed %v, error %v, %d seen", failed, err, seen(f.Snapshot()))
		}
		r.store.ResetCalls()
		for range 9 {
			r.store.Inject(storetest.SetFlags, storetest.Fault{Err: bridge.ErrUnavailable})
		}
		failed, err = f.SetFlags(r.ctx(), uids, bridge.FlagsAdd, bridge.FlagFlagged, nil, nil)
		if !slices.Equal(failed, uids) || err == nil || r.store.Calls(storetest.SetFlags) != 1 {
			t.Errorf("service away: %d failed, error %v, %d calls", len(failed), err, r.store.Calls(storetest.SetFlags))
		}
	})
}

// TestLargeMoveKeepsOrder moves more than a part, with the service failing in
// between: pairs are in order and tell the truth about both folders.
func TestLargeMoveKeepsOrder(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f, archive := r.fillInbox(700), r.folder("Archive")
		r.store.Inject(storetest.Move, storetest.Fault{After: 299, Err: bridge.ErrNotFound})
		r.store.Inject(storetest.Move, storetest.Fault{After: 299, Err: bridge.ErrUnavailable})
		pairs, err := f.Transfer(r.ctx(), f.Snapshot().UIDs(), archive, true, nil)
		if !errors.Is(err, bridge.ErrUnavailable) {
			t.Errorf("error %v: a message that was gone hides the failure", err)
		}
		if len(pairs) != 698 || f.Snapshot().Len() != 2 || archive.Snapshot().Len() != 698 {
			t.Fatalf("%d pairs, %d left, %d arrived", len(pairs), f.Snapshot().Len(), archive.Snapshot().Len())
		}
		for i, p := range pairs {
			if i > 0 && (p.From <= pairs[i-1].From || p.To != pairs[i-1].To+1) {
				t.Fatalf("pairs %v, %v", pairs[i-1], p)
			}
		}
		r.sync(f)
		r.sync(archive)
		if f.Snapshot().Len() != 2 || archive.Snapshot().Len() != 698 {
			t.Errorf("after a round %d and %d messages", f.Snapshot().Len(), archive.Snapshot().Len())
		}
	})
}

// TestCopyIsAllOrNothing: RFC 3501 §6.4.7.
func TestCopyIsAllOrNothing(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f, archive := r.fillInbox(400), r.folder("Archive")
		r.store.Inject(storetest.Copy, storetest.Fault{Late: true})
		r.store.Inject(storetest.Copy, storetest.Fault{After: 50, Err: bridge.ErrQuota})
		pairs, err := f.Transfer(r.ctx(), f.Snapshot().UIDs(), archive, false, nil)
		if pairs != nil || !errors.Is(err, bridge.ErrQuota) {
			t.Errorf("%d pairs, error %v", len(pairs), err)
		}
		r.sync(archive)
		if n := archive.Snapshot().Len(); n != 0 {
			t.Errorf("%d copies were left behind", n)
		}
	})
}

// TestOrderCancelled: a client that goes away ends its order between parts, and
// what was done is known.
func TestOrderCancelled(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(900)
		ctx, cancel := context.WithCancel(r.ctx())
		failed, err := f.SetFlags(ctx, f.Snapshot().UIDs(), bridge.FlagsAdd, bridge.FlagSeen, nil, func(done, _ int) {
			if done == 300 {
				cancel()
			}
		})
		if len(failed) != 600 || !errors.Is(err, context.Canceled) || seen(f.Snapshot()) != 300 {
			t.Errorf("%d failed, error %v, %d seen", len(failed), err, seen(f.Snapshot()))
		}
	})
}

// TestManyArrivalsByListing: a round with many strangers takes pages of the
// folder instead of batches of ids, and misses nothing.
func TestManyArrivalsByListing(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(3)
		for i := range 500 {
			r.deliver(bridge.RoleInbox, 10+i, storetest.DeliverOptions{})
		}
		r.store.ResetCalls()
		r.sync(f)
		if n := f.Snapshot().Len(); n != 503 || r.store.Calls(storetest.List) != 1 || r.store.Calls(storetest.Messages) != 0 {
			t.Errorf("%d messages by %d listings and %d reads by id", n, r.store.Calls(storetest.List), r.store.Calls(storetest.Messages))
		}
		// The echo of a large move: one listing, nothing comes back.
		archive := r.folder("Archive")
		if _, err := f.Transfer(r.ctx(), f.Snapshot().UIDs(), archive, true, nil); err != nil {
			t.Fatal(err)
		}
		r.store.ResetCalls()
		r.sync(f)
		if n := f.Snapshot().Len(); n != 0 || r.store.Calls(storetest.Messages) != 0 {
			t.Errorf("%d messages after all were moved, %d reads by id", n, r.store.Calls(storetest.Messages))
		}
	})
}
