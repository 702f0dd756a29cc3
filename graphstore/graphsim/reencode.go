package graphsim

import (
	"bytes"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"sync"
)

// reencoded is MIME as Exchange would build it anew from what it stored: the same message in other bytes (§13). The
// work is done when the bytes are first needed, outside of the server's lock.
type reencoded struct{ bytes func() []byte }

func reencode(src Content, num, variant uint64) reencoded {
	return reencoded{sync.OnceValue(func() []byte { return rebuild(readAll(src), num, variant) })}
}

// Size is the number of bytes.
func (r reencoded) Size() int64 { return int64(len(r.bytes())) }

// Open reads from the start.
func (r reencoded) Open() io.Reader { return bytes.NewReader(r.bytes()) }

// rebuild writes a parsed message again: header fields unfolded, Message-ID folded at once, boundaries of its own,
// text parts in quoted-printable, MIME-Version last. Signed and encrypted bodies stay as they are.
func rebuild(src []byte, num, variant uint64) []byte {
	p := parseMIME(src)
	var b bytes.Buffer
	version := false
	for _, h := range p.fields {
		switch name := strings.ToLower(h.Name); {
		case strings.HasPrefix(name, "content-"):
		case name == "mime-version":
			version = true
		case name == "message-id":
			fmt.Fprintf(&b, "%s:\r\n\t%s\r\n", h.Name, h.Value)
		default:
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	fmt.Fprintf(&b, "X-MS-Exchange-Transport-Rebuilt: %d\r\n", variant)
	e := rebuildPart(p, fmt.Sprintf("_%%03d_%016X%08X_", mix(num^variant), uint32(num)), new(int))
	b.WriteString(e.fields)
	if version || len(p.fields) > 0 {
		b.WriteString("MIME-Version: 1.0\r\n")
	}
	b.WriteString("\r\n")
	b.Write(e.body)
	return b.Bytes()
}

// rebuildPart writes a part; boundary is a pattern for its number.
func rebuildPart(p *part, boundary string, n *int) entity {
	sealed := p.ctype == "multipart/signed" || p.ctype == "multipart/encrypted"
	if len(p.parts) > 0 && !sealed {
		own := fmt.Sprintf(boundary, *n)
		*n++
		var parts []entity
		for _, c := range p.parts {
			parts = append(parts, rebuildPart(c, boundary, n))
		}
		params := ""
		if t := p.params["report-type"]; t != "" {
			params = "; report-type=" + t
		}
		return multipart(strings.TrimPrefix(p.ctype, "multipart/"), own, parts, params)
	}
	var fields strings.Builder
	text := strings.HasPrefix(p.ctype, "text/") && !sealed
	for _, h := range p.fields {
		name := strings.ToLower(h.Name)
		if strings.HasPrefix(name, "content-") && !(text && name == "content-transfer-encoding") {
			fmt.Fprintf(&fields, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	if !text {
		return entity{fields.String(), p.body}
	}
	fields.WriteString("Content-Transfer-Encoding: quoted-printable\r\n")
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	w.Write(p.decoded()) // into memory
	w.Close()
	return entity{fields.String(), b.Bytes()}
}
