package mimelines

import (
	"encoding/base64"
	"errors"
	"io"
	"sort"
)

// pieces is a message put together from texts, ranges of a source, and ranges of
// it in base64. It can be read at any offset, and is held nowhere.
type pieces struct {
	src  io.ReaderAt
	list []piece
	size int64
}

// piece is one of them; off is where it begins in the whole.
type piece struct {
	off, size int64
	literal   []byte
	start     int64 // in the source
	length    int64 // of the source that is encoded; 0: it is copied
}

func (p *pieces) add(c piece) {
	if c.size > 0 {
		c.off = p.size
		p.list = append(p.list, c)
		p.size += c.size
	}
}

func (p *pieces) text(b []byte)              { p.add(piece{size: int64(len(b)), literal: b}) }
func (p *pieces) source(start, length int64) { p.add(piece{size: length, start: start}) }

// The lines of base64 (RFC 2045 §6.8): 57 octets make 76 characters and a CRLF. The
// last one has no CRLF: what follows a part begins with it.
const (
	lineOctets = 57
	lineSize   = 76 + 2
)

func (p *pieces) base64(start, length int64) {
	full, rest := length/lineOctets, length%lineOctets
	size := full * lineSize
	if rest > 0 {
		size += int64(base64.StdEncoding.EncodedLen(int(rest)))
	} else if full > 0 {
		size -= 2
	}
	p.add(piece{size: size, start: start, length: length})
}

// ReadAt implements io.ReaderAt.
func (p *pieces) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	i := sort.Search(len(p.list), func(i int) bool { return p.list[i].off+p.list[i].size > off })
	for ; n < len(b) && i < len(p.list); i++ {
		c := p.list[i]
		part := b[n:min(int64(len(b)), int64(n)+c.off+c.size-off)]
		if err := p.read(c, part, off-c.off); err != nil {
			return n, err
		}
		n += len(part)
		off += int64(len(part))
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// read fills b from offset off of one piece, which has that much.
func (p *pieces) read(c piece, b []byte, off int64) error {
	switch {
	case c.literal != nil:
		copy(b, c.literal[off:])
		return nil
	case c.length == 0:
		return full(p.src, b, c.start+off)
	}
	in := make([]byte, lineOctets*min(512, len(b)/lineSize+2))
	for len(b) > 0 {
		from := off / lineSize * lineOctets
		octets := in[:min(int64(len(in)), c.length-from)]
		if err := full(p.src, octets, c.start+from); err != nil {
			return err
		}
		for len(octets) > 0 && len(b) > 0 {
			var line [lineSize]byte
			part := octets[:min(lineOctets, len(octets))]
			octets = octets[len(part):]
			base64.StdEncoding.Encode(line[:], part)
			n := base64.StdEncoding.EncodedLen(len(part))
			n += copy(line[n:], "\r\n")
			k := copy(b, line[off%lineSize:n])
			b, off = b[k:], off+int64(k)
		}
	}
	return nil
}

// full reads all of b.
func full(src io.ReaderAt, b []byte, off int64) error {
	n, err := src.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
