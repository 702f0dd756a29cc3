package graphsim

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// part is a MIME entity. Parsing never fails: any octets have a structure, broken mail must not break the simulator.
type part struct {
	fields  []Header // values unfolded, not decoded
	ctype   string   // lower case, "text/plain" when missing or broken
	params  map[string]string
	disp    string // "inline", "attachment" or ""
	name    string
	body    []byte // as it stands in the message
	parts   []*part
	message *part // of message/rfc822
}

const maxDepth = 40

// parseMIME reads a whole message.
func parseMIME(b []byte) *part { return parsePart(b, 0, "text/plain") }

func parsePart(b []byte, depth int, def string) *part {
	head, body := splitHeader(b)
	p := &part{fields: parseFields(head), body: body, ctype: def, params: map[string]string{}}
	if v := p.get("Content-Type"); v != "" {
		t, params, err := mime.ParseMediaType(v)
		if t == "" || err != nil && !strings.Contains(t, "/") {
			t, _, _ = strings.Cut(v, ";")
			t = strings.ToLower(strings.TrimSpace(t))
			params = looseParams(v)
		}
		if err != nil && len(params) == 0 {
			params = looseParams(v)
		}
		if strings.Count(t, "/") == 1 {
			p.ctype, p.params = t, params
		}
	}
	disp, dparams, err := mime.ParseMediaType(p.get("Content-Disposition"))
	if err != nil {
		disp, _, _ = strings.Cut(p.get("Content-Disposition"), ";")
		dparams = looseParams(p.get("Content-Disposition"))
	}
	p.disp = strings.ToLower(strings.TrimSpace(disp))
	p.name = decodeWords(dparams["filename"])
	if p.name == "" {
		p.name = decodeWords(p.params["name"])
	}
	switch boundary := p.params["boundary"]; {
	case depth > maxDepth:
	case strings.HasPrefix(p.ctype, "multipart/") && boundary != "":
		inner := "text/plain"
		if p.ctype == "multipart/digest" {
			inner = "message/rfc822"
		}
		for _, raw := range splitParts(body, boundary) {
			p.parts = append(p.parts, parsePart(raw, depth+1, inner))
		}
	case p.ctype == "message/rfc822" || p.ctype == "message/global":
		p.message = parsePart(p.decoded(), depth+1, "text/plain")
	}
	return p
}

// looseParams finds name=value pairs in a field that mime.ParseMediaType refuses.
func looseParams(v string) map[string]string {
	m := map[string]string{}
	for _, s := range strings.Split(v, ";")[1:] {
		if k, val, ok := strings.Cut(s, "="); ok {
			m[strings.ToLower(strings.TrimSpace(k))] = strings.Trim(strings.TrimSpace(val), `"`)
		}
	}
	return m
}

// splitHeader cuts at the first empty line; bare LF counts as a line end.
func splitHeader(b []byte) (head, body []byte) {
	for i := 0; i < len(b); {
		end := bytes.IndexByte(b[i:], '\n')
		if end < 0 {
			break
		}
		if line := b[i : i+end]; len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			return b[:i], b[i+end+1:]
		}
		i += end + 1
	}
	return b, nil
}

// parseFields reads header fields; lines that are none are passed over.
func parseFields(head []byte) []Header {
	var out []Header
	for line := range bytes.Lines(head) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			continue
		}
		if (text[0] == ' ' || text[0] == '\t') && len(out) > 0 {
			last := &out[len(out)-1]
			last.Value += " " + strings.Trim(text, " \t")
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimRight(name, " \t"); !ok || name == "" || strings.ContainsAny(name, " \t") {
			continue
		}
		out = append(out, Header{name, strings.Trim(value, " \t")})
	}
	return out
}

// splitParts cuts a multipart body at its boundary lines. A missing end is forgiven.
func splitParts(body []byte, boundary string) [][]byte {
	var out [][]byte
	start := -1
	mark := []byte("--" + boundary)
	for i := 0; i < len(body); {
		end := bytes.IndexByte(body[i:], '\n')
		next := i + end + 1
		if end < 0 {
			next = len(body)
		}
		rest, isMark := bytes.CutPrefix(body[i:next], mark)
		closing := bytes.HasPrefix(rest, []byte("--"))
		if isMark && (closing || len(bytes.TrimRight(rest, " \t\r\n")) == 0) {
			if start >= 0 {
				out = append(out, trimNewline(body[start:i]))
			}
			start = next
			if closing {
				return out
			}
		}
		i = next
	}
	if start >= 0 {
		out = append(out, body[start:])
	}
	return out
}

// trimNewline removes the line end that belongs to the boundary (RFC 2046 §5.1.1).
func trimNewline(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

func (p *part) get(name string) string { return headerValue(p.fields, name) }

func headerValue(fields []Header, name string) string {
	for _, h := range fields {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// decoded is the content without its transfer encoding; what cannot be decoded stays as far as it goes.
func (p *part) decoded() []byte {
	switch strings.ToLower(p.get("Content-Transfer-Encoding")) {
	case "base64":
		return looseBase64(p.body)
	case "quoted-printable":
		b, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(p.body)))
		return b
	}
	return p.body
}

// looseBase64 decodes what is there and passes over what does not belong.
func looseBase64(b []byte) []byte {
	clean := make([]byte, 0, len(b))
	for _, c := range b {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean)
	return out[:n]
}

// text is the decoded content in UTF-8.
func (p *part) text() string { return toUTF8(p.decoded(), p.params["charset"]) }

func toUTF8(b []byte, charset string) string {
	if enc, err := htmlindex.Get(charset); err == nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return strings.ToValidUTF8(string(out), "\uFFFD")
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

var words = mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(in)
	return strings.NewReader(toUTF8(b, charset)), err
}}

// decodeWords decodes RFC 2047 words and makes raw 8-bit text valid.
func decodeWords(s string) string {
	if out, err := words.DecodeHeader(s); err == nil {
		s = out
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// walk visits the leaves in order; parts inside an attached message are not visited.
func (p *part) walk(fn func(*part)) {
	if len(p.parts) == 0 {
		fn(p)
		return
	}
	for _, c := range p.parts {
		c.walk(fn)
	}
}
