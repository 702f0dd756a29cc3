package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBackupAndRestore: what waited comes back, held and unchanged, and what is in the
// spool is not touched.
func TestBackupAndRestore(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "queue")
	s := open(t, dir)
	waits, sent := put(t, s, "m", "waits"), put(t, s, "m", "is sent")
	if err := errors.Join(waits.Defer(time.Now(), ""), sent.Defer(time.Now(), "")); err != nil {
		t.Fatal(err)
	}
	if n, err := Backup(dir, copied); n != 2 || err != nil { // while the spool is in use
		t.Fatalf("%d messages, %v", n, err)
	}
	if _, err := Restore(copied, dir, "x"); !errors.Is(err, ErrInUse) {
		t.Errorf("while it is used: %v, want ErrInUse", err)
	}
	for m := take(t, s, "m"); ; m = take(t, s, "m") {
		if text(t, m) == "is sent" {
			if err := m.Remove(); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} { // the second time nothing is missing
		if n, err := Restore(copied, dir, "from a backup"); n != want || err != nil {
			t.Fatalf("%d messages, %v, want %d", n, err, want)
		}
	}
	states := map[string]State{}
	damaged, err := List(dir, func(r *Record) error {
		_, f, err := Show(dir, r.ID)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := os.ReadFile(f.Name())
		states[string(b)] = r.State
		if (r.State == Held) != (r.Reason == "from a backup") || r.Recipients[0].Address != "b@example.com" {
			t.Errorf("record %+v", r)
		}
		return err
	})
	if err != nil || damaged != 0 || len(states) != 2 || states["is sent"] != Held || states["waits"] == Held {
		t.Errorf("%v, %d damaged, %v", states, damaged, err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	if h, err := Check(dir); err != nil || h.Messages != 0 || len(h.Damaged) != 0 {
		t.Errorf("nothing there: %+v, %v", h, err)
	}
	s := open(t, dir)
	var ids []string
	for range 5 {
		ids = append(ids, put(t, s, "m", "text").ID)
	}
	q := func(name string) string { return filepath.Join(dir, dirQueue, name) }
	if h, err := Check(dir); err != nil || h.Messages != 5 || len(h.Damaged) != 0 {
		t.Errorf("whole: %+v, %v", h, err)
	}
	for _, err := range []error{
		os.WriteFile(q(ids[1]+extMessage), []byte("tExt"), 0o600),
		os.WriteFile(q(ids[2]+extRecord), []byte("?"), 0o600),
		os.Remove(q(ids[3] + extMessage)),
		os.Remove(q(ids[4] + extRecord)),
		os.WriteFile(q("notes"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, dirCorrupt, "x"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	h, err := Check(dir)
	all := strings.Join(h.Damaged, "\n")
	if err != nil || h.Messages != 4 || h.Aside != 1 || len(h.Damaged) != 5 || strings.Contains(all, ids[0]) {
		t.Errorf("%d messages, %d aside, %v:\n%s", h.Messages, h.Aside, err, all)
	}
	for _, want := range []string{ids[1] + ": corrupt", ids[2] + ": corrupt", ids[3] + ": its text", ids[4] + extMessage + ": there is no record", "notes: not a file"} {
		if !strings.Contains(all, want) {
			t.Errorf("not reported: %s", want)
		}
	}
}

// TestNewerFormat: the spool of a later version is refused, not taken for damaged.
func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	m := put(t, s, "m", "text")
	path := filepath.Join(dir, dirQueue, m.ID+extRecord)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b = []byte(strings.Replace(string(b), recordMagic+" 1 ", recordMagic+" 2 ", 1))
	if err := errors.Join(s.Close(), os.WriteFile(path, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, Options{}); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "run the newer version") {
		t.Errorf("%v, %v, want ErrNewer", s, err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(b) {
		t.Errorf("the record was touched: %v", err)
	}
}

// TestFirstFormat reads what the first released version wrote.
func TestFirstFormat(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, dirQueue), os.DirFS("testdata/format-1")); err != nil {
		t.Fatal(err)
	}
	m := take(t, open(t, dir), "user@example.com")
	r := m.Record
	if text(t, m) != "Subject: kept\r\n\r\ntext\r\n" || r.Login != "l" || r.From != "a@example.com" || len(r.Recipients) != 2 ||
		r.Recipients[1] != (Recipient{Address: "c@example.org", Notify: "NEVER"}) || r.MessageID != "<1@example.com>" ||
		r.SentCopy != "remove" || r.Draft != "AAMk1" || !r.Submitted || r.Reason != "ErrorServerBusy" {
		t.Errorf("%+v", r)
	}
}
