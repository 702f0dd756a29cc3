package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mail2graph/bridge/outbox"
)

// notice is a kind of delivery status notification (RFC 3464 §2.3.3).
type notice struct {
	action  string // and the subject and first words that go with it
	subject string
	before  string // the recipients
	after   string
}

var (
	noticeFailed = notice{"failed", "Undelivered mail returned to sender",
		"could not be delivered to", "and is not tried any more."}
	noticeDelayed = notice{"delayed", "Delayed mail",
		"could not be delivered yet to", "and is tried again: nothing has to be done."}
	// Exchange Online tells nobody whether a message arrived, so it was relayed
	// (RFC 3461 §6.2.2), not delivered.
	noticeRelayed = notice{"relayed", "Mail handed over",
		"was taken by Exchange Online for", "which from there on tells no success, and failures on its own."}
)

// asked returns the recipients of whom the sender wants to hear in a case: SUCCESS,
// FAILURE or DELAY (RFC 3461 §4.1). Who did not say hears of failures alone.
func asked(all []outbox.Recipient, what string) []outbox.Recipient {
	var out []outbox.Recipient
	for _, r := range all {
		if r.Notify == "" && what == "FAILURE" || strings.Contains(strings.ToUpper(r.Notify), what) {
			out = append(out, r)
		}
	}
	return out
}

// relayedTo are the recipients of a message that was sent whose success is to be
// told; none where the sender is the null sender.
func relayedTo(r *outbox.Record) []outbox.Recipient {
	if r.From == "" {
		return nil
	}
	var taken []outbox.Recipient
	for _, rcpt := range r.Recipients {
		if rcpt.Verdict == "" {
			taken = append(taken, rcpt)
		}
	}
	return asked(taken, "SUCCESS")
}

// tellRelayed files the report of a success, and goes on with what is left to do.
func (s *sender) tellRelayed(ctx context.Context, m *outbox.Message) {
	rcpts := relayedTo(&m.Record)
	err := s.fileReport(ctx, m, noticeRelayed, "", rcpts)
	switch {
	case err == nil:
		s.logged(m, "success reported to the sender", "reported", len(rcpts))
	case s.tasks.ctx.Err() != nil:
		s.kept(m, m.Defer(time.Now(), m.Reason))
		return
	case errors.Is(err, outbox.ErrUnknown): // it was damaged and put aside; it is sent
		s.log.Error("success not reported", "queue_id", m.ID, "error", err)
		return
	case time.Since(m.Received) < s.life+reportFor:
		m.Reports++
		pause := outbox.Pause(m.Reports)
		s.logged(m, "report not filed", "next", pause.Round(time.Second), "error", err)
		s.kept(m, m.Defer(time.Now().Add(pause), "sent; the report of success could not be filed: "+err.Error()))
		return
	default:
		s.logged(m, "success not reported", "error", err)
	}
	m.Relayed, m.Attempts = false, 0
	if len(m.Copies) == 0 {
		s.kept(m, m.Remove())
		return
	}
	s.kept(m, m.Save())
	s.fileCopies(ctx, m)
}

// delayReportLimit bounds the filing of a report that is not worth to wait for.
const delayReportLimit = 30 * time.Second

// tellDelayed files, once, the report of a delay, should its sender have asked for
// one. Mostly the service is away then and takes no report either: the next failure
// is another occasion.
func (s *sender) tellDelayed(ctx context.Context, m *outbox.Message, reason error) {
	rcpts := asked(m.Undelivered(), "DELAY")
	if m.Delayed || m.From == "" || len(rcpts) == 0 || time.Since(m.Received) < s.delay {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, delayReportLimit)
	defer cancel()
	if err := s.fileReport(ctx, m, noticeDelayed, reason.Error(), rcpts); err != nil {
		s.logged(m, "delay not reported", "error", err)
		return
	}
	m.Delayed = true // with the record of the failure
	s.logged(m, "delay reported to the sender", "reported", len(rcpts))
}

// typedAddress writes an address with its type, in ASCII (RFC 6533 §3).
func typedAddress(kind, address string) string {
	ascii := !strings.ContainsFunc(address, func(r rune) bool { return r >= 0x80 })
	if strings.EqualFold(kind, "rfc822") && !ascii {
		kind = "utf-8"
	}
	if !strings.EqualFold(kind, "utf-8") {
		return kind + "; " + address
	}
	var b strings.Builder
	for _, r := range address {
		if r > ' ' && r < 0x7f && r != '+' && r != '=' && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		}
	}
	return kind + "; " + b.String()
}
