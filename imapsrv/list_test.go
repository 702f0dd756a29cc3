package imapsrv

import (
	"slices"
	"strings"
	"testing"

	"mail2graph/bridge"
)

func TestPattern(t *testing.T) {
	tests := []struct {
		name, pattern, folder string
		want                  bool
	}{
		{"everything", "*", "Projects/2024/Über", true},
		{"one level", "%", "Drafts", true},
		{"one level, not below", "%", "Projects/2024", false},
		{"second level", "%/%", "Projects/2024", true},
		{"second level, not third", "%/%", "Projects/2024/Q1", false},
		{"star crosses separators", "P*4", "Projects/2024", true},
		{"percent does not", "P%4", "Projects/2024", false},
		{"percent in the middle", "Pro%s/2024", "Projects/2024", true},
		{"letter case counts", "drafts", "Drafts", false},
		{"INBOX in any case", "inbox", "INBOX", true},
		{"below INBOX in any case", "Inbox/%", "INBOX/Sub", true},
		{"case counts below INBOX", "inbox/sub", "INBOX/Sub", false},
		{"INBOX is no prefix of other names", "inboxes", "INBOXes", false},
		{"INBOX with wildcards", "i%x", "INBOX", true},
		{"quotes and brackets are literal", `a"b(c*`, `a"b(cd`, true},
		{"runs of wildcards", "%%*%%", "a/b/c", true},
		{"percents stay within a level", "%%%", "a/b", false},
		{"empty pattern", "", "a", false},
		{"trailing separator", "Projects/", "Projects", false},
		{"longer than the name", "Projects/2024", "Projects", false},
		{"star may be empty", "Projects*", "Projects", true},
		{"percent after separator needs one", "Projects/%", "Projects", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newPattern(tt.pattern).matches(tt.folder); got != tt.want {
				t.Errorf("%q matches %q: got %v, want %v", tt.pattern, tt.folder, got, tt.want)
			}
		})
	}
}

// Many wildcards must not take exponential time.
func TestPatternCost(t *testing.T) {
	p := newPattern(strings.Repeat("*a%", 20000) + "b")
	if p.matches(strings.Repeat("a", 250)) {
		t.Error("a pattern without match matches")
	}
	p = newPattern(strings.Repeat("*a", 100) + "b")
	if p.matches(strings.Repeat("a", 250)) {
		t.Error("a pattern without match matches")
	}
}

func TestMatchSubscribed(t *testing.T) {
	names := []bridge.FolderEntry{
		{Name: "INBOX"},
		{Name: "Lists/Go/Nuts"},
		{Name: "Lists/Go/Dev"},
		{Name: "Old", NoSelect: true},
		{Name: "Projects"},
		{Name: "Projects/2024"},
	}
	tests := []struct {
		pattern string
		want    []string
	}{
		{"*", []string{"INBOX", "Lists/Go/Nuts", "Lists/Go/Dev", "!Old", "Projects", "Projects/2024"}},
		{"%", []string{"INBOX", "!Lists", "!Old", "Projects"}},
		{"Lists/%", []string{"!Lists/Go"}},
		{"Lists/Go/%", []string{"Lists/Go/Nuts", "Lists/Go/Dev"}},
		{"Projects/%", []string{"Projects/2024"}},
		{"Nothing%", nil},
	}
	for _, tt := range tests {
		t.Run(tt.pattern, func(t *testing.T) {
			var got []string
			for _, e := range matchSubscribed(names, tt.pattern) {
				name := e.Name
				if e.NoSelect {
					name = "!" + name
				}
				got = append(got, name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAttributes(t *testing.T) {
	tests := []struct {
		name  string
		entry bridge.FolderEntry
		want  []string
	}{
		{"inbox", bridge.FolderEntry{Role: bridge.RoleInbox}, []string{`\HasNoChildren`}},
		{"sent with children", bridge.FolderEntry{Role: bridge.RoleSent, HasChildren: true}, []string{`\HasChildren`, `\Sent`}},
		{"name only", bridge.FolderEntry{NoSelect: true, HasChildren: true}, []string{`\Noselect`, `\HasChildren`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := attributes(tt.entry); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
