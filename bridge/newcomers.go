package bridge

import "time"

// tellWithin is how long rounds may say nothing of a message that an order has filed,
// and it is asked for again: delta may be late (graph-reference §6.2).
const tellWithin = 30 * time.Second

// newcomers are messages that orders filed in a folder (APPEND, COPY, MOVE) and that no
// round has told of since. A message that came and went again between two rounds may
// not be told of at all (assumed: delta tells the difference between two states): one
// that is taken elsewhere before the next round would stay until the next full check.
// So who stays unmentioned is asked for by id.
//
// FolderState.ToldUID is the UID of the first, so that they are known after a restart.
type newcomers map[MessageID]newcomer

type newcomer struct {
	uid   uint32
	since time.Time // zero: before this run
}

// after returns the newcomers after a commit that gave uids to b.add.
func (n newcomers) after(b *batch, uids []uint32, now time.Time) newcomers {
	next := make(newcomers, len(n))
	gone := make(map[uint32]bool, len(b.gone))
	for _, uid := range b.gone {
		gone[uid] = true
	}
	for id, c := range n {
		if !gone[c.uid] {
			next[id] = c
		}
	}
	for i, e := range b.add {
		if old, ok := n[e.ID]; ok { // it has a new UID
			next[e.ID] = newcomer{uids[i], old.since}
		} else if b.filed {
			next[e.ID] = newcomer{uids[i], now}
		}
	}
	for _, id := range b.told {
		delete(next, id)
	}
	return next
}

// first returns the lowest UID of a newcomer, or else uidNext.
func (n newcomers) first(uidNext uint32) uint32 {
	for _, c := range n {
		uidNext = min(uidNext, c.uid)
	}
	return uidNext
}

// overdue lists those that rounds should have told of long since.
func (n newcomers) overdue(now time.Time) (ids []MessageID) {
	for id, c := range n {
		if now.Sub(c.since) > tellWithin {
			ids = append(ids, id)
		}
	}
	return ids
}
