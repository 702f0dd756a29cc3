package graphstore

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// content is a body that is read where it lies while it goes out: many large
// messages at once need no memory. open begins it, anew for each try.
type content struct {
	size int64
	open func() (io.ReadCloser, error)
}

// length is the size of the body of k.
func (k *call) length() int64 {
	if k.content != nil {
		return k.content.size
	}
	return int64(len(k.body))
}

// encoded is src, of size octets, as base64 between two texts.
func encoded(before string, src func() io.Reader, size int64, after string) *content {
	length := int64(len(before)) + int64(base64.StdEncoding.EncodedLen(int(size))) + int64(len(after))
	return &content{length, func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(before), &encoder{src: src()}, strings.NewReader(after))), nil
	}}
}

// encoder reads base64, all on one line.
type encoder struct {
	src  io.Reader
	in   [3 << 10]byte
	out  [4 << 10]byte
	rest []byte // of out, to be read
	err  error
}

// Read implements io.Reader.
func (e *encoder) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		n, err := io.ReadFull(e.src, e.in[:])
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		base64.StdEncoding.Encode(e.out[:], e.in[:n])
		e.rest, e.err = e.out[:base64.StdEncoding.EncodedLen(n)], err
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// pieces reads a file in pieces, one after another, and goes back where one has to
// be sent again.
type pieces struct {
	open func() io.Reader
	last *piece // where the next piece begins, if it was read to its end
}

// piece is the body of one request. The transport may read on and close it after
// the answer came.
type piece struct {
	src    io.Reader
	at     int64 // in the file
	left   int64
	once   sync.Once
	closed chan struct{}
}

// content is the piece from off on, of size octets.
func (p *pieces) content(off, size int64) *content {
	return &content{size, func() (io.ReadCloser, error) {
		src := p.follow(off)
		if src == nil {
			src = p.open()
			if n, err := io.CopyN(io.Discard, src, off); err != nil {
				return nil, fmt.Errorf("read attachment: %d of %d octets: %w", n, off, err)
			}
		}
		p.last = &piece{src: src, at: off, left: size, closed: make(chan struct{})}
		return p.last, nil
	}}
}

// follow returns the reader that stands at off, or nil.
func (p *pieces) follow(off int64) io.Reader {
	last := p.last
	if last == nil {
		return nil
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-last.closed:
		if last.left == 0 && last.at == off {
			return last.src
		}
	case <-timer.C: // still being read by somebody
	}
	return nil
}

// Read implements io.Reader.
func (p *piece) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n, err := p.src.Read(b[:min(int64(len(b)), p.left)])
	p.at += int64(n)
	p.left -= int64(n)
	if err == io.EOF && p.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close implements io.Closer.
func (p *piece) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// inMemory is a body that is held.
func inMemory(b []byte) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
