package graphsim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Entry is one request in the log. Steps of a batch stand in Steps of their batch, not on their own.
type Entry struct {
	Time      time.Time   `json:"time"`
	Kind      string      `json:"kind"` // "graph", "token", "upload", "step"
	RequestID string      `json:"requestId"`
	ClientID  string      `json:"clientRequestId,omitempty"`
	App       string      `json:"app,omitempty"` // client id
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Query     string      `json:"query,omitempty"`
	Route     string      `json:"route"` // "GET /users/{id}/messages/{id}"
	Mailbox   string      `json:"mailbox,omitempty"`
	Header    http.Header `json:"header,omitempty"` // those that steer the request
	BodySize  int64       `json:"bodySize"`
	Status    int         `json:"status"` // 0 when the connection was reset
	Code      string      `json:"code,omitempty"`
	Fault     int         `json:"fault,omitempty"` // number of the fault that was applied
	Steps     []Entry     `json:"steps,omitempty"`
}

// loggedHeaders are the request headers kept in the log. Authorization is not.
var loggedHeaders = []string{"Accept", "Accept-Encoding", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type",
	"ConsistencyLevel", "If-Match", "Prefer", "Range", "User-Agent"}

// requestLog keeps the last entries and counts all of them.
type requestLog struct {
	limit      int
	entries    []*Entry
	counts     map[string]int // by kind and by route
	unmodelled []string
	violations []string
	observers  []func(Entry)
}

func keepHeaders(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range loggedHeaders {
		if v := h.Values(name); len(v) > 0 {
			out[name] = slices.Clone(v)
		}
	}
	return out
}

// record adds a finished entry. The observers run without the lock.
func (s *Server) record(e *Entry) {
	s.mu.Lock()
	l := &s.log
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	l.counts[e.Kind]++
	l.counts[e.Route]++
	for i := range e.Steps {
		l.counts["step"]++
		l.counts[e.Steps[i].Route]++
	}
	l.entries = append(l.entries, e)
	if len(l.entries) > l.limit+l.limit/4 {
		l.entries = slices.Clone(l.entries[len(l.entries)-l.limit:])
	}
	observers := l.observers
	s.mu.Unlock()
	s.opts.Logger.Debug("request", "kind", e.Kind, "method", e.Method, "path", e.Path, "query", e.Query, "status", e.Status,
		"code", e.Code, "steps", len(e.Steps), "fault", e.Fault, "id", e.RequestID)
	for _, fn := range observers {
		fn(*e)
	}
}

// Requests returns the log, oldest first.
func (s *Server) Requests() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Entry, len(s.log.entries))
	for i, e := range s.log.entries {
		out[i] = *e
	}
	return out
}

// ResetLog empties the log and its counters; what was not modelled and violations stay.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.entries, s.log.counts = nil, nil
}

// Count is the number of HTTP requests to Graph since the last ResetLog: batches count once, tokens and uploads not.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.counts["graph"]
}

// CountRoute is the number of requests and batch steps of one route, as in Entry.Route, or of a kind ("token").
func (s *Server) CountRoute(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.counts[route]
}

// Counts returns all counters by route and kind.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for k, v := range s.log.counts {
		out[k] = v
	}
	return out
}

// Observe calls fn after every request, without any lock held; it may be called at the same time more than once.
func (s *Server) Observe(fn func(Entry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.observers = append(slices.Clone(s.log.observers), fn)
}

// Unmodelled lists the requests that were answered 501 because the simulator does not know them.
func (s *Server) Unmodelled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log.unmodelled)
}

// Violations lists what RequestCheck found.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log.violations)
}

// unmodelled remembers a request and returns the answer to it.
func (s *Server) unmodelled(method, path string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unmodelledLocked(method, path)
}

// unmodelledLocked is unmodelled for callers that hold mu.
func (s *Server) unmodelledLocked(method, path string) *apiError {
	line := method + " " + path
	s.log.unmodelled = append(s.log.unmodelled, line)
	return fail(http.StatusNotImplemented, "NotModelled", "graphsim does not model %s", strings.TrimSpace(line))
}

// judge runs the RequestCheck.
func (s *Server) judge(c *call) {
	s.mu.Lock()
	check := s.check
	s.mu.Unlock()
	if check == nil {
		return
	}
	if err := check(c.method, c.path, c.query, c.header, c.body); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log.violations = append(s.log.violations, c.method+" "+c.path+": "+err.Error())
	}
}
