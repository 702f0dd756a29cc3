package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/status"
	"mail2graph/graphstore/graphsim"
)

// watched is a bed with a status page, whose log has everything.
type watched struct {
	*bed
	page string // URL without a path
}

func (b *bed) watch() *watched {
	b.t.Helper()
	b.log = newScreen()
	recorder := &status.Recorder{}
	handler := slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})
	s := &service{log: slog.New(recorder.Handler(calm{handler})), watching: watching{recorder: recorder}}
	b.cfg.Metrics.Listen = []bridge.Addr{"127.0.0.1:0"}
	var err error
	if s.probe, err = newProbe(); err != nil {
		b.t.Fatal(err)
	}
	b.cfg = s.probe.admit(b.cfg, func(string) bool { return true })
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.start(ctx, b.cfg, b.sim.CAPEM); err != nil {
		b.t.Fatal(err)
	}
	b.imap, b.smtp = s.doors[0].ln.Addr().String(), s.doors[1].ln.Addr().String()
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("the bridge ended with: %v", err)
		}
	})
	return &watched{b, "http://" + s.watching.doors[0].Addr().String()}
}

func (w *watched) get(path string) (int, string) {
	w.t.Helper()
	resp, err := http.Get(w.page + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// metrics returns the value of each series.
func (w *watched) metrics() map[string]float64 {
	w.t.Helper()
	_, text := w.get("/metrics")
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if i := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") {
			v, err := strconv.ParseFloat(line[i+1:], 64)
			if err != nil {
				w.t.Fatalf("%q: %v", line, err)
			}
			out[line[:i]] = v
		}
	}
	return out
}

// series is the value that a figure of the page names: a series, or sum(NAME).
func series(metrics map[string]float64, name string) (sum float64, found bool) {
	inner, isSum := strings.CutPrefix(name, "sum(")
	for s, v := range metrics {
		base, _, _ := strings.Cut(s, "{")
		if s == name || isSum && base == strings.TrimSuffix(inner, ")") {
			sum, found = sum+v, true
		}
	}
	return sum, found
}

var pageFigure = regexp.MustCompile(`<data value="([^"]*)" data-metric="([^"]*)">`)

// talkAway lets programs do a bit of everything, with mail whose words are known.
func (w *watched) talkAway() {
	w.t.Helper()
	if _, err := w.box.Deliver([]byte("From: A <a@example.org>\r\nTo: "+bedUser+"\r\nSubject: Zanzibar takeover\r\nMessage-ID: <1@example.org>\r\n\r\nThe crocodile ledger.\r\n"),
		graphsim.DeliverOptions{}); err != nil {
		w.t.Fatal(err)
	}
	wrong := w.connect()
	wrong.no("AUTHENTICATIONFAILED", "LOGIN %s %q", bedUser, "battery staple")
	wrong.no("AUTHENTICATIONFAILED", "AUTHENTICATE PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+bedUser+"\x00battery staple")))
	s := w.login()
	s.ok("SELECT INBOX")
	s.ok("FETCH 1:* (ENVELOPE BODY.PEEK[] BODYSTRUCTURE)")
	s.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])")
	s.ok("UID SEARCH SUBJECT %q", "Zanzibar")
	s.ok("UID SEARCH BODY crocodile")
	s.ok("SORT (SUBJECT) UTF-8 TEXT crocodile")
	s.ok("APPEND INBOX {%d+}\r\n%s", len(appended), appended)
	s.no("NONEXISTENT", "SELECT nowhere")
	auth := smtp.PlainAuth("", bedUser, bedPassword, "127.0.0.1")
	sent := "From: " + bedUser + "\r\nTo: friend@example.net\r\nSubject: Quokka bonus\r\n\r\nThe wombat payroll.\r\n"
	if err := smtp.SendMail(w.smtp, auth, bedUser, []string{"friend@example.net"}, []byte(sent)); err != nil {
		w.t.Fatal(err)
	}
	if err := smtp.SendMail(w.smtp, smtp.PlainAuth("", bedUser, "battery staple", "127.0.0.1"), bedUser, []string{"friend@example.net"}, []byte(sent)); err == nil {
		w.t.Error("a wrong password is taken")
	}
}

const appended = "From: b@example.org\r\nSubject: Marmoset merger\r\n\r\nThe pelican invoice.\r\n"

// TestStatusPage: the page of a service that works shows what its metrics say.
func TestStatusPage(t *testing.T) {
	b := newBed(t)
	b.fill(20)
	w := b.watch()
	if code, text := w.get("/readyz"); code != 200 || !strings.Contains(text, "ok   listening imap "+w.imap) || !strings.Contains(text, "ok   indexes readable") {
		t.Errorf("readyz: %d %s", code, text)
	}
	if code, text := w.get("/healthz"); code != 200 || text != "ok\n" {
		t.Errorf("healthz: %d %s", code, text)
	}
	w.talkAway()

	// Some values move on: that of the page is none that was not there between two looks.
	before := w.metrics()
	_, page := w.get("/")
	after := w.metrics()
	figures := pageFigure.FindAllStringSubmatch(page, -1)
	if len(figures) < 30 {
		t.Errorf("only %d figures on the page", len(figures))
	}
	for _, f := range figures {
		name := html.UnescapeString(f[2])
		v, err := strconv.ParseFloat(f[1], 64)
		low, ok := series(before, name)
		high, _ := series(after, name)
		if err != nil || !ok || v < min(low, high) || v > max(low, high) {
			t.Errorf("the page has %s = %s, the metrics %v and %v (%t)", name, f[1], low, high, ok)
		}
	}
	for name, want := range map[string]float64{
		`mail2graph_logins_total{protocol="imap",result="wrong"}`:                                                    2,
		`mail2graph_logins_total{protocol="imap",result="ok"}`:                                                       1,
		`mail2graph_logins_total{protocol="smtp",result="ok"}`:                                                       1,
		`mail2graph_sessions{protocol="imap",login="u"}`:                                                             1,
		`mail2graph_connections{protocol="imap"}`:                                                                    2,
		`mail2graph_messages_total{mailbox="demo",result="sent"}`:                                                    1,
		`mail2graph_commands_total{protocol="imap",command="SELECT",result="no"}`:                                    1,
		`mail2graph_commands_total{protocol="smtp",command="DATA",result="2xx"}`:                                     1,
		`mail2graph_folders{mailbox="demo",state="failing"}`:                                                         0,
		`mail2graph_token_refused{app="demo"}`:                                                                       0,
		`mail2graph_ready`:                                                                                           1,
		`mail2graph_graph_requests_total{method="GET",route="/users/{user}/messages/{message}/$value",status="2xx"}`: 21,
	} {
		if got, ok := after[name]; !ok || got != want {
			t.Errorf("%s is %v (%t), want %v", name, got, ok, want)
		}
	}
	for s := range after {
		if strings.Contains(s, "self-check") {
			t.Errorf("the self-check is counted: %s", s)
		}
	}
}

// TestNothingLeaks has programs do a bit of everything, well and badly, and looks for
// passwords, tokens and mail in all that is told: the log with every detail, a trace,
// the page, the metrics.
func TestNothingLeaks(t *testing.T) {
	const secret = "Sup3r~client-Secret"
	b := newBed(t)
	b.app(graphsim.App{Secret: secret})
	app := b.cfg.Apps["demo"]
	app.ClientSecret = secret
	b.cfg.Apps["demo"] = app
	login := b.cfg.Logins["u"]
	login.Trace = true
	b.cfg.Logins["u"] = login
	w := b.watch()
	w.talkAway()

	throttle := b.sim.AddFault(graphsim.Fault{Count: 3, Status: 429, Code: "TooManyRequests", RetryAfter: "0.2"})
	s := w.login()
	s.ok("SELECT INBOX")
	s.ok("STATUS Archive (MESSAGES)")
	b.sim.RemoveFault(throttle)
	b.sim.AddFault(graphsim.Fault{Route: "/users/{id}/mailFolders/{id}/messages/delta", Status: 403, Code: "ErrorAccessDenied", Message: "Access is denied."})
	w.log.await(t, "a folder that fails", func(text string) bool { s.cmd("NOOP"); return strings.Contains(text, "sync failed") })
	b.app(graphsim.App{Secret: "another"})
	b.sim.RevokeTokens(demoTenant, demoClient)
	w.log.await(t, "a refused secret", func(text string) bool {
		s.cmd("STATUS Drafts (MESSAGES)")
		return strings.Contains(text, "no token for Graph")
	})

	_, page := w.get("/")
	_, metrics := w.get("/metrics")
	told := map[string]string{"log": w.log.String(), "page": html.UnescapeString(page), "metrics": metrics}
	basic := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for where, text := range told {
		for _, word := range []string{
			bedPassword, "battery staple", basic("\x00" + bedUser + "\x00" + bedPassword), basic("\x00" + bedUser + "\x00battery staple"), basic(bedPassword),
			secret, "eyJ", "Bearer ", "$argon2", string(login.PasswordHash),
			"Zanzibar", "takeover", "crocodile", "ledger", "Quokka", "bonus", "wombat", "payroll", "Marmoset", "merger", "pelican",
		} {
			if i := strings.Index(strings.ToLower(text), strings.ToLower(word)); i >= 0 {
				t.Errorf("the %s has %q: …%s…", where, word, text[max(0, i-150):min(len(text), i+len(word)+50)])
			}
		}
	}
	if strings.Contains(told["page"], "friend@example.net") || strings.Contains(metrics, "friend@example.net") {
		t.Error("page or metrics name a recipient")
	}
	// What was looked at had it all.
	for where, wants := range map[string][]string{
		"log":  {"line=\"t2 SELECT INBOX\"", "msg=\"graph request\"", "status=429", "ErrorAccessDenied", "AADSTS7000215", "login refused", "message sent"},
		"page": {"credential refused", "wrong client secret", "no token for Graph"},
	} {
		for _, want := range wants {
			if !strings.Contains(told[where], want) {
				t.Errorf("the %s lacks %q", where, want)
			}
		}
	}
	if t.Failed() {
		t.Logf("page:\n%s", page)
	}
}

// TestReadyPhases: ready tells where in its life a service is.
func TestReadyPhases(t *testing.T) {
	b := newBed(t)
	s := &service{log: slog.New(slog.DiscardHandler)}
	if err := s.start(t.Context(), b.cfg, b.sim.CAPEM); err != nil {
		t.Fatal(err)
	}
	state := func() (failed int, text string) {
		for _, c := range s.ready(t.Context()) {
			if c.Err != nil {
				failed++
				text = c.Err.Error()
			}
		}
		return failed, text
	}
	if n, text := state(); n != 2 || text != "the service is starting" {
		t.Errorf("before it runs: %d, %s", n, text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	running := make(chan struct{})
	s.started = func() { close(running) }
	go func() { done <- s.run(ctx) }()
	<-running
	if n, text := state(); n != 0 {
		t.Errorf("while it runs: %d, %s", n, text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n, text := state(); n != 3 || !strings.Contains(text, "index") {
		t.Errorf("afterwards: %d, %s", n, text)
	}
}

// TestAlerts: the rules of help alerts speak of series that there are, with labels that
// those have.
func TestAlerts(t *testing.T) {
	b := newBed(t)
	m := b.cfg.Mailboxes["demo"]
	m.Poll = bridge.Duration(time.Minute)
	b.cfg.Mailboxes["demo"] = m
	w := b.watch()
	w.login().ok("SELECT INBOX")
	_, text := w.get("/metrics")
	help, err := helpFiles.ReadFile("help/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?s)- \{alert: (\w+), expr: '([^']*)',(.*?)\}\}\n`).FindAllStringSubmatch(string(help), -1)
	if n := strings.Count(string(help), "alert:"); len(rules) < 15 || len(rules) != n {
		t.Fatalf("%d rules understood of %d", len(rules), n)
	}
	selector := regexp.MustCompile(`((?:mail2graph|process)_\w+)(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`(\w+)=~?"`)
	for _, rule := range rules {
		name, expr, rest := rule[1], rule[2], rule[3]
		used := map[string]bool{}
		for _, m := range selector.FindAllStringSubmatch(expr, -1) {
			if !strings.Contains(text, "# TYPE "+m[1]+" ") {
				t.Errorf("%s: there is no %s", name, m[1])
			}
			used[m[1]] = true
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if l[1] != "job" && !regexp.MustCompile(`(?m)^`+m[1]+`\{[^}]*\b`+l[1]+`="`).MatchString(text) {
					t.Errorf("%s: %s has no label %s", name, m[1], l[1])
				}
			}
		}
		if len(used) == 0 && name != "Mail2graphDown" {
			t.Errorf("%s is about nothing: %s", name, expr)
		}
		for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(rest, -1) {
			found := m[1] == "instance"
			for u := range used {
				has := regexp.MustCompile(`(?m)^` + u + `\{[^}]*\b` + m[1] + `="`).MatchString(text)
				none := !regexp.MustCompile(`(?m)^` + u + `[ {]`).MatchString(text) // nothing of it here
				found = found || has || none
			}
			if !found {
				t.Errorf("%s: its text names the label %s, which nothing in it has", name, m[1])
			}
		}
	}
}

// TestPromtool lets Prometheus itself judge the metrics, and the rules as help alerts
// says to take them.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool")
	}
	b := newBed(t)
	w := b.watch()
	w.login().ok("SELECT INBOX")
	_, text := w.get("/metrics")
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("metrics: %v\n%s", err, out)
	}
	_, help, _ := runWith(strings.NewReader(""), "help", "alerts")
	var rules strings.Builder
	for line := range strings.Lines(help) { // sed -n 's/^    //p'
		if rest, ok := strings.CutPrefix(line, "    "); ok {
			rules.WriteString(rest)
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput()
	if want := fmt.Sprintf("%d rules found", strings.Count(help, "alert:")); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("rules: %v, want %s\n%s", err, want, out)
	}
}
