package imapsrv

import (
	"context"
	"iter"
	"slices"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// enableQResync makes VANISHED take the place of EXPUNGE (RFC 7162 §3.2.3).
func (c *conn) enableQResync() {
	c.enableCondStore()
	c.qresync = true
}

// errNoQResync is for what only a client may ask for that has enabled QRESYNC
// (RFC 7162 §3.2.3).
var errNoQResync = bad("ENABLE QRESYNC first")

// writeExpunged tells which messages of before are gone; positions descend.
func (c *conn) writeExpunged(before *bridge.Snapshot, gone []int) {
	if !c.qresync {
		for _, pos := range gone {
			c.w.Expunge(uint32(pos + 1))
		}
		return
	}
	uids := make([]uint32, 0, len(gone))
	for _, pos := range slices.Backward(gone) {
		uids = append(uids, before.At(pos).UID)
	}
	c.w.Vanished(false, wire.Numbers(uids)) // RFC 7162 §3.2.10.2
}

// missed is what happened while a client was away.
type missed struct {
	gone    wire.NumSet // UIDs
	changed positions
}

// missedBy finds what a client missed that tells with QRESYNC what it knows
// (RFC 7162 §3.2.5): nothing if it knows another UIDVALIDITY, and is left to
// start anew.
func (v *view) missedBy(ctx context.Context, q *wire.QResync) (missed, error) {
	if q == nil || q.UIDValidity != v.folder.UIDValidity() || v.told.UIDNext == 1 {
		return missed{}, nil
	}
	known := q.KnownUIDs
	if known == nil {
		known = wire.NumSet{{First: 1, Last: v.told.UIDNext - 1}}
	}
	var m missed
	for pos := range v.resolveUIDs(known).all() {
		if v.told.At(pos).ModSeq > q.ModSeq {
			m.changed = m.changed.with(pos)
		}
	}
	above := v.lastMatch(q.MatchSeqs, q.MatchUIDs)
	asked := make([]bridge.UIDRange, 0, len(known))
	for _, r := range known {
		if r.Last > above {
			asked = append(asked, bridge.UIDRange{First: max(r.First, above+1), Last: r.Last})
		}
	}
	gone, err := v.folder.Vanished(ctx, v.told, q.ModSeq, asked)
	m.gone = gone
	return m, err
}

// lastMatch is the highest UID that still has the sequence number by which the
// client knows it: of what went before that one the client knows (RFC 7162
// §3.2.5.2). Both sets have to ascend.
func (v *view) lastMatch(seqs, uids wire.NumSet) uint32 {
	nextUID, stop := iter.Pull(each(uids))
	defer stop()
	last, before := uint32(0), uint32(0)
	for seq := range each(seqs) {
		uid, ok := nextUID()
		if !ok || seq <= before || seq > uint32(v.told.Len()) {
			break
		}
		before = seq
		if v.told.At(int(seq)-1).UID == uid {
			last = uid
		}
	}
	return last
}

// each yields the numbers of a set without "*".
func each(set wire.NumSet) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, r := range set {
			for n := uint64(r.First); n <= uint64(r.Last); n++ {
				if !yield(uint32(n)) {
					return
				}
			}
		}
	}
}

// writeMissed tells what a client missed: expunges first, because they decide
// what numbers mean (RFC 7162 §3.2.6).
func (c *conn) writeMissed(m missed) {
	c.w.Vanished(true, m.gone)
	for pos := range m.changed.all() {
		c.writeFlags(pos, c.view.told.At(pos), true)
	}
}

// writeVanished answers UID FETCH with VANISHED: which of the UIDs went after
// since (RFC 7162 §3.2.6). "*" is the last UID given, not only the last one there
// is: the client wants to know what went.
func (c *conn) writeVanished(ctx context.Context, set wire.NumSet, since uint64) error {
	v := c.view
	if !c.qresync {
		return errNoQResync
	}
	if set.Saved() {
		set = v.saved
	}
	asked := make([]bridge.UIDRange, 0, len(set))
	for _, r := range set {
		first, last := order(r, v.told.UIDNext-1)
		asked = append(asked, bridge.UIDRange{First: max(first, 1), Last: last})
	}
	gone, err := v.folder.Vanished(ctx, v.told, since, asked)
	if err != nil {
		return err
	}
	c.w.Vanished(true, gone)
	return nil
}
