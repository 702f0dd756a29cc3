package imapsrv

import (
	"cmp"
	"iter"
	"slices"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// span is a run of positions in a snapshot, both ends included.
type span struct{ first, last int }

// positions is a set of positions, ascending and without overlap.
type positions []span

// resolve finds the messages of a sequence set among those the client knows. A
// number above the last message is an error (RFC 3501 §9, seq-number); a UID
// that does not exist is passed over (§6.4.8).
func (v *view) resolve(set wire.NumSet, uid bool) (positions, error) {
	if uid || set.Saved() {
		return v.resolveUIDs(set), nil
	}
	n := uint32(v.told.Len())
	for _, r := range set {
		if r.First > n || r.Last > n || n == 0 {
			return nil, bad("No message with this number")
		}
	}
	return resolveNumbers(set, v.told), nil
}

// resolveNumbers takes sequence numbers; those above the last are passed over.
func resolveNumbers(set wire.NumSet, snap *bridge.Snapshot) positions {
	n := snap.Len()
	spans := make(positions, 0, len(set))
	for _, r := range set {
		first, last := order(r, uint32(n))
		if n > 0 && first <= uint32(n) {
			spans = append(spans, span{int(first) - 1, int(min(last, uint32(n))) - 1})
		}
	}
	return spans.merged()
}

// resolveUIDs finds the messages of a set of UIDs, or of "$" (RFC 5182 §2.1).
func (v *view) resolveUIDs(set wire.NumSet) positions {
	if set.Saved() {
		set = v.saved
	}
	n := v.told.Len()
	if n == 0 {
		return nil
	}
	spans := make(positions, 0, len(set))
	for _, r := range set {
		first, last := order(r, v.told.At(n-1).UID)
		from, _ := v.told.Find(first)
		to, found := v.told.Find(last)
		if !found {
			to--
		}
		if from <= to {
			spans = append(spans, span{from, to})
		}
	}
	return spans.merged()
}

// order puts a range as written into ascending order, with "*" as the highest
// number: "9:*" means the last message even if that has number 5.
func order(r bridge.UIDRange, highest uint32) (first, last uint32) {
	first, last = r.First, r.Last
	if first == 0 {
		first = highest
	}
	if last == 0 {
		last = highest
	}
	return min(first, last), max(first, last)
}

// merged sorts the spans and joins those that touch.
func (p positions) merged() positions {
	slices.SortFunc(p, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	out := p[:0]
	for _, s := range p {
		if k := len(out) - 1; k >= 0 && s.first <= out[k].last+1 {
			out[k].last = max(out[k].last, s.last)
			continue
		}
		out = append(out, s)
	}
	return out
}

// part leaves the positions from the one to before the other, counted in order.
func (p positions) part(from, to int) positions {
	var out positions
	for _, s := range p {
		n := s.last - s.first + 1
		if first, last := max(from, 0), min(to, n)-1; first <= last {
			out = append(out, span{s.first + first, s.first + last})
		}
		from, to = from-n, to-n
	}
	return out
}

// with adds a position above all others.
func (p positions) with(pos int) positions {
	if k := len(p) - 1; k >= 0 && p[k].last == pos-1 {
		p[k].last = pos
		return p
	}
	return append(p, span{pos, pos})
}

// all yields the positions, ascending.
func (p positions) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, s := range p {
			for i := s.first; i <= s.last; i++ {
				if !yield(i) {
					return
				}
			}
		}
	}
}

func (p positions) len() int {
	n := 0
	for _, s := range p {
		n += s.last - s.first + 1
	}
	return n
}

// uids lists the UIDs at the positions, ascending.
func (p positions) uids(snap *bridge.Snapshot) []uint32 {
	list := make([]uint32, 0, p.len())
	for i := range p.all() {
		list = append(list, snap.At(i).UID)
	}
	return list
}
