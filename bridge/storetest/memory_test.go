package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

func mail(subject string) []byte {
	return fmt.Appendf(nil, "From: Ann <ann@example.net>\r\nTo: user@example.com\r\nBcc: secret@example.org\r\n"+
		"Subject: %s\r\nDate: Mon, 02 Nov 2026 10:00:00 +0100\r\nMessage-ID: <%s@example.net>\r\n\r\nHello\r\n", subject, subject)
}

// rows runs a round and writes each row as a word: "+" complete, "~" read
// state alone, "-" removed, then the message's name.
func rows(t *testing.T, m *storetest.Memory, f bridge.FolderID, link string, names map[bridge.MessageID]string) (string, string) {
	t.Helper()
	var words []string
	next, err := m.Delta(t.Context(), f, link, func(page []bridge.Change) error {
		for _, c := range page {
			sign := "~"
			switch {
			case c.Removed:
				sign = "-"
			case c.Complete:
				sign = "+"
			}
			words = append(words, sign+names[c.ID])
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Delta(%q): %v", link, err)
	}
	return strings.Join(words, " "), next
}

func TestMemoryDeltaRows(t *testing.T) {
	tests := []struct {
		name string
		opts storetest.Options
		act  func(m *storetest.Memory, a, b bridge.MessageID, in, out bridge.FolderID)
		want string // of the next round
		then string // of the one after it
	}{
		{name: "nothing", act: func(*storetest.Memory, bridge.MessageID, bridge.MessageID, bridge.FolderID, bridge.FolderID) {}},
		{name: "read", want: "~a", act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) { m.SetRead(a, true) }},
		{name: "read twice is no change", want: "~a", act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) {
			m.SetRead(a, true)
			m.SetRead(a, true)
		}},
		{name: "read, full rows", opts: storetest.Options{FullRows: true}, want: "+a",
			act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) { m.SetRead(a, true) }},
		{name: "read and flagged", want: "+a", act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) {
			m.SetRead(a, true)
			m.SetFlagged(a, true)
		}},
		{name: "silent verb", opts: storetest.Options{SilentVerbs: true},
			act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) { m.SetVerb(a, bridge.VerbReply) }},
		{name: "removed", want: "-a", act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) { m.Remove(a) }},
		{name: "lost without trace", act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) { m.Lose(a) }},
		{name: "moved away", want: "-a", act: func(m *storetest.Memory, a, _ bridge.MessageID, _, out bridge.FolderID) { m.MoveMessage(a, out) }},
		{name: "out and back", want: "-a", act: func(m *storetest.Memory, a, _ bridge.MessageID, in, out bridge.FolderID) {
			m.MoveMessage(a, out)
			m.MoveMessage(a, in)
		}},
		{name: "out and back, then flagged", want: "-a +a", act: func(m *storetest.Memory, a, _ bridge.MessageID, in, out bridge.FolderID) {
			m.MoveMessage(a, out)
			m.MoveMessage(a, in)
			m.SetFlagged(a, true)
		}},
		{name: "changed before it went", want: "-a", act: func(m *storetest.Memory, a, _ bridge.MessageID, _, _ bridge.FolderID) {
			m.SetRead(a, true)
			m.Remove(a)
		}},
		{name: "replay", opts: storetest.Options{Replay: true}, want: "~b ~b", then: "~b",
			act: func(m *storetest.Memory, _, b bridge.MessageID, _, _ bridge.FolderID) { m.SetRead(b, true) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := storetest.NewMemory(tt.opts)
			in, out := m.Folder(bridge.RoleInbox), m.AddFolder("", "Elsewhere")
			a := m.Deliver(in, mail("a"), storetest.DeliverOptions{})
			b := m.Deliver(in, mail("b"), storetest.DeliverOptions{})
			names := map[bridge.MessageID]string{a: "a", b: "b"}
			_, link := rows(t, m, in, "", names)
			if _, link = rows(t, m, in, link, names); link == "" {
				t.Fatal("empty link")
			}
			tt.act(m, a, b, in, out)
			got, link := rows(t, m, in, link, names)
			if got != tt.want {
				t.Errorf("round: got %q, want %q", got, tt.want)
			}
			if got, _ = rows(t, m, in, link, names); got != tt.then {
				t.Errorf("round after it: got %q, want %q", got, tt.then)
			}
		})
	}
}

func TestMemoryKeepsOctets(t *testing.T) {
	m := storetest.NewMemory(storetest.Options{})
	odd := []byte("Subject: =?utf-8?q?f=C3=BCr?=\n continued\nBroken\n\n\xff\x00bare\rline ends")
	id := m.Deliver(m.Folder(bridge.RoleInbox), odd, storetest.DeliverOptions{})
	r, err := m.MIME(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, odd) {
		t.Errorf("MIME: got %q, %v", got, err)
	}
	infos, err := m.Messages(t.Context(), []bridge.MessageID{id})
	if err != nil || len(infos) != 1 || infos[0].Subject != "für continued" {
		t.Errorf("Messages: got %+v, %v", infos, err)
	}
}

func TestMemoryFaults(t *testing.T) {
	boom := errors.New("boom")
	m := storetest.NewMemory(storetest.Options{PageSize: 2})
	in := m.Folder(bridge.RoleInbox)
	var ids []bridge.MessageID
	for i := range 5 {
		ids = append(ids, m.Deliver(in, mail(fmt.Sprint(i)), storetest.DeliverOptions{}))
	}

	m.Fail(storetest.Folders, 2, boom)
	var got []bool
	for range 3 {
		_, err := m.Folders(t.Context())
		got = append(got, errors.Is(err, boom))
	}
	if !slices.Equal(got, []bool{true, true, false}) || m.Calls(storetest.Folders) != 3 {
		t.Errorf("Folders failed %v in %d calls", got, m.Calls(storetest.Folders))
	}

	m.Inject(storetest.List, storetest.Fault{Err: boom, After: 1})
	n := 0
	err := m.List(t.Context(), in, func(page []bridge.MessageInfo) error { n += len(page); return nil })
	if n != 2 || !errors.Is(err, boom) {
		t.Errorf("List: %d rows, %v; want 2, boom", n, err)
	}

	m.Inject(storetest.MIME, storetest.Fault{Err: boom, After: 10})
	r, err := m.MIME(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); len(b) != 10 || !errors.Is(err, boom) {
		t.Errorf("MIME: %d octets, %v; want 10, boom", len(b), err)
	}

	m.Inject(storetest.Delete, storetest.Fault{Err: boom, After: 3})
	errs := m.Delete(t.Context(), ids, bridge.DisposePermanent)
	if errs[2] != nil || !errors.Is(errs[3], boom) || len(m.Contents(in)) != 2 {
		t.Errorf("Delete: %v, %d messages left", errs, len(m.Contents(in)))
	}

	m.Inject(storetest.CreateFolder, storetest.Fault{Err: boom, Late: true})
	if _, err := m.CreateFolder(t.Context(), "", "New"); !errors.Is(err, boom) {
		t.Errorf("CreateFolder: %v, want boom", err)
	}
	if _, err := m.CreateFolder(t.Context(), "", "new"); !errors.Is(err, bridge.ErrExists) {
		t.Errorf("CreateFolder after a lost answer: %v, want ErrExists", err)
	}
}

func TestMemoryHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storetest.NewMemory(storetest.Options{})
		arrived, release := m.Hold(storetest.Folders)
		done := make(chan error, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() { _, err := m.Folders(ctx); done <- err }()
		<-arrived
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("held past the deadline: %v", err)
		}
		go func() { _, err := m.Folders(t.Context()); done <- err }()
		<-arrived
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("held call returned: %v", err)
		default:
		}
		release()
		if err := <-done; err != nil {
			t.Errorf("after release: %v", err)
		}
	})
}

func TestMemoryGerman(t *testing.T) {
	m := storetest.NewMemory(storetest.Options{Names: storetest.German(), NoArchive: true})
	folders, err := m.Folders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range folders {
		got = append(got, string(f.Role)+"="+f.Name)
	}
	want := "inbox=Posteingang drafts=Entwürfe sent=Gesendete Elemente trash=Gelöschte Elemente junk=Junk-E-Mail =Outbox"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
}
