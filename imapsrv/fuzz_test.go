package imapsrv

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"mail2graph/bridge"
)

// FuzzDialogue sends any octets in each state. The server must not panic, must
// speak grammatically, must end with its client, and, if it still takes
// commands, must answer the next one.
func FuzzDialogue(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for i, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var said []byte
		for line := range strings.Lines(string(script)) {
			if text, ok := strings.CutPrefix(line, "C: "); ok && !strings.HasPrefix(text, "raw ") && !strings.HasPrefix(text, "repeat ") {
				said = append(said, strings.TrimSuffix(text, "\n")+"\r\n"...)
			}
		}
		f.Add(i%5, said)
	}
	f.Fuzz(func(t *testing.T, state int, input []byte) {
		synctest.Test(t, func(t *testing.T) { fuzzOnce(t, state, input) })
	})
}

func fuzzOnce(t *testing.T, state int, input []byte) {
	s := newStage(t)
	s.log = &lockedBuffer{}
	s.opts.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelError}))
	s.opts.Login = func(ctx context.Context, user, password, remote string) (*bridge.Account, error) {
		if user != "demo" {
			return nil, bridge.ErrAuth
		}
		return s.rig.login(ctx, user, password, remote)
	}
	s.rig.act(t, "deliver INBOX")
	s.rig.act(t, "deliver INBOX file=nested.eml")
	s.prelude = [][]string{
		nil,
		{"x LOGIN demo demo"},
		{"x LOGIN demo demo", "x SELECT INBOX"},
		{"x LOGIN demo demo", "x ENABLE IMAP4rev2 QRESYNC", "x SELECT INBOX"},
		{"x LOGIN demo demo", "x ENABLE UTF8=ACCEPT CONDSTORE", "x EXAMINE INBOX"},
	}[uint(state)%5]
	s.start()
	c := s.client("")
	c.send <- input
	synctest.Wait()
	first := c.octets()
	// Ends a line, a literal that is not too long, IDLE, and a challenge.
	c.send <- []byte("\r\n*\r\n" + strings.Repeat(" ", 1000) + "\r\nzz NOOP\r\n")
	synctest.Wait()
	all := append(first, c.octets()...)
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	s.end()

	if text := s.log.take(); strings.Contains(text, "msg=panic") || strings.Contains(text, "level=ERROR") {
		t.Fatalf("errors of our own:\n%s", text)
	}
	answered := checkGrammar(t, all)
	if !closed && !answered && !announcesMore.Match(input) {
		t.Errorf("a NOOP at the end got no answer; all that came: %q", all)
	}
}

// announcesMore matches literals longer than what ends the test.
var announcesMore = regexp.MustCompile(`\{[0-9]*[0-9]{3}\+?\}`)

// octets returns what was received and not yet taken.
func (c *client) octets() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := bytes.Clone(c.got.Bytes())
	c.got.Reset()
	return b
}

var (
	responseLine = regexp.MustCompile(`^(\* |\+ |[^ (){%*"\\+\x00-\x1f\x7f]+ (OK|NO|BAD) )`)
	literalMark  = regexp.MustCompile(`\{(\d+)\}\r\n$`)
)

// checkGrammar divides what the server said into responses, and reports
// whether zz was answered.
func checkGrammar(t *testing.T, b []byte) (answered bool) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(b))
	inside := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			if line != "" && !inside {
				t.Errorf("a response without its end: %q", line)
			}
			return answered
		}
		if !strings.HasSuffix(line, "\r\n") {
			t.Errorf("a line without CR: %q", line)
		}
		if !inside && !responseLine.MatchString(line) {
			t.Errorf("not a response: %q", line)
		}
		answered = answered || !inside && strings.HasPrefix(line, "zz ")
		m := literalMark.FindStringSubmatch(line)
		if inside = m != nil; inside {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			io.CopyN(io.Discard, r, n)
		}
	}
}
