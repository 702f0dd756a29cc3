package smtpsrv

import (
	"bytes"
	"io"
)

// lines makes lines of what devices send for lines (RFC 5321 §2.3.8 knows CRLF
// alone, RFC 6409 §8 lets a submission server mend): a LF without CR becomes CRLF, as
// do CRs before one (CR CR LF is what a wrong conversion makes). A CR by itself ends
// a line too, but not in the header, where it could make a field of a piece of text
// that this side and the service see differently; what reads the header decides.
type lines struct {
	w io.Writer

	crs     int  // CRs that came last
	text    bool // the line has something in it
	body    bool // the empty line after the header has passed
	changed bool // something was no CRLF
}

var crlf = []byte("\r\n")

// Write implements io.Writer. It holds back CRs until it sees what follows.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			i = len(p)
		}
		if i > 0 {
			if err := l.plain(p[:i]); err != nil {
				return 0, err
			}
			p = p[i:]
			continue
		}
		if p[0] == '\r' {
			l.crs++
		} else if err := l.end(); err != nil {
			return 0, err
		}
		p = p[1:]
	}
	return n, nil
}

// plain writes text without line ends.
func (l *lines) plain(p []byte) error {
	if err := l.lone(); err != nil {
		return err
	}
	l.text = true
	_, err := l.w.Write(p)
	return err
}

// lone writes CRs that no LF followed.
func (l *lines) lone() error {
	for ; l.crs > 0; l.crs-- {
		l.changed = true
		sign := crlf
		if !l.body {
			sign = crlf[:1]
		}
		if _, err := l.w.Write(sign); err != nil {
			return err
		}
	}
	return nil
}

// end writes the end of a line.
func (l *lines) end() error {
	l.changed = l.changed || l.crs != 1
	l.body = l.body || !l.text
	l.crs, l.text = 0, false
	_, err := l.w.Write(crlf)
	return err
}

// flush writes what was held back.
func (l *lines) flush() error { return l.lone() }
