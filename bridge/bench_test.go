package bridge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/storetest"
)

// BenchmarkFirstSync reads a folder of 10,000 messages into a fresh index, and
// reports the calls that the store saw.
func BenchmarkFirstSync(b *testing.B) {
	store := storetest.NewMemory(storetest.Options{PageSize: 500})
	for n := range 10_000 {
		store.Deliver(store.Folder(bridge.RoleInbox), mail(n), storetest.DeliverOptions{Received: time.Unix(int64(1e9+n), 0)})
	}
	store.ResetCalls()
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithCancel(context.Background())
		dir := b.TempDir()
		x, err := index.Open(ctx, filepath.Join(dir, "index.sqlite"), index.Options{})
		if err != nil {
			b.Fatal(err)
		}
		cache, err := mimecache.Open(filepath.Join(dir, "mime"), 1<<20, nil)
		if err != nil {
			b.Fatal(err)
		}
		m, err := bridge.NewMailbox(ctx, bridge.MailboxOptions{Name: "bench", Store: store, Index: x, Cache: cache})
		if err != nil {
			b.Fatal(err)
		}
		f, err := m.Folder(ctx, "INBOX")
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(ctx); err != nil {
			b.Fatal(err)
		}
		if n := f.Snapshot().Len(); n != 10_000 {
			b.Fatalf("%d messages", n)
		}
		cancel()
		m.Run(ctx) // returns at once, and waits for the mailbox's work
		cache.Close()
		x.Close()
	}
	b.ReportMetric(float64(store.AllCalls())/float64(b.N), "calls/op")
}

// BenchmarkSnapshotDiff compares two pictures of a folder that differ in one
// row: the cost must not grow with the folder.
func BenchmarkSnapshotDiff(b *testing.B) {
	for _, size := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			before, after := bridge.SnapshotPair(size)
			for b.Loop() {
				if _, changed, _ := before.Diff(after); len(changed) != 1 {
					b.Fatal("one row differs")
				}
			}
		})
	}
}

// BenchmarkSearch searches 10,000 messages: in what listings tell, and in texts
// that are in the cache.
func BenchmarkSearch(b *testing.B) {
	store, f := filledFolder(b, 10_000)
	snap := f.Snapshot()
	for _, bench := range []struct {
		name string
		key  bridge.SearchKey
	}{
		{"flags", bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagSeen}},
		{"subject", bridge.SearchKey{Op: bridge.SearchHeader, Field: "Subject", Value: "nowhere"}},
		{"body", bridge.SearchKey{Op: bridge.SearchBody, Value: "nowhere"}},
	} {
		search := func() {
			if found, err := f.Search(b.Context(), snap, bench.key, nil); err != nil || len(found) != 0 {
				b.Fatalf("found %d, %v", len(found), err)
			}
		}
		search() // texts come from the service, once
		calls := store.Calls(storetest.MIME)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				search()
			}
			b.ReportMetric(float64(snap.Len()*b.N)/b.Elapsed().Seconds(), "messages/s")
		})
		if n := store.Calls(storetest.MIME); n != calls {
			b.Errorf("%d texts were read again", n-calls)
		}
	}
}
