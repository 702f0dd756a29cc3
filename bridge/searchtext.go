package bridge

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"mail2graph/bridge/mimepart"
)

func sent(c *candidate, k SearchKey) verdict {
	if c.detail == nil {
		return unknown
	}
	d := c.detail.sentDay()
	switch {
	case d.IsZero():
		return no
	case k.Op == SearchSentBefore:
		return is(d.Before(k.Date))
	case k.Op == SearchSentOn:
		return is(d.Equal(k.Date))
	}
	return is(!d.Before(k.Date))
}

// header answers from the envelope where it has the field.
func (s *searcher) header(c *candidate, k SearchKey) verdict {
	if c.detail == nil {
		return unknown
	}
	e := &c.detail.Envelope
	switch strings.ToLower(k.Field) {
	case "from":
		return is(addressesContain(e.From, k.Value))
	case "to":
		return is(addressesContain(e.To, k.Value))
	case "cc":
		return is(addressesContain(e.Cc, k.Value))
	case "bcc":
		return is(addressesContain(e.Bcc, k.Value))
	case "subject":
		// An empty value asks whether the field is there, which listings do not tell.
		if k.Value != "" || e.Subject != "" {
			return is(strings.Contains(foldField(mimepart.DecodeHeader(e.Subject)), k.Value))
		}
	case "message-id":
		there := e.MessageID != "" || e.Empty&mimepart.FieldMessageID != 0
		return is(there && strings.Contains(foldField(e.MessageID), k.Value))
	case "in-reply-to":
		if e.InReplyTo != "" {
			return is(strings.Contains(foldField(e.InReplyTo), k.Value))
		}
	}
	switch {
	case c.text != nil:
		return is(fieldContains(c.head(c.text.Root), k.Field, k.Value))
	case c.block != nil && !fromText(k.Field):
		return is(fieldContains(c.block, k.Field, k.Value))
	}
	return unknown
}

// addressesContain compares with each address as a reader sees it.
func addressesContain(list []mimepart.Address, value string) bool {
	for _, a := range list {
		text := mimepart.DecodeHeader(a.Name) + " <" + a.Mailbox + "@" + a.Host + ">"
		switch {
		case a.Host != "":
		case a.Name == "" && a.Route == "": // a group begins or ends
			text = mimepart.DecodeHeader(a.Mailbox) + ":"
		default:
			text = mimepart.DecodeHeader(a.Name) + " <" + a.Mailbox + ">"
		}
		if strings.Contains(foldField(text), value) {
			return true
		}
	}
	return false
}

// head reads the octets of a header, of an endless one the beginning.
func (c *candidate) head(p *mimepart.Part) []byte {
	b := make([]byte, min(p.Body-p.Header, mimepart.MaxHeader))
	if _, err := c.text.ReadAt(b, p.Header); err != nil && !errors.Is(err, io.EOF) {
		c.err = err
		return nil
	}
	return b
}

func fieldContains(header []byte, name, value string) bool {
	for field := range mimepart.HeaderFields(header) {
		if !strings.EqualFold(string(field.Name), name) {
			continue
		}
		_, body, _ := bytes.Cut(field.Raw, []byte(":"))
		if strings.Contains(foldField(mimepart.DecodeHeader(strings.TrimSpace(string(body)))), value) {
			return true
		}
	}
	return false
}

// inText searches the text of a message, decoded: BODY in the text parts, TEXT
// in the headers too.
func (s *searcher) inText(c *candidate, k SearchKey) verdict {
	switch {
	case k.Value == "":
		return yes
	case c.text == nil:
		return s.byService(c, k)
	}
	t := wanted{text: k.Value, field: foldField(k.Value)}
	return is(c.partContains(c.text.Root, t, k.Op == SearchText, true))
}

// wanted is what is searched for in text, and the same as fields would have it.
type wanted struct{ text, field string }

// partContains looks into one part and those inside it. The message's own
// header belongs to TEXT only, headers of parts inside to BODY as well. A report
// (message/delivery-status and its like) is read as text.
func (c *candidate) partContains(p *mimepart.Part, t wanted, withHeader, root bool) bool {
	if withHeader || !root {
		if strings.Contains(foldField(mimepart.DecodeHeader(string(c.head(p)))), t.field) {
			return true
		}
	}
	for _, child := range p.Children {
		if c.partContains(child, t, withHeader, false) {
			return true
		}
	}
	if len(p.Children) > 0 || !strings.EqualFold(p.Type, "text") && !strings.EqualFold(p.Type, "message") {
		return false
	}
	found, err := containsFold(p.Text(c.text), t.text)
	if err != nil {
		c.err = err
	}
	return found
}

// scanBuffers are what containsFold works in.
type scanBuffers struct {
	text  []byte // what was read and not searched to its end
	lower []byte
	block [32 << 10]byte
}

var scanPool = sync.Pool{New: func() any { return new(scanBuffers) }}

// containsFold searches a stream without regard to case, in bounded memory.
func containsFold(r io.Reader, value string) (bool, error) {
	want := []byte(value)
	s := scanPool.Get().(*scanBuffers)
	buf, block := s.text[:0], s.block[:]
	defer func() { s.text = buf; scanPool.Put(s) }()
	for {
		n, err := r.Read(block)
		buf = append(buf, block[:n]...)
		if s.lower = appendLower(s.lower[:0], buf); bytes.Contains(s.lower, want) {
			return true, nil
		}
		// Keep enough for a match across blocks; letters may fold to other lengths.
		if keep := 3*len(want) + 8; len(buf) > keep {
			buf = append(buf[:0], buf[len(buf)-keep:]...)
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// appendLower appends text in small letters, as bytes.ToLower makes it.
func appendLower(b, text []byte) []byte {
	from := len(b)
	b = append(b, text...)
	for i, c := range b[from:] {
		switch {
		case c >= utf8.RuneSelf:
			return append(b[:from], bytes.ToLower(text)...)
		case 'A' <= c && c <= 'Z':
			b[from+i] = c + 'a' - 'A'
		}
	}
	return b
}
