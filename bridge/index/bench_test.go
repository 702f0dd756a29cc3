package index

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// sampleEntry is a message as a listing of the service gives it: an immutable
// id has about 150 characters.
func sampleEntry(uid uint32) bridge.Entry {
	address := []mimepart.Address{{Name: "Ann Example", Mailbox: "ann", Host: "example.net"}}
	return bridge.Entry{
		Row: bridge.Row{
			UID: uid, ID: bridge.MessageID(fmt.Sprintf("AAkALg%s%010d=", strings.Repeat("x7Yk", 33), uid)),
			ModSeq: uint64(uid), Flags: bridge.FlagSeen, Received: time.Unix(1_790_000_000+int64(uid), 0).UTC(), Size: 12_000,
		},
		Detail: &bridge.Detail{
			Envelope: mimepart.Envelope{
				Date: "Mon, 02 Nov 2026 10:00:00 +0100", Subject: fmt.Sprintf("Ticket %d: the printer on the third floor", uid),
				From: address, Sender: address, To: address, Cc: address,
				MessageID: fmt.Sprintf("<%d.20261102@mail.example.net>", uid),
			},
			Sent:       time.Unix(1_790_000_000, 0).UTC(),
			References: "<1.20261101@mail.example.net> <2.20261101@mail.example.net>", Class: "IPM.Note",
			ConversationID: strings.Repeat("AAQk", 20), Preview: strings.Repeat("Dear colleagues, ", 15),
		},
	}
}

const benchFolder bridge.FolderID = "AAMkInbox="

func benchUpdate(first, n int) bridge.FolderUpdate {
	u := bridge.FolderUpdate{State: bridge.FolderState{
		FolderInfo: bridge.FolderInfo{ID: benchFolder}, UIDValidity: 1, UIDNext: uint32(first + n),
	}}
	for i := range n {
		u.Put = append(u.Put, sampleEntry(uint32(first+i)))
	}
	return u
}

func benchIndex(b *testing.B, n int) *Index {
	b.Helper()
	x, err := Open(b.Context(), filepath.Join(b.TempDir(), "index.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.Close() })
	for first := 1; first <= n; first += 10_000 {
		if err := x.Apply(b.Context(), benchUpdate(first, min(10_000, n-first+1))); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	return x
}

func BenchmarkApply10000(b *testing.B) {
	x := benchIndex(b, 0)
	for i := 0; b.Loop(); i++ {
		if err := x.Apply(b.Context(), benchUpdate(1+i*10_000, 10_000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyFlag(b *testing.B) {
	x := benchIndex(b, 10_000)
	u := benchUpdate(5000, 1)
	u.Put[0].Detail = nil
	for b.Loop() {
		if err := x.Apply(b.Context(), u); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRows100000(b *testing.B) {
	x := benchIndex(b, 100_000)
	for b.Loop() {
		n := 0
		if err := x.Rows(b.Context(), benchFolder, func(bridge.Row) error { n++; return nil }); err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
}

func benchDetails(b *testing.B, step uint32) {
	const n = 10_000
	x := benchIndex(b, n*int(step))
	var uids []uint32
	for uid := uint32(1); len(uids) < n; uid += step {
		uids = append(uids, uid)
	}
	for b.Loop() {
		got := 0
		err := x.Details(context.Background(), benchFolder, uids, func(uint32, *bridge.Detail) error { got++; return nil })
		if err != nil || got != n {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkDetails10000(b *testing.B)       { benchDetails(b, 1) }
func BenchmarkDetailsSparse10000(b *testing.B) { benchDetails(b, 10) }

// BenchmarkStage500 keeps a page of a first listing.
func BenchmarkStage500(b *testing.B) {
	x := benchIndex(b, 0)
	page := make([]bridge.Staged, 500)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for i := range page {
			page[i] = bridge.Staged{Entry: sampleEntry(uint32(n*500 + i + 1)), Article: int64(i)}
		}
		if err := x.Stage(b.Context(), benchFolder, page, "place"); err != nil {
			b.Fatal(err)
		}
	}
}
