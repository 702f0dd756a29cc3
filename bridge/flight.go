package bridge

import (
	"context"
	"fmt"
	"sync"
)

// tasks are the goroutines of a mailbox; Run waits for them.
type tasks struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex // guards the fields below
	wg     sync.WaitGroup
	closed bool
}

func (t *tasks) init() { t.ctx, t.cancel = context.WithCancel(context.Background()) }

// start runs fn in a goroutine of its own unless the mailbox is closing.
func (t *tasks) start(fn func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Go(fn)
	return true
}

// wait refuses new work and waits for the old.
func (t *tasks) wait() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.wg.Wait()
}

// errClosing is what work gets that comes while the mailbox stops.
var errClosing = fmt.Errorf("the bridge is stopping: %w", ErrUnavailable)

// flights lets callers that want the same thing at the same time share one piece of work.
type flights[K comparable, V any] struct {
	mu     sync.Mutex // guards flying
	flying map[K]*flight[V]
}

// flight is one piece of work; value and err may be read once done is closed.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// do joins the flight of key or starts one as a task; it waits for its end or
// for ctx. work runs on the tasks' context, so that a caller who goes away does
// not take it from the others.
func (fs *flights[K, V]) do(ctx context.Context, t *tasks, key K, work func(context.Context) (V, error)) (V, error) {
	fl, _, err := fs.join(t, key, IsBackground(ctx), work)
	if err != nil {
		var zero V
		return zero, err
	}
	return fl.wait(ctx)
}

// anew is do for a caller who has just changed something: a flight that took
// off before is waited for, but not believed.
func (fs *flights[K, V]) anew(ctx context.Context, t *tasks, key K, work func(context.Context) (V, error)) (V, error) {
	fl, own, err := fs.join(t, key, IsBackground(ctx), work)
	if err == nil && !own {
		if _, err := fl.wait(ctx); err != nil && ctx.Err() != nil {
			var zero V
			return zero, err
		}
		fl, _, err = fs.join(t, key, IsBackground(ctx), work)
	}
	if err != nil {
		var zero V
		return zero, err
	}
	return fl.wait(ctx)
}

func (fl *flight[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-fl.done:
		return fl.value, fl.err
	case <-ctx.Done():
		var zero V
		return zero, ctx.Err()
	}
}

func (fs *flights[K, V]) join(t *tasks, key K, background bool, work func(context.Context) (V, error)) (fl *flight[V], own bool, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fl := fs.flying[key]; fl != nil {
		return fl, false, nil
	}
	fl = &flight[V]{done: make(chan struct{})}
	ctx := t.ctx
	if background {
		ctx = WithBackground(ctx)
	}
	if !t.start(func() {
		fl.value, fl.err = work(ctx)
		fs.mu.Lock()
		delete(fs.flying, key)
		fs.mu.Unlock()
		close(fl.done)
	}) {
		return nil, false, errClosing
	}
	if fs.flying == nil {
		fs.flying = map[K]*flight[V]{}
	}
	fs.flying[key] = fl
	return fl, true, nil
}
