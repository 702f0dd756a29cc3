package storetest

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"strings"

	"mail2graph/bridge"
)

// describe derives from a message what the service's listings tell of it. Any
// octets have a description.
func describe(b []byte) bridge.MessageInfo {
	h, body := splitHeader(b)
	info := bridge.MessageInfo{
		Subject:           decode(h.get("Subject")),
		InternetMessageID: h.get("Message-ID"),
		InReplyTo:         h.get("In-Reply-To"),
		References:        h.get("References"),
		From:              addresses(h.get("From")),
		Sender:            addresses(h.get("Sender")),
		ReplyTo:           addresses(h.get("Reply-To")),
		To:                addresses(h.get("To")),
		Cc:                addresses(h.get("Cc")),
		Bcc:               addresses(h.get("Bcc")),
		// The store keeps attachments decoded: smaller than the MIME form.
		StoreSize:      int64(len(b))*3/4 + 1024,
		Class:          "IPM.Note",
		HasAttachments: bytes.Contains(bytes.ToLower(body), []byte("content-disposition: attachment")),
	}
	if t, err := mail.ParseDate(h.get("Date")); err == nil {
		info.Sent = seconds(t)
	}
	if info.Sender == nil {
		info.Sender = info.From // the service always names a sender
	}
	mediaType, _, _ := mime.ParseMediaType(h.get("Content-Type"))
	switch mediaType {
	case "multipart/report":
		info.Class = "REPORT.IPM.Note.NDR"
	case "multipart/signed":
		info.Class = "IPM.Note.SMIME.MultipartSigned"
	case "", "text/plain":
		info.Preview = preview(body)
	}
	info.ConversationID = "AAQk" + thread(h)
	return info
}

// thread names the first message of a conversation.
func thread(h header) string {
	for _, name := range []string{"References", "In-Reply-To", "Message-ID"} {
		if f := strings.Fields(h.get(name)); len(f) > 0 {
			return f[0]
		}
	}
	return h.get("Subject")
}

func preview(body []byte) string {
	r := []rune(strings.ToValidUTF8(string(body[:min(len(body), 4*255)]), "\ufffd"))
	return string(r[:min(len(r), 255)])
}

// header holds unfolded values by lower-case name; of several fields of one
// name the first counts.
type header map[string]string

func (h header) get(name string) string { return h[strings.ToLower(name)] }

func splitHeader(b []byte) (header, []byte) {
	h := header{}
	last := ""
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		if text[0] == ' ' || text[0] == '\t' {
			if last != "" {
				h[last] += text
			}
			continue
		}
		name, value, _ := strings.Cut(text, ":")
		last = strings.ToLower(strings.TrimSpace(name))
		if _, twice := h[last]; twice {
			last = ""
			continue
		}
		h[last] = strings.TrimSpace(value)
	}
	return h, b
}

// cutLine splits b after its first line end.
func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1], b[i+1:]
	}
	return b, nil
}

// words decodes RFC 2047; of an unknown charset the octets are taken as they are.
var words = mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}

func decode(s string) string {
	d, err := words.DecodeHeader(s)
	if err != nil {
		d = s
	}
	return strings.ToValidUTF8(d, "\ufffd")
}

// addresses parses a list; what is none becomes one address with the text.
func addresses(s string) []bridge.Address {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	p := mail.AddressParser{WordDecoder: &words}
	list, err := p.ParseList(s)
	if err != nil {
		return []bridge.Address{{Address: decode(s)}}
	}
	var out []bridge.Address
	for _, a := range list {
		out = append(out, bridge.Address{Name: a.Name, Address: a.Address})
	}
	return out
}
