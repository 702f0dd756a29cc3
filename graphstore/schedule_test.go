package graphstore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// occupy takes n slots and returns what frees them.
func occupy(t *testing.T, s *scheduler, n int) []func() {
	t.Helper()
	var release []func()
	for range n {
		r, err := s.acquire(t.Context(), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		release = append(release, r)
	}
	return release
}

func TestSchedulerOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(mailboxSlots, backgroundSlots)
		release := occupy(t, s, 3)
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		wait := func(name string, ctx context.Context) {
			wg.Go(func() {
				free, err := s.acquire(ctx, 1, 1)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				synctest.Wait()
				free()
			})
			synctest.Wait()
		}
		back := bridge.WithBackground(t.Context())
		wait("back 1", back)
		wait("back 2", back)
		wait("front 1", t.Context())
		wait("front 2", t.Context())
		release[0]()
		wg.Wait()
		want := []string{"front 1", "front 2", "back 1", "back 2"}
		for i := range want {
			if order[i] != want[i] {
				t.Fatalf("order %q, want %q", order, want)
			}
		}
	})
}

func TestSchedulerKeepsASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(mailboxSlots, backgroundSlots)
		back := bridge.WithBackground(t.Context())
		for range 2 {
			if _, err := s.acquire(back, 1, 1); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(back, time.Minute)
		defer cancel()
		if _, err := s.acquire(ctx, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third background request: %v, want it to wait until its deadline", err)
		}
		start := time.Now()
		if _, err := s.acquire(t.Context(), 1, 1); err != nil || time.Since(start) != 0 {
			t.Errorf("interactive request: %v after %v, want it at once", err, time.Since(start))
		}
	})
}

func TestSchedulerPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(mailboxSlots, backgroundSlots)
		refusal := &Error{Op: "GET /x", Status: 429, kind: bridge.ErrUnavailable, after: 2500 * time.Millisecond, hasAfter: true}
		s.pause(refusal)
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		_, err := s.acquire(short, 1, 1)
		var wait *bridge.RetryError
		if !errors.As(err, &wait) || wait.After != 2500*time.Millisecond || !errors.Is(err, refusal) {
			t.Errorf("with a deadline before the end of the pause: %v, want a RetryError of 2.5s", err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("refused after %v, want at once", d)
		}
		if _, err := s.acquire(t.Context(), 1, 1); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got != 2500*time.Millisecond {
			t.Errorf("started after %v, want 2.5s", got)
		}
	})
}

// TestSchedulerLongPause: a caller without a deadline is not made to wait for longer
// than anybody would, and who leaves during a pause is told of it.
func TestSchedulerLongPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(1, 1)
		refusal := &Error{Op: "GET /x", Status: 429, kind: bridge.ErrUnavailable, after: 99 * time.Second, hasAfter: true}
		s.pause(refusal)
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error)
		go func() {
			_, err := s.acquire(ctx, 1, 1)
			done <- err
		}()
		<-time.After(time.Second)
		leave := errors.New("no patience")
		cancel(leave)
		var wait *bridge.RetryError
		if err := <-done; !errors.Is(err, leave) || !errors.Is(err, refusal) || !errors.As(err, &wait) || wait.After != 98*time.Second {
			t.Errorf("who left got %v, want his reason and a RetryError of 98s", err)
		}
		refusal.after = 10 * time.Minute
		s.pause(refusal)
		start := time.Now()
		if _, err := s.acquire(t.Context(), 1, 1); !errors.As(err, &wait) || wait.After != 10*time.Minute {
			t.Errorf("got %v, want a RetryError of ten minutes", err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("refused after %v, want at once", d)
		}
		if _, err := s.acquire(bridge.WithPatience(t.Context(), 12*time.Minute), 1, 1); err != nil || time.Since(start) != 10*time.Minute {
			t.Errorf("with patience %v after %v, want a start after ten minutes", err, time.Since(start))
		}
	})
}

// TestSchedulerPauseRefusesWaiters: who waits already learns of a pause that is
// too long for him when it begins.
func TestSchedulerPauseRefusesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(1, 1)
		release := occupy(t, s, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		done := make(chan error)
		go func() {
			_, err := s.acquire(ctx, 1, 1)
			done <- err
		}()
		synctest.Wait()
		s.pause(&Error{after: time.Minute, hasAfter: true, kind: bridge.ErrUnavailable})
		release[0]()
		var wait *bridge.RetryError
		if err := <-done; !errors.As(err, &wait) {
			t.Errorf("got %v, want a RetryError", err)
		}
	})
}

func TestSchedulerBacksOffWithoutRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(1, 1)
		var last time.Duration
		for i := range 8 {
			s.pause(&Error{kind: bridge.ErrUnavailable})
			start := time.Now()
			release := occupy(t, s, 1)
			got := time.Since(start)
			full := min(time.Second<<i, time.Minute)
			if got > full || got < full*3/4 {
				t.Errorf("pause %d: %v, want %v less up to a quarter", i, got, full)
			}
			release[0]()
			last = got
		}
		s.relax()
		s.pause(&Error{kind: bridge.ErrUnavailable})
		start := time.Now()
		occupy(t, s, 1)
		if got := time.Since(start); got > time.Second || got >= last {
			t.Errorf("first pause after a success: %v, want a second at most", got)
		}
	})
}

func TestSchedulerBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(mailboxSlots, backgroundSlots)
		spend := func(ctx context.Context, n int) time.Duration {
			start := time.Now()
			free, err := s.acquire(ctx, 1, n)
			if err != nil {
				t.Fatal(err)
			}
			free()
			return time.Since(start)
		}
		back := bridge.WithBackground(t.Context())
		for range budgetBackground / 20 {
			if d := spend(back, 20); d != 0 {
				t.Fatalf("waited %v within the budget", d)
			}
		}
		if d := spend(t.Context(), 20); d != 0 {
			t.Errorf("interactive work waited %v while background work has to", d)
		}
		ctx, cancel := context.WithTimeout(back, time.Second)
		defer cancel()
		var wait *bridge.RetryError
		if _, err := s.acquire(ctx, 1, 1); !errors.As(err, &wait) {
			t.Errorf("background work over its budget: %v, want a RetryError", err)
		}
		if d := spend(back, 1); d < budgetWindow || d > budgetWindow+budgetStep {
			t.Errorf("background work went on after %v, want %v", d, budgetWindow)
		}
		if got := s.spent.sum; got > 21 {
			t.Errorf("%d requests still counted after the window, want what came last", got)
		}
	})
}

func TestSchedulerHeavyWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(mailboxSlots, backgroundSlots)
		occupy(t, s, 1)
		ctx, cancel := context.WithCancel(t.Context())
		heavy, light := make(chan error), make(chan error)
		go func() { _, err := s.acquire(ctx, 3, 20); heavy <- err }()
		synctest.Wait()
		go func() { _, err := s.acquire(t.Context(), 1, 1); light <- err }()
		synctest.Wait()
		select {
		case <-light:
			t.Fatal("a light request overtook the heavy one")
		default:
		}
		cancel()
		if err := <-heavy; !errors.Is(err, context.Canceled) {
			t.Errorf("heavy: %v", err)
		}
		if err := <-light; err != nil {
			t.Errorf("light: %v", err)
		}
	})
}

// TestSchedulerHeavyWaiterSettles: a stream that goes on for minutes holds up
// neither a parallel batch nor those behind it.
func TestSchedulerHeavyWaiterSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(mailboxSlots, backgroundSlots)
		occupy(t, s, 1)
		start := time.Now()
		free, err := s.acquire(t.Context(), 3, 20)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != heavyPatience {
			t.Errorf("started after %v, want %v", d, heavyPatience)
		}
		free()
		if s.busy != 1 {
			t.Errorf("%d slots taken, want 1", s.busy)
		}
	})
}
