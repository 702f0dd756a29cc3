package smtpsrv

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// start runs a server over pipes inside a synctest bubble.
func start(t *testing.T, o Options) (ln *pipeListener, stop func()) {
	ln = newPipeListener()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(o).Serve(ctx, ln) }()
	return ln, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

const loggedIn = "EHLO x\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\n"
const inData = loggedIn + "MAIL FROM:<user@example.com>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n"

func TestIdle(t *testing.T) {
	for _, tc := range []struct {
		name, say string
		after     time.Duration
		want      string
	}{
		{"before login", "EHLO x\r\n", 2 * time.Minute, "421 4.4.2 Idle timeout, bye bye"},
		{"after login", loggedIn, 5 * time.Minute, "421 4.4.2 Idle timeout, bye bye"},
		{"inside DATA", inData + "half\r\n", 5 * time.Minute, "421 4.4.2 Idle timeout inside a message"},
		{"never ending DATA", inData + "x\n.\n", 5 * time.Minute, "421 4.4.2 Idle timeout inside a message"},
		{"inside a chunk", strings.Replace(inData, "DATA", "BDAT 9 LAST", 1) + "half", 5 * time.Minute, "421 4.4.2 Idle timeout inside a message"},
		{"inside AUTH", "EHLO x\r\nAUTH LOGIN\r\n", 2 * time.Minute, "421 4.4.2 Idle timeout, bye bye"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				account := &fakeAccount{}
				ln, stop := start(t, Options{Login: account.login, LoginTimeout: 2 * time.Minute})
				defer stop()
				c := newClient(ln.dial())
				send(c, tc.say)
				before := c.answers()
				time.Sleep(tc.after - time.Second)
				if got := c.answers(); len(got) > 0 {
					t.Errorf("too early: %q", got)
				}
				time.Sleep(time.Second)
				got := c.answers()
				if len(got) < 2 || got[0] != tc.want || got[len(got)-1] != "<closed>" {
					t.Errorf("after %q: %q, want %q and the end", before, got, tc.want)
				}
				if sent := account.messages(); len(sent) != 0 {
					t.Errorf("sent %q", sent)
				}
			})
		})
	}
}

// TestSlowSender: what counts is the time between octets, not that of the message.
func TestSlowSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := &fakeAccount{}
		ln, stop := start(t, Options{Login: account.login})
		defer stop()
		c := newClient(ln.dial())
		send(c, inData)
		for range 10 {
			time.Sleep(4 * time.Minute)
			send(c, "x\r\n")
		}
		send(c, ".\r\n")
		got := c.answers()
		if len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "250 2.6.0 ") || len(account.messages()) != 1 {
			t.Errorf("answers %q", got)
		}
		_ = c.Close()
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := &fakeAccount{hold: make(chan struct{})}
		ln, stop := start(t, Options{Login: account.login})
		idle, sending, receiving := newClient(ln.dial()), newClient(ln.dial()), newClient(ln.dial())
		send(idle, "EHLO x\r\n")
		send(sending, inData+"x\r\n.\r\n")
		send(receiving, inData+"half")
		for _, c := range []*client{idle, sending, receiving} {
			c.answers()
		}
		var stopped sync.WaitGroup
		stopped.Go(stop)
		wantBye := []string{stopReply, "<closed>"}
		for name, c := range map[string]*client{"idle": idle, "receiving": receiving} {
			if got := c.answers(); fmt.Sprint(got) != fmt.Sprint(wantBye) {
				t.Errorf("%s: %q, want %q", name, got, wantBye)
			}
		}
		if got := sending.answers(); len(got) != 0 {
			t.Errorf("sending: %q while the service takes the message", got)
		}
		close(account.hold)
		got := sending.answers()
		if len(got) != 3 || !strings.HasPrefix(got[0], "250 2.6.0 ") || got[1] != wantBye[0] {
			t.Errorf("sending: %q", got)
		}
		stopped.Wait()
		if len(account.messages()) != 1 {
			t.Error("not one message was sent")
		}
	})
}

// TestStopCuts: a service that never answers does not hold up the end.
func TestStopCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := &fakeAccount{hold: make(chan struct{})}
		ln, stop := start(t, Options{Login: account.login, StopTimeout: 3 * time.Second})
		c := newClient(ln.dial())
		send(c, inData+"x\r\n.\r\n")
		c.answers()
		begin := time.Now()
		stop()
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("stopped after %v, want 3s", d)
		}
	})
}

func TestSendTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := &fakeAccount{hold: make(chan struct{})}
		ln, stop := start(t, Options{Login: account.login, SendTimeout: time.Minute})
		defer stop()
		c := newClient(ln.dial())
		send(c, inData+"x\r\n.\r\n")
		c.answers()
		time.Sleep(time.Minute)
		if got := c.answers(); len(got) != 1 || !strings.HasPrefix(got[0], "451 4.4.1 ") {
			t.Errorf("%q, want 451 4.4.1", got)
		}
		_ = c.Close()
	})
}

func TestTooManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, Options{Login: (&fakeAccount{}).login, MaxConnections: 1})
		defer stop()
		first, second := newClient(ln.dial()), newClient(ln.dial())
		if got := second.answers(); len(got) != 2 || !strings.HasPrefix(got[0], "421 4.3.2 ") {
			t.Errorf("second connection: %q", got)
		}
		if got := first.answers(); len(got) != 1 || !strings.HasPrefix(got[0], "220 ") {
			t.Errorf("first connection: %q", got)
		}
		_ = first.Close()
		synctest.Wait()
		third := newClient(ln.dial())
		if got := third.answers(); len(got) != 1 || !strings.HasPrefix(got[0], "220 ") {
			t.Errorf("after the first has gone: %q", got)
		}
		_ = third.Close()
	})
}

// TestLongLines: text may be on one line of any length; a command may not.
func TestLongLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := &fakeAccount{}
		ln, stop := start(t, Options{Login: account.login})
		defer stop()
		c := newClient(ln.dial())
		send(c, inData+strings.Repeat("x", 3<<20)+"\r\n.\r\n")
		if got := c.answers(); !strings.HasPrefix(got[len(got)-1], "250 2.6.0 ") || len(account.messages()) != 1 {
			t.Errorf("a line of 3 MiB: %q", got)
		}
		send(c, "NOOP "+strings.Repeat("x", maxLineLength)+"\r\n")
		if got := c.answers(); len(got) != 2 || !strings.HasPrefix(got[0], "500 ") || got[1] != "<closed>" {
			t.Errorf("a long command: %q", got)
		}
	})
}

// TestTraceHidesPasswords reads the log of all ways to log in.
func TestTraceHidesPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log strings.Builder
		w := writerFunc(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return log.Write(p) })
		logger := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
		ln, stop := start(t, Options{Login: (&fakeAccount{}).login, Logger: logger})
		c := newClient(ln.dial())
		send(c, "EHLO x\r\nauth plain AHVzZXIAd3Jvbmc=\r\nAUTH LOGIN\r\ndXNlcg==\r\nd3Jvbmc=\r\nAUTH PLAIN\r\nAHVzZXIAc2VjcmV0\r\n")
		c.answers()
		send(c, "Subject: plan\r\nAHVzZXIAc2VjcmV0\r\n") // as if DATA had been taken
		c.answers()
		stop()
		mu.Lock()
		defer mu.Unlock()
		for _, secret := range []string{"AHVzZXIAd3Jvbmc", "d3Jvbmc", "c2VjcmV0", "secret", "plan"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log shows %q:\n%s", secret, log.String())
			}
		}
		if !strings.Contains(log.String(), `msg="logged in"`) {
			t.Errorf("no login in the log:\n%s", log.String())
		}
	})
}

// tracedAccount is an account whose login is traced.
type tracedAccount struct{ *fakeAccount }

func (tracedAccount) LoginName() string { return "scanner" }
func (tracedAccount) Traced() bool      { return true }

// TestTraceAndStats: a login that is traced is shown from its login on, and all are
// counted.
func TestTraceAndStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log strings.Builder
		w := writerFunc(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return log.Write(p) })
		account := &fakeAccount{}
		o := Options{Logger: slog.New(slog.NewTextHandler(w, nil)), Login: func(ctx context.Context, user, password, remote string) (Account, error) {
			_, err := account.login(ctx, user, password, remote)
			return tracedAccount{account}, err
		}}
		ln := newPipeListener()
		srv := New(o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ctx, ln) }()
		c := newClient(ln.dial())
		send(c, inData+"Subject: plan\r\n\r\nplan\r\n.\r\nNONSENSE\r\n")
		c.answers()
		got := srv.Stats()
		if got.Connections != 1 || got.Accepted != 1 || got.TurnedAway != 0 || got.Sessions["scanner"] != 1 {
			t.Errorf("with a client: %+v", got)
		}
		want := map[Reply]uint64{{"EHLO", "2xx"}: 1, {"AUTH", "2xx"}: 1, {"MAIL", "2xx"}: 1, {"RCPT", "2xx"}: 1,
			{"DATA", "3xx"}: 1, {"DATA", "2xx"}: 1, {"other", "5xx"}: 1}
		if !maps.Equal(got.Replies, want) {
			t.Errorf("replies %v, want %v", got.Replies, want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := srv.Stats(); got.Connections != 0 || len(got.Sessions) != 0 {
			t.Errorf("without one: %+v", got)
		}
		mu.Lock()
		defer mu.Unlock()
		for text, want := range map[string]bool{"EHLO": false, "AUTH": false, "235 2.7.0": true, "MAIL FROM:<user@example.com>": true, "354 ": true,
			"plan": false, "NONSENSE": false, "octets hidden": true} {
			if strings.Contains(log.String(), text) != want {
				t.Errorf("%q in the log: %t, want %t:\n%s", text, !want, want, log.String())
			}
		}
	})
}

// TestPanicIsLogged: a bug costs the connection, not the server, and a person
// hears of it; a client that goes away is no error.
func TestPanicIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log strings.Builder
		w := writerFunc(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return log.Write(p) })
		o := Options{
			Logger: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelError})),
			Login:  func(context.Context, string, string, string) (Account, error) { panic("bug") },
		}
		ln, stop := start(t, o)
		gone := newClient(ln.dial())
		send(gone, "EHLO x\r\n")
		_ = gone.Close()
		synctest.Wait()
		if log.Len() > 0 {
			t.Errorf("a client that goes away is logged as an error: %s", log.String())
		}
		c := newClient(ln.dial())
		send(c, loggedIn)
		got := c.answers()
		if len(got) < 2 || !strings.HasPrefix(got[len(got)-2], "421 ") || got[len(got)-1] != "<closed>" {
			t.Errorf("answers %q", got)
		}
		stop()
		if text := log.String(); !strings.Contains(text, "bug") || !strings.Contains(text, "server_test.go") {
			t.Errorf("no stack in the log: %s", text)
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// FuzzDialogue: whatever a client says, the server neither panics nor hangs,
// and a message that is cut off is never sent.
func FuzzDialogue(f *testing.F) {
	f.Add([]byte(inData + "x\r\n.\r\nQUIT\r\n"))
	f.Add([]byte(loggedIn + "MAIL FROM:<user@example.com>\r\nRCPT TO:<a@example.org>\r\nBDAT 3\r\nabcBDAT 9 LAST\r\nab"))
	f.Add([]byte("EHLO x\r\n?\r\n?\r\n?\r\n?\r\nMAIL FROM:<user@example.com>\r\n"))
	f.Add([]byte(loggedIn + "MAIL FROM:<user> BODY=BINARYMIME SMTPUTF8 RET=FULL ENVID=x+2B\r\nRCPT TO:<@r:\xc3\xa4@b> NOTIFY=NEVER ORCPT=rfc822;a@b\r\nBDAT 1\r\n\x00BDAT 0 LAST\r\n"))
	f.Add([]byte(loggedIn + "MAIL FROM: user@example.com\nRCPT TO:<postmaster>\nDATA\nx\r\r\n\n.\nHELP\n"))
	f.Add([]byte("EHLO x\r\nSTARTTLS\r\nAUTH LOGIN =\r\n=\r\n*\r\nRSET\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		account := &fakeAccount{}
		var log strings.Builder
		near, far := net.Pipe()
		ln := newPipeListener()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		go func() {
			done <- New(Options{Login: account.login, Logger: logger, MaxSize: 1 << 20, DSN: true}).Serve(ctx, ln)
		}()
		ln.conns <- far
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(io.Discard, near) })
		_, _ = near.Write(in)
		_ = near.Close()
		reading.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "panic") {
			t.Fatal(log.String())
		}
	})
}
