package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Vanished lists the UIDs among known that snap has not, and that went after
// mod-sequence since, ascending (RFC 7162 §3.2.6). Where the log of expunges does
// not reach back so far it lists all of known that snap has not. What went after
// snap was taken is not in it: snap has those messages still.
func (f *Folder) Vanished(ctx context.Context, snap *Snapshot, since uint64, known []UIDRange) ([]UIDRange, error) {
	known = joined(known, snap.UIDNext-1)
	log, err := f.m.index.Expunged(ctx, f.id, since)
	switch {
	case errors.Is(err, ErrNotFound):
		return snap.absent(known), nil
	case err != nil:
		return nil, fmt.Errorf("expunged messages of folder %s: %w", f.Name(), err)
	}
	var gone []UIDRange
	for _, e := range log {
		i := sort.Search(len(known), func(i int) bool { return known[i].Last >= e.UID })
		if e.ModSeq > snap.ModSeq || i == len(known) || known[i].First > e.UID {
			continue
		}
		if k := len(gone) - 1; k >= 0 && gone[k].Last+1 == e.UID {
			gone[k].Last = e.UID
			continue
		}
		gone = append(gone, UIDRange{First: e.UID, Last: e.UID})
	}
	return gone, nil
}

// joined puts ranges in ascending order without overlap, and up to last.
func joined(ranges []UIDRange, last uint32) []UIDRange {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b UIDRange) int { return cmp.Compare(a.First, b.First) })
	out := ranges[:0]
	for _, r := range ranges {
		r.Last = min(r.Last, last)
		k := len(out) - 1
		switch {
		case r.First > r.Last:
		case k >= 0 && r.First <= out[k].Last:
			out[k].Last = max(out[k].Last, r.Last)
		default:
			out = append(out, r)
		}
	}
	return out
}

// absent lists the UIDs of ranges (ascending, without overlap) that s has not.
func (s *Snapshot) absent(ranges []UIDRange) []UIDRange {
	var out []UIDRange
	for _, r := range ranges {
		next := r.First
		for i, _ := s.Find(r.First); i < s.Len() && s.At(i).UID <= r.Last; i++ {
			uid := s.At(i).UID
			if uid > next {
				out = append(out, UIDRange{First: next, Last: uid - 1})
			}
			next = uid + 1
		}
		if next <= r.Last {
			out = append(out, UIDRange{First: next, Last: r.Last})
		}
	}
	return out
}
