package mimecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func open(t testing.TB, dir string, max int64) *Cache {
	t.Helper()
	c, err := Open(dir, max, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// put stores a text and leaves the entry open.
func put(t testing.TB, c *Cache, key, text string) *Entry {
	t.Helper()
	e, err := c.Put(context.Background(), key, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func store(t testing.TB, c *Cache, key, text string) {
	t.Helper()
	put(t, c, key, text).Close()
}

func text(t testing.TB, e *Entry) string {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(e, 0, e.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// has returns the text of a key, or "none".
func has(t testing.TB, c *Cache, key string) string {
	t.Helper()
	e, ok := c.Get(key)
	if !ok {
		return "none"
	}
	defer e.Close()
	return text(t, e)
}

// files lists what is in the directory, without directories.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestPutGet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "mime")
	c := open(t, dir, 1<<30)
	long := strings.Repeat("0123456789", 100_000)
	for key, want := range map[string]string{"empty": "", "short": "x", "long": long, "../../up": "y", "a/b\x00": "z"} {
		e := put(t, c, key, want)
		if got := text(t, e); got != want || e.Size() != int64(len(want)) {
			t.Errorf("%q from Put: %d octets, size %d, want %d", key, len(got), e.Size(), len(want))
		}
		e.Close()
		if got := has(t, c, key); got != want {
			t.Errorf("%q from Get: %d octets, want %d", key, len(got), len(want))
		}
	}
	if got := has(t, c, "other"); got != "none" {
		t.Errorf("unknown key has %q", got)
	}
	for _, name := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", name, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v, want mode 0700", info.Mode(), err)
	}
	e, _ := c.Get("long")
	defer e.Close()
	var b [10]byte
	if n, err := e.ReadAt(b[:], e.Size()-4); n != 4 || err != io.EOF || string(b[:4]) != "6789" {
		t.Errorf("read over the end: %d, %v, %q", n, err, b[:n])
	}
	s := c.Stats()
	if s.Entries != 5 || s.InUse != 1 || s.Bytes != int64(len(long)+3) || s.Hits != 6 || s.Misses != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestPutKeepsTheFirst(t *testing.T) {
	c := open(t, t.TempDir(), 1<<30)
	store(t, c, "k", "first")
	e, err := c.Put(context.Background(), "k", iotest.ErrReader(errors.New("was read")))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if got := text(t, e); got != "first" {
		t.Errorf("got %q, want the first text", got)
	}
	c.Remove("k")
	store(t, c, "k", "second")
	if got, old := has(t, c, "k"), text(t, e); got != "second" || old != "first" {
		t.Errorf("after removal: new %q, old entry %q", got, old)
	}
}

func TestPutIncomplete(t *testing.T) {
	for _, max := range []int64{0, 1 << 30} {
		dir := t.TempDir()
		c := open(t, dir, max)
		broken := errors.New("broken")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		tests := []struct {
			name string
			ctx  context.Context
			src  io.Reader
			want error
		}{
			{"source fails", context.Background(), io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), broken},
			{"cut off", context.Background(), io.MultiReader(strings.NewReader("x"), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
			{"cancelled", ctx, strings.NewReader("x"), context.Canceled},
		}
		for _, tt := range tests {
			if e, err := c.Put(tt.ctx, "k", tt.src); e != nil || !errors.Is(err, tt.want) {
				t.Errorf("max %d, %s: got %v, %v, want %v", max, tt.name, e, err, tt.want)
			}
			if got := has(t, c, "k"); got != "none" {
				t.Errorf("max %d, %s: left %q", max, tt.name, got)
			}
		}
		if left := files(t, dir); len(left) > 0 {
			t.Errorf("max %d: left %v", max, left)
		}
	}
}

func TestEviction(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 300)
	block := strings.Repeat("x", 100)
	for i := range 3 {
		store(t, c, fmt.Sprint(i), block)
	}
	has(t, c, "0")
	store(t, c, "3", block)
	for key, want := range map[string]string{"0": block, "1": "none", "2": block, "3": block} {
		if got := has(t, c, key); got != want {
			t.Errorf("key %s: %d octets, want %d", key, len(got), len(want))
		}
	}
	e, _ := c.Get("0")
	big := put(t, c, "big", strings.Repeat(block, 4))
	if s := c.Stats(); s.Bytes != 500 || s.Entries != 2 {
		t.Errorf("with texts in use: %+v", s)
	}
	if got := text(t, e); got != block {
		t.Errorf("text in use: %q", got)
	}
	big.Close()
	if s := c.Stats(); s.Bytes != 100 || s.Entries != 1 {
		t.Errorf("one larger than the cache was not dropped after use: %+v", s)
	}
	e.Close()
	e.Close()
	if s := c.Stats(); s.Bytes != 100 || s.InUse != 0 || len(files(t, dir)) != 1 {
		t.Errorf("at the end: %+v, files %v", s, files(t, dir))
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 1<<20)
	for i := range 4 {
		store(t, c, fmt.Sprint(i), strings.Repeat("x", 100))
		old := time.Now().Add(time.Duration(i-100) * time.Hour)
		if err := os.Chtimes(c.path(fileName(fmt.Sprint(i))), old, old); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	if _, ok := c.Get("0"); ok {
		t.Error("closed cache gives a text")
	}
	if _, err := c.Put(context.Background(), "9", strings.NewReader("")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed cache takes a text: %v", err)
	}
	foreign := []string{"note.txt", "put-123.tmp/keep", "aa/short", "zz/" + strings.Repeat("a", 62), "ab/" + strings.Repeat("b", 62) + ".bak", "put-x"}
	for _, name := range append(foreign, "put-77.tmp") {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "note.txt"), filepath.Join(dir, "aa", strings.Repeat("c", 62))); err != nil {
		t.Fatal(err)
	}
	c = open(t, dir, 1<<20)
	if s := c.Stats(); s.Entries != 4 || s.Bytes != 400 {
		t.Errorf("after the start: %+v", s)
	}
	has(t, c, "0") // the oldest becomes the newest
	c.Close()
	c = open(t, dir, 250)
	for key, want := range map[string]bool{"0": true, "1": false, "2": false, "3": true} {
		if got := has(t, c, key) != "none"; got != want {
			t.Errorf("smaller cache has key %s: %v, want %v", key, got, want)
		}
	}
	for _, name := range foreign {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "mine" {
			t.Errorf("foreign file %s: %q, %v", name, b, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "put-77.tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("leftover is still there: %v", err)
	}
}

// What a crash or a disk did to a file must not become a message.
func TestDamagedFiles(t *testing.T) {
	damage := map[string]func(b []byte) []byte{
		"empty":      func([]byte) []byte { return nil },
		"cut off":    func(b []byte) []byte { return b[:len(b)-1] },
		"longer":     func(b []byte) []byte { return append(b, 0) },
		"only zeros": func(b []byte) []byte { return make([]byte, len(b)) },
		"one bit":    func(b []byte) []byte { b[3] ^= 1; return b },
	}
	for name, change := range damage {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := open(t, dir, 1<<20)
			store(t, c, "k", strings.Repeat("text", 10))
			c.Close()
			path := c.path(fileName("k"))
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
			c = open(t, dir, 1<<20)
			if got := has(t, c, "k"); got != "none" {
				t.Errorf("got %q", got)
			}
			if s := c.Stats(); s.Bytes != 0 || s.Entries != 0 || len(files(t, dir)) != 0 {
				t.Errorf("the file is still counted: %+v, %v", s, files(t, dir))
			}
			store(t, c, "k", "new")
			if got := has(t, c, "k"); got != "new" {
				t.Errorf("stored again: %q", got)
			}
		})
	}
}

func TestFileVanished(t *testing.T) {
	c := open(t, t.TempDir(), 1<<20)
	store(t, c, "k", "x")
	if err := os.Remove(c.path(fileName("k"))); err != nil {
		t.Fatal(err)
	}
	if got := has(t, c, "k"); got != "none" || c.Stats().Bytes != 0 {
		t.Errorf("got %q, %+v", got, c.Stats())
	}
}

func TestZeroMode(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 1<<20)
	store(t, c, "old", "x")
	c.Close()
	c = open(t, dir, 0)
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("text of the earlier configuration is still on disk: %v", left)
	}
	c.memory.max = 250
	block := strings.Repeat("x", 100)
	for i := range 4 {
		store(t, c, fmt.Sprint(i), block)
	}
	if err := c.Link("3", "copy"); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"0": "none", "2": "none", "3": block, "copy": block} {
		if got := has(t, c, key); got != want {
			t.Errorf("key %s: %q, want %q", key, got, want)
		}
	}
	c.Remove("copy")
	if s := c.Stats(); s.Bytes != 0 || s.MemoryBytes != 100 || len(files(t, dir)) > 0 {
		t.Errorf("stats %+v, files %v", s, files(t, dir))
	}
	missing := filepath.Join(t.TempDir(), "none")
	open(t, missing, 0)
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory was made: %v", err)
	}
}

func TestLink(t *testing.T) {
	c := open(t, t.TempDir(), 1<<20)
	store(t, c, "a", "text")
	store(t, c, "c", "other")
	if err := c.Link("a", "b"); err != nil {
		t.Fatal(err)
	}
	c.Remove("a")
	if got := has(t, c, "b"); got != "text" {
		t.Errorf("got %q", got)
	}
	if err := c.Link("a", "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("link of nothing: %v", err)
	}
	if err := c.Link("b", "c"); err != nil || has(t, c, "c") != "other" {
		t.Errorf("link over a text: %v, %q", err, has(t, c, "c"))
	}
}

func BenchmarkGet(b *testing.B) {
	c := open(b, b.TempDir(), 1<<30)
	for i := range 1000 {
		store(b, c, fmt.Sprint(i), strings.Repeat("x", 5000))
	}
	buf := make([]byte, 5000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e, ok := c.Get(fmt.Sprint(i % 1000))
		if !ok {
			b.Fatal("missing")
		}
		e.ReadAt(buf, 0)
		e.Close()
	}
}

func BenchmarkPut(b *testing.B) {
	for _, size := range []int{5 << 10, 25 << 20} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			c := open(b, b.TempDir(), 200<<20)
			text := bytes.Repeat([]byte("x"), size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e, err := c.Put(context.Background(), fmt.Sprint(i), bytes.NewReader(text))
				if err != nil {
					b.Fatal(err)
				}
				e.Close()
			}
		})
	}
}
