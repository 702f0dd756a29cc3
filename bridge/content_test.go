package bridge_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

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

func TestContentStaysAndSizeBecomesExact(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f := r.folder("INBOX")
		if row := f.Snapshot().At(0); row.SizeExact || row.Size < int64(len(mail(1))) {
			t.Errorf("size before reading: %d, exact %v", row.Size, row.SizeExact)
		}
		for range 2 {
			c, err := f.Content(r.ctx(), 1)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size))
			if err != nil || !bytes.Equal(got, mail(1)) {
				t.Fatalf("content %q, %v", got, err)
			}
			if c.Root.Envelope.Date != "Mon, 02 Mar 2026 10:00:00 +0100" {
				t.Errorf("raw date %q", c.Root.Envelope.Date)
			}
			c.Close()
		}
		if got := r.store.Calls(storetest.MIME); got != 1 {
			t.Errorf("two reads made %d requests", got)
		}
		before := f.Snapshot()
		time.Sleep(5 * time.Second)
		after := f.Snapshot()
		if row := after.At(0); !row.SizeExact || row.Size != int64(len(mail(1))) {
			t.Errorf("size after reading: %d, exact %v", row.Size, row.SizeExact)
		}
		if gone, changed, added := before.Diff(after); len(gone)+len(changed)+added != 0 {
			t.Error("learning a size disturbs sessions")
		}
	})
}

func TestExactSizes(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{ExactSizes: true}, func(r *rig) {
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f := r.folder("INBOX")
		if err := f.EnsureSizes(r.ctx(), []uint32{1}, nil); err != nil {
			t.Fatal(err)
		}
		if row := f.Snapshot().At(0); !row.SizeExact || row.Size != int64(len(mail(1))) {
			t.Errorf("size %d, exact %v; want %d", row.Size, row.SizeExact, len(mail(1)))
		}
	})
}
