package graphstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/outbox"
	"mail2graph/graphstore/graphsim"
)

// wire is the way from one process to the simulator, in virtual time. It fails at
// one request, and is dead after it if the process is killed there.
type wire struct {
	fake
	at   int // the request, counted from 0; -1: none
	how  cut
	kill func() // nil: the process lives on

	mu   sync.Mutex // guards what follows
	n    int
	dead bool
	seen []string
}

// cut is how a request fails.
type cut string

const (
	before   cut = "connection cut before it"
	after    cut = "answer lost"
	gateway  cut = "502 of a gateway after it"
	busy     cut = "503 before it"
	busyDone cut = "503 after it was carried out"
	slowDown cut = "429"
)

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/oauth2/") || strings.Contains(r.URL.Path, "openid") {
		return w.fake.RoundTrip(r)
	}
	w.mu.Lock()
	defer w.mu.Unlock() // the log of fake, and one request after the other
	if w.dead {
		return nil, errors.New("the process is dead")
	}
	now := w.n == w.at
	w.n++
	w.seen = append(w.seen, r.Method+" "+r.URL.Path)
	r.Header.Del("Authorization") // the simulator is open, and knows no token of fake's
	r.TLS, r.Host = &tls.ConnectionState{}, r.URL.Host
	if !now {
		return w.fake.RoundTrip(r)
	}
	how := w.how
	if how == after || how == gateway || how == busyDone {
		resp, err := w.fake.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
	}
	if w.kill != nil {
		w.kill()
		w.dead = true
	}
	switch how {
	case before, after:
		return nil, io.ErrUnexpectedEOF
	case gateway:
		return plainAnswer(502, "text/html", "<html>bad gateway</html>"), nil
	case slowDown:
		resp := plainAnswer(429, "application/json", `{"error":{"code":"ApplicationThrottled","message":"m"}}`)
		resp.Header.Set("Retry-After", "7")
		return resp, nil
	}
	return plainAnswer(503, "application/json", `{"error":{"code":"UnknownError","message":"m"}}`), nil
}

func plainAnswer(status int, kind, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}
}

// outboxOn runs a bridge with its state in dir over a wire; stop ends it.
func outboxOn(t *testing.T, dir string, w *wire) (account *bridge.Account, stop func()) {
	t.Helper()
	const hash = "$2a$04$cgULFaPtWZbXXn6yWyyl.evLi1M2FOKZX7K5yOPbhavqsVyZU5EMK" // "secret"
	cfg := bridge.Defaults()
	cfg.StateDir = dir
	m := bridge.DefaultMailbox()
	m.Address, m.Poll = "u@example.com", 0
	cfg.Mailboxes = map[string]bridge.MailboxConfig{"box": m}
	l := bridge.DefaultLogin()
	l.Username, l.PasswordHash, l.Mailbox = "u", hash, "box"
	cfg.Logins = map[string]bridge.LoginConfig{"u": l}
	store := w.fake.store(t)
	store.c.http.Transport = w
	b, err := bridge.New(t.Context(), cfg, bridge.Options{
		OpenStore: func(string, bridge.MailboxConfig) (bridge.Store, error) { return store, nil },
		OpenIndex: func(ctx context.Context, _, path string) (bridge.Index, error) {
			return index.Open(ctx, path, index.Options{})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	if account, err = b.Login(t.Context(), bridge.SMTP, "u", "secret", "pipe"); err != nil {
		t.Fatal(err)
	}
	return account, func() {
		cancel()
		<-done
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// longVariable, if set, has TestOnce try everything, which takes a minute or two.
const longVariable = "MAIL2GRAPH_TEST_LONG"

// onceCase sends one message while one request fails, and wants it to be delivered
// once, and nothing left. It returns the requests.
func onceCase(t *testing.T, modes graphsim.Modes, text string, at int, how cut, kill bool) (seen []string) {
	synctest.Test(t, func(t *testing.T) {
		sim := graphsim.New(graphsim.Options{Seed: 1, Open: true, Modes: modes})
		box, err := sim.AddMailbox("u@example.com", graphsim.MailboxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		state, left := t.TempDir(), t.TempDir()
		w := &wire{fake: fake{graph: sim.ServeHTTP}, at: at, how: how}
		if kill {
			w.kill = func() {
				if err := os.CopyFS(filepath.Join(left, bridge.OutboxDir), os.DirFS(filepath.Join(state, bridge.OutboxDir))); err != nil {
					t.Error(err)
				}
			}
		}
		account, stop := outboxOn(t, state, w)
		rcpts := []string{"a@example.org", "b@example.org"}
		env := bridge.Submission{From: "u@example.com"}
		for _, r := range rcpts {
			env.Recipients = append(env.Recipients, bridge.Recipient{Address: r})
		}
		if _, err := account.Send(t.Context(), env, io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))); err != nil {
			t.Errorf("Send: %v", err)
		}
		time.Sleep(40 * time.Minute)
		stop()
		if w.dead {
			state = left
			_, stop = outboxOn(t, left, &wire{fake: fake{graph: sim.ServeHTTP}, at: -1})
			time.Sleep(40 * time.Minute)
			stop()
		}
		sim.Settle()
		d := sim.Deliveries()
		if len(d) != 1 || !slices.Equal(slices.Sorted(slices.Values(d[0].Recipients)), rcpts) {
			t.Errorf("delivered %d times: %+v", len(d), d)
		}
		if n, m := len(box.Messages("drafts")), len(box.Messages("inbox")); n+m > 0 {
			t.Errorf("%d drafts and %d reports are left", n, m)
		}
		waiting := 0
		if _, err := outbox.List(filepath.Join(state, bridge.OutboxDir), func(r *outbox.Record) error {
			waiting++
			t.Logf("in the outbox: %+v", r)
			return nil
		}); err != nil || waiting > 0 {
			t.Errorf("%d messages stay in the outbox, %v", waiting, err)
		}
		seen = w.seen
	})
	return seen
}

// TestOnce lets every request on the way of a message fail in every way, with the
// process living on and being killed, over services of different habits.
func TestOnce(t *testing.T) {
	small := "From: u@example.com\r\nTo: a@example.org\r\nSubject: x\r\nMessage-ID: <x@example.com>\r\n\r\nhello\r\n"
	large := strings.ReplaceAll(letter("x", 100_000, 3_500_000), simAddress, "u@example.com")
	all := os.Getenv(longVariable) != ""
	cuts := []cut{before, after, gateway, busy, busyDone, slowDown}
	for name, modes := range map[string]graphsim.Modes{
		"as documented":         {},
		"late copies":           {SentDelay: 5 * time.Second},
		"lingering drafts":      {SentDelay: 15 * time.Second, DraftLingers: true},
		"other ids, no filters": {SentDelay: 5 * time.Second, CopyGetsNewID: true, FilterRefused: true},
	} {
		for size, text := range map[string]string{"small": small, "large": large} {
			hows := cuts
			if size == "large" && !all {
				if hows = cuts[:2]; name != "as documented" || testing.Short() {
					continue
				}
			}
			requests := onceCase(t, modes, text, -1, "", false)
			t.Logf("%s, %s: %d requests", name, size, len(requests))
			for at := range requests {
				for _, how := range hows {
					for _, kill := range []bool{false, true} {
						t.Run(fmt.Sprintf("%s, %s, request %d: %s, killed %t", name, size, at, how, kill), func(t *testing.T) {
							onceCase(t, modes, text, at, how, kill)
						})
					}
				}
			}
		}
	}
}
