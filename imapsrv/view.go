package imapsrv

import (
	"context"
	"slices"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// view is what the client of one connection knows of its selected folder. It
// owns the sequence numbers: number n is told.At(n-1).
type view struct {
	folder   *bridge.Folder
	watch    *bridge.Watch
	readOnly bool

	told *bridge.Snapshot
	// newer has rows whose flags the client was told after told: answers to its
	// own STORE, and news while expunges had to wait.
	newer map[uint32]*bridge.Row
	// keywords are those that the client was told in FLAGS, without $Forwarded,
	// sorted; spellings are all ways in which messages have them.
	keywords  []string
	spellings map[string]bool
	// recent are the UIDs that are \Recent in this session, ascending.
	recent []bridge.UIDRange
	// saved are the UIDs that "$" stands for (RFC 5182). Those of messages that
	// went since then are passed over, as UIDs are never used again.
	saved wire.NumSet
}

// row returns the message at a position as the client knows it.
func (v *view) row(pos int) *bridge.Row {
	r := v.told.At(pos)
	if n := v.newer[r.UID]; n != nil {
		return n
	}
	return r
}

// learn notes that the client was told the flags of r, which is newer than told.
func (v *view) learn(r *bridge.Row) {
	if v.newer == nil {
		v.newer = make(map[uint32]*bridge.Row)
	}
	v.newer[r.UID] = r
}

// isRecent reports whether a message is \Recent in this session.
func (v *view) isRecent(uid uint32) bool {
	for _, r := range v.recent {
		if r.First <= uid && uid <= r.Last {
			return true
		}
	}
	return false
}

// claim makes the messages of snap that no session was told of \Recent here
// (RFC 3501 §2.3.2). EXAMINE only looks.
func (v *view) claim(ctx context.Context, snap *bridge.Snapshot) error {
	first, err := v.folder.ClaimRecent(ctx, snap, v.readOnly)
	if err != nil || first == 0 || first >= snap.UIDNext {
		return err
	}
	if n := len(v.recent); n > 0 {
		first = max(first, v.recent[n-1].Last+1)
		if first == v.recent[n-1].Last+1 {
			v.recent[n-1].Last = snap.UIDNext - 1
			return nil
		}
	}
	v.recent = append(v.recent, bridge.UIDRange{First: first, Last: snap.UIDNext - 1})
	return nil
}

// countRecent is the number for RECENT.
func (v *view) countRecent() int {
	n := 0
	for _, r := range v.recent {
		from, _ := v.told.Find(r.First)
		to, _ := v.told.Find(r.Last + 1)
		n += to - from
	}
	return n
}

// sameFlags reports whether two rows give the same FLAGS.
func sameFlags(a, b *bridge.Row) bool {
	return a.Flags == b.Flags && slices.Equal(a.Categories, b.Categories)
}

// deselect leaves the selected folder without a word.
func (c *conn) deselect() {
	if c.view != nil {
		c.view.watch.Close()
		c.view = nil
	}
}

// report tells the client what has changed in its folder since it was last
// told: EXPUNGE, EXISTS, RECENT, FETCH in this order. Where nothing may be
// expunged and something would have to be, only flags are told, and the rest
// waits. uid adds the UID to each FETCH.
func (c *conn) report(ctx context.Context, mayExpunge, uid bool) error {
	v := c.view
	if v.folder.Gone() {
		c.deselect()
		c.bye("", "The selected folder was deleted")
		return nil
	}
	next := v.folder.Snapshot()
	if next == v.told {
		return nil
	}
	gone, changed, added := v.told.Diff(next)
	if len(gone) > 0 && c.condStore {
		c.modSeqDue = true
	}
	if len(gone) > 0 && !mayExpunge {
		for _, pos := range changed {
			row := next.At(pos)
			if old, ok := v.told.Find(row.UID); ok && c.isNews(v.row(old), row) {
				v.learn(row)
				c.writeFlags(old, row, uid)
			}
		}
		return nil
	}
	before := v.told
	v.told = next
	c.writeExpunged(before, gone)
	var err error
	if added > 0 {
		err = c.claimRecent(ctx, v, next)
		c.w.Exists(uint32(next.Len()))
		c.writeRecent(v)
	}
	for _, pos := range changed {
		row := next.At(pos)
		old := v.newer[row.UID]
		if old == nil {
			old = before.Row(row.UID)
		}
		if c.isNews(old, row) {
			c.writeFlags(pos, row, uid)
		}
	}
	v.newer = nil
	return err
}
