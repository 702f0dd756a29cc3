package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mail2graph/bridge/outbox"
)

const (
	firstSlots   = 3                // first attempts of a mailbox at once
	laterSlots   = 2                // later ones
	attemptLimit = time.Hour        // of one attempt; a stalled request ends long before
	deadPause    = 10 * time.Second // after a failure of the service as a whole, doubled up to
	maxDeadPause = 5 * time.Minute
	delayAfter   = 4 * time.Hour
	maxRetryWait = time.Hour // of what the service asks for
)

// sender sends what waits in the outbox for one mailbox.
type sender struct {
	m       *Mailbox
	address string // of the mailbox, in lower case: its name in the outbox
	spool   *outbox.Spool
	life    time.Duration // how long a message is tried
	first   time.Duration // how long a client waits for the first attempt
	delay   time.Duration // after which a sender hears of it who asked
	log     *slog.Logger
	// most is how many recipients the service takes at once, by the configuration or
	// by what it refused.
	most atomic.Int64

	tasks tasks
	slots chan struct{} // one for each first attempt
	rate  rateWindow

	mu       sync.Mutex // guards the fields below
	failures int        // of the service as a whole, in a row
	paused   time.Time  // later attempts wait until then
}

func newSender(m *Mailbox, mc MailboxConfig, spool *outbox.Spool, c SMTPConfig) *sender {
	s := &sender{
		m: m, address: strings.ToLower(mc.Address), spool: spool,
		life: cmp.Or(time.Duration(c.QueueLife), time.Duration(defaultSMTP().QueueLife)), first: time.Duration(c.FirstAttempt),
		log: m.opts.Logger.With("part", "outbox", "mailbox", m.opts.Name), slots: make(chan struct{}, firstSlots), rate: rateWindow{times: make([]time.Time, c.PerMinute)},
	}
	s.delay = min(delayAfter, s.life/2)
	s.most.Store(int64(mc.MaxRecipients))
	s.tasks.init()
	return s
}

// submit stores a message and makes a first attempt. An error says that nothing of
// it is left; with a nil error it was sent, or will be.
func (s *sender) submit(ctx context.Context, r outbox.Record, msg *io.SectionReader) (Receipt, error) {
	r.Mailbox = s.address
	m, err := s.spool.Put(ctx, r, io.NewSectionReader(msg, 0, msg.Size()), msg.Size())
	if errors.Is(err, outbox.ErrNoSpace) {
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	if err != nil {
		return Receipt{}, err
	}
	queued := Receipt{QueueID: m.ID, Queued: true}
	if s.first <= 0 {
		s.wait(m, time.Now(), "no first attempt")
		return queued, nil
	}
	if now := time.Now(); s.rate.crowded(now) && s.spool.Due(s.address, now) {
		s.wait(m, now, "others wait to be sent in this minute")
		return queued, nil
	}
	timer := time.NewTimer(s.first)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
	case <-timer.C:
		s.wait(m, time.Now(), "many messages at once")
		return queued, nil
	case <-ctx.Done():
		s.wait(m, time.Now(), "the client is gone")
		return queued, nil
	}
	w := &waiter{done: make(chan struct{})}
	if !s.tasks.start(func() {
		defer func() { <-s.slots }()
		s.attempt(s.tasks.ctx, m, w)
	}) {
		<-s.slots
		s.wait(m, time.Now(), "the bridge is stopping")
		return queued, nil
	}
	select {
	case <-w.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	if w.claim() { // before the attempt ended: whatever comes of it, the message is ours
		return queued, nil
	}
	<-w.done
	return w.receipt, w.err
}

// wait gives a message back without an attempt.
func (s *sender) wait(m *outbox.Message, next time.Time, reason string) {
	s.logged(m, "message queued", "reason", reason)
	s.kept(m, m.Defer(next, reason))
}

// waiter is the client of a first attempt. Either he or the attempt claims the
// answer: who comes second knows that the other has decided.
type waiter struct {
	claimed atomic.Bool
	done    chan struct{} // closed when receipt and err are set
	receipt Receipt
	err     error
}

func (w *waiter) claim() bool { return w != nil && w.claimed.CompareAndSwap(false, true) }

// waits reports whether the client can still be told.
func (w *waiter) waits() bool { return w != nil && !w.claimed.Load() }

// answer tells the client, if he still waits.
func (w *waiter) answer(r Receipt, err error) bool {
	if !w.claim() {
		return false
	}
	w.receipt, w.err = r, err
	close(w.done)
	return true
}

// attempt works on one message and gives it back, sent or not. w is the client who
// waits for it; nil: nobody does.
func (s *sender) attempt(ctx context.Context, m *outbox.Message, w *waiter) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	switch {
	case m.State == outbox.Doomed:
		s.cleanUp(ctx, m)
		return
	case m.Verdict != "":
		s.report(ctx, m)
		return
	case m.Relayed:
		s.tellRelayed(ctx, m)
		return
	case m.Accepted:
		s.fileCopies(ctx, m)
		return
	}
	receipt, err := s.deliver(ctx, m, w)
	s.weigh(err)
	queueID := m.ID
	switch {
	case err == nil:
		s.sent(ctx, m, receipt)
		receipt.QueueID = queueID
		w.answer(receipt, nil)
	case errors.Is(err, outbox.ErrUnknown): // it was damaged and put aside
		s.log.Error("message not sent", "queue_id", queueID, "error", err)
		w.answer(Receipt{}, fmt.Errorf("send: %w", err))
	case errors.Is(err, errDoubt):
		s.log.Warn("message held", "queue_id", queueID, "reason", err)
		m.Doubt = true
		s.kept(m, m.Hold(err.Error()))
		w.answer(Receipt{QueueID: queueID, Queued: true}, nil)
	case isRefusal(err):
		s.refused(ctx, m, w, err)
	default:
		s.failed(ctx, m, err)
		w.answer(Receipt{QueueID: queueID, Queued: true}, nil)
	}
}

// sent ends a message of which the service has taken all that it will.
func (s *sender) sent(ctx context.Context, m *outbox.Message, r Receipt) {
	s.m.tally.sent.Add(1)
	s.logged(m, "message sent", "request_id", r.RequestID, "attempts", m.Attempts+1)
	if m.SentCopy == "" { // else a copy that the client files is its own, and stays
		s.m.sent(context.WithoutCancel(ctx), m.MessageID)
	}
	m.RequestID, m.Draft, m.Submitted = r.RequestID, "", false
	m.Relayed = len(relayedTo(&m.Record)) > 0
	m.Accepted, m.Attempts = len(m.Copies) > 0 || m.Relayed, 0
	if i := slices.IndexFunc(m.Recipients, func(r outbox.Recipient) bool { return r.Verdict != "" }); i >= 0 {
		m.Verdict, m.Status = m.Recipients[i].Verdict, m.Recipients[i].Status
		s.report(ctx, m)
		return
	}
	if m.Relayed {
		s.kept(m, m.Defer(time.Now(), "sent; the report of success"))
		return
	}
	if m.Accepted {
		s.kept(m, m.Save())
		s.fileCopies(ctx, m)
		return
	}
	s.kept(m, m.Remove())
}

// refused ends a message that the service refuses for good: the client is told,
// or if he has been told otherwise, the sender gets a report.
func (s *sender) refused(ctx context.Context, m *outbox.Message, w *waiter, err error) {
	if w.claim() {
		s.m.tally.refused.Add(1)
		s.logged(m, "message refused", "error", err)
		if m.Draft != "" || m.Stray {
			s.kept(m, m.Doom(time.Now().Add(time.Minute), err.Error()))
		} else {
			s.kept(m, m.Remove())
		}
		w.err = err
		close(w.done)
		return
	}
	m.Verdict, m.Status = err.Error(), statusOf(err)
	s.logged(m, "message given up", "error", err)
	s.report(ctx, m)
}

// failed gives a message back for another try, or gives it up.
func (s *sender) failed(ctx context.Context, m *outbox.Message, err error) {
	now := time.Now()
	if s.tasks.ctx.Err() != nil {
		s.kept(m, m.Defer(now, m.Reason)) // the attempt was cut short by the end of the process
		return
	}
	pause := s.pauseAfter(m, err)
	if _, open := errors.AsType[*unsettled](err); !open && now.Add(pause).Sub(m.Received) > s.life {
		m.Verdict, m.Status = "not delivered in time; the last error was: "+err.Error(), "4.4.7"
		if m.Submitted {
			m.Verdict = "it may have been sent, but the service does not tell; the last error was: " + err.Error()
		}
		s.logged(m, "message given up", "error", err)
		s.report(ctx, m)
		return
	}
	s.tellDelayed(ctx, m, err)
	s.m.tally.deferred.Add(1)
	s.logged(m, "message deferred", "next", pause.Round(time.Second), "attempts", m.Attempts, "error", err)
	next := now.Add(pause)
	if errors.Is(err, errRate) {
		next = cmp.Or(m.Next, m.Received) // it keeps its place among those that wait
	}
	s.kept(m, m.Defer(next, err.Error()))
}

var errRate = errors.New("as many messages as one minute may have were sent from this mailbox")

// pauseAfter counts an attempt and returns how long the next one is to wait.
func (s *sender) pauseAfter(m *outbox.Message, err error) time.Duration {
	if errors.Is(err, errRate) {
		r, _ := errors.AsType[*RetryError](err)
		return r.After // no attempt was made
	}
	m.Last = time.Now().UTC()
	if u, ok := errors.AsType[*unsettled](err); ok {
		return u.after
	}
	m.Attempts++
	pause := outbox.Pause(m.Attempts)
	if r, ok := errors.AsType[*RetryError](err); ok && r.After > 0 {
		pause = min(max(r.After, 5*time.Second), maxRetryWait)
	}
	return pause
}

// cleanUp removes what a deleted message left at the service.
func (s *sender) cleanUp(ctx context.Context, m *outbox.Message) {
	d := &delivery{store: s.m.store, draft: MessageID(m.Draft)}
	err := d.discard(ctx)
	if err == nil && m.Stray {
		err = sweep(ctx, s.m.store, m.Marker(), m.MessageID, "")
	}
	if err == nil || time.Since(m.Received) > s.life {
		s.logged(m, "deleted message removed", "error", err)
		s.kept(m, m.Remove())
		return
	}
	m.Draft = string(d.draft)
	m.Attempts++
	s.kept(m, m.Doom(time.Now().Add(outbox.Pause(m.Attempts)), err.Error()))
}

// kept reports a record that could not be written. The message goes on as its
// last record says.
func (s *sender) kept(m *outbox.Message, err error) {
	if err != nil {
		s.log.Error("outbox", "queue_id", m.ID, "error", err)
	}
}

// logged writes the line of a state change.
func (s *sender) logged(m *outbox.Message, text string, attrs ...any) {
	s.log.Info(text, append([]any{"queue_id", m.ID, "login", m.Login, "size", m.Size, "recipients", len(m.Recipients)}, attrs...)...)
}

// run sends what is due until ctx ends and waits for all attempts.
func (s *sender) run(ctx context.Context) {
	defer context.AfterFunc(ctx, s.tasks.cancel)()
	later := make(chan struct{}, laterSlots)
	for {
		select {
		case <-ctx.Done():
			s.tasks.wait()
			return
		case later <- struct{}{}:
		}
		m := s.next(ctx)
		if m == nil || !s.tasks.start(func() {
			defer func() { <-later }()
			s.attempt(WithBackground(s.tasks.ctx), m, nil)
		}) {
			if m != nil {
				s.kept(m, m.Defer(time.Now(), m.Reason))
			}
			<-later
		}
	}
}

// next waits for a message that is due; nil when ctx ends first.
func (s *sender) next(ctx context.Context) *outbox.Message {
	wake := s.spool.Wake(s.address)
	for ctx.Err() == nil {
		wait := s.holdOff(time.Now())
		if wait <= 0 {
			var m *outbox.Message
			var err error
			if m, wait, err = s.spool.Take(s.address, time.Now()); m != nil {
				return m
			}
			if err != nil {
				s.log.Error("outbox not read", "error", err)
				wait = time.Minute
			}
		}
		if wait < 0 {
			wait = time.Hour
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// holdOff returns how long no message can be sent whichever it is.
func (s *sender) holdOff(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.paused.Sub(now), s.rate.wait(now))
}

// weigh learns from an attempt whether the service as a whole fails: then the
// messages behind wait, instead of failing one by one.
func (s *sender) weigh(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	retry, throttled := errors.AsType[*RetryError](err)
	switch {
	case errors.Is(err, errRate):
	case err == nil || isRefusal(err):
		s.failures, s.paused = 0, time.Time{}
	case throttled || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCredentials):
		pause := min(deadPause<<min(s.failures, 10), maxDeadPause)
		if throttled && retry.After > 0 {
			pause = min(retry.After, maxRetryWait)
		}
		s.failures++
		s.paused = time.Now().Add(pause)
	}
}
