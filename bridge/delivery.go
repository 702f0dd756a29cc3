package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	createTries = 3                // CreateDrafts of one attempt, when answers are lost
	sendTries   = 3                // SendDrafts of one attempt
	lookFor     = 30 * time.Second // for what became of a request without an answer
	lookPauses  = 3                // of one attempt: 1, 2 and 4 seconds
	// settle is how long after SendDraft what is still a draft may yet go out: the
	// service moves it some seconds after it has taken it.
	settle = 20 * time.Second
	// copyBy is how long the copy in Sent Items may take to appear.
	copyBy = 15 * time.Minute
)

// delivery is one attempt to send a message: create a draft, note its id, send
// it by that id. Whatever is lost on the way, the id tells what happened before
// anything is repeated, and a draft can be sent only once.
type delivery struct {
	store     Store
	out       Outgoing
	draft     MessageID // "": there is none yet
	submitted bool      // SendDraft may have been called for draft
	asked     time.Time // when it was, the last time
	stray     bool      // a draft may exist whose id nobody knows
	direct    bool      // nobody will come back to it: no uncertainty and no draft shall remain
	// save makes draft, submitted and asked last before the next step. nil: they need
	// not.
	save func() error
}

var (
	// errDoubt: the draft is gone, and nothing shows that it was sent.
	errDoubt    = errors.New("it is not known whether this message was sent: its draft is gone, and no copy of it is in Sent Items")
	errVanished = errors.New("the draft vanished before it was sent")
)

// unsettled says that it will show later whether a message went out.
type unsettled struct {
	after time.Duration
	err   error
}

func (e *unsettled) Error() string {
	return "whether it was sent will show in " + e.after.Round(time.Second).String() + ": " + e.err.Error()
}

func (e *unsettled) Unwrap() error { return e.err }

// run sends the message. An error for which isRefusal holds is final, and no draft
// is left; after any other one another run may go on from draft, submitted and asked.
func (d *delivery) run(ctx context.Context) (Receipt, error) {
	if d.submitted {
		if sent, err := d.resolve(ctx); sent || err != nil {
			return Receipt{}, err
		}
	}
	for try := 1; ; try++ {
		if err := d.prepare(ctx); err != nil {
			return Receipt{}, d.tidied(ctx, err)
		}
		receipt, err := d.store.SendDraft(ctx, d.draft)
		if err == nil {
			return receipt, nil
		}
		sent, err := d.examine(ctx, err)
		switch {
		case sent:
			return Receipt{}, nil
		case isRefusal(err):
			return Receipt{}, errors.Join(err, d.discard(ctx))
		case try < sendTries && ctx.Err() == nil && (d.direct || errors.Is(err, errVanished)):
			continue
		}
		return Receipt{}, d.tidied(ctx, err)
	}
}

// SendNow sends a message while the caller waits, and leaves nothing to be done
// later: neither a draft nor, as far as the service answers, a doubt.
func SendNow(ctx context.Context, store Store, m Outgoing) (Receipt, error) {
	d := &delivery{store: store, out: m, direct: true}
	receipt, err := d.run(ctx)
	if d.stray {
		_ = d.sweep(ctx) // a draft that stays is no reason to fail what was sent
	}
	return receipt, err
}

// tidied removes the draft of a message that nobody will come back to.
func (d *delivery) tidied(ctx context.Context, err error) error {
	if d.direct {
		err = errors.Join(err, d.discard(ctx))
	}
	return err
}

// prepare makes the draft and notes that it is about to be sent.
func (d *delivery) prepare(ctx context.Context) error {
	for try := 1; d.draft == ""; try++ {
		id, err := d.store.CreateDraft(ctx, d.out)
		if err == nil {
			d.draft = id
			break
		}
		if may, said := mayHaveHappened(err); !may {
			return fmt.Errorf("create draft: %w", err)
		} else if d.stray, d.out.Again = true, true; !said || try == createTries || !pause(ctx, time.Duration(try)*time.Second) {
			return transient(fmt.Errorf("create draft: %w", err))
		}
	}
	if d.submitted {
		return nil
	}
	d.submitted, d.asked = true, time.Now()
	return d.note()
}

func (d *delivery) note() error {
	if d.save == nil {
		return nil
	}
	return transient(d.save())
}

// examine finds out what became of a draft after SendDraft failed with err. The
// error is a refusal only where the message certainly did not go out.
func (d *delivery) examine(ctx context.Context, err error) (sent bool, _ error) {
	if ctx.Err() != nil && !d.direct {
		return false, transient(err) // the next run begins with a look
	}
	doubt, _ := mayHaveHappened(err)
	refused := !doubt && isRefusal(err)
	err = fmt.Errorf("send: %w", err)
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer cancel()
	wait := time.Second
	for n := 0; ; n++ {
		state, lookErr := d.store.DraftState(look, d.draft)
		if state == DraftGone && lookErr == nil && doubt {
			state, lookErr = d.copied(look)
		}
		switch {
		case lookErr != nil:
			return false, transient(fmt.Errorf("%w (and looking for it: %v)", err, lookErr))
		case state == DraftSent:
			return true, nil
		case refused:
			return false, err
		case state == DraftGone && !doubt:
			// It was not there to be sent: somebody deleted it.
			d.draft, d.submitted, d.out.Again = "", false, true
			return false, errors.Join(transient(errVanished), d.note())
		case !doubt:
			d.submitted = false
			return false, transient(err)
		case d.direct && time.Since(d.asked) >= settle: // nobody can wait any longer
			d.submitted = false
			return state == DraftGone, transient(err)
		case n == lookPauses && !d.direct:
			return false, transient(&unsettled{settle, err})
		}
		if !pause(look, wait) { // submission takes a moment
			return false, transient(err)
		}
		wait = min(2*wait, 4*time.Second)
	}
}

// resolve finds out what became of a draft that an earlier run may have sent.
// Without an error and not sent, it waits to be sent.
func (d *delivery) resolve(ctx context.Context) (sent bool, _ error) {
	state, err := d.store.DraftState(ctx, d.draft)
	if err == nil && state == DraftGone {
		state, err = d.copied(ctx)
	}
	if err != nil {
		return false, transient(fmt.Errorf("look for the draft: %w", err))
	}
	since := time.Since(d.asked)
	if since < 0 { // the clock was set back
		d.asked, since = time.Now(), 0
	}
	switch {
	case state == DraftSent:
		return true, nil
	case state == DraftGone && since < copyBy:
		return false, transient(&unsettled{min(max(since, settle), 5*time.Minute), errors.New("its copy is not in Sent Items yet")})
	case state == DraftGone:
		return false, transient(errDoubt)
	case since < settle:
		return false, transient(&unsettled{settle - since, errors.New("it is still a draft")})
	}
	d.submitted = false
	return false, nil
}

// copied looks for the copy in Sent Items of a draft that is gone: a service may
// give it another id.
func (d *delivery) copied(ctx context.Context) (DraftState, error) {
	ids, err := d.store.Marked(ctx, d.out.Marker, d.messageID(), RoleSent)
	if err == nil && len(ids) > 0 {
		return DraftSent, nil
	}
	return DraftGone, err
}

func (d *delivery) messageID() string {
	if d.out.Parts == nil || d.out.Parts.Envelope == nil {
		return ""
	}
	return d.out.Parts.Envelope.MessageID
}

// discard removes a draft that was not sent.
func (d *delivery) discard(ctx context.Context) error {
	if d.draft == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer cancel()
	state, err := d.store.DraftState(ctx, d.draft)
	if err == nil && state == DraftWaits {
		err = d.store.Delete(ctx, []MessageID{d.draft}, DisposePermanent)[0]
	}
	if err != nil {
		return &draftLeft{d.draft, err}
	}
	d.draft, d.submitted = "", false
	return nil
}

// sweep removes the drafts besides d.draft that lost answers of CreateDraft left.
func (d *delivery) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer cancel()
	return sweep(ctx, d.store, d.out.Marker, d.messageID(), d.draft)
}

func sweep(ctx context.Context, store Store, marker, messageID string, except MessageID) error {
	ids, err := store.Marked(ctx, marker, messageID, RoleDrafts)
	for _, id := range ids {
		if id != except {
			err = errors.Join(err, store.Delete(ctx, []MessageID{id}, DisposePermanent)[0])
		}
	}
	return err
}

// pause waits, and reports false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// draftLeft says that a draft that must not be sent is still in the mailbox.
type draftLeft struct {
	id  MessageID
	err error
}

func (e *draftLeft) Error() string { return fmt.Sprintf("a draft stays in the mailbox: %v", e.err) }

// isRefusal reports whether the service will never take this message, as far as
// can be known. What depends on the state of the service, of this host or of the
// application's credentials may pass.
func isRefusal(err error) bool {
	if _, passing := errors.AsType[*passingError](err); err == nil || passing {
		return false
	}
	if _, throttled := errors.AsType[*RetryError](err); throttled {
		return false
	}
	for _, kind := range []error{ErrUnavailable, ErrCredentials, ErrNoSpace, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return false
		}
	}
	for _, kind := range []error{ErrDenied, ErrNoMailbox, ErrInvalid, ErrTooLarge, ErrQuota} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// passingError is an error that may pass, whatever it wraps.
type passingError struct{ error }

func (e *passingError) Unwrap() error { return e.error }

func transient(err error) error {
	if err == nil {
		return nil
	}
	return &passingError{err}
}
