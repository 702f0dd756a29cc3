package wire

import (
	"bufio"
	"errors"
	"io"
)

// errDeflate says that the peer's compressed data are none. The connection
// must end.
var errDeflate = errors.New("invalid compressed data")

const (
	windowSize = 32 << 10 // how far back copies reach (RFC 1951 §2)
)

// inflater undoes DEFLATE (RFC 1951). Unlike compress/flate it gives everything
// that the octets received so far stand for before it waits for more: mail
// programs end their commands by partial flushes, after which nothing marks a
// boundary, and then wait for the answer.
type inflater struct {
	src  *bufio.Reader
	hold uint64 // bits taken from src but not used, the next one lowest; a symbol with all that follows has at most 48
	n    uint   // how many

	window [windowSize]byte
	at     int // where the next octet goes
	unread int // octets before at that Read has not returned
	size   int // octets of the window that were ever written

	block  blockState
	last   bool // the block is the final one
	stored int  // octets left of a stored block
	empty  bool // the block that has just ended was a stored one without octets
	codes  *huffman
	dists  *huffman
	own    [2]huffman // tables of dynamic blocks
	err    error
}

type blockState int

const (
	between  blockState = iota // at a block's header
	inStored                   // between octets of a stored block
	inCodes                    // between symbols of a compressed block
)

func newInflater(src *bufio.Reader) *inflater { return &inflater{src: src} }

// Read decodes until p is full or, with at least one octet, as far as what has
// been received goes. After an error of src between symbols, as of a deadline,
// one can read on.
func (z *inflater) Read(p []byte) (int, error) {
	for z.unread < min(len(p), windowSize/2) && z.err == nil {
		if z.unread > 0 && z.flushed() { // what follows may be no compressed data
			break
		}
		if z.step() {
			continue
		}
		if z.unread > 0 || z.err != nil {
			break
		}
		if err := z.more(); err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(p) && z.unread > 0 {
		from := (z.at - z.unread) & (windowSize - 1)
		k := copy(p[n:], z.window[from:min(from+z.unread, windowSize)])
		z.unread -= k
		n += k
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, z.err
}

// step decodes one header, symbol or run of stored octets. It reports false
// if that takes more than was received.
func (z *inflater) step() bool {
	z.fill()
	switch z.block {
	case inStored:
		return z.storedOctets()
	case inCodes:
		return z.symbol()
	}
	return z.header()
}

// flushed reports whether the peer may have ended its data here.
func (z *inflater) flushed() bool { return z.block == between && (z.last || z.empty) }

// finish goes to the end of what the peer compressed, its last block or its
// flush, and returns the octets received after that.
func (z *inflater) finish() ([]byte, error) {
	for !z.flushed() && z.step() {
		if z.unread > 0 {
			return nil, ErrOutOfSync
		}
	}
	if z.err != nil {
		return nil, z.err
	}
	z.take(z.n % 8)
	var rest []byte
	for z.n > 0 {
		rest = append(rest, byte(z.take(8)))
	}
	return rest, nil
}

// fill takes what was received into hold, without waiting.
func (z *inflater) fill() {
	for z.n <= 56 && z.src.Buffered() > 0 {
		c, err := z.src.ReadByte()
		if err != nil {
			return
		}
		z.hold |= uint64(c) << z.n
		z.n += 8
	}
}

// more waits for one octet.
func (z *inflater) more() error {
	c, err := z.src.ReadByte()
	if err != nil {
		return err
	}
	z.hold |= uint64(c) << z.n
	z.n += 8
	return nil
}

func (z *inflater) fail(err error) {
	if z.err == nil {
		z.err = err
	}
}

// take returns the next n bits, at most 16; it waits for them.
func (z *inflater) take(n uint) int {
	for z.n < n && z.err == nil {
		z.fail(z.more())
	}
	if z.err != nil {
		return 0
	}
	v := int(z.hold & (1<<n - 1))
	z.hold >>= n
	z.n -= n
	return v
}

// header begins the next block (RFC 1951 §3.2.3). Once its three bits are there,
// the rest of a header is on its way and can be waited for.
func (z *inflater) header() bool {
	if z.last {
		z.fail(io.EOF)
		return false
	}
	if z.n < 3 {
		return false
	}
	z.empty = false
	z.last = z.take(1) == 1
	switch kind := z.take(2); {
	case z.err != nil:
	case kind == 0:
		z.storedHeader()
	case kind == 1:
		z.codes, z.dists = fixedCodes, fixedDists
		z.block = inCodes
	case kind == 2:
		z.dynamicHeader()
	default:
		z.fail(errDeflate)
	}
	return z.err == nil
}

func (z *inflater) storedHeader() {
	z.take(z.n % 8) // the rest of the octet
	size, check := z.take(16), z.take(16)
	if z.err == nil && size != check^0xffff {
		z.fail(errDeflate)
	}
	z.stored = size
	if size > 0 {
		z.block = inStored
	} else {
		z.empty = true
	}
}

// storedOctets takes a run of octets as they are.
func (z *inflater) storedOctets() bool {
	if z.n < 8 {
		return false
	}
	for z.n >= 8 && z.stored > 0 {
		z.put(byte(z.hold))
		z.hold >>= 8
		z.n -= 8
		z.stored--
	}
	if z.stored == 0 {
		z.block = between
	}
	return true
}

func (z *inflater) put(c byte) {
	z.window[z.at] = c
	z.at = (z.at + 1) & (windowSize - 1)
	z.unread++
	z.size = min(z.size+1, windowSize)
}

// lengths and distances are the bases and extra bits of RFC 1951 §3.2.5.
var (
	lengthBase  = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// symbol decodes an octet, a copy or the end of the block; nothing is used up
// unless all of it was received.
func (z *inflater) symbol() bool {
	b := bitReader{z.hold, z.n}
	sym := b.decode(z.codes)
	switch {
	case sym < 0:
		return z.short(sym)
	case sym < 256:
		z.put(byte(sym))
	case sym == 256:
		z.block = between
	case sym > 285:
		z.fail(errDeflate)
	default:
		length, ok := b.extra(lengthBase[sym-257], lengthExtra[sym-257])
		if !ok {
			return false
		}
		d := b.decode(z.dists)
		if d > 29 { // of the fixed codes, two mean nothing
			d = invalidCode
		}
		if d < 0 {
			return z.short(d)
		}
		dist, ok := b.extra(distBase[d], distExtra[d])
		if !ok {
			return false
		}
		if dist > z.size {
			z.fail(errDeflate)
			return false
		}
		for range length {
			z.put(z.window[(z.at-dist)&(windowSize-1)])
		}
	}
	z.hold, z.n = b.hold, b.n
	return true
}

// short is for a code that is not there yet, or never will be.
func (z *inflater) short(code int) bool {
	if code == invalidCode {
		z.fail(errDeflate)
	}
	return false
}

// codeOrder is the order of code lengths in a header (RFC 1951 §3.2.7).
var codeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicHeader reads the tables of a block (RFC 1951 §3.2.7).
func (z *inflater) dynamicHeader() {
	nlen, ndist, ncode := z.take(5)+257, z.take(5)+1, z.take(4)+4
	var lengths [286 + 30]uint8
	if z.err == nil && (nlen > 286 || ndist > 30) {
		z.fail(errDeflate)
	}
	for _, at := range codeOrder[:ncode] {
		lengths[at] = uint8(z.take(3))
	}
	if z.err != nil || !z.own[0].build(lengths[:19]) {
		z.fail(errDeflate)
		return
	}
	clear(lengths[:19])
	for i := 0; i < nlen+ndist; {
		value, times := z.codeLength()
		if value < 0 { // as before
			if i == 0 {
				z.fail(errDeflate)
				return
			}
			value = int(lengths[i-1])
		}
		if z.err != nil || i+times > nlen+ndist {
			z.fail(errDeflate)
			return
		}
		for range times {
			lengths[i] = uint8(value)
			i++
		}
	}
	if lengths[256] == 0 || !z.own[0].build(lengths[:nlen]) || !z.own[1].build(lengths[nlen:nlen+ndist]) {
		z.fail(errDeflate)
		return
	}
	z.codes, z.dists = &z.own[0], &z.own[1]
	z.block = inCodes
}

// codeLength reads a length, -1 for the one before, and how often it stands.
func (z *inflater) codeLength() (value, times int) {
	sym := -1
	for sym < 0 && z.err == nil {
		b := bitReader{z.hold, z.n}
		switch sym = b.decode(&z.own[0]); sym {
		case shortCode:
			z.fail(z.more())
		case invalidCode:
			z.fail(errDeflate)
		default:
			z.hold, z.n = b.hold, b.n
		}
	}
	switch sym {
	case 16:
		return -1, 3 + z.take(2)
	case 17:
		return 0, 3 + z.take(3)
	case 18:
		return 0, 11 + z.take(7)
	}
	return max(sym, 0), 1
}
