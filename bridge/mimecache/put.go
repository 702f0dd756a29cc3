package mimecache

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"mail2graph/bridge/disk"
)

// Put stores what src delivers up to io.EOF and returns it; any other end is an
// error and leaves nothing behind, so that it can be tried again with another src.
// If the key has a text already, or gets one meanwhile, that one is returned and stays: to replace it, Remove it first.
// src is then not read, or not to its end.
//
// A full disk first costs the texts not in use. If the disk still does not take
// it, text up to 32 MiB is held in memory; beyond, the error wraps ErrNoSpace.
func (c *Cache) Put(ctx context.Context, key string, src io.Reader) (*Entry, error) {
	name := fileName(key)
	if e, ok := c.get(name); ok {
		return e, nil
	}
	s := &spool{c: c, limit: math.MaxInt64}
	defer s.discard()
	if c.dir != "" {
		f, err := c.create(c.dir)
		if err != nil {
			s.giveUpDisk(err)
		} else {
			s.f = f
		}
	}
	if err := s.copy(ctx, src); err != nil {
		return nil, fmt.Errorf("store message text: %w", err)
	}
	for {
		e, err := s.commit(name)
		if e != nil || err != nil {
			return e, err
		}
		// Another Put was first. Should its text go away again, ours is next.
		if e, ok := c.get(name); ok {
			return e, nil
		}
	}
}

// spool is a text on its way into the cache: in a file, or in memory when
// there may be none or the disk refuses it.
type spool struct {
	c       *Cache
	f       file // nil: memory
	crc     uint32
	size    int64
	memory  chunks
	limit   int64 // of memory
	diskErr error // why memory is used, if the disk should have been
}

var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

func (s *spool) copy(ctx context.Context, src io.Reader) error {
	buf := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := src.Read(buf[:])
		if err2 := s.write(buf[:n]); err2 != nil {
			return err2
		}
		if err == io.EOF {
			return s.seal()
		}
		if err != nil {
			return err
		}
	}
}

func (s *spool) write(p []byte) error {
	if s.f != nil {
		n, err := s.writeDisk(p)
		s.crc = crc32.Update(s.crc, castagnoli, p[:n])
		s.size += int64(n)
		if err == nil {
			return nil
		}
		if err := s.toMemory(err); err != nil {
			return err
		}
		p = p[n:]
	}
	if s.memory.size()+int64(len(p)) > s.limit {
		return s.diskErr
	}
	s.memory.write(p)
	s.size = s.memory.size()
	return nil
}

// writeDisk makes room on a full disk for as long as there is some to make.
func (s *spool) writeDisk(p []byte) (done int, err error) {
	for {
		n, err := s.f.Write(p[done:])
		done += n
		if err == nil || !disk.IsFull(err) || s.c.shrink() == 0 {
			return done, err
		}
	}
}

// shrink removes all texts not in use from the disk: nothing on it is worth
// less. It returns the bytes that went.
func (c *Cache) shrink() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evict(&c.disk, 0)
}

// toMemory goes on in memory with what the file has so far.
func (s *spool) toMemory(cause error) error {
	s.giveUpDisk(cause)
	if s.size > s.limit {
		return s.diskErr
	}
	buf := make([]byte, min(s.size, chunkSize))
	for off := int64(0); off < s.size; {
		n := min(s.size-off, int64(len(buf)))
		if _, err := s.f.ReadAt(buf[:n], off); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		s.memory.write(buf[:n])
		off += n
	}
	s.removeFile()
	return nil
}

func (s *spool) giveUpDisk(cause error) {
	s.diskErr, s.limit = noSpace(cause), fallbackMax
	s.c.log.Warn("message text is held in memory, the cache cannot write", "error", cause)
}

// seal completes the text.
func (s *spool) seal() error {
	if s.f == nil {
		return nil
	}
	if _, err := s.writeDisk(trailer(s.crc, s.size)); err != nil {
		return s.toMemory(err)
	}
	return nil
}

// commit makes the text the key's, unless it has one: then it returns nothing.
func (s *spool) commit(name string) (*Entry, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, fmt.Errorf("store message text: %w", fs.ErrClosed)
	case c.items[name] != nil:
		return nil, nil
	}
	if s.f != nil {
		if err := c.place(name, func(to string) error { return os.Rename(s.f.Name(), to) }); err != nil {
			if err := s.toMemory(err); err != nil {
				return nil, fmt.Errorf("store message text: %w", err)
			}
		}
	}
	if s.f == nil {
		it := &item{name: name, size: s.size, pool: &c.memory, memory: s.memory}
		c.add(it)
		return &Entry{cache: c, item: it, r: it.memory}, nil
	}
	it := &item{name: name, size: s.size, pool: &c.disk, checked: true, used: time.Now(), file: s.f}
	s.f = nil // the open file serves the readers
	c.add(it)
	return &Entry{cache: c, item: it, r: io.NewSectionReader(it.file, 0, it.size)}, nil
}

// discard removes what was not committed.
func (s *spool) discard() {
	if s.f != nil {
		s.removeFile()
	}
}

func (s *spool) removeFile() {
	s.f.Close()
	if err := os.Remove(s.f.Name()); err != nil {
		s.c.log.Warn("cannot remove unfinished message text", "error", err)
	}
	s.f = nil
}

// noSpace marks the errors of a full disk.
func noSpace(err error) error {
	if disk.IsFull(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
