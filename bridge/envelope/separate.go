package envelope

import (
	"io"
	"strings"

	"mail2graph/bridge/mimepart"
)

// Separate puts the empty line before a text that follows its header without one,
// as some devices write it. Such a text begins with a line that is no field, and no
// field that anybody knows comes before the next empty line: else the line is a piece
// of a broken header, and stays. A message that needs no such line is returned as it is.
func Separate(src *io.SectionReader) (*io.SectionReader, error) {
	header, err := Header(src)
	if err != nil || header == nil {
		return src, err
	}
	cut, n, fields := -1, 0, 0
	for f := range mimepart.HeaderFields(header) {
		switch {
		case f.Name == nil && fields > 0 && cut < 0:
			cut = n
		case f.Name != nil && cut >= 0 && isKnown(string(f.Name)):
			return src, nil
		case f.Name != nil:
			fields++
		}
		n += len(f.Raw)
	}
	if cut < 0 {
		return src, nil
	}
	head := append(header[:cut:cut], "\r\n"...)
	if !strings.HasSuffix(string(header[:cut]), "\r\n") {
		head = append(header[:cut:cut], "\n"...)
	}
	return io.NewSectionReader(&joined{head, src, int64(cut)}, 0, src.Size()+int64(len(head)-cut)), nil
}

// isKnown reports whether a name is one that programs write into headers, and
// people do not write at the beginning of a line.
func isKnown(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "to", "cc", "bcc", "from", "sender", "reply-to", "subject", "date", "message-id", "mime-version",
		"in-reply-to", "references", "received", "return-path", "importance", "priority", "user-agent":
		return true
	}
	prefix, _, found := strings.Cut(name, "-")
	switch prefix {
	case "x", "content", "resent", "list", "dkim", "arc", "auto":
		return found
	}
	return false
}
