package graphstore

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

func TestLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(mailboxSlots, backgroundSlots)
		if got, want := s.load(time.Now()), (Load{Slots: 3, Budget: 10_000}); got != want {
			t.Errorf("at rest: %+v, want %+v", got, want)
		}
		release := occupy(t, s, 3)
		var wg sync.WaitGroup
		wg.Go(func() {
			if free, err := s.acquire(t.Context(), 1, 1); err != nil {
				t.Error(err)
			} else {
				free()
			}
		})
		synctest.Wait()
		refusal := &Error{Status: http.StatusTooManyRequests, after: time.Minute, hasAfter: true, kind: bridge.ErrUnavailable}
		for i, want := range []bool{true, false} {
			if d, first := s.pause(refusal); d != time.Minute || first != want {
				t.Errorf("refusal %d: %v, first %t", i, d, first)
			}
		}
		got, want := s.load(time.Now()), Load{Slots: 3, Busy: 3, Waiting: 1, Paused: time.Minute, Throttles: 2, Refusal: refusal, Spent: 3, Budget: 10_000}
		if got != want {
			t.Errorf("while throttled: %+v, want %+v", got, want)
		}
		for _, free := range release {
			free()
		}
		wg.Wait()
		time.Sleep(budgetWindow + budgetStep) // of virtual time
		got, want = s.load(time.Now()), Load{Slots: 3, Throttles: 2, Refusal: refusal, Budget: 10_000}
		if got != want {
			t.Errorf("afterwards: %+v, want %+v", got, want)
		}
	})
}

// TestObserve: what goes to metrics names routes and no messages, and how long a
// request stood in line.
func TestObserve(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	log := new(strings.Builder)
	s.store.log = slog.New(slog.NewTextHandler(log, nil))
	var mu sync.Mutex
	var seen []Exchange
	s.client.observe = func(e Exchange) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, e)
	}
	id, err := s.box.Deliver([]byte(letter("x")), graphsim.DeliverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const pause = 300 * time.Millisecond
	s.AddFault(graphsim.Fault{Method: "GET", Count: 1, Status: http.StatusTooManyRequests, Code: "TooManyRequests", RetryAfter: "0.3"})
	ctx := bridge.WithBackground(t.Context())
	text, err := s.store.MIME(ctx, bridge.MessageID(id))
	if err != nil {
		t.Fatal(err)
	}
	text.Close()
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 2 || seen[0].Status != http.StatusTooManyRequests || seen[1].Status != http.StatusOK {
		t.Fatalf("saw %+v, want one refusal and one success", seen)
	}
	for _, e := range seen {
		if e.Mailbox != simAddress || e.Method != "GET" || strings.Contains(e.Route, id) || !strings.HasPrefix(e.Route, "/users/{user}/messages/{message}/") || !e.Background {
			t.Errorf("%+v", e)
		}
	}
	if seen[1].Waited < pause {
		t.Errorf("the second one waited %v, want at least the %v that the service asked for", seen[1].Waited, pause)
	}
	if l := s.store.Load(); l.Throttles != 1 {
		t.Errorf("%d throttles, want 1", l.Throttles)
	}
	if n := strings.Count(log.String(), "graph asks for fewer requests"); n != 1 || !strings.Contains(log.String(), "pause=300ms") {
		t.Errorf("the log tells of it %d times:\n%s", n, log.String())
	}
}

func TestTokenState(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	if got := s.client.Token(); got != (TokenState{}) {
		t.Errorf("before the first token: %+v", got)
	}
	if err := s.client.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.client.Token(); got.Refused != nil || time.Until(got.Expires) < time.Minute {
		t.Errorf("with a token: %+v", got)
	}
	s.client.tokens.mu.Lock()
	s.client.tokens.renewAt, s.client.tokens.token.ExpiresOn = time.Now(), time.Now()
	s.client.tokens.stale = true // past the cache of azidentity
	s.client.tokens.mu.Unlock()
	s.AddApp(graphsim.App{Tenant: "example.com", ClientID: "app-1", Secret: "other"})
	if err := s.client.Check(t.Context()); err == nil {
		t.Fatal("a wrong secret is taken")
	}
	got := s.client.Token()
	if !errors.Is(got.Refused, bridge.ErrCredentials) || got.SignInDue || !strings.Contains(got.Cure, "wrong client secret") {
		t.Errorf("with a wrong secret: %+v", got)
	}
}
