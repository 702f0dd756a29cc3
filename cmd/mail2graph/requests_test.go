package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"mail2graph/graphstore/graphsim"
)

// TestGraphRequests counts what IMAP commands cost in Graph requests: the
// budget of a mailbox is 10,000 in ten minutes, and a gateway polls for months.
func TestGraphRequests(t *testing.T) {
	b := newBed(t)
	b.fill(10_000)
	b.start()
	s := b.login()
	expect := func(most int, what string) {
		t.Helper()
		routes := b.sim.Counts()
		n := b.requests()
		t.Logf("%4d requests: %s", n, what)
		if n > most {
			t.Errorf("%s: %d Graph requests, at most %d; %v", what, n, most, describe(routes))
		}
	}
	s.ok("SELECT INBOX")
	expect(45, "first open of 10,000 messages")
	// Each command polls unless the last poll is younger than a second.
	for _, command := range []string{"NOOP", "SELECT INBOX", "CHECK", "STATUS INBOX (MESSAGES UIDNEXT)"} {
		n := 0
		for n == 0 {
			s.ok("%s", command)
			n = b.requests()
		}
		t.Logf("%4d requests: %s with nothing new", n, command)
		if n != 1 {
			t.Errorf("%s with nothing new: %d Graph requests, want 1", command, n)
		}
	}
	if got := len(s.ok("UID FETCH 1:* (FLAGS)").lines); got != 10_000 {
		t.Errorf("%d answers to UID FETCH", got)
	}
	s.ok("UID FETCH 1:* (UID RFC822.SIZE INTERNALDATE ENVELOPE)")
	expect(0, "FETCH of flags, sizes, dates and envelopes")
	for _, search := range []string{
		"UNSEEN", "FLAGGED SINCE 1-Jan-2026", "LARGER 10 SMALLER 100000", `FROM "s77@example.org"`,
		`OR TO "user@example.com" CC nobody`, `SUBJECT "number 5"`, "SENTBEFORE 1-Jan-2027", "UID 1:100 NOT DELETED",
	} {
		s.ok("UID SEARCH %s", search)
	}
	expect(0, "SEARCH on flags, dates, sizes, addresses, subject")
	s.ok("UID FETCH 100:109 (BODY.PEEK[])")
	expect(12, "FETCH of ten messages, with two read ahead")
	s.ok("UID FETCH 100:109 (BODY[] BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (X-SERIAL)])")
	expect(3, "the same from the cache, setting \\Seen in one batch; the two read ahead may fall here")
	s.ok(`UID STORE 1:1000 +FLAGS.SILENT (\Seen)`)
	expect(50, "1,000 messages marked read")
	s.ok("UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Resent-Message-ID " +
		"Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])")
	expect(25, "Thunderbird's header fetch over all")
	s.ok("UID MOVE 1:1000 Archive")
	s.ok("NOOP")
	expect(100, "1,000 messages moved, and the round after it")
	s.ok("LOGOUT")
}

// TestRoutingRequests is the main job: messages arrive, are fetched whole, marked
// and moved away.
func TestRoutingRequests(t *testing.T) {
	b := newBed(t)
	b.start()
	s := b.login()
	s.ok("SELECT Archive")
	s.ok("SELECT INBOX")
	b.fill(1000)
	b.requests()
	for n := 0; n < 1000; {
		s.ok("NOOP")
		n = len(s.ok("UID FETCH 1:* (UID)").lines)
	}
	if a := s.ok("UID FETCH 1:* (BODY[])"); len(a.with("BODY[]")) != 1000 {
		t.Fatalf("%d texts", len(a.with("BODY[]")))
	}
	s.ok("UID MOVE 1:* Archive")
	s.ok("NOOP")
	routes := b.sim.Counts()
	texts := routes["GET /users/{id}/messages/{id}/$value"]
	others := b.requests() - texts
	t.Logf("1,000 messages routed: %d texts, %d other requests; %v", texts, others, describe(routes))
	if texts != 1000 || others > 120 {
		t.Errorf("%d texts and %d other requests, at most 1,000 and 120", texts, others)
	}
}

func describe(routes map[string]int) string {
	var words []string
	for _, r := range slices.Sorted(maps.Keys(routes)) {
		words = append(words, fmt.Sprintf("%s: %d", r, routes[r]))
	}
	return strings.Join(words, ", ")
}

// TestRestart reads 10,000 messages, restarts, and finds the same UIDs and the
// same octets.
func TestRestart(t *testing.T) {
	b := newBed(t)
	b.fill(10_000)
	b.start()
	s := b.login()
	before := s.ok("SELECT INBOX").with("UIDVALIDITY")
	if got := len(s.ok("SEARCH ALL").lines); got != 1 {
		t.Errorf("%d lines of SEARCH", got)
	}
	uids := s.ok("UID FETCH 1:* (UID)").lines
	const most = 300 // of the bodies; all others cost no more than these
	bodies := s.ok("UID FETCH 1:%d (BODY.PEEK[])", most).lines
	for i := range most {
		if want := string(bedMail(i)); !strings.Contains(bodies[i], fmt.Sprintf("{%d}\r\n%s", len(want), want)) {
			t.Fatalf("message %d: %q", i+1, bodies[i])
		}
	}
	s.ok("LOGOUT")
	b.stop()
	b.start()
	b.requests()
	s = b.login()
	if after := s.ok("SELECT INBOX").with("UIDVALIDITY"); !slices.Equal(after, before) {
		t.Errorf("after a restart %v, before %v", after, before)
	}
	if got := s.ok("UID FETCH 1:* (UID)").lines; !slices.Equal(got, uids) {
		t.Error("UIDs changed with a restart")
	}
	if got := s.ok("UID FETCH 1:%d (BODY.PEEK[])", most).lines; !slices.Equal(got, bodies) {
		t.Error("text changed with a restart")
	}
	polls, ahead := b.sim.CountRoute("GET /users/{id}/mailFolders/{id}/messages/delta"), b.sim.CountRoute("GET /users/{id}/messages/{id}/$value")
	// Reading ahead of the last message may have been stopped by the restart.
	if n := b.requests(); polls != 1 || n-ahead != 1 || ahead > 2 {
		t.Errorf("SELECT and FETCH after a restart: %d Graph requests, %d polls, %d texts; want one poll", n, polls, ahead)
	}
}

// TestChangesReachSessions makes changes as Outlook would, seen by two sessions.
func TestChangesReachSessions(t *testing.T) {
	b := newBed(t)
	b.fill(5)
	b.start()
	one, two := b.login(), b.login()
	one.ok("SELECT INBOX")
	two.ok("SELECT INBOX")
	idle, err := two.idle()
	if err != nil {
		t.Fatal(err)
	}
	ids := b.box.Messages("inbox")
	slices.SortFunc(ids, func(x, y graphsim.MessageView) int { return x.Received.Compare(y.Received) })
	steps := []struct {
		name   string
		change func() error
		want   string
	}{
		{"new message", func() error { _, err := b.box.Deliver(bedMail(77), graphsim.DeliverOptions{}); return err }, "6 EXISTS"},
		{"read flag", func() error { return b.box.SetRead(ids[2].ID, true) }, `\Seen`},
		{"category", func() error { return b.box.SetCategories(ids[0].ID, "Red category") }, "Red_category"},
		{"move", func() error { return b.box.MoveMessage(ids[1].ID, "archive") }, "2 EXPUNGE"},
		{"delete", func() error { return b.box.DeleteMessage(ids[4].ID) }, "4 EXPUNGE"},
	}
	for _, st := range steps {
		if err := st.change(); err != nil {
			t.Fatal(err)
		}
		if err := idle.await(st.want); err != nil {
			t.Fatalf("%s: the idle session did not get %q: %v", st.name, st.want, err)
		}
		// The other session hears of it with its next command at the latest.
		if a := one.ok("NOOP"); len(a.with(st.want)) == 0 {
			t.Errorf("%s: NOOP of the other session got %q, want %q", st.name, a.lines, st.want)
		}
	}
	if err := idle.done(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*session{one, two} {
		if got := s.ok("FETCH 1:* (UID)").lines; strings.Join(got, " ") != "1 FETCH (UID 1) 2 FETCH (UID 3) 3 FETCH (UID 4) 4 FETCH (UID 6)" {
			t.Errorf("sequence numbers at the end: %v", got)
		}
	}
}

// TestFirstSyncResumes interrupts the first sync of a large folder: after a restart
// the listing goes on where it was.
func TestFirstSyncResumes(t *testing.T) {
	const listing = "GET /users/{id}/mailFolders/{id}/messages"
	b := newBed(t)
	b.fill(4000) // eight pages
	b.start()
	id := b.sim.AddFault(graphsim.Fault{Method: "GET", Route: strings.TrimPrefix(listing, "GET "), Skip: 5, Status: 403, Code: "ErrorAccessDenied"})
	s := b.login()
	if a := s.cmd("SELECT INBOX"); !strings.HasPrefix(a.status, "NO ") {
		t.Fatalf("SELECT of a folder that cannot be read: %s", a.status)
	}
	b.stop()
	b.sim.RemoveFault(id)
	b.requests()
	b.start()
	s = b.login()
	s.ok("SELECT INBOX")
	pages := b.sim.CountRoute(listing)
	t.Logf("%d pages after the restart", pages)
	if pages < 1 || pages > 3 {
		t.Errorf("%d pages were listed after the restart, want the last three", pages)
	}
	lines := s.ok("UID FETCH 1:* (UID ENVELOPE)").lines
	if len(lines) != 4000 {
		t.Fatalf("%d messages", len(lines))
	}
	for i, line := range lines {
		if !strings.Contains(line, fmt.Sprintf("(UID %d ENVELOPE", i+1)) || !strings.Contains(line, fmt.Sprintf(`"number %d"`, i)) {
			t.Fatalf("message %d: %s", i+1, line)
		}
	}
}
