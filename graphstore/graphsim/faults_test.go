package graphsim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaultMatching(t *testing.T) {
	c, mb := newClient(t, Options{Seed: 1})
	id := c.deliver(mb, "one")
	for _, tt := range []struct {
		name  string
		fault Fault
		want  string // statuses of four requests
	}{
		{"always", Fault{Status: 503}, "503 503 503 503"},
		{"skip and count", Fault{Status: 429, Skip: 1, Count: 2}, "200 429 429 200"},
		{"route", Fault{Status: 500, Route: "/users/{id}/messages/{id}"}, "500 500 500 500"},
		{"pattern", Fault{Status: 500, Route: "/users/*/messages/*"}, "500 500 500 500"},
		{"other route", Fault{Status: 500, Route: "/users/{id}/messages"}, "200 200 200 200"},
		{"other method", Fault{Status: 500, Method: "POST"}, "200 200 200 200"},
		{"other mailbox", Fault{Status: 500, Mailbox: bert}, "200 200 200 200"},
		{"mailbox", Fault{Status: 500, Mailbox: strings.ToUpper(anna)}, "500 500 500 500"},
		{"item", Fault{Status: 500, Path: id}, "500 500 500 500"},
		{"other item", Fault{Status: 500, Path: id + "x"}, "200 200 200 200"},
		{"steps only", Fault{Status: 500, Where: "step"}, "200 200 200 200"},
		{"never", Fault{Status: 500, Probability: 1e-12}, "200 200 200 200"},
	} {
		n := c.s.AddFault(tt.fault)
		var got []string
		for range 4 {
			got = append(got, strconv.Itoa(c.do("GET", "/messages/"+id, nil).status))
		}
		equal(t, tt.name, strings.Join(got, " "), tt.want)
		applied := c.s.FaultApplied(n)
		if removed := c.s.RemoveFault(n); applied != removed || applied != 4-strings.Count(tt.want, "200") {
			t.Errorf("%s: applied %d times", tt.name, applied)
		}
	}
}

func TestFaultShapes(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "one")
	c.s.AddFault(FaultSyncState)
	c.wantCode(410, "SyncStateNotFound", "GET", deltaPath, nil)
	c.s.AddFault(FaultConflict)
	c.wantCode(412, "ErrorIrresolvableConflict", "PATCH", "/messages/"+id, m{"isRead": true})
	c.s.ClearFaults()
	c.s.AddFault(FaultThrottle)
	equal(t, "Retry-After", c.want(429, "GET", "/messages", nil).header.Get("Retry-After"), "2.128")
	c.s.ClearFaults()
	c.s.AddFault(FaultGateway)
	r := c.want(504, "GET", "/messages", nil)
	if r.header.Get("Content-Type") != "text/html" || !strings.HasPrefix(string(r.text), "<html>") {
		t.Errorf("gateway page: %s", r.text)
	}
	c.s.ClearFaults()
	c.s.AddFault(Fault{Method: "POST", Status: 200})
	equal(t, "empty success", len(c.want(200, "POST", "/messages", b64(mimeOf("x", "y"))).text), 0)
	equal(t, "drafts", len(mb.Messages("drafts")), 0)
	c.s.ClearFaults()
	c.s.AddFault(Fault{Method: "POST", Status: 504, After: true})
	c.want(504, "POST", "/messages", b64(mimeOf("x", "y")))
	equal(t, "drafts after a lost answer", len(mb.Messages("drafts")), 1)
	c.s.ClearFaults()
	if err := mb.FailValue(id, true); err != nil {
		t.Fatal(err)
	}
	c.wantCode(500, "ErrorMimeContentConversionFailed", "GET", "/messages/"+id+"/$value", nil)
	c.want(200, "GET", "/messages/"+id, nil)
	log := c.s.Requests()
	equal(t, "fault in the log", log[0].Fault, 1)
}

func TestFaultInBatch(t *testing.T) {
	c, _ := newClient(t, Options{})
	c.s.AddFault(Fault{Where: "step", Status: 429, Code: "ApplicationThrottled", RetryAfter: "7", Count: 1})
	got := c.batch(stepGet("1", "/mailFolders/inbox"))
	equal(t, "status", status(got["1"]), 429)
	equal(t, "Retry-After", got["1"]["headers"].(m)["Retry-After"], any("7"))
	equal(t, "second time", status(c.batch(stepGet("1", "/mailFolders/inbox"))["1"]), 200)
	c.s.AddFault(Fault{Route: "/$batch", Status: 503})
	c.want(503, "POST", "/v1.0/$batch", m{"requests": []m{stepGet("1", "/mailFolders/inbox")}})
}

func TestResets(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		r := NewTest(t, Options{Open: true})
		mb, err := r.AddMailbox(anna, MailboxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		id, err := mb.Deliver(mimeOf("x", strings.Repeat("y", 100_000)), DeliverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		web := r.Client()
		if proto == "HTTP/1.1" {
			web.Transport.(*http.Transport).ForceAttemptHTTP2 = false
		}
		create := func() error {
			resp, err := web.Post(r.URL+"/v1.0/users/"+anna+"/messages", "text/plain", strings.NewReader(b64(mimeOf("a", "b"))))
			if err == nil {
				equal(t, "protocol", resp.Proto, proto)
				resp.Body.Close()
			}
			return err
		}
		if err := create(); err != nil {
			t.Fatal(err)
		}
		r.AddFault(Fault{Method: "POST", Reset: ResetBefore, Count: 1})
		r.AddFault(Fault{Method: "POST", Reset: ResetAfter, Count: 1})
		if err := create(); err == nil {
			t.Error("reset before: an answer came")
		}
		equal(t, "drafts after a reset before", len(mb.Messages("drafts")), 1)
		if err := create(); err == nil {
			t.Error("reset after: an answer came")
		}
		equal(t, "drafts after a reset after", len(mb.Messages("drafts")), 2)

		r.AddFault(Fault{Method: "GET", CutAfter: 50_000})
		resp, err := web.Get(r.URL + "/v1.0/users/" + anna + "/messages/" + id + "/$value")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil || len(got) > 50_000 {
			t.Errorf("cut body: %d bytes, error %v", len(got), err)
		}
		web.CloseIdleConnections()
	}
}

func TestConcurrencyLimit(t *testing.T) {
	for name, tt := range map[string]struct {
		limits Limits
		want   int // refused of 6 requests to two mailboxes each
	}{
		"per mailbox": {Limits{}, 4},
		"per app":     {Limits{PerApp: true}, 8},
		"none":        {Limits{Concurrency: -1}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := newClient(t, Options{Modes: Modes{Latency: time.Second}, Limits: tt.limits})
			results := make(chan int)
			for range 6 {
				for _, who := range []string{anna, bert} {
					go func() { results <- c.do("GET", "/v1.0/users/"+who+"/mailFolders/inbox", nil).status }()
				}
			}
			refused := 0
			for range 12 {
				if <-results == 429 {
					refused++
				}
			}
			equal(t, name, refused, tt.want)
			equal(t, name+", afterwards", c.do("GET", "/mailFolders/inbox", nil).status, 200)
		})
	}
}

func TestSlotLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newClient(t, Options{Limits: Limits{Concurrency: 1, SlotLag: time.Second}})
		c.want(200, "GET", "/mailFolders/inbox", nil)
		c.wantCode(429, "ApplicationThrottled", "GET", "/mailFolders/inbox", nil)
		time.Sleep(2 * time.Second)
		c.want(200, "GET", "/mailFolders/inbox", nil)
		synctest.Wait()
		time.Sleep(2 * time.Second) // lets the last slot go
	})
}

func TestRequestBudget(t *testing.T) {
	clk := &clock{start}
	c, _ := newClient(t, Options{Now: clk.now, Limits: Limits{Requests: 2, UploadBytes: 1000}})
	c.want(200, "GET", "/mailFolders/inbox", nil)
	c.want(200, "GET", "/mailFolders/inbox", nil)
	r := c.wantCode(429, "ApplicationThrottled", "GET", "/mailFolders/inbox", nil)
	equal(t, "Retry-After", r.header.Get("Retry-After"), "600")
	for form, want := range map[string]string{"fraction": "600.128", "none": ""} {
		l := c.s.Limits()
		l.RetryAfter = form
		c.s.SetLimits(l)
		equal(t, form, c.want(429, "GET", "/mailFolders/inbox", nil).header.Get("Retry-After"), want)
	}
	c.want(200, "GET", "/v1.0/users/"+bert+"/mailFolders/inbox", nil)
	clk.t = clk.t.Add(10 * time.Minute)
	c.want(200, "GET", "/mailFolders/inbox", nil)
	c.want(429, "POST", "/messages", strings.Repeat("QUFB", 300))
}

func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newClient(t, Options{})
		c.s.AddFault(Fault{Delay: 30 * time.Second, Status: 503, Code: "UnknownError", Count: 1})
		began := time.Now()
		c.want(503, "GET", "/mailFolders/inbox", nil)
		equal(t, "stall", time.Since(began), 30*time.Second)
	})
}

func TestStallEndsWithTheClient(t *testing.T) {
	r := NewTest(t, Options{Open: true})
	if _, err := r.AddMailbox(anna, MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	r.AddFault(Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	web := r.Client()
	defer web.CloseIdleConnections()
	seen := make(chan struct{})
	r.Observe(func(Entry) { close(seen) })
	req, err := http.NewRequestWithContext(ctx, "GET", r.URL+"/v1.0/users/"+anna+"/mailFolders/inbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := web.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-seen
}
