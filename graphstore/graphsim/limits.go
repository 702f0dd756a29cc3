package graphsim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// throttle counts for the limits of graph/throttling-limits, §11.1. A refused request counts too.
type throttle struct {
	running map[string]int
	windows map[string]*window
}

// window counts in the fixed interval that began at start.
type window struct {
	start    time.Time
	requests int
	bytes    int64
}

// acquire takes a slot for the call, or refuses it. The returned function gives the slot back.
func (s *Server) acquire(c *call) (release func(), err *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.limits
	app := ""
	if c.token != nil {
		app = c.token.app.ClientID
	}
	scope := app + " " + strings.ToLower(c.entry.Mailbox)
	if err := s.charge(scope, c); err != nil {
		return nil, err
	}
	if l.PerApp {
		scope = app
	}
	if !s.slot(scope) {
		return nil, s.throttled("ApplicationThrottled", "Application is over its MailboxConcurrency limit.", 1)
	}
	return func() { s.unslot(scope, c.inBatch) }, nil
}

// slot takes one of the concurrent slots of a scope. The caller holds mu.
func (s *Server) slot(scope string) bool {
	t := &s.throttle
	if t.running == nil {
		t.running = map[string]int{}
	}
	if t.running[scope] >= or(s.limits.Concurrency, 4) {
		return false
	}
	t.running[scope]++
	return true
}

// unslot gives a slot back, after the lag that people observed (QA 1660054, §11.1). Steps of a batch follow each other
// inside the service and know no lag.
func (s *Server) unslot(scope string, step bool) {
	free := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.throttle.running[scope]--; s.throttle.running[scope] <= 0 {
			delete(s.throttle.running, scope)
		}
	}
	s.mu.Lock()
	lag := s.limits.SlotLag
	s.mu.Unlock()
	if lag > 0 && !step {
		time.AfterFunc(lag, free)
		return
	}
	free()
}

// charge counts a request and its bytes. The caller holds mu.
func (s *Server) charge(scope string, c *call) *apiError {
	t, l, now := &s.throttle, &s.limits, s.now()
	if t.windows == nil {
		t.windows = map[string]*window{}
	}
	w := t.window(scope, now, or(int64(l.Window), int64(10*time.Minute)))
	if w.requests++; w.requests > or(l.Requests, 10_000) {
		return s.throttled("ApplicationThrottled", "Application is over its request limit.",
			time.Duration(or(int64(l.Window), int64(10*time.Minute)))-now.Sub(w.start))
	}
	if c.method == http.MethodGet || c.method == http.MethodDelete {
		return nil
	}
	return s.chargeBytes(scope, int64(len(c.body)), now)
}

// chargeBytes counts uploaded bytes. The caller holds mu.
func (s *Server) chargeBytes(scope string, n int64, now time.Time) *apiError {
	if s.throttle.windows == nil {
		s.throttle.windows = map[string]*window{}
	}
	span := or(int64(s.limits.UploadWindow), int64(5*time.Minute))
	w := s.throttle.window("bytes "+scope, now, span)
	if w.bytes+n > or(s.limits.UploadBytes, 150<<20) {
		return s.throttled("ApplicationThrottled", "Application is over its upload limit.", time.Duration(span)-now.Sub(w.start))
	}
	w.bytes += n
	return nil
}

func (t *throttle) window(scope string, now time.Time, span int64) *window {
	w := t.windows[scope]
	if w == nil || now.Sub(w.start) >= time.Duration(span) {
		w = &window{start: now}
		t.windows[scope] = w
	}
	return w
}

// throttled is a 429 with Retry-After in the configured form (§11.2). The caller holds mu.
func (s *Server) throttled(code, text string, wait time.Duration) *apiError {
	err := fail(http.StatusTooManyRequests, code, "%s", text)
	seconds := max(wait.Seconds(), 1)
	switch s.limits.RetryAfter {
	case "none":
	case "fraction":
		err.RetryAfter = strconv.FormatFloat(seconds+0.128, 'f', 3, 64)
	default:
		err.RetryAfter = strconv.Itoa(int(seconds + 0.999))
	}
	return err
}
