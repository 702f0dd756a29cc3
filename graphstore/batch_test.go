package graphstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// steps plays $batch over a handler for single requests, by the rules of
// graph/json-batching: at most 20, a failed step takes its dependents along.
type steps struct {
	t       *testing.T
	single  func(w http.ResponseWriter, r *http.Request)
	sizes   []int    // of the batches seen
	chained []bool   // whether they were chains
	order   []string // of the steps carried out
	outer   int      // status; 0: 200
}

func (b *steps) handle(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/$batch") {
		b.order = append(b.order, r.Method+" "+r.URL.Path)
		b.single(w, r)
		return
	}
	var in struct{ Requests []batchRequest }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		b.t.Errorf("batch: %v", err)
	}
	b.sizes = append(b.sizes, len(in.Requests))
	b.chained = append(b.chained, len(in.Requests) > 1 && len(in.Requests[1].DependsOn) > 0)
	status := map[string]int{}
	var out []map[string]any
	for _, q := range in.Requests {
		out = append(out, b.step(q, status))
	}
	if b.outer != 0 {
		w.WriteHeader(b.outer)
	}
	json.NewEncoder(w).Encode(map[string]any{"responses": out})
}

func (b *steps) step(q batchRequest, status map[string]int) map[string]any {
	if !strings.Contains(q.Headers["Prefer"], immutableIDs) {
		b.t.Errorf("step %s %s lacks the Prefer header", q.Method, q.URL)
	}
	if !strings.HasPrefix(q.URL, "/users/") {
		b.t.Errorf("step url %q is not relative to the version", q.URL)
	}
	if len(q.Body) > 0 && q.Headers["Content-Type"] != "application/json" {
		b.t.Errorf("step %s %s has a body without its type", q.Method, q.URL)
	}
	for _, d := range q.DependsOn {
		if status[d] >= 400 {
			status[q.ID] = 424
			return map[string]any{"id": q.ID, "status": 424, "body": map[string]any{"error": map[string]string{"code": "FailedDependency"}}}
		}
	}
	r := httptest.NewRequest(q.Method, "https://graph.test/v1.0"+q.URL, strings.NewReader(string(q.Body)))
	b.order = append(b.order, q.Method+" "+r.URL.Path)
	rec := httptest.NewRecorder()
	b.single(rec, r)
	status[q.ID] = rec.Code
	head := map[string]string{}
	for name := range rec.Header() {
		head[strings.ToLower(name)] = rec.Header().Get(name)
	}
	var body any
	json.Unmarshal(rec.Body.Bytes(), &body)
	return map[string]any{"id": q.ID, "status": rec.Code, "headers": head, "body": body}
}

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// TestBatchSurvivesMissing: gone messages cost one more batch, not one each.
func TestBatchSurvivesMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &steps{t: t}
		b.single = func(w http.ResponseWriter, r *http.Request) {
			id := last(r.URL.Path)
			if strings.HasPrefix(id, "gone") {
				fail(w, 404, "ErrorItemNotFound", "x")
				return
			}
			answer(w, 200, `{"id":"`+id+`","subject":"s"}`)
		}
		f := &fake{graph: b.handle}
		var ids []bridge.MessageID
		for i := range 45 {
			name := "m"
			if i%3 == 1 {
				name = "gone"
			}
			ids = append(ids, bridge.MessageID(fmt.Sprint(name, i)))
		}
		got, err := f.store(t).Messages(t.Context(), ids)
		if err != nil || len(got) != 30 {
			t.Errorf("%d messages, %v, want 30", len(got), err)
		}
		if len(f.log) > 6 {
			t.Errorf("%d requests for 45 ids, want 6 at most: %v", len(f.log), b.sizes)
		}
		for _, n := range b.sizes {
			if n > batchSize {
				t.Errorf("batch of %d", n)
			}
		}
	})
}

// TestBatchRepeatsThrottledSteps: a step's own 429 pauses the mailbox and the
// chain goes on from there.
func TestBatchRepeatsThrottledSteps(t *testing.T) {
	for _, outer := range []int{200, 424} {
		t.Run(fmt.Sprint("outer ", outer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &steps{t: t, outer: outer}
				throttled := 0
				b.single = func(w http.ResponseWriter, r *http.Request) {
					id := last(r.URL.Path)
					if id == "m7" && throttled < 2 {
						throttled++
						w.Header().Set("Retry-After", "2.5")
						fail(w, 429, "ApplicationThrottled", "x")
						return
					}
					answer(w, 200, `{"id":"`+id+`"}`)
				}
				f := &fake{graph: b.handle}
				var ids []bridge.MessageID
				for i := range 12 {
					ids = append(ids, bridge.MessageID(fmt.Sprint("m", i)))
				}
				start := time.Now()
				got, err := f.store(t).Messages(t.Context(), ids)
				if err != nil || len(got) != 12 {
					t.Fatalf("%d messages, %v, want 12", len(got), err)
				}
				if d := time.Since(start); d != 5*time.Second {
					t.Errorf("took %v, want two pauses of 2.5s", d)
				}
				if fmt.Sprint(b.sizes, b.chained) != "[12 5 5] [true true true]" {
					t.Errorf("batches %v, chains %v, want 12, 5 and 5, all chains", b.sizes, b.chained)
				}
			})
		})
	}
}

// TestBatchKeepsOrder: orders on one message are carried out as given.
func TestBatchKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &steps{t: t}
		var bodies []string
		b.single = func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, last(r.URL.Path)+string(body))
			answer(w, 200, `{}`)
		}
		f := &fake{graph: b.handle}
		yes, no := true, false
		errs := f.store(t).SetFlags(t.Context(), []bridge.FlagUpdate{{ID: "a", Read: &yes}, {ID: "b", Read: &yes}, {ID: "a", Read: &no}, {ID: "a", Flagged: &yes}})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		var ofA []string
		for _, s := range bodies {
			if strings.HasPrefix(s, "a") {
				ofA = append(ofA, s)
			}
		}
		want := `a{"isRead":true} a{"isRead":false} a{"flag":{"flagStatus":"flagged"}}`
		if got := strings.Join(ofA, " "); got != want {
			t.Errorf("orders on one message:\n got %s\nwant %s", got, want)
		}
	})
}

// TestBatchLostAnswerOfMoves: all moves of a lost batch are looked up.
func TestBatchLostAnswerOfMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := map[string]string{"a": "from", "b": "from", "c": "from"}
		moved := map[string]int{}
		b := &steps{t: t}
		b.single = func(w http.ResponseWriter, r *http.Request) {
			p := strings.Split(r.URL.Path, "/")
			switch {
			case last(r.URL.Path) == "move":
				id := p[len(p)-2]
				parent[id] = "to"
				moved[id]++
				answer(w, 201, `{"id":"`+id+`"}`)
			case strings.Contains(r.URL.Path, "/mailFolders/"):
				answer(w, 200, `{"id":"to"}`)
			default:
				id := last(r.URL.Path)
				answer(w, 200, `{"id":"`+id+`","parentFolderId":"`+parent[id]+`"}`)
			}
		}
		lose := true
		f := &fake{graph: func(w http.ResponseWriter, r *http.Request) {
			if lose && strings.HasSuffix(r.URL.Path, "/$batch") {
				lose = false
				// The service gets as far as the second step.
				parent["a"], moved["a"] = "to", 1
				parent["b"], moved["b"] = "to", 1
				panic(lostAnswer{})
			}
			b.handle(w, r)
		}}
		for i, r := range f.store(t).Move(t.Context(), []bridge.MessageID{"a", "b", "c"}, "to") {
			if r.Err != nil {
				t.Errorf("message %d: %v", i, r.Err)
			}
		}
		for id, n := range moved {
			if n != 1 || parent[id] != "to" {
				t.Errorf("message %s was moved %d times and is in %s", id, n, parent[id])
			}
		}
	})
}

// TestPermanentDeleteMissing: where the cloud lacks the action, plain deletion
// takes its place, and is remembered.
func TestPermanentDeleteMissing(t *testing.T) {
	for _, status := range []int{404, 405, 400, 501} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &steps{t: t}
				b.single = func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasSuffix(r.URL.Path, "permanentDelete"):
						fail(w, status, map[int]string{404: "ResourceNotFound", 405: "ErrorInvalidRequest", 400: "BadRequest", 501: "NotImplemented"}[status], "x")
					case last(r.URL.Path) == "gone":
						fail(w, 404, "ErrorItemNotFound", "x")
					default:
						w.WriteHeader(204)
					}
				}
				f := &fake{graph: b.handle}
				st := f.store(t)
				for range 2 {
					if err := errors.Join(st.Delete(t.Context(), []bridge.MessageID{"a", "gone", "b"}, bridge.DisposePermanent)...); err != nil {
						t.Error(err)
					}
				}
				n := 0
				for _, o := range b.order {
					if strings.HasSuffix(o, "permanentDelete") {
						n++
					}
				}
				if n > 3 {
					t.Errorf("permanentDelete was tried %d times, want once a message", n)
				}
			})
		})
	}
}

func TestBodyOf(t *testing.T) {
	for name, raw := range map[string]string{
		"json": `{"id":"x"}`, "string": `"{\"id\":\"x\"}"`, "base64": `"eyJpZCI6IngifQ=="`,
	} {
		if got := string(bodyOf(json.RawMessage(raw))); got != `{"id":"x"}` {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
