package wire

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// astring takes an atom, a quoted string or a literal.
func (r *Reader) astring() string {
	switch r.peek() {
	case '"':
		return r.quoted()
	case '{':
		return r.literal()
	}
	s := string(r.run(classAstring))
	if s == "" {
		r.fail("Missing or invalid string")
	}
	return s
}

// quoted takes a quoted string. 8-bit octets are tolerated, as clients send
// names, search strings and passwords so.
func (r *Reader) quoted() string {
	r.expect('"', "Missing quote")
	var s []byte // what came before the last escape
	start := r.pos
	for r.pos < len(r.line) {
		switch c := r.line[r.pos]; c {
		case '"':
			r.pos++
			return string(append(s, r.line[start:r.pos-1]...))
		case '\\':
			s = append(s, r.line[start:r.pos]...)
			r.pos++
			start = r.pos // the escaped character is copied with what follows
			if c := r.peek(); c != '"' && c != '\\' {
				r.fail("Invalid escape in quoted string")
				return ""
			}
		case 0, '\r':
			r.fail("Invalid character in quoted string")
			return ""
		}
		r.pos++
	}
	r.fail("Unterminated quoted string")
	return ""
}

// literal takes a literal and reads on to the line after it.
func (r *Reader) literal() string {
	size, nonSync := r.announcement()
	switch {
	case r.err != nil:
		return ""
	case size > r.litLeft:
		r.failWith(&SyntaxError{Code: CodeTooBig, Text: "Literal too large"})
		return ""
	case !nonSync && !r.invite():
		return ""
	}
	r.litLeft -= size
	buf := make([]byte, size)
	if _, err := io.ReadFull(r.br, buf); err != nil {
		r.stop(unexpected(err))
		return ""
	}
	r.nextLine()
	if bytes.IndexByte(buf, 0) >= 0 {
		r.fail("NUL in literal") // CHAR8 is %x01-ff
		return ""
	}
	return string(buf)
}

// announcement takes "{n}" or "{n+}", which must end the line. RFC 7888 §4.
func (r *Reader) announcement() (size int64, nonSync bool) {
	size, nonSync, ok := announcement(r.line[r.pos:])
	if !ok || bytes.LastIndexByte(r.line, '{') != r.pos {
		r.fail("Invalid literal")
		return 0, false
	}
	r.pos = len(r.line)
	return size, nonSync
}

// invite asks the client for a synchronizing literal.
func (r *Reader) invite() bool {
	if r.opts.Continue == nil {
		r.fail("Literals are not accepted here")
		return false
	}
	if err := r.opts.Continue(); err != nil {
		r.stop(err)
		return false
	}
	return true
}

// nextLine reads the line after a literal.
func (r *Reader) nextLine() {
	if err := r.readLine(r.lineLeft); err != nil {
		r.line = nil
		r.stop(unexpected(err))
		return
	}
	if r.overlong {
		r.line = nil
		r.failWith(&SyntaxError{Code: CodeTooBig, Text: "Command too long"})
	}
}

// utf8 checks that s is UTF-8; names in any other form cannot be answered.
func (r *Reader) utf8(s string) string {
	if !utf8.ValidString(s) {
		r.fail("Invalid UTF-8")
		return ""
	}
	return s
}
