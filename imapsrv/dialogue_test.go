package imapsrv

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"mail2graph/bridge"
)

var update = flag.Bool("update", false, "write what the server says into testdata")

// TestDialogues runs the conversations in testdata/*.txt in virtual time. Lines:
//
//	# anything                 a comment
//	set KEY VALUE              before all else: see settings
//	C: text, C2: text          a client sends text and CRLF; the first line opens its connection
//	C: raw "a\r\n"             a client sends octets, a Go string
//	C: repeat 9 x              a client sends a text so many times, and CRLF
//	C: eof                     a client closes its connection
//	C: … {V1} …                a client names the first UIDVALIDITY of the conversation
//	G: verb arguments          somebody else acts on the mailbox: see rig.act; then two seconds pass
//	W: 30s                     time passes
//	S: text, S2: text, L: text what the server says to a client after the line above, and logs;
//	                           … stands for the capabilities of every state
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues:", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) { got = play(t, string(script)) })
			if got == string(script) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Error(firstDifference(got, string(script)))
		})
	}
}

// play runs a script and returns it with what the server really said.
func play(t *testing.T, script string) string {
	s := newStage(t)
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		kind, text, _ := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "set "):
			s.set(line)
		case strings.HasPrefix(kind, "S") || kind == "L":
			continue
		case strings.HasPrefix(kind, "C"):
			s.start()
			s.client(strings.TrimPrefix(kind, "C")).say(t, named.ReplaceAllStringFunc(text, s.validityOf))
		case kind == "G":
			s.start()
			s.rig.act(t, text)
			time.Sleep(2 * time.Second)
		case kind == "W":
			s.start()
			d, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
		case line != "" && !strings.HasPrefix(line, "#"):
			t.Fatalf("cannot read the line %q", line)
		}
		out.WriteString(line + "\n")
		out.WriteString(s.heard())
	}
	s.end()
	return out.String()
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			lines := func(s []string) string { return strings.Join(s[min(i, len(s)):min(i+8, len(s))], "\n\t") }
			return fmt.Sprintf("line %d: got\n\t%s\nwant\n\t%s", i+1, lines(g), lines(w))
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

// stage is a server over a mailbox in memory, with clients.
type stage struct {
	t       *testing.T
	opts    Options
	prelude []string // sent by each new client, and not shown
	rig     *rig
	srv     *Server
	ctx     context.Context
	cancel  context.CancelFunc
	log     *lockedBuffer // nil: not shown
	order   []string
	clients map[string]*client
	conns   sync.WaitGroup

	validity map[string]int
	objects  map[string]string
}

func newStage(t *testing.T) *stage {
	ctx, cancel := context.WithCancel(t.Context())
	return &stage{t: t, ctx: ctx, cancel: cancel, clients: map[string]*client{}, validity: map[string]int{}, objects: map[string]string{}, rig: newRig(t), opts: Options{Version: "1.0", Zone: time.UTC}}
}

// set reads one setting.
func (s *stage) set(line string) {
	f := strings.Fields(line)
	duration := func(p *time.Duration) {
		d, err := time.ParseDuration(f[2])
		if err != nil {
			s.t.Fatal(err)
		}
		*p = d
	}
	switch f[1] {
	case "start": // "login", or the folder that each client selects
		s.prelude = []string{"x LOGIN demo demo"}
		if f[2] != "login" {
			s.prelude = append(s.prelude, "x SELECT "+f[2])
		}
	case "plain": // "no": passwords only over TLS
		s.opts.AllowPlain = func(net.Addr) bool { return f[2] != "no" }
	case "log": // "warn": from which level on
		var level slog.Level
		if err := level.UnmarshalText([]byte(f[2])); err != nil {
			s.t.Fatal(err)
		}
		s.log = &lockedBuffer{}
		s.opts.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutNoise}))
	case "zone": // "Europe/Helsinki": of INTERNALDATE
		zone, err := time.LoadLocation(f[2])
		if err != nil {
			s.t.Fatal(err)
		}
		s.opts.Zone = zone
	case "connections":
		s.opts.MaxConnections, _ = strconv.Atoi(f[2])
	case "perlogin":
		s.opts.MaxConnectionsPerLogin, _ = strconv.Atoi(f[2])
	case "maxappend":
		s.opts.MaxAppend, _ = strconv.ParseInt(f[2], 10, 64)
	case "keepalive": // a sign of life and the end of a wait must not fall together
		duration(&s.opts.KeepAlive)
	case "commandtimeout":
		duration(&s.opts.CommandTimeout)
	case "sizes": // "exact": as the service delivers the message
		s.rig.options.ExactSizes = f[2] == "exact"
	case "expungelog": // how many expunges the index remembers
		s.rig.index.MaxExpunged, _ = strconv.Atoi(f[2])
	case "sales": // the login demo sees a further mailbox
		s.rig.sales = newRig(s.t)
	case "quota":
		s.rig.options.Quota, _ = strconv.ParseInt(f[2], 10, 64)
	case "expunge":
		s.rig.options.Expunge = bridge.ExpungePolicy(f[2])
	default:
		s.t.Fatalf("unknown setting %q", line)
	}
}

// withoutNoise takes out of the log what no test is about.
func withoutNoise(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, "conn", "remote", "stack":
		return slog.Attr{}
	}
	return a
}

// start makes the server, once.
func (s *stage) start() {
	if s.srv != nil {
		return
	}
	s.rig.start(s.t)
	if s.opts.Login == nil {
		s.opts.Login = s.rig.login
	}
	s.srv = New(s.opts)
}

// client returns a client by number, "" is the first; a new one is connected.
func (s *stage) client(number string) *client {
	if c := s.clients[number]; c != nil {
		return c
	}
	near, far := net.Pipe()
	c := newClient(near)
	s.clients[number] = c
	s.order = append(s.order, number)
	s.conns.Go(func() { s.srv.serveConn(s.ctx, far) })
	for _, line := range s.prelude {
		c.say(s.t, line)
		synctest.Wait()
	}
	if s.prelude != nil {
		c.take()
		if s.log != nil {
			s.log.take()
		}
	}
	return c
}

// heard returns what came from the server since it was last called.
func (s *stage) heard() string {
	synctest.Wait()
	var out strings.Builder
	for _, number := range s.order {
		for _, line := range s.clients[number].take() {
			line = everything.Replace(line)
			line = objectID.ReplaceAllStringFunc(line, s.nameObject)
			fmt.Fprintf(&out, "S%s: %s\n", number, validity.ReplaceAllStringFunc(line, s.nameValidity))
		}
	}
	if s.log != nil {
		for line := range strings.Lines(s.log.take()) {
			out.WriteString("L: " + everything.Replace(line))
		}
	}
	return out.String()
}

// everything is the long part of a capability list, which is told in many
// dialogues and is the matter of TestExtensions; with the usual limit too.
var everything = strings.NewReplacer(
	fmt.Sprintf("CAPABILITY %s APPENDLIMIT=%d", strings.Join(extensions, " "), Options{}.withDefaults().MaxAppend), "CAPABILITY …",
	"CAPABILITY "+strings.Join(extensions, " "), "CAPABILITY …",
)

// validity finds a UIDVALIDITY, whose value no test is about.
var validity = regexp.MustCompile(`(UIDVALIDITY|APPENDUID|COPYUID) \d+`)

// nameValidity writes V1 for the first value of the conversation, V2 for the
// second, and so on.
func (s *stage) nameValidity(text string) string {
	word, value, _ := strings.Cut(text, " ")
	if s.validity[value] == 0 {
		s.validity[value] = len(s.validity) + 1
	}
	return fmt.Sprintf("%s V%d", word, s.validity[value])
}

// named finds a UIDVALIDITY in what a client says: "{V1}".
var named = regexp.MustCompile(`\{V\d+\}`)

// validityOf is the value that a name stands for.
func (s *stage) validityOf(name string) string {
	for value, n := range s.validity {
		if name == fmt.Sprintf("{V%d}", n) {
			return value
		}
	}
	return name
}

// objectID finds the identifiers of folders, messages and conversations (RFC
// 8474): hashes of what the store happens to call them.
var objectID = regexp.MustCompile(`\((F|M|T)[A-Za-z0-9_-]{20}\)`)

// nameObject writes (F1) for the first folder of the conversation, and so on.
func (s *stage) nameObject(id string) string {
	if s.objects[id] == "" {
		s.objects[id] = fmt.Sprintf("(%c%d)", id[1], len(s.objects)+1)
	}
	return s.objects[id]
}

// end closes everything and waits for it.
func (s *stage) end() {
	for _, c := range s.clients {
		c.close()
	}
	s.cancel()
	s.conns.Wait()
	s.rig.stop(s.t)
}

// client is one end of a connection whose other end is served. It takes
// whatever comes at once, and sends in the background.
type client struct {
	conn   net.Conn
	send   chan []byte
	ended  sync.WaitGroup
	mu     sync.Mutex // guards the fields below
	got    bytes.Buffer
	closed bool
	told   bool // that it is closed
}

func newClient(conn net.Conn) *client {
	c := &client{conn: conn, send: make(chan []byte, 1000)}
	c.ended.Go(func() {
		for b := range c.send {
			if _, err := c.conn.Write(b); err != nil {
				for range c.send {
				}
			}
		}
	})
	c.ended.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			c.mu.Lock()
			c.got.Write(buf[:n])
			c.closed = err != nil
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	return c
}

func (c *client) say(t *testing.T, text string) {
	var times int
	var what string
	switch raw, ok := strings.CutPrefix(text, "raw "); {
	case text == "eof":
		c.conn.Close()
	case strings.HasPrefix(text, "repeat "):
		if _, err := fmt.Sscanf(text, "repeat %d %s", &times, &what); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		c.send <- []byte(strings.Repeat(what, times) + "\r\n")
	case ok:
		s, err := strconv.Unquote(raw)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		c.send <- []byte(s)
	default:
		c.send <- []byte(text + "\r\n")
	}
}

// take returns the lines received and not yet taken; the last may be cut off.
func (c *client) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for line := range bytes.Lines(c.got.Bytes()) {
		text, complete := bytes.CutSuffix(line, []byte("\r\n"))
		shown := printable(text)
		if !complete {
			shown += "¬"
		}
		lines = append(lines, shown)
	}
	c.got.Reset()
	if c.closed && !c.told {
		c.told = true
		lines = append(lines, "<closed>")
	}
	return lines
}

func (c *client) close() {
	c.conn.Close()
	close(c.send)
	c.ended.Wait()
}

// printable shows octets that are no text as escapes.
func printable(b []byte) string {
	s := string(b)
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return strings.TrimRight(s, " ") + strings.Repeat("␠", len(s)-len(strings.TrimRight(s, " ")))
	}
	return strings.Trim(strconv.Quote(s), `"`)
}

type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.buf.String()
	b.buf.Reset()
	return s
}

var errNoSuchKind = errors.New("unknown kind of failure")
