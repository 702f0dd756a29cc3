package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

func (r *rig) names() string {
	r.t.Helper()
	entries, err := r.Tree(r.ctx())
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		s := e.Name
		if e.Role != bridge.RoleNone {
			s += "=" + string(e.Role)
		}
		if e.HasChildren {
			s += "+"
		}
		names = append(names, s)
	}
	return strings.Join(names, " | ")
}

func TestTreeNames(t *testing.T) {
	bubble(t, storetest.Options{Names: storetest.German(), NoArchive: true}, bridge.MailboxOptions{}, func(r *rig) {
		in := r.store.Folder(bridge.RoleInbox)
		r.store.AddFolder(in, "AC/DC")
		r.store.AddFolder(in, "AC∕DC")
		r.store.AddFolder("", "Inbox")
		work := r.store.AddFolder("", "Büro & Co")
		r.store.AddFolder(work, " ")
		got := r.names()
		want := "INBOX=inbox+ | INBOX/AC∕DC | INBOX/AC∕DC (2) | Büro & Co+ | Büro & Co/_ | Entwürfe=drafts | " +
			"Gelöschte Elemente=trash | Gesendete Elemente=sent | Inbox (2) | Junk-E-Mail=junk | Outbox"
		if got != want {
			t.Errorf("tree:\n got %s\nwant %s", got, want)
		}
	})
}

func TestTreeChanges(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		ctx := r.ctx()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		is := func(err, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		must(r.Create(ctx, "A/B/C/"))
		is(r.Create(ctx, "A/B"), bridge.ErrExists)
		is(r.Create(ctx, "A//B"), bridge.ErrInvalid)
		is(r.Create(ctx, "inbox"), bridge.ErrExists)
		f := r.folder("A/B/C")
		validity := f.UIDValidity()
		must(r.Rename(ctx, "A/B/C", "X/Y"))
		if g := r.folder("X/Y"); g.UIDValidity() != validity {
			t.Error("a rename changed UIDVALIDITY")
		}
		_, err := r.Folder(ctx, "A/B/C")
		is(err, bridge.ErrNotFound)
		is(r.Rename(ctx, "A", "A/B/D"), bridge.ErrInvalid)
		is(r.Rename(ctx, "A", "X"), bridge.ErrExists)
		is(r.Rename(ctx, "Drafts", "D"), bridge.ErrDenied)
		is(r.Delete(ctx, "A"), bridge.ErrInvalid)
		is(r.Delete(ctx, "INBOX"), bridge.ErrDenied)
		is(r.Delete(ctx, "none"), bridge.ErrNotFound)
		must(r.Delete(ctx, "X/Y"))
		if !strings.Contains(r.names(), "Deleted Items/Y") {
			t.Errorf("a deleted folder does not show below Deleted Items: %s", r.names())
		}
		must(r.Create(ctx, "X/Y"))
		if g := r.folder("X/Y"); g.UIDValidity() <= validity {
			t.Errorf("UIDVALIDITY of a new folder is %d, the old one of that name had %d", g.UIDValidity(), validity)
		}
		// INBOX: its messages go, it stays.
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		must(r.Rename(ctx, "INBOX", "Old"))
		r.expect(r.folder("Old"), "1:")
		r.expect(r.folder("INBOX"), "")
	})
}

func TestSubscriptions(t *testing.T) {
	bubble(t, storetest.Options{NoArchive: true}, bridge.MailboxOptions{}, func(r *rig) {
		r.Subscribe(r.ctx(), "Junk Email", false)
		r.Subscribe(r.ctx(), "Not/There", true)
		for range 2 {
			list, err := r.Subscribed(r.ctx())
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range list {
				names = append(names, fmt.Sprint(e.Name, e.NoSelect))
			}
			want := "INBOXfalse Deleted Itemsfalse Draftsfalse Not/Theretrue Outboxfalse Sent Itemsfalse"
			if got := strings.Join(names, " "); got != want {
				t.Errorf("subscribed: %s, want %s", got, want)
			}
			r.restart()
		}
	})
}

func TestFolderGone(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		id := r.store.AddFolder("", "Temp")
		f := r.folder("Temp")
		w := f.Watch(false)
		defer w.Close()
		r.store.RemoveFolder(id)
		time.Sleep(2 * time.Second)
		if err := f.Sync(r.ctx()); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("Sync of a deleted folder: %v", err)
		}
		<-w.C
		if !f.Gone() {
			t.Error("the folder does not know that it is gone")
		}
	})
}

// TestRenameUndone holds that a folder whose second step fails is moved back, and that the
// client does not wait for ever where that hangs.
func TestRenameUndone(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		if err := errors.Join(r.Create(r.ctx(), "A/B"), r.Create(r.ctx(), "X")); err != nil {
			t.Fatal(err)
		}
		rename := func(hang bool) error {
			moving, move := r.store.Hold(storetest.MoveFolder)
			renaming, rename := r.store.Hold(storetest.RenameFolder)
			r.store.Fail(storetest.RenameFolder, 1, bridge.ErrUnavailable)
			done := make(chan error, 1)
			go func() { done <- r.Rename(r.ctx(), "A/B", "X/Y") }()
			<-moving
			move()
			<-renaming
			if hang {
				_, move = r.store.Hold(storetest.MoveFolder)
				defer move()
			}
			rename()
			select {
			case err := <-done:
				return err
			case <-time.After(time.Hour):
				move()
				<-done
				return errors.New("it hangs")
			}
		}
		if err := rename(false); !errors.Is(err, bridge.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		r.folder("A/B")
		if err := rename(true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("where it cannot be moved back: %v", err)
		}
	})
}
