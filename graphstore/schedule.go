package graphstore

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"mail2graph/bridge"
)

const (
	// Graph runs 4 requests of an app on a mailbox at once and frees a slot a
	// little after its answer (graph/throttling-limits): three in flight, and
	// one of them always left for somebody who waits.
	mailboxSlots    = 3
	backgroundSlots = 2

	// 10,000 requests in 10 minutes, app and mailbox (graph/throttling-limits).
	// Background work leaves a fifth of it. What somebody waits for is not held
	// back by our own count: the service refuses what is too much, and says for
	// how long.
	budgetWindow     = 10 * time.Minute
	serviceBudget    = 10_000
	budgetLimit      = math.MaxInt
	budgetBackground = serviceBudget * 4 / 5

	heavyPatience = 2 * time.Second

	// quietAfter is how long a refusal is the same story as the one before.
	quietAfter = 5 * time.Minute
)

// scheduler decides when a request may start. Interactive requests go before
// background ones, and the order of arrival holds within each.
type scheduler struct {
	slots      int
	background int // slots that background work may fill

	// mu guards what follows.
	mu        sync.Mutex
	busy      int
	busyBack  int
	queue     [2][]*waiter // interactive, background
	paused    time.Time    // nothing starts before
	lastErr   error        // the refusal behind paused
	refusedAt time.Time    // when the last of them came
	strikes   int          // refusals without Retry-After in a row
	throttles int64        // refusals since the start
	spent     budget
	timer     *time.Timer
}

type waiter struct {
	weight   int
	cost     int
	since    time.Time
	deadline time.Time // of its caller, or of its patience; zero: none
	ready    chan struct{}
	err      error // why it may not start; set before ready is closed
}

func newScheduler(slots, background int) *scheduler {
	return &scheduler{slots: slots, background: background}
}

// patience is how long a pause of the service may be for somebody who waits without a
// deadline: mail programs give up after two minutes or so, and shall hear the reason.
// bridge.WithPatience makes it longer.
const patience = 100 * time.Second

// acquire waits for weight slots and room for cost requests, and returns the
// function that frees the slots. Where the wait is known to outlast ctx it
// returns a *bridge.RetryError at once.
func (s *scheduler) acquire(ctx context.Context, weight, cost int) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	class := 0
	if bridge.IsBackground(ctx) {
		class = 1
	}
	w := &waiter{weight: min(weight, s.slots), cost: cost, since: time.Now(), ready: make(chan struct{})}
	var limited bool
	if w.deadline, limited = ctx.Deadline(); !limited && class == 0 {
		w.deadline = w.since.Add(max(patience, bridge.Patience(ctx)))
	}
	s.mu.Lock()
	s.queue[class] = append(s.queue[class], w)
	s.grant()
	s.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		if s.abandon(class, w) {
			return nil, s.because(context.Cause(ctx))
		}
		<-w.ready // granted or refused meanwhile
	}
	if w.err != nil {
		return nil, w.err
	}
	return sync.OnceFunc(func() { s.release(class, w.weight) }), nil
}

// because adds to the end of a wait what the service had said that made it long: a
// caller without a deadline gives up for reasons of its own.
func (s *scheduler) because(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := time.Until(s.paused)
	if left <= 0 || s.lastErr == nil {
		return err
	}
	return fmt.Errorf("%w, after %w", err, &bridge.RetryError{After: left, Err: s.lastErr})
}

// abandon takes w out of the queue and reports whether it was still there.
func (s *scheduler) abandon(class int, w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue[class], w)
	if i < 0 {
		return false
	}
	s.queue[class] = slices.Delete(s.queue[class], i, i+1)
	s.grant() // a heavy waiter may have stood in the way of light ones
	return true
}

func (s *scheduler) release(class, weight int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy -= weight
	if class == 1 {
		s.busyBack -= weight
	}
	s.grant()
}

// grant starts what may start, refuses what cannot start in time, and sets the
// timer for the rest. Called with mu held.
func (s *scheduler) grant() {
	now := time.Now()
	if s.paused.After(now) {
		for class := range s.queue {
			s.refuse(class, s.paused, now)
		}
		s.wake(s.paused, now)
		return
	}
	limits := [2]int{budgetLimit, budgetBackground}
	var next time.Time
	for class := range s.queue {
		for len(s.queue[class]) > 0 {
			w := s.queue[class][0]
			if at := s.spent.earliest(now, w.cost, limits[class]); at.After(now) {
				s.refuse(class, at, now)
				next = at
				break
			}
			if !s.fits(class, w, now) {
				if at := w.since.Add(heavyPatience); w.weight > 1 && at.After(now) {
					next = at
				}
				break
			}
			s.start(class, w, now)
		}
		if len(s.queue[class]) > 0 {
			break // nothing of lower rank overtakes
		}
	}
	s.wake(next, now)
}

func (s *scheduler) start(class int, w *waiter, now time.Time) {
	s.queue[class] = s.queue[class][1:]
	s.busy += w.weight
	if class == 1 {
		s.busyBack += w.weight
	}
	s.spent.add(now, w.cost)
	close(w.ready)
}

// fits reports whether w may start. A request of several slots that has waited
// for a while takes a single one: a long stream must not hold up everybody behind
// it, and a step that is refused for it is repeated.
func (s *scheduler) fits(class int, w *waiter, now time.Time) bool {
	weight := w.weight
	if now.Sub(w.since) >= heavyPatience {
		weight = 1
	}
	if s.busy+weight > s.slots {
		return false
	}
	return class == 0 || s.busyBack+weight <= max(s.background, weight)
}

// refuse answers the waiters whose time ends before the queue moves again.
func (s *scheduler) refuse(class int, at, now time.Time) {
	s.queue[class] = slices.DeleteFunc(s.queue[class], func(w *waiter) bool {
		if w.deadline.IsZero() || !w.deadline.Before(at) {
			return false
		}
		cause := s.lastErr
		if cause == nil {
			cause = bridge.ErrUnavailable // the budget, not a refusal
		}
		w.err = &bridge.RetryError{After: at.Sub(now), Err: cause}
		close(w.ready)
		return true
	})
}

func (s *scheduler) wake(at, now time.Time) {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if at.IsZero() || len(s.queue[0])+len(s.queue[1]) == 0 {
		return
	}
	s.timer = time.AfterFunc(at.Sub(now), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.grant()
	})
}

// pause lets nothing start for the time the service asked for, or for a growing
// time where it gave none (graph/throttling). It returns for how long, and whether
// this is the first refusal for a while.
func (s *scheduler) pause(e *Error) (d time.Duration, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttles++
	now := time.Now()
	first = now.Sub(s.refusedAt) > quietAfter
	s.refusedAt = now
	if d = e.after; !e.hasAfter {
		d = backoff(s.strikes, time.Second, time.Minute)
		s.strikes++
	}
	if at := now.Add(d); at.After(s.paused) {
		s.paused, s.lastErr = at, e
	}
	s.grant()
	return d, first
}

// relax notes an answer that was no refusal.
func (s *scheduler) relax() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strikes = 0
}

// budget counts requests in a sliding window, in steps.
type budget struct {
	steps []budgetCount // oldest first
	sum   int
}

type budgetCount struct {
	start time.Time
	n     int
}

const budgetStep = budgetWindow / 20

func (c budgetCount) end() time.Time { return c.start.Add(budgetWindow + budgetStep) }

// expire forgets the steps that have left the window.
func (b *budget) expire(now time.Time) {
	for len(b.steps) > 0 && !now.Before(b.steps[0].end()) {
		b.sum -= b.steps[0].n
		b.steps = b.steps[1:]
	}
}

func (b *budget) add(now time.Time, n int) {
	b.expire(now)
	b.sum += n
	if last := len(b.steps) - 1; last >= 0 && now.Sub(b.steps[last].start) < budgetStep {
		b.steps[last].n += n
		return
	}
	b.steps = append(b.steps, budgetCount{now, n})
}

// earliest returns when n more requests stay within limit: now, or the end of
// the step that has to leave first.
func (b *budget) earliest(now time.Time, n, limit int) time.Time {
	b.expire(now)
	left := b.sum
	for i := 0; i < len(b.steps) && left+n > limit; i++ {
		left -= b.steps[i].n
		if left+n <= limit || i == len(b.steps)-1 {
			return b.steps[i].end()
		}
	}
	return now
}
