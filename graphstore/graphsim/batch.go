package graphsim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxSteps is the number of requests in a batch (graph/json-batching).
const maxSteps = 20

// batchWidth is how many independent steps run at a time (graph/throttling-limits, §11.4).
const batchWidth = 4

// step is one request of a batch.
type step struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`

	entry  Entry
	status int // 0 until it has run
	answer object
	lost   *Fault
}

// batch is POST /$batch (graph/json-batching, §11.4).
func (s *Server) batch(c *call) (*reply, *apiError) {
	c.fault = s.pickFault(c)
	if c.fault != nil {
		c.entry.Fault = c.fault.ID
		if err := s.before(c); err != nil || c.fault.Reset == ResetBefore {
			return nil, err
		}
		if c.fault.Status == http.StatusOK && !c.fault.After {
			return &reply{status: http.StatusOK}, nil
		}
	}
	if c.method != http.MethodPost {
		return nil, errNotSupported()
	}
	steps, err := c.parseBatch()
	if err != nil {
		return nil, err
	}
	s.judgeV1(c)
	serial := slices.ContainsFunc(steps, func(st *step) bool { return len(st.DependsOn) > 0 })
	if serial {
		c.runChain(steps)
	} else {
		c.runParallel(steps)
	}
	rep := c.batchReply(steps)
	if c.fault != nil && c.fault.After {
		return nil, c.fault.failure()
	}
	return rep, nil
}

// parseBatch checks what makes the whole batch fail with 400.
func (c *call) parseBatch() ([]*step, *apiError) {
	var body struct {
		Requests []*step `json:"requests"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return nil, errBadRequest("Invalid batch payload format: %v", err)
	}
	seen := map[string]bool{}
	switch n := len(body.Requests); {
	case n == 0:
		return nil, errBadRequest("Invalid batch payload format: no requests.")
	case n > maxSteps:
		return nil, errBadRequest("Number of batch request steps exceeds the maximum value of %d.", maxSteps)
	}
	for _, st := range body.Requests {
		if st == nil || st.ID == "" || st.Method == "" || st.URL == "" || seen[st.ID] {
			return nil, errBadRequest("Invalid batch payload format: each request needs a unique id, a method and a url.")
		}
		seen[st.ID] = true
		if string(st.Body) == "null" {
			st.Body = nil // as Microsoft's SDK for Go sends it (§18a)
		}
		path, _, _ := strings.Cut(st.URL, "?")
		switch {
		case strings.Contains(path, "://"):
			return nil, errBadRequest("Invalid batch payload format: the url of request %s is not relative.", st.ID)
		case strings.HasSuffix(strings.ToLower(path), "$batch"):
			return nil, errBadRequest("Batches cannot be nested.")
		case st.Body != nil && st.header("Content-Type") == "":
			return nil, errBadRequest("Write request id : %s does not contain Content-Type header or body.", st.ID)
		}
	}
	for _, st := range body.Requests {
		for _, id := range st.DependsOn {
			if !seen[id] || id == st.ID {
				return nil, errBadRequest("Invalid batch payload format: request %s depends on the unknown request %s.", st.ID, id)
			}
		}
	}
	return body.Requests, nil
}

func (st *step) header(name string) string {
	for k, v := range st.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// runParallel runs independent steps, four at a time.
func (c *call) runParallel(steps []*step) {
	c.srv.mu.Lock()
	overflow := c.srv.modes.BatchOverflow
	c.srv.mu.Unlock()
	var wg sync.WaitGroup
	slots := make(chan struct{}, batchWidth)
	for i, st := range steps {
		if overflow && i >= batchWidth {
			c.srv.mu.Lock()
			err := c.srv.throttled("ApplicationThrottled", "Application is over its MailboxConcurrency limit.", 1)
			c.srv.mu.Unlock()
			c.stepEntry(st)
			st.refuse(c, err)
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c.runStep(st)
		})
	}
	wg.Wait()
}

// runChain runs steps with dependencies one after the other; a failed predecessor gives 424.
func (c *call) runChain(steps []*step) {
	byID := map[string]*step{}
	for _, st := range steps {
		byID[st.ID] = st
	}
	for progress := true; progress; {
		progress = false
		for _, st := range steps {
			if st.status != 0 {
				continue
			}
			ready, failed := true, false
			for _, id := range st.DependsOn {
				ready = ready && byID[id].status != 0
				failed = failed || byID[id].status >= 400
			}
			switch {
			case failed:
				c.stepEntry(st)
				st.refuse(c, fail(http.StatusFailedDependency, "FailedDependency", "The request was not executed because a request it depends on failed."))
			case ready:
				c.runStep(st)
			default:
				continue
			}
			progress = true
		}
	}
	for _, st := range steps {
		if st.status == 0 { // a circle
			c.stepEntry(st)
			st.refuse(c, errBadRequest("The dependencies of request %s form a circle.", st.ID))
		}
	}
}

// stepEntry starts the log entry of a step and returns its URL.
func (c *call) stepEntry(st *step) *url.URL {
	raw := strings.TrimPrefix(strings.TrimPrefix(st.URL, "/"), c.version+"/")
	u, err := url.Parse("/" + raw)
	if err != nil {
		path, query, _ := strings.Cut(raw, "?")
		u = &url.URL{Path: "/" + path, RawQuery: query}
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	header := http.Header{}
	for k, v := range st.Headers {
		header.Set(k, v)
	}
	st.entry = Entry{Time: c.srv.now(), Kind: "step", RequestID: c.srv.guid(), ClientID: header.Get("client-request-id"), App: c.entry.App,
		Method: strings.ToUpper(st.Method), Path: u.EscapedPath(), Query: u.RawQuery, Header: keepHeaders(header), BodySize: int64(len(st.Body))}
	st.entry.Route = st.entry.Method + " (other)"
	return u
}

// runStep carries out one step as a request of its own.
func (c *call) runStep(st *step) {
	u := c.stepEntry(st)
	query, qerr := url.ParseQuery(u.RawQuery)
	sub := &call{srv: c.srv, ctx: c.ctx, method: st.entry.Method, version: c.version, path: u.EscapedPath(), query: query,
		header: http.Header{}, body: st.bodyBytes(), base: c.base, inBatch: true, token: c.token, entry: &st.entry}
	for k, v := range st.Headers {
		sub.header.Set(k, v)
	}
	if qerr != nil {
		st.refuse(c, errBadRequest("The query string is malformed: %v", qerr))
		return
	}
	rep, err := c.srv.one(sub)
	if sub.fault != nil && sub.fault.lost() {
		st.lost = sub.fault
	}
	switch {
	case err != nil:
		st.refuse(c, err)
	case rep == nil:
		st.status = http.StatusOK // the connection is about to be reset
	default:
		st.write(c, rep)
	}
}

// bodyBytes is the body as the operation sees it: text bodies are JSON strings in a batch.
func (st *step) bodyBytes() []byte {
	var text string
	if !strings.Contains(strings.ToLower(st.header("Content-Type")), "json") && json.Unmarshal(st.Body, &text) == nil {
		return []byte(text)
	}
	return bytes.TrimSpace(st.Body)
}

// refuse makes the answer of a step an error.
func (st *step) refuse(c *call, err *apiError) {
	st.status, st.entry.Status, st.entry.Code = err.Status, err.Status, err.Code
	headers := object{{"Content-Type", "application/json"}}
	if err.RetryAfter != "" {
		headers = headers.add("Retry-After", err.RetryAfter)
	}
	st.answer = object{{"id", st.ID}, {"status", err.Status}, {"headers", headers}, {"body", c.srv.envelope(&st.entry, err)}}
}

// write makes the answer of a step from a reply.
func (st *step) write(c *call, rep *reply) {
	st.status, st.entry.Status = rep.status, rep.status
	headers := object{}
	for k, v := range rep.header {
		headers = headers.add(k, v[0])
	}
	st.answer = object{{"id", st.ID}, {"status", rep.status}}
	switch {
	case rep.raw != nil:
		st.answer = st.answer.add("headers", headers.add("Content-Type", rep.ctype)).add("body", c.batchText(rep))
	case rep.body != nil:
		st.answer = st.answer.add("headers", headers.add("Content-Type", jsonType)).add("body", rep.body)
	default:
		st.answer = st.answer.add("headers", headers)
	}
}

// batchText is a body that is not JSON inside a batch (check C13): text as a string, others in base64.
func (c *call) batchText(rep *reply) string {
	b := readAll(rep.raw)
	c.srv.mu.Lock()
	encode := c.srv.modes.BatchValueBase64
	c.srv.mu.Unlock()
	if encode || !strings.HasPrefix(rep.ctype, "text/") {
		return base64.StdEncoding.EncodeToString(b)
	}
	if !utf8.Valid(b) {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(b)
}

// batchReply collects the answers in an order of their own.
func (c *call) batchReply(steps []*step) *reply {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	throttled := false
	for _, st := range steps {
		c.entry.Steps = append(c.entry.Steps, st.entry)
		throttled = throttled || st.status == http.StatusTooManyRequests
		if st.lost != nil {
			c.fault = st.lost
		}
	}
	answers := make([]object, len(steps))
	for i, j := range c.srv.rng.Perm(len(steps)) {
		answers[j] = steps[i].answer
	}
	rep := ok(object{{"responses", answers}})
	if throttled && c.srv.modes.BatchFails424 {
		rep.status = http.StatusFailedDependency
	}
	return rep
}
