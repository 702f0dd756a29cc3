package smtpsrv

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// inbox is a message that is coming in. Once err is set the rest is read and
// dropped, so that the connection stays usable.
type inbox struct {
	spool spool
	lines *lines // before the spool; nil for a message that is no lines (BINARYMIME)
	left  int64  // octets that may still come
	err   error  // too large, or the spool's
}

// Write implements io.Writer and always takes everything.
func (m *inbox) Write(p []byte) (int, error) {
	if m.left -= int64(len(p)); m.err == nil && m.left < 0 {
		m.err = errTooLarge
	}
	switch {
	case m.err != nil:
	case m.lines != nil:
		_, m.err = m.lines.Write(p)
	default:
		_, m.err = m.spool.Write(p)
	}
	if m.err != nil {
		m.spool.close()
	}
	return len(p), nil
}

func (c *conn) newInbox() *inbox {
	m := &inbox{spool: spool{dir: c.sess.o.SpoolDir}, left: c.sess.maxSize()}
	if !c.sess.env.Binary {
		m.lines = &lines{w: &m.spool}
	}
	return m
}

// finish ends the message.
func (m *inbox) finish() {
	if m.lines != nil && m.err == nil {
		m.err = m.lines.flush()
	}
}

// message returns the message of a DATA command that go-smtp has announced
// with 354: its text, or the chunks that came before. An error is the stream's.
func (c *conn) message() (*inbox, error) {
	m := c.chunks
	if m == nil {
		m = c.newInbox()
		if err := readText(c.source(), m, c.bareLF); err != nil {
			m.spool.close()
			return nil, c.fail(err)
		}
	}
	c.chunks = nil
	m.finish()
	// go-smtp looks for the end of the text when Data returns.
	c.out = []byte(".\r\n")
	return m, nil
}

// dropChunks forgets an unfinished message (RSET, EHLO, the end).
func (c *conn) dropChunks() {
	if c.chunks != nil {
		c.chunks.spool.close()
		c.chunks = nil
	}
}

// readText copies the text after DATA to dst without the dots that RFC 5321
// §4.5.2 adds. Only CRLF "." CRLF ends it, and only after CRLF a dot is an added
// one: a server behind us sees the same lines (no smuggling). A client that ended DATA
// itself with a bare LF knows no CRLF: his lines end with LF, and so does his text.
// (Who smuggles writes the text, not the commands.)
func readText(r *bufio.Reader, dst io.Writer, bareLF bool) error {
	begin := true // a line begins
	var before byte
	for {
		piece, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if begin && (string(piece) == ".\r\n" || bareLF && string(piece) == ".\n") {
			return nil
		}
		last := len(piece) - 1
		ended := piece[last] == '\n' && (bareLF || last > 0 && piece[last-1] == '\r' || last == 0 && before == '\r')
		before = piece[last]
		if begin && piece[0] == '.' {
			piece = piece[1:]
		}
		begin = ended
		if _, err := dst.Write(piece); err != nil {
			return err
		}
	}
}

// takeChunk carries out BDAT (RFC 3030 §2). The chunk follows the command even
// when the command is refused. What completes a message, or ends it with an
// error, goes to go-smtp as DATA: its reply to that is the reply to the chunk.
func (c *conn) takeChunk(arg string) error {
	n, last, ok := parseBDAT(arg)
	if !ok {
		c.reply("501 5.5.4 Syntax: BDAT size [LAST]")
		return nil
	}
	if !c.sess.ready() {
		if _, err := io.CopyN(io.Discard, c.source(), n); err != nil {
			return c.fail(err)
		}
		c.reply("503 5.5.1 MAIL and RCPT come before BDAT")
		return nil
	}
	if c.chunks == nil {
		c.chunks = c.newInbox()
	}
	if _, err := io.CopyN(c.chunks, c.source(), n); err != nil {
		return c.fail(err)
	}
	if last || c.chunks.err != nil {
		c.out = []byte("DATA\r\n")
		return nil
	}
	c.reply("250 2.0.0 Continue")
	return nil
}

func parseBDAT(arg string) (n int64, last, ok bool) {
	args := strings.Fields(arg)
	if len(args) == 2 && strings.EqualFold(args[1], "LAST") {
		last, args = true, args[:1]
	}
	if len(args) != 1 {
		return 0, false, false
	}
	u, err := strconv.ParseUint(args[0], 10, 62)
	return int64(u), last, err == nil
}
