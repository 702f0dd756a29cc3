package smtpsrv

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"mail2graph/bridge"
	"mail2graph/bridge/disk"
)

// spoolMemory is the size up to which a message stays in memory.
const spoolMemory = 256 << 10

// spool keeps one message until it is sent: the beginning in memory, and all of
// it in a file once it is large. The file loses its name at once, so that nothing is
// left of it however the process ends.
type spool struct {
	dir  string // "": memory only
	buf  bytes.Buffer
	file *os.File
	size int64
}

// Write implements io.Writer. Its errors wrap bridge.ErrNoSpace where that is the reason.
func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.dir != "" && s.size+int64(len(p)) > spoolMemory {
		if err := s.spill(); err != nil {
			return 0, spoolError(err)
		}
	}
	s.size += int64(len(p))
	if s.file == nil {
		return s.buf.Write(p)
	}
	n, err := s.file.Write(p)
	if err != nil {
		return n, spoolError(err)
	}
	return n, nil
}

// spill moves what is in memory to a new file.
func (s *spool) spill() error {
	f, err := os.CreateTemp(s.dir, "smtp-*.eml") // mode 0600
	if err != nil {
		return err
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	_, err = f.Write(s.buf.Bytes())
	s.buf = bytes.Buffer{}
	return err
}

func spoolError(err error) error {
	if disk.IsFull(err) {
		err = fmt.Errorf("%w: %w", bridge.ErrNoSpace, err)
	}
	return fmt.Errorf("spool: %w", err)
}

// reader returns the whole message.
func (s *spool) reader() *io.SectionReader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return io.NewSectionReader(bytes.NewReader(s.buf.Bytes()), 0, s.size)
}

// close drops the message.
func (s *spool) close() {
	s.buf = bytes.Buffer{}
	if s.file != nil {
		_ = s.file.Close() // nothing in it is needed any more
	}
}
