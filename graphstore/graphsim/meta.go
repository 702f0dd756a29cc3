package graphsim

import (
	"bufio"
	"bytes"
	"html"
	"io"
	"net/mail"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxHeader bounds what is read of a header.
const maxHeader = 512 << 10

// readHeader reads the header block of a content, without the empty line.
func readHeader(c Content) []byte {
	r := bufio.NewReaderSize(io.LimitReader(c.Open(), maxHeader), 8<<10)
	var head []byte
	for {
		line, err := r.ReadSlice('\n')
		if trimmed := bytes.TrimRight(line, "\r\n"); len(trimmed) == 0 && err == nil {
			if len(head) == 0 || head[len(head)-1] == '\n' {
				return head
			}
		}
		head = append(head, line...)
		if err != nil && err != bufio.ErrBufferFull {
			return head
		}
	}
}

// readAll is the whole content in memory.
func readAll(c Content) []byte {
	if b, ok := c.(Bytes); ok {
		return b
	}
	b, err := io.ReadAll(c.Open())
	if err != nil {
		return nil // a generated content that breaks off is an empty mail, never a broken simulator
	}
	return b
}

// rawHeader is the header block that the transport saw. Mail inside the organisation travels as TNEF, so its header
// may describe something else than the MIME that $value builds (§19).
func (m *message) rawHeader() []byte {
	head := readHeader(m.mime())
	if m.internal && m.mb.srv.modes.TNEFHeaders {
		for _, name := range []string{"Content-Type", "Content-Transfer-Encoding", "MIME-Version"} {
			head = removeField(head, name)
		}
		head = prependFields(head, "Content-Type: application/ms-tnef; name=\"winmail.dat\"", "Content-Transfer-Encoding: binary")
	}
	return head
}

// headerFields are the fields of the header: of the MIME, or those set at creation.
func (m *message) headerFields() []Header {
	if e, ok := m.ext["0x7d"]; ok {
		return parseFields([]byte(e.value))
	}
	if m.content == nil {
		return m.headers
	}
	return parseFields(m.rawHeader())
}

// info is what listings show. It is read from the content when first needed and then kept.
func (m *message) info() *Meta {
	if m.meta == nil {
		b := readAll(m.content)
		p := parseMIME(b)
		meta := metaOf(p.fields)
		text, isHTML := bodyOf(p)
		meta.Preview = preview(text, isHTML)
		for _, a := range attachmentsOf(p) {
			meta.HasAttachments = meta.HasAttachments || !a.inline
		}
		if meta.Class == "" {
			meta.Class = classOf(p)
		}
		m.meta = meta
	}
	return m.meta
}

// metaOf reads the envelope from header fields.
func metaOf(fields []Header) *Meta {
	get := func(name string) string { return headerValue(fields, name) }
	first := func(name string) Address {
		if l := parseAddresses(get(name)); len(l) > 0 {
			return l[0]
		}
		return Address{}
	}
	meta := &Meta{
		Subject: decodeWords(get("Subject")), From: first("From"), Sender: first("Sender"),
		To: allAddresses(fields, "To"), Cc: allAddresses(fields, "Cc"), Bcc: allAddresses(fields, "Bcc"),
		ReplyTo: parseAddresses(get("Reply-To")), MessageID: strings.ToValidUTF8(strings.TrimSpace(get("Message-ID")), "\uFFFD"),
		InReplyTo: strings.ToValidUTF8(get("In-Reply-To"), ""), References: strings.ToValidUTF8(get("References"), ""),
		Importance: importanceOf(get("Importance"), get("X-Priority")), ReadReceipt: get("Disposition-Notification-To") != "",
		DelivReceipt: get("Return-Receipt-To") != "",
	}
	if t, err := mail.ParseDate(get("Date")); err == nil {
		meta.Sent = t.UTC()
	}
	return meta
}

// allAddresses joins repeated fields, which broken senders write.
func allAddresses(fields []Header, name string) []Address {
	var out []Address
	for _, h := range fields {
		if strings.EqualFold(h.Name, name) {
			out = append(out, parseAddresses(h.Value)...)
		}
	}
	return out
}

func importanceOf(importance, priority string) string {
	switch v := strings.ToLower(strings.TrimSpace(importance)); {
	case v == "high" || v == "low":
		return v
	case strings.HasPrefix(priority, "1") || strings.HasPrefix(priority, "2"):
		return "high"
	case strings.HasPrefix(priority, "4") || strings.HasPrefix(priority, "5"):
		return "low"
	}
	return "normal"
}

// classOf is the message class that Exchange gives to special mail (§8, §13).
func classOf(p *part) string {
	switch {
	case p.ctype == "multipart/signed":
		return "IPM.Note.SMIME.MultipartSigned"
	case p.ctype == "application/pkcs7-mime" || p.ctype == "application/x-pkcs7-mime":
		return "IPM.Note.SMIME"
	case p.ctype == "multipart/report" && p.params["report-type"] == "delivery-status":
		return "REPORT.IPM.Note.NDR"
	}
	return ""
}

// bodyOf is the text that Outlook would show: HTML if there is any, else plain text.
func bodyOf(p *part) (text string, isHTML bool) {
	var plain, rich *part
	p.walk(func(c *part) {
		if c.disp == "attachment" || c.name != "" {
			return
		}
		switch {
		case c.ctype == "text/html" && rich == nil:
			rich = c
		case c.ctype == "text/plain" && plain == nil:
			plain = c
		}
	})
	switch {
	case rich != nil:
		return rich.text(), true
	case plain != nil:
		return plain.text(), false
	}
	return "", false
}

var (
	skipped = regexp.MustCompile(`(?is)<(style|script|head)\b.*?</(style|script|head)>`)
	tags    = regexp.MustCompile(`(?s)<[^>]*>`)
	spaces  = regexp.MustCompile(`\s+`)
)

// preview is the first 255 characters of the text (res/message).
func preview(text string, isHTML bool) string {
	if isHTML {
		text = htmlText(text)
	}
	text = strings.TrimSpace(spaces.ReplaceAllString(cut(text, 4000), " "))
	return cut(text, 255)
}

// htmlText is the text of an HTML body, roughly.
func htmlText(s string) string {
	s = skipped.ReplaceAllString(cut(s, 200_000), " ")
	return html.UnescapeString(tags.ReplaceAllString(s, " "))
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
