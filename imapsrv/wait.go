package imapsrv

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// quick is how long a call may take before the client gets what is buffered.
const quick = 50 * time.Millisecond

// headway is how far a call has come. The numbers are for programs (RFC 9585):
// done -1 without one, goal 0 without one; done never falls within a command.
type headway struct {
	text       string // "": nothing to tell, or no progress since
	done, goal int64
}

// errStalled is why wait gives up; it is a kind of deadline.
var errStalled = fmt.Errorf("no progress: %w", context.DeadlineExceeded)

// wait runs a call of the bridge that may take long in a goroutine of its own
// and waits for it. When the client has heard nothing for ProgressInterval it
// gets an untagged OK with INPROGRESS (RFC 9585), so that it does not give up. say,
// if not nil, tells how far the call has come; when its text has not changed for limit, the call is cancelled, and so it is
// when the client has gone.
func (c *conn) wait(ctx context.Context, limit time.Duration, say func() headway, op func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := start(ctx, op) // received from before wait returns

	soon := time.NewTimer(quick)
	defer soon.Stop()
	stalled := time.NewTimer(limit)
	defer stalled.Stop()
	silent := time.NewTimer(c.opts.ProgressInterval - time.Since(c.spoke))
	defer silent.Stop()
	last := ""
	for {
		select {
		case err := <-done:
			var crash *panicked
			if errors.As(err, &crash) {
				panic(crash)
			}
			if err != nil && errors.Is(context.Cause(ctx), errStalled) {
				err = fmt.Errorf("%w: %w", errStalled, err)
			}
			return err
		case <-soon.C:
			if c.w.Flush() != nil {
				cancel(nil)
			}
		case <-stalled.C:
			cancel(errStalled)
		case <-silent.C:
			silent.Reset(c.opts.ProgressInterval)
			now := headway{done: -1}
			if say != nil {
				now = say()
			}
			if now.text != last {
				last = now.text
				stalled.Reset(limit)
			}
			if c.tell(now) != nil {
				cancel(nil)
			}
		}
	}
}

// start runs op in a goroutine that ends with the one value of the channel. A
// panic of op comes as a *panicked.
func start(ctx context.Context, op func(context.Context) error) <-chan error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- &panicked{v, debug.Stack()}
			}
		}()
		done <- op(ctx)
	}()
	return done
}

// tell sends a sign of life.
func (c *conn) tell(h headway) error {
	if h.text == "" {
		h = headway{"Still working", -1, 0}
	}
	if h.goal > 0 { // RFC 9585 §4.2: not beyond it
		h.done = min(h.done, h.goal)
	}
	c.w.Untagged(wire.OK, wire.CodeInProgress(c.tag, h.done, h.goal), h.text)
	c.spoke = time.Now()
	return c.w.Flush()
}

// call is wait for calls without progress to tell. n is the number of messages
// that the call has to change: each may cost a request.
func (c *conn) call(ctx context.Context, n int, op func(context.Context) error) error {
	return c.wait(ctx, c.opts.CommandTimeout+time.Duration(n)*time.Second, nil, op)
}

// longestPause is the longest that a large order waits for the service to go on:
// its client is told now and then that it does.
const longestPause = 12 * time.Minute

// order is call for an order on n messages that is carried out part by part: verb
// says in progress lines what is done with them ("Moved").
func (c *conn) order(ctx context.Context, verb string, n int, op func(context.Context, bridge.Progress) error) error {
	var done, total atomic.Int64
	say := func() headway {
		d, t := done.Load(), total.Load()
		if t == 0 {
			return headway{done: -1}
		}
		return headway{fmt.Sprintf("%s %d of %d messages", verb, d, t), d, t}
	}
	// Without any progress: the service may have to let most of its ten minutes
	// pass before it takes the next of 10,000 requests (graph/throttling-limits).
	pause := min(time.Duration(n)*time.Second, longestPause)
	return c.wait(ctx, c.opts.CommandTimeout+pause, say, func(ctx context.Context) error {
		return op(bridge.WithPatience(ctx, pause), func(d, t int) {
			done.Store(int64(d))
			total.Store(int64(t))
		})
	})
}

// sync brings a folder up to date. If the service is away and there is an
// earlier state, the client is told and served from that.
func (c *conn) sync(ctx context.Context, f *bridge.Folder, always bool) error {
	limit := c.opts.CommandTimeout
	if f.Synced() {
		limit = c.opts.SyncTimeout
		if c.stale { // the client waited for nothing already
			limit /= 5
		}
	}
	err := c.wait(ctx, limit, func() headway { return progress(f) }, f.Sync)
	if err == nil {
		c.stale = false
		return nil
	}
	fail := lookUp(err)
	if !f.Synced() || f.Gone() || ctx.Err() != nil || fail == unknown {
		return err
	}
	if !c.stale {
		c.logFailure("folder not synchronised", fail, err, "folder", f.Name())
	}
	if always || !c.stale {
		c.w.Untagged(wire.NO, fail.code, fail.text+" (showing the folder as it was last seen)")
	}
	c.stale = true
	return nil
}

// progress is the text for a first sync.
func progress(f *bridge.Folder) headway {
	if f.Synced() {
		return headway{}
	}
	done, total := f.Progress()
	if total > 0 {
		total = max(done, total)
		return headway{fmt.Sprintf("Reading the folder for the first time: %d of %d messages", done, total), int64(done), int64(total)}
	}
	return headway{fmt.Sprintf("Reading the folder for the first time: %d messages", done), int64(done), 0}
}
