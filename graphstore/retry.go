package graphstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

const (
	// throttleTries and faultTries bound the attempts of one call; a caller
	// with a deadline usually ends sooner.
	throttleTries = 8
	faultTries    = 4
	// userTries: ErrorInvalidUser is seen for moments on good mailboxes
	// (microsoft-graph-explorer-v4#3293).
	userTries = 3
)

var errForeignLink = fmt.Errorf("link of another host: %w", bridge.ErrInvalid)

var (
	_ bridge.Store       = (*Store)(nil)
	_ bridge.UsageTeller = (*Store)(nil)
)

// Store is one mailbox in Graph. Safe for concurrent use.
type Store struct {
	c       *Client
	address string
	log     *slog.Logger
	sched   *scheduler
	user    *users.UserItemRequestBuilder

	sizeIsLong atomic.Bool // the service refused the size as Integer
	plain      atomic.Bool // and every extended property
	draftsOnly atomic.Bool // the operator was told that it makes drafts of all messages
	noMIME     atomic.Bool // and that it takes none
	importing  importing
	listings   listings
	places     places
}

// send runs k to its answer. Everything that Graph permits to be repeated is
// repeated here, and nowhere else; a call that is not idempotent comes back
// with an uncertain *Error when its answer was lost.
func (s *Store) send(ctx context.Context, k *call) (*reply, error) {
	var t tries
	for {
		r, err := s.attempt(ctx, k)
		if err == nil {
			return r, nil
		}
		var e *Error
		if !errors.As(err, &e) {
			return nil, t.because(err)
		}
		wait, again := t.next(e)
		if k.bigPage && isGatewayTimeout(e) {
			again = false
		}
		if !again {
			return nil, giveUp(e)
		}
		s.log.DebugContext(ctx, "graph request repeated", "route", k.route, "wait", wait, "error", err)
		if err := pauseFor(ctx, wait, e); err != nil {
			return nil, err
		}
	}
}

// attempt waits for its turn and makes one exchange, or a second one when the
// token was refused.
func (s *Store) attempt(ctx context.Context, k *call) (*reply, error) {
	came := time.Now()
	release, err := s.turn(ctx, k)
	if err != nil {
		return nil, err
	}
	k.waited = time.Since(came)
	r, err := s.authorized(ctx, k)
	if err != nil || r.stream == nil {
		release()
	} else {
		r.stream = &heldStream{r.stream, release} // a stream keeps its slot
	}
	var e *Error
	switch {
	case err == nil:
		s.sched.relax()
	case errors.As(err, &e) && e.throttled:
		s.throttled(ctx, e)
	}
	return r, err
}

// throttled makes the pause that the service asks for, and tells the operator once.
func (s *Store) throttled(ctx context.Context, e *Error) {
	if pause, first := s.sched.pause(e); first {
		s.log.WarnContext(ctx, "graph asks for fewer requests", "pause", pause.Round(time.Millisecond), "error", e)
	}
}

// authorized adds the token. Graph refuses a token with 401: then one new token
// is fetched (graph/resolve-auth-errors).
func (s *Store) authorized(ctx context.Context, k *call) (*reply, error) {
	if k.bare {
		return s.exchange(ctx, k, "")
	}
	for first := true; ; first = false {
		token, err := s.c.token(ctx)
		if err != nil {
			return nil, err
		}
		r, err := s.exchange(ctx, k, token)
		var e *Error
		switch refused := errors.As(err, &e) && e.Status == http.StatusUnauthorized; {
		case err == nil:
			s.c.tokens.accepted()
		case first && refused && s.c.tokens.forget(token):
			continue
		}
		return r, err
	}
}

// turn takes the slots of the mailbox, then those of the app.
func (s *Store) turn(ctx context.Context, k *call) (release func(), err error) {
	weight, cost := max(k.weight, 1), max(k.cost, 1)
	release, err = s.sched.acquire(ctx, weight, cost)
	if err != nil || s.c.app == nil {
		return release, err
	}
	releaseApp, err := s.c.app.acquire(ctx, weight, 0)
	if err != nil {
		release()
		return nil, err
	}
	return func() { releaseApp(); release() }, nil
}

// heldStream frees the slot of a streamed answer at its end or when it is
// closed, whichever comes first.
type heldStream struct {
	io.ReadCloser
	release func()
}

// Read frees the slot with the last octets: the request is over then.
func (h *heldStream) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	if err != nil {
		h.release()
	}
	return n, err
}

// Close may be called twice.
func (h *heldStream) Close() error {
	defer h.release()
	return h.ReadCloser.Close()
}

// tries counts the attempts of one call.
type tries struct {
	throttled, faults, users, conflicts int
	last                                *Error
}

// next decides whether e is worth another attempt, and after which pause.
func (t *tries) next(e *Error) (time.Duration, bool) {
	t.last = e
	switch {
	case e.uncertain || !e.transient:
		return 0, false
	case e.throttled:
		t.throttled++
		return 0, t.throttled < throttleTries // the scheduler makes the pause
	case errors.Is(e, bridge.ErrNoMailbox):
		t.users++
		return backoff(t.users-1, 400*time.Millisecond, 2*time.Second), t.users < userTries
	case isConflict(e):
		// The item changed at the same moment; a message that is gone answers
		// 404 to the second attempt (davmail#491).
		t.conflicts++
		return backoff(0, 200*time.Millisecond, time.Second), t.conflicts < 3
	}
	t.faults++
	d := backoff(t.faults-1, 300*time.Millisecond, 10*time.Second)
	if e.hasAfter {
		d = max(d, e.after)
	}
	return d, t.faults < faultTries
}

func isConflict(e *Error) bool {
	return strings.EqualFold(e.Code, "ErrorIrresolvableConflict") || e.Status == http.StatusPreconditionFailed
}

// because adds the last answer to the error of a wait that would take too long.
func (t *tries) because(err error) error {
	var wait *bridge.RetryError
	if errors.As(err, &wait) && t.last != nil {
		return &bridge.RetryError{After: wait.After, Err: t.last}
	}
	return err
}

// giveUp is the final error of a call: throttling is told as such.
func giveUp(e *Error) error {
	if e.throttled || e.hasAfter && errors.Is(e, bridge.ErrUnavailable) {
		return &bridge.RetryError{After: e.after, Err: e}
	}
	return e
}

// backoff is the n-th pause: doubled each time up to limit, with a quarter of
// jitter so that mailboxes do not come back in step.
func backoff(n int, first, limit time.Duration) time.Duration {
	d := limit
	if n < 16 {
		d = min(first<<n, limit)
	}
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}

// pauseFor waits, or returns at once what the service said if ctx ends sooner.
func pauseFor(ctx context.Context, d time.Duration, e *Error) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		if e.hasAfter {
			return &bridge.RetryError{After: e.after, Err: e}
		}
		return e
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w, after %w", context.Cause(ctx), e)
	}
}

// sameOrigin reports whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443"
}
