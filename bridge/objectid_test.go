package bridge

import (
	"regexp"
	"testing"
)

func TestObjectIDs(t *testing.T) {
	valid := regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	const id = "AAMkAGI2/+=_x"
	ids := map[string]string{
		"folder":       (&Folder{id: id}).ObjectID(),
		"other folder": (&Folder{id: id + "A"}).ObjectID(),
		"message":      (&Row{ID: id}).EmailID(),
		"letter case":  (&Row{ID: "aaMkAGI2/+=_x"}).EmailID(),
		"thread":       (&Detail{ConversationID: id}).ThreadID(),
	}
	seen := map[string]string{}
	for name, got := range ids {
		if !valid.MatchString(got) {
			t.Errorf("%s: got %q, which no client can read", name, got)
		}
		if seen[got] != "" {
			t.Errorf("%s and %s: both %q", name, seen[got], got)
		}
		seen[got] = name
	}
	// What clients have stored must stay true.
	if got, want := ids["message"], (&Row{ID: id, UID: 7}).EmailID(); got != want {
		t.Errorf("same message: got %q, want %q", got, want)
	}
	if got := (&Detail{}).ThreadID(); got != "" {
		t.Errorf("no conversation: got %q, want none", got)
	}
}

func TestSearchObjectIDs(t *testing.T) {
	row, detail := &Row{ID: "m"}, &Detail{ConversationID: "c"}
	tests := []struct {
		name string
		key  SearchKey
		c    candidate
		want verdict
	}{
		{"message", SearchKey{Op: SearchEmailID, Value: row.EmailID()}, candidate{row: row}, yes},
		{"other message", SearchKey{Op: SearchEmailID, Value: (&Row{ID: "n"}).EmailID()}, candidate{row: row}, no},
		{"conversation not read yet", SearchKey{Op: SearchThreadID, Value: detail.ThreadID()}, candidate{row: row}, unknown},
		{"conversation", SearchKey{Op: SearchThreadID, Value: detail.ThreadID()}, candidate{row: row, detail: detail}, yes},
		{"other conversation", SearchKey{Op: SearchThreadID, Value: row.EmailID()}, candidate{row: row, detail: detail}, no},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (&searcher{}).eval(&tt.c, tt.key); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
