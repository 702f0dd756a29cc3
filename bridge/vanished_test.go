package bridge

import (
	"slices"
	"testing"
)

func TestAbsent(t *testing.T) {
	var rows []Row
	for _, uid := range []uint32{2, 3, 7, 9} {
		rows = append(rows, Row{UID: uid})
	}
	snap := new(Snapshot).with(rows, nil, 12, 1)
	for _, test := range []struct {
		name        string
		known, want []UIDRange
	}{
		{"nothing known", nil, nil},
		{"all", []UIDRange{{1, 11}}, []UIDRange{{1, 1}, {4, 6}, {8, 8}, {10, 11}}},
		{"up to the last given", []UIDRange{{8, 1 << 31}}, []UIDRange{{8, 8}, {10, 11}}},
		{"in any order, overlapping", []UIDRange{{9, 10}, {1, 2}, {2, 4}}, []UIDRange{{1, 1}, {4, 4}, {10, 10}}},
		{"present", []UIDRange{{2, 3}, {7, 7}}, nil},
		{"beyond", []UIDRange{{12, 20}}, nil},
	} {
		if got := snap.absent(joined(test.known, snap.UIDNext-1)); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
