package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mail2graph/graphstore/graphsim"
)

// corpus is a collection of odd mail beside the project; without it the
// project's own odd messages have to do.
const corpus = "../../../shared/corpus"

// TestOddMail sends odd messages through the whole bridge: the octets that
// Graph gave come out, whole and in every part, with a structure that the parts
// agree with.
func TestOddMail(t *testing.T) {
	files := oddMail(t)
	b := newBed(t)
	for _, f := range files {
		if _, err := b.box.Deliver(f.text, graphsim.DeliverOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	b.start()
	s := b.login()
	s.ok("SELECT INBOX")
	byOctets := map[string]string{}
	for _, f := range files {
		byOctets[string(f.text)] = f.name
	}
	seen := 0
	for n := 1; n <= len(files); n++ {
		whole := literalOf(s.ok("FETCH %d (BODY.PEEK[])", n))
		name, known := byOctets[whole]
		if !known {
			t.Errorf("message %d: %d octets that no file has: %.80q", n, len(whole), whole)
			continue
		}
		seen++
		checkOdd(t, s, n, name, whole)
	}
	t.Logf("%d messages, %d equal to their files", len(files), seen)
}

// checkOdd holds that header and text make the message, and that every part
// that BODYSTRUCTURE counts can be had.
func checkOdd(t *testing.T, s *session, n int, name, whole string) {
	t.Helper()
	header := literalOf(s.ok("FETCH %d (BODY.PEEK[HEADER])", n))
	text := literalOf(s.ok("FETCH %d (BODY.PEEK[TEXT])", n))
	if header+text != whole {
		t.Errorf("%s: header and text are not the message: %d + %d octets of %d", name, len(header), len(text), len(whole))
	}
	if got := s.ok("FETCH %d (RFC822.SIZE)", n); len(got.lines) != 1 || !strings.Contains(got.lines[0], fmt.Sprintf("RFC822.SIZE %d)", len(whole))) {
		t.Errorf("%s: %v, want RFC822.SIZE %d", name, got.lines, len(whole))
	}
	for _, section := range []string{"", "TEXT"} {
		if got := literalOf(s.ok("FETCH %d (BODY.PEEK[%s]<%d.10>)", n, section, len(whole))); got != "" {
			t.Errorf("%s: %q follows the end of BODY[%s]", name, got, section)
		}
	}
	if got := literalOf(s.ok("FETCH %d (BODY.PEEK[]<%d.1000>)", n, len(whole)-1)); got != whole[len(whole)-1:] {
		t.Errorf("%s: the last octet is %q, not %q", name, got, whole[len(whole)-1:])
	}
	a := s.ok("FETCH %d (RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY)", n)
	if len(a.lines) != 1 || !strings.Contains(a.lines[0], "ENVELOPE (") || !strings.Contains(a.lines[0], "BODYSTRUCTURE (") {
		t.Errorf("%s: %v", name, a.lines)
		return
	}
	walkParts(t, s, n, name, whole, "")
}

// walkParts fetches parts 1, 2, … below a path until one is not there.
func walkParts(t *testing.T, s *session, n int, name, whole, below string) {
	t.Helper()
	if strings.Count(below, ".") > 6 {
		return // a leaf answers for its own part 1 for ever
	}
	for i := 1; i <= 40; i++ {
		path := fmt.Sprint(below, i)
		a := s.ok("FETCH %d (BODY.PEEK[%s])", n, path)
		if len(a.lines) != 1 || strings.HasSuffix(a.lines[0], "NIL)") {
			return
		}
		part := literalOf(a)
		if !strings.Contains(whole, part) {
			t.Errorf("%s: part %s is no piece of the message: %.80q", name, path, part)
		}
		if len(part) > 10 {
			a := s.ok("FETCH %d (BODY.PEEK[%s]<3.5>)", n, path)
			if got := literalOf(a); got != part[3:8] {
				t.Errorf("%s: part %s, octets 3 to 7: %q, want %q", name, path, got, part[3:8])
			}
		}
		if i == 1 && part == "" {
			continue
		}
		walkParts(t, s, n, name, whole, path+".")
	}
}

var inAnswer = regexp.MustCompile(`(?s)\{(\d+)\}\r\n(.*)\)$`)

// literalOf returns the one string of a FETCH answer.
func literalOf(a answer) string {
	if len(a.lines) == 0 {
		return ""
	}
	line := a.lines[0]
	if m := inAnswer.FindStringSubmatch(line); m != nil {
		return m[2]
	}
	if i := strings.IndexByte(line, '"'); i >= 0 {
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(strings.TrimSuffix(line[i+1:], `")`))
	}
	return ""
}

type oddFile struct {
	name string
	text []byte
}

func oddMail(t *testing.T) []oddFile {
	t.Helper()
	files := []oddFile{
		{"only text", []byte("no header here\r\n")},
		{"only a header", []byte("Subject: x\r\n")},
		{"bare LF", []byte("Subject: x\nFrom: a@b\n\nline\nline\n")},
		{"no last boundary", []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo")},
		{"no parts", []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n")},
		{"nested", []byte("Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--i--\r\n")},
		{"NUL and 8-bit", []byte("Subject: \xff\x00\r\nFrom: \xe4 <\xe4@b>\r\n\r\n\x00\x80\r\n")},
	}
	if _, err := os.Stat(corpus); err != nil {
		t.Logf("no %s here: only the project's own odd messages are tried", corpus)
		return files
	}
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "README.md" || strings.Contains(d.Name(), "LICENSE") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && len(text) > 0 {
			files = append(files, oddFile{d.Name(), text})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
