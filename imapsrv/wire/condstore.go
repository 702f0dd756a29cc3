package wire

import (
	"slices"
	"strconv"

	"mail2graph/bridge"
)

// EnablesCondStore reports whether the command is one of those by which a
// client says that it knows CONDSTORE (RFC 7162 §3.1): from then on every FETCH
// response that tells of changed flags must have the mod-sequence.
func (c *Command) EnablesCondStore() bool {
	switch a := c.Args.(type) {
	case *Mailbox:
		return a.CondStore || a.QResync != nil
	case *Fetch:
		if a.ChangedSince != nil {
			return true
		}
		for i := range a.Items {
			if a.Items[i].Kind == FetchModSeq {
				return true
			}
		}
	case *Store:
		return a.UnchangedSince != nil
	case *Status:
		return slices.Contains(a.Items, "HIGHESTMODSEQ")
	case *List:
		return slices.Contains(a.Return.Status, "HIGHESTMODSEQ")
	case *Enable:
		return slices.Contains(a.Capabilities, "CONDSTORE") || slices.Contains(a.Capabilities, "QRESYNC")
	case *Search:
		return HasModSeq(&a.Key)
	case *Sort:
		return HasModSeq(&a.Key)
	case *Thread:
		return HasModSeq(&a.Key)
	}
	return false
}

// HasModSeq reports whether a search asks for mod-sequences: its answer has the
// highest one of the messages found (RFC 7162 §3.1.5).
func HasModSeq(k *bridge.SearchKey) bool {
	if k.Op == bridge.SearchModSeq {
		return true
	}
	for i := range k.Keys {
		if HasModSeq(&k.Keys[i]) {
			return true
		}
	}
	return false
}

// vanishedLine is the length at which a VANISHED response ends and the next one
// begins.
const vanishedLine = 8 << 10

// Vanished writes "* VANISHED (EARLIER) set" (RFC 7162 §3.2.10), in several
// responses if the set is long, and nothing for an empty one. earlier is for the
// answers to SELECT and FETCH; without it the response takes the place of EXPUNGE.
func (w *Writer) Vanished(earlier bool, uids NumSet) {
	length := 0
	for i, r := range uids {
		before := len(w.buf)
		switch {
		case i > 0 && length < vanishedLine:
			w.buf = append(w.buf, ',')
		case i > 0:
			w.endLine()
			fallthrough
		default:
			before, length = len(w.buf), 0
			w.buf = append(w.buf, "* VANISHED "...)
			if earlier {
				w.buf = append(w.buf, "(EARLIER) "...)
			}
		}
		w.buf = appendRange(w.buf, r)
		length += len(w.buf) - before
	}
	if len(uids) > 0 {
		w.endLine()
	}
}

// SearchModSeq is Search with the highest mod-sequence of the messages found,
// for a search that HasModSeq: "* SEARCH 2 5 (MODSEQ 917)". A search that found
// nothing has none.
func (w *Writer) SearchModSeq(nums []uint32, modSeq uint64) {
	w.results("* SEARCH", nums, modSeq)
}

// results writes numbers, and a mod-sequence unless it is 0.
func (w *Writer) results(head string, nums []uint32, modSeq uint64) {
	w.buf = append(w.buf, head...)
	for _, n := range nums {
		w.buf = append(w.buf, ' ')
		w.buf = strconv.AppendUint(w.buf, uint64(n), 10)
		w.spill()
	}
	if modSeq > 0 && len(nums) > 0 {
		w.buf = append(w.buf, " (MODSEQ "...)
		w.buf = strconv.AppendUint(w.buf, modSeq, 10)
		w.buf = append(w.buf, ')')
	}
	w.endLine()
}
