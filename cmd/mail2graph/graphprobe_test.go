package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProbe: nothing is done before the address was typed; then the report is written.
func TestProbe(t *testing.T) {
	b := newStateBed(t)
	b.sim.SetCheck(func(string, string, url.Values, http.Header, []byte) error { return nil }) // it asks what is not allowed
	report := filepath.Join(b.dir, "report.md")
	for _, tc := range []struct {
		name, in string
		args     []string
		code     int
		want     string
	}{
		{"unknown mailbox", "", []string{"--probe", "m7"}, 2, `found "m7", allowed is the NAME of a [mailbox.NAME]: m0`},
		{"not confirmed", "", []string{"--probe", "m0"}, 1, "not confirmed"},
		{"another address", "user1@example.com\n", []string{"--probe", "m0"}, 1, "nothing was done"},
		{"over a file", "", []string{"--probe", "m0", "--yes", "--report", b.config}, 1, "file exists"},
	} {
		code, _, errText := runWith(strings.NewReader(tc.in), append([]string{"doctor", "--config", b.config}, tc.args...)...)
		if code != tc.code || !strings.Contains(errText, tc.want) {
			t.Errorf("%s: status %d, %s", tc.name, code, errText)
		}
	}
	if n := b.sim.Count(); n != 0 {
		t.Fatalf("%d requests were made", n)
	}
	code, out, errText := runWith(strings.NewReader("User0@Example.com\n"), "doctor", "--config", b.config, "--probe", "m0", "--report", report)
	if code != 0 || out != "" || !strings.Contains(errText, "C24  as assumed") {
		t.Errorf("status %d, output %q, %s", code, out, errText)
	}
	text, err := os.ReadFile(report)
	if err != nil || !strings.Contains(string(text), "## C9 Names of folders") || strings.Contains(string(text), "s3cret") {
		t.Errorf("%v, the report:\n%.500s", err, text)
	}
}
