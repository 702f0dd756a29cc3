package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// stateBed is a daemon in this process with both protocols.
type stateBed struct {
	*killBed
	box  *graphsim.Mailbox
	proc *process
}

func newStateBed(t *testing.T) *stateBed {
	t.Helper()
	b := &stateBed{killBed: newKillBed(t, 1)}
	text, err := os.ReadFile(b.config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "[imap]\nlisten = []", "[imap]\nlisten = [\"127.0.0.1:0\"]", 1))
	if err := os.WriteFile(b.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.box = b.sim.Mailbox(b.users[0])
	return b
}

func (b *stateBed) deliver(n int) {
	b.t.Helper()
	if _, err := b.box.Deliver(bedMail(n), graphsim.DeliverOptions{Received: time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC)}); err != nil {
		b.t.Fatal(err)
	}
}

var imapAddr = regexp.MustCompile(`proto=imap addr=(\S+)`)

// serve starts the daemon and opens a session.
func (b *stateBed) serve() *session {
	b.t.Helper()
	b.proc = launch(b.t, "serve", "--config", b.config)
	m := imapAddr.FindStringSubmatch(b.proc.err.awaitText(b.t, "msg=ready"))
	if m == nil {
		b.t.Fatalf("no address in %s", b.proc.err)
	}
	talk, err := dialTalk(m[1])
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { talk.conn.Close() })
	s := &session{talk, b.t}
	s.ok("LOGIN %s secret", b.users[0])
	return s
}

// subjects are those of the INBOX by UID, and the UIDVALIDITY.
func (s *session) subjects() (validity string, byUID map[string]string) {
	s.t.Helper()
	a := s.ok("SELECT INBOX")
	for _, line := range a.with("UIDVALIDITY") {
		validity = regexp.MustCompile(`UIDVALIDITY (\d+)`).FindStringSubmatch(line)[1]
	}
	byUID = map[string]string{}
	for _, line := range s.ok("UID FETCH 1:* ENVELOPE").with("FETCH") {
		m := regexp.MustCompile(`UID (\d+).*"(number \d+)"`).FindStringSubmatch(line)
		if m == nil {
			s.t.Fatalf("not understood: %s", line)
		}
		byUID[m[2]] = m[1]
	}
	return validity, byUID
}

// TestState copies the state of a running daemon, goes on, and puts the copy back.
func TestState(t *testing.T) {
	b := newStateBed(t)
	copied := filepath.Join(b.dir, "copy")
	expect := func(code int, want string, args ...string) string {
		t.Helper()
		got, out, errText := runWith(nil, append(append([]string{"state"}, args...), "--config", b.config)...)
		if got != code || !strings.Contains(out+errText, want) {
			t.Errorf("state %s: status %d, want %d, and %q in\n%s%s", strings.Join(args, " "), got, code, want, out, errText)
		}
		return out
	}
	expect(0, "not there yet", "check")
	for n := range 3 {
		b.deliver(n)
	}
	b.sim.AddFault(graphsim.Fault{Method: "POST", Route: "/users/{id}/messages", Status: 503, Code: "ErrorServerBusy"})
	s := b.serve()
	validity, before := s.subjects()
	if code := b.submit(b.users[0], []string{"x@example.org"}, "Subject: waits\r\n\r\nhi\r\n"); code != 250 {
		t.Fatalf("submitted: %d", code)
	}

	expect(0, "ok   index of user0@example.com: whole", "check")
	expect(0, "1 mailbox(es), 1 message(s) of the outbox", "backup", "--to", copied)
	expect(1, "is not empty", "backup", "--to", copied)
	expect(1, "is below state_dir", "backup", "--to", filepath.Join(b.dir, "state", "copy"))
	expect(1, "UIDVALIDITY", "restore", "--from", copied)
	expect(1, "outbox is in use", "restore", "--from", copied, "--replace")
	expect(1, "has no manifest.json", "restore", "--from", b.dir, "--replace")
	expect(2, "--to DIR belongs to backup", "backup")
	expect(2, "--from DIR belongs to restore", "check", "--from", copied)
	expect(2, "unknown action", "mend")
	if second := launch(t, "serve", "--config", b.config); <-second.code != 1 || !strings.Contains(second.err.String(), "address already in use") {
		t.Errorf("a second daemon: %s", second.err)
	}

	b.deliver(3)
	b.deliver(4)
	_, after := s.subjects()
	b.proc.end(t)
	expect(0, "folder(s), 3 message(s)", "restore", "--from", copied, "--replace")
	expect(0, "ok   outbox: 1 message(s)", "check")
	nowValidity, now := b.serve().subjects()
	if nowValidity != validity || len(now) != 5 {
		t.Errorf("UIDVALIDITY %s became %s, %d messages", validity, nowValidity, len(now))
	}
	for subject, uid := range before {
		if now[subject] != uid {
			t.Errorf("%s: UID %s became %s", subject, uid, now[subject])
		}
	}
	for subject, uid := range after {
		for other, is := range now {
			if is == uid && other != subject {
				t.Errorf("UID %s was %s and is %s now", uid, subject, other)
			}
		}
	}
	b.proc.end(t)

	// From nothing: what waits is held, since it may have been sent.
	if err := os.RemoveAll(filepath.Join(b.dir, "state")); err != nil {
		t.Fatal(err)
	}
	expect(0, "go on after a gap", "restore", "--from", copied)
	if _, out, _ := runWith(nil, "queue", "list", "--state", "held", "--config", b.config); !strings.Contains(out, "from the backup of") {
		t.Errorf("the queue:\n%s", out)
	}

	// A copy that has changed on the way is not put back.
	file := filepath.Join(copied, "mailboxes", b.users[0], bridge.IndexFile)
	flip(t, file, 5000)
	expect(1, "is not what was written", "restore", "--from", copied, "--replace")
}

// flip changes one octet of a file.
func flip(t *testing.T, file string, at int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 0xff
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedIndex: it is put aside and said so, and mail is there again.
func TestDamagedIndex(t *testing.T) {
	b := newStateBed(t)
	b.deliver(0)
	validity, _ := b.serve().subjects()
	b.proc.end(t)
	path := filepath.Join(b.dir, "state", "mailboxes", b.users[0], bridge.IndexFile)
	flip(t, path, 100) // the root page of the schema
	if code, out, _ := runWith(nil, "state", "check", "--config", b.config); code != 1 || !strings.Contains(out, "BAD  index of") {
		t.Errorf("check: status %d\n%s", code, out)
	}
	now, mail := b.serve().subjects()
	if len(now) != len(validity) || now <= validity || len(mail) != 1 {
		t.Errorf("UIDVALIDITY %s after %s, %d messages", now, validity, len(mail))
	}
	b.proc.err.awaitText(t, "index damaged and put aside")
	aside, err := filepath.Glob(path + ".damaged-*")
	if err != nil || len(aside) == 0 {
		t.Errorf("put aside: %v, %v", aside, err)
	}
	b.proc.end(t)
	// One of a later version is no damage, and is left alone.
	flip(t, path, 61) // PRAGMA user_version
	code, _, errText := runWith(nil, "serve", "--config", b.config)
	if code != 1 || !strings.Contains(errText, "run the newer version") {
		t.Errorf("a later version: status %d, %s", code, errText)
	}
}
