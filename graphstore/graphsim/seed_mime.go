package graphsim

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// seedPieces is a message laid out: text that is there and attachments still to be made.
type seedPieces struct {
	measure bool // only count the bytes
	text    strings.Builder
	list    []seedPiece
	bytes   int64
}

type seedPiece struct {
	text string
	blob *blob
}

func (p *seedPieces) write(s string) {
	p.bytes += int64(len(s))
	if !p.measure {
		p.text.WriteString(s)
	}
}

func (p *seedPieces) encode(b *blob) {
	p.bytes += b.encodedSize()
	if !p.measure {
		p.flush()
		p.list = append(p.list, seedPiece{blob: b})
	}
}

func (p *seedPieces) flush() {
	if p.text.Len() > 0 {
		p.list = append(p.list, seedPiece{text: p.text.String()})
		p.text.Reset()
	}
}

// reader gives the bytes of the message. It can be called once.
func (p *seedPieces) reader() io.Reader {
	p.flush()
	readers := make([]io.Reader, len(p.list))
	for i, pc := range p.list {
		if pc.blob != nil {
			readers[i] = &base64Lines{src: pc.blob.open()}
		} else {
			readers[i] = strings.NewReader(pc.text)
		}
	}
	return io.MultiReader(readers...)
}

// seedPart is a MIME entity to be written: one of text, blob, parts and nested is its body.
type seedPart struct {
	fields   []string // whole header fields, folded, each with its CRLF
	text     string   // in its transfer encoding
	blob     *blob    // written as base64
	boundary string
	parts    []*seedPart
	nested   *seedPart // of message/rfc822
}

func (e *seedPart) render(p *seedPieces) {
	for _, f := range e.fields {
		p.write(f)
	}
	p.write("\r\n")
	switch {
	case e.blob != nil:
		p.encode(e.blob)
	case e.nested != nil:
		e.nested.render(p)
	case e.boundary != "":
		p.write("This is a multi-part message in MIME format.\r\n")
		for _, part := range e.parts {
			p.write("\r\n--" + e.boundary + "\r\n")
			part.render(p)
		}
		p.write("\r\n--" + e.boundary + "--\r\n")
	default:
		p.write(e.text)
	}
}

// headerLine folds a header field at its spaces (RFC 5322 §2.2.3).
func headerLine(name, value string) string {
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte(':')
	column := len(name) + 1
	for word := range strings.SplitSeq(value, " ") {
		if column > len(name)+1 && column+1+len(word) > 76 {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteByte(' ')
		b.WriteString(word)
		column += 1 + len(word)
	}
	b.WriteString("\r\n")
	return b.String()
}

// charsets are those that the seeded mail is written in, by their MIME names.
var charsets = map[string]encoding.Encoding{
	"iso-8859-1":   charmap.ISO8859_1,
	"iso-8859-7":   charmap.ISO8859_7,
	"windows-1252": charmap.Windows1252,
	"koi8-r":       charmap.KOI8R,
	"iso-2022-jp":  japanese.ISO2022JP,
	"gb2312":       simplifiedchinese.GBK,
}

// inCharset encodes s; what the charset lacks becomes a question mark.
func inCharset(s, charset string) string {
	enc, ok := charsets[charset]
	if !ok {
		return s
	}
	out, err := encoding.ReplaceUnsupported(enc.NewEncoder()).String(s)
	if err != nil {
		panic("encode " + charset + ": " + err.Error()) // the table of texts is wrong
	}
	return out
}

// encodedWords writes text for a header (RFC 2047): as it is when it is ASCII,
// else in words that each stand for whole characters.
func encodedWords(text, charset string, base64Form bool) string {
	if isASCII(text) {
		return text
	}
	if charset == "" || charset == "us-ascii" {
		charset = "utf-8"
	}
	var words []string
	var chunk strings.Builder
	flush := func() {
		raw := inCharset(chunk.String(), charset)
		chunk.Reset()
		if base64Form {
			words = append(words, "=?"+charset+"?B?"+base64.StdEncoding.EncodeToString([]byte(raw))+"?=")
		} else {
			words = append(words, "=?"+charset+"?Q?"+qWord(raw)+"?=")
		}
	}
	limit := 12 // characters; three bytes of UTF-8 in Q form are nine digits each
	if base64Form || charset != "utf-8" {
		limit = 14
	}
	n := 0
	for _, r := range text {
		if n == limit {
			flush()
			n = 0
		}
		chunk.WriteRune(r)
		n++
	}
	flush()
	return strings.Join(words, " ")
}

func qWord(raw string) string {
	var b strings.Builder
	for _, c := range []byte(raw) {
		switch {
		case c == ' ':
			b.WriteByte('_')
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("!*+-/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// addressText writes one address for a header.
func addressText(a Address, charset string, base64Form bool) string {
	switch {
	case a.Name == "", a.Name == a.Address: // listings repeat the address as the name
		return a.Address
	case !isASCII(a.Name):
		return encodedWords(a.Name, charset, base64Form) + " <" + a.Address + ">"
	case strings.ContainsAny(a.Name, `.,()"@`):
		return `"` + strings.ReplaceAll(a.Name, `"`, `\"`) + `" <` + a.Address + ">"
	}
	return a.Name + " <" + a.Address + ">"
}

// fileParam writes a file name as a parameter: plainly, by RFC 2231, or as an
// encoded word between quotes, which no standard allows and many programs do.
func fileParam(param, name string, by2231 bool) string {
	switch {
	case isASCII(name):
		return param + `="` + name + `"`
	case !by2231:
		return param + `="` + encodedWords(name, "utf-8", true) + `"`
	}
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '.' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	value := "utf-8''" + b.String()
	if len(value) <= 60 {
		return param + "*=" + value
	}
	var sections []string
	for i := 0; value != ""; i++ {
		k := min(54, len(value))
		for k < len(value) && strings.IndexByte(value[max(0, k-2):k], '%') >= 0 {
			k-- // never inside %XX
		}
		sections = append(sections, fmt.Sprintf("%s*%d*=%s", param, i, value[:k]))
		value = value[k:]
	}
	return strings.Join(sections, "; ")
}

// seedText makes a leaf of text in a charset and a transfer encoding.
func seedText(subtype, text, charset, transfer, params string) *seedPart {
	raw := inCharset(text, charset)
	switch transfer {
	case "base64":
		raw = string(wrapBase64([]byte(raw)))
	case "quoted-printable":
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		// Writing into a Builder does not fail.
		_, _ = io.WriteString(w, raw)
		_ = w.Close()
		raw = b.String()
	}
	return &seedPart{
		fields: []string{
			headerLine("Content-Type", fmt.Sprintf("text/%s; charset=%s%s", subtype, charset, params)),
			headerLine("Content-Transfer-Encoding", transfer),
		},
		text: raw,
	}
}

// wrap breaks the paragraphs of text into lines with CRLF. Flowed text marks
// soft breaks by a space at the end of the line (RFC 3676).
func wrap(text string, width int, flowed bool) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		column := 0
		for word := range strings.SplitSeq(line, " ") {
			switch {
			case column == 0:
			case column+1+len(word) > width:
				if flowed {
					b.WriteByte(' ')
				}
				b.WriteString("\r\n")
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
		b.WriteString("\r\n")
	}
	return b.String()
}
