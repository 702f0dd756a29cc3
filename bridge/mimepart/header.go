package mimepart

import (
	"bytes"
	"strings"
)

// IsMultipart reports whether the part is a multipart; then it has children.
func (p *Part) IsMultipart() bool { return strings.EqualFold(p.Type, "multipart") }

// Message returns the message embedded in a message/rfc822 or message/global
// part, or nil. A part of these types without one is encoded or lies too deep
// and cannot be written as body-type-msg of RFC 3501 §9.
func (p *Part) Message() *Part {
	if p.IsMultipart() || len(p.Children) != 1 {
		return nil
	}
	return p.Children[0]
}

func (p *Part) isMessageType() bool {
	return strings.EqualFold(p.Type, "message") &&
		(strings.EqualFold(p.Subtype, "rfc822") || strings.EqualFold(p.Subtype, "global"))
}

func (p *Part) isEncoded() bool { return transferEncoding(p.Encoding) != identity }

// readHeader fills in what the header says, and the defaults of RFC 2045 §5.2
// and RFC 2046 §5.1.5 for what it does not. Of a field that comes twice the
// first counts.
func (p *Part) readHeader(header []byte, ctx context, addrsLeft *int) {
	for f := range HeaderFields(header) {
		if isContentField(f) {
			p.contentField(f)
		}
	}
	p.setDefaults(ctx)
	if ctx.message {
		p.Envelope = parseEnvelope(header, addrsLeft)
	}
}

// isRead reports whether readHeader or parseEnvelope takes something from a field
// of that name. All others may be as long as they like.
func isRead(f Field) bool {
	if isContentField(f) {
		return true
	}
	var e Envelope
	text, _ := e.textField(f)
	return text != nil || e.addressField(f) != nil
}

func isContentField(f Field) bool {
	return len(f.Name) > 8 && bytes.EqualFold(f.Name[:8], []byte("content-"))
}

func (p *Part) contentField(f Field) {
	set := func(s *string, read func() string) {
		if *s == "" {
			*s = read()
		}
	}
	switch {
	case f.Is("Content-Type"):
		if p.Type == "" && p.Params == nil {
			p.Type, p.Subtype, p.Params = parseContentType(f.Value())
		}
	case f.Is("Content-Disposition"):
		if p.Disposition == "" && p.DispParams == nil {
			p.Disposition, p.DispParams = parseDisposition(f.Value())
		}
	case f.Is("Content-Transfer-Encoding"):
		set(&p.Encoding, func() string { return firstToken(f.Value()) })
	case f.Is("Content-ID"):
		set(&p.ID, f.Value)
	case f.Is("Content-Description"):
		set(&p.Description, f.Value)
	case f.Is("Content-MD5"):
		set(&p.MD5, f.Value)
	case f.Is("Content-Location"):
		set(&p.Location, f.Value)
	case f.Is("Content-Language"):
		if p.Language == nil {
			p.Language = parseLanguage(f.Value())
		}
	}
}

func (p *Part) setDefaults(ctx context) {
	if p.Encoding == "" {
		p.Encoding = "7bit"
	}
	if p.Type != "" {
		return
	}
	if ctx.digest {
		p.Type, p.Subtype = "message", "rfc822"
		return
	}
	p.Type, p.Subtype = "text", "plain"
}

// ParseHeader returns the envelope of a header that stands alone.
func ParseHeader(header []byte) *Envelope {
	left := maxAddresses
	return parseEnvelope(header[:min(len(header), MaxHeader)], &left)
}

// parseEnvelope keeps the first of each field that says something. Of address fields, which must
// not be repeated either, it keeps all addresses: none may go unseen.
func parseEnvelope(header []byte, addrsLeft *int) *Envelope {
	e := &Envelope{}
	for f := range HeaderFields(header) {
		if text, which := e.textField(f); text != nil {
			if *text == "" {
				*text = f.Value()
				if e.Empty |= which; *text != "" {
					e.Empty &^= which
				}
			}
		} else if list := e.addressField(f); list != nil {
			*list = appendAddresses(*list, f.Value(), addrsLeft)
		}
	}
	return e
}

func (e *Envelope) textField(f Field) (*string, TextFields) {
	switch {
	case f.Is("Date"):
		return &e.Date, FieldDate
	case f.Is("Subject"):
		return &e.Subject, FieldSubject
	case f.Is("In-Reply-To"):
		return &e.InReplyTo, FieldInReplyTo
	case f.Is("Message-ID"):
		return &e.MessageID, FieldMessageID
	}
	return nil, 0
}

func (e *Envelope) addressField(f Field) *[]Address {
	switch {
	case f.Is("From"):
		return &e.From
	case f.Is("Sender"):
		return &e.Sender
	case f.Is("Reply-To"):
		return &e.ReplyTo
	case f.Is("To"):
		return &e.To
	case f.Is("Cc"):
		return &e.Cc
	case f.Is("Bcc"):
		return &e.Bcc
	}
	return nil
}
