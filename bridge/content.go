package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/mimepart"
)

// Content is the text of one message with its part index. Its octets stay the
// same while it is open, and as long as the message stays in the cache.
type Content struct {
	Root    *mimepart.Part // nil if ContentAtHand was to do without
	Size    int64
	StandIn bool // the service cannot make the text: this is a notice in its place

	entry *mimecache.Entry
}

// ReadAt reads octets of the message.
func (c *Content) ReadAt(p []byte, off int64) (int, error) { return c.entry.ReadAt(p, off) }

// Close lets the cache drop the text when it needs the room.
func (c *Content) Close() error { return c.entry.Close() }

// Content opens a message's text, from the cache or the service. ErrNotFound:
// the message is gone.
func (f *Folder) Content(ctx context.Context, uid uint32) (*Content, error) {
	return f.ContentOf(ctx, uid, nil)
}

// ContentOf is Content for a caller who has the stored part index, from
// Structures, if there is one.
func (f *Folder) ContentOf(ctx context.Context, uid uint32, stored *mimepart.Part) (*Content, error) {
	snap := f.Snapshot()
	pos, ok := snap.Find(uid)
	if !ok {
		return nil, fmt.Errorf("message %d of folder %s: %w", uid, f.Name(), ErrNotFound)
	}
	row := snap.At(pos)
	c, err := f.m.textOf(ctx, row.ID, stored)
	if err != nil {
		return nil, fmt.Errorf("text of message %d of folder %s: %w", uid, f.Name(), err)
	}
	if !row.SizeExact || row.Size != c.Size {
		f.m.learn(f, uid, row.ID, c)
	}
	f.prefetch(snap, pos)
	return c, nil
}

// ContentAtHand is ContentOf where that needs neither the service nor a parse: it
// returns nil if the text is not in the cache or its part index was not given. With
// whole the index is not asked for.
func (f *Folder) ContentAtHand(uid uint32, stored *mimepart.Part, whole bool) *Content {
	snap := f.Snapshot()
	pos, ok := snap.Find(uid)
	if !ok || stored == nil && !whole {
		return nil
	}
	row := snap.At(pos)
	if !row.SizeExact { // there is something to learn from the text
		return nil
	}
	entry, ok := f.m.cache.Get(string(row.ID))
	if !ok {
		return nil
	}
	if size := entry.Size(); size != row.Size || stored != nil && stored.End != size {
		entry.Close()
		return nil
	}
	f.prefetch(snap, pos)
	return &Content{Root: stored, Size: entry.Size(), entry: entry}
}

// EnsureSizes makes Row.Size exact in the next snapshot where the operator asks
// for exact sizes; it does nothing otherwise. Messages that cannot be read keep
// their estimate.
func (f *Folder) EnsureSizes(ctx context.Context, uids []uint32, progress func(done, total int)) error {
	if !f.m.opts.ExactSizes {
		return nil
	}
	for i, uid := range uids {
		row := f.Snapshot().Row(uid)
		if row == nil || row.SizeExact {
			continue
		}
		c, err := f.Content(ctx, uid)
		switch {
		case err == nil:
			c.Close()
		case ctx.Err() != nil || !gone(err) && !errors.Is(err, ErrInvalid):
			return err
		}
		if progress != nil {
			progress(i+1, len(uids))
		}
	}
	f.m.flushLazy(ctx)
	return nil
}

// text opens a message's text by id; callers at the same time share one request.
func (m *Mailbox) text(ctx context.Context, id MessageID) (*Content, error) {
	return m.textOf(ctx, id, nil)
}

// textOf is text for a caller who may have the stored part index.
func (m *Mailbox) textOf(ctx context.Context, id MessageID, stored *mimepart.Part) (*Content, error) {
	for range 3 {
		if entry, ok := m.cache.Get(string(id)); ok {
			return m.withParts(ctx, id, stored, entry)
		}
		if m.unreadable.standing(id) {
			if entry, ok := m.cache.Get(standInKey(id)); ok {
				return asStandIn(entry)
			}
		}
		// The flight leaves the text in the cache for all who waited; what they
		// get is theirs to close.
		if _, err := m.fetches.do(ctx, &m.tasks, id, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, m.fetch(ctx, id)
		}); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the text cache does not keep message text (cache too small?): %w", ErrUnavailable)
}

// asStandIn is the content of a stand-in, whose part index is kept nowhere.
func asStandIn(entry *mimecache.Entry) (*Content, error) {
	root, err := parseEntry(entry)
	if err != nil {
		entry.Close()
		return nil, err
	}
	return &Content{Root: root, Size: entry.Size(), StandIn: true, entry: entry}, nil
}

func parseEntry(entry *mimecache.Entry) (*mimepart.Part, error) {
	root, err := mimepart.Parse(io.NewSectionReader(entry, 0, entry.Size()))
	if err != nil {
		return nil, fmt.Errorf("read cached text: %w", err)
	}
	return root, nil
}

// fetch brings a message's text into the cache, or a stand-in if there is none
// to be had. Either may have come since the caller looked, by a flight that has ended.
func (m *Mailbox) fetch(ctx context.Context, id MessageID) error {
	if m.cache.Has(string(id)) || m.unreadable.standing(id) && m.cache.Has(standInKey(id)) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	begun := time.Now()
	err := m.fetchText(ctx, id)
	if err != nil {
		return m.standIn(ctx, id, err, begun)
	}
	m.unreadable.came(id, begun)
	return nil
}

// fetchText brings a message's text into the cache and its part index with it. An
// answer that breaks off is asked for again: nothing of it has gone to a client.
func (m *Mailbox) fetchText(ctx context.Context, id MessageID) error {
	for try := 1; ; try++ {
		broke, err := m.fetchOnce(ctx, id)
		if !broke || try == fetchTries || !pause(ctx, fetchPause<<try) {
			return err
		}
		m.log.DebugContext(ctx, "text of a message broke off, it is read again", "error", err)
	}
}

// fetchOnce reports also whether the error is that of an answer that began and
// broke off.
func (m *Mailbox) fetchOnce(ctx context.Context, id MessageID) (broke bool, err error) {
	body, err := m.store.MIME(ctx, id)
	if err != nil {
		return false, err
	}
	defer body.Close()
	src := &watchedReader{r: body}
	entry, err := m.cache.Put(ctx, string(id), src)
	if err != nil {
		return src.err != nil && ctx.Err() == nil, diskError(err)
	}
	defer entry.Close()
	if entry.Size() == 0 { // reported for odd items (graph-reference §13)
		m.cache.Remove(string(id))
		return false, &ItemError{Reason: "empty answer", Err: fmt.Errorf("no text came: %w", ErrUnavailable)}
	}
	root, err := parseEntry(entry)
	if err != nil {
		return false, err
	}
	m.lazy.setPart(id, root)
	return false, nil
}

// watchedReader remembers the error that r broke off with.
type watchedReader struct {
	r   io.Reader
	err error
}

// Read reads from r.
func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// dropText forgets text and structure of a message whose content changed.
func (m *Mailbox) dropText(id MessageID) {
	m.cache.Remove(string(id))
	m.lazy.dropPart(id)
}

// prefetchDepth is how many messages are read ahead of a client that reads one
// after the other; with the one it waits for, the slots of a mailbox are busy.
const prefetchDepth = 2

// prefetch reads ahead once a client has opened two messages in a row.
func (f *Folder) prefetch(snap *Snapshot, pos int) {
	uid := snap.At(pos).UID
	f.mu.Lock()
	row := pos > 0 && snap.At(pos-1).UID == f.readTo
	f.readTo = uid
	f.mu.Unlock()
	if !row {
		return
	}
	for i := pos + 1; i <= pos+prefetchDepth && i < snap.Len(); i++ {
		f.m.readAhead(snap.At(i).ID)
	}
}

// readAhead begins to fetch a text that somebody will want. Not as background work:
// the client that comes to wait for it would wait with it, at the end of the queue.
func (m *Mailbox) readAhead(id MessageID) {
	if m.cache.Has(string(id)) {
		return
	}
	_, _, _ = m.fetches.join(&m.tasks, id, false, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, m.fetch(ctx, id)
	})
}

const (
	fetchLimit = 10 * time.Minute // for the text of one message, up to 150 MB
	fetchTries = 4                // of a text that breaks off, with a pause that doubles
	fetchPause = 150 * time.Millisecond
	lazyDelay  = 2 * time.Second
	lazyMost   = 200 // entries that may wait
)

// lazy holds what was learned from a message's text until it is worth a write:
// losing it costs a parse, and clients were promised nothing.
type lazy struct {
	mu    sync.Mutex                   // guards the fields below
	parts map[MessageID]*mimepart.Part // nil: to be forgotten
	sizes map[*Folder]map[uint32]learned
	n     int       // of entries since the last write
	since time.Time // of the first of them
}

type learned struct {
	id       MessageID
	size     int64
	envelope mimepart.Envelope
}

func (l *lazy) part(id MessageID) *mimepart.Part {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.parts[id]
}

func (l *lazy) setPart(id MessageID, p *mimepart.Part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parts == nil {
		l.parts = map[MessageID]*mimepart.Part{}
	}
	l.parts[id] = p
	l.count()
}

func (l *lazy) dropPart(id MessageID) { l.setPart(id, nil) }

// count needs l.mu.
func (l *lazy) count() {
	if l.n == 0 {
		l.since = time.Now()
	}
	l.n++
}

// due says when what waits is to be written; ok is false if nothing waits.
func (l *lazy) due() (at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n >= lazyMost {
		return l.since, true
	}
	return l.since.Add(lazyDelay), l.n > 0
}

// learn notes the exact size and the raw envelope of a message that was read.
func (m *Mailbox) learn(f *Folder, uid uint32, id MessageID, c *Content) {
	l := &m.lazy
	l.mu.Lock()
	if l.sizes == nil {
		l.sizes = map[*Folder]map[uint32]learned{}
	}
	if l.sizes[f] == nil {
		l.sizes[f] = map[uint32]learned{}
	}
	l.sizes[f][uid] = learned{id: id, size: c.Size, envelope: *c.Root.Envelope}
	l.count()
	l.mu.Unlock()
	f.showSize(uid, id, c.Size)
	m.poke()
}

// showSize lets sessions see an exact size at once; the index learns it with
// the other lazy writes. A client that has read a message compares.
func (f *Folder) showSize(uid uint32, id MessageID, size int64) {
	f.commitMu.Lock()
	defer f.commitMu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	row := f.snap.Row(uid)
	if row == nil || row.ID != id {
		return
	}
	now := *row
	now.Size, now.SizeExact = size, true
	f.snap = f.snap.with([]Row{now}, nil, f.snap.UIDNext, f.snap.ModSeq)
}

// flushLazy writes what waits; what cannot be written is logged and lost, since
// it can be learned again.
func (m *Mailbox) flushLazy(ctx context.Context) {
	l := &m.lazy
	l.mu.Lock()
	parts, sizes := maps.Clone(l.parts), l.sizes
	l.sizes, l.n = nil, 0
	l.mu.Unlock()
	if len(parts) > 0 {
		if err := m.index.PutStructures(ctx, parts); err != nil {
			m.log.Warn("part indexes not stored", "error", err)
		}
		l.mu.Lock()
		for id, p := range parts {
			if l.parts[id] == p {
				delete(l.parts, id)
			}
		}
		l.mu.Unlock()
	}
	for f, of := range sizes {
		if err := f.setLearned(ctx, of); err != nil && !f.Gone() {
			m.log.Warn("sizes not stored", "folder", f.Name(), "error", err)
		}
	}
}

// setLearned writes exact sizes and raw envelopes without disturbing sessions.
func (f *Folder) setLearned(ctx context.Context, of map[uint32]learned) error {
	uids := make([]uint32, 0, len(of))
	for uid := range of {
		uids = append(uids, uid)
	}
	details, err := f.details(ctx, uids)
	if err != nil {
		return err
	}
	_, err = f.commit(ctx, func(snap *Snapshot) batch {
		var b batch
		for uid, l := range of {
			row, d := snap.Row(uid), details[uid]
			if row == nil || row.ID != l.id || d == nil {
				continue
			}
			e := Entry{Row: *row, Detail: d}
			e.Size, e.SizeExact = l.size, true
			d.Envelope = l.envelope
			b.quiet = append(b.quiet, e)
		}
		return b
	})
	return err
}

// Details calls yield for those of uids (ascending) that the index has, in order.
func (f *Folder) Details(ctx context.Context, uids []uint32, yield func(uid uint32, d *Detail) error) error {
	return f.m.index.Details(ctx, f.id, uids, yield)
}
