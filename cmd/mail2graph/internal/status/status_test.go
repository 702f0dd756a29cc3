package status

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"html"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// get asks a Server.
func get(s *Server, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://127.0.0.1:9143"+path, nil)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

var (
	metricName  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	metricLine  = regexp.MustCompile(`^([a-z0-9_]+)(\{(?:[a-z]+="(?:[^"\\]|\\[\\"n])*",?)+\})? (\S+)$`)
	metricLabel = regexp.MustCompile(`([a-z]+)="((?:[^"\\]|\\.)*)"`)
)

// readMetrics parses the text format strictly: a HELP and a TYPE for each family, its
// samples together, no series twice, histograms that add up.
func readMetrics(t *testing.T, text string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	family, kind := "", ""
	seen := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			if seen[name] || !metricName.MatchString(name) || !strings.HasSuffix(help, ".") && !strings.HasSuffix(help, "1.") {
				t.Errorf("family %q with help %q", name, help)
			}
			family, seen[name] = name, true
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, k, _ := strings.Cut(rest, " ")
			if name != family {
				t.Errorf("TYPE of %s follows HELP of %s", name, family)
			}
			kind = k
			if (kind == counter) != strings.HasSuffix(name, "_total") {
				t.Errorf("%s is a %s", name, kind)
			}
			continue
		}
		m := metricLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not a sample: %q", line)
			continue
		}
		base := m[1]
		if kind == histogram {
			for _, ending := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, ending)
			}
		}
		v, err := strconv.ParseFloat(m[3], 64)
		_, twice := out[m[1]+m[2]]
		if base != family || err != nil || twice {
			t.Errorf("sample %q in family %s (twice: %t): %v", line, family, twice, err)
		}
		out[m[1]+m[2]] = v
	}
	return out
}

// total is the value that a page's figure names: a series, or sum(NAME{LABELS}).
func total(metrics map[string]float64, name string) (float64, bool) {
	inner, isSum := strings.CutPrefix(name, "sum(")
	if !isSum {
		v, ok := metrics[name]
		return v, ok
	}
	inner = strings.TrimSuffix(inner, ")")
	base, _, _ := strings.Cut(inner, "{")
	labels := metricLabel.FindAllString(inner, -1)
	sum, found := 0.0, false
	for s, v := range metrics {
		own, _, _ := strings.Cut(s, "{")
		match := own == base
		for _, l := range labels {
			match = match && strings.Contains(s, l)
		}
		if match {
			sum, found = sum+v, true
		}
	}
	return sum, found
}

var dataElement = regexp.MustCompile(`<data value="([^"]*)" data-metric="([^"]*)">([^<]*)</data>`)

// checkFigures compares the figures of a page with metrics.
func checkFigures(t *testing.T, page string, metrics map[string]float64) {
	t.Helper()
	figures := dataElement.FindAllStringSubmatch(page, -1)
	if len(figures) < 60 {
		t.Errorf("only %d figures on the page", len(figures))
	}
	for _, f := range figures {
		name := html.UnescapeString(f[2])
		want, ok := total(metrics, name)
		got, err := strconv.ParseFloat(f[1], 64)
		if err != nil || !ok || got != want {
			t.Errorf("the page has %s = %s (%q), the metrics have %v (%t)", name, f[1], f[3], want, ok)
		}
		if plain := strings.ReplaceAll(f[3], ",", ""); regexp.MustCompile(`^\d+$`).MatchString(plain) && plain != strconv.FormatFloat(want, 'f', -1, 64) {
			t.Errorf("the page shows %q for %s = %v", f[3], name, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	w := get(sampleServer2(t), "/metrics")
	if ct := w.Header().Get("Content-Type"); ct != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("content type %q", ct)
	}
	m := readMetrics(t, w.Body.String())
	const buckets = `mail2graph_graph_request_duration_seconds_bucket{method="GET",le=`
	for name, want := range map[string]float64{
		`mail2graph_graph_requests_total{method="GET",route="/users/{user}/mailFolders/{mailFolder}/messages/delta",status="429"}`: 12,
		`mail2graph_graph_requests_total{method="POST",route="/$batch",status="2xx"}`:                                              228,
		`mail2graph_graph_units_total{mailbox="support"}`:                                                                          972 + 228*20,
		buckets + `"0.05"}`: 123, buckets + `"+Inf"}`: 972,
		`mail2graph_graph_wait_seconds_count{priority="background"}`:              600,
		`mail2graph_sync_lag_seconds{mailbox="support",folder="inbox"}`:           12,
		`mail2graph_sync_lag_seconds{mailbox="support",folder="other"}`:           3,
		`mail2graph_sync_lag_seconds{mailbox="archive",folder="inbox"}`:           240,
		`mail2graph_folders{mailbox="invoices",state="failing"}`:                  1,
		`mail2graph_outbox_messages{mailbox="support",state="deferred"}`:          4,
		`mail2graph_outbox_messages{mailbox="support",state="held"}`:              0,
		`mail2graph_outbox_oldest_seconds{mailbox="support"}`:                     7200,
		`mail2graph_messages_total{mailbox="support",result="returned"}`:          2,
		`mail2graph_sessions{protocol="imap",login="o\"dd\\name"}`:                2,
		`mail2graph_logins_total{protocol="imap",result="locked"}`:                31,
		`mail2graph_locked{kind="name"}`:                                          1,
		`mail2graph_commands_total{protocol="imap",command="SELECT",result="no"}`: 3,
		`mail2graph_commands_total{protocol="smtp",command="RCPT",result="2xx"}`:  3300,
		`mail2graph_token_refused{app="fabrikam"}`:                                1,
		`mail2graph_signin_due{mailbox="anna"}`:                                   1,
		`mail2graph_credential_expiry_timestamp_seconds{app="contoso"}`:           float64(sampleNow.Add(19 * 24 * time.Hour).Unix()),
		`mail2graph_certificate_expiry_timestamp_seconds`:                         float64(sampleNow.Add(9 * 24 * time.Hour).Unix()),
		`mail2graph_ready`:                             1,
		`process_start_time_seconds`:                   float64(sampleNow.Add(-76 * time.Hour).Unix()),
		`mail2graph_log_messages_total{level="error"}`: 2,
	} {
		if got, ok := m[name]; !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v (%t), want %v", name, got, ok, want)
		}
	}
	if _, ok := m[`mail2graph_signin_due{mailbox="support"}`]; ok {
		t.Error("a mailbox of an application has no sign-in")
	}
}

// sampleServer2 is sampleServer with health.
func sampleServer2(t *testing.T) *Server {
	t.Helper()
	s := sampleServer()
	s.o.Live = func(context.Context) error { return nil }
	s.o.Ready = func(context.Context) []Check { return []Check{{Name: "indexes readable"}} }
	return s
}

// TestRoutesAreBounded: whatever comes, the number of series has an end.
func TestRoutesAreBounded(t *testing.T) {
	var c Counter
	e := sampleExchange
	for i := range 5000 {
		e.Route = fmt.Sprint("/", i)
		c.Observe(e)
	}
	got := c.Traffic()
	if len(got.Requests) != maxRequests+1 || got.Total() != 5000 || got.Requests[Request{"GET", "other", "none"}] != 5000-maxRequests {
		t.Errorf("%d kinds of request, %d in all", len(got.Requests), got.Total())
	}
}

func TestPage(t *testing.T) {
	s := sampleServer2(t)
	w := get(s, "/")
	page := w.Body.String()
	checkFigures(t, page, readMetrics(t, get(s, "/metrics").Body.String()))
	for _, want := range []string{
		"3 problems", "mailbox anna: anna@contoso.example has to sign in again", "run: mail2graph login anna",
		"the disk of state_dir has 812 MB free",
		"app fabrikam: Microsoft refuses its credential", "app contoso: its client secret ends on 2026-12-16, in 19 days",
		"mailbox old: 1 message given up", "mailbox invoices: not in step with Graph for 26 min", "reading 12,400 of 81,000",
		"the certificate of the listeners ends on 2026-12-06, in 9 days", "9,400 of 10,000 requests", "1 address locked out",
		"no token for Graph", "3 times", "sync failed",
	} {
		if !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	// What hangs on a refused token is told once, with the token.
	if strings.Contains(page, "mailbox old: not in step") {
		t.Error("the mailboxes of a refused app are told one by one")
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Error("the page has what its own policy forbids")
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("content security policy %q", csp)
	}
}

func TestQuietPage(t *testing.T) {
	s := New(Options{Snapshot: func() *Snapshot { return &Snapshot{Now: sampleNow, Started: sampleNow} },
		Ready: func(context.Context) []Check { return nil }})
	if page := get(s, "/").Body.String(); !strings.Contains(page, "All is well") || !strings.Contains(page, "none in three hours") || !strings.Contains(page, "nobody is logged in") {
		t.Errorf("the page:\n%s", page)
	}
	if w := get(s, "/readyz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("readyz with nothing to be ready: %d", w.Code)
	}
}

func TestHealth(t *testing.T) {
	s := sampleServer2(t)
	check := func(path string, code int, text string) {
		t.Helper()
		if w := get(s, path); w.Code != code || w.Body.String() != text {
			t.Errorf("%s: %d %q, want %d %q", path, w.Code, w.Body, code, text)
		}
	}
	check("/healthz", 200, "ok\n")
	check("/readyz", 200, "ok   indexes readable\n")
	s = sampleServer2(t)
	s.o.Live = func(context.Context) error { return errors.New("log in: nobody answers") }
	s.o.Ready = func(context.Context) []Check { return []Check{{Name: "a"}, {"b", errors.New("it is starting")}} }
	check("/healthz", 503, "self-check failed: log in: nobody answers\n")
	check("/readyz", 503, "ok   a\nFAIL b: it is starting\n")
	if m := readMetrics(t, get(s, "/metrics").Body.String()); m["mail2graph_ready"] != 0 {
		t.Error("the metrics say ready")
	}
	if w := get(s, "/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown path: %d", w.Code)
	}
}

// TestHealthIsShared: many who ask at once cost one check, and one who leaves does not
// spoil it for the others.
func TestHealthIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		var s shared
		check := func(ctx context.Context) error {
			runs.Add(1)
			return ctx.Err()
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		var wg sync.WaitGroup
		for i := range 50 { // all at one moment of virtual time
			ctx := t.Context()
			if i%2 == 0 {
				ctx = gone
			}
			wg.Go(func() {
				if err := s.do(ctx, check); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := runs.Load(); n != 1 {
			t.Errorf("%d checks", n)
		}
		time.Sleep(checkFresh)
		if err := s.do(t.Context(), check); err != nil || runs.Load() != 2 {
			t.Errorf("later: %v, %d checks", err, runs.Load())
		}
	})
}

// TestForeignNames: a page of the web whose name leads here reads nothing.
func TestForeignNames(t *testing.T) {
	s := sampleServer2(t)
	for host, want := range map[string]int{
		"127.0.0.1:9143": 200, "localhost:9143": 200, "[::1]:9143": 200, "LOCALHOST": 200, "192.0.2.7": 200,
		"evil.example:9143": 421, "localhost.evil.example": 421, "": 421,
	} {
		for _, path := range []string{"/", "/metrics", "/healthz", "/readyz"} {
			r := httptest.NewRequest("GET", "http://x"+path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			if s.Handler().ServeHTTP(w, r); w.Code != want || want != 200 && strings.Contains(w.Body.String(), "contoso") {
				t.Errorf("%q %s: %d, want %d", host, path, w.Code, want)
			}
		}
	}
	s.o.AnyHost = true
	r := httptest.NewRequest("GET", "http://gateway.example/healthz", nil)
	w := httptest.NewRecorder()
	if s.Handler().ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("allow_remote: %d", w.Code)
	}
}

func TestHistory(t *testing.T) {
	var h history
	s := sample()
	for range historySize + 20 {
		for r := range s.Graph.Requests {
			s.Graph.Requests[r] += 2
		}
		h.add(s)
	}
	requests, throttles, outbox := h.curves(s)
	if len(requests) != historySize+1 || len(throttles) != len(requests) || len(outbox) != len(requests) {
		t.Fatalf("%d points", len(requests))
	}
	if got, want := requests[historySize-1], float64(2*len(s.Graph.Requests)); got != want || requests[historySize] != 0 || throttles[5] != 0 || outbox[5] != 8 {
		t.Errorf("requests %v, want %v; now %v; throttles %v; outbox %v", got, want, requests[historySize], throttles[5], outbox[5])
	}
	c := newChart("x", "", "x", requests, figure{})
	if strings.Count(c.Line, "H") != historySize || c.Quiet {
		t.Errorf("the curve: %+v", c)
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 89 * time.Second: "89 s", 90 * time.Second: "1 min", 5 * time.Hour: "5 h", 50 * time.Hour: "2 days"} {
		if got := ago(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 48_300_000: "48.3 MB", 1_720_000_000: "1.72 GB", 5e15: "5e+03 TB"} {
		if got := octets(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for v, want := range map[float64]float64{0: 1, 1: 1, 3: 5, 10: 10, 11: 20, 73: 100} {
		if got := scale(v); got != want {
			t.Errorf("scale of %v: %v, want %v", v, got, want)
		}
	}
}

// TestTooManyConnections: those that hang about take no more than their share, and
// when they go others are served.
func TestTooManyConnections(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); sampleServer2(t).Run(ctx, ln) }()
	defer func() { cancel(); <-done }()
	ask := func(c net.Conn) (string, error) {
		if _, err := fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return "", err
		}
		return bufio.NewReader(c).ReadString('\n')
	}
	var open []net.Conn
	for i := range maxConnections + 20 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		line, err := ask(c)
		if served := err == nil && line == "HTTP/1.1 200 OK\r\n"; served != (i < maxConnections) {
			t.Fatalf("connection %d: %q, %v", i+1, line, err)
		}
		open = append(open, c)
	}
	for _, c := range open {
		c.Close()
	}
	for { // until the server has noticed
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		line, _ := ask(c)
		c.Close()
		if strings.HasPrefix(line, "HTTP/1.1 200") {
			return
		}
	}
}

// TestNoInodes: the page tells a disk that can take no file from one without room.
func TestNoInodes(t *testing.T) {
	s := &Snapshot{DiskFree: new(int64), NoInodes: true}
	found := problems(s, nil)
	if len(found) != 1 || !found[0].Bad || !strings.Contains(found[0].What, "no inodes left, so mail to be sent is refused") || !strings.Contains(found[0].Cure, "remove files") {
		t.Errorf("problems: %+v", found)
	}
}
