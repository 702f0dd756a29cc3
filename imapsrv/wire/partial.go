package wire

import (
	"math"
	"strconv"
)

// Partial is a range of results, counted from 1 in their order, or from the
// last one backwards (RFC 9394 §3.1, RFC 5267 §4.4). Both ends are included and
// stand as the client wrote them, in either order.
type Partial struct {
	First, Last uint32
	FromEnd     bool // "-1:-100"
}

// Span tells which of n results are meant, as the bounds of a slice.
func (p *Partial) Span(n int) (from, to int) {
	low, high := min(p.First, p.Last), max(p.First, p.Last)
	if p.FromEnd {
		return n - int(min(int64(high), int64(n))), n - int(min(int64(low)-1, int64(n)))
	}
	return int(min(int64(low)-1, int64(n))), int(min(int64(high), int64(n)))
}

// String is the range as it is written.
func (p *Partial) String() string {
	var b []byte
	for i, n := range [...]uint32{p.First, p.Last} {
		if i > 0 {
			b = append(b, ':')
		}
		if p.FromEnd {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return string(b)
}

// partial takes a partial-range (RFC 9394 §4).
func (r *Reader) partial() *Partial {
	p := &Partial{FromEnd: r.peek() == '-'}
	p.First = r.partialEnd(p.FromEnd)
	r.expect(':', "Invalid range")
	p.Last = r.partialEnd(p.FromEnd)
	return p
}

func (r *Reader) partialEnd(minus bool) uint32 {
	if minus {
		r.expect('-', "Invalid range")
	}
	return uint32(r.nzNumber(math.MaxUint32))
}
