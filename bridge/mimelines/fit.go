package mimelines

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"mail2graph/bridge/mimepart"
)

// Result is a message made of lines.
type Result struct {
	// Message reads from the source, which must stay open.
	Message *io.SectionReader
	Encoded int      // parts that became base64
	Added   []string // names of fields that parts did not have, or not so
}

// Fit returns src as a message of lines; it is src itself where nothing has to
// change. Headers are held in memory, the rest is read when the result is. binary
// says that src may have been meant as octets; else its lines end with CRLF already.
func Fit(src *io.SectionReader, binary bool) (*Result, error) {
	if !binary {
		plain, err := isASCII(src)
		if err != nil || plain {
			return &Result{Message: src}, err
		}
	}
	root, err := mimepart.Parse(io.NewSectionReader(src, 0, src.Size()))
	if err != nil {
		return nil, err
	}
	f := fitter{src: src, out: pieces{src: src}}
	if err := f.part(root, nil, false); err != nil {
		return nil, fmt.Errorf("make lines: %w", err)
	}
	if len(f.out.list) == 0 {
		return &Result{Message: src}, nil
	}
	f.out.source(f.done, src.Size()-f.done)
	return &Result{io.NewSectionReader(&f.out, 0, f.out.size), f.encoded, f.added}, nil
}

// isASCII reports whether all octets are characters of ASCII, none of them NUL.
func isASCII(src *io.SectionReader) (bool, error) {
	buf := make([]byte, 64<<10)
	for off := int64(0); ; {
		n, err := src.ReadAt(buf, off)
		for _, c := range buf[:n] {
			if c-1 >= 0x7f { // 0 wraps around
				return false, nil
			}
		}
		off += int64(n)
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// fitter writes pieces up to done, the octet of src that comes next.
type fitter struct {
	src     *io.SectionReader
	out     pieces
	done    int64
	encoded int
	added   []string
}

// replace puts text in place of the octets from start to end.
func (f *fitter) replace(start, end int64, text []byte) {
	f.out.source(f.done, start-f.done)
	f.out.text(text)
	f.done = end
}

// part mends a part and what is in it. attached: it belongs to a message inside of
// the message.
func (f *fitter) part(p, parent *mimepart.Part, attached bool) error {
	switch {
	case p.IsMultipart() || p.Message() != nil:
		if isAny(p.Subtype, "signed", "encrypted") {
			return nil
		}
		if strings.EqualFold(p.Encoding, "binary") {
			if err := f.header(p, parent == nil, "8bit", ""); err != nil {
				return err
			}
		}
		for _, child := range p.Children {
			if err := f.part(child, p, attached || p.Message() != nil); err != nil {
				return err
			}
		}
		return nil
	case !isAny(p.Encoding, "7bit", "8bit", "binary"):
		return nil
	}
	c, err := f.examine(p)
	if err != nil {
		return err
	}
	binary := strings.EqualFold(p.Encoding, "binary")
	switch {
	case c.octets:
		if err := f.header(p, parent == nil, "base64", c.charset(p)); err != nil {
			return err
		}
		f.out.source(f.done, p.Body-f.done)
		f.out.base64(p.Body, p.End-p.Body)
		f.done = p.End
		f.encoded++
	case attached:
	case binary:
		return f.header(p, parent == nil, "8bit", c.charset(p))
	case c.eight && (strings.EqualFold(p.Encoding, "7bit") || c.charset(p) != ""):
		return f.header(p, parent == nil, "8bit", c.charset(p))
	}
	return nil
}

func isAny(s string, names ...string) bool {
	for _, n := range names {
		if strings.EqualFold(s, n) {
			return true
		}
	}
	return false
}

// content is what the octets of a part are.
type content struct {
	octets bool // no lines
	eight  bool // some are over 127
	utf8   bool // it is UTF-8
}

// charset is the one to add to a part, "" for none.
func (c content) charset(p *mimepart.Part) string {
	value, declared := p.Param("charset")
	switch {
	case !c.eight || !strings.EqualFold(p.Type, "text"), declared && !strings.EqualFold(value, "us-ascii"):
		return ""
	case c.utf8:
		return "utf-8"
	}
	return "windows-1252"
}

// examine reads the body of a leaf.
func (f *fitter) examine(p *mimepart.Part) (content, error) {
	c := content{utf8: true}
	buf := make([]byte, 0, 64<<10)
	var before byte // the last octet of the piece before
	for off := p.Body; off < p.End; {
		kept := len(buf) // the beginning of a character that was cut
		n, err := f.src.ReadAt(buf[kept:min(int64(cap(buf)), int64(kept)+p.End-off)], off)
		if n == 0 && err != nil {
			return c, err
		}
		buf = buf[:kept+n]
		off += int64(n)
		for _, b := range buf[kept:] {
			switch {
			case b == 0, b == '\n' && before != '\r', before == '\r' && b != '\n':
				c.octets = true
			case b >= 0x80:
				c.eight = true
			}
			before = b
		}
		if !c.utf8 {
			buf = buf[:0]
			continue
		}
		rest := buf
		for len(rest) > 0 && (utf8.FullRune(rest) || off == p.End) {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				c.utf8 = false
				break
			}
			rest = rest[size:]
		}
		if !c.utf8 {
			rest = nil
		}
		buf = buf[:copy(buf[:cap(buf)], rest)]
	}
	c.octets = c.octets || before == '\r'
	return c, nil
}

// header rewrites the header of a part: its Content-Transfer-Encoding and, where
// charset is not "", its Content-Type. Those that come after the first of a name count
// for nobody and stay.
func (f *fitter) header(p *mimepart.Part, root bool, encoding, charset string) error {
	old := make([]byte, p.Body-p.Header)
	if _, err := f.src.ReadAt(old, p.Header); err != nil && err != io.EOF {
		return err
	}
	set := map[string]bool{}
	var text []byte
	n := 0
	for field := range mimepart.HeaderFields(old) {
		n += len(field.Raw)
		switch {
		case field.Is("Content-Transfer-Encoding") && !set["Content-Transfer-Encoding"]:
			text = append(text, "Content-Transfer-Encoding: "+encoding+"\r\n"...)
			set["Content-Transfer-Encoding"] = true
		case field.Is("Content-Type") && !set["Content-Type"]:
			raw := field.Raw
			if charset != "" {
				raw = withCharset(p, charset)
				f.added = append(f.added, "charset")
			}
			text = append(text, raw...)
			set["Content-Type"] = true
		case field.Is("MIME-Version"):
			set["MIME-Version"] = true
			text = append(text, field.Raw...)
		default:
			text = append(text, field.Raw...)
		}
	}
	add := func(name, value string) {
		if !set[name] {
			text = append(text, name+": "+value+"\r\n"...)
			f.added = append(f.added, name)
		}
	}
	if root {
		add("MIME-Version", "1.0")
	}
	if charset != "" {
		add("Content-Type", "text/plain; charset="+charset)
	}
	add("Content-Transfer-Encoding", encoding)
	end := old[n:] // the empty line
	if len(end) == 0 {
		end = []byte("\r\n")
	}
	f.replace(p.Header, p.Body, append(text, end...))
	return nil
}

// withCharset writes a Content-Type that has another charset, or one at all.
func withCharset(p *mimepart.Part, charset string) []byte {
	var b bytes.Buffer
	b.WriteString("Content-Type: " + p.Type + "/" + p.Subtype + "; charset=" + charset)
	for _, param := range p.Params {
		if !strings.EqualFold(param.Name, "charset") {
			value := param.Value
			if !strings.HasSuffix(param.Name, "*") { // RFC 2231 §7: no quotes there
				value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
			}
			b.WriteString(";\r\n\t" + param.Name + "=" + value)
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
