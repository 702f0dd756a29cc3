package graphsim

import (
	"fmt"
	"strings"
)

// attachmentsOf are the attachments that Exchange would make of a parsed message: every leaf that is not the body.
func attachmentsOf(p *part) []*attachment {
	var out []*attachment
	var plain, rich bool
	p.walk(func(c *part) {
		if c.disp != "attachment" && c.name == "" {
			if c.ctype == "text/plain" && !plain {
				plain = true
				return
			}
			if c.ctype == "text/html" && !rich {
				rich = true
				return
			}
		}
		if len(c.body) == 0 && strings.HasPrefix(c.ctype, "multipart/") || c.disp != "attachment" && consumed[c.ctype] {
			return
		}
		a := &attachment{
			num: uint64(len(out) + 1), typ: "fileAttachment", name: c.name, contentType: c.ctype,
			contentID: strings.Trim(c.get("Content-ID"), "<> "), location: c.get("Content-Location"), data: c.decoded(),
		}
		a.inline = c.disp != "attachment" && a.contentID != ""
		if c.message != nil {
			a.typ = "itemAttachment"
			if a.name == "" {
				a.name = decodeWords(c.message.get("Subject"))
			}
		}
		if a.name == "" {
			a.name = fmt.Sprintf("ATT%05d%s", a.num, extensionOf(c.ctype))
		}
		out = append(out, a)
	})
	return out
}

// consumed are parts that become properties of meetings and reports ([MS-OXCMAIL] 2.2.3.4, 2.2.3.5).
var consumed = map[string]bool{"text/calendar": true, "message/delivery-status": true, "message/disposition-notification": true,
	"text/rfc822-headers": true}

// extensionOf is the ending Exchange gives to nameless parts.
func extensionOf(ctype string) string {
	switch ctype {
	case "text/plain":
		return ".txt"
	case "text/html":
		return ".htm"
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	}
	return ".dat"
}

// attachmentList are the attachments of a message, whatever it is made of.
func (m *message) attachmentList() []*attachment {
	if m.content == nil {
		return m.attachments
	}
	list := attachmentsOf(parseMIME(readAll(m.content)))
	for _, a := range list {
		a.modified = m.created
	}
	return list
}

// materialise turns MIME into properties, after which $value is built from them. Exchange does so when the content
// of an item is changed through another door than MIME (§13).
func (m *message) materialise() {
	if m.content == nil {
		return
	}
	m.info()
	p := parseMIME(readAll(m.content))
	m.body.text, m.body.html = bodyOf(p)
	m.attachments = attachmentsOf(p)
	m.nextAttach = uint64(len(m.attachments))
	for _, h := range p.fields {
		if len(h.Name) > 2 && strings.EqualFold(h.Name[:2], "x-") {
			m.headers = append(m.headers, h)
		}
	}
	for _, a := range m.attachments {
		a.modified = m.created
	}
	m.content = nil
}

// itemBody is the body as Graph gives it.
func (m *message) itemBody() itemBody {
	if m.content == nil {
		return m.body
	}
	text, isHTML := bodyOf(parseMIME(readAll(m.content)))
	return itemBody{isHTML, text}
}

// refresh recomputes what follows from body and attachments.
func (m *message) refresh() {
	m.meta.Preview = preview(m.body.text, m.body.html)
	m.meta.HasAttachments = false
	for _, a := range m.attachments {
		m.meta.HasAttachments = m.meta.HasAttachments || !a.inline
	}
}
