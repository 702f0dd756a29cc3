package main

import (
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

// numbersIn counts the results of a SEARCH.
func numbersIn(a answer) int {
	n := 0
	for _, line := range a.with("SEARCH") {
		n += len(strings.Fields(line)) - 1
	}
	return n
}
