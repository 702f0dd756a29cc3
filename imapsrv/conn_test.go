package imapsrv

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// A panic ends one command; but when a FETCH response is half written nothing
// that follows could be understood, so the connection ends without a word.
func TestExecuteAfterPanic(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	newConn := func(out *bytes.Buffer) *conn {
		opts := Options{Login: noLogin}.withDefaults()
		return &conn{srv: New(opts), opts: &opts, log: slog.New(slog.DiscardHandler), remote: near.RemoteAddr(), w: wire.NewWriter(out)}
	}
	t.Run("between responses", func(t *testing.T) {
		var out bytes.Buffer
		c := newConn(&out)
		// ID without its arguments is not what the parser delivers: it panics.
		if err := c.execute(t.Context(), &wire.Command{Tag: "a", Name: "ID"}); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		c.w.Flush()
		if got := out.String(); !strings.HasPrefix(got, "a NO [SERVERBUG] ") {
			t.Errorf("got %q, want SERVERBUG", got)
		}
	})
	t.Run("inside a response", func(t *testing.T) {
		var out bytes.Buffer
		c := newConn(&out)
		c.inFetch = true
		if err := c.execute(t.Context(), &wire.Command{Tag: "a", Name: "NOOP"}); err == nil {
			t.Error("got nil, want an error that ends the connection")
		}
		c.w.Flush()
		if out.Len() != 0 {
			t.Errorf("got %q, want nothing", out.String())
		}
	})
}

// TestLargeOrderIsPatient: what a large order may wait for the service to go on is what
// the service's pause may last; the client is told meanwhile.
func TestLargeOrderIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n, want := range map[int]time.Duration{1: time.Second, 300: 5 * time.Minute, 10_000: 12 * time.Minute} {
			var out bytes.Buffer
			opts := Options{Login: noLogin}.withDefaults()
			c := &conn{srv: New(opts), opts: &opts, tag: "a", w: wire.NewWriter(&out), spoke: time.Now()}
			err := c.order(t.Context(), "Moved", n, func(ctx context.Context, p bridge.Progress) error {
				if got := bridge.Patience(ctx); got != want {
					t.Errorf("%d messages: patience of %v, want %v", n, got, want)
				}
				for done := range 3 { // three pauses
					p(done, n)
					time.Sleep(want)
				}
				return ctx.Err()
			})
			if err != nil {
				t.Errorf("%d messages: %v", n, err)
			}
			if told := strings.Count(out.String(), "[INPROGRESS ("); n > 1 && told < 30 {
				t.Errorf("%d messages: told %d times", n, told)
			}
		}
	})
}
