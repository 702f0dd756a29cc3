package outbox

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := Open(dir, Options{Reserve: 1, OrderPoll: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *Spool, mailbox, text string) *Message {
	t.Helper()
	m, err := s.Put(t.Context(), Record{Mailbox: mailbox, From: "a@example.com", Recipients: []Recipient{{Address: "b@example.com"}}},
		strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func take(t *testing.T, s *Spool, mailbox string) *Message {
	t.Helper()
	m, wait, err := s.Take(mailbox, time.Now())
	if err != nil || m == nil {
		t.Fatalf("Take: %v, due in %v", err, wait)
	}
	return m
}

func text(t *testing.T, m *Message) string {
	t.Helper()
	c, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files lists what a spool has in a directory.
func files(t *testing.T, dir, sub string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, sub))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestLife(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	m := put(t, s, "u@example.com", "hello")
	if got, _, _ := s.Take("u@example.com", time.Now()); got != nil {
		t.Error("a message that is worked on was taken")
	}
	m.Draft, m.Submitted, m.Attempts = "AAMk", true, 1
	if err := m.Save(); err != nil {
		t.Fatal(err)
	}
	if err := m.Defer(time.Now().Add(time.Hour), "503"); err != nil {
		t.Fatal(err)
	}
	if got, wait, _ := s.Take("u@example.com", time.Now()); got != nil || wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("before its time: %v, due in %v", got, wait)
	}
	if got, _, _ := s.Take("other@example.com", time.Now().Add(24*time.Hour)); got != nil {
		t.Error("another mailbox took it")
	}
	s.Close()

	s = open(t, dir)
	got, _, err := s.Take("u@example.com", time.Now().Add(2*time.Hour))
	if err != nil || got == nil {
		t.Fatal("gone after a restart", err)
	}
	if got.Draft != "AAMk" || !got.Submitted || got.Attempts != 1 || got.Reason != "503" || got.Recipients[0].Address != "b@example.com" || text(t, got) != "hello" {
		t.Errorf("after a restart: %+v", got.Record)
	}
	if err := got.Remove(); err != nil {
		t.Fatal(err)
	}
	if n := files(t, dir, dirQueue); len(n) != 0 || s.Len() != 0 {
		t.Errorf("left behind: %v, %d in memory", n, s.Len())
	}
}

func TestInterrupted(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, q string, id string) // q is the path of queue/ID
		alive  bool
		aside  int // files in corrupt afterwards
	}{
		{"killed while it was sent", func(*testing.T, string, string) {}, true, 0},
		{"killed in Put before the record is in place", func(t *testing.T, q, id string) { remove(t, q+extRecord) }, false, 1},
		{"killed in Put before both", func(t *testing.T, q, id string) {
			for _, ext := range []string{extRecord, extMessage} {
				rename(t, q+ext, filepath.Join(filepath.Dir(q), "..", dirIncoming, id+ext))
			}
		}, false, 0},
		{"killed in Remove after the first step", func(t *testing.T, q, id string) { rename(t, q+extRecord, q+extGone) }, false, 0},
		{"killed in Remove before the last step", func(t *testing.T, q, id string) { rename(t, q+extRecord, q+extGone); remove(t, q+extMessage) }, false, 0},
		{"record cut off", func(t *testing.T, q, id string) { truncate(t, q+extRecord, 100) }, false, 2},
		{"record empty", func(t *testing.T, q, id string) { truncate(t, q+extRecord, 0) }, false, 2},
		{"record changed", func(t *testing.T, q, id string) { flip(t, q+extRecord, 200) }, false, 2},
		{"record of a later version", func(t *testing.T, q, id string) { flip(t, q+extRecord, len(recordMagic)+1) }, false, 2},
		{"text cut off", func(t *testing.T, q, id string) { truncate(t, q+extMessage, 3) }, false, 2},
		{"text missing", func(t *testing.T, q, id string) { remove(t, q+extMessage) }, false, 1},
		{"foreign file", func(t *testing.T, q, id string) {
			if err := os.WriteFile(filepath.Dir(q)+"/core.1234", []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			id := put(t, s, "u@example.com", "hello").ID
			s.Close()
			tt.damage(t, filepath.Join(dir, dirQueue, id), id)
			s = open(t, dir)
			m, _, err := s.Take("u@example.com", time.Now())
			if err != nil || (m != nil) != tt.alive {
				t.Fatalf("taken: %v, %v; want one: %t", m, err, tt.alive)
			}
			if m != nil && text(t, m) != "hello" {
				t.Error("another text")
			}
			if n := files(t, dir, dirCorrupt); len(n) != tt.aside || s.Corrupt() != tt.aside {
				t.Errorf("moved aside: %v, want %d files", n, tt.aside)
			}
			if n := files(t, dir, dirIncoming); len(n) != 0 {
				t.Errorf("left in incoming: %v", n)
			}
			if want := map[bool]int{true: 2}[tt.alive]; len(files(t, dir, dirQueue)) != want {
				t.Errorf("in the queue: %v", files(t, dir, dirQueue))
			}
		})
	}
}

// TestChangedText: damage that shows only when the text is read.
func TestChangedText(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	m := put(t, s, "u@example.com", "hello")
	flip(t, filepath.Join(dir, dirQueue, m.ID+extMessage), 2)
	if _, err := m.Open(); !errors.Is(err, ErrUnknown) {
		t.Errorf("Open: %v, want ErrUnknown", err)
	}
	if n := files(t, dir, dirCorrupt); len(n) != 2 || s.Len() != 0 {
		t.Errorf("moved aside: %v, %d still there", n, s.Len())
	}
}

// TestLostWhileRunning: a record that is damaged under a running process does
// not hold up the others.
func TestLostWhileRunning(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first, second := put(t, s, "u@example.com", "1"), put(t, s, "u@example.com", "2")
	for _, m := range []*Message{first, second} {
		if err := m.Defer(time.Now(), ""); err != nil {
			t.Fatal(err)
		}
	}
	truncate(t, filepath.Join(dir, dirQueue, first.ID+extRecord), 10)
	if m := take(t, s, "u@example.com"); m.ID != second.ID {
		t.Errorf("took %s", m.ID)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, n int64) {
	t.Helper()
	if err := os.Truncate(path, n); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), "state_dir of its own") {
		t.Errorf("second Open: %v, want ErrInUse that names the process", err)
	}
	// An order that is just carried out holds up a start, and no more.
	time.AfterFunc(100*time.Millisecond, func() { s.Close() })
	second, err := Open(dir, Options{Wait: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

// TestNoInodes: a disk with room but no inodes is told as what it is.
func TestNoInodes(t *testing.T) {
	for _, tc := range []struct {
		inodes, free uint64
		want         error
	}{{1000, 64, nil}, {1000, 63, ErrNoInodes}, {0, 0, nil}} { // the last has none at all, as btrfs
		if _, err := room(tc.inodes, tc.free, 1<<40); !errors.Is(err, tc.want) {
			t.Errorf("%d of %d inodes free: %v, want %v", tc.free, tc.inodes, err, tc.want)
		}
	}
	s, err := Open(t.TempDir(), Options{FreeSpace: func(string) (int64, error) { return room(1000, 0, 1<<40) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Put(t.Context(), Record{Mailbox: "u"}, strings.NewReader("x"), 1)
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), "inodes") {
		t.Errorf("Put without inodes: %v, want ErrNoSpace that names them", err)
	}
}

func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	free := int64(1000)
	s, err := Open(dir, Options{Reserve: 500, FreeSpace: func(string) (int64, error) { return free, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	big := strings.Repeat("x", 501)
	if _, err := s.Put(t.Context(), Record{Mailbox: "u"}, strings.NewReader(big), 501); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Put into the reserve: %v, want ErrNoSpace", err)
	}
	m := put(t, s, "u", big[:500])
	free = 0 // what is there can still be worked on
	if err := m.Defer(time.Now(), "x"); err != nil {
		t.Error(err)
	}
	// The disk is full although it said otherwise.
	free = math.MaxInt64
	_, err = s.Put(t.Context(), Record{Mailbox: "u"}, io.MultiReader(strings.NewReader("a"), failing{syscall.ENOSPC}), 100)
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("Put on a full disk: %v, want ErrNoSpace", err)
	}
	if got, in := files(t, dir, dirQueue), files(t, dir, dirIncoming); len(got) != 2 || len(in) != 0 {
		t.Errorf("a refused message left %v, %v", got, in)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestShortText: a text that ends too early is not stored.
func TestShortText(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Put(t.Context(), Record{}, strings.NewReader("abc"), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if s.Len() != 0 {
		t.Error("it is in the spool")
	}
}

// TestDueOrder: what is due first comes first, for each mailbox alone.
func TestDueOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	base := time.Now().Add(-time.Hour)
	var want []string
	for i := range 20 {
		m := put(t, s, fmt.Sprint("box", i%2), fmt.Sprint(i))
		if err := m.Defer(base.Add(time.Duration((i*7)%20)*time.Second), ""); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 2 {
		if round == 1 {
			s.Close()
			s = open(t, dir)
		}
		var got []string
		for range 10 {
			m := take(t, s, "box0")
			got = append(got, text(t, m))
			if err := m.Defer(m.Next, ""); err != nil {
				t.Fatal(err)
			}
			if err := s.do(OpHold, m.ID); err != nil {
				t.Fatal(err)
			}
		}
		want = []string{"0", "6", "12", "18", "4", "10", "16", "2", "8", "14"}
		if !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
		for id, it := range s.items {
			if it.state == Held {
				m, err := s.claim(id)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				fmt.Sscan(text(t, m), &n)
				if err := m.Defer(base.Add(time.Duration((n*7)%20)*time.Second), ""); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestOrders(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("daemon running %t", running), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			waiting, drafted, busy := put(t, s, "u", "1"), put(t, s, "u", "2"), put(t, s, "u", "3")
			drafted.Draft = "AAMk"
			for _, m := range []*Message{waiting, drafted} {
				if err := m.Defer(time.Now().Add(time.Hour), "503"); err != nil {
					t.Fatal(err)
				}
			}
			if running {
				done := make(chan struct{})
				go func() { defer close(done); s.ServeOrders(t.Context()) }()
				t.Cleanup(func() { <-done })
			} else {
				if err := busy.Hold(""); err != nil {
					t.Fatal(err)
				}
				s.Close()
			}
			order := func(op Op, id string) string {
				t.Helper()
				r, err := Order(t.Context(), dir, op, []string{id})
				if err != nil || len(r) != 1 || r[0].ID != id {
					t.Fatalf("%s: %+v, %v", op, r, err)
				}
				return r[0].Err
			}
			state := func(id string) State {
				r, f, err := Show(dir, id)
				if err != nil {
					return "none"
				}
				f.Close()
				return r.State
			}
			for _, step := range []struct {
				op    Op
				id    string
				fails bool
				state State
			}{
				{OpHold, waiting.ID, false, Held},
				{OpRelease, waiting.ID, false, Deferred},
				{OpRetry, waiting.ID, false, Deferred},
				{OpDelete, waiting.ID, false, "none"},
				{OpDelete, waiting.ID, true, "none"},
				{OpDelete, drafted.ID, false, Doomed},
				{OpRetry, drafted.ID, true, Doomed},
				{"dance", drafted.ID, true, Doomed},
				{OpHold, "../../etc/passwd", true, "none"},
			} {
				if e := order(step.op, step.id); (e != "") != step.fails || state(step.id) != step.state {
					t.Errorf("%s %s: %q, state %s, want %s", step.op, step.id, e, state(step.id), step.state)
				}
			}
			if running {
				if e := order(OpDelete, busy.ID); e != ErrBusy.Error() {
					t.Errorf("delete of what is being sent: %q", e)
				}
			}
			n := 0
			if damaged, err := List(dir, func(*Record) error { n++; return nil }); err != nil || damaged != 0 || n != 2 {
				t.Errorf("List: %d messages, %d damaged, %v", n, damaged, err)
			}
		})
	}
}

func TestPause(t *testing.T) {
	for n := 1; n < 100; n++ {
		want := 5 * time.Minute
		for i := 1; i < n; i++ {
			want = min(want+want/2, time.Hour)
		}
		if d := Pause(n); d < want-want/10 || d > want+want/10 {
			t.Errorf("pause %d is %v, want %v", n, d, want)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := Record{ID: "A1", State: Held, Recipients: []Recipient{{Address: "a@b"}}}
	b, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("mail2graph-outbox 1 0 \n{}"))
	f.Add([]byte("mail2graph-outbox 3 0 x\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := decodeRecord("A1", b); err == nil {
			again, err := got.encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeRecord("A1", again); err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, errCorrupt) && !errors.Is(err, ErrNewer) {
			t.Fatal(err)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	s, err := Open(b.TempDir(), Options{Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	msg := strings.Repeat("x", 10_000)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m, err := s.Put(b.Context(), Record{Mailbox: "u"}, strings.NewReader(msg), int64(len(msg)))
			if err == nil {
				err = m.Remove()
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
