package bridge_test

import (
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestCameAndWent files messages that somebody takes elsewhere before a round: the
// service tells nothing of them in the folder where they were.
func TestCameAndWent(t *testing.T) {
	append := func(r *rig, f *bridge.Folder) bridge.MessageID {
		r.t.Helper()
		uid, err := f.Append(r.ctx(), strings.NewReader(string(mail(1))), int64(len(mail(1))), bridge.AppendOptions{Date: time.Now()})
		if err != nil {
			r.t.Fatal(err)
		}
		return f.Snapshot().Row(uid).ID
	}
	move := func(r *rig, id bridge.MessageID, to bridge.Role) {
		r.t.Helper()
		if got := r.store.Move(r.ctx(), []bridge.MessageID{id}, r.store.Folder(to)); got[0].Err != nil {
			r.t.Fatal(got[0].Err)
		}
	}
	t.Run("while running", func(t *testing.T) {
		bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
			inbox, archive := r.folder("INBOX"), r.folder("Archive")
			move(r, append(r, archive), bridge.RoleInbox)
			r.sync(archive) // may be late with its news
			time.Sleep(time.Minute)
			r.sync(archive)
			r.expect(archive, "")
			r.sync(inbox)
			r.expect(inbox, "1:")
		})
	})
	t.Run("copied, before a restart", func(t *testing.T) {
		bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
			inbox, archive := r.folder("INBOX"), r.folder("Archive")
			append(r, inbox)
			r.sync(inbox)
			if _, err := inbox.Transfer(r.ctx(), []uint32{1}, archive, false, nil); err != nil {
				r.t.Fatal(err)
			}
			r.expect(archive, "1:")
			id := archive.Snapshot().Row(1).ID
			r.restart()
			move(r, id, bridge.RoleTrash)
			r.expect(r.folder("Archive"), "")
		})
	})
	t.Run("nothing is asked of who stays", func(t *testing.T) {
		bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
			archive := r.folder("Archive")
			append(r, archive)
			r.sync(archive)
			r.restart()
			archive = r.folder("Archive")
			r.store.ResetCalls()
			time.Sleep(time.Hour)
			r.sync(archive)
			r.expect(archive, "1:")
			if n := r.store.Calls(storetest.Messages); n != 0 {
				r.t.Errorf("%d messages were asked for", n)
			}
		})
	})
}
