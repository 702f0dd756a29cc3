package wire

import (
	"bytes"
	"math"

	"mail2graph/bridge"
)

// number takes a decimal number of at most limit.
func (r *Reader) number(limit int64) int64 {
	start := r.pos
	var n int64
	for r.pos < len(r.line) && isDigit(r.line[r.pos]) {
		d := int64(r.line[r.pos] - '0')
		if n > (limit-d)/10 {
			r.fail("Number too large")
			return 0
		}
		n = n*10 + d
		r.pos++
	}
	if r.pos == start {
		r.fail("Missing number")
	}
	return n
}

// nzNumber takes an nz-number.
func (r *Reader) nzNumber(limit int64) int64 {
	n := r.number(limit)
	if n == 0 {
		r.fail("Number must not be zero")
	}
	return n
}

// modSeq takes a mod-sequence, 0 included (RFC 7162 §7, mod-sequence-valzer).
func (r *Reader) modSeq() *uint64 {
	n := uint64(r.number(math.MaxInt64))
	return &n
}

// set takes a sequence-set (RFC 3501 §9).
func (r *Reader) set() NumSet {
	if r.accept('$') { // RFC 5182 §2.1
		return NumSet{}
	}
	word := r.line[r.pos:]
	if i := bytes.IndexByte(word, ' '); i >= 0 {
		word = word[:i]
	}
	s := make(NumSet, 0, 1+bytes.Count(word, []byte{','}))
	for r.err == nil {
		first := r.setNumber()
		last := first
		if r.accept(':') {
			last = r.setNumber()
		}
		// The order inside a range means nothing; "*" is the largest number.
		if first == 0 || first > last && last != 0 {
			first, last = last, first
		}
		s = append(s, bridge.UIDRange{First: first, Last: last})
		if !r.accept(',') {
			break
		}
	}
	return s
}

// knownSet takes a sequence-set without "*".
func (r *Reader) knownSet() NumSet {
	s := r.set()
	if s.Saved() {
		r.fail("No $ allowed here")
	}
	for _, n := range s {
		if n.Last == 0 {
			r.fail("No * allowed here")
		}
	}
	return s
}

// setNumber takes a seq-number, 0 for "*".
func (r *Reader) setNumber() uint32 {
	if r.accept('*') {
		return 0
	}
	if c := r.peek(); c < '0' || c > '9' {
		r.fail("Invalid message set")
		return 0
	}
	return uint32(r.nzNumber(math.MaxUint32))
}
