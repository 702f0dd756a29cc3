package mimecache

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestConcurrentPut(t *testing.T) {
	for _, max := range []int64{0, 100, 1 << 20} {
		c := open(t, t.TempDir(), max)
		var wg sync.WaitGroup
		texts := make([]string, 16)
		entries := make([]*Entry, len(texts))
		for i := range texts {
			wg.Go(func() {
				e, err := c.Put(context.Background(), "k", iotest.OneByteReader(strings.NewReader(strings.Repeat(fmt.Sprint(i%10), 50))))
				if err != nil {
					t.Error(err)
					return
				}
				entries[i], texts[i] = e, text(t, e)
			})
		}
		wg.Wait()
		for i, got := range texts {
			if got != texts[0] || len(got) != 50 {
				t.Errorf("max %d: %q and %q", max, got, texts[0])
			}
			entries[i].Close()
		}
		if s := c.Stats(); s.Entries != 1 || s.InUse != 0 {
			t.Errorf("max %d: %+v", max, s)
		}
	}
}

// Everything at once; what is read must be whole, and the books must balance.
func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 2000)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				n := (i*7 + g*3) % 20
				key, want := fmt.Sprint(n), bytes.Repeat([]byte{byte('a' + n)}, 50+10*n)
				switch i % 5 {
				case 0:
					c.Remove(key)
				case 1:
					c.Link(key, fmt.Sprintf("copy%d", n)) // often there is nothing to link
					if e, ok := c.Get(fmt.Sprintf("copy%d", n)); ok {
						if got := text(t, e); got != string(want) {
							t.Errorf("copy of %s: %q", key, got)
						}
						e.Close()
					}
				default:
					e, err := c.Put(context.Background(), key, bytes.NewReader(want))
					if err != nil {
						t.Error(err)
						continue
					}
					if got := text(t, e); got != string(want) {
						t.Errorf("%s: %q", key, got)
					}
					e.Close()
				}
			}
		})
	}
	wg.Wait()
	s := c.Stats()
	var onDisk int64
	names := files(t, dir)
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		onDisk += info.Size() - trailerSize
	}
	if s.InUse != 0 || s.Bytes > 2000 || s.Bytes != onDisk || s.Entries != len(names) {
		t.Errorf("stats %+v, on disk %d bytes in %d files", s, onDisk, len(names))
	}
}
