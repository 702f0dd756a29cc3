package imapsrv

import (
	"io"
	"strings"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/imapsrv/wire"
)

// BINARY (RFC 3516): parts with their transfer encoding undone, and APPEND of a
// literal8. Exchange Online keeps no octets that need one: parts with NUL are kept
// as base64, what cannot be encoded is refused (§4.4).

// errUnknownCTE fails a FETCH of what nobody can decode (RFC 3516 §4.3).
var errUnknownCTE = no(wire.CodeUnknownCTE, "The transfer encoding of this part is not known")

// errBinary refuses an APPEND that only a binary mailbox could keep.
var errBinary = no(wire.CodeUnknownCTE, "Exchange Online cannot keep NUL in a header or in signed content; encode it as base64")

// findBinary finds BINARY[…] and BINARY.SIZE[…] (RFC 3516 §4.2). The message as
// a whole, a header, a multipart and a message inside have no encoding to undo.
func findBinary(content *bridge.Content, s *wire.Section) (section, error) {
	part, ok := content.Root.Find(s.Path)
	if !ok {
		return section{}, nil
	}
	switch {
	case s.Specifier == "TEXT" && len(s.Path) == 0: // decoded if the text is all in one part
	case s.Specifier == "TEXT" && part.Message() != nil:
		part = part.Message()
	case s.Specifier != "" || len(s.Path) == 0:
		return findSection(content, s)
	}
	if part.IsMultipart() || part.Message() != nil {
		return findSection(content, s)
	}
	switch strings.ToLower(part.Encoding) {
	case "", "7bit", "8bit", "binary":
		return findSection(content, s)
	case "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue", "uue":
		return decoded(content, part, s)
	}
	return section{}, errUnknownCTE
}

// decoded is a part that has to be decoded. It is read once to learn its size,
// which goes before it, and again when it is written.
func decoded(content *bridge.Content, part *mimepart.Part, s *wire.Section) (section, error) {
	size, err := io.Copy(io.Discard, part.Open(content))
	if err != nil {
		return section{}, err
	}
	from, to := cut(s, 0, size)
	return section{exists: true, size: to - from, stream: &tail{r: part.Open(content), skip: from}}, nil
}

// tail is a reader without its first octets.
type tail struct {
	r    io.Reader
	skip int64
}

func (t *tail) Read(p []byte) (int, error) {
	if t.skip > 0 {
		n, err := io.CopyN(io.Discard, t.r, t.skip)
		if t.skip -= n; err != nil {
			return 0, err
		}
	}
	return t.r.Read(p)
}
