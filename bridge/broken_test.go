package bridge_test

import (
	"errors"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestTextThatBreaksOff: a text whose transfer breaks off is read again, for there
// are programs that never ask again for a message that was once refused (mbsync).
func TestTextThatBreaksOff(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		r.deliver(bridge.RoleInbox, 2, storetest.DeliverOptions{})
		f := r.folder("INBOX")
		broken := func(n int) {
			for range n {
				r.store.Inject(storetest.MIME, storetest.Fault{Err: bridge.ErrUnavailable, After: 20})
			}
		}
		broken(3)
		if text, standIn, err := r.read(f, 1); text != string(mail(1)) || standIn || err != nil {
			t.Errorf("read %q, stand-in %t, %v", text, standIn, err)
		}
		if n := r.store.Calls(storetest.MIME); n != 4 {
			t.Errorf("%d requests, want 4", n)
		}
		broken(4)
		if text, _, err := r.read(f, 2); !errors.Is(err, bridge.ErrUnavailable) {
			t.Errorf("read %q, %v; want unavailable", text, err)
		}
		if text, _, err := r.read(f, 2); text != string(mail(2)) || err != nil {
			t.Errorf("afterwards: %q, %v", text, err)
		}
	})
}
