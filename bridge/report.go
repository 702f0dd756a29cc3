package bridge

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mail2graph/bridge/envelope"
	"mail2graph/bridge/outbox"
)

const (
	fullLimit   = 1 << 20            // a returned message is larger: its header must do
	reportFor   = 3 * 24 * time.Hour // a report that cannot be filed is tried this long
	copyTries   = 10                 // looks for the copy in Sent Items
	firstReport = time.Minute
)

// report tells the sender of a message that was given up. The report is filed
// in the Inbox of his mailbox, not sent. Where that is not possible the message
// stays, for an operator.
func (s *sender) report(ctx context.Context, m *outbox.Message) {
	rcpts := asked(m.Undelivered(), "FAILURE")
	if m.From == "" { // RFC 5321 §6.1: no report on a report
		s.logged(m, "message failed, and has no sender to be told", "reason", m.Verdict)
		s.m.tally.failed.Add(1)
		s.kept(m, m.Fail(m.Verdict))
		return
	}
	var err error
	if len(rcpts) > 0 {
		err = s.fileReport(ctx, m, noticeFailed, m.Verdict, rcpts)
	}
	switch {
	case err == nil:
		s.m.tally.returned.Add(1)
		text := "message returned to its sender"
		if len(rcpts) == 0 { // NOTIFY=NEVER
			text = "message failed, and its sender wants no report"
		}
		s.logged(m, text, "reason", m.Verdict, "reported", len(rcpts))
		s.finish(m)
	case s.tasks.ctx.Err() != nil:
		s.kept(m, m.Defer(time.Now(), m.Verdict))
	case errors.Is(err, outbox.ErrUnknown): // it was damaged and put aside
		s.log.Error("message not returned", "queue_id", m.ID, "error", err)
	case time.Since(m.Received) > s.life+reportFor:
		s.logged(m, "message failed, and its sender cannot be told", "reason", m.Verdict, "error", err)
		s.m.tally.failed.Add(1)
		s.kept(m, m.Fail(m.Verdict+"; no report could be filed: "+err.Error()))
	default:
		m.Reports++
		pause := outbox.Pause(m.Reports)
		if m.Reports == 1 {
			pause = firstReport
		}
		s.logged(m, "report not filed", "next", pause.Round(time.Second), "error", err)
		s.kept(m, m.Defer(time.Now().Add(pause), m.Verdict))
	}
}

// finish removes a message that is over, and before it what it left: a draft, or
// copies that have another place.
func (s *sender) finish(m *outbox.Message) {
	switch {
	case m.Accepted:
		m.Verdict, m.Status = "", ""
		s.kept(m, m.Defer(time.Now(), "sent; the copies in Sent Items"))
	case m.Draft != "" || m.Stray:
		s.kept(m, m.Doom(time.Now(), m.Verdict))
	default:
		s.kept(m, m.Remove())
	}
}

// fileReport files a report, unread, in the Inbox.
func (s *sender) fileReport(ctx context.Context, m *outbox.Message, n notice, reason string, rcpts []outbox.Recipient) error {
	text, err := m.Open()
	if err != nil {
		return err
	}
	defer text.Close()
	w := reportWriter{notice: n, Record: &m.Record, reason: reason, rcpts: rcpts, until: m.Received.Add(s.life)}
	if err := w.write(s.address, text.SectionReader); err != nil {
		return err
	}
	inbox, err := s.m.Folder(ctx, "INBOX")
	if err != nil {
		return err
	}
	_, err = inbox.Append(ctx, &w.b, int64(w.b.Len()), AppendOptions{})
	return err
}

// reportWriter writes a delivery status notification (RFC 3464) in the form of RFC 6522.
type reportWriter struct {
	notice
	*outbox.Record
	reason string
	rcpts  []outbox.Recipient
	until  time.Time // of the last try
	b      bytes.Buffer
}

func (w *reportWriter) field(name, value string) {
	fmt.Fprintf(&w.b, "%s: %s\r\n", name, singleLine(value))
}

func (w *reportWriter) write(mailbox string, msg *io.SectionReader) error {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	_, domain, _ := strings.Cut(mailbox, "@")
	boundary := "=_" + rand.Text()
	now := time.Now().Format(time.RFC1123Z)
	w.field("Date", now)
	w.field("From", "Mail Delivery System <mailer-daemon@"+domain+">")
	w.field("To", "<"+w.From+">")
	w.field("Subject", w.subject)
	w.field("Message-ID", "<"+w.ID+"."+rand.Text()[:8]+"@"+domain+">")
	if w.MessageID != "" {
		w.field("In-Reply-To", w.MessageID)
	}
	w.field("Auto-Submitted", "auto-replied")
	w.field("MIME-Version", "1.0")
	fmt.Fprintf(&w.b, "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n\r\n", boundary)

	fmt.Fprintf(&w.b, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary)
	w.words(host)
	fmt.Fprintf(&w.b, "--%s\r\nContent-Type: message/delivery-status\r\n\r\n", boundary)
	w.status(host, now)
	if err := w.returned(boundary, msg); err != nil {
		return err
	}
	fmt.Fprintf(&w.b, "\r\n--%s--\r\n", boundary)
	return nil
}

// words writes the part for people.
func (w *reportWriter) words(host string) {
	fmt.Fprintf(&w.b, "This is the mail2graph gateway at %s.\r\n\r\nYour message of %s %s\r\n\r\n",
		singleLine(host), w.Received.Format(time.RFC1123Z), w.before)
	for _, rcpt := range w.rcpts {
		fmt.Fprintf(&w.b, "    <%s>\r\n", singleLine(rcpt.Address))
	}
	fmt.Fprintf(&w.b, "\r\n%s", w.after)
	if w.reason != "" {
		fmt.Fprintf(&w.b, " The reason:\r\n\r\n    %s", singleLine(w.reason))
	}
	fmt.Fprintf(&w.b, "\r\n\r\nIts number in the gateway's queue was %s.\r\n\r\n", w.ID)
}

// status writes the part for programs.
func (w *reportWriter) status(host, now string) {
	if w.EnvelopeID != "" {
		w.field("Original-Envelope-Id", w.EnvelopeID)
	}
	w.field("Reporting-MTA", "dns; "+host)
	w.field("X-Mail2graph-Queue-Id", w.ID)
	w.field("Arrival-Date", w.Received.Format(time.RFC1123Z))
	for _, rcpt := range w.rcpts {
		w.b.WriteString("\r\n")
		if kind, address, ok := strings.Cut(rcpt.Original, ";"); ok {
			w.field("Original-Recipient", typedAddress(kind, address))
		}
		w.field("Final-Recipient", typedAddress("rfc822", rcpt.Address))
		w.field("Action", w.action)
		switch w.action {
		case noticeRelayed.action:
			w.field("Status", "2.0.0")
		case noticeDelayed.action:
			w.field("Status", "4.4.0")
			w.field("Diagnostic-Code", "x-mail2graph; "+w.reason)
			w.field("Will-Retry-Until", w.until.Format(time.RFC1123Z))
		default:
			w.field("Status", cmp.Or(rcpt.Status, w.Status))
			w.field("Diagnostic-Code", "x-mail2graph; "+cmp.Or(rcpt.Verdict, w.reason))
		}
		w.field("Last-Attempt-Date", now)
	}
	w.b.WriteString("\r\n")
}

// returned writes what comes back of the message: all of it where RET=FULL asks
// for that and it failed (RFC 3461 §4.3), else its header.
func (w *reportWriter) returned(boundary string, msg *io.SectionReader) error {
	b := &w.b
	if w.ReturnFull && w.action == noticeFailed.action && msg.Size() <= fullLimit {
		fmt.Fprintf(b, "--%s\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary)
		_, err := io.Copy(b, io.NewSectionReader(msg, 0, msg.Size()))
		return err
	}
	head, err := envelope.Header(msg)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "--%s\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary)
	b.Write(head)
	return nil
}

// singleLine keeps a text of others from becoming header fields.
func singleLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	const limit = 900
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// statuses are the enhanced status codes (RFC 3463) of refusals.
var statuses = []struct {
	kind error
	code string
}{
	{ErrDenied, "5.7.1"},
	{ErrNoMailbox, "5.1.1"},
	{ErrInvalid, "5.6.0"},
	{ErrTooLarge, "5.3.4"},
	{ErrQuota, "5.2.2"},
}

func statusOf(err error) string {
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			return s.code
		}
	}
	return "5.0.0"
}

// fileCopies does with the copies in Sent Items what the login wants. They appear
// there, under the drafts' ids, some seconds after the sending.
func (s *sender) fileCopies(ctx context.Context, m *outbox.Message) {
	if len(m.Copies) == 0 && m.Draft != "" { // of an earlier version
		m.Copies, m.Draft = []outbox.Copy{{ID: m.Draft, Marker: m.ID}}, ""
	}
	var err error
	for len(m.Copies) > 0 && err == nil {
		if err = s.fileCopy(ctx, m, m.Copies[0]); err == nil {
			m.Copies = m.Copies[1:]
		}
	}
	m.Attempts++
	switch {
	case err == nil:
		s.kept(m, m.Remove())
	case s.tasks.ctx.Err() == nil && (m.Attempts >= copyTries || isRefusal(err)):
		s.logged(m, "the copy of a sent message stays in Sent Items", "wanted", m.SentCopy, "error", err)
		s.kept(m, m.Remove())
	default:
		s.kept(m, m.Defer(time.Now().Add(2*time.Second<<min(m.Attempts, 9)), err.Error()))
	}
}

func (s *sender) fileCopy(ctx context.Context, m *outbox.Message, c outbox.Copy) error {
	ids := []MessageID{MessageID(c.ID)}
	rows, err := s.m.store.Messages(ctx, ids)
	if err == nil && len(rows) == 0 && m.Attempts >= copyTries/2 { // it may have got another id
		if ids, err = s.m.store.Marked(ctx, c.Marker, m.MessageID, RoleSent); err == nil {
			rows, err = s.m.store.Messages(ctx, ids)
		}
	}
	switch {
	case err != nil:
		return err
	case len(rows) == 0 || rows[0].Draft:
		return errors.New("the copy in Sent Items is not there yet")
	case m.SentCopy == string(SentRemove):
		return errors.Join(s.m.store.Delete(ctx, ids, DisposePermanent)...)
	}
	f, err := s.m.Folder(ctx, m.SentCopy)
	if err != nil {
		return err
	}
	for _, moved := range s.m.store.Move(ctx, ids, f.id) {
		err = errors.Join(err, moved.Err)
	}
	return err
}
