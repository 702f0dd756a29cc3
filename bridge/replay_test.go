package bridge_test

import (
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestReplays: where delta has no memory, a round costs no look at every message, and
// what went is found by what is left out.
func TestReplays(t *testing.T) {
	bubble(t, storetest.Options{Forgetful: true}, bridge.MailboxOptions{}, func(r *rig) {
		var ids []bridge.MessageID
		for n := range 40 {
			ids = append(ids, r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{Received: time.Unix(int64(1e9+n), 0)}))
		}
		f := r.folder("INBOX")
		r.sync(f)
		r.store.ResetCalls()
		r.sync(f)
		if got := r.store.AllCalls(); got != 1 {
			t.Errorf("a round without news made %d calls, want 1", got)
		}
		for _, gone := range []int{3, 17} {
			r.store.Remove(ids[gone])
			r.sync(f)
		}
		if got := f.Snapshot().Len(); got != 38 {
			t.Errorf("%d messages, want 38", got)
		}
	})
}
