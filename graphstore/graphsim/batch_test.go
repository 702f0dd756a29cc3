package graphsim

import (
	"fmt"
	"slices"
	"testing"
)

type m = map[string]any

// batch posts steps and returns the answers by id.
func (c *client) batch(steps ...m) map[string]m {
	c.t.Helper()
	r := c.want(200, "POST", "/v1.0/$batch", m{"requests": steps})
	out := map[string]m{}
	for _, v := range r.json["responses"].([]any) {
		out[v.(m)["id"].(string)] = v.(m)
	}
	return out
}

func stepGet(id, path string) m {
	return m{"id": id, "method": "GET", "url": "/users/" + anna + path, "headers": m{"Prefer": `IdType="ImmutableId"`}, "body": nil}
}

func status(v m) int { n, _ := v["status"].(float64); return int(n) }

func code(v m) string {
	body, _ := v["body"].(m)
	e, _ := body["error"].(m)
	s, _ := e["code"].(string)
	return s
}

func TestBatch(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "one")
	got := c.batch(
		stepGet("a", "/messages/"+id+"?$select=subject"),
		stepGet("b", "/messages/"+id+"/$value"),
		stepGet("c", "/mailFolders/archive?$select=id"),
		m{"id": "d", "method": "PATCH", "url": "users/" + anna + "/messages/" + id, "headers": m{"content-type": "application/json"}, "body": m{"isRead": true}},
		m{"id": "e", "method": "POST", "url": "/users/" + anna + "/messages", "headers": m{"Content-Type": "text/plain"}, "body": b64(mimeOf("two", "x"))},
		m{"id": "f", "method": "DELETE", "url": "/users/" + anna + "/messages/" + "x"},
	)
	for step, want := range map[string]int{"a": 200, "b": 200, "c": 200, "d": 200, "e": 201, "f": 400} {
		equal(t, "status of "+step, status(got[step]), want)
	}
	equal(t, "subject", got["a"]["body"].(m)["subject"], any("one"))
	equal(t, "id of the form asked for", got["a"]["body"].(m)["id"], any(id))
	equal(t, "MIME", got["b"]["body"], any(string(mimeOf("one", "text of one"))))
	equal(t, "error", code(got["f"]), "ErrorInvalidIdMalformed")
	if v, _ := mb.Message(id); !v.Read {
		t.Error("the PATCH had no effect")
	}
	equal(t, "drafts", len(mb.Messages("drafts")), 1)
	equal(t, "outer requests", c.s.Count(), 1)
	equal(t, "steps", c.s.CountRoute("step"), 6)
	equal(t, "by route", c.s.CountRoute("PATCH /users/{id}/messages/{id}"), 1)
}

func TestBatchChain(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "one")
	move := func(step, to string, after ...string) m {
		return m{"id": step, "method": "POST", "url": "/users/" + anna + "/messages/" + id + "/move", "headers": m{"Content-Type": "application/json"},
			"body": m{"destinationId": to}, "dependsOn": after}
	}
	got := c.batch(move("3", "drafts", "2"), move("1", "archive"), move("2", "nonsense", "1"), move("4", "inbox", "1"))
	for step, want := range map[string]int{"1": 201, "2": 400, "3": 424, "4": 201} {
		equal(t, "status of "+step, status(got[step]), want)
	}
	v, _ := mb.Message(id)
	equal(t, "folder", v.Folder.WellKnown, "inbox")
}

func TestBatchRefusals(t *testing.T) {
	c, _ := newClient(t, Options{})
	var many []m
	for i := range 21 {
		many = append(many, stepGet(fmt.Sprint(i), "/mailFolders/inbox"))
	}
	for name, body := range map[string]any{
		"too many":        m{"requests": many},
		"none":            m{"requests": []m{}},
		"same ids":        m{"requests": []m{stepGet("1", "/mailFolders"), stepGet("1", "/mailFolders")}},
		"no content type": m{"requests": []m{{"id": "1", "method": "PATCH", "url": "/users/x/messages/y", "body": m{"isRead": true}}}},
		"nested":          m{"requests": []m{{"id": "1", "method": "POST", "url": "/$batch", "headers": m{"Content-Type": "application/json"}, "body": m{}}}},
		"absolute":        m{"requests": []m{{"id": "1", "method": "GET", "url": "https://graph.test/v1.0/users/x"}}},
		"unknown":         m{"requests": []m{{"id": "1", "method": "GET", "url": "/users/x/mailFolders", "dependsOn": []string{"9"}}}},
		"no JSON":         []byte("{"),
	} {
		if r := c.do("POST", "/v1.0/$batch", body); r.status != 400 || r.str("error.code") != "BadRequest" {
			t.Errorf("%s: got %d %s", name, r.status, r.text)
		}
	}
}

func TestBatchThrottling(t *testing.T) {
	c, _ := newClient(t, Options{Modes: Modes{BatchOverflow: true}})
	var steps []m
	for i := range 6 {
		steps = append(steps, stepGet(fmt.Sprint(i), "/mailFolders/inbox"))
	}
	got := c.batch(steps...)
	for i := range 6 {
		want := 200
		if i >= 4 {
			want = 429
		}
		equal(t, "status", status(got[fmt.Sprint(i)]), want)
	}
	if h, _ := got["5"]["headers"].(m); h["Retry-After"] != "1" || code(got["5"]) != "ApplicationThrottled" {
		t.Errorf("throttled step: %v", got["5"])
	}
	c.s.SetModes(Modes{BatchOverflow: true, BatchFails424: true})
	c.want(424, "POST", "/v1.0/$batch", m{"requests": steps})

	// Four steps at a time do not throttle themselves.
	c.s.SetModes(Modes{})
	for range 20 {
		for _, v := range c.batch(steps...) {
			equal(t, "status", status(v), 200)
		}
	}
	// With one slot taken by somebody else, they may.
	c.s.SetLimits(Limits{Concurrency: 1})
	c.s.mu.Lock()
	c.s.slot(testApp + " " + anna)
	c.s.mu.Unlock()
	for _, v := range c.batch(steps...) {
		equal(t, "status", status(v), 429)
	}
}

func TestBatchLogHasSteps(t *testing.T) {
	c, _ := newClient(t, Options{})
	c.batch(stepGet("1", "/mailFolders/inbox"), stepGet("2", "/messages/x"))
	log := c.s.Requests()
	if len(log) != 1 || log[0].Route != "POST /$batch" || len(log[0].Steps) != 2 {
		t.Fatalf("log: %+v", log)
	}
	var codes []string
	for _, s := range log[0].Steps {
		codes = append(codes, s.Code)
	}
	if !slices.Equal(codes, []string{"", "ErrorInvalidIdMalformed"}) {
		t.Errorf("codes: %q", codes)
	}
}
