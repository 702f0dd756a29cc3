package bridge_test

import (
	"bytes"
	"io"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

func TestRewrittenDraftGetsNewUID(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.deliver(bridge.RoleDrafts, 1, storetest.DeliverOptions{Draft: true, Read: true})
		f := r.folder("Drafts")
		c, err := f.Content(r.ctx(), 1)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		r.store.Rewrite(id, mail(2))
		r.sync(f)
		r.expect(f, "2:SR")
		if c, err = f.Content(r.ctx(), 2); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got, _ := io.ReadAll(io.NewSectionReader(c, 0, c.Size)); !bytes.Equal(got, mail(2)) {
			t.Errorf("text of the new UID: %q", got)
		}
	})
}

// What a client says of \Draft stays, whatever listings repeat, until the draft is
// another one.
func TestDraftAsTheClientSays(t *testing.T) {
	bubble(t, storetest.Options{FullRows: true}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.deliver(bridge.RoleDrafts, 1, storetest.DeliverOptions{Draft: true})
		f := r.folder("Drafts")
		r.expect(f, "1:R")
		if _, err := f.SetFlags(r.ctx(), []uint32{1}, bridge.FlagsRemove, bridge.FlagDraft, nil, nil); err != nil {
			t.Fatal(err)
		}
		r.expect(f, "1:")
		r.store.SetRead(id, true)
		r.sync(f)
		r.expect(f, "1:S")
		r.store.ExpireDelta()
		r.sync(f)
		r.expect(f, "1:S")
		r.store.Rewrite(id, mail(2))
		r.sync(f)
		r.expect(f, "2:SR")
	})
}
