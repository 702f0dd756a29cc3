package mimecache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// Entry is the text of one message in use: it stays, unchanged, until Close.
// It is safe for concurrent use.
type Entry struct {
	cache  *Cache
	item   *item
	r      io.ReaderAt
	closed atomic.Bool
}

// ReadAt reads from the text as io.ReaderAt demands.
func (e *Entry) ReadAt(p []byte, off int64) (int, error) { return e.r.ReadAt(p, off) }

// Size returns the number of octets of the text.
func (e *Entry) Size() int64 { return e.item.size }

// Close ends the use; further calls do nothing. The error is always nil.
func (e *Entry) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	e.cache.unpin(e.item)
	return nil
}

// A file is the text and a trailer: magic, CRC-32C and length of the text.
const (
	trailerMagic = "m2g1"
	trailerSize  = 4 + 4 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func trailer(crc uint32, size int64) []byte {
	b := append(make([]byte, 0, trailerSize), trailerMagic...)
	b = binary.BigEndian.AppendUint32(b, crc)
	return binary.BigEndian.AppendUint64(b, uint64(size))
}

// errDamaged is logged, not returned: a damaged file is a missing one.
var errDamaged = errors.New("damaged")

// check compares a file with its trailer.
func check(f io.ReaderAt, size int64) error {
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return err
	}
	var got [trailerSize]byte
	if _, err := io.ReadFull(io.NewSectionReader(f, size, trailerSize), got[:]); err != nil {
		return err
	}
	if string(got[:]) != string(trailer(sum.Sum32(), size)) {
		return errDamaged
	}
	return nil
}

// open returns the text of a pinned item. The first user opens the file, and
// the first one since the start checks it; the others wait for that.
func (c *Cache) open(it *item) (io.ReaderAt, error) {
	if it.pool == &c.memory {
		return it.memory, nil
	}
	it.opening.Lock()
	defer it.opening.Unlock()
	c.mu.Lock()
	f, checked, used := it.file, it.checked, it.used
	c.mu.Unlock()
	if f == nil {
		opened, err := os.Open(c.path(it.name))
		if err != nil {
			return nil, err
		}
		if !checked {
			if err := check(opened, it.size); err != nil {
				opened.Close()
				return nil, fmt.Errorf("%s: %w", it.name, err)
			}
		}
		f = opened
	}
	// The file's time carries the order over a restart; a minute is exact enough.
	now := time.Now()
	if now.Sub(used) > time.Minute {
		os.Chtimes(c.path(it.name), now, now) // if it fails, the order is a little wrong
		used = now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.gone && it.file == nil {
		f.Close() // what we opened may be the key's next text already
		return nil, fs.ErrNotExist
	}
	it.file, it.checked, it.used = f, true, used
	return io.NewSectionReader(f, 0, it.size), nil
}
