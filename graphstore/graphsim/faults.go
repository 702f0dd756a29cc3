package graphsim

import (
	"net/http"
	"path"
	"strings"
	"time"
)

// When a fault resets the connection.
const (
	ResetBefore = "before" // nothing has happened
	ResetAfter  = "after"  // the effect took place, the answer is lost
)

// Fault is a rule: requests that match it meet its effect. Empty fields of the match match anything.
type Fault struct {
	ID int `json:"id,omitempty"` // given by AddFault

	Method  string `json:"method,omitempty"`
	Route   string `json:"route,omitempty"`   // as in Entry.Route without the method; "*" in it matches a segment
	Mailbox string `json:"mailbox,omitempty"` // address
	Path    string `json:"path,omitempty"`    // part of the unescaped path, for instance an id
	Where   string `json:"where,omitempty"`   // "step" inside batches only, "single" outside only
	Skip    int    `json:"skip,omitempty"`    // let so many matches pass first
	Count   int    `json:"count,omitempty"`   // then apply so often; 0 means always
	// Probability is the chance to apply on a match; 0 means 1.
	Probability float64 `json:"probability,omitempty"`

	// Status and Code make an error answer without effect; with After the effect takes place first. Status 200
	// without After answers 200 with nothing in it and without effect, the misleading success of §7.1.
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	After      bool   `json:"after,omitempty"`
	RetryAfter string `json:"retryAfter,omitempty"` // value of the header, "" leaves it out
	HTML       bool   `json:"html,omitempty"`       // a gateway's page instead of JSON
	Body       string `json:"body,omitempty"`       // this text instead of JSON
	// Delay holds the request before it goes on; in JSON nanoseconds.
	Delay    time.Duration `json:"delay,omitempty"`
	Reset    string        `json:"reset,omitempty"`    // ResetBefore or ResetAfter
	CutAfter int64         `json:"cutAfter,omitempty"` // send so many bytes of the body, then reset
}

// fault is a rule with its counters.
type fault struct {
	Fault
	seen, applied int
}

// The faults of §18 by name, ready to be narrowed to a route.
var (
	FaultSyncState   = Fault{Method: "GET", Route: "/users/{id}/mailFolders/{id}/messages/delta", Status: http.StatusGone, Code: "SyncStateNotFound", Message: "The sync state generation is not found; generation=149;[highest=157][157][155][156]."}
	FaultConflict    = Fault{Method: "PATCH", Status: http.StatusPreconditionFailed, Code: "ErrorIrresolvableConflict"}
	FaultInvalidUser = Fault{Status: http.StatusNotFound, Code: "ErrorInvalidUser", Message: "The requested user is invalid."}
	FaultGateway     = Fault{Status: http.StatusGatewayTimeout, Code: "UnknownError", HTML: true}
	FaultBusy        = Fault{Status: http.StatusServiceUnavailable, Code: "ErrorServerBusy"}
	FaultThrottle    = Fault{Status: http.StatusTooManyRequests, Code: "TooManyRequests", RetryAfter: "2.128"}
)

// AddFault puts a rule behind those that exist and returns its number; the first that matches applies.
func (s *Server) AddFault(f Fault) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultID++
	f.ID = s.faultID
	s.faults = append(s.faults, &fault{Fault: f})
	return f.ID
}

// RemoveFault takes a rule away and returns how often it was applied.
func (s *Server) RemoveFault(id int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.ID == id {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			return f.applied
		}
	}
	return 0
}

// ClearFaults takes all rules away.
func (s *Server) ClearFaults() { s.mu.Lock(); defer s.mu.Unlock(); s.faults = nil }

// Faults lists the rules.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		out[i] = f.Fault
	}
	return out
}

// FaultApplied is how often a rule was applied.
func (s *Server) FaultApplied(id int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.ID == id {
			return f.applied
		}
	}
	return 0
}

// pickFault returns the rule that applies to a call, or nil.
func (s *Server) pickFault(c *call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !f.matches(c) {
			continue
		}
		if f.seen++; f.seen <= f.Skip || f.Count > 0 && f.applied >= f.Count {
			continue
		}
		if f.Probability > 0 && s.rng.Float64() >= f.Probability {
			continue
		}
		f.applied++
		picked := f.Fault
		return &picked
	}
	return nil
}

func (f *Fault) matches(c *call) bool {
	_, name, _ := strings.Cut(c.entry.Route, " ")
	matched, err := path.Match(f.Route, name)
	switch {
	case f.Method != "" && f.Method != c.method,
		f.Where == "step" && !c.inBatch, f.Where == "single" && c.inBatch,
		f.Route != "" && f.Route != name && (err != nil || !matched),
		f.Mailbox != "" && !strings.EqualFold(f.Mailbox, c.entry.Mailbox):
		return false
	case f.Path == "":
		return true
	}
	segs, _ := segments(c.path)
	return strings.Contains("/"+strings.Join(segs, "/"), f.Path)
}

// before plays the part of a fault that comes before the effect.
func (s *Server) before(c *call) *apiError {
	f := c.fault
	if f.Delay > 0 && !sleep(c.ctx, f.Delay) {
		return fail(499, "ClientClosedRequest", "The client went away.")
	}
	if f.Status == 0 || f.Status == http.StatusOK || f.After {
		return nil
	}
	return f.failure()
}

// failure is the error a fault answers with.
func (f *Fault) failure() *apiError {
	err := &apiError{Status: f.Status, Code: f.Code, Message: f.Message, RetryAfter: f.RetryAfter}
	if err.Code == "" {
		err.Code = "UnknownError"
	}
	return err
}

// lost reports whether the client gets no answer at all.
func (f *Fault) lost() bool { return f.Reset != "" }

// text is the body that replaces the JSON of an error, "" for none.
func (f *Fault) text() string {
	if f.HTML && f.Body == "" {
		return "<html>\r\n<head><title>" + http.StatusText(f.Status) + "</title></head>\r\n<body>\r\n<center><h1>" +
			http.StatusText(f.Status) + "</h1></center>\r\n<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n"
	}
	return f.Body
}
