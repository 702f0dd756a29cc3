package main

import (
	"fmt"
	"maps"
	"net/smtp"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// longVariable, if set, has TestForeignService try every habit by itself, which takes
// a minute or two: its clients wait for polls.
const longVariable = "MAIL2GRAPH_TEST_LONG"

// usualHabits are tried each time.
var usualHabits = []string{"as documented", "batch 404", "delta replays", "no bodies", "combined", "combined, ids change", "no bodies, ids change", "no delta 404"}

// TestForeignService runs the whole bridge over services with other habits.
func TestForeignService(t *testing.T) {
	none := graphsim.Modes{}
	tests := []struct {
		name   string
		modes  graphsim.Modes
		habits []habit
	}{
		{"as documented", none, nil},
		{"batch 404", none, []habit{noBatch(404, "ResourceNotFound")}},
		{"batch 405", none, []habit{noBatch(405, "MethodNotAllowed")}},
		{"batch 501", none, []habit{noBatch(501, "NotImplemented")}},
		{"batch 400", none, []habit{noBatch(400, "BadRequest")}},
		{"changing ids", none, []habit{changingIDs}},
		{"whole delta rows", none, []habit{wholeRows}},
		{"delta tokens expire", none, []habit{shortTokens}},
		{"delta replays", none, []habit{replays}},
		{"no bodies", none, []habit{silentCreation}},
		{"no bodies, ids change", none, []habit{silentCreation, changingIDs}},
		{"no filter", none, []habit{noFilter}},
		{"other id in Sent Items", graphsim.Modes{CopyGetsNewID: true, SentDelay: 3 * time.Second}, nil},
		{"expand refused", none, []habit{noExpand(true)}},
		{"expand ignored", none, []habit{noExpand(false)}},
		{"small pages", none, []habit{smallPages}},
		{"no upload session 404", none, []habit{lacks("/createUploadSession", 404, "ResourceNotFound")}},
		{"no upload session 501", none, []habit{lacks("/createUploadSession", 501, "NotImplemented")}},
		{"no permanent deletion", none, []habit{lacks("/permanentDelete", 404, "ResourceNotFound")}},
		{"no archive", none, []habit{lacks("/mailFolders/archive", 404, "ErrorFolderNotFound"), lacks("/mailFolders/junkemail", 404, "ErrorItemNotFound")}},
		{"slow", graphsim.Modes{Latency: 300 * time.Millisecond}, nil},
		{"no keep-alive", none, []habit{closing}},
		{"laconic", none, []habit{laconic}},
		{"times with offset", none, []habit{otherTimes}},
		{"no delta 404", none, []habit{lacks("/messages/delta", 404, "ErrorItemNotFound")}},
		{"no delta 501", none, []habit{lacks("/messages/delta", 501, "NotImplemented"), smallPages, changingIDs}},
		{"parent not told", none, []habit{noParent}},
		{"no well-known names", none, []habit{noNames}},
		{"short links", none, []habit{shortLinks, smallPages}},
		{"no MIME", none, []habit{onlyJSON}},
		{"combined", graphsim.Modes{CopyGetsNewID: true}, []habit{noBatch(404, ""), noExpand(true), smallPages, shortTokens, noFilter, laconic, otherTimes, closing}},
		{"combined, ids change", graphsim.Modes{CopyGetsNewID: true}, []habit{noBatch(501, ""), changingIDs, noExpand(false), replays, laconic}},
	}
	for _, tt := range tests {
		if os.Getenv(longVariable) == "" && !slices.Contains(usualHabits, tt.name) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // they wait for polls
			b := newBed(t)
			b.sim.SetModes(tt.modes)
			f := b.abroad(tt.habits...)
			run := &abroadRun{bed: b, f: f, lines: 60000}
			if strings.HasPrefix(tt.name, "no upload session") {
				run.lines = 55000 // what one request can carry
			}
			run.run()
			if n := f.seen["batch"]; n > 2 {
				t.Errorf("%d batches were tried where there are none", n)
			}
		})
	}
}

// abroadRun is what mail programs do in a day.
type abroadRun struct {
	*bed
	f     *foreign
	s     *session
	lines int // of large files
}

func (a *abroadRun) run() {
	a.cfg.SMTP.FirstAttempt = bridge.Duration(10 * time.Second)
	a.fill(300)
	a.start()
	a.s = a.login()
	a.reading()
	a.changing()
	a.appending()
	a.fromOutside()
	a.folders()
	a.sending()
	before := a.everything()
	a.stop()
	a.start()
	a.s = a.login()
	if after := a.everything(); !maps.Equal(before, after) {
		a.t.Errorf("after a restart:\n%v\nbefore:\n%v", after, before)
	}
	if a.t.Failed() {
		text := a.log.String()
		a.t.Log(text[max(0, len(text)-5000):])
	}
}

func (a *abroadRun) exists(folder string) int {
	a.t.Helper()
	lines := a.s.ok("SELECT %s", folder).with(" EXISTS")
	n := 0
	if len(lines) == 1 {
		fmt.Sscan(lines[0], &n)
	}
	return n
}

var uidSubject = regexp.MustCompile(`UID (\d+) .*?ENVELOPE \("[^"]*" "([^"]*)"`)

// bySubject are the UIDs of the selected folder.
func (a *abroadRun) bySubject() map[string]string {
	a.t.Helper()
	out := map[string]string{}
	for _, line := range a.s.ok("UID FETCH 1:* (UID ENVELOPE)").with("ENVELOPE") {
		m := uidSubject.FindStringSubmatch(line)
		if m == nil {
			a.t.Fatalf("not understood: %s", line)
		}
		if out[m[2]] != "" {
			a.t.Errorf("%q is there twice", m[2])
		}
		out[m[2]] = m[1]
	}
	return out
}

var validity = regexp.MustCompile(`UIDVALIDITY \d+`)

// everything is what clients keep: UIDs by folder and subject.
func (a *abroadRun) everything() map[string]string {
	a.t.Helper()
	out := map[string]string{}
	for _, folder := range []string{"INBOX", "Archive", "Drafts"} {
		out[folder] = validity.FindString(strings.Join(a.s.ok("SELECT %s", folder).lines, " "))
		for subject, uid := range a.bySubject() {
			out[folder+"/"+subject] = uid
		}
	}
	return out
}

func (a *abroadRun) reading() {
	a.t.Helper()
	if n := a.exists("INBOX"); n != 300 {
		a.t.Fatalf("%d messages, want 300", n)
	}
	all := a.bySubject()
	if len(all) != 300 {
		a.t.Fatalf("%d envelopes, want 300", len(all))
	}
	for _, i := range []int{0, 17, 299} {
		got := literalOf(a.s.ok("UID FETCH %s BODY.PEEK[]", all[fmt.Sprint("number ", i)]))
		if want := string(bedMail(i)); got != want && got != strings.TrimSuffix(want, "\r\n") {
			a.t.Errorf("message %d is %q", i, got)
		}
	}
	if got := a.s.ok("FETCH 1:* ALL").with("FETCH"); len(got) != 300 {
		a.t.Errorf("%d answers to FETCH ALL", len(got))
	}
}

// copied checks a COPYUID against what the folder holds: want, by subject.
func (a *abroadRun) copied(res answer, folder string, want ...int) {
	a.t.Helper()
	text := res.status + strings.Join(res.lines, " ")
	m := regexp.MustCompile(`COPYUID \d+ \S+ (\S+)\]`).FindStringSubmatch(text)
	if m == nil {
		a.t.Errorf("no COPYUID: %s", text)
		return
	}
	a.exists(folder)
	uids := map[string]bool{}
	for _, line := range a.s.ok("UID FETCH %s (UID ENVELOPE)", m[1]).with("ENVELOPE") {
		uids[uidSubject.FindStringSubmatch(line)[2]] = true
	}
	for _, i := range want {
		if !uids[fmt.Sprint("number ", i)] {
			a.t.Errorf("COPYUID %s does not name number %d: %v", m[1], i, uids)
		}
	}
	if len(uids) != len(want) {
		a.t.Errorf("COPYUID %s names %v", m[1], uids)
	}
}

func (a *abroadRun) changing() {
	a.t.Helper()
	a.s.ok(`STORE 1:10 +FLAGS (\Seen \Flagged work)`)
	for _, m := range a.box.Messages("inbox")[:10] {
		if !m.Read || m.Flag != "flagged" || len(m.Categories) != 1 {
			a.t.Errorf("%s is read=%t, %s, %q", m.Meta.Subject, m.Read, m.Flag, m.Categories)
		}
	}
	a.copied(a.s.ok("COPY 1:5 Archive"), "Archive", 0, 1, 2, 3, 4)
	a.exists("INBOX")
	a.copied(a.s.ok("MOVE 6:10 Archive"), "Archive", 5, 6, 7, 8, 9)
	for range 3 { // what rounds of delta make of it
		a.s.ok("NOOP")
	}
	if n, there := len(a.bySubject()), len(a.box.Messages("archive")); n != 10 || there != 10 {
		a.t.Errorf("the archive has %d messages, really %d, want 10", n, there)
	}
	a.exists("INBOX")
	a.s.ok(`STORE 1:2 +FLAGS.SILENT (\Deleted)`)
	a.s.ok("EXPUNGE")
	a.s.ok("NOOP")
	if n, there := len(a.bySubject()), len(a.box.Messages("inbox")); n != 293 || there != 293 {
		a.t.Errorf("the inbox has %d messages, really %d, want 293", n, there)
	}
}

func (a *abroadRun) appending() {
	a.t.Helper()
	large := "From: a@example.org\r\nTo: b@example.org\r\nSubject: large\r\nMessage-ID: <large@example.org>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Disposition: attachment; filename=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", a.lines) + "--b--\r\n"
	small := "From: a@example.org\r\nTo: b@example.org\r\nSubject: small\r\nMessage-ID: <small@example.org>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nhello\r\n"
	draft := strings.ReplaceAll(small, "small", "draft")
	for _, m := range []struct{ folder, flags, subject, text string }{
		{"Drafts", `\Draft \Seen`, "draft", draft}, {"INBOX", `\Seen`, "small", small}, {"INBOX", `\Seen`, "large", large},
	} {
		res := a.s.ok("APPEND %s (%s) {%d+}\r\n%s", m.folder, m.flags, len(m.text), m.text)
		uid := regexp.MustCompile(`APPENDUID \d+ (\d+)`).FindStringSubmatch(res.status)
		a.exists(m.folder)
		if uid == nil {
			a.t.Errorf("APPEND of %s: %s", m.subject, res.status)
		} else if got := a.bySubject()[m.subject]; got != uid[1] {
			a.t.Errorf("APPEND of %s: %s, but it has UID %q", m.subject, res.status, got)
		}
	}
}

func (a *abroadRun) fromOutside() {
	a.t.Helper()
	a.exists("INBOX")
	n := len(a.bySubject())
	deliver := func(i int) string {
		id, err := a.box.Deliver(bedMail(i), graphsim.DeliverOptions{Received: time.Now()})
		if err != nil {
			a.t.Fatal(err)
		}
		return id
	}
	deliver(1000)
	want := fmt.Sprintf("%d EXISTS", n+1)
	for deadline := time.After(10 * time.Second); len(a.s.ok("NOOP").with(want)) == 0; {
		select {
		case <-time.After(100 * time.Millisecond): // news is at most as old as imap's own poll
		case <-deadline:
			a.t.Fatalf("NOOP does not tell %s", want)
		}
	}
	idle, err := a.s.idle()
	if err != nil {
		a.t.Fatal(err)
	}
	id := deliver(1001)
	step := func(what string) {
		a.t.Helper()
		if err := idle.await(what); err != nil {
			a.t.Fatalf("%s: %v", what, err)
		}
	}
	step(fmt.Sprintf("%d EXISTS", n+2))
	if err := a.box.SetRead(id, true); err != nil {
		a.t.Fatal(err)
	}
	step(fmt.Sprintf("%d FETCH (FLAGS (\\Seen", n+2))
	if err := a.box.DeleteMessage(id); err != nil {
		a.t.Fatal(err)
	}
	step(fmt.Sprintf("%d EXPUNGE", n+2))
	if err := idle.done(); err != nil {
		a.t.Fatal(err)
	}
}

func (a *abroadRun) folders() {
	a.t.Helper()
	a.s.ok("CREATE Projects/One")
	a.s.ok("RENAME Projects Old")
	if got := a.s.ok(`LIST "" Old/%%`); len(got.with("Old/One")) != 1 {
		a.t.Errorf("LIST gives %q", got.lines)
	}
	a.s.ok("DELETE Old/One")
	a.s.ok("DELETE Old")
	if got := a.s.ok(`LIST "" Old*`); len(got.with("Old")) != 0 {
		a.t.Errorf("LIST gives %q", got.lines)
	}
}

func (a *abroadRun) sending() {
	a.t.Helper()
	before := len(a.sim.Deliveries())
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf("r%d@example.net", i))
	}
	file := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", a.lines)
	letters := []struct {
		to   []string
		body string
	}{
		{[]string{"one@example.net"}, "Subject: sent small\r\n\r\nhi\r\n"},
		{[]string{"one@example.net"}, "Subject: sent large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n" +
			"Content-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file + "--b--\r\n"},
		{many, "Subject: sent to many\r\n\r\nhi\r\n"},
	}
	for i, l := range letters {
		text := fmt.Sprintf("From: %s\r\nTo: %s\r\nMessage-ID: <sent%d@example.com>\r\n%s", bedUser, strings.Join(l.to, ",\r\n "), i, l.body)
		if err := smtp.SendMail(a.smtp, smtp.PlainAuth("", bedUser, bedPassword, "127.0.0.1"), bedUser, l.to, []byte(text)); err != nil {
			a.t.Errorf("submission: %v", err)
		}
	}
	deadline := time.After(15 * time.Second)
	for len(a.sim.Deliveries()) < before+len(letters) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			a.t.Fatalf("%d of %d messages went out", len(a.sim.Deliveries())-before, len(letters))
		}
	}
	a.sim.Settle()
	a.waits(0)
	for i, d := range a.sim.Deliveries()[before:] {
		if len(d.Recipients) != len(letters[i].to) {
			a.t.Errorf("letter %d went to %q", i, d.Recipients)
		}
	}
	a.exists(`"Sent Items"`)
	if got := a.bySubject(); len(got) != len(letters) {
		a.t.Errorf("Sent Items has %v", got)
	}
	if n := len(a.box.Messages("drafts")); n != 1 {
		a.t.Errorf("%d drafts are there, want the one that was filed", n)
	}
}
