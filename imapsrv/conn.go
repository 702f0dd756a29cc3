package imapsrv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// How many commands in a row may be nonsense before the peer is taken for
// something else than a mail program.
const (
	maxBadBeforeLogin = 10
	maxBadAfterLogin  = 100
)

// maxLogins times LoginTimeout is how long a connection may last without a login.
const maxLogins = 5

// conn is one connection. All of it belongs to the goroutine that serves it.
type conn struct {
	srv  *Server
	opts *Options
	log  *slog.Logger
	// visitor is log before the login.
	visitor *slog.Logger
	net     *stream
	remote  net.Addr
	opened  time.Time
	known   func() // to be called with the first login
	secure  bool
	tls     *tls.Conn // after STARTTLS

	r     *wire.Reader
	w     *wire.Writer
	trace *trace

	account    *bridge.Account // nil before login
	view       *view           // nil without a selected folder
	refused    int             // logins
	nonsense   int             // commands in a row that were BAD
	stale      bool            // the client was told that the service is away
	inFetch    bool            // a response is written in part
	words      []string        // scratch for flags
	closing    bool            // BYE was said
	compressed bool            // COMPRESS is active
	utf8, rev2 bool            // UTF8=ACCEPT, IMAP4rev2 are enabled
	// Of RFC 7162: FETCH responses have mod-sequences, VANISHED takes the place of
	// EXPUNGE, and HIGHESTMODSEQ is to be told with the answer.
	condStore, qresync, modSeqDue bool
	tag                           string    // of the command
	spoke                         time.Time // when the client last heard of its command
}

// attach begins to speak over rw: the stream itself or TLS on it. What was
// buffered from before is dropped.
func (c *conn) attach(rw io.ReadWriter) {
	c.trace = newTrace(rw, c.srv.known)
	c.traceLogin()
	rw = c.trace
	c.w = wire.NewWriter(rw)
	w := c.w
	c.r = wire.NewReader(rw, wire.ReaderOptions{
		MaxLine:    c.opts.MaxLine,
		MaxLiteral: c.opts.MaxLiteral,
		MaxAppend:  c.opts.MaxAppend,
		Continue: func() error {
			w.Continue("Go on")
			return w.Flush()
		},
	})
}

// run greets, and serves commands until one side has enough.
func (c *conn) run(ctx context.Context) {
	c.w.Untagged(wire.OK, wire.CodeCapability(c.capabilities()), "mail2graph ready")
	for !c.closing && c.w.Flush() == nil {
		if c.net.stopping() {
			c.bye(wire.CodeUnavailable, "The gateway is stopping")
			return
		}
		c.net.await(c.patience())
		cmd, err := c.r.ReadCommand()
		if err != nil {
			err = c.unreadable(err)
		} else {
			err = c.execute(ctx, cmd)
		}
		if err != nil {
			c.log.Debug("connection lost", "error", err)
			return
		}
		c.boundNonsense()
	}
	if err := c.w.Flush(); err != nil {
		c.log.Debug("connection lost", "error", err)
	}
}

// patience is how long the client may wait before its next command. Without a
// login it cannot keep the connection by asking for nothing, either.
func (c *conn) patience() time.Duration {
	if c.account == nil {
		return min(c.opts.LoginTimeout, time.Until(c.opened.Add(maxLogins*c.opts.LoginTimeout)))
	}
	return c.opts.IdleTimeout
}

// unreadable answers a command that could not be read. It returns the error
// that ends the connection, if it does.
func (c *conn) unreadable(err error) error {
	var syntax *wire.SyntaxError
	switch {
	case errors.As(err, &syntax):
		c.nonsense++
		c.noteAnswer("", syntax.Condition())
		if syntax.No && syntax.Save && c.view != nil {
			c.view.saved = nil
		}
		if syntax.Tag == "*" {
			c.w.Untagged(syntax.Condition(), syntax.Code, syntax.Text)
		} else {
			c.w.Tagged(syntax.Tag, syntax.Condition(), syntax.Code, syntax.Text)
		}
		return nil
	case errors.Is(err, wire.ErrOutOfSync):
		c.bye("", "This does not look like IMAP")
	case errors.Is(err, os.ErrDeadlineExceeded) && c.net.stopping():
		c.bye(wire.CodeUnavailable, "The gateway is stopping")
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.bye("", "Nothing heard for too long")
	}
	return err
}

// boundNonsense ends the connection of a peer that does not speak IMAP.
func (c *conn) boundNonsense() {
	limit := maxBadAfterLogin
	if c.account == nil {
		limit = maxBadBeforeLogin
	}
	if c.nonsense >= limit && !c.closing {
		c.bye("", "Too many bad commands")
	}
}

// bye says that the server ends the connection.
func (c *conn) bye(code wire.Code, text string) {
	c.closing = true
	c.w.Untagged(wire.BYE, code, text)
	c.w.Flush()
}

// execute carries out one command and answers it. It returns the error that
// ends the connection, if one did.
func (c *conn) execute(ctx context.Context, cmd *wire.Command) error {
	c.spoke, c.tag = time.Now(), cmd.Tag
	a, err := c.guard(cmd, func() (answer, error) { return c.dispatch(ctx, cmd) })
	var gone *lostError
	if errors.As(err, &gone) {
		return c.unreadable(gone.err)
	}
	if err != nil {
		a = c.answerTo(cmd, err)
	}
	if c.view != nil && !c.closing {
		if _, err := c.guard(cmd, func() (answer, error) { return answer{}, c.report(ctx, mayExpunge(cmd), cmd.UID) }); err != nil {
			c.answerTo(cmd, err)
		}
	}
	a = c.withModSeq(a)
	switch {
	case c.inFetch: // a response is half written and cannot be finished
		return errors.New("response broken off")
	case a.cond == "":
		a.cond = wire.OK
	}
	c.noteAnswer(cmd.Name, a.cond)
	if a.cond == answered {
		return nil
	}
	if a.text == "" {
		a.text = name(cmd) + " completed"
	}
	if a.cond == wire.BAD {
		c.nonsense++
	} else {
		c.nonsense = 0
	}
	c.w.Tagged(cmd.Tag, a.cond, a.code, a.text)
	return nil
}

// dispatch runs the command's function if it is allowed in this state
// (RFC 3501 §3).
func (c *conn) dispatch(ctx context.Context, cmd *wire.Command) (answer, error) {
	how, ok := commands[cmd.Name]
	switch {
	case !ok:
		return answer{}, bad("Unknown command")
	case how.in&c.state() != 0:
		if err := c.checkUTF8(cmd); err != nil {
			return answer{}, err
		}
		if writing[cmd.Name] && c.account.ReadOnly {
			return answer{}, errReadOnlyLogin
		}
		if cmd.EnablesCondStore() {
			c.enableCondStore()
		}
		return how.run(c, ctx, cmd)
	case c.account == nil:
		return answer{}, bad("Log in first")
	case how.in == notAuthenticated:
		return answer{}, bad("Already logged in")
	}
	return answer{}, bad("Select a folder first")
}

// answered is the condition of an answer that was written already.
const answered wire.Condition = "answered"

// lostError is a failure of the connection in the middle of a command.
type lostError struct{ err error }

func (e *lostError) Error() string { return "connection lost: " + e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// lost marks what ended the reading of a command's further lines: all but a
// syntax error ends the connection as well.
func lost(err error) error {
	var syntax *wire.SyntaxError
	if errors.As(err, &syntax) {
		return err
	}
	return &lostError{err}
}

// guard turns a panic into an error: one bug ends one command.
func (c *conn) guard(cmd *wire.Command, run func() (answer, error)) (a answer, err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		p, ok := v.(*panicked)
		if !ok {
			p = &panicked{v, debug.Stack()}
		}
		c.log.Error("panic", "command", name(cmd), "value", fmt.Sprint(p.value), "stack", string(p.stack))
		a, err = answer{wire.NO, unknown.code, unknown.text}, nil
	}()
	return run()
}

// panicked carries a panic from a helper goroutine to the one that serves.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

// name is the command as the client knows it.
func name(cmd *wire.Command) string {
	if cmd.UID {
		return "UID " + cmd.Name
	}
	return cmd.Name
}

// mayExpunge reports whether EXPUNGE may go out before the command's tagged
// response (RFC 3501 §7.4.1).
func mayExpunge(cmd *wire.Command) bool {
	switch args := cmd.Args.(type) {
	case *wire.Fetch, *wire.Store:
		return cmd.UID
	case *wire.Search:
		return cmd.UID && !hasNumbers(&args.Key)
	case *wire.Sort: // RFC 5256 §3, and so is THREAD
		return cmd.UID && !hasNumbers(&args.Key)
	case *wire.Thread:
		return cmd.UID && !hasNumbers(&args.Key)
	}
	return true
}

// state is the connection's state as a bit of command.in.
func (c *conn) state() state {
	switch {
	case c.account == nil:
		return notAuthenticated
	case c.view == nil:
		return authenticated
	}
	return selected
}

// cleanUp gives back what the connection holds.
func (c *conn) cleanUp() {
	c.deselect()
	if c.account != nil {
		c.srv.leaveLogin(c.account.Name)
	}
	if c.tls != nil {
		c.tls.Close() // says close_notify
	}
}
