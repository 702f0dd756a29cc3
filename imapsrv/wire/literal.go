package wire

import (
	"errors"
	"io"
)

// Literal is the open message literal of APPEND, Size octets long. One of Refuse
// and Close ends it. Without either the next ReadCommand refuses it.
type Literal struct {
	Size    int64
	NonSync bool // LITERAL+ (RFC 7888): the octets come whether we want them or not

	r       *Reader
	wrapped bool  // a parenthesis closes after it (UTF8)
	single  bool  // no further message may come
	left    int64 // octets still to be read
	state   literalState
}

type literalState int

const (
	announced literalState = iota
	flowing                // the client sends, or will at once
	ended
)

// Accept sends the continuation request if the client waits for one and none
// was sent. Read does so by itself.
func (l *Literal) Accept() error {
	if l.state != announced {
		return nil
	}
	if !l.NonSync {
		if err := l.r.opts.Continue(); err != nil {
			return err
		}
	}
	l.state = flowing
	return nil
}

// Read reads octets of the literal; io.EOF after Size of them,
// io.ErrUnexpectedEOF if the connection ends before.
func (l *Literal) Read(p []byte) (int, error) {
	if l.state == ended {
		return 0, io.ErrClosedPipe
	}
	if err := l.Accept(); err != nil {
		return 0, err
	}
	if l.left == 0 {
		return 0, io.EOF
	}
	n, err := l.r.br.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if err != nil {
		err = unexpected(err)
	}
	return n, err
}

// Refuse ends the command without (more of) its message: octets that come
// anyway are skipped. After it the command can be answered.
func (l *Literal) Refuse() error {
	if l.state == ended {
		return nil
	}
	if l.state == announced && !l.NonSync {
		l.end()
		return nil
	}
	err := l.rest()
	if se := (*SyntaxError)(nil); errors.As(err, &se) {
		return nil // it is refused anyway
	}
	return err
}

// Close skips what was not read and checks that the command ends here. A second
// literal or anything else gives a *SyntaxError: store nothing then.
func (l *Literal) Close() error {
	if l.state == ended {
		return nil
	}
	if err := l.Accept(); err != nil {
		return err
	}
	return l.rest()
}

// rest reads to the end of the command.
func (l *Literal) rest() error {
	if err := l.drain(); err != nil {
		return err
	}
	r := l.r
	r.finish()
	if r.err != nil {
		return r.recoverFrom(r.err)
	}
	return nil
}

// drain reads to the end of the literal, and the line after it.
func (l *Literal) drain() error {
	r := l.r
	err := r.skip(l.left)
	l.end()
	if err != nil {
		return err
	}
	r.nextLine()
	if l.wrapped {
		r.expect(')', "Missing parenthesis")
	}
	return nil
}

func (l *Literal) end() {
	l.state = ended
	l.left = 0
	l.r.open = nil
}
