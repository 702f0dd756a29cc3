package status

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"mail2graph/graphstore"
)

// Traffic is what went to Graph since the start.
type Traffic struct {
	Requests  map[Request]uint64
	Durations map[string]Histogram // by method
	Waits     map[string]Histogram // by "interactive" and "background"
	Units     map[string]uint64    // requests as the service counts them, by address of the mailbox
}

// Request is a kind of request.
type Request struct {
	Method, Route string
	Status        string // "2xx", "429", "none"
}

// Total is the number of all requests.
func (t *Traffic) Total() (n uint64) {
	for _, c := range t.Requests {
		n += c
	}
	return n
}

// Counter counts the exchanges with Graph. Its zero value is ready; it may be used
// concurrently.
type Counter struct {
	mu sync.Mutex // guards t
	t  Traffic
}

// maxRequests bounds the kinds of requests. Routes have no ids in them, so there are
// some dozens.
const maxRequests = 1000

var (
	durationBounds = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	waitBounds     = []float64{.01, .1, .5, 1, 5, 15, 60, 300}
)

// Observe counts one exchange.
func (c *Counter) Observe(e graphstore.Exchange) {
	class := "interactive"
	if e.Background {
		class = "background"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.t.Requests == nil {
		c.t = Traffic{Requests: map[Request]uint64{}, Durations: map[string]Histogram{}, Waits: map[string]Histogram{}, Units: map[string]uint64{}}
	}
	r := Request{e.Method, e.Route, statusClass(e.Status)}
	if _, known := c.t.Requests[r]; !known && len(c.t.Requests) >= maxRequests {
		r.Route = "other"
	}
	c.t.Requests[r]++
	c.t.Units[e.Mailbox] += uint64(e.Requests)
	observe(c.t.Durations, e.Method, durationBounds, e.Duration)
	observe(c.t.Waits, class, waitBounds, e.Waited)
}

// Traffic returns what was counted so far.
func (c *Counter) Traffic() Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Traffic{Requests: maps.Clone(c.t.Requests), Durations: cloneAll(c.t.Durations), Waits: cloneAll(c.t.Waits), Units: maps.Clone(c.t.Units)}
}

// statusClass keeps apart what an operator acts on: throttling from other refusals.
func statusClass(status int) string {
	switch {
	case status == 0:
		return "none"
	case status == 429, status == 503:
		return strconv.Itoa(status)
	}
	return strconv.Itoa(status/100) + "xx"
}

// Histogram counts times up to bounds, as Prometheus does.
type Histogram struct {
	Bounds []float64 // seconds
	Counts []uint64  // up to and with the bound; the last one is of all
	Sum    float64
}

func observe(all map[string]Histogram, name string, bounds []float64, d time.Duration) {
	h, ok := all[name]
	if !ok {
		h = Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds)+1)}
	}
	seconds := d.Seconds()
	i, _ := slices.BinarySearchFunc(bounds, seconds, func(a, b float64) int { return cmp.Compare(a, b) })
	for ; i < len(h.Counts); i++ {
		h.Counts[i]++
	}
	h.Sum += seconds
	all[name] = h
}

func cloneAll(in map[string]Histogram) map[string]Histogram {
	out := make(map[string]Histogram, len(in))
	for name, h := range in {
		h.Counts = slices.Clone(h.Counts)
		out[name] = h
	}
	return out
}
