package smtpsrv

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// conn is what go-smtp reads from and writes to: it gets commands line by line
// and never message text, which session.Data takes from here. For in go-smtp
// v0.25.1
//
//   - the rest of a message is executed as commands after a read error in DATA,
//   - the end of the stream inside "BDAT n LAST" counts as the end of the message,
//   - a BDAT that was reset can leave its outcome to the next message,
//   - "\r\r\n.\r\n" does not end a message, and one of exactly the announced size
//     is too large.
//
// All methods but stop are called by go-smtp's one goroutine.
type conn struct {
	net.Conn
	log      *slog.Logger
	idle     time.Duration
	loginBy  time.Time
	startTLS bool // STARTTLS is offered
	secure   bool // TLS is below
	dsn      bool // RFC 3461 is offered
	sess     *session

	in      *bufio.Reader
	out     []byte       // to be read next by go-smtp, before anything from the network
	midline bool         // what was read last ended within a line
	bareLF  bool         // the last command ended with LF alone
	chunks  *inbox       // what BDAT commands brought, nil if none
	path    *pathCommand // the MAIL or RCPT that go-smtp is about to see
	upgrade bool         // the client said STARTTLS: the conversation is over
	mute    bool         // swallow the greeting: the client has had one
	verb    string       // of the last command
	hide    bool         // the next line is an answer to an AUTH challenge
	authed  bool         // a login succeeded
	broken  bool         // the stream failed inside a message
	last    bool         // nothing is to be read after the next reply

	stopping atomic.Bool // the server ends
}

// stopReply is RFC 5321 §3.8's answer of a server that goes away.
const stopReply = "421 4.3.2 Service stops, try again later"

// stop asks the client to leave as soon as the service is not just taking a
// message of his.
func (c *conn) stop() {
	c.stopping.Store(true)
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes a waiting Read
}

// Read implements io.Reader: a line of a command, or a piece of one.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.upgrade || c.last || c.broken {
			return 0, io.EOF
		}
		if err := c.readCommand(); err != nil {
			if c.stopping.Load() && !c.broken {
				c.reply(stopReply)
				return 0, io.EOF
			}
			return 0, err
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

// readCommand reads a line and puts into out what go-smtp is to see of it. A
// line without end at the end of the stream is no command.
func (c *conn) readCommand() error {
	line, err := c.source().ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	first := !c.midline
	c.midline = err != nil
	c.out = line
	if !first || c.midline {
		return nil // too long for a command: go-smtp says so
	}
	c.bareLF = !bytes.HasSuffix(line, crlf)
	c.trace(line)
	if c.hide {
		return nil // an answer to an AUTH challenge, whatever it looks like
	}
	verb, arg := splitCommand(line)
	c.verb = cmp.Or(verb, "other")
	c.out = nil
	switch {
	case verb == "STARTTLS" && c.startTLS:
		return c.beginTLS(arg)
	case verb == "BDAT":
		return c.takeChunk(arg)
	case verb == "DATA" && c.chunks != nil:
		c.reply("503 5.5.1 DATA and BDAT do not go together") // RFC 3030 §2
	case verb == "DATA" && c.sess.opened && c.sess.env.Binary:
		c.reply("503 5.5.1 BODY=BINARYMIME goes with BDAT") // RFC 3030 §3
	case verb == "HELP":
		c.reply("214 2.0.0 See mail2graph help smtp, or RFC 5321")
	default:
		c.out = c.forwarded(verb, arg, line)
	}
	return nil
}

// takePath returns the MAIL or RCPT that go-smtp has just been given.
func (c *conn) takePath() *pathCommand {
	p := c.path
	c.path = nil
	if p == nil { // go-smtp has read a command that conn has not: there is no such way
		p = &pathCommand{err: refuse(501, 5, 5, 2, "Syntax error")}
	}
	return p
}

// source is the buffered stream of the client.
func (c *conn) source() *bufio.Reader {
	if c.in == nil {
		c.in = bufio.NewReaderSize(deadlineReader{c}, 16<<10)
	}
	return c.in
}

// deadlineReader reads from the network below a conn.
type deadlineReader struct{ c *conn }

func (r deadlineReader) Read(p []byte) (int, error) {
	deadline := time.Now().Add(r.c.idle)
	if !r.c.authed && deadline.After(r.c.loginBy) {
		deadline = r.c.loginBy
	}
	if err := r.c.Conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	if r.c.stopping.Load() { // after SetReadDeadline, or stop's deadline could be lost
		return 0, net.ErrClosed
	}
	return r.c.Conn.Read(p)
}

// fail ends the connection after a read error inside a message: what the client
// takes for sent is unknown, and what follows may be text.
func (c *conn) fail(err error) error {
	switch ne, ok := errors.AsType[net.Error](err); {
	case c.stopping.Load():
		c.reply(stopReply)
	case ok && ne.Timeout():
		c.reply("421 4.4.2 Idle timeout inside a message")
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	c.broken = true
	return err
}

// beginTLS ends the conversation in plain text. Commands that came along with
// STARTTLS were not protected and end the connection (RFC 3207 §4: STARTTLS is
// the last command of a group).
func (c *conn) beginTLS(arg string) error {
	if arg != "" || c.in.Buffered() > 0 {
		c.reply("501 5.5.4 STARTTLS stands alone, and nothing is sent before its reply")
		c.last = true
		return io.EOF
	}
	c.reply("220 2.0.0 Ready to start TLS")
	c.upgrade = true
	return io.EOF
}

// reply writes a reply of our own. A failed write shows at the next read.
func (c *conn) reply(line string) {
	_, _ = c.Write([]byte(line + "\r\n"))
}

// Write implements io.Writer.
func (c *conn) Write(p []byte) (int, error) {
	switch {
	case c.broken:
		return len(p), nil
	case c.mute:
		c.mute = !bytes.ContainsRune(p, '\n')
		return len(p), nil
	case c.chunks != nil && bytes.HasPrefix(p, []byte("354")):
		return len(p), nil // BDAT goes to go-smtp as DATA; there is nothing to go ahead with
	}
	c.hide = bytes.HasPrefix(p, []byte("334"))
	line := strings.TrimRight(string(p), "\r\n") // go-smtp writes whole lines
	out := p
	if better := c.correct(line); better != line {
		line, out = better, []byte(better+"\r\n")
	}
	c.show("reply", line)
	c.sess.figures.reply(c.verb, line)
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements io.Closer. A connection that goes on in TLS stays open.
// go-smtp reads on after it has closed, without a session to ask: what the
// client had sent ahead must not reach it.
func (c *conn) Close() error {
	if c.upgrade {
		return nil
	}
	c.out, c.last = nil, true
	return c.Conn.Close()
}

// trace logs a command without what it tells in confidence.
func (c *conn) trace(line []byte) {
	text := string(bytes.TrimSpace(line))
	switch verb, arg := splitCommand(line); {
	case c.hide:
		text = "<hidden>"
	case verb == "AUTH":
		mech, _, _ := strings.Cut(arg, " ")
		text = "AUTH " + mech + " <hidden>"
	case !verbs[verb]: // perhaps text of a message that was refused
		text = fmt.Sprintf("<%d octets hidden>", len(text))
	}
	c.show("command", text)
}

// show logs a line of the conversation: at level debug, or for a login that is
// traced always.
func (c *conn) show(what, line string) {
	level := slog.LevelDebug
	if d, ok := c.sess.account.(Described); ok && d.Traced() {
		level = slog.LevelInfo
	}
	c.sess.log.Log(c.sess.ctx, level, what, "line", line)
}

// splitCommand takes a line apart: white space around it and between its words
// does not count (RFC 5321 §4.1.1). The verb of what cannot be a command is "".
func splitCommand(line []byte) (verb, arg string) {
	s := strings.TrimRight(string(line), " \t\r\n")
	verb, arg = s, ""
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		verb, arg = s[:i], strings.TrimSpace(s[i:])
	}
	verb = strings.ToUpper(verb)
	if len(verb) != 4 && verb != "STARTTLS" || strings.Trim(verb, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", ""
	}
	return verb, arg
}
