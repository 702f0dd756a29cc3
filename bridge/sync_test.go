package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

func TestServiceAway(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		r.store.Fail(storetest.List, 1, bridge.ErrCredentials)
		f, err := r.Folder(r.ctx(), "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(r.ctx()); !errors.Is(err, bridge.ErrCredentials) || f.Synced() {
			t.Errorf("first sync: %v, synced %v", err, f.Synced())
		}
		r.sync(f)
		r.restart()
		r.store.Fail(storetest.Folders, 1000, bridge.ErrUnavailable)
		r.store.Fail(storetest.Delta, 1000, bridge.ErrUnavailable)
		if f, err = r.Folder(r.ctx(), "INBOX"); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(r.ctx()); !errors.Is(err, bridge.ErrUnavailable) {
			t.Errorf("Sync while away: %v", err)
		}
		if !f.Synced() {
			t.Fatal("a folder known from the index does not count as synced")
		}
		r.expect(f, "1:")
		if names := r.names(); !strings.Contains(names, "INBOX") {
			t.Errorf("folders while away: %s", names)
		}
	})
}

func TestIdlePoll(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{IdlePoll: 5 * time.Second}, func(r *rig) {
		f := r.folder("INBOX")
		w := f.Watch(false)
		defer w.Close()
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		select {
		case <-w.C:
			t.Fatal("polled without anybody waiting")
		case <-time.After(time.Minute):
		}
		w.SetIdle(true)
		begin := time.Now()
		<-w.C
		r.expect(f, "1:")
		r.deliver(bridge.RoleInbox, 2, storetest.DeliverOptions{})
		<-w.C
		r.expect(f, "1: 2:")
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("two arrivals took %v of waiting, the interval is 5s", d)
		}
		// Failures make the polls rarer, and a recovery brings the news.
		r.store.Fail(storetest.Delta, 3, bridge.ErrUnavailable)
		r.deliver(bridge.RoleInbox, 3, storetest.DeliverOptions{})
		<-w.C
		r.expect(f, "1: 2: 3:")
	})
}
