package mimecache

import (
	"errors"
	"io"
)

// chunkSize is the unit in which text grows in memory: doubling one slice
// would need three times the space of a large message.
const chunkSize = 256 << 10

// chunks is text in memory: all full but the last.
type chunks [][]byte

func (c chunks) size() int64 {
	if len(c) == 0 {
		return 0
	}
	return int64(len(c)-1)*chunkSize + int64(len(c[len(c)-1]))
}

func (c *chunks) write(p []byte) {
	for len(p) > 0 {
		last := len(*c) - 1
		if last < 0 || len((*c)[last]) == chunkSize {
			*c = append(*c, nil)
			last++
		}
		n := min(len(p), chunkSize-len((*c)[last]))
		(*c)[last] = append((*c)[last], p[:n]...)
		p = p[n:]
	}
}

var errOffset = errors.New("negative offset")

// ReadAt implements io.ReaderAt.
func (c chunks) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errOffset
	}
	for n < len(p) {
		i := off / chunkSize
		if i >= int64(len(c)) || off%chunkSize >= int64(len(c[i])) {
			return n, io.EOF
		}
		m := copy(p[n:], c[i][off%chunkSize:])
		n += m
		off += int64(m)
	}
	return n, nil
}
