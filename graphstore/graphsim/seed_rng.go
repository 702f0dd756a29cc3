package graphsim

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
)

// dice is a small generator (SplitMix64) whose numbers are the same on every
// platform and with every release of Go; math/rand promises neither for its methods.
type dice struct{ state uint64 }

// rollFor returns a generator for one purpose of one message.
func rollFor(seed uint64, purpose, index int) *dice {
	d := &dice{seed ^ uint64(purpose)<<48 ^ uint64(index)*0x9e3779b97f4a7c15}
	d.next()
	return d
}

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// upTo returns 0 to n-1.
func (d *dice) upTo(n int) int { return int(d.next() % uint64(n)) }

// between returns low to high, both included.
func (d *dice) between(low, high int) int { return low + d.upTo(high-low+1) }

// percent is true in p of 100 cases.
func (d *dice) percent(p int) bool { return d.upTo(100) < p }

func (d *dice) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[d.upTo(16)]
	}
	return string(b)
}

func pick[T any](d *dice, from []T) T { return from[d.upTo(len(from))] }

// blob is the content of an attachment: a beginning, as much filling as wanted,
// and an end. Only the ends are held in memory.
type blob struct {
	head, tail []byte
	fill       int64
	seed       uint64
	log        bool // fill with the lines of a log instead of noise
}

func (b *blob) size() int64 { return int64(len(b.head)) + b.fill + int64(len(b.tail)) }

// encodedSize is the size of b in base64 with lines of 76 digits, each ended by CRLF.
func (b *blob) encodedSize() int64 {
	n := b.size()
	return (n+2)/3*4 + (n+lineBytes-1)/lineBytes*2
}

// lineBytes are what one line of base64 carries (RFC 2045 §6.8).
const lineBytes = 57

func (b *blob) open() io.Reader {
	var fill io.Reader = &noise{dice: rollFor(b.seed, 0, 0)}
	if b.log {
		fill = &logLines{dice: rollFor(b.seed, 1, 0)}
	}
	return io.MultiReader(newBytes(b.head), io.LimitReader(fill, b.fill), newBytes(b.tail))
}

func newBytes(b []byte) io.Reader { return Bytes(b).Open() }

// noise is an endless stream that does not compress, the same however it is read.
type noise struct {
	*dice
	word [8]byte
	left int // bytes of word that are still to be given
}

func (n *noise) Read(p []byte) (int, error) {
	for i := range p {
		if n.left == 0 {
			binary.LittleEndian.PutUint64(n.word[:], n.next())
			n.left = 8
		}
		p[i] = n.word[8-n.left]
		n.left--
	}
	return len(p), nil
}

// logLines is an endless log of a mail gateway.
type logLines struct {
	*dice
	second int
	rest   []byte
}

func (l *logLines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		l.second += l.upTo(9)
		l.rest = fmt.Appendf(nil, "2026-02-%02d %02d:%02d:%02d.%03d %-5s [worker-%d] %s id=%s took=%dms\r\n",
			1+l.second/86400%28, l.second/3600%24, l.second/60%60, l.second%60, l.upTo(1000),
			pick(l.dice, logLevels), l.upTo(8), pick(l.dice, logEvents), l.hex(12), l.upTo(4000))
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

var (
	logLevels = []string{"DEBUG", "INFO", "INFO", "INFO", "WARN", "ERROR"}
	logEvents = []string{"queue run finished", "connection from 10.20.4.17 accepted", "order imported",
		"cache miss for price list", "retrying upload of invoice", "session closed by peer", "barcode not readable"}
)

// base64Lines encodes what it reads in lines.
type base64Lines struct {
	src  io.Reader
	in   [64 * lineBytes]byte
	out  []byte
	left []byte // of out
	err  error
}

func (b *base64Lines) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		n, err := io.ReadFull(b.src, b.in[:])
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		b.err = err
		b.out = b.out[:0]
		for line := b.in[:n]; len(line) > 0; {
			k := min(lineBytes, len(line))
			b.out = base64.StdEncoding.AppendEncode(b.out, line[:k])
			b.out = append(b.out, '\r', '\n')
			line = line[k:]
		}
		b.left = b.out
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}
