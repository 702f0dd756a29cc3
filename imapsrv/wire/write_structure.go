package wire

import (
	"slices"
	"strconv"
	"strings"

	"mail2graph/bridge/mimepart"
)

// appendEnvelope appends an envelope (RFC 3501 §7.4.2). nil is an empty one.
func appendEnvelope(dst []byte, e *mimepart.Envelope, cs Dialect) []byte {
	if e == nil {
		e = &mimepart.Envelope{}
	}
	sender, replyTo := e.Sender, e.ReplyTo
	if len(sender) == 0 {
		sender = e.From
	}
	if len(replyTo) == 0 {
		replyTo = e.From
	}
	// A field without a value is "", one that is not there NIL.
	text := func(s string, which mimepart.TextFields) {
		if s == "" && e.Empty&which != 0 {
			dst = append(dst, `""`...)
			return
		}
		dst = appendNString(dst, s, cs)
	}
	dst = append(dst, '(')
	text(e.Date, mimepart.FieldDate)
	dst = append(dst, ' ')
	text(e.Subject, mimepart.FieldSubject)
	for _, list := range [...][]mimepart.Address{e.From, sender, replyTo, e.To, e.Cc, e.Bcc} {
		dst = append(dst, ' ')
		dst = appendAddresses(dst, list, cs)
	}
	dst = append(dst, ' ')
	text(e.InReplyTo, mimepart.FieldInReplyTo)
	dst = append(dst, ' ')
	text(e.MessageID, mimepart.FieldMessageID)
	return append(dst, ')')
}

func appendAddresses(dst []byte, list []mimepart.Address, cs Dialect) []byte {
	if len(list) == 0 {
		return append(dst, "NIL"...)
	}
	dst = append(dst, '(')
	for i := range list {
		dst = appendAddress(dst, &list[i], cs)
	}
	return append(dst, ')')
}

// appendAddress appends an address. A host or mailbox of NIL means the begin or
// end of a group; where a broken address lacks them they are "".
func appendAddress(dst []byte, a *mimepart.Address, cs Dialect) []byte {
	group := a.Host == "" && a.Name == "" && a.Route == ""
	dst = append(dst, '(')
	dst = appendNString(dst, a.Name, cs)
	dst = append(dst, ' ')
	dst = appendNString(dst, a.Route, cs)
	for _, s := range [...]string{a.Mailbox, a.Host} {
		dst = append(dst, ' ')
		if group {
			dst = appendNString(dst, s, cs)
		} else {
			dst = appendString(dst, s, cs)
		}
	}
	return append(dst, ')')
}

// nothing stands for parts that the grammar demands and a broken message lacks.
var nothing = mimepart.Part{Type: "text", Subtype: "plain", Encoding: "7bit"}

// appendPart appends a body structure, with extension data if ext is set. Any
// tree gives valid grammar: a multipart without parts and a message/rfc822
// without message get an empty text.
func appendPart(dst []byte, p *mimepart.Part, ext bool, cs Dialect) []byte {
	if p == nil {
		p = &nothing
	}
	dst = append(dst, '(')
	if strings.EqualFold(p.Type, "multipart") {
		dst = appendMultipart(dst, p, ext, cs)
	} else {
		dst = appendSinglePart(dst, p, ext, cs)
	}
	return append(dst, ')')
}

func appendMultipart(dst []byte, p *mimepart.Part, ext bool, cs Dialect) []byte {
	for _, child := range p.Children {
		dst = appendPart(dst, child, ext, cs)
	}
	if len(p.Children) == 0 {
		dst = appendPart(dst, nil, ext, cs)
	}
	dst = append(dst, ' ')
	dst = appendString(dst, p.Subtype, cs)
	if !ext {
		return dst
	}
	dst = append(dst, ' ')
	dst = appendParams(dst, p.Params, cs)
	return appendExtension(dst, p, cs)
}

func appendSinglePart(dst []byte, p *mimepart.Part, ext bool, cs Dialect) []byte {
	dst = appendString(dst, p.Type, cs)
	dst = append(dst, ' ')
	dst = appendString(dst, p.Subtype, cs)
	dst = append(dst, ' ')
	dst = appendParams(dst, withCharset(p), cs)
	dst = append(dst, ' ')
	dst = appendNString(dst, p.ID, cs)
	dst = append(dst, ' ')
	dst = appendNString(dst, p.Description, cs)
	dst = append(dst, ' ')
	dst = appendString(dst, p.Encoding, cs) // no NIL allowed here
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, max(p.End-p.Body, 0), 10)
	switch {
	case strings.EqualFold(p.Type, "text"):
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, max(p.Lines, 0), 10)
	case isMessage(p, cs):
		inner := &nothing
		if len(p.Children) > 0 && p.Children[0] != nil {
			inner = p.Children[0]
		}
		dst = append(dst, ' ')
		dst = appendEnvelope(dst, inner.Envelope, cs)
		dst = append(dst, ' ')
		dst = appendPart(dst, inner, ext, cs)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, max(p.Lines, 0), 10)
	}
	if !ext {
		return dst
	}
	dst = append(dst, ' ')
	dst = appendNString(dst, p.MD5, cs)
	return appendExtension(dst, p, cs)
}

// isMessage reports whether a part is written with envelope and structure of
// the message inside it: message/rfc822, and message/global for those who know
// it (RFC 9755 §3, RFC 9051 §9). For RFC 3501 §9 that is a part like any other, and
// a client that goes by it could not read on. Its parts can be fetched all the same.
func isMessage(p *mimepart.Part, cs Dialect) bool {
	return strings.EqualFold(p.Type, "message") &&
		(strings.EqualFold(p.Subtype, "rfc822") || cs != Rev1 && strings.EqualFold(p.Subtype, "global"))
}

// withCharset returns the parameters of a part, for text with the charset that it
// has if it names none (RFC 2045 §5.2).
func withCharset(p *mimepart.Part) []mimepart.Param {
	named := func(a mimepart.Param) bool {
		name, _, _ := strings.Cut(a.Name, "*")
		return strings.EqualFold(name, "charset")
	}
	if !strings.EqualFold(p.Type, "text") || slices.ContainsFunc(p.Params, named) {
		return p.Params
	}
	return append(slices.Clip(p.Params), mimepart.Param{Name: "charset", Value: "us-ascii"})
}

// appendExtension appends disposition, language and location.
func appendExtension(dst []byte, p *mimepart.Part, cs Dialect) []byte {
	dst = append(dst, ' ')
	if p.Disposition == "" {
		dst = append(dst, "NIL"...)
	} else {
		dst = append(dst, '(')
		dst = appendString(dst, p.Disposition, cs)
		dst = append(dst, ' ')
		dst = appendParams(dst, p.DispParams, cs)
		dst = append(dst, ')')
	}
	dst = append(dst, ' ')
	if len(p.Language) == 0 {
		dst = append(dst, "NIL"...)
	} else {
		dst = append(dst, '(')
		for i, l := range p.Language {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = appendString(dst, l, cs)
		}
		dst = append(dst, ')')
	}
	dst = append(dst, ' ')
	return appendNString(dst, p.Location, cs)
}

// appendParams appends parameters as the message has them; IMAP4rev2 wants those
// of RFC 2231 put together and decoded (RFC 9051 §7.5.2).
func appendParams(dst []byte, params []mimepart.Param, cs Dialect) []byte {
	if cs == Rev2 {
		params = mimepart.Joined(params)
	}
	if len(params) == 0 {
		return append(dst, "NIL"...)
	}
	dst = append(dst, '(')
	for i, p := range params {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = appendString(dst, p.Name, cs)
		dst = append(dst, ' ')
		dst = appendString(dst, p.Value, cs)
	}
	return append(dst, ')')
}
