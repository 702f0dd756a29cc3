package bridge

import (
	"math"
	"testing"
)

// TestSearchSets holds that sets are what they say in any order and with overlaps.
func TestSearchSets(t *testing.T) {
	key := foldKey(SearchKey{Op: SearchNot, Keys: []SearchKey{{Op: SearchUIDs, Ranges: []UIDRange{{9, 9}, {1, 3}, {2, 5}, {math.MaxUint32, math.MaxUint32}}}}})
	s := &searcher{}
	for uid, in := range map[uint32]bool{1: true, 3: true, 4: true, 5: true, 6: false, 8: false, 9: true, 10: false, math.MaxUint32 - 1: false, math.MaxUint32: true} {
		if got := s.eval(&candidate{row: &Row{UID: uid}}, key) == no; got != in {
			t.Errorf("UID %d in the set: %v, want %v", uid, got, in)
		}
	}
	if inRanges(1, nil) {
		t.Error("something is in an empty set")
	}
}
