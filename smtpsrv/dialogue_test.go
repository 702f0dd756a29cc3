package smtpsrv

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

var update = flag.Bool("update", false, "rewrite the server's side of testdata/*.txt")

// fakeAccount records what it is given. A recipient at error.example makes it
// fail with the error that its local part names.
type fakeAccount struct {
	hold chan struct{} // if not nil, Send waits for it or for its context
	size int64         // MaxSize, 0: very large
	most int           // MaxRecipients

	// mu guards sent.
	mu   sync.Mutex
	sent []string
}

var sendErrors = map[string]error{
	"quota": bridge.ErrQuota, "denied": bridge.ErrDenied, "away": bridge.ErrUnavailable,
	"throttled": &bridge.RetryError{After: time.Minute}, "credentials": bridge.ErrCredentials,
	"bug":  errors.New("secret detail"),
	"said": &bridge.Refusal{Reply: "Exchange Online: ErrorInvalidRecipients: no", Err: fmt.Errorf("secret detail: %w", bridge.ErrInvalid)},
	"many": &bridge.Refusal{Reply: "Exchange Online: ErrorTooManyRecipients", Err: &bridge.RecipientsError{Err: bridge.ErrInvalid}},
}

func (a *fakeAccount) MaxSize() int64 { return cmp.Or(a.size, 1<<40) }

func (a *fakeAccount) MaxRecipients() int { return a.most }

// option takes a line O: that is about the account.
func (a *fakeAccount) option(text string) bool {
	name, value, _ := strings.Cut(text, " ")
	n, _ := strconv.Atoi(value)
	switch name {
	case "account-size":
		a.size = int64(n)
	case "account-recipients":
		a.most = n
	default:
		return false
	}
	return true
}

func (a *fakeAccount) MaySend(address string) bool {
	return address == "" || strings.EqualFold(address, "user@example.com")
}

func (a *fakeAccount) Domain() string { return "example.com" }

func (a *fakeAccount) Send(ctx context.Context, env bridge.Submission, msg *io.SectionReader) (bridge.Receipt, error) {
	from, rcpts := env.From, env.Addresses()
	text, err := io.ReadAll(msg)
	if err != nil {
		return bridge.Receipt{}, err
	}
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-ctx.Done():
			return bridge.Receipt{}, ctx.Err()
		}
	}
	for _, r := range rcpts {
		if name, ok := strings.CutSuffix(r, "@error.example"); ok {
			return bridge.Receipt{}, fmt.Errorf("send to %s: %w", r, sendErrors[name])
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var to []string
	for _, r := range env.Recipients {
		to = append(to, strings.TrimRight(strings.Join([]string{r.Address, r.Notify, r.Original}, " "), " "))
	}
	var more string
	if env.EnvelopeID != "" || env.ReturnFull || env.Binary {
		more = fmt.Sprintf(" (ENVID %q, RET=FULL %v, BINARYMIME %v)", env.EnvelopeID, env.ReturnFull, env.Binary)
	}
	a.sent = append(a.sent, fmt.Sprintf("<%s>%s to %s: %q", from, more, strings.Join(to, ", "), text))
	switch rcpts[0] {
	case "later@outbox.example":
		return bridge.Receipt{QueueID: "0ABC", Queued: true}, nil
	case "now@outbox.example":
		return bridge.Receipt{QueueID: "0ABC", RequestID: "7d3f-1"}, nil
	}
	return bridge.Receipt{RequestID: "7d3f-1"}, nil
}

// messages returns and forgets what was sent.
func (a *fakeAccount) messages() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	sent := a.sent
	a.sent = nil
	return sent
}

func (a *fakeAccount) login(_ context.Context, user, password, _ string) (Account, error) {
	switch {
	case user == "away":
		return nil, bridge.ErrUnavailable
	case user == "locked":
		return nil, bridge.ErrLocked
	case user == "reader":
		return nil, bridge.ErrDenied
	case user != "user" || password != "secret":
		return nil, bridge.ErrAuth
	}
	return a, nil
}

// addrConn is a connection from somewhere else.
type addrConn struct {
	net.Conn
	remote net.Addr
}

func (c addrConn) RemoteAddr() net.Addr { return c.remote }

// pipeListener accepts what dial makes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// client collects the lines of the server's side; "<closed>" is its end.
type client struct {
	net.Conn
	lines chan string
}

func newClient(nc net.Conn) *client {
	c := &client{nc, make(chan string, 10000)}
	go func() {
		defer close(c.lines)
		r := bufio.NewReader(nc)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				c.lines <- strings.TrimSuffix(line, "\r\n")
			}
			if err != nil {
				c.lines <- "<closed>"
				return
			}
		}
	}()
	return c
}

// answers waits until nothing moves any more and returns what came.
func (c *client) answers() []string {
	synctest.Wait()
	var lines []string
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				return lines
			}
			lines = append(lines, line)
		default:
			return lines
		}
	}
}

// TestDialogues plays testdata/*.txt. A line of them is one of
//
//	# comment
//	O: option value        see options
//	C: line                sent with CRLF
//	Q: "octets\r\n"        sent at once, as the Go string says
//	E:                     the client closes the connection
//	S: line                what the server answers; <closed> when it hangs up
//	M: message             what reached the account
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) { got = play(t, string(want)) })
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// play returns the script with what the server really answered.
func play(t *testing.T, script string) string {
	account := &fakeAccount{}
	var out, log strings.Builder
	o := Options{
		Login: account.login, Hostname: "gateway", SpoolDir: t.TempDir(),
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	var remote net.Addr
	var c *client
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var run sync.WaitGroup
	collect := func() {
		for _, line := range c.answers() {
			fmt.Fprintf(&out, "S: %s\n", line)
		}
		for _, m := range account.messages() {
			fmt.Fprintf(&out, "M: %s\n", m)
		}
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		kind, text, _ := strings.Cut(line, ": ")
		if kind == "O" && !account.option(text) {
			remote = setOption(t, &o, text, remote)
		}
		if c == nil && strings.Contains("CQE", strings.TrimSuffix(kind, ":")) && line != "" {
			ln := newPipeListener()
			run.Go(func() { _ = New(o).Serve(ctx, ln) })
			near, far := net.Pipe()
			if remote != nil {
				far = addrConn{far, remote}
			}
			ln.conns <- far
			c = newClient(near)
			collect() // the greeting
		}
		switch strings.TrimSuffix(kind, ":") {
		case "S", "M":
			continue
		case "C":
			send(c, text+"\r\n")
		case "Q":
			raw, err := strconv.Unquote(text)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			send(c, raw)
		case "E":
			_ = c.Close()
		}
		fmt.Fprintln(&out, line)
		if c != nil {
			collect()
		}
	}
	_ = c.Close()
	cancel()
	run.Wait()
	if strings.Contains(log.String(), "panic") { // a closed connection hides it
		t.Error(log.String())
	}
	return out.String()
}

// send writes beside the test: a server that hung up must not hold it.
func send(c *client, text string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.WriteString(c, text)
	}()
	synctest.Wait()
	select {
	case <-done:
	default:
		_ = c.Close() // it will never be read
		<-done
	}
}

func setOption(t *testing.T, o *Options, text string, remote net.Addr) net.Addr {
	name, value, _ := strings.Cut(text, " ")
	n, _ := strconv.Atoi(value)
	switch name {
	case "max-size":
		o.MaxSize = int64(n)
	case "max-recipients":
		o.MaxRecipients = n
	case "remote":
		return &net.TCPAddr{IP: net.ParseIP(value), Port: 50000}
	case "plain": // passwords may come in the clear from everywhere
		o.AllowPlain = func(net.Addr) bool { return true }
	case "tls":
		o.TLSConfig = testTLS(t)
	case "dsn":
		o.DSN = true
	case "trusted": // a login that needs no password
		account, _ := o.Login(t.Context(), "user", "secret", "")
		o.Trusted = func(context.Context, string) (Account, string, error) { return account, value, nil }
	default:
		t.Fatalf("unknown option %s", name)
	}
	return remote
}
