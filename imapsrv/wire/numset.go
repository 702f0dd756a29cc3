package wire

import "mail2graph/bridge"

// Saved reports whether the set is "$", the result of the last search that had
// SAVE (RFC 5182 §2.1).
func (s NumSet) Saved() bool { return len(s) == 0 }

// Numbers makes a set of numbers in their order; neighbours that count up
// become one range.
func Numbers(nums []uint32) NumSet {
	var s NumSet
	for _, n := range nums {
		if k := len(s) - 1; k >= 0 && s[k].Last+1 == n {
			s[k].Last = n
			continue
		}
		s = append(s, bridge.UIDRange{First: n, Last: n})
	}
	return s
}
