package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/outbox"
	"mail2graph/graphstore/graphsim"
)

// killsVariable is how often TestKills kills; hundreds for a night.
const killsVariable = "MAIL2GRAPH_TEST_KILLS"

// killBed is a daemon in a process of its own, over a simulator in this one.
type killBed struct {
	t      *testing.T
	sim    *graphsim.Running
	dir    string
	config string
	smtp   string // address
	imap   string
	users  []string
	daemon *exec.Cmd
	log    *os.File
}

func newKillBed(t *testing.T, mailboxes int) *killBed {
	t.Helper()
	b := &killBed{t: t, sim: graphsim.NewTest(t, graphsim.Options{Seed: 1}), dir: t.TempDir()}
	b.sim.AddApp(graphsim.App{Tenant: "example.com", ClientID: "app", Secret: "s3cret", Roles: []string{"Mail.ReadWrite", "Mail.Send"}})
	for _, addr := range []*string{&b.smtp, &b.imap} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close() // two different ones
		*addr = ln.Addr().String()
	}
	const hash = "$2a$04$cgULFaPtWZbXXn6yWyyl.evLi1M2FOKZX7K5yOPbhavqsVyZU5EMK" // "secret"
	config := fmt.Sprintf("state_dir = \"state\"\n[imap]\nlisten = [%q]\n[smtp]\nlisten = [%q]\nfirst_attempt = \"2s\"\nper_minute = 0\n"+
		"[app.a]\ntenant_id = \"example.com\"\nclient_id = \"app\"\nclient_secret_file = \"secret\"\nauthority_host = %q\ngraph_endpoint = %q\nca_file = \"ca.pem\"\n",
		b.imap, b.smtp, b.sim.URL, b.sim.URL)
	for i := range mailboxes {
		user := fmt.Sprintf("user%d@example.com", i)
		if _, err := b.sim.AddMailbox(user, graphsim.MailboxOptions{}); err != nil {
			t.Fatal(err)
		}
		b.users = append(b.users, user)
		config += fmt.Sprintf("[mailbox.m%d]\naddress = %q\napp = \"a\"\npoll = \"0\"\n[login.u%d]\nusername = %q\npassword_hash = %q\nmailbox = \"m%d\"\n", i, user, i, user, hash, i)
	}
	b.config = filepath.Join(b.dir, "c.toml")
	for name, text := range map[string]string{"c.toml": config, "secret": "s3cret", "ca.pem": string(b.sim.CAPEM)} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if b.log, err = os.Create(filepath.Join(b.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b.daemon != nil && b.daemon.ProcessState == nil { // the test failed in the middle
			b.end(syscall.SIGKILL)
		}
		b.log.Close()
	})
	return b
}

// start starts the daemon and waits until it takes mail.
func (b *killBed) start() {
	b.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	b.daemon = exec.Command(exe, "serve", "--config", b.config)
	b.daemon.Env = append(os.Environ(), asProgram+"=1")
	b.daemon.Stdout, b.daemon.Stderr = b.log, b.log
	if err := b.daemon.Start(); err != nil {
		b.t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		c, err := net.Dial("tcp", b.smtp)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			b.end(syscall.SIGKILL)
			b.t.Fatalf("the daemon does not start:\n%s", b.tail())
		}
		pause(20 * time.Millisecond)
	}
}

// pause waits in real time: other processes know no virtual one.
func pause(d time.Duration) { <-time.After(d) }

func (b *killBed) end(sig syscall.Signal) {
	_ = b.daemon.Process.Signal(sig)
	_ = b.daemon.Wait() // it was killed: an error is what there is to expect
}

// killCount is how often to kill: usual, or what the environment says, or a few times.
func killCount(t *testing.T, usual int) int {
	t.Helper()
	if v := os.Getenv(killsVariable); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 3
	}
	return usual
}

// killAgain kills the daemon so often, after 50 ms to atMost more of life, and starts it again.
// On a slow machine none of these lives may be long enough for anything: the last one goes
// on until enough was done, or half a minute.
func (b *killBed) killAgain(kills int, atMost time.Duration, enough func() bool) {
	b.t.Helper()
	rnd := rand.New(rand.NewPCG(7, 7))
	for range kills {
		pause(50*time.Millisecond + time.Duration(rnd.Int64N(int64(atMost))))
		b.end(syscall.SIGKILL)
		b.start()
	}
	pause(300 * time.Millisecond)
	for deadline := time.Now().Add(30 * time.Second); !enough() && time.Now().Before(deadline); {
		pause(50 * time.Millisecond)
	}
}

// heal kills the daemon a last time and starts it on a service that does not fail any more.
func (b *killBed) heal() {
	b.t.Helper()
	b.end(syscall.SIGKILL)
	b.sim.ClearFaults()
	b.start()
}

func (b *killBed) tail() string {
	text, _ := os.ReadFile(b.log.Name())
	return string(text[max(0, len(text)-4000):])
}

func (b *killBed) outbox() string { return filepath.Join(b.dir, "state", bridge.OutboxDir) }

// waiting returns the ids in the outbox.
func (b *killBed) waiting() (ids []string) {
	b.t.Helper()
	damaged, err := outbox.List(b.outbox(), func(r *outbox.Record) error { ids = append(ids, r.ID); return nil })
	if err != nil || damaged > 0 {
		b.t.Fatalf("outbox: %d damaged records, %v", damaged, err)
	}
	return ids
}

// drain has everything sent, and fails when that takes too long.
func (b *killBed) drain() {
	b.t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); ; pause(time.Second) {
		ids := b.waiting()
		if len(ids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%d messages stay in the outbox:\n%s", len(ids), b.tail())
		}
		if _, err := outbox.Order(context.Background(), b.outbox(), outbox.OpRetry, ids); err != nil {
			b.t.Log(err)
		}
	}
}

// submission is one message with its envelope and what the daemon said of it.
type submission struct {
	serial int
	rcpts  []string
	code   int // 0: no answer came
}

// randomLetter makes random messages: recipients in any header field, or in none, and
// header fields with people that are no recipients.
func randomLetter(rnd *rand.Rand, from string, serial int) (rcpts []string, text string) {
	person := func() string {
		return fmt.Sprintf("%c%d@%s", 'a'+rune(rnd.IntN(5)), rnd.IntN(9), []string{"example.org", "example.net", "Example.COM"}[rnd.IntN(3)])
	}
	for range 1 + rnd.IntN(4) {
		if p := person(); !slices.ContainsFunc(rcpts, func(r string) bool { return strings.EqualFold(r, p) }) {
			rcpts = append(rcpts, p)
		}
	}
	var head strings.Builder
	for _, name := range []string{"To", "Cc", "Bcc", "Resent-To"} {
		var list []string
		for _, r := range rcpts {
			if rnd.IntN(2) == 0 {
				list = append(list, []string{r, "<" + r + ">", "A, B <" + r + ">", "\"A, B\" <" + r + ">"}[rnd.IntN(4)])
			}
		}
		for range rnd.IntN(2) {
			list = append(list, person())
		}
		if len(list) > 0 {
			fmt.Fprintf(&head, "%s: %s\r\n", name, strings.Join(list, ", "))
		}
	}
	lines := rnd.IntN(500)
	if rnd.IntN(40) == 0 { // built anew, with an upload session
		lines = 200_000
		head.WriteString("Content-Type: application/octet-stream; name=large.bin\r\n")
	}
	return rcpts, fmt.Sprintf("From: %s\r\n%sSubject: message %d\r\nX-Serial: %d\r\n\r\n%s", from, head.String(), serial, serial,
		strings.Repeat("line of the message\r\n", lines))
}

// submit hands in a message and returns the code of the answer to its text.
func (b *killBed) submit(user string, rcpts []string, text string) int {
	conn, err := net.DialTimeout("tcp", b.smtp, time.Second)
	if err != nil {
		return -1 // it was never offered
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	code := func(err error) int {
		if e, ok := errors.AsType[*textproto.Error](err); ok {
			return e.Code
		}
		return 0
	}
	c, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		return -1
	}
	if err := c.Auth(smtp.PlainAuth("", user, "secret", "127.0.0.1")); err != nil {
		return -1
	}
	if err := c.Mail(user); err != nil {
		return -1
	}
	for _, r := range rcpts {
		if err := c.Rcpt(r); err != nil {
			return -1
		}
	}
	w, err := c.Data()
	if err != nil {
		return -1
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return 0
	}
	if err := w.Close(); err != nil {
		return code(err)
	}
	return 250
}

// check compares what the simulator delivered with what was submitted.
func (b *killBed) check(all []submission) {
	b.t.Helper()
	times, to := map[int]int{}, map[int][]string{}
	for _, d := range b.sim.Deliveries() {
		m, err := mail.ReadMessage(strings.NewReader(string(d.MIME)))
		if err != nil {
			b.t.Fatal(err)
		}
		serial, err := strconv.Atoi(m.Header.Get("X-Serial"))
		if err != nil {
			continue // a report
		}
		times[serial]++
		to[serial] = d.Recipients
	}
	fold := func(list []string) string {
		var out []string
		for _, a := range list {
			out = append(out, strings.ToLower(a))
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	answers := map[string]int{}
	for _, s := range all {
		n := times[s.serial]
		switch {
		case s.code == 250:
			answers["accepted"]++
			if n != 1 {
				b.t.Errorf("message %d was accepted and delivered %d times", s.serial, n)
			}
		case s.code == 0:
			answers["unanswered"]++
			if n > 1 {
				b.t.Errorf("message %d was delivered %d times", s.serial, n)
			}
		default:
			answers["refused"]++
			if n != 0 {
				b.t.Errorf("message %d was refused with %d and delivered %d times", s.serial, s.code, n)
			}
		}
		if n > 0 && fold(to[s.serial]) != fold(s.rcpts) {
			b.t.Errorf("message %d went to %q, its envelope is %q", s.serial, to[s.serial], s.rcpts)
		}
	}
	b.t.Logf("%v of %d messages", answers, len(all))
	if answers["accepted"] == 0 {
		b.t.Error("nothing was accepted")
	}
	b.sim.Settle()
	for _, user := range b.users {
		if n := len(b.sim.Mailbox(user).Messages("drafts")); n > 0 {
			b.t.Errorf("%d drafts stay in the mailbox of %s", n, user)
		}
	}
	if left, err := os.ReadDir(filepath.Join(b.outbox(), "corrupt")); err != nil || len(left) > 0 {
		b.t.Logf("moved aside: %d files, %v", len(left), err)
	}
}

// badDay makes the simulator fail at random.
func (b *killBed) badDay() {
	create, send, look := "/users/{id}/messages", "/users/{id}/messages/{id}/send", "/users/{id}/messages/{id}"
	for _, f := range []graphsim.Fault{
		{Method: "POST", Route: create, Probability: 0.08, Reset: graphsim.ResetAfter},
		{Method: "POST", Route: create, Probability: 0.05, Reset: graphsim.ResetBefore},
		{Method: "POST", Route: create, Probability: 0.05, Status: 503, Code: "ErrorServerBusy"},
		{Method: "POST", Route: create, Probability: 0.03, Status: 502, HTML: true, After: true},
		{Method: "POST", Route: create, Probability: 0.02, Status: 429, Code: "TooManyRequests", RetryAfter: "0.3"},
		{Method: "POST", Route: create, Probability: 0.02, Status: 507, Code: "ErrorQuotaExceeded"},
		{Method: "POST", Route: create, Probability: 0.01, Delay: 5 * time.Second},
		{Method: "POST", Route: send, Probability: 0.1, Reset: graphsim.ResetAfter},
		{Method: "POST", Route: send, Probability: 0.05, Status: 502, HTML: true},
		{Method: "POST", Route: send, Probability: 0.05, Status: 504, HTML: true, After: true},
		{Method: "POST", Route: send, Probability: 0.05, Status: 429, Code: "ApplicationThrottled", RetryAfter: "1"},
		{Method: "POST", Route: send, Probability: 0.03, Status: 503, Code: "UnknownError", After: true},
		{Method: "POST", Route: send, Probability: 0.05, Delay: 300 * time.Millisecond},
		{Method: "POST", Route: send, Probability: 0.01, Delay: 5 * time.Second, Reset: graphsim.ResetAfter},
		{Method: "PUT", Route: "/upload", Probability: 0.1, Reset: graphsim.ResetBefore},
		{Method: "PUT", Route: "/upload", Probability: 0.1, Reset: graphsim.ResetAfter},
		{Method: "POST", Route: look + "/attachments", Probability: 0.1, Reset: graphsim.ResetAfter},
		{Method: "GET", Route: look + "/attachments", Probability: 0.1, Reset: graphsim.ResetAfter},
		{Method: "GET", Route: look, Probability: 0.1, Status: 503, Code: "UnknownError"},
	} {
		b.sim.AddFault(f)
	}
}

// TestKills kills the daemon again and again while clients submit and the service
// fails: what was answered with 250 is delivered exactly once to exactly its
// envelope, and what was refused not at all.
func TestKills(t *testing.T) {
	kills := killCount(t, 15)
	b := newKillBed(t, 4)
	b.sim.SetModes(graphsim.Modes{SentDelay: 700 * time.Millisecond})
	b.sim.SetLimits(graphsim.Limits{UploadBytes: -1})
	b.badDay()
	b.start()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	all := b.submitAll(ctx, stop, kills)
	b.heal()
	b.drain()
	b.end(syscall.SIGTERM)
	b.check(all)
}

// submitAll has every user submit until the daemon was killed so often, and then
// calls stop.
func (b *killBed) submitAll(ctx context.Context, stop func(), kills int) (all []submission) {
	var mu sync.Mutex // guards all and serial
	serial := 0
	var clients sync.WaitGroup
	for i, user := range b.users {
		rnd := rand.New(rand.NewPCG(uint64(i), 42))
		clients.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				serial++
				n := serial
				mu.Unlock()
				rcpts, text := randomLetter(rnd, user, n)
				code := b.submit(user, rcpts, text)
				if code < 0 { // not offered
					pause(50 * time.Millisecond)
					continue
				}
				mu.Lock()
				all = append(all, submission{n, rcpts, code})
				mu.Unlock()
			}
		})
	}
	b.killAgain(kills, 900*time.Millisecond, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.ContainsFunc(all, func(s submission) bool { return s.code == 250 })
	})
	stop()
	clients.Wait()
	return all
}
