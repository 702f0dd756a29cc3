package wire

import "slices"

// The character classes of RFC 3501 §9 as bits of a table. Octets from 0x80 up
// count as astring and list characters, so that names sent as plain UTF-8
// atoms are understood; atoms proper (flags, keywords) stay 7-bit.
const (
	classAtom    = 1 << iota // ATOM-CHAR
	classAstring             // ASTRING-CHAR
	classList                // list-char
	classTag                 // ASTRING-CHAR but "+"
)

var classes = func() (t [256]uint8) {
	for c := 0x21; c < 0x7f; c++ {
		switch c {
		case '(', ')', '{', '"', '\\':
		case '%', '*':
			t[c] = classList
		case ']':
			t[c] = classAstring | classList | classTag
		case '+':
			t[c] = classAtom | classAstring | classList
		default:
			t[c] = classAtom | classAstring | classList | classTag
		}
	}
	for c := 0x80; c < 0x100; c++ {
		t[c] = classAstring | classList
	}
	return t
}()

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// fail notes the first syntax error and ends the parsing of the line.
func (r *Reader) fail(text string) { r.failWith(&SyntaxError{Text: text}) }

// refuse is fail for what the grammar allows but we do not (NO).
func (r *Reader) refuse(code Code, text string) {
	r.failWith(&SyntaxError{No: true, Code: code, Text: text})
}

func (r *Reader) failWith(e *SyntaxError) {
	e.Tag, e.Name = r.tag, r.name
	r.stop(e)
}

// stop notes the first error, of whatever kind.
func (r *Reader) stop(err error) {
	if r.err == nil {
		r.err = err
	}
	r.pos = len(r.line)
}

// peek returns the next octet, or -1 at the end of the line.
func (r *Reader) peek() int {
	if r.pos < len(r.line) {
		return int(r.line[r.pos])
	}
	return -1
}

// accept takes the next octet if it is c.
func (r *Reader) accept(c byte) bool {
	if r.pos < len(r.line) && r.line[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

// expect takes c or fails.
func (r *Reader) expect(c byte, text string) {
	if !r.accept(c) {
		r.fail(text)
	}
}

// spaces takes any number of spaces.
func (r *Reader) spaces() {
	for r.accept(' ') {
	}
}

// sp takes the space before an argument. More than one is tolerated.
func (r *Reader) sp() {
	if r.peek() != ' ' {
		if r.pos == len(r.line) {
			r.fail("Missing argument")
		} else {
			r.fail("Unexpected character in command")
		}
		return
	}
	r.spaces()
}

// option takes the spaces before an optional argument that begins with one of
// those octets. If something else comes nothing is taken.
func (r *Reader) option(begins ...byte) bool {
	start := r.pos
	r.spaces()
	if r.pos > start && r.pos < len(r.line) && slices.Contains(begins, r.line[r.pos]) {
		return true
	}
	r.pos = start
	return false
}

// word takes a keyword that a space follows, if it comes next.
func (r *Reader) word(name string) bool {
	start := r.pos
	var buf [32]byte
	if string(r.keyword(&buf)) == name && r.peek() == ' ' {
		return true
	}
	if r.err == nil {
		r.pos = start
	}
	return false
}

// finish checks that the command ends here. Trailing spaces are tolerated.
func (r *Reader) finish() {
	r.spaces()
	if r.pos < len(r.line) {
		r.fail("Unexpected text at the end of the command")
	}
}

// run takes the octets of a class. The slice is valid until the next line is read.
func (r *Reader) run(class uint8) []byte {
	start := r.pos
	for r.pos < len(r.line) && classes[r.line[r.pos]]&class != 0 {
		r.pos++
	}
	return r.line[start:r.pos]
}

// keyword takes an atom and returns it in upper case, in buf if it fits. Atoms
// too long for any table come back as "".
func (r *Reader) keyword(buf *[32]byte) []byte {
	word := r.run(classAtom)
	if len(word) > len(buf) {
		return nil
	}
	return appendUpper(buf[:0], word)
}

func appendUpper(dst, src []byte) []byte {
	for _, c := range src {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// list takes "(" item *(SP item) ")", or "()" if empty is allowed. item must
// take something or fail.
func (r *Reader) list(empty bool, item func()) {
	r.expect('(', "Missing parenthesis")
	r.spaces()
	if empty && r.accept(')') {
		return
	}
	for r.err == nil {
		item()
		blank := r.peek() == ' '
		r.spaces()
		if r.accept(')') {
			return
		}
		if !blank {
			r.fail("Invalid list")
		}
	}
}
