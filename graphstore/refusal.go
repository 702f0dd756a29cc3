package graphstore

import (
	"errors"
	"strings"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// recipientCodes refuse the number of recipients. All of them are assumed: the
// documentation names the limit, and no code (graph-reference §10.3).
var recipientCodes = []string{"errortoomanyrecipients", "errorrecipientlimit", "errormaxrecipients", "toomanyrecipients", "recipientlimit"}

// refusal gives an answer of Graph that is for good, as far as a message is
// concerned, the words for its sender.
func refusal(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code == "" || e.Status < 400 || e.uncertain || e.transient {
		return err
	}
	code := strings.ToLower(e.Code)
	for _, prefix := range recipientCodes {
		if strings.HasPrefix(code, prefix) {
			err = &bridge.RecipientsError{Err: err}
			break
		}
	}
	text := "Exchange Online: " + e.Code
	switch {
	case code == "errorsendasdenied":
		text += ": the mailbox has neither Send As nor Send on Behalf permission for this From address in Exchange"
	case e.Message != "":
		text += ": " + e.Message
	}
	return &bridge.Refusal{Reply: asciiLine(text), Err: err}
}

// asciiLine keeps a text of the service from becoming lines of a reply.
func asciiLine(s string) string {
	const limit = 300
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > 0x7f:
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), limit)]
}

// formOf names what of a message lies in its exact form, "" for nothing, and says
// whether it must be kept. A DKIM signature alone is such a thing only on request: it
// speaks for the server before us, seldom survives Exchange's own conversion, and
// Exchange signs what leaves the tenant.
func formOf(m bridge.Outgoing) (form string, keep bool) {
	if what := protected(m.Parts); what != "" {
		return what, m.KeepSigned
	}
	if !m.KeepDKIM {
		return "", false
	}
	head := make([]byte, min(m.Parts.Body-m.Parts.Header, mimepart.MaxHeader))
	if n, err := m.MIME.ReadAt(head, m.Parts.Header); err != nil && n == 0 {
		return "", false
	}
	for f := range mimepart.HeaderFields(head) {
		if f.Is("DKIM-Signature") {
			return "a message with a DKIM signature", true
		}
	}
	return "", false
}

// protected looks for S/MIME (RFC 8551 §3) and OpenPGP (RFC 3156) in all parts
// but attached messages.
func protected(p *mimepart.Part) string {
	if p.IsMultipart() {
		switch strings.ToLower(p.Subtype) {
		case "signed":
			return "a signed message"
		case "encrypted":
			return "an encrypted message"
		}
		for _, c := range p.Children {
			if what := protected(c); what != "" {
				return what
			}
		}
		return ""
	}
	switch kind := strings.ToLower(p.Type + "/" + p.Subtype); kind {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return "a signed or encrypted message"
	}
	return ""
}
