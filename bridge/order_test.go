package bridge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/storetest"
)

// orders are the ways to put a folder in order.
var orders = []struct {
	name string
	run  func(context.Context, *bridge.Folder, *bridge.Snapshot) (int, error)
}{
	{"subject", sortedBy(bridge.SortSubject)},
	{"date", sortedBy(bridge.SortDate)},
	{"display", sortedBy(bridge.SortDisplayFrom)},
	{"arrival", sortedBy(bridge.SortArrival)},
	{"references", func(ctx context.Context, f *bridge.Folder, s *bridge.Snapshot) (int, error) {
		threads, err := f.ThreadByReferences(ctx, s, s.UIDs())
		return messagesIn(threads), err
	}},
	{"orderedsubject", func(ctx context.Context, f *bridge.Folder, s *bridge.Snapshot) (int, error) {
		threads, err := f.ThreadBySubject(ctx, s, s.UIDs())
		return messagesIn(threads), err
	}},
}

func sortedBy(by bridge.SortBy) func(context.Context, *bridge.Folder, *bridge.Snapshot) (int, error) {
	return func(ctx context.Context, f *bridge.Folder, s *bridge.Snapshot) (int, error) {
		uids, err := f.Sort(ctx, s, s.UIDs(), []bridge.SortCriterion{{By: by}})
		return len(uids), err
	}
}

func messagesIn(threads []*bridge.Thread) int {
	n := 0
	for _, t := range threads {
		if t.UID != 0 {
			n++
		}
		n += messagesIn(t.Children)
	}
	return n
}

// filledFolder is a synchronised folder of n messages in conversations of ten.
func filledFolder(tb testing.TB, n int) (*storetest.Memory, *bridge.Folder) {
	tb.Helper()
	store := storetest.NewMemory(storetest.Options{PageSize: 500})
	for i := range n {
		refs := ""
		if i%10 > 0 {
			refs = fmt.Sprintf("References: <%d@x> <%d@x>\r\n", i-i%10, i-1)
		}
		store.Deliver(store.Folder(bridge.RoleInbox), fmt.Appendf(nil,
			"From: =?utf-8?q?J=C3=BCrgen_%d?= <j%d@example.org>\r\nTo: user@example.com\r\nSubject: Re: [list] conversation %d\r\n%s"+
				"Date: Mon, 02 Mar 2026 10:%02d:00 +0100\r\nMessage-ID: <%d@x>\r\n\r\nbody\r\n", i%97, i%97, i/10, refs, i%60, i),
			storetest.DeliverOptions{Received: time.Unix(int64(1e9+i), 0)})
	}
	ctx, cancel := context.WithCancel(context.Background())
	dir := tb.TempDir()
	x, err := index.Open(ctx, filepath.Join(dir, "index.sqlite"), index.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	cache, err := mimecache.Open(filepath.Join(dir, "mime"), 1<<30, nil)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := bridge.NewMailbox(ctx, bridge.MailboxOptions{Name: "order", Store: store, Index: x, Cache: cache})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		m.Run(ctx)
		cache.Close()
		x.Close()
	})
	f, err := m.Folder(ctx, "INBOX")
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.Sync(ctx); err != nil {
		tb.Fatal(err)
	}
	return store, f
}

// TestOrderAsksNobody puts a folder in order without a request to the service.
func TestOrderAsksNobody(t *testing.T) {
	store, f := filledFolder(t, 50)
	store.ResetCalls()
	for _, o := range orders {
		if n, err := o.run(t.Context(), f, f.Snapshot()); n != 50 || err != nil {
			t.Errorf("%s: %d messages, %v", o.name, n, err)
		}
	}
	if n := store.AllCalls(); n != 0 {
		t.Errorf("%d calls of the store, want none", n)
	}
}

// TestOrderFollows sorts and threads a folder that changes in between: what is kept
// for the next time must not show.
func TestOrderFollows(t *testing.T) {
	store, f := filledFolder(t, 40)
	inbox := store.Folder(bridge.RoleInbox)
	deliver := func(subject, refs string) {
		store.Deliver(inbox, fmt.Appendf(nil, "From: a@example.org\r\nSubject: %s\r\nReferences: %s\r\nMessage-ID: <%s@y>\r\n\r\nbody\r\n", subject, refs, subject),
			storetest.DeliverOptions{Received: time.Unix(2e9, 0)})
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"nothing", func() error { return nil }},
		{"arrival", func() error {
			deliver("aaa", "")
			deliver("[list] conversation 2", "<21@x>")
			return f.SyncAgain(t.Context())
		}},
		{"another subject", func() error { return f.SetSubject(t.Context(), 5, "zzz") }},
		{"expunge", func() error {
			for _, m := range store.Contents(inbox)[:25] {
				store.Delete(t.Context(), []bridge.MessageID{m.ID}, bridge.DisposePermanent)
			}
			return f.SyncAgain(t.Context())
		}},
		{"arrival again", func() error { deliver("bbb", "<aaa@y>"); return f.SyncAgain(t.Context()) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(step.name, err)
		}
		snap := f.Snapshot()
		kept := shown(t, f, snap)
		f.ForgetOrder()
		if fresh := shown(t, f, snap); kept != fresh {
			t.Errorf("after %s got\n%s\nwant\n%s", step.name, kept, fresh)
		}
		shown(t, f, snap) // for the next step
	}
	if snap := f.Snapshot(); snap.Len() != 18 || !strings.Contains(shown(t, f, snap), fmt.Sprint(snap.At(17).UID)) {
		t.Errorf("%d messages at the end, want 18 and the last of them sorted", snap.Len())
	}
}

// shown is a folder in every order that there is, half of it first.
func shown(t *testing.T, f *bridge.Folder, snap *bridge.Snapshot) string {
	var b strings.Builder
	uids := snap.UIDs()
	for _, some := range [][]uint32{uids[len(uids)/2:], uids} {
		for by := bridge.SortArrival; by <= bridge.SortTo; by++ {
			sorted, err := f.Sort(t.Context(), snap, some, []bridge.SortCriterion{{By: by, Reverse: by%2 == 1}, {By: bridge.SortSubject}})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, by, sorted)
		}
		for _, how := range []func(context.Context, *bridge.Snapshot, []uint32) ([]*bridge.Thread, error){f.ThreadByReferences, f.ThreadBySubject} {
			threads, err := how(t.Context(), snap, some)
			if err != nil {
				t.Fatal(err)
			}
			showThreads(&b, threads)
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}

func showThreads(b *strings.Builder, list []*bridge.Thread) {
	for _, t := range list {
		fmt.Fprintf(b, "(%d", t.UID)
		showThreads(b, t.Children)
		b.WriteString(")")
	}
}

// BenchmarkOrder puts 10,000 messages in order.
func BenchmarkOrder(b *testing.B) {
	_, f := filledFolder(b, 10_000)
	for _, o := range orders {
		b.Run(o.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := o.run(b.Context(), f, f.Snapshot()); n != 10_000 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}
