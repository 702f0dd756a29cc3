package bridge_test

import (
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/bridge/storetest"
)

// TestContentAtHand: only what needs neither the service nor a parse is given at once.
func TestContentAtHand(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f := r.folder("INBOX")
		if c := f.ContentAtHand(1, nil, true); c != nil {
			t.Error("a text that was never read is at hand")
		}
		c, err := f.Content(r.ctx(), 1)
		if err != nil {
			t.Fatal(err)
		}
		root, size := c.Root, c.Size
		c.Close()
		other := *root
		other.End++
		r.store.ResetCalls()
		for _, test := range []struct {
			name   string
			uid    uint32
			stored *mimepart.Part
			whole  bool
			want   bool
		}{
			{"with parts", 1, root, false, true},
			{"whole", 1, nil, true, true},
			{"without parts", 1, nil, false, false},
			{"with parts of another form", 1, &other, false, false},
			{"unknown", 2, root, true, false},
		} {
			c := f.ContentAtHand(test.uid, test.stored, test.whole)
			if got := c != nil; got != test.want {
				t.Errorf("%s: at hand %t, want %t", test.name, got, test.want)
			}
			if c == nil {
				continue
			}
			text := make([]byte, size)
			if _, err := c.ReadAt(text, 0); err != nil || c.Size != size || !strings.HasPrefix(string(text), string(mail(1))[:10]) {
				t.Errorf("%s: %d octets %.20q, %v", test.name, c.Size, text, err)
			}
			c.Close()
		}
		if n := r.store.AllCalls(); n != 0 {
			t.Errorf("%d calls of the store, want none", n)
		}
	})
}
