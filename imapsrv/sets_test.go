package imapsrv

import (
	"slices"
	"testing"

	"mail2graph/bridge"
)

func TestOrder(t *testing.T) {
	tests := []struct {
		name        string
		r           bridge.UIDRange
		highest     uint32
		first, last uint32
	}{
		{"as written", bridge.UIDRange{First: 2, Last: 5}, 9, 2, 5},
		{"backwards", bridge.UIDRange{First: 5, Last: 2}, 9, 2, 5},
		{"to the end", bridge.UIDRange{First: 7, Last: 0}, 9, 7, 9},
		{"from the end", bridge.UIDRange{First: 0, Last: 7}, 9, 7, 9},
		{"beyond the end", bridge.UIDRange{First: 12, Last: 0}, 9, 9, 12},
		{"the last", bridge.UIDRange{}, 9, 9, 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if first, last := order(tt.r, tt.highest); first != tt.first || last != tt.last {
				t.Errorf("got %d:%d, want %d:%d", first, last, tt.first, tt.last)
			}
		})
	}
}

func TestMerged(t *testing.T) {
	tests := []struct {
		name string
		in   positions
		want []int
	}{
		{"nothing", nil, nil},
		{"in any order", positions{{5, 6}, {1, 1}}, []int{1, 5, 6}},
		{"overlapping", positions{{1, 4}, {2, 3}, {4, 5}}, []int{1, 2, 3, 4, 5}},
		{"touching", positions{{3, 4}, {1, 2}}, []int{1, 2, 3, 4}},
		{"the same twice", positions{{2, 2}, {2, 2}}, []int{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.in.merged()
			if got := slices.Collect(p.all()); !slices.Equal(got, tt.want) || p.len() != len(tt.want) {
				t.Errorf("got %v (%d), want %v", got, p.len(), tt.want)
			}
		})
	}
}

func TestPart(t *testing.T) {
	set := positions{{2, 4}, {7, 7}, {9, 12}} // 2 3 4 7 9 10 11 12
	for _, test := range []struct {
		name     string
		from, to int
		want     positions
	}{
		{"all", 0, 8, set},
		{"inside one", 1, 2, positions{{3, 3}}},
		{"across", 2, 6, positions{{4, 4}, {7, 7}, {9, 10}}},
		{"last", 7, 8, positions{{12, 12}}},
		{"none", 3, 3, nil},
		{"beyond", 8, 20, nil},
	} {
		if got := set.part(test.from, test.to); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
