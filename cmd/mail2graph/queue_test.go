package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/graphstore/graphsim"
)

// TestQueue works on the outbox of a running daemon and of one that is stopped.
func TestQueue(t *testing.T) {
	b := newKillBed(t, 2)
	b.sim.AddFault(graphsim.Fault{Method: "POST", Route: "/users/{id}/messages", Status: 503, Code: "ErrorServerBusy"})
	p := launch(t, "serve", "--config", b.config)
	p.err.awaitText(t, "msg=ready")
	for i, user := range b.users {
		if code := b.submit(user, []string{"x@example.org"}, "From: "+user+"\r\nSubject: \x1b[31mred\r\n\r\nhi\r\n"); code != 250 {
			t.Fatalf("message %d: %d", i, code)
		}
	}
	ids := slices.Sorted(slices.Values(b.waiting())) // in the order of their coming
	if len(ids) != 2 {
		t.Fatalf("%d messages wait, want 2:\n%s", len(ids), p.err)
	}
	queue := func(args ...string) (int, string) {
		t.Helper()
		code, out, errText := runWith(nil, append([]string{"queue"}, args...)...)
		return code, out + errText
	}
	expect := func(code int, want string, args ...string) {
		t.Helper()
		got, text := queue(append(args, "--config", b.config)...)
		if got != code || !strings.Contains(text, want) {
			t.Errorf("queue %s: status %d, want %d, and %q in\n%s", strings.Join(args, " "), got, code, want, text)
		}
	}
	expect(0, "2 messages", "list")
	expect(0, "ErrorServerBusy", "list")
	expect(0, "1 messages", "list", "--mailbox", "m0")
	expect(0, "1 messages", "list", "--mailbox", "USER1@example.com")
	expect(0, "0 messages", "list", "--older", "2h")
	expect(0, "0 messages", "list", "--state", "held")
	expect(0, "to:        <x@example.org>", "show", ids[0])
	expect(0, "Subject:  [31mred", "show", ids[0])
	expect(1, "no such message", "show", "../../c")
	expect(2, "which messages?", "delete")
	expect(2, "unknown action", "dance")
	expect(2, "which action?")
	expect(2, "--older", "list", "--older", "soon")
	expect(1, "no such message", "hold", "0000")
	expect(0, "hold: 1 done, 0 not", "hold", ids[0])
	expect(0, "1 messages", "list", "--state", "held")
	expect(0, "retry: 1 done", "retry", "--mailbox", "m1", "--mailbox", "m1")
	b.sim.ClearFaults()
	if code := p.end(t); code != 0 {
		t.Errorf("exit status %d", code)
	}

	// Nobody uses the outbox now.
	expect(0, "delete: 1 done", "delete", "--state", "deferred")
	expect(0, "no such messages", "delete", "--state", "deferred")
	expect(0, "release: 1 done", "release", ids[0])
	p = launch(t, "serve", "--config", b.config)
	p.err.awaitText(t, "message sent")
	for end := time.Now().Add(patience); len(b.waiting()) > 0 && time.Now().Before(end); {
		pause(10 * time.Millisecond)
	}
	expect(0, "0 messages, 0 octets", "list")
	if n := len(b.sim.Deliveries()); n != 1 {
		t.Errorf("%d messages were delivered, want 1", n)
	}
}
