package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// fill makes a spool with n messages that wait, of 50 mailboxes, past Put and its
// syncs.
func fill(tb testing.TB, n int) (dir string) {
	tb.Helper()
	dir = tb.TempDir()
	s, err := Open(dir, Options{Reserve: 1})
	if err != nil {
		tb.Fatal(err)
	}
	text := bytes.Repeat([]byte("x"), 2000)
	m, err := s.Put(tb.Context(), Record{Mailbox: "u@example.com", From: "a@example.com", Login: "u", MessageID: "<1@example.com>",
		Recipients: []Recipient{{Address: "b@example.com"}, {Address: "c@example.com"}}}, bytes.NewReader(text), int64(len(text)))
	if err != nil {
		tb.Fatal(err)
	}
	r := m.Record
	if err := errors.Join(m.Remove(), s.Close()); err != nil {
		tb.Fatal(err)
	}
	queue, first := filepath.Join(dir, dirQueue), ""
	for i := range n {
		r.ID, r.State, r.Mailbox = fmt.Sprintf("%024d", i), Deferred, fmt.Sprintf("u%d@example.com", i%50)
		r.Next = time.Now().Add(time.Duration(i%3600) * time.Second)
		b, err := r.encode()
		if err != nil {
			tb.Fatal(err)
		}
		// The texts are alike: a name more for one file costs less than a file.
		name := filepath.Join(queue, r.ID+extMessage)
		if i%1000 == 0 {
			first, err = name, os.WriteFile(name, text, 0o600)
		} else {
			err = os.Link(first, name)
		}
		if err := errors.Join(err, os.WriteFile(filepath.Join(queue, r.ID+extRecord), b, 0o600)); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMany: memory for a message that waits is small, whatever its size.
func TestMany(t *testing.T) {
	if testing.Short() {
		t.Skip("writes many files")
	}
	const n = 4000
	dir := fill(t, n)
	before := heapNow()
	s := open(t, dir)
	per := int64(heapNow()-before) / n
	t.Logf("%d octets of memory for a waiting message", per)
	if s.Len() != n || per > 400 {
		t.Errorf("%d messages, %d octets of memory each", s.Len(), per)
	}
	runtime.KeepAlive(s)
}

// BenchmarkMany is what 100,000 waiting messages cost: the start, memory, a list of
// them, and work on one.
func BenchmarkMany(b *testing.B) {
	const n = 100_000
	dir := fill(b, n)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			before := heapNow()
			s, err := Open(dir, Options{Reserve: 1})
			if err != nil || s.Len() != n {
				b.Fatal(s.Len(), err)
			}
			b.ReportMetric(float64(heapNow()-before)/n, "B/message")
			s.Close()
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			got := 0
			if damaged, err := List(dir, func(*Record) error { got++; return nil }); err != nil || damaged > 0 || got != n {
				b.Fatal(got, damaged, err)
			}
		}
	})
	s, err := Open(dir, Options{Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.Run("take and defer", func(b *testing.B) {
		for b.Loop() {
			m, _, err := s.Take("u7@example.com", time.Now().Add(2*time.Hour))
			if err == nil {
				err = m.Defer(m.Next.Add(time.Minute), "503")
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("standing", func(b *testing.B) {
		for b.Loop() {
			if counts, _ := s.Standing("u7@example.com"); counts[Deferred] != n/50 {
				b.Fatal("wrong")
			}
		}
	})
}

// TestManyNames: the first error ends the reading and is the one that counts.
func TestManyNames(t *testing.T) {
	dir := t.TempDir()
	for i := range 500 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var calls atomic.Int64
	if err := manyNames(dir, func(string) error { calls.Add(1); return nil }); err != nil || calls.Load() != 500 {
		t.Errorf("%d calls, %v, want 500", calls.Load(), err)
	}
	broken := errors.New("broken disk")
	calls.Store(0)
	if err := manyNames(dir, func(string) error { calls.Add(1); return broken }); err != broken || calls.Load() == 500 {
		t.Errorf("%d calls, %v, want few and the error", calls.Load(), err)
	}
}
