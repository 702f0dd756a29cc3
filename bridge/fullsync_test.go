package bridge_test

import (
	"errors"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestFirstSyncGoesOn interrupts a first sync after some pages: after a restart
// the listing goes on where it was, and what changed meanwhile is noticed.
func TestFirstSyncGoesOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		expire bool
		most   int // pages that the second run may list
	}{{"in place", false, 5}, {"place expired", true, 12}} {
		bubble(t, storetest.Options{PageSize: 10}, bridge.MailboxOptions{}, func(r *rig) {
			base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			var ids []bridge.MessageID
			for n := range 100 {
				ids = append(ids, r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{Received: base.Add(time.Duration(n) * time.Hour)}))
			}
			r.store.Inject(storetest.List, storetest.Fault{After: 7, Err: bridge.ErrUnavailable})
			f, err := r.Folder(r.ctx(), "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Sync(r.ctx()); !errors.Is(err, bridge.ErrUnavailable) || f.Synced() {
				t.Fatalf("interrupted: %v", err)
			}
			r.stop()
			// The newest are listed first, so these are staged.
			r.store.Remove(ids[99])
			r.store.SetRead(ids[98], true)
			r.store.MoveMessage(ids[97], r.store.Folder(bridge.RoleArchive))
			late := r.deliver(bridge.RoleInbox, 100, storetest.DeliverOptions{Received: base.Add(200 * time.Hour)})
			if c.expire {
				r.store.ExpireDelta()
			}
			listed := r.store.ListedPages()
			r.start()
			f = r.folder("INBOX")
			snap := f.Snapshot()
			if snap.Len() != 99 {
				t.Fatalf("%s: %d messages, want 99", c.name, snap.Len())
			}
			for i := range 97 {
				if row := snap.At(i); row.ID != ids[i] || row.UID != uint32(i+1) {
					t.Fatalf("%s: message %d has UID %d: not in order of arrival", c.name, i, row.UID)
				}
			}
			if row := snap.At(97); row.ID != ids[98] || row.Flags&bridge.FlagSeen == 0 {
				t.Errorf("%s: a message read meanwhile: %+v", c.name, row)
			}
			if snap.At(98).ID != late {
				t.Errorf("%s: the message that came meanwhile is not the last", c.name)
			}
			if n := r.store.ListedPages() - listed; n > c.most {
				t.Errorf("%s: %d pages listed after the restart, at most %d", c.name, n, c.most)
			}
			before := show(snap)
			r.restart()
			f = r.folder("INBOX")
			r.expect(f, before)
		})
	}
}

// TestFirstSyncInterruptedWhileEntering: a failure between two commits keeps the
// UIDs that were given.
func TestFirstSyncInterruptedWhileEntering(t *testing.T) {
	bubble(t, storetest.Options{PageSize: 500}, bridge.MailboxOptions{}, func(r *rig) {
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for n := range 2500 {
			r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{Received: base.Add(time.Duration(n) * time.Minute)})
		}
		f, err := r.Folder(r.ctx(), "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		// The walk and the listing succeed, the round that ends the sync does not.
		r.store.Inject(storetest.Delta, storetest.Fault{Late: true})
		r.store.Fail(storetest.Delta, 1, bridge.ErrUnavailable)
		if err := f.Sync(r.ctx()); !errors.Is(err, bridge.ErrUnavailable) || f.Synced() {
			t.Fatalf("interrupted: %v", err)
		}
		r.restart()
		f = r.folder("INBOX")
		snap := f.Snapshot()
		if snap.Len() != 2500 || snap.UIDNext != 2501 {
			t.Fatalf("%d messages, UIDNEXT %d", snap.Len(), snap.UIDNext)
		}
		for i := range snap.Len() {
			if want := base.Add(time.Duration(i) * time.Minute); !snap.At(i).Received.Equal(want) {
				t.Fatalf("UID %d was received %v, want %v", snap.At(i).UID, snap.At(i).Received, want)
			}
		}
	})
}
