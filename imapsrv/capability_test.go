package imapsrv

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestExtensions compares what is announced with what the dialogues show: each
// capability has the dialogue of its name, "status-size.txt" for STATUS=SIZE,
// whose first line is "# Extension STATUS=SIZE (RFC …)"; and no dialogue is headed so
// without its capability. IMAP4rev1 is all of the other dialogues.
func TestExtensions(t *testing.T) {
	announced := everyCapability(t)
	for i, name := range announced {
		if slices.Contains(announced[:i], name) {
			t.Errorf("%s is announced twice", name)
		}
		if _, err := os.Stat(filepath.Join("testdata", dialogueOf(name))); err != nil {
			t.Errorf("%s is announced, but has no dialogue: %v", name, err)
		}
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		heading, _, _ := strings.Cut(string(b), "\n")
		heading, ok := strings.CutPrefix(heading, "# Extension ")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(heading, " ")
		shown = append(shown, name)
		if !slices.Contains(announced, name) {
			t.Errorf("%s shows %s, which is not announced", file, name)
		}
	}
	for _, name := range announced {
		if !slices.Contains(shown, name) {
			t.Errorf("%s does not begin with %q", dialogueOf(name), "# Extension "+name)
		}
	}
}

// everyCapability lists what a connection may announce in one state or another;
// STARTTLS is the matter of TestStartTLS.
func everyCapability(t *testing.T) []string {
	var all []string
	quota, err := bridge.NewMailbox(t.Context(), bridge.MailboxOptions{Store: storetest.NewMemory(storetest.Options{}), Index: noIndex{}, Quota: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []bool{false, true} {
		opts := Options{AllowPlain: func(net.Addr) bool { return private }}.withDefaults()
		for _, account := range []*bridge.Account{nil, {}, {Mailbox: quota}} {
			for _, name := range (&conn{opts: &opts, account: account}).capabilities() {
				name = limit.ReplaceAllString(name, "")
				if name != "IMAP4rev1" && !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
		}
	}
	return all
}

// noIndex is the index of a mailbox that is never used.
type noIndex struct{ bridge.Index }

func (noIndex) Folders(context.Context) ([]bridge.FolderState, error)  { return nil, nil }
func (noIndex) Subscriptions(context.Context) (map[string]bool, error) { return nil, nil }

// limit is the value of a capability that the operator chooses: "APPENDLIMIT=35000000".
var limit = regexp.MustCompile(`=\d+$`)

// dialogueOf is the file for a capability: "LITERAL+" ↔ "literal-plus.txt".
func dialogueOf(name string) string {
	return strings.NewReplacer("=", "-", "+", "-plus").Replace(strings.ToLower(name)) + ".txt"
}
