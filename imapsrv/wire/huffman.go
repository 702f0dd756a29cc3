package wire

import "math/bits"

const (
	fastBits = 10 // longest code that the table finds at once
	maxBits  = 15 // longest code (RFC 1951 §3.2.7)
)

// huffman is a table of codes. Those of up to fastBits are found at once.
type huffman struct {
	fast    [1 << fastBits]uint16 // symbol<<4 | length of the code; 0: longer
	count   [maxBits + 1]uint16   // codes of each length
	symbols [288]uint16           // by code
}

// What decode returns instead of a symbol.
const (
	shortCode   = -1 // the bits do not suffice
	invalidCode = -2
)

// build makes the table from the length of each symbol's code. Codes must be
// used up, but for a single one, as there may be in a table of distances.
func (h *huffman) build(lengths []uint8) bool {
	h.count = [maxBits + 1]uint16{}
	for _, n := range lengths {
		h.count[n]++
	}
	used := len(lengths) - int(h.count[0])
	left := 1
	var next, first [maxBits + 1]uint16 // code, and index of its symbol
	for n := 1; n <= maxBits; n++ {
		left = left<<1 - int(h.count[n])
		if left < 0 {
			return false
		}
		if n < maxBits {
			next[n+1] = (next[n] + h.count[n]) << 1
			first[n+1] = first[n] + h.count[n]
		}
	}
	if left > 0 && !(used <= 1 && h.count[1] == uint16(used)) {
		return false
	}
	h.count[0] = 0
	clear(h.fast[:])
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		h.symbols[first[n]] = uint16(sym)
		first[n]++
		code := next[n]
		next[n]++
		if n > fastBits {
			continue
		}
		step := 1 << n
		for i := int(bits.Reverse16(code) >> (16 - n)); i < len(h.fast); i += step {
			h.fast[i] = uint16(sym)<<4 | uint16(n)
		}
	}
	return true
}

// bitReader takes bits that are there.
type bitReader struct {
	hold uint64
	n    uint
}

// decode takes a symbol.
func (b *bitReader) decode(h *huffman) int {
	if f := h.fast[b.hold&(1<<fastBits-1)]; f != 0 {
		n := uint(f & 15)
		if n > b.n {
			return shortCode
		}
		b.hold >>= n
		b.n -= n
		return int(f >> 4)
	}
	// RFC 1951 §3.2.2: codes of a length are in a row, above all shorter ones.
	code, first, index := 0, 0, 0
	for n := uint(1); n <= maxBits; n++ {
		if n > b.n {
			return shortCode
		}
		code |= int(b.hold >> (n - 1) & 1)
		count := int(h.count[n])
		if code-first < count {
			b.hold >>= n
			b.n -= n
			return int(h.symbols[index+code-first])
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return invalidCode
}

// extra takes the bits that follow a symbol.
func (b *bitReader) extra(base uint16, n uint8) (int, bool) {
	if uint(n) > b.n {
		return 0, false
	}
	v := int(base) + int(b.hold&(1<<n-1))
	b.hold >>= n
	b.n -= uint(n)
	return v, true
}

// fixedCodes and fixedDists are the tables of RFC 1951 §3.2.6.
var fixedCodes, fixedDists = func() (*huffman, *huffman) {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	codes, dists := &huffman{}, &huffman{}
	codes.build(lengths[:])
	for i := range 32 {
		lengths[i] = 5
	}
	dists.build(lengths[:32])
	return codes, dists
}()
