package graphsim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Delivery is a message that was handed to the transport.
type Delivery struct {
	Time       time.Time `json:"time"`
	Mailbox    string    `json:"mailbox"`    // the sender's address
	Recipients []string  `json:"recipients"` // all of the envelope
	Outside    []string  `json:"outside"`    // those that are no mailbox here
	MIME       []byte    `json:"mime"`       // as recipients get it, without Bcc
}

// pendingTask is something the service does a little later (Modes.SentDelay, Modes.DeliveryDelay).
type pendingTask struct {
	at time.Time
	do func()
}

// Deliveries lists what was submitted, in order.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Bounce makes mail to an address come back, with Modes.NDR.
func (s *Server) Bounce(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bounces[strings.ToLower(address)] = true
}

// Settle does at once what is due later, whatever the clock says.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) > 0 {
		task := s.pending[0]
		s.pending = s.pending[1:]
		task.do()
	}
}

// after does something after a delay; the clock is looked at with each request. The caller holds mu.
func (s *Server) after(d time.Duration, do func()) {
	if d <= 0 {
		do()
		return
	}
	at := s.now().Add(d)
	i := 0
	for i < len(s.pending) && !s.pending[i].at.After(at) {
		i++
	}
	s.pending = slices.Insert(s.pending, i, pendingTask{at, do})
}

// settle does what is due. The caller holds mu.
func (s *Server) settle() {
	for len(s.pending) > 0 && !s.pending[0].at.After(s.now()) {
		task := s.pending[0]
		s.pending = s.pending[1:]
		task.do()
	}
}

// transport carries a message to its recipients (graph/outlook-things-to-know-about-send-mail). The caller holds mu.
func (s *Server) transport(from *Mailbox, now time.Time, to []string, mime []byte) {
	mime = removeField(mime, "Bcc")
	if s.modes.RewriteDate {
		mime = prependFields(removeField(mime, "Date"), "Date: "+now.Format(time.RFC1123Z))
	}
	d := Delivery{Time: now, Mailbox: from.address, Recipients: to, MIME: mime}
	var failed []string
	for _, addr := range to {
		mb := s.mailboxes[strings.ToLower(addr)]
		switch {
		case mb != nil && mb.state == StateOK && !s.bounces[strings.ToLower(addr)]:
			s.after(s.modes.DeliveryDelay, func() {
				m := mb.deliver(mb.known["inbox"], Bytes(received(mime, from, addr, s.now())), DeliverOptions{})
				m.internal = true
			})
		default:
			d.Outside = append(d.Outside, addr)
			if s.modes.NDR && (s.bounces[strings.ToLower(addr)] || s.ownDomain(addr)) {
				failed = append(failed, addr)
			}
		}
	}
	s.deliveries = append(s.deliveries, d)
	if len(failed) > 0 {
		report := s.report(from, failed, mime)
		s.after(s.modes.DeliveryDelay, func() { from.deliver(from.known["inbox"], Bytes(report), DeliverOptions{}) })
	}
}

// ownDomain reports whether an address is in the domain of a mailbox here.
func (s *Server) ownDomain(addr string) bool {
	_, domain, _ := strings.Cut(addr, "@")
	return slices.ContainsFunc(s.order, func(mb *Mailbox) bool {
		_, own, _ := strings.Cut(mb.address, "@")
		return strings.EqualFold(own, domain)
	})
}

// received adds the trace that delivery leaves.
func received(mime []byte, from *Mailbox, to string, now time.Time) []byte {
	return prependFields(mime,
		"Received: from SIM0001.PROD.OUTLOOK.COM (2603:10a6:0:0::1) by\r\n SIM0002.PROD.OUTLOOK.COM with HTTPS for <"+clean(to)+">; "+now.Format(time.RFC1123Z),
		"Return-Path: "+clean(from.address),
		"X-MS-Exchange-Organization-AuthAs: Internal")
}

// prependFields puts header fields before all others.
func prependFields(mime []byte, fields ...string) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	if len(mime) > 0 && parseFields(firstLine(mime)) == nil {
		b.WriteString("\r\n") // no header at all: keep the text as the body
	}
	b.Write(mime)
	return b.Bytes()
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// removeField takes all fields of a name out of the header, with their continuation lines. Nothing else changes.
func removeField(mime []byte, name string) []byte {
	head, _ := splitHeader(mime)
	out := make([]byte, 0, len(mime))
	skipping := false
	for line := range bytes.Lines(head) {
		if line[0] != ' ' && line[0] != '\t' {
			got, _, ok := bytes.Cut(line, []byte(":"))
			skipping = ok && strings.EqualFold(strings.TrimSpace(string(got)), name)
		}
		if !skipping {
			out = append(out, line...)
		}
	}
	return append(out, mime[len(head):]...)
}

// report is the non-delivery report that comes back to the sender (RFC 3464).
func (s *Server) report(from *Mailbox, failed []string, mime []byte) []byte {
	_, domain, _ := strings.Cut(from.address, "@")
	boundary := "_ndr_" + s.guid()
	head, _ := splitHeader(mime)
	meta := metaOf(parseFields(head))
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: \"Microsoft Outlook\" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@%s>\r\nTo: <%s>\r\n", domain, from.address)
	fmt.Fprintf(&b, "Subject: Undeliverable: %s\r\nDate: %s\r\nMessage-ID: <%s@SIM.PROD.OUTLOOK.COM>\r\n", encodeWord(meta.Subject), s.now().Format(time.RFC1123Z), s.guid())
	if meta.MessageID != "" {
		fmt.Fprintf(&b, "In-Reply-To: %s\r\nReferences: %s\r\n", clean(meta.MessageID), clean(meta.MessageID))
	}
	fmt.Fprintf(&b, "MIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n\r\n", boundary)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n\r\nYour message to %s couldn't be delivered.\r\n\r\n", boundary, strings.Join(failed, ", "))
	fmt.Fprintf(&b, "--%s\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; SIM0001.PROD.OUTLOOK.COM\r\n", boundary)
	for _, addr := range failed {
		fmt.Fprintf(&b, "\r\nFinal-Recipient: rfc822;%s\r\nAction: failed\r\nStatus: 5.1.10\r\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound\r\n", addr)
	}
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: text/rfc822-headers\r\n\r\n%s\r\n--%s--\r\n", boundary, head, boundary)
	return b.Bytes()
}
