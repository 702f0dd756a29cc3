package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is an output that a test can wait on.
type screen struct {
	// mu guards text; more is closed and replaced with each write.
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newScreen() *screen { return &screen{more: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.more)
	s.more = make(chan struct{})
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// patience is how long a test waits for what should come at once: a machine may be busy.
const patience = 2 * time.Minute

// await returns the text once find likes it.
func (s *screen) await(t *testing.T, what string, find func(text string) bool) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		text, more := s.text.String(), s.more
		s.mu.Unlock()
		if find(text) {
			return text
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("waited in vain for %s; so far:\n%s", what, text)
		}
	}
}

func (s *screen) awaitText(t *testing.T, text string) string {
	t.Helper()
	return s.await(t, text, func(all string) bool { return strings.Contains(all, text) })
}

// process is a run of the program within this one.
type process struct {
	out, err *screen
	stop     context.CancelFunc
	code     chan int
}

// launch starts a command line; the test's end stops it.
func launch(t *testing.T, args ...string) *process {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{newScreen(), newScreen(), cancel, make(chan int, 1)}
	go func() { p.code <- run(ctx, args, streams{strings.NewReader(""), p.out, p.err}) }()
	t.Cleanup(cancel)
	return p
}

// end stops the program and returns its exit status.
func (p *process) end(t *testing.T) int {
	t.Helper()
	p.stop()
	select {
	case code := <-p.code:
		return code
	case <-time.After(patience):
		t.Fatalf("it does not stop; standard error:\n%s", p.err)
		return -1
	}
}

// runWith runs a command line to its end.
func runWith(in io.Reader, args ...string) (code int, out, errText string) {
	o, e := newScreen(), newScreen()
	code = run(context.Background(), args, streams{in, o, e})
	return code, o.String(), e.String()
}
