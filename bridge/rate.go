package bridge

import (
	"sync"
	"time"
)

// rateWindow keeps to the messages that Exchange takes from a mailbox in a minute
// (graph-reference §10.3).
type rateWindow struct {
	mu    sync.Mutex  // guards the fields below
	times []time.Time // of the last messages, as many as a minute may have; none: no limit
	last  int         // index of the latest
}

// wait returns how long it is until one more may be sent.
func (w *rateWindow) wait(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left(now)
}

func (w *rateWindow) left(now time.Time) time.Duration {
	if len(w.times) == 0 {
		return 0
	}
	oldest := w.times[(w.last+1)%len(w.times)]
	if oldest.IsZero() {
		return 0
	}
	return max(0, oldest.Add(time.Minute).Sub(now))
}

// crowded reports whether half of what a minute may have was sent. From then on new
// messages leave the rest to those that wait, who would not get their turn otherwise.
func (w *rateWindow) crowded(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.times)
	if n == 0 {
		return false
	}
	middle := w.times[(w.last+n-n/2)%n] // n/2 before the latest
	return !middle.IsZero() && now.Sub(middle) < time.Minute
}

// admit counts one message, or returns how long it has to wait.
func (w *rateWindow) admit(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.left(now); d > 0 {
		return d
	}
	if len(w.times) > 0 {
		w.last = (w.last + 1) % len(w.times)
		w.times[w.last] = now
	}
	return 0
}
