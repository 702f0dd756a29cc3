package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"mail2graph/bridge/mimepart"
)

// MaxHeader is the size of the largest header that Rewrite takes.
const MaxHeader = 8 << 20

// ErrHeaderTooLarge is returned for a header of more than MaxHeader octets.
var ErrHeaderTooLarge = errors.New("header too large")

// Header returns the header of a message with its empty line, if it has one.
// A message whose first lines are no header at all has none: nil.
func Header(src io.ReaderAt) ([]byte, error) {
	var buf []byte
	for seen := 0; ; {
		grown := make([]byte, max(16<<10, 2*len(buf)))
		copy(grown, buf)
		n, err := src.ReadAt(grown[len(buf):], int64(len(buf)))
		buf = grown[:len(buf)+n]
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("read header: %w", err)
		}
		if end := headerEnd(buf, seen); end >= 0 {
			buf = buf[:end]
			break
		}
		if err == io.EOF {
			break
		}
		if len(buf) > MaxHeader {
			return nil, ErrHeaderTooLarge
		}
		seen = bytes.LastIndexByte(buf, '\n') // -1: nothing is excluded yet
		seen = max(0, seen)
	}
	if len(buf) > MaxHeader {
		return nil, ErrHeaderTooLarge
	}
	if isHeader(buf) {
		return buf, nil
	}
	return nil, nil
}

// headerEnd returns the index after the first empty line, or -1. The octets
// before from were searched already.
func headerEnd(b []byte, from int) int {
	if from == 0 {
		if n := emptyLine(b); n > 0 {
			return n
		}
	}
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return -1
		}
		from += i + 1
		if n := emptyLine(b[from:]); n > 0 {
			return from + n
		}
	}
}

// emptyLine returns the length of the empty line b begins with, or 0.
func emptyLine(b []byte) int {
	i := 0
	for i < len(b) && b[i] == '\r' {
		i++
	}
	if i < len(b) && b[i] == '\n' {
		return i + 1
	}
	return 0
}

// isHeader reports whether b has a field, or nothing but the empty line. It is
// the rule of mimepart.Parse.
func isHeader(b []byte) bool {
	for f := range mimepart.HeaderFields(b) {
		if f.Name != nil {
			return true
		}
	}
	return emptyLine(b) > 0
}

// joined is a new header before what follows the old one.
type joined struct {
	head []byte
	src  io.ReaderAt
	from int64 // where the rest begins in src
}

// ReadAt implements io.ReaderAt.
func (j *joined) ReadAt(p []byte, off int64) (n int, err error) {
	if off < int64(len(j.head)) {
		if off < 0 {
			return 0, errors.New("negative offset")
		}
		n = copy(p, j.head[off:])
		if n == len(p) {
			return n, nil
		}
	}
	m, err := j.src.ReadAt(p[n:], off+int64(n)-int64(len(j.head))+j.from)
	return n + m, err
}
