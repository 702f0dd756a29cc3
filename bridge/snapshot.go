package bridge

import "sort"

// chunkSize is how many rows share a chunk: what one changed flag copies.
const chunkSize = 256

// Snapshot is an immutable list of a folder's messages in ascending order of
// UID; sequence number n is At(n-1). Snapshots of one folder share the chunks in
// which they agree, so any number of sessions at any age cost little, and the
// difference of two is found in the time of what differs.
type Snapshot struct {
	UIDNext uint32
	ModSeq  uint64 // highest given so far

	chunks []*chunk // none empty
	starts []int    // position of each chunk's first row
	n      int
}

// chunk is a run of rows; never changed once a Snapshot holds it.
type chunk struct{ rows []Row }

// Len returns the number of messages.
func (s *Snapshot) Len() int { return s.n }

// At returns the row at position i, 0 <= i < Len; it must not be changed.
func (s *Snapshot) At(i int) *Row {
	c := sort.SearchInts(s.starts, i+1) - 1
	return &s.chunks[c].rows[i-s.starts[c]]
}

// Find returns the position of uid, or where it would stand and false.
func (s *Snapshot) Find(uid uint32) (int, bool) {
	c := sort.Search(len(s.chunks), func(c int) bool { return s.chunks[c].rows[0].UID > uid }) - 1
	if c < 0 {
		return 0, false
	}
	rows := s.chunks[c].rows
	i := sort.Search(len(rows), func(i int) bool { return rows[i].UID >= uid })
	return s.starts[c] + i, i < len(rows) && rows[i].UID == uid
}

// Row returns the row of uid, or nil.
func (s *Snapshot) Row(uid uint32) *Row {
	if i, ok := s.Find(uid); ok {
		return s.At(i)
	}
	return nil
}

// Diff says how next, a later snapshot of the same folder, differs from s: gone
// are positions in s, descending, as EXPUNGE reports them; changed are positions
// in next of rows with another mod-sequence, ascending; added is the number of
// rows at the end of next that s did not have.
func (s *Snapshot) Diff(next *Snapshot) (gone, changed []int, added int) {
	a, b := cursor{s: s}, cursor{s: next}
	for !a.end() {
		if b.end() {
			gone = append(gone, a.pos)
			a.step()
			continue
		}
		if a.i == 0 && b.i == 0 && a.chunk() == b.chunk() {
			a.skip()
			b.skip()
			continue
		}
		switch ra, rb := a.row(), b.row(); {
		case ra.UID < rb.UID:
			gone = append(gone, a.pos)
			a.step()
		default: // equal: UIDs only ever come in at the end
			if ra.ModSeq != rb.ModSeq {
				changed = append(changed, b.pos)
			}
			a.step()
			b.step()
		}
	}
	for i, j := 0, len(gone)-1; i < j; i, j = i+1, j-1 {
		gone[i], gone[j] = gone[j], gone[i]
	}
	return gone, changed, next.n - b.pos
}

// cursor walks a snapshot by chunk c and row i; pos is the position overall.
type cursor struct {
	s         *Snapshot
	c, i, pos int
}

func (k *cursor) end() bool     { return k.c == len(k.s.chunks) }
func (k *cursor) chunk() *chunk { return k.s.chunks[k.c] }
func (k *cursor) row() *Row     { return &k.s.chunks[k.c].rows[k.i] }

func (k *cursor) step() {
	k.pos++
	if k.i++; k.i == len(k.chunk().rows) {
		k.c, k.i = k.c+1, 0
	}
}

func (k *cursor) skip() {
	k.pos += len(k.chunk().rows) - k.i
	k.c, k.i = k.c+1, 0
}

// with returns the snapshot after rows in put (ascending by UID; known UIDs are
// replaced, others are above all known ones) and without the UIDs in gone (ascending).
func (s *Snapshot) with(put []Row, gone []uint32, uidNext uint32, modSeq uint64) *Snapshot {
	b := builder{out: &Snapshot{UIDNext: uidNext, ModSeq: modSeq}}
	for _, c := range s.chunks {
		last := c.rows[len(c.rows)-1].UID
		np := sort.Search(len(put), func(i int) bool { return put[i].UID > last })
		ng := sort.Search(len(gone), func(i int) bool { return gone[i] > last })
		if np == 0 && ng == 0 {
			b.share(c)
			continue
		}
		for i := range c.rows {
			r := &c.rows[i]
			if len(put) > 0 && put[0].UID == r.UID {
				r, put = &put[0], put[1:]
				np--
			}
			for len(gone) > 0 && gone[0] < r.UID {
				gone = gone[1:]
				ng--
			}
			if len(gone) > 0 && gone[0] == r.UID {
				continue
			}
			b.add(r)
		}
		put, gone = put[np:], gone[ng:]
	}
	for i := range put {
		b.add(&put[i])
	}
	b.flush()
	return b.out
}

// builder collects rows into chunks; rows waits to become one.
type builder struct {
	out  *Snapshot
	rows []Row
}

// share takes over a whole chunk of an older snapshot, unless a small rest
// waits that can join it.
func (b *builder) share(c *chunk) {
	if len(b.rows) > 0 && len(b.rows)+len(c.rows) <= chunkSize {
		b.rows = append(b.rows, c.rows...)
		return
	}
	b.flush()
	if k := len(b.out.chunks); len(c.rows) <= chunkSize/4 && k > 0 && len(b.out.chunks[k-1].rows) <= chunkSize/4 {
		b.reopen()
		b.rows = append(b.rows, c.rows...)
		return
	}
	b.push(c)
}

func (b *builder) add(r *Row) {
	if len(b.rows) == 0 {
		if k := len(b.out.chunks); k > 0 && len(b.out.chunks[k-1].rows) < chunkSize {
			b.reopen()
		}
	}
	if b.rows == nil {
		b.rows = make([]Row, 0, chunkSize)
	}
	b.rows = append(b.rows, *r)
	if len(b.rows) >= chunkSize {
		b.flush()
	}
}

// reopen takes the last chunk back as a copy, so that more can follow in it.
func (b *builder) reopen() {
	k := len(b.out.chunks) - 1
	last := b.out.chunks[k]
	b.rows = append(make([]Row, 0, chunkSize), last.rows...)
	b.out.chunks, b.out.starts = b.out.chunks[:k], b.out.starts[:k]
	b.out.n -= len(last.rows)
}

func (b *builder) flush() {
	if len(b.rows) > 0 {
		b.push(&chunk{rows: b.rows})
		b.rows = nil
	}
}

func (b *builder) push(c *chunk) {
	b.out.starts = append(b.out.starts, b.out.n)
	b.out.chunks = append(b.out.chunks, c)
	b.out.n += len(c.rows)
}
