package graphsim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strings"
	"time"
)

// buildMIME makes the MIME of a message that consists of properties, in the form that was recorded from the service
// for messages created in JSON (§19).
func (m *message) buildMIME() []byte {
	var b bytes.Buffer
	i := m.info()
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	list := func(name string, to []Address) {
		if len(to) > 0 {
			field(name, addressList(to))
		}
	}
	if i.From != (Address{}) {
		field("From", addressList([]Address{i.From}))
	}
	if i.Sender != (Address{}) && i.Sender.Address != i.From.Address {
		field("Sender", addressList([]Address{i.Sender}))
	}
	list("To", i.To)
	list("CC", i.Cc)
	list("BCC", i.Bcc)
	list("Reply-To", i.ReplyTo)
	field("Subject", encodeWord(i.Subject))
	field("Thread-Topic", encodeWord(i.Subject))
	field("Thread-Index", m.threadIndex())
	field("X-MS-Exchange-MessageSentRepresentingType", "1")
	field("Date", m.sent().Format("Mon, 2 Jan 2006 15:04:05 -0700"))
	field("Message-ID", "\r\n\t"+clean(i.MessageID))
	if i.InReplyTo != "" {
		field("In-Reply-To", clean(i.InReplyTo))
	}
	if i.References != "" {
		field("References", strings.Join(strings.Fields(i.References), "\r\n "))
	}
	switch i.Importance {
	case "high":
		field("Importance", "high")
		field("X-Priority", "1")
	case "low":
		field("Importance", "low")
		field("X-Priority", "5")
	}
	field("Content-Language", "en-US")
	field("X-MS-Has-Attach", map[bool]string{true: "yes"}[i.HasAttachments])
	field("X-MS-TNEF-Correlator", "")
	field("X-MS-Exchange-Organization-RecordReviewCfmType", "0")
	for _, h := range m.headers {
		field(h.Name, encodeWord(h.Value))
	}
	// Named properties of PS_INTERNET_HEADERS and PidTagSensitivity ([MS-OXCMAIL]).
	for _, key := range slices.Sorted(maps.Keys(m.ext)) {
		if name, is := strings.CutPrefix(key, namedHeaders); is {
			field(name, encodeWord(m.ext[key].value))
		}
	}
	if s := map[string]string{"1": "personal", "2": "private", "3": "company-confidential"}[m.ext["0x36"].value]; s != "" {
		field("Sensitivity", s)
	}
	if i.ReadReceipt && i.From.Address != "" {
		field("Disposition-Notification-To", addressList([]Address{i.From}))
	}
	if i.DelivReceipt && i.From.Address != "" {
		field("Return-Receipt-To", addressList([]Address{i.From}))
	}
	m.writeBody(&b)
	return b.Bytes()
}

// entity is a MIME part while it is written: its own header fields and its content.
type entity struct {
	fields string
	body   []byte
}

// writeBody writes Content-Type and what follows; the body part last in the header is MIME-Version.
func (m *message) writeBody(b *bytes.Buffer) {
	root := m.textEntity()
	var related, mixed []entity
	for _, a := range m.attachments {
		if a.typ == "referenceAttachment" {
			continue
		}
		if a.inline && a.contentID != "" && m.body.html {
			related = append(related, a.entity())
		} else {
			mixed = append(mixed, a.entity())
		}
	}
	if len(related) > 0 {
		root = multipart("related", m.boundary(1), append([]entity{root}, related...), `; type="multipart/alternative"`)
	}
	if len(mixed) > 0 {
		root = multipart("mixed", m.boundary(2), append([]entity{root}, mixed...), "")
	}
	b.WriteString(root.fields)
	b.WriteString("MIME-Version: 1.0\r\n\r\n")
	b.Write(root.body)
}

func (m *message) boundary(n int) string {
	return fmt.Sprintf("_%03d_%016X%08X_", n, mix(m.num), uint32(m.num))
}

// textEntity is the body: plain, or alternative of plain and HTML.
func (m *message) textEntity() entity {
	if !m.body.html {
		return textPart("plain", m.body.text)
	}
	return multipart("alternative", m.boundary(0),
		[]entity{textPart("plain", htmlText(m.body.text)), textPart("html", m.body.text)}, "")
}

func textPart(sub, text string) entity {
	var b bytes.Buffer
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	if text != "" && !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(text)) // into memory
	w.Close()
	return entity{"Content-Type: text/" + sub + "; charset=\"utf-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n", b.Bytes()}
}

func multipart(sub, boundary string, parts []entity, params string) entity {
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n", boundary, p.fields)
		b.Write(p.body)
		b.WriteString("\r\n") // belongs to the boundary (RFC 2046 §5.1.1)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return entity{"Content-Type: multipart/" + sub + ";\r\n\tboundary=\"" + boundary + "\"" + params + "\r\n", b.Bytes()}
}

// entity is an attachment as a part.
func (a *attachment) entity() entity {
	if a.typ == "itemAttachment" {
		return entity{"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n", a.data}
	}
	ctype := a.contentType
	if base, _, err := mime.ParseMediaType(ctype); err != nil || strings.HasPrefix(base, "multipart/") || strings.HasPrefix(base, "message/") {
		ctype = "application/octet-stream"
	}
	disp := "attachment"
	if a.inline {
		disp = "inline"
	}
	name := encodeWord(strings.NewReplacer(`"`, "'", `\`, "_").Replace(a.name))
	var b strings.Builder
	fmt.Fprintf(&b, "Content-Type: %s; name=\"%s\"\r\nContent-Description: %s\r\n", clean(ctype), name, name)
	fmt.Fprintf(&b, "Content-Disposition: %s; filename=\"%s\"; size=%d;\r\n\tcreation-date=\"%s\"\r\n", disp, name, len(a.data), a.modified.Format(time.RFC1123))
	if a.contentID != "" {
		fmt.Fprintf(&b, "Content-ID: <%s>\r\n", clean(a.contentID))
	}
	b.WriteString("Content-Transfer-Encoding: base64\r\n")
	return entity{b.String(), wrapBase64(a.data)}
}

// wrapBase64 encodes in lines of 76 characters.
func wrapBase64(data []byte) []byte {
	text := base64.StdEncoding.EncodeToString(data)
	out := make([]byte, 0, len(text)+len(text)/38+2)
	for len(text) > 76 {
		out = append(append(out, text[:76]...), '\r', '\n')
		text = text[76:]
	}
	return append(append(out, text...), '\r', '\n')
}

func addressList(list []Address) string {
	out := make([]string, len(list))
	for i, a := range list {
		addr := "<" + clean(a.Address) + ">"
		switch name := clean(a.Name); {
		case name == "" || name == a.Address:
			out[i] = addr
		case isASCII(name):
			out[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `" ` + addr
		default:
			out[i] = encodeWord(name) + " " + addr
		}
	}
	return strings.Join(out, ",\r\n\t")
}

// encodeWord makes text safe for a header: RFC 2047 words when it is not ASCII.
func encodeWord(s string) string {
	s = clean(s)
	if isASCII(s) {
		return s
	}
	return strings.ReplaceAll(mime.BEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

// clean keeps line ends and control characters out of header fields.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// threadIndex is the base64 text of PidTagConversationIndex: a time and a GUID.
func (m *message) threadIndex() string {
	b := []byte{1}
	for i := range 5 {
		b = append(b, byte(uint64(m.created.Unix())>>(8*(4-i))))
	}
	x := mix(m.thread())
	for range 2 {
		for i := range 8 {
			b = append(b, byte(x>>(8*i)))
		}
		x = mix(x)
	}
	return base64.StdEncoding.EncodeToString(b)
}
