package status

import (
	"sync"
	"time"
)

// The page shows the last hours by the minute.
const (
	historyStep = time.Minute
	historySize = 180
)

// point is what happened in one step, and how things stood at its end.
type point struct {
	requests, throttles float64
	outbox              float64
}

// history is the memory behind the curves. Its zero value is ready.
type history struct {
	mu     sync.Mutex // guards the fields below
	points []point    // oldest first, up to historySize
	last   totals     // at the end of the last one
}

// totals are the counters that curves are made of.
type totals struct{ requests, throttles float64 }

func totalsOf(s *Snapshot) totals {
	t := totals{requests: float64(s.Graph.Total())}
	for _, m := range s.Mailboxes {
		t.throttles += float64(m.Throttles)
	}
	return t
}

// add ends a step.
func (h *history) add(s *Snapshot) {
	t := totalsOf(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.points) == historySize {
		h.points = append(h.points[:0], h.points[1:]...)
	}
	h.points = append(h.points, point{t.requests - h.last.requests, t.throttles - h.last.throttles, float64(inOutbox(s))})
	h.last = t
}

// curves returns the values of all points and of the step under way.
func (h *history) curves(s *Snapshot) (requests, throttles, outbox []float64) {
	t := totalsOf(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range append(h.points[:len(h.points):len(h.points)], point{t.requests - h.last.requests, t.throttles - h.last.throttles, float64(inOutbox(s))}) {
		requests, throttles, outbox = append(requests, p.requests), append(throttles, p.throttles), append(outbox, p.outbox)
	}
	return requests, throttles, outbox
}
