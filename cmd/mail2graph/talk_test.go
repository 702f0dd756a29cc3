package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// imapTalk speaks IMAP as text, for tests that look at what is on the wire.
type imapTalk struct {
	conn net.Conn
	r    *bufio.Reader
	tag  int
}

// answer is what came for one command. Literals stand in the lines as they came.
type answer struct {
	lines  []string // untagged, without "* "
	status string   // "OK [READ-WRITE] …"
}

func dialTalk(addr string) (*imapTalk, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	t := &imapTalk{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	if _, err := t.line(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *imapTalk) cmd(command string) (a answer, err error) {
	t.tag++
	tag := "t" + strconv.Itoa(t.tag)
	if _, err := fmt.Fprintf(t.conn, "%s %s\r\n", tag, command); err != nil {
		return a, err
	}
	for {
		line, err := t.line()
		if err != nil {
			return a, err
		}
		if rest, ok := strings.CutPrefix(line, tag+" "); ok {
			a.status = rest
			return a, nil
		}
		a.lines = append(a.lines, strings.TrimPrefix(line, "* "))
	}
}

var literalEnd = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// line reads one response line with its literals, without the last CRLF.
func (t *imapTalk) line() (string, error) {
	if err := t.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		part, err := t.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(part)
		m := literalEnd.FindStringSubmatch(part)
		if m == nil {
			return strings.TrimSuffix(b.String(), "\r\n"), nil
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return "", err
		}
		if _, err := io.CopyN(&b, t.r, n); err != nil {
			return "", err
		}
	}
}

// with returns the lines that contain s.
func (a answer) with(s string) []string {
	var found []string
	for _, l := range a.lines {
		if strings.Contains(l, s) {
			found = append(found, l)
		}
	}
	return found
}

// idling is a connection in IDLE.
type idling struct{ t *imapTalk }

func (t *imapTalk) idle() (*idling, error) {
	t.tag++
	if _, err := fmt.Fprintf(t.conn, "t%d IDLE\r\n", t.tag); err != nil {
		return nil, err
	}
	i := &idling{t}
	return i, i.await("+ ")
}

// await reads lines until one contains s.
func (i *idling) await(s string) error {
	for {
		line, err := i.t.line()
		if err != nil {
			return err
		}
		if strings.Contains(line, s) {
			return nil
		}
	}
}

func (i *idling) done() error {
	if _, err := io.WriteString(i.t.conn, "DONE\r\n"); err != nil {
		return err
	}
	return i.await(fmt.Sprintf("t%d OK", i.t.tag))
}
