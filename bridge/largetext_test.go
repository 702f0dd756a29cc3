package bridge_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/storetest"
)

// largeStore gives one message a text that is made while it is read.
type largeStore struct {
	*storetest.Memory
	text func() io.Reader
}

func (s *largeStore) MIME(context.Context, bridge.MessageID) (io.ReadCloser, error) {
	return io.NopCloser(s.text()), nil
}

// repeated is a line n times.
type repeated struct {
	line string
	rest int64
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.rest > 0 {
		at := (int64(len(r.line)) - r.rest%int64(len(r.line))) % int64(len(r.line))
		k := copy(p[n:min(int64(len(p)), int64(n)+r.rest)], r.line[at:])
		n, r.rest = n+k, r.rest-int64(k)
	}
	return n, nil
}

// TestLargeText reads a message of 150 MB: it goes through memory in pieces, and
// a piece of it costs what it returns.
func TestLargeText(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 150 MB")
	}
	const line = "VGhpcyBpcyBhIGxpbmUgb2YgYmFzZTY0LCBvZiBmaWZ0eS1zZXZlbiBvY3RldHMgb3Igc28gaGVyZS4K\r\n"
	const size = int64(len(line)) * (150 << 20 / int64(len(line)))
	head := "From: a@example.org\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nsmall\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	store := &largeStore{storetest.NewMemory(storetest.Options{}), func() io.Reader {
		return io.MultiReader(strings.NewReader(head), &repeated{line, size}, strings.NewReader("--b--\r\n"))
	}}
	store.Deliver(store.Folder(bridge.RoleInbox), mail(1), storetest.DeliverOptions{})
	dir := t.TempDir()
	x, err := index.Open(t.Context(), filepath.Join(dir, "index"), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	cache, err := mimecache.Open(filepath.Join(dir, "mime"), 1<<30, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	m, err := bridge.NewMailbox(t.Context(), bridge.MailboxOptions{Name: "large", Store: store, Index: x, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer func() { cancel(); m.Run(ctx) }()
	f, err := m.Folder(ctx, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(ctx); err != nil {
		t.Fatal(err)
	}

	var c *bridge.Content
	if n := allocated(func() { c, err = f.Content(ctx, 1) }); err != nil || n > 8<<20 {
		t.Fatalf("reading it took %d octets of memory, error %v", n, err)
	}
	defer c.Close()
	if want := int64(len(head)) + size + 7; c.Size != want || c.Root.End != want || len(c.Root.Children) != 2 {
		t.Fatalf("size %d, structure ends at %d with %d parts, want %d", c.Size, c.Root.End, len(c.Root.Children), want)
	}
	piece := make([]byte, 64<<10)
	n := allocated(func() {
		for i := range int64(100) {
			off := int64(len(head)) + i*(size/100)/int64(len(line))*int64(len(line))
			if _, err := c.ReadAt(piece, off); err != nil || !bytes.HasPrefix(piece, []byte(line)) {
				t.Fatalf("at %d: %v", off, err)
			}
		}
	})
	if n > 1<<20 {
		t.Errorf("100 pieces of 64 KiB took %d octets of memory", n)
	}
}

// allocated is how many octets fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
