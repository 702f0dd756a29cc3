package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"mail2graph/graphstore/graphsim"
)

// TestBulk changes, moves and expunges thousands of messages while another session
// looks on: what it is told adds up at every moment.
func TestBulk(t *testing.T) {
	const messages = 3000
	b := newBed(t)
	b.fill(messages)
	b.start()
	one, two := b.login(), b.login()
	one.ok("SELECT INBOX")
	two.ok("SELECT INBOX")
	b.requests()
	conflict, unknown := graphsim.FaultConflict, graphsim.FaultInvalidUser
	conflict.Where, conflict.Skip, conflict.Count = "step", 234, 2
	unknown.Where, unknown.Skip, unknown.Count = "step", 1321, 2
	b.sim.AddFault(conflict)
	b.sim.AddFault(unknown)
	bulk := func(command string, most int) answer {
		t.Helper()
		done := make(chan answer, 1)
		go func() { done <- one.cmd("%s", command) }()
		steps := 0
		for {
			select {
			case a := <-done:
				if !strings.HasPrefix(a.status, "OK") {
					t.Fatalf("%s: %s", command, a.status)
				}
				routes := b.sim.Counts()
				n := routes["POST /$batch"]
				b.requests()
				t.Logf("%s: %d batches, seen in %d steps by the other session; %v", command, n, steps, describe(routes))
				if n > most {
					t.Errorf("%s: %d batches, at most %d", command, n, most)
				}
				return a
			case <-time.After(50 * time.Millisecond): // a look now and then, not a load
			}
			if a := two.ok("NOOP"); len(a.lines) > 0 {
				steps++
			}
			exists := 0
			for _, line := range two.ok("UID FETCH 1:* (UID)").with("(UID ") {
				if !strings.Contains(line, "FLAGS") { // those are news of what the order just did
					exists++
				}
			}
			if found := numbersIn(two.ok("SEARCH ALL")); found != exists {
				t.Fatalf("%s: a session finds %d messages of %d", command, found, exists)
			}
		}
	}
	bulk(`STORE 1:* +FLAGS.SILENT (\Seen)`, messages/20+60)
	if n := numbersIn(one.ok("SEARCH UNSEEN")); n != 0 {
		t.Errorf("%d messages are unread", n)
	}
	moved := bulk("MOVE 1:1500 Archive", messages/2/20+60)
	if code := moved.with("COPYUID"); len(code) != 1 || !strings.Contains(code[0], " 1:1500 1:1500]") {
		t.Errorf("pairs %q", code)
	}
	one.ok(`STORE 1:* +FLAGS.SILENT (\Deleted)`)
	bulk("EXPUNGE", messages/2/20+60)
	two.ok("NOOP")
	for name, want := range map[string]int{"inbox": 0, "archive": messages / 2, "deleteditems": messages / 2} {
		if n := len(b.box.Messages(name)); n != want {
			t.Errorf("%s holds %d messages, want %d", name, n, want)
		}
	}
	if n := numbersIn(two.ok("SEARCH ALL")); n != 0 {
		t.Errorf("the other session sees %d messages at the end", n)
	}
}

// TestBulkBudget: orders that cost more requests than the service allows in its window are
// carried out wholly, through its pauses and faults of every kind, while the client hears of
// their progress. With longVariable set it is 10,000 messages and the real service's budget
// (graph/throttling-limits), which takes an hour.
func TestBulkBudget(t *testing.T) {
	messages, limits := 300, graphsim.Limits{Requests: 120, Window: 2 * time.Second}
	if os.Getenv(longVariable) != "" {
		messages, limits = 10_000, graphsim.Limits{Requests: 10_000, Window: 10 * time.Minute}
	}
	b := newBed(t)
	b.fill(messages)
	b.start()
	one, two := b.login(), b.login()
	one.ok("SELECT INBOX")
	two.ok("SELECT INBOX")
	b.sim.SetLimits(limits)
	for _, f := range []graphsim.Fault{graphsim.FaultThrottle, graphsim.FaultBusy, graphsim.FaultInvalidUser, graphsim.FaultConflict, {Reset: graphsim.ResetAfter}} {
		if f.RetryAfter != "" {
			f.RetryAfter = "1"
		}
		f.Probability = 0.002
		if f.Reset != "" {
			f.Where, f.Probability = "single", 0.01
		}
		b.sim.AddFault(f)
	}
	refused := 0
	order := func(command string) answer {
		t.Helper()
		b.requests()
		began := time.Now()
		a := one.ok("%s", command)
		throttled := 0
		for _, e := range b.sim.Requests() {
			for _, step := range append(e.Steps, e) {
				if step.Code == "ApplicationThrottled" {
					throttled++
				}
			}
		}
		refused += throttled
		t.Logf("%s: %v, %d requests refused for the budget, %d lines of progress", command, time.Since(began).Round(time.Second), throttled, len(a.with("INPROGRESS")))
		return a
	}
	in := func(folder string, has func(graphsim.MessageView) bool) int {
		n := 0
		for _, m := range b.box.Messages(folder) {
			if has == nil || has(m) {
				n++
			}
		}
		return n
	}
	equal := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}

	order(`STORE 1:* +FLAGS.SILENT (\Seen)`)
	equal("read", in("inbox", func(m graphsim.MessageView) bool { return m.Read }), messages)
	order("COPY 1:* Archive")
	equal("copied", in("archive", nil), messages)
	told := order(fmt.Sprintf("MOVE 1:%d Archive", messages/2))
	equal("vanished for the one who moves", len(told.with("EXPUNGE")), messages/2)
	equal("copied and moved", in("archive", nil), messages*3/2)

	// A client leaves in the middle: it is missed when it is to be told of progress, and what
	// was done until then is what everybody sees.
	leaver := b.login()
	leaver.ok("SELECT INBOX")
	if _, err := fmt.Fprint(leaver.conn, "x STORE 1:* +FLAGS (\\Flagged)\r\n"); err != nil {
		t.Fatal(err)
	}
	flagged := func(m graphsim.MessageView) bool { return m.Flag == "flagged" }
	for in("inbox", flagged) < 20 {
		time.Sleep(10 * time.Millisecond)
	}
	leaver.conn.Close()
	for quiet := 0; quiet < 3; { // until nothing moves any more
		before := in("inbox", flagged)
		time.Sleep(limits.Window/2 + 100*time.Millisecond)
		two.ok("NOOP")
		quiet++
		if numbersIn(two.ok("SEARCH FLAGGED")) != before || in("inbox", flagged) != before {
			quiet = 0
		}
	}
	t.Logf("the client left, %d of %d messages are flagged", in("inbox", flagged), messages/2)

	one.ok(`STORE 1:* +FLAGS.SILENT (\Deleted)`)
	order("EXPUNGE")
	equal("left", in("inbox", nil), 0)
	equal("expunged", in("deleteditems", nil), messages-messages/2)
	two.ok("NOOP")
	equal("seen by the other session", numbersIn(two.ok("SEARCH ALL")), 0)
	if refused == 0 {
		t.Error("the budget was never used up")
	}
	serials := map[string]int{}
	for _, folder := range []string{"archive", "deleteditems"} {
		for _, m := range b.box.Messages(folder) {
			serials[folder+m.Meta.MessageID]++
		}
	}
	for where, n := range serials {
		if n > 2 || n == 2 && !strings.HasPrefix(where, "archive") {
			t.Errorf("%s is there %d times", where, n)
		}
	}
}

// numbersIn counts the results of a SEARCH.
func numbersIn(a answer) int {
	n := 0
	for _, line := range a.with("SEARCH") {
		n += len(strings.Fields(line)) - 1
	}
	return n
}
