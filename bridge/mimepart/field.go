package mimepart

import (
	"bytes"
	"iter"
	"strings"
)

// Field is one field of a header as it is written there: Raw includes folds
// and the line end. Name is nil for a line that is no field.
type Field struct{ Name, Raw []byte }

// HeaderFields splits a header. Folded lines belong to the field above; an
// empty line ends the header. The concatenation of all Raw is the header
// without that empty line. The slices point into header.
func HeaderFields(header []byte) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for len(header) > 0 && !isBlank(header) {
			n := lineLen(header)
			for n < len(header) && (header[n] == ' ' || header[n] == '\t') {
				n += lineLen(header[n:])
			}
			if !yield(Field{Name: fieldName(header[:n]), Raw: header[:n]}) {
				return
			}
			header = header[n:]
		}
	}
}

// Is reports whether the field has that name, in any letter case.
func (f Field) Is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(string(f.Name), name)
}

// Value returns what follows the colon, unfolded (RFC 5322 §2.2.3), without
// white space at both ends. Of a line that is no field it is the line.
func (f Field) Value() string {
	v := f.Raw
	if f.Name != nil {
		v = v[bytes.IndexByte(v, ':')+1:]
	}
	return unfold(v)
}

// unfold removes line ends and outer white space.
func unfold(v []byte) string {
	v = bytes.Trim(v, " \t\r\n")
	if bytes.IndexByte(v, '\n') < 0 {
		return string(v)
	}
	var b strings.Builder
	b.Grow(len(v))
	for len(v) > 0 {
		line := v[:lineLen(v)]
		v = v[len(line):]
		line = bytes.TrimSuffix(line, []byte("\n"))
		b.Write(bytes.TrimSuffix(line, []byte("\r")))
	}
	return b.String()
}

// Fields returns those fields of a header that have one of names, or with not
// all the others, in their order and as they are written, and an empty line
// (HEADER.FIELDS and HEADER.FIELDS.NOT of RFC 3501 §6.4.5). A line that is no
// field counts as one without a name.
func Fields(header []byte, names []string, not bool) []byte {
	var out []byte
	rest := header
	for f := range HeaderFields(header) {
		if hasName(f, names) != not {
			out = append(out, f.Raw...)
		}
		rest = rest[len(f.Raw):]
	}
	if n := len(out); n > 0 && out[n-1] != '\n' {
		out = append(out, '\r', '\n')
	}
	if isBlank(rest) {
		return append(out, rest[:lineLen(rest)]...)
	}
	return append(out, '\r', '\n')
}

func hasName(f Field, names []string) bool {
	for _, n := range names {
		if f.Name != nil && f.Is(n) {
			return true
		}
	}
	return false
}

// fieldName returns the name at the start of a line, or nil. White space
// before the colon is obsolete (RFC 5322 §4.5), yet seen.
func fieldName(line []byte) []byte {
	i := 0
	for i < len(line) && line[i] > ' ' && line[i] < 0x7f && line[i] != ':' {
		i++
	}
	name := line[:i]
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	if len(name) == 0 || i == len(line) || line[i] != ':' {
		return nil
	}
	return name
}

// isBlank reports whether b starts with an empty line. CR CR LF is what a
// wrong conversion makes of one.
func isBlank(b []byte) bool {
	i := 0
	for i < len(b) && b[i] == '\r' {
		i++
	}
	return i < len(b) && b[i] == '\n'
}

// lineLen is the length of the first line with its end.
func lineLen(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}
