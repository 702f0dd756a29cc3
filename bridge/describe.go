package bridge

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"time"

	"mail2graph/bridge/mimepart"
)

// detailOf makes the index's detail from a listing. Its envelope is written as
// a header would have it, since readers expect raw fields; once the message's
// text was read, the text's own envelope takes its place.
func detailOf(info MessageInfo) *Detail {
	return &Detail{
		Envelope: mimepart.Envelope{
			Date:      dateField(info),
			Subject:   encodeText(info.Subject),
			From:      rawAddresses(info.From),
			Sender:    rawAddresses(info.Sender),
			ReplyTo:   rawAddresses(info.ReplyTo),
			To:        rawAddresses(info.To),
			Cc:        rawAddresses(info.Cc),
			Bcc:       rawAddresses(info.Bcc),
			InReplyTo: strings.TrimSpace(info.InReplyTo),
			MessageID: info.InternetMessageID,
		},
		Sent:           info.Sent,
		References:     info.References,
		Class:          info.Class,
		ConversationID: info.ConversationID,
		Preview:        info.Preview,
		HasAttachments: info.HasAttachments,
		Fingerprint:    fingerprint(info),
	}
}

// dateField is the Date as far as a listing tells it: in UTC.
func dateField(info MessageInfo) string {
	t := info.Sent
	if t.IsZero() {
		t = info.Received
	}
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC1123Z)
}

// encodeText writes text as an unstructured header field does (RFC 2047).
func encodeText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return mime.QEncoding.Encode("utf-8", s)
}

func rawAddresses(list []Address) []mimepart.Address {
	if len(list) == 0 {
		return nil
	}
	out := make([]mimepart.Address, 0, len(list))
	for _, a := range list {
		// Exchange's own form for internal senders has no "@" at all.
		mailbox, host := a.Address, ""
		if i := strings.LastIndexByte(a.Address, '@'); i >= 0 {
			mailbox, host = a.Address[:i], a.Address[i+1:]
		}
		if mailbox == "" && a.Name == "" {
			continue
		}
		if host == "" {
			// Without a host an address would read as the start of a group.
			host = "MISSING_DOMAIN" // as Dovecot writes it
		}
		if mailbox == "" {
			mailbox = "MISSING_MAILBOX"
		}
		out = append(out, mimepart.Address{Name: encodeText(a.Name), Mailbox: mailbox, Host: host})
	}
	return out
}

// fingerprint tells the contents of a draft apart, as far as listings show
// them. Other messages do not change their content and have none.
func fingerprint(info MessageInfo) string {
	if !info.Draft {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %v %d", info.Subject, info.Preview, info.HasAttachments, info.StoreSize)
	for _, list := range [][]Address{info.From, info.To, info.Cc, info.Bcc} {
		fmt.Fprintf(h, " %q", list)
	}
	return base64.RawStdEncoding.EncodeToString(h.Sum(nil)[:12])
}

// sentDay is the day of the Date field as written, disregarding time and zone
// (RFC 3501 §6.4.4, SENTON). Listings tell the instant without its zone: until
// the text was read, the day is that of UTC.
func (d *Detail) sentDay() time.Time {
	if clock, _, ok := plainDate(d.Envelope.Date); ok {
		return day(clock)
	}
	t, ok := oddDate(d.Envelope.Date)
	if !ok {
		t = d.Sent
	}
	if t.IsZero() {
		return time.Time{}
	}
	return day(t)
}

func day(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
