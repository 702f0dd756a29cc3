package graphsim

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// newMailbox returns an empty mailbox on a server of its own.
func newMailbox(t *testing.T) *Mailbox {
	t.Helper()
	mb, err := New(Options{}).AddMailbox("demo@example.com", MailboxOptions{DisplayName: "Demo User"})
	if err != nil {
		t.Fatal(err)
	}
	return mb
}

func TestLoadEML(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"a.eml":          "Subject: a\r\n\r\nCRLF\r\n",
		"b.EML":          "Subject: b\n\nLF only",
		"c/deep.eml":     "\xff\xfe no mail at all \x00",
		"d/ignored.txt":  "Subject: not loaded\r\n\r\n",
		"d/empty.eml":    "",
		"e/.hidden.eml~": "editor's leavings",
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mb := newMailbox(t)
	ids, err := LoadEML(mb, "archive", dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a.eml", "b.EML", "c/deep.eml", "d/empty.eml"}
	if len(ids) != len(want) {
		t.Fatalf("got %d messages, want %d", len(ids), len(want))
	}
	for i, name := range want {
		got, err := mb.MIME(ids[i])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if string(got) != files[name] {
			t.Errorf("%s: got %q, want %q", name, got, files[name])
		}
		if v, err := mb.Message(ids[i]); err != nil || v.Folder.WellKnown != "archive" {
			t.Errorf("%s: in folder %q (%v), want archive", name, v.Folder.WellKnown, err)
		}
	}
}

func TestLoadEMLSingleFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "message")
	text := []byte("Subject: one\r\n\r\nbody")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	mb := newMailbox(t)
	ids, err := LoadEML(mb, "inbox", name)
	if err != nil || len(ids) != 1 {
		t.Fatalf("got %v, %v; want one id", ids, err)
	}
	if got, err := mb.MIME(ids[0]); err != nil || !bytes.Equal(got, text) {
		t.Errorf("got %q, %v; want %q", got, err, text)
	}
}

func TestLoadEMLFailures(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadEML(newMailbox(t), "inbox", filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing path: got %v, want ErrNotExist", err)
	}
	name := filepath.Join(dir, "a.eml")
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadEML(newMailbox(t), "No such folder", name); !errors.Is(err, ErrNotFound) {
		t.Errorf("missing folder: got %v, want ErrNotFound", err)
	}
}
