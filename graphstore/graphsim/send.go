package graphsim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// sendMail is api/user-sendmail: MIME or JSON, 202 with nothing in it (§10.1).
func sendMail(c *call) (*reply, *apiError) {
	if c.contentType() == "text/plain" {
		return sendMIME(c)
	}
	var body struct {
		Message rawObject `json:"message"`
		Save    *bool     `json:"saveToSentItems"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if len(body.Message) == 0 {
		return nil, fail(http.StatusBadRequest, "ErrorInvalidRequest", "The message is missing.")
	}
	b, err := c.parseMessage(body.Message)
	if err != nil {
		return nil, err
	}
	m, err := c.build(b)
	if err != nil {
		return nil, err
	}
	if err := c.submit(m, body.Save == nil || *body.Save); err != nil {
		m.remove()
		return nil, err
	}
	return accepted(), nil
}

// rawObject is JSON that is decoded later.
type rawObject []byte

// UnmarshalJSON keeps the text.
func (r *rawObject) UnmarshalJSON(b []byte) error { *r = bytes.Clone(b); return nil }

// sendMIME sends what the header says: there is no envelope, and always a copy in Sent Items (docs#18698).
func sendMIME(c *call) (*reply, *apiError) {
	mime, err := c.mimeBody()
	if err != nil {
		return nil, err
	}
	if n := c.srv.modes.MisleadingOver; n > 0 && len(mime) > n {
		return &reply{status: http.StatusOK}, nil
	}
	m := c.mb.newMessage()
	m.content, m.read, m.draft = Bytes(mime), true, true
	if err := c.submit(m, true); err != nil {
		m.remove()
		return nil, err
	}
	return accepted(), nil
}

// sendDraft is api/message-send. The draft becomes the Sent Items copy and keeps its immutable id (§10.1).
func sendDraft(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	if !m.draft {
		return nil, fail(http.StatusBadRequest, "ErrorInvalidRequest", "The message is not a draft.")
	}
	if err := c.submit(m, true); err != nil {
		return nil, err
	}
	return accepted(), nil
}

// submit checks a message, hands it to the transport and files the copy.
func (c *call) submit(m *message, save bool) *apiError {
	to, err := c.checkSend(m)
	if err != nil {
		return err
	}
	mb, now := c.mb, c.srv.now()
	c.srv.stamp(m)
	out := readAll(m.mime())
	if m.content != nil {
		out = bytes.Clone(out)
	}
	c.srv.transport(mb, now, to, out)
	keep := save && m.ext["0xe01"].value != "true"
	if c.srv.modes.DraftLingers && keep {
		c.srv.after(c.srv.modes.SentDelay, func() {
			if m.folder != nil && m.draft {
				m.leave(now)
				m.fileCopy(mb.known["sentitems"])
			}
		})
		return nil
	}
	m.leave(now)
	if !keep {
		m.remove()
		return nil
	}
	c.srv.after(c.srv.modes.SentDelay, func() { m.fileCopy(mb.known["sentitems"]) })
	return nil
}

// leave takes a message that was sent out of its folder: it is no draft any more.
func (m *message) leave(now time.Time) {
	if m.folder != nil {
		m.take()
	}
	m.draft, m.read, m.received, m.modified = false, true, now, now
	m.newKey()
}

// fileCopy files what was sent, as the message that it was or as another one.
func (m *message) fileCopy(f *folder) {
	if m.mb.srv.modes.CopyGetsNewID {
		m.copyTo(f)
		m.remove()
		return
	}
	m.put(f)
}

// checkSend applies rights and limits and returns the recipients (§10.2, §10.3).
func (c *call) checkSend(m *message) ([]string, *apiError) {
	i := m.info()
	for _, a := range []Address{i.From, i.Sender} {
		if a.Address != "" && !c.mb.maySendAs(a.Address) {
			return nil, fail(http.StatusForbidden, "ErrorSendAsDenied", "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account. Cannot submit message.")
		}
	}
	var to []string
	for _, a := range slices.Concat(i.To, i.Cc, i.Bcc) {
		local, domain, ok := strings.Cut(a.Address, "@")
		if !ok || local == "" || domain == "" || strings.ContainsAny(a.Address, " \t\r\n") {
			return nil, fail(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient isn't valid., Recipient '%s' is not resolved.", a.Address)
		}
		if !slices.ContainsFunc(to, func(s string) bool { return strings.EqualFold(s, a.Address) }) {
			to = append(to, a.Address)
		}
	}
	l := &c.srv.limits
	switch {
	case len(to) == 0:
		return nil, fail(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is required.")
	case len(to) > or(l.Recipients, 1000):
		return nil, fail(http.StatusBadRequest, "ErrorTooManyRecipients", "The message has more than %d recipients.", or(l.Recipients, 1000))
	case m.mimeSize() > or(l.MessageSize, 35<<20):
		return nil, errTooLarge()
	}
	return to, c.rate()
}

// mimeSize is the size that a message has in transport; base64 growth counts (§10.3).
func (m *message) mimeSize() int64 {
	if m.content != nil {
		return m.content.Size()
	}
	n := int64(len(m.body.text)) * 2
	for _, a := range m.attachments {
		n += int64(len(a.data)) * 78 / 57
	}
	return n
}

// rate is the limit of messages per minute.
func (c *call) rate() *apiError {
	limit, now := c.srv.limits.SendsPerMinute, c.srv.now()
	if limit <= 0 {
		return nil
	}
	c.mb.sends = slices.DeleteFunc(c.mb.sends, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	if len(c.mb.sends) >= limit {
		return c.srv.throttled("ErrorExceededMessageLimit", "The message submission quota was exceeded.", time.Minute-now.Sub(c.mb.sends[0]))
	}
	c.mb.sends = append(c.mb.sends, now)
	return nil
}

func (mb *Mailbox) maySendAs(address string) bool {
	return mb.owns(address) || slices.ContainsFunc(mb.opts.SendAs, func(s string) bool {
		return s == "*" || strings.EqualFold(s, address)
	})
}

func (mb *Mailbox) owns(address string) bool {
	return strings.EqualFold(mb.address, address) ||
		slices.ContainsFunc(mb.opts.Aliases, func(a string) bool { return strings.EqualFold(a, address) })
}

// stamp fills in what a message lacks when it is submitted: From, Date, Message-ID. A given Message-ID is kept (§19).
func (s *Server) stamp(m *message) {
	self := Address{m.mb.opts.DisplayName, m.mb.address}
	id := fmt.Sprintf("<%s@SIM.PROD.OUTLOOK.COM>", strings.ToUpper(strings.ReplaceAll(s.guid(), "-", "")))
	if m.content == nil {
		if m.meta.From == (Address{}) {
			m.meta.From = self
		}
		if m.meta.MessageID == "" {
			m.meta.MessageID = id
		}
		m.meta.Sent = s.now()
		return
	}
	mime, i := readAll(m.content), m.info()
	var add []string
	if i.From == (Address{}) {
		add = append(add, "From: "+addressList([]Address{self}))
	}
	if i.MessageID == "" {
		add = append(add, "Message-ID: "+id)
	}
	if i.Sent.IsZero() {
		add = append(add, "Date: "+s.now().Format(time.RFC1123Z))
	}
	if len(add) > 0 {
		m.content, m.meta, m.size = Bytes(prependFields(mime, add...)), nil, 0
	}
}
