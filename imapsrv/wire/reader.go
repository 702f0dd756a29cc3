package wire

import (
	"bufio"
	"errors"
	"io"
	"math"
)

// Limits that no option changes: what is passed over for the sake of the next
// command before the connection is given up.
const (
	maxJunk = 64 << 20       // octets of lines of one broken command
	maxSkip = math.MaxUint32 // octets of one unwanted literal, the largest that the grammar has
	tailLen = 64             // octets kept of the end of an overlong line
	bufSize = 4096           // of the bufio.Reader; longer lines are collected apart
	keepCap = 16 << 10       // a larger line buffer is given back after its command
	headLen = 512            // octets of an overlong line in which tag and name are looked for
)

// ReaderOptions are the limits of a Reader. Zero members get the defaults.
type ReaderOptions struct {
	MaxLine    int   // octets of a command without its literals; 64 KiB
	MaxLiteral int64 // octets of all literals of a command but APPEND's message; 64 KiB
	MaxAppend  int64 // octets of APPEND's message; 150 MiB
	// Continue writes a command continuation request ("+ …") and flushes. It is
	// called when a synchronizing literal is accepted, by whoever reads. Without
	// it, no such literal is accepted.
	Continue func() error
}

// Reader reads commands. It is not for concurrent use, but may work beside a
// Writer on the same connection, except that it calls Continue.
type Reader struct {
	br       *bufio.Reader
	z        *inflater // what br reads from while the client compresses
	opts     ReaderOptions
	utf8Mode bool
	long     []byte // lines that do not fit into br's buffer

	// The command being read. A command is a line, or lines joined by literals.
	line     []byte // current line without its end; valid until the next read
	pos      int    // next octet of line
	end      []byte // how the line ends: line, or the last octets of an overlong one
	overlong bool
	lineLeft int // octets of lines that may still come
	litLeft  int64
	junk     int
	tag      string // "*" before it is known
	name     string
	uid      bool     // the command has the UID prefix
	open     *Literal // message literal of an APPEND that has not ended
	// err is the first error of the command. With it set, pos is at the end of the
	// line, so that whatever is still being parsed finds nothing.
	err error
}

// NewReader returns a Reader of r with a buffer of its own.
func NewReader(r io.Reader, opts ReaderOptions) *Reader {
	if opts.MaxLine <= 0 {
		opts.MaxLine = 64 << 10
	}
	if opts.MaxLiteral <= 0 {
		opts.MaxLiteral = 64 << 10
	}
	if opts.MaxAppend <= 0 {
		opts.MaxAppend = 150 << 20
	}
	return &Reader{br: bufio.NewReaderSize(r, bufSize), opts: opts}
}

// ReadCommand reads the next command. Empty lines are passed over. A command
// that cannot be used gives a *SyntaxError, and reading can go on; any other
// error ends the connection: ErrOutOfSync, or the error of the underlying
// reader (io.EOF between commands, io.ErrUnexpectedEOF inside one). The open
// literal of an APPEND that was neither closed nor refused is refused first.
func (r *Reader) ReadCommand() (*Command, error) {
	if r.open != nil {
		if err := r.open.Refuse(); err != nil {
			return nil, err
		}
	}
	for {
		r.reset()
		if err := r.readLine(r.lineLeft); err != nil {
			return nil, err
		}
		if len(r.line) > 0 {
			break
		}
	}
	cmd := r.command()
	if r.err != nil {
		return nil, r.recoverFrom(r.err)
	}
	return cmd, nil
}

// ReadLine reads one line that is not a command, without its line end: the
// answer to a SASL challenge, or DONE after IDLE. The slice is the caller's. A
// line over MaxLine is skipped and gives a *SyntaxError with Tag "*".
func (r *Reader) ReadLine() ([]byte, error) {
	r.reset()
	if err := r.readLine(r.lineLeft); err != nil {
		return nil, err
	}
	if r.overlong {
		return nil, &SyntaxError{Tag: "*", Code: CodeTooBig, Text: "Line too long"}
	}
	return append([]byte{}, r.line...), nil
}

// SetUTF8 says whether the client's names are UTF-8 as they stand: after ENABLE
// of UTF8=ACCEPT (RFC 9755 §3) or IMAP4rev2 (RFC 9051 §5.1), and not any more
// after UNAUTHENTICATE.
func (r *Reader) SetUTF8(on bool) { r.utf8Mode = on }

// Buffered returns how many octets have been received but not yet read. If
// none, answers should be flushed; after STARTTLS, any are an attack.
func (r *Reader) Buffered() int { return r.br.Buffered() }

// reset prepares for the next command.
func (r *Reader) reset() {
	r.line, r.end, r.pos = nil, nil, 0
	r.lineLeft, r.litLeft, r.junk = r.opts.MaxLine, r.opts.MaxLiteral, 0
	r.tag, r.name, r.uid, r.err = "*", "", false, nil
	if cap(r.long) > keepCap {
		r.long = nil
	}
}

// readLine reads a line of at most limit octets. Of a longer one it keeps the
// beginning and the end, and sets overlong; that is no error. A line that ends
// with the connection is io.ErrUnexpectedEOF.
func (r *Reader) readLine(limit int) error {
	r.overlong, r.pos = false, 0
	part, err := r.br.ReadSlice('\n')
	if err == nil && len(part) <= limit {
		r.lineLeft -= len(part)
		r.line = trimEnd(part)
		r.end = r.line
		return nil
	}
	r.long = append(r.long[:0], part...)
	for errors.Is(err, bufio.ErrBufferFull) && len(r.long) <= limit {
		part, err = r.br.ReadSlice('\n')
		r.long = append(r.long, part...)
	}
	if err == nil && len(r.long) <= limit {
		r.lineLeft -= len(r.long)
		r.line = trimEnd(r.long)
		r.end = r.line
		return nil
	}
	if len(r.long) == 0 && err != nil {
		return err
	}
	return r.skipLine(err)
}

// skipLine passes over the rest of an overlong line whose beginning is in
// r.long; err is what ended the last read.
func (r *Reader) skipLine(err error) error {
	r.overlong = true
	tail := append([]byte{}, lastOf(r.long)...)
	r.junk += len(r.long)
	for errors.Is(err, bufio.ErrBufferFull) {
		var part []byte
		part, err = r.br.ReadSlice('\n')
		tail = append(tail, lastOf(part)...)
		tail = append(tail[:0], lastOf(tail)...)
		r.junk += len(part)
		if r.junk > maxJunk {
			return ErrOutOfSync
		}
	}
	if err != nil {
		return unexpected(err)
	}
	r.line, r.end = r.long[:min(len(r.long), headLen)], trimEnd(tail)
	return nil
}

func lastOf(b []byte) []byte { return b[max(0, len(b)-tailLen):] }

// recoverFrom passes over what is left of a broken command, which is the part
// that must never be taken for commands: literals that the client sends
// without waiting, and the lines between them. A literal that it would wait
// for does not come, since the answer to the command comes instead of "+".
func (r *Reader) recoverFrom(cause error) error {
	var se *SyntaxError
	if !errors.As(cause, &se) {
		return cause
	}
	for {
		size, nonSync, ok := announcement(r.end)
		if r.overlong && !ok && digitsOnly(r.end) {
			return ErrOutOfSync
		}
		if !ok || !nonSync {
			return cause
		}
		if err := r.skip(size); err != nil {
			return err
		}
		if err := r.readLine(r.opts.MaxLine); err != nil {
			return unexpected(err)
		}
		if !r.overlong { // an overlong line has counted itself
			r.junk += len(r.line)
		}
		if r.junk > maxJunk {
			return ErrOutOfSync
		}
	}
}

// skip passes over the octets of a literal.
func (r *Reader) skip(size int64) error {
	if size > maxSkip {
		return ErrOutOfSync
	}
	for size > 0 {
		n, err := r.br.Discard(int(min(size, 1<<20)))
		size -= int64(n)
		if err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// announcement looks for "{n}" or "{n+}" at the very end of a line. No valid
// command ends so without meaning a literal. Sizes beyond all measure come as
// math.MaxInt64.
func announcement(line []byte) (size int64, nonSync, ok bool) {
	i := len(line)
	if i == 0 || line[i-1] != '}' {
		return 0, false, false
	}
	i--
	if i > 0 && line[i-1] == '+' {
		nonSync = true
		i--
	}
	last := i
	for i > 0 && isDigit(line[i-1]) {
		i--
	}
	if i == last || i == 0 || line[i-1] != '{' {
		return 0, false, false
	}
	for _, c := range line[i:last] {
		if size > (math.MaxInt64-9)/10 {
			return math.MaxInt64, nonSync, true
		}
		size = size*10 + int64(c-'0')
	}
	return size, nonSync, true
}

// digitsOnly reports whether the kept end of an overlong line is an
// announcement whose beginning was not kept.
func digitsOnly(end []byte) bool {
	n := len(end) - len("+}")
	if n < 0 || string(end[n:]) != "+}" {
		return false
	}
	for _, c := range end[:n] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// trimEnd removes the line end: CRLF, or the bare LF of careless clients.
func trimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}

// unexpected is for reads inside a command: its end is not the stream's.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
