package bridge_test

import (
	"context"
	"slices"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// taciturn has no immutable ids, and does not tell the new ones.
type taciturn struct{ *storetest.Memory }

func (s taciturn) Move(ctx context.Context, ids []bridge.MessageID, to bridge.FolderID) []bridge.Relocated {
	out := s.Copy(ctx, ids, to)
	for i, err := range s.Delete(ctx, ids, bridge.DisposePermanent) {
		if out[i].Err == nil {
			out[i].Err = err
		}
	}
	return out
}

func (s taciturn) Copy(ctx context.Context, ids []bridge.MessageID, to bridge.FolderID) []bridge.Relocated {
	out := s.Memory.Copy(ctx, ids, to)
	for i := range out {
		out[i].ID = ""
	}
	return out
}

func TestTransferToUnknownIDs(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.front = func(m *storetest.Memory) bridge.Store { return taciturn{m} }
		r.restart()
		for n := range 4 {
			r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{})
		}
		r.deliver(bridge.RoleInbox, 3, storetest.DeliverOptions{}) // the same Message-ID again
		in, archive := r.folder("INBOX"), r.folder("Archive")
		in.SetFlags(r.ctx(), []uint32{2}, bridge.FlagsAdd, bridge.FlagDeleted, nil, nil)
		pairs, err := in.Transfer(r.ctx(), []uint32{1}, archive, false, nil)
		if want := []bridge.UIDPair{{From: 1, To: 1}}; err != nil || !slices.Equal(pairs, want) {
			t.Errorf("copy: %v, %v; want %v", pairs, err, want)
		}
		pairs, err = in.Transfer(r.ctx(), []uint32{2}, archive, true, nil)
		if want := []bridge.UIDPair{{From: 2, To: 2}}; err != nil || !slices.Equal(pairs, want) {
			t.Errorf("move: %v, %v; want %v", pairs, err, want)
		}
		pairs, err = in.Transfer(r.ctx(), []uint32{4, 5}, archive, true, nil)
		if want := []bridge.UIDPair{{From: 4}, {From: 5}}; err != nil || !slices.Equal(pairs, want) {
			t.Errorf("move of two that look the same: %v, %v; want %v", pairs, err, want)
		}
		for range 2 {
			r.expect(in, "1: 3:")
			r.expect(archive, "1: 2:D 3: 4:")
			r.sync(in)
			r.sync(archive)
		}
	})
}

// TestCopyWithoutAnswer: whether a copy was made is seen in its folder.
func TestCopyWithoutAnswer(t *testing.T) {
	for _, late := range []bool{false, true} {
		bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
			r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
			in, archive := r.folder("INBOX"), r.folder("Archive")
			r.store.Inject(storetest.Copy, storetest.Fault{Err: bridge.ErrUnavailable, Late: late})
			pairs, err := in.Transfer(r.ctx(), []uint32{1}, archive, false, nil)
			if late && (err != nil || !slices.Equal(pairs, []bridge.UIDPair{{From: 1, To: 1}})) {
				t.Errorf("made, but %v, %v", pairs, err)
			}
			if !late && err == nil {
				t.Errorf("not made, but %v", pairs)
			}
			if n := archive.Snapshot().Len(); n != map[bool]int{false: 0, true: 1}[late] {
				t.Errorf("late=%t: %d copies", late, n)
			}
		})
	}
}
