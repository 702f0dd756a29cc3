package mimepart

import (
	"bufio"
	"io"
	"sync"
)

// readBuffer is also the longest line that is seen as a whole; a longer one
// comes in pieces and cannot be a boundary.
const readBuffer = 64 << 10

// lineReader cuts a stream at LF and keeps count of octets and lines.
type lineReader struct {
	r     *bufio.Reader
	off   int64 // of what next will return
	lines int64 // LFs before off
	eol   int64 // length of the line end just before off: 0, 1 or 2
	start bool  // off is at the start of a line
	last  byte  // the octet before off
}

// buffers saves small messages the allocation that would cost more than they do.
var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

func newLineReader(r io.Reader) *lineReader {
	buf := buffers.Get().(*bufio.Reader)
	buf.Reset(r)
	return &lineReader{r: buf, start: true}
}

// release gives the buffer back; the reader must not be used after it.
func (l *lineReader) release() {
	l.r.Reset(nil)
	buffers.Put(l.r)
}

// next returns a line with its end, or a piece of a line longer than the
// buffer. The slice is valid until the next call. At the end it returns an
// empty slice and nil; an error is the source's.
func (l *lineReader) next() ([]byte, error) {
	chunk, err := l.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull || err == io.EOF {
		err = nil
	}
	n := len(chunk)
	if err != nil || n == 0 {
		return nil, err
	}
	l.off += int64(n)
	l.start = chunk[n-1] == '\n'
	l.eol = 0
	if l.start {
		l.lines++
		l.eol = 1
		if n >= 2 && chunk[n-2] == '\r' || n == 1 && l.last == '\r' {
			l.eol = 2
		}
	}
	l.last = chunk[n-1]
	return chunk, nil
}
