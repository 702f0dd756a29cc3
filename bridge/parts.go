package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"mail2graph/bridge/envelope"
	"mail2graph/bridge/mimepart"
	"mail2graph/bridge/outbox"
)

// deliver sends what is left of a message: in one piece, or in parts where it has
// more recipients than the service takes at once. What becomes of each part lasts
// before the next one begins. With an error that is a refusal nothing was sent to
// anybody; a later part that is refused is its recipients' Verdict instead.
func (s *sender) deliver(ctx context.Context, m *outbox.Message, w *waiter) (receipt Receipt, err error) {
	if wait := s.rate.wait(time.Now()); wait > 0 {
		return Receipt{}, &RetryError{After: wait, Err: errRate}
	}
	text, err := m.Open()
	if err != nil {
		return Receipt{}, err
	}
	defer text.Close()
	for m.Done < len(m.Recipients) {
		one, err := s.deliverPart(ctx, m, text.SectionReader, w == nil)
		_, tooMany := errors.AsType[*RecipientsError](err)
		switch {
		case err == nil:
			receipt = one
			if m.SentCopy != "" && m.Draft != "" {
				m.Copies = append(m.Copies, outbox.Copy{ID: m.Draft, Marker: m.Marker()})
			}
		case tooMany && m.Part > 1 && m.Draft == "":
			s.learn(m, m.Part/2)
			m.Part = 0
			continue
		case isRefusal(err) && m.Draft == "" && !m.Whole() && (m.Done > 0 || !w.waits()):
			for i := range m.Part {
				r := &m.Recipients[m.Done+i]
				r.Verdict, r.Status = err.Error(), statusOf(err)
			}
			s.logged(m, "part of a message refused", "part", m.Part, "error", err)
		default:
			if m.Done > 0 {
				err = transient(err) // it cannot be taken back as a whole any more
			}
			return Receipt{}, err
		}
		m.Done += m.Part
		m.Draft, m.Submitted, m.Part = "", false, 0
		if m.Done < len(m.Recipients) {
			s.kept(m, m.Save())
		}
	}
	return receipt, nil
}

// deliverPart runs the sending protocol for the recipients that are next, from
// where the record says that it stands.
func (s *sender) deliverPart(ctx context.Context, m *outbox.Message, text *io.SectionReader, again bool) (Receipt, error) {
	if wait := s.rate.admit(time.Now()); wait > 0 {
		return Receipt{}, &RetryError{After: wait, Err: errRate}
	}
	left := len(m.Recipients) - m.Done
	if m.Draft == "" {
		m.Part = left
		if most := int(s.most.Load()); most > 0 {
			m.Part = min(left, most)
		}
	} else if m.Part == 0 {
		m.Part = left
	}
	rcpts := m.Waiting()
	if !m.Whole() {
		part, err := envelope.Rewrite(text, rcpts, envelope.Options{Policy: envelope.Strict})
		if err != nil {
			return Receipt{}, sendError(err)
		}
		text = part.Message
	}
	root, err := mimepart.Parse(io.NewSectionReader(text, 0, text.Size()))
	if err != nil {
		return Receipt{}, fmt.Errorf("read message: %w", err)
	}
	d := &delivery{
		store: s.m.store, draft: MessageID(m.Draft), submitted: m.Submitted, asked: m.Asked, stray: m.Stray,
		out: Outgoing{From: m.From, Recipients: rcpts, MIME: text, Parts: root, Marker: m.Marker(), Again: again, KeepSigned: m.KeepSigned, KeepDKIM: m.KeepDKIM},
	}
	note := func() { m.Draft, m.Submitted, m.Asked, m.Stray = string(d.draft), d.submitted, d.asked, d.stray }
	d.save = func() error { note(); return m.Save() }
	receipt, err := d.run(ctx)
	if d.stray && (err == nil || isRefusal(err)) {
		if sweepErr := d.sweep(ctx); sweepErr != nil {
			s.log.Warn("drafts of a message may stay in the mailbox", "queue_id", m.ID, "error", sweepErr)
		} else {
			d.stray = false
		}
	}
	note()
	return receipt, err
}

// learn notes how many recipients the service takes.
func (s *sender) learn(m *outbox.Message, most int) {
	if now := s.most.Load(); now == 0 || int64(most) < now {
		s.most.Store(int64(most))
	}
	s.log.Warn("fewer recipients at once are taken than configured; see max_recipients", "mailbox", s.address, "queue_id", m.ID, "now", most)
}
