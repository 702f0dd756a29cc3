package wire

import (
	"strconv"
	"unicode/utf8"
)

// maxQuoted is the length from which a string goes as a literal: some clients
// read quoted strings into small buffers.
const maxQuoted = 1000

// The octets of strings: plain ones stand for themselves in quotes, escaped
// ones need a backslash, and any other makes the string a literal.
const (
	plain   = 1
	escaped = 2
)

var quotable = func() (t [256]uint8) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = plain
	}
	t['\t'] = plain
	t['"'], t['\\'] = escaped, escaped
	return t
}()

// Dialect is how names, strings and parameters go out.
type Dialect uint8

// The dialects.
const (
	Rev1 Dialect = iota // RFC 3501: names in modified UTF-7, strings of 7 bits
	UTF8                // RFC 9755 §3, UTF8=ACCEPT: both in UTF-8
	Rev2                // RFC 9051 §4.3, §5.1, the same; and of §7.5.2, decoded parameters
)

// appendString appends s as a quoted string, or as a literal if it is long, has
// line ends or control characters, or is not of the charset. RFC 3501 has no
// way to write NUL: it becomes a space.
func appendString(dst []byte, s string, cs Dialect) []byte {
	if len(s) > maxQuoted {
		return appendLiteral(dst, s)
	}
	escape, high := false, false
	for i := range len(s) {
		switch {
		case quotable[s[i]] == plain:
		case quotable[s[i]] == escaped:
			escape = true
		case cs != Rev1 && s[i] >= utf8.RuneSelf:
			high = true
		default:
			return appendLiteral(dst, s)
		}
	}
	if high && !utf8.ValidString(s) {
		return appendLiteral(dst, s)
	}
	dst = append(dst, '"')
	if !escape {
		dst = append(dst, s...)
		return append(dst, '"')
	}
	for i := range len(s) {
		if quotable[s[i]] == escaped {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

func appendLiteral(dst []byte, s string) []byte {
	dst = append(dst, '{')
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, "}\r\n"...)
	start := len(dst)
	dst = append(dst, s...)
	for i := start; i < len(dst); i++ {
		if dst[i] == 0 {
			dst[i] = ' '
		}
	}
	return dst
}

// appendNString appends NIL for "".
func appendNString(dst []byte, s string, cs Dialect) []byte {
	if s == "" {
		return append(dst, "NIL"...)
	}
	return appendString(dst, s, cs)
}

// appendAString appends s as an atom if it can be one.
func appendAString(dst []byte, s string, cs Dialect) []byte {
	for i := range len(s) {
		if s[i] >= 0x80 || classes[s[i]]&classAstring == 0 {
			return appendString(dst, s, cs)
		}
	}
	if s == "" {
		return append(dst, `""`...)
	}
	return append(dst, s...)
}

// appendMailbox appends a mailbox name in quotes, which every client reads.
func appendMailbox(dst []byte, name string, cs Dialect) []byte {
	if cs == Rev1 {
		name = EncodeMailbox(name)
	}
	return appendString(dst, name, cs)
}

// appendObjectID appends an object identifier, 1 to 255 letters, digits, "-"
// and "_" (RFC 8474 §7).
func appendObjectID(dst []byte, id string) []byte {
	for i := range min(len(id), 255) {
		c := id[i]
		if !isDigit(c) && !('a' <= c|0x20 && c|0x20 <= 'z') && c != '-' {
			c = '_'
		}
		dst = append(dst, c)
	}
	if id == "" {
		dst = append(dst, '_')
	}
	return dst
}

func appendDelim(dst []byte, delim byte) []byte {
	switch {
	case quotable[delim] == escaped:
		return append(dst, '"', '\\', delim, '"')
	case quotable[delim] == plain:
		return append(dst, '"', delim, '"')
	}
	return append(dst, "NIL"...)
}

// appendFlags appends flags in parentheses. Octets that no flag may have become
// "_", flags without a name are left out.
func appendFlags(dst []byte, flags []string) []byte {
	dst = append(dst, '(')
	start := len(dst)
	for _, f := range flags {
		name := f
		if len(f) > 0 && f[0] == '\\' {
			name = f[1:]
		}
		if name == "" {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(dst, f[:len(f)-len(name)]...)
		for i := range len(name) {
			c := name[i]
			if classes[c]&classAtom == 0 {
				c = '_'
			}
			dst = append(dst, c)
		}
	}
	return append(dst, ')')
}

// appendText appends human-readable text (RFC 3501 §9, text): 7-bit, on one
// line, not empty, and not to be taken for a response code.
func appendText(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	start := len(dst)
	for _, c := range s { // by rune: one "?" for a character
		switch {
		case c < 0x20 || c == 0x7f:
			c = ' '
		case c > 0x7f:
			c = '?'
		}
		dst = append(dst, byte(c))
	}
	if dst[start] == '[' {
		dst[start] = '('
	}
	return dst
}

// appendCode appends a response code, which must not end before its end.
func appendCode(dst []byte, code Code) []byte {
	start := len(dst)
	dst = appendText(dst, string(code))
	for i := start; i < len(dst); i++ {
		if dst[i] == ']' {
			dst[i] = '_'
		}
	}
	return dst
}
