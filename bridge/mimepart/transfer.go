package mimepart

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

type transferKind int

const (
	identity transferKind = iota
	base64Transfer
	quotedPrintable
	uuencode
)

func transferEncoding(name string) transferKind {
	switch strings.ToLower(name) {
	case "base64":
		return base64Transfer
	case "quoted-printable":
		return quotedPrintable
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return uuencode
	}
	return identity
}

// Open returns the part's content with its transfer encoding undone; r reads
// the whole message. It never fails by itself: what is broken in the encoding
// is passed over or left as it is, an unknown encoding is none (and so is that
// of a multipart, which may have none).
func (p *Part) Open(r io.ReaderAt) io.Reader {
	body := io.NewSectionReader(r, p.Body, p.End-p.Body)
	if p.IsMultipart() || p.Message() != nil {
		return body
	}
	switch transferEncoding(p.Encoding) {
	case base64Transfer:
		return &chunkReader{src: bufio.NewReaderSize(body, 16<<10), decode: (&base64Decoder{}).chunk}
	case quotedPrintable:
		return &chunkReader{src: bufio.NewReaderSize(body, 16<<10), decode: (&qpDecoder{}).chunk}
	case uuencode:
		return &chunkReader{src: bufio.NewReaderSize(body, 16<<10), decode: (&uuDecoder{}).chunk}
	}
	return body
}

// Text returns the content as UTF-8, after the charset parameter.
func (p *Part) Text(r io.ReaderAt) io.Reader {
	charset, _ := p.Param("charset")
	d := decoder(charset)
	if _, plain := d.(utf8OrLatin); plain {
		return &plainReader{src: p.Open(r)}
	}
	return transform.NewReader(p.Open(r), d)
}

// plainReader is utf8OrLatin for a stream that costs nothing while it is UTF-8 in
// whole characters.
type plainReader struct {
	src   io.Reader
	mixed bool // src is a transform.Reader
}

func (t *plainReader) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	if t.mixed || utf8.Valid(p[:n]) {
		return n, err
	}
	rest := t.src
	if err != nil {
		rest = failing{err}
	}
	t.src = transform.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(p[:n])), rest), utf8OrLatin{})
	t.mixed = true
	return t.src.Read(p)
}

// failing is a reader of nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// chunkReader feeds lines, or pieces of long ones, to a decoder that appends
// what they mean to a buffer.
type chunkReader struct {
	src    *bufio.Reader
	decode func(dst, chunk []byte, eof bool) []byte
	buf    []byte // decoded
	pos    int    // read so far
	err    error
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for c.pos == len(c.buf) {
		if c.err != nil {
			return 0, c.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		c.buf, c.pos = c.buf[:0], 0
		for c.err == nil && len(c.buf) < 8<<10 {
			chunk, err := c.src.ReadSlice('\n')
			if err != bufio.ErrBufferFull {
				c.err = err
			}
			c.buf = c.decode(c.buf, chunk, c.err == io.EOF)
		}
	}
	n := copy(p, c.buf[c.pos:])
	c.pos += n
	return n, nil
}

// base64Decoder passes over everything that is not base64. Padding ends a
// group, and more may follow: some mail is encoded line by line.
type base64Decoder struct {
	bits uint32
	n    int // characters in bits
}

func (d *base64Decoder) chunk(dst, chunk []byte, eof bool) []byte {
	dst = d.decode(dst, chunk)
	if eof {
		dst = d.flush(dst)
	}
	return dst
}

func (d *base64Decoder) decode(dst, src []byte) []byte {
	for _, c := range src {
		v := base64Value[c]
		if v < 0 {
			if c == '=' {
				dst = d.flush(dst)
			}
			continue
		}
		d.bits = d.bits<<6 | uint32(v)
		if d.n++; d.n == 4 {
			dst = append(dst, byte(d.bits>>16), byte(d.bits>>8), byte(d.bits))
			d.bits, d.n = 0, 0
		}
	}
	return dst
}

// flush ends a group of less than four characters.
func (d *base64Decoder) flush(dst []byte) []byte {
	switch d.n {
	case 2:
		dst = append(dst, byte(d.bits>>4))
	case 3:
		dst = append(dst, byte(d.bits>>10), byte(d.bits>>2))
	}
	d.bits, d.n = 0, 0
	return dst
}

// qpDecoder undoes quoted-printable (RFC 2045 §6.7). "=" without two digits
// stays as it is.
type qpDecoder struct {
	held []byte // end of a piece of a long line that may go on
}

func (d *qpDecoder) chunk(dst, chunk []byte, eof bool) []byte {
	if len(d.held) > 0 {
		chunk = append(d.held, chunk...)
		d.held = nil
	}
	text := bytes.TrimRight(chunk, " \t\r\n")
	complete := bytes.HasSuffix(chunk, []byte("\n")) || eof
	if !complete {
		// White space or an escape may end in the next piece.
		if i := bytes.LastIndexByte(text, '='); i >= 0 && i >= len(text)-2 {
			text = text[:i]
		}
		if rest := chunk[len(text):]; len(rest) < readBuffer {
			d.held = bytes.Clone(rest)
		} else {
			text = chunk
		}
		return appendQP(dst, text)
	}
	if line, soft := bytes.CutSuffix(text, []byte("=")); soft {
		return appendQP(dst, line)
	}
	dst = appendQP(dst, text)
	switch {
	case bytes.HasSuffix(chunk, []byte("\r\n")):
		return append(dst, '\r', '\n')
	case bytes.HasSuffix(chunk, []byte("\n")):
		return append(dst, '\n')
	}
	return dst
}

func appendQP(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '=')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		if len(s) > 2 && hexValue[s[1]] >= 0 && hexValue[s[2]] >= 0 {
			dst = append(dst, byte(hexValue[s[1]]<<4|hexValue[s[2]]))
			s = s[3:]
			continue
		}
		dst = append(dst, '=')
		s = s[1:]
	}
}

// uuDecoder reads what stands between a "begin" and an "end" line.
type uuDecoder struct{ inside, long bool }

func (d *uuDecoder) chunk(dst, chunk []byte, _ bool) []byte {
	line := bytes.TrimRight(chunk, "\r\n")
	whole := !d.long
	d.long = !bytes.HasSuffix(chunk, []byte("\n"))
	switch {
	case !whole:
	case !d.inside:
		d.inside = bytes.HasPrefix(line, []byte("begin "))
	case bytes.Equal(line, []byte("end")):
		d.inside = false
	case len(line) > 0:
		return appendUU(dst, line)
	}
	return dst
}

func appendUU(dst, line []byte) []byte {
	want := int(line[0]-' ') & 0x3f
	line = line[1:]
	for want > 0 && len(line) > 0 {
		var group [4]byte // a line that lost its spaces at the end is filled up
		for i := range group {
			if i < len(line) {
				group[i] = (line[i] - ' ') & 0x3f
			}
		}
		line = line[min(4, len(line)):]
		out := []byte{group[0]<<2 | group[1]>>4, group[1]<<4 | group[2]>>2, group[2]<<6 | group[3]}
		dst = append(dst, out[:min(want, 3)]...)
		want -= 3
	}
	return dst
}

// base64Value and hexValue map a digit to its value, all else to -1.
var base64Value, hexValue = digits("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), hexDigits()

func digits(alphabet string) (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = int8(i)
	}
	return t
}

func hexDigits() [256]int8 {
	t := digits("0123456789ABCDEF")
	for c := 'a'; c <= 'f'; c++ {
		t[c] = t[c-'a'+'A']
	}
	return t
}
