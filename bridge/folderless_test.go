package bridge_test

import (
	"context"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// folderless does not tell the folder of a message that it is asked for.
type folderless struct{ *storetest.Memory }

func (f folderless) Messages(ctx context.Context, ids []bridge.MessageID) ([]bridge.MessageInfo, error) {
	found, err := f.Memory.Messages(ctx, ids)
	for i := range found {
		found[i].Folder = ""
	}
	return found, err
}

// TestFolderNotTold: where a service does not tell in which folder a message is, what a
// round says of it is believed. It was taken for one of another folder, and lost.
func TestFolderNotTold(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.front = func(m *storetest.Memory) bridge.Store { return folderless{m} }
		r.restart()
		first := r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f := r.folder("INBOX")
		r.sync(f)
		r.deliver(bridge.RoleInbox, 2, storetest.DeliverOptions{})
		r.sync(f)
		if got := f.Snapshot().Len(); got != 2 {
			t.Errorf("%d messages, want 2", got)
		}
		r.store.Remove(first)
		r.sync(f)
		if got := f.Snapshot().Len(); got != 1 {
			t.Errorf("%d messages, want 1", got)
		}
	})
}
