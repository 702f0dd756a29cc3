package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
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

func TestAppend(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		date := time.Date(2020, 5, 6, 7, 8, 9, 0, time.FixedZone("", 7200))
		f, err := r.Folder(r.ctx(), "Archive")
		if err != nil {
			t.Fatal(err)
		}
		uid, err := f.Append(r.ctx(), bytes.NewReader(mail(1)), int64(len(mail(1))), bridge.AppendOptions{
			Flags: bridge.FlagSeen | bridge.FlagAnswered, Keywords: []string{"$Forwarded", "todo"}, Date: date,
		})
		if err != nil || uid != 1 {
			t.Fatalf("Append: %d, %v", uid, err)
		}
		for range 2 {
			r.expect(f, "1:SAW{todo}")
			if row := f.Snapshot().At(0); !row.Received.Equal(date) || row.Size != int64(len(mail(1))) {
				t.Errorf("received %v, size %d", row.Received, row.Size)
			}
			r.sync(f)
		}
		c, err := f.Content(r.ctx(), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got, _ := io.ReadAll(io.NewSectionReader(c, 0, c.Size)); !bytes.Equal(got, mail(1)) {
			t.Errorf("read back %q", got)
		}
		if got := r.store.Calls(storetest.MIME); got != 0 {
			t.Errorf("reading back cost %d requests", got)
		}
		if got := r.store.Contents(r.store.Folder(bridge.RoleArchive))[0]; got.Draft {
			t.Error("the appended message is a draft")
		}
		_, err = f.Append(r.ctx(), bytes.NewReader(mail(1)[:20]), 40, bridge.AppendOptions{})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a short message: %v", err)
		}
	})
}

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

func TestSearch(t *testing.T) {
	mails := []string{
		"From: Ann <ann@example.org>\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Wien\r\nDate: Mon, 02 Mar 2026 23:30:00 -0500\r\n\r\nHello World\r\n",
		"From: Bob <bob@example.com>\r\nCc: ann@example.org\r\nX-Tag: Blue Moon\r\nSubject: report\r\nDate: Tue, 03 Mar 2026 10:00:00 +0000\r\n" +
			"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nK=F6ln am Rhein\r\n--b\r\nContent-Type: application/octet-stream; name=secret.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nSGlkZGVu\r\n--b--\r\n",
	}
	key := func(op bridge.SearchOp, field, value string) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Field: field, Value: value}
	}
	on := func(op bridge.SearchOp, d int) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Date: time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC)}
	}
	combine := func(op bridge.SearchOp, keys ...bridge.SearchKey) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Keys: keys}
	}
	tests := []struct {
		name string
		key  bridge.SearchKey
		want []uint32
		text bool // may read message text
	}{
		{"all", bridge.SearchKey{}, []uint32{1, 2}, false},
		{"from name", key(bridge.SearchHeader, "From", "ANN"), []uint32{1}, false},
		{"from address", key(bridge.SearchHeader, "from", "bob@EXAMPLE"), []uint32{2}, false},
		{"cc", key(bridge.SearchHeader, "Cc", "ann"), []uint32{2}, false},
		{"subject decoded", key(bridge.SearchHeader, "Subject", "GRÜSSE"), nil, false},
		{"subject umlaut", key(bridge.SearchHeader, "Subject", "grüße"), []uint32{1}, false},
		{"sent on, in UTC", on(bridge.SearchSentOn, 3), []uint32{1, 2}, false},
		{"sent since", on(bridge.SearchSentSince, 4), nil, false},
		{"received on", on(bridge.SearchOn, 4), []uint32{1, 2}, false},
		{"received before", on(bridge.SearchBefore, 4), nil, false},
		{"flag", bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagSeen}, []uint32{2}, false},
		{"not flag", combine(bridge.SearchNot, bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagSeen}), []uint32{1}, false},
		{"keyword", key(bridge.SearchKeyword, "", "BLUE_category"), []uint32{2}, false},
		{"uid", bridge.SearchKey{Op: bridge.SearchUIDs, Ranges: []bridge.UIDRange{{First: 2, Last: 9}}}, []uint32{2}, false},
		{"other header", key(bridge.SearchHeader, "x-tag", "blue"), []uint32{2}, true},
		{"header there", key(bridge.SearchHeader, "x-tag", ""), []uint32{2}, true},
		{"body", key(bridge.SearchBody, "", "hello w"), []uint32{1}, true},
		{"body charset", key(bridge.SearchBody, "", "KÖLN"), []uint32{2}, true},
		{"body not header", key(bridge.SearchBody, "", "blue moon"), nil, true},
		{"text header", key(bridge.SearchText, "", "blue moon"), []uint32{2}, true},
		{"not in binary", key(bridge.SearchBody, "", "hidden"), nil, true},
		{"or", combine(bridge.SearchOr, key(bridge.SearchBody, "", "hello"), key(bridge.SearchHeader, "x-tag", "moon")), []uint32{1, 2}, true},
		{"and decides early", combine(bridge.SearchAnd, key(bridge.SearchBody, "", "hello"), key(bridge.SearchHeader, "From", "nobody")), nil, false},
		{"larger", bridge.SearchKey{Op: bridge.SearchLarger, Size: 10}, []uint32{1, 2}, false},
		{"smaller", bridge.SearchKey{Op: bridge.SearchSmaller, Size: 10}, nil, false},
	}
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		for i, m := range mails {
			r.store.Deliver(r.store.Folder(bridge.RoleInbox), []byte(m), storetest.DeliverOptions{
				Received: time.Date(2026, 3, 4, 10+i, 0, 0, 0, time.UTC), Read: i == 1,
				Categories: [][]string{nil, {"Blue category"}}[i],
			})
		}
		f := r.folder("INBOX")
		for _, tt := range tests {
			r.store.ResetCalls()
			got, err := f.Search(r.ctx(), f.Snapshot(), tt.key, nil)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
			}
			if n := r.store.AllCalls(); n > 0 && !tt.text {
				t.Errorf("%s: asked the service %d times", tt.name, n)
			}
		}
		// Once the text was read, the day is that of the Date field as written.
		time.Sleep(5 * time.Second)
		if got, err := f.Search(r.ctx(), f.Snapshot(), on(bridge.SearchSentOn, 2), nil); err != nil || !slices.Equal(got, []uint32{1}) {
			t.Errorf("sent on, own zone: %v, %v; want [1]", got, err)
		}
	})
}

// TestRandom lets a client and somebody else change a mailbox at random, with
// failures and expired links in between, and compares with the service's truth.
func TestRandom(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			so := storetest.Options{PageSize: 3, FullRows: seed%2 == 0, Replay: seed%3 == 0}
			bubble(t, so, bridge.MailboxOptions{}, func(r *rig) { randomRun(r, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func randomRun(r *rig, rnd *rand.Rand) {
	roles := []bridge.Role{bridge.RoleInbox, bridge.RoleArchive}
	names := []string{"INBOX", "Archive"}
	n := 0
	seen := map[string]map[uint32]bridge.MessageID{} // a UID never means another message
	for step := range 150 {
		k := rnd.IntN(2)
		id := r.store.Folder(roles[k])
		list := r.store.Contents(id)
		switch c := rnd.IntN(14); {
		case c < 4 || len(list) == 0:
			n++
			r.deliver(roles[k], n, storetest.DeliverOptions{Read: rnd.IntN(2) == 0})
		case c < 8:
			m := list[rnd.IntN(len(list))]
			[]func(){
				func() { r.store.SetRead(m.ID, rnd.IntN(2) == 0) },
				func() { r.store.SetFlagged(m.ID, rnd.IntN(2) == 0) },
				func() { r.store.SetCategories(m.ID, "a", "b") },
				func() { r.store.MoveMessage(m.ID, r.store.Folder(roles[1-k])) },
				func() { r.store.Remove(m.ID) },
				func() { r.store.ExpireDelta() },
			}[rnd.IntN(6)]()
		default:
			f, err := r.Folder(r.ctx(), names[k])
			if err != nil {
				r.t.Fatal(err)
			}
			if f.Synced() {
				randomOrder(r, rnd, f, names[1-k])
			}
		}
		if rnd.IntN(30) == 0 {
			r.restart()
		}
		if rnd.IntN(4) > 0 {
			continue
		}
		for k, name := range names {
			f := r.folder(name)
			// A second round settles what the first one had to put off.
			r.sync(f)
			compare(r, f, r.store.Contents(r.store.Folder(roles[k])), seen, step)
		}
	}
}

func randomOrder(r *rig, rnd *rand.Rand, f *bridge.Folder, other string) {
	snap := f.Snapshot()
	if snap.Len() == 0 {
		return
	}
	var uids []uint32
	for i := range snap.Len() {
		if rnd.IntN(3) == 0 {
			uids = append(uids, snap.At(i).UID)
		}
	}
	ctx := context.Background()
	switch rnd.IntN(5) {
	case 0:
		f.SetFlags(ctx, uids, bridge.FlagOp(rnd.IntN(3)), bridge.Flags(rnd.IntN(64)), []string{"kw"}, nil)
	case 1:
		f.SetFlags(ctx, uids, bridge.FlagsAdd, bridge.FlagDeleted, nil, nil)
		f.Expunge(ctx, snap.UIDs(), nil)
	case 2, 3:
		if dest, err := r.Folder(ctx, other); err == nil {
			f.Transfer(ctx, uids, dest, rnd.IntN(2) == 0, nil)
		}
	case 4:
		body := mail(10_000 + rnd.IntN(1000))
		f.Append(ctx, bytes.NewReader(body), int64(len(body)), bridge.AppendOptions{Flags: bridge.Flags(rnd.IntN(8))})
	}
}

func compare(r *rig, f *bridge.Folder, truth []bridge.MessageInfo, seen map[string]map[uint32]bridge.MessageID, step int) {
	r.t.Helper()
	want := map[bridge.MessageID]bridge.MessageInfo{}
	for _, m := range truth {
		want[m.ID] = m
	}
	snap := f.Snapshot()
	if snap.Len() != len(truth) {
		r.t.Fatalf("step %d: folder %s has %d messages, the service %d", step, f.Name(), snap.Len(), len(truth))
	}
	if seen[f.Name()] == nil {
		seen[f.Name()] = map[uint32]bridge.MessageID{}
	}
	for i := range snap.Len() {
		row := snap.At(i)
		m, ok := want[row.ID]
		switch {
		case !ok:
			r.t.Fatalf("step %d: folder %s: UID %d is not in the service's folder", step, f.Name(), row.UID)
		case m.Read != (row.Flags&bridge.FlagSeen != 0), m.Flagged != (row.Flags&bridge.FlagFlagged != 0),
			!slices.Equal(m.Categories, row.Categories) && len(m.Categories)+len(row.Categories) > 0:
			r.t.Fatalf("step %d: folder %s: UID %d has %s, the service %+v", step, f.Name(), row.UID, show(snap), m)
		}
		if old, known := seen[f.Name()][row.UID]; known && old != row.ID {
			r.t.Fatalf("step %d: folder %s: UID %d was another message before", step, f.Name(), row.UID)
		}
		seen[f.Name()][row.UID] = row.ID
	}
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
