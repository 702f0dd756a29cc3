package graphstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
)

// batchSize is Graph's limit (page graph/json-batching).
const (
	batchSize  = 20
	batchRoute = "/$batch"
)

// outcome is the end of one call of a batch.
type outcome struct {
	reply *reply
	err   error
}

// batch sends calls in batches and returns their outcomes in order. Calls that
// name the same message keep their order if key (one for each call) says which
// do; nil: all differ.
//
// A batch runs as a chain first, each step depending on the one before: then
// it fills one slot of the mailbox, where independent steps would run four at
// a time (graph/throttling-limits). A step that fails leaves those after it
// undone (424); they go out again without the chain, with all slots taken.
func (s *Store) batch(ctx context.Context, calls []*call, key []string) []outcome {
	out := make([]outcome, len(calls))
	for _, round := range rounds(len(calls), key) {
		var wg sync.WaitGroup
		for start := 0; start < len(round); start += batchSize {
			part := round[start:min(start+batchSize, len(round))]
			wg.Go(func() { s.batchPart(ctx, calls, part, out) }) // the scheduler says when
		}
		wg.Wait()
	}
	return out
}

// rounds splits the indices 0..n-1 so that no key comes twice in a round.
func rounds(n int, key []string) [][]int {
	var out [][]int
	seen := map[string]int{}
	for i := range n {
		r := 0
		if key != nil {
			r = seen[key[i]]
			seen[key[i]]++
		}
		if r == len(out) {
			out = append(out, nil)
		}
		out[r] = append(out[r], i)
	}
	return out
}

// batchPart brings up to 20 calls to their end.
func (s *Store) batchPart(ctx context.Context, calls []*call, part []int, out []outcome) {
	if len(part) == 1 {
		i := part[0]
		out[i].reply, out[i].err = s.send(ctx, calls[i])
		return
	}
	if !s.c.batching.due() {
		s.oneByOne(ctx, calls, part, out)
		return
	}
	counts := make(map[int]*tries, len(part))
	for _, i := range part {
		counts[i] = &tries{}
	}
	chain := true
	for len(part) > 0 {
		wrapped, err := s.wrap(calls, part, chain)
		if err == nil {
			err = s.unwrap(ctx, wrapped, calls, part, out)
		}
		maybe, certainly := lacksBatch(err)
		if certainly {
			s.noBatch(ctx, err)
		}
		if maybe {
			if s.oneByOne(ctx, calls, part, out) && !certainly {
				s.noBatch(ctx, err)
			}
			return
		}
		if err != nil {
			for _, i := range part {
				out[i] = outcome{err: itemError(calls[i], err)}
			}
			return
		}
		rest, broken, wait, cause := s.again(ctx, part, counts, out)
		if len(rest) == len(part) && !chain && cause == nil {
			return // a service that answers 424 to everything keeps its answer
		}
		part, chain = rest, !broken && len(rest) < len(part)
		if cause == nil {
			continue
		}
		chain = !broken
		if err := pauseFor(ctx, wait, cause); err != nil {
			for _, i := range part {
				out[i] = outcome{err: err}
			}
			return
		}
	}
}

// again returns the calls that need another batch. broken: a step has failed
// for good, and would take its dependents along in a chain. cause, if not nil,
// is the answer that asks for the longest wait.
func (s *Store) again(ctx context.Context, part []int, counts map[int]*tries, out []outcome) (rest []int, broken bool, wait time.Duration, cause *Error) {
	var missing error
	for _, i := range part {
		var e *Error
		if !errors.As(out[i].err, &e) {
			continue
		}
		if e.Status == http.StatusFailedDependency {
			rest = append(rest, i)
			continue
		}
		if e.throttled {
			s.throttled(ctx, e)
		}
		d, more := counts[i].next(e)
		if !more {
			out[i].err = giveUp(e)
			broken = true
			if errors.Is(e, bridge.ErrNoMailbox) {
				missing = e
			}
			continue
		}
		rest = append(rest, i)
		if cause == nil || d > wait {
			wait, cause = d, e
		}
	}
	if missing != nil { // what is true of the mailbox is true of every step
		for _, i := range rest {
			out[i].err = missing
		}
		return nil, true, 0, nil
	}
	return rest, broken, wait, cause
}

// itemError is the failure of a whole batch, told for one of its calls.
func itemError(k *call, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	own := *e
	own.Op += " of " + k.op()
	own.uncertain = k.once && e.uncertain
	var wait *bridge.RetryError
	if errors.As(err, &wait) {
		return &bridge.RetryError{After: wait.After, Err: &own}
	}
	return &own
}

type batchRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body,omitempty"`
	DependsOn []string          `json:"dependsOn,omitempty"`
}

// wrap makes one call of many. Prefer counts for the step that has it alone
// (graph/outlook-immutable-id), and a body needs its Content-Type.
func (s *Store) wrap(calls []*call, part []int, chain bool) (*call, error) {
	var body struct {
		Requests []batchRequest `json:"requests"`
	}
	wrapped := &call{
		method: http.MethodPost, url: s.c.base.String() + "/$batch", route: batchRoute, cost: len(part), weight: 1,
		header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
	}
	if !chain {
		wrapped.weight = mailboxSlots
	}
	for n, i := range part {
		k := calls[i]
		prefer := immutableIDs
		if more := k.header.Get("Prefer"); more != "" {
			prefer += ", " + more
		}
		step := batchRequest{
			ID: strconv.Itoa(n + 1), Method: k.method, Body: json.RawMessage(k.body),
			URL:     strings.TrimPrefix(k.url, s.c.base.String()),
			Headers: map[string]string{"Prefer": prefer, "client-request-id": newGUID()},
		}
		if len(k.body) > 0 {
			step.Headers["Content-Type"] = k.header.Get("Content-Type")
		}
		if chain && n > 0 {
			step.DependsOn = []string{strconv.Itoa(n)}
		}
		body.Requests = append(body.Requests, step)
		wrapped.once = wrapped.once || k.once
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // "&" of the URLs stays readable
	err := enc.Encode(body)
	wrapped.body = buf.Bytes()
	// 424 for the batch with answers inside is how an older page describes a
	// throttled step.
	wrapped.accept = []int{http.StatusOK, http.StatusFailedDependency}
	return wrapped, err
}

type batchResponse struct {
	ID      looseText                  `json:"id"`
	Status  looseInt                   `json:"status"`
	Headers map[string]json.RawMessage `json:"headers"`
	Body    json.RawMessage            `json:"body"`
}

// unwrap sends a batch and files its answers under out.
func (s *Store) unwrap(ctx context.Context, wrapped *call, calls []*call, part []int, out []outcome) error {
	r, err := s.send(ctx, wrapped)
	if err != nil {
		return err
	}
	answer, err := decode[struct {
		Responses []batchResponse `json:"responses"`
	}](wrapped, r)
	if err != nil {
		var e *Error
		errors.As(err, &e)
		e.uncertain = wrapped.once
		return err
	}
	for _, i := range part {
		e := &Error{Op: calls[i].op() + " in a batch", Status: r.status, RequestID: r.requestID,
			Message: "no answer to this step", kind: bridge.ErrUnavailable, transient: true}
		e.uncertain = calls[i].once
		out[i] = outcome{err: e}
	}
	for _, resp := range answer.Responses {
		n, err := strconv.Atoi(string(resp.ID))
		if err != nil || n < 1 || n > len(part) {
			continue
		}
		out[part[n-1]] = s.step(ctx, calls[part[n-1]], resp, r.requestID)
	}
	return nil
}

// step translates one answer of a batch.
func (s *Store) step(ctx context.Context, k *call, resp batchResponse, outer string) outcome {
	h := http.Header{}
	for name, value := range resp.Headers { // in any letter case
		var v looseText
		var list []string
		if json.Unmarshal(value, &list) == nil && len(list) > 0 {
			v = looseText(list[0])
		} else if json.Unmarshal(value, &v) != nil {
			continue
		}
		h.Set(name, string(v))
	}
	status := int(resp.Status)
	r := &reply{status: status, header: h, body: bodyOf(resp.Body), requestID: h.Get("request-id")}
	if r.requestID == "" {
		r.requestID = outer
	}
	s.log.DebugContext(ctx, "graph batch step", "method", k.method, "route", k.route, "status", status, "request_id", r.requestID)
	if k.accepts(status) {
		if e := k.unreadable(r); e != nil {
			return outcome{err: e}
		}
		return outcome{reply: r}
	}
	e := answerError(k.op()+" in a batch", status, h, r.body)
	if e.RequestID == "" {
		e.RequestID = r.requestID
	}
	e.uncertain = k.once && e.mayHaveHappened(false)
	return outcome{err: e}
}

// bodyOf gives the JSON of a step's body: it comes as JSON, as a string that
// holds JSON, or as base64 of it (graph-reference §11.4).
func bodyOf(raw json.RawMessage) []byte {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return raw
	}
	if json.Valid([]byte(text)) {
		return []byte(text)
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil && json.Valid(b) {
		return b
	}
	return []byte(text)
}
