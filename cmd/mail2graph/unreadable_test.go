package main

import (
	"strings"
	"testing"

	"mail2graph/graphstore/graphsim"
)

// TestUnreadableItems: items that the service cannot make a text of do not keep a client
// from the rest of its folder.
func TestUnreadableItems(t *testing.T) {
	b := newBed(t)
	deliver := func(mime string, o graphsim.DeliverOptions) string {
		t.Helper()
		id, err := b.box.Deliver([]byte(strings.ReplaceAll(mime, "\n", "\r\n")), o)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	const head = "From: Ann <ann@example.org>\nTo: user@example.com\nDate: Thu, 01 Jan 2026 00:00:00 +0000\nSubject: "
	deliver(head+"plain\n\nplain text\n", graphsim.DeliverOptions{})
	deliver(head+"cannot be converted\n\nnever seen\n", graphsim.DeliverOptions{FailValue: true})
	broken := deliver(head+"fails inside the service\n\nnever seen\n", graphsim.DeliverOptions{})
	empty := deliver(head+"empty answer\n\nnever seen\n", graphsim.DeliverOptions{})
	denied := deliver(head+"denied\n\nnever seen\n", graphsim.DeliverOptions{})
	deliver(head+"meeting\nMIME-Version: 1.0\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nEND:VCALENDAR\n",
		graphsim.DeliverOptions{Type: "microsoft.graph.eventMessageRequest"})
	deliver(head+"signed\nMIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n"+
		"Content-Transfer-Encoding: base64\n\nTm90IHJlYWxseSBzaWduZWQu\n", graphsim.DeliverOptions{})
	deliver(head+"report\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt failed.\n"+
		"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\n--b--\n", graphsim.DeliverOptions{})
	const value = "/users/{id}/messages/{id}/$value"
	b.sim.AddFault(graphsim.Fault{Method: "GET", Route: value, Path: broken, Status: 500, Code: "ErrorInternalServerError"})
	b.sim.AddFault(graphsim.Fault{Method: "GET", Route: value, Path: empty, Status: 200})
	b.sim.AddFault(graphsim.Fault{Method: "GET", Route: value, Path: denied, Status: 403, Code: "ErrorAccessDenied"})
	b.start()
	s := b.login()
	s.ok("SELECT INBOX")
	a := s.ok("FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
	if len(a.lines) != 8 {
		t.Fatalf("%d answers", len(a.lines))
	}
	for i, line := range a.lines {
		notice := strings.Contains(line, "This is not the message itself.")
		if want := i >= 1 && i <= 4; notice != want || strings.Contains(line, "never seen") && !notice {
			t.Errorf("message %d: a stand-in %t, want %t:\n%s", i+1, notice, want, line)
		}
	}
	if n := len(a.with(`"report-type"`)) + len(a.with(`"pkcs7-mime"`)) + len(a.with(`"text" "calendar"`)); n != 3 {
		t.Errorf("%d of 3 structures:\n%s", n, strings.Join(a.lines[5:], "\n"))
	}
	if got := s.ok("SEARCH SUBJECT service").lines; len(got) != 1 || got[0] != "SEARCH 3" {
		t.Errorf("a stand-in is found as %q", got)
	}
}
