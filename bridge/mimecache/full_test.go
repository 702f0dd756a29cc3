package mimecache

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
)

// fullDisk is a disk with room for so many bytes.
type fullDisk struct {
	mu   sync.Mutex
	room int
	err  error
}

type fullFile struct {
	file
	disk *fullDisk
}

func (d *fullDisk) create(dir string) (file, error) {
	f, err := createTemp(dir)
	return fullFile{f, d}, err
}

func (f fullFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := min(len(p), f.disk.room)
	f.disk.room -= n
	if _, err := f.file.Write(p[:n]); err != nil || n == len(p) {
		return n, err
	}
	return n, f.disk.err
}

func TestDiskFull(t *testing.T) {
	big := strings.Repeat("0123456789", fallbackMax/10+1)
	tests := []struct {
		name string
		room int
		text string
		err  error
		want error
	}{
		{"nothing fits", 0, "small", syscall.ENOSPC, nil},
		{"begins to fit", 200_000, big[:500_000], syscall.ENOSPC, nil},
		{"trailer does not fit", 10, "0123456789", syscall.EDQUOT, nil},
		{"device fails", 3, "small", syscall.EIO, nil},
		{"too large for memory", 100, big, syscall.ENOSPC, ErrNoSpace},
		{"too large and mostly written", fallbackMax + 5, big, syscall.EDQUOT, ErrNoSpace},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c := open(t, dir, 1<<30)
			store(t, c, "old", "x")
			c.create = (&fullDisk{room: tt.room, err: tt.err}).create
			e, err := c.Put(context.Background(), "k", iotest.HalfReader(strings.NewReader(tt.text)))
			if tt.want != nil {
				if !errors.Is(err, tt.want) || !errors.Is(err, tt.err) {
					t.Errorf("got %v, want %v and %v", err, tt.want, tt.err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				if got := text(t, e); got != tt.text {
					t.Errorf("got %d octets, want %d", len(got), len(tt.text))
				}
				e.Close()
				if got := has(t, c, "k"); got != tt.text {
					t.Errorf("later got %d octets, want %d", len(got), len(tt.text))
				}
			}
			if kept := has(t, c, "old") == "x"; kept != (tt.err == syscall.EIO) {
				t.Errorf("old text kept: %v", kept)
			}
			left := files(t, dir)
			for _, name := range left {
				if strings.HasPrefix(name, tempPrefix) {
					t.Errorf("left %s", name)
				}
			}
		})
	}
}

// Room that the old texts gave back is used.
func TestDiskFullMakesRoom(t *testing.T) {
	c := open(t, t.TempDir(), 1<<30)
	disk := &fullDisk{room: 100, err: syscall.ENOSPC}
	c.create = func(dir string) (file, error) {
		f, err := createTemp(dir)
		return roomier{fullFile{f, disk}, c}, err
	}
	store(t, c, "old", strings.Repeat("x", 50))
	e := put(t, c, "k", strings.Repeat("y", 60))
	defer e.Close()
	if s := c.Stats(); s.Entries != 1 || s.Bytes != 60 || s.MemoryBytes != 0 {
		t.Errorf("stats %+v", s)
	}
}

// roomier gives the disk more room once the cache is empty.
type roomier struct {
	fullFile
	c *Cache
}

func (r roomier) Write(p []byte) (int, error) {
	if r.c.Stats().Evicted > 0 {
		r.disk.room = 1000
	}
	return r.fullFile.Write(p)
}
