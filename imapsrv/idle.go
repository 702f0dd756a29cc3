package imapsrv

import (
	"bytes"
	"context"
	"errors"
	"time"

	"mail2graph/imapsrv/wire"
)

// line is what the client sent while IDLE.
type line struct {
	text []byte
	err  error
}

// idle is IDLE (RFC 2177): news of the selected folder go out as they come,
// until the client says DONE. Without a folder there is nothing to tell.
func (c *conn) idle(ctx context.Context, cmd *wire.Command) (answer, error) {
	c.w.Continue("Idling")
	if err := c.w.Flush(); err != nil {
		return answer{}, &lostError{err}
	}
	c.net.await(c.opts.IdleTimeout)
	lines := make(chan line, 1)
	go func() {
		text, err := c.r.ReadLine()
		lines <- line{text, err}
	}()
	read := false
	defer func() { // the reader ends before idle does, or the connection is over
		if !read {
			c.net.interrupt()
			<-lines
			c.closing = true
		}
	}()

	var news <-chan struct{}
	var synced <-chan error
	if v := c.view; v != nil {
		syncing, cancel := context.WithCancel(ctx)
		v.watch.SetIdle(true)
		news, synced = v.watch.C, start(syncing, v.folder.Sync)
		first := synced
		defer func() {
			cancel()
			if synced != nil {
				<-first
			}
			if c.view == v {
				v.watch.SetIdle(false)
			}
		}()
	}
	alive := time.NewTicker(c.opts.KeepAlive)
	defer alive.Stop()
	for {
		select {
		case l := <-lines:
			read = true
			return doneIdle(l)
		case err := <-synced:
			synced = nil
			c.noteSync(err)
		case <-news:
			if err := c.report(ctx, true, false); err != nil {
				c.answerTo(cmd, err) // logs it; the news went out
			}
			if c.modSeqDue && c.view != nil {
				c.writeModSeq()
			}
		case <-alive.C:
			c.w.Untagged(wire.OK, "", "Still here")
		}
		if err := c.w.Flush(); err != nil || c.closing {
			return answer{cond: answered}, nil
		}
	}
}

// doneIdle is the answer to the line that ends IDLE.
func doneIdle(l line) (answer, error) {
	switch {
	case l.err != nil:
		return answer{}, lost(l.err)
	case !bytes.EqualFold(bytes.TrimSpace(l.text), []byte("DONE")):
		return answer{}, bad("DONE ends IDLE, and nothing else")
	}
	return answer{}, nil
}

// noteSync logs how the round at the start of IDLE ended.
func (c *conn) noteSync(err error) {
	var crash *panicked
	switch {
	case err == nil:
		c.stale = false
	case errors.As(err, &crash):
		c.log.Error("panic", "command", "IDLE", "value", crash.value, "stack", string(crash.stack))
	case !c.stale && !errors.Is(err, context.Canceled):
		c.stale = true
		c.logFailure("folder not synchronised", lookUp(err), err, "folder", c.view.folder.Name())
	}
}
