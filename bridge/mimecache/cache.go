// Package mimecache keeps the MIME text of messages on disk, bounded and least
// recently used out first, so that the bytes a client has begun to read stay
// the same: the service generates them anew for every request.
//
// Losing it costs only requests. It is therefore not synced to disk; instead
// each file ends with a checksum, and one that a crash has damaged counts as
// absent. Keys are opaque and do not appear in file names. One process uses a
// directory at a time.
package mimecache

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// memoryMax bounds what is held in memory without being in use.
	memoryMax = 64 << 20
	// fallbackMax is the largest text that is held in memory when the disk
	// does not take it.
	fallbackMax = 32 << 20
)

// ErrNoSpace is wrapped, together with the cause (syscall.ENOSPC or EDQUOT),
// by the error of a Put that found neither disk nor memory.
var ErrNoSpace = errors.New("no space left for message text")

// Cache is safe for concurrent use.
type Cache struct {
	dir    string // "" when nothing may be written to disk
	max    int64
	log    *slog.Logger
	create func(dir string) (file, error) // replaced by tests of a full disk

	// mu guards what follows and the fields of all items. Files are removed and
	// renamed with it held, since the map must tell the truth about them; they
	// are never read or written so.
	mu     sync.Mutex
	closed bool
	items  map[string]*item // by fileName
	disk   pool
	memory pool
	stats  Stats
}

// pool is one of the two places with a bound of its own.
type pool struct {
	max   int64
	bytes int64
	idle  list.List // of *item without users, the last used in front
}

// item is one text. While somebody uses it, it is in no list.
type item struct {
	name   string
	size   int64
	pool   *pool
	pins   int
	elem   *list.Element // nil while in use
	gone   bool          // removed while in use
	used   time.Time     // of disk items: as the file's time says
	memory chunks        // nil for disk items

	opening sync.Mutex // held while the file is opened and checked
	file    file       // nil when not in use
	checked bool       // the checksum was right
}

// file is what the cache needs of *os.File.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Name() string
}

// Stats says what a Cache holds and how it was used since it was opened.
type Stats struct {
	Entries     int
	Bytes       int64 // on disk; a linked copy counts as if it were one
	MemoryBytes int64
	InUse       int
	Hits        int64
	Misses      int64
	Evicted     int64
}

// Open opens the cache in dir, which is made if it does not exist, and bounds
// it to max bytes. Leftovers of interrupted writes are removed, files that are
// not the cache's are left alone. With max 0 nothing is ever written to disk,
// and what an earlier configuration left there is removed. log may be nil.
func Open(dir string, max int64, log *slog.Logger) (*Cache, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Cache{
		dir: dir, max: max, log: log, create: createTemp,
		items: make(map[string]*item),
		disk:  pool{max: max}, memory: pool{max: memoryMax},
	}
	if max > 0 {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("open MIME cache: %w", err)
		}
	}
	if err := c.scan(); err != nil && !(max <= 0 && errors.Is(err, fs.ErrNotExist)) {
		return nil, fmt.Errorf("open MIME cache: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evict(&c.disk, max)
	if max <= 0 {
		c.dir = ""
	}
	return c, nil
}

func createTemp(dir string) (file, error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*"+tempSuffix) // mode 0600
	if err != nil {
		return nil, err // not a nil *os.File in a file
	}
	return f, nil
}

// fileName is the path of a key's file below the directory: "3f/9a0c…".
func fileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	h := hex.EncodeToString(sum[:])
	return h[:2] + "/" + h[2:]
}

func (c *Cache) path(name string) string { return filepath.Join(c.dir, filepath.FromSlash(name)) }

// Get returns the text of a key, which is kept until the entry is closed.
func (c *Cache) Get(key string) (*Entry, bool) {
	e, ok := c.get(fileName(key))
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.stats.Hits++
	} else {
		c.stats.Misses++
	}
	return e, ok
}

// Has reports whether the cache holds a text for key, without a look at the
// file: Get may still find it damaged.
func (c *Cache) Has(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.items[fileName(key)] != nil && !c.closed
}

func (c *Cache) get(name string) (*Entry, bool) {
	c.mu.Lock()
	it := c.items[name]
	if it == nil || c.closed {
		c.mu.Unlock()
		return nil, false
	}
	c.pin(it)
	c.mu.Unlock()
	r, err := c.open(it)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.log.Warn("message text in the cache is unusable", "error", err)
		}
		c.mu.Lock()
		c.remove(it)
		c.unpin(it)
		c.mu.Unlock()
		return nil, false
	}
	return &Entry{cache: c, item: it, r: r}, true
}

// pin puts an item in use. c.mu is held.
func (c *Cache) pin(it *item) {
	it.pins++
	if it.elem != nil {
		it.pool.idle.Remove(it.elem)
		it.elem = nil
	}
}

// unpin ends one use; the last one closes the file. c.mu is held.
func (c *Cache) unpin(it *item) {
	if it.pins--; it.pins > 0 {
		return
	}
	if it.file != nil {
		it.file.Close()
		it.file = nil
	}
	if !it.gone {
		it.elem = it.pool.idle.PushFront(it)
		c.evict(it.pool, it.pool.max)
	}
}

// evict removes idle items of a pool until it holds at most max bytes, and
// returns how many bytes that freed. c.mu is held.
func (c *Cache) evict(p *pool, max int64) int64 {
	before := p.bytes
	for p.bytes > max && p.idle.Len() > 0 {
		c.remove(p.idle.Back().Value.(*item))
		c.stats.Evicted++
	}
	return before - p.bytes
}

// remove forgets an item and its file; who uses it can go on. c.mu is held.
func (c *Cache) remove(it *item) {
	if it.gone {
		return
	}
	it.gone = true
	delete(c.items, it.name)
	it.pool.bytes -= it.size
	if it.elem != nil {
		it.pool.idle.Remove(it.elem)
		it.elem = nil
	}
	if it.pool == &c.disk {
		if err := os.Remove(c.path(it.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.log.Warn("cannot remove message text from the cache", "error", err)
		}
	}
}

// add makes an item known, in use by the caller, and makes room for it. c.mu
// is held.
func (c *Cache) add(it *item) {
	c.items[it.name] = it
	it.pool.bytes += it.size
	it.pins = 1
	c.evict(it.pool, it.pool.max)
}

// Remove forgets the text of a key. Entries in use stay readable.
func (c *Cache) Remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it := c.items[fileName(key)]; it != nil && !c.closed {
		c.remove(it)
	}
}

// Link gives the text of oldKey to newKey as well, without copying it. If
// newKey has a text it keeps it. fs.ErrNotExist: oldKey has none.
func (c *Cache) Link(oldKey, newKey string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, name := c.items[fileName(oldKey)], fileName(newKey)
	switch {
	case c.closed:
		return fmt.Errorf("link message text: %w", fs.ErrClosed)
	case from == nil:
		return fmt.Errorf("link message text: %w", fs.ErrNotExist)
	case c.items[name] != nil:
		return nil
	}
	it := &item{name: name, size: from.size, pool: from.pool, memory: from.memory, checked: from.checked, used: from.used}
	if it.pool == &c.disk {
		if err := c.place(name, func(to string) error { return os.Link(c.path(from.name), to) }); err != nil {
			return fmt.Errorf("link message text: %w", noSpace(err))
		}
	}
	c.add(it)
	c.unpin(it)
	return nil
}

// place puts a file at its name with move, in a directory that may be missing.
func (c *Cache) place(name string, move func(to string) error) error {
	to := c.path(name)
	err := move(to)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		err = move(to)
	}
	return err
}

// Stats returns the present figures.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Entries, s.Bytes, s.MemoryBytes = len(c.items), c.disk.bytes, c.memory.bytes
	s.InUse = len(c.items) - c.disk.idle.Len() - c.memory.idle.Len()
	return s
}

// Close ends the use of the cache. The files stay for the next one, entries in
// use stay readable until they are closed.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}
