package graphstore

import (
	"testing"

	"mail2graph/graphstore/graphsim"
)

// TestAppendIsRepeated: a message whose request got no answer, and that is found
// nowhere, is filed by another request; a program that is told "no" may never try again.
func TestAppendIsRepeated(t *testing.T) {
	for _, c := range []struct {
		name  string
		count int // requests that are lost
		reset string
		fails bool
	}{
		{"two requests are lost", 2, graphsim.ResetBefore, false},
		{"all requests are lost", 3, graphsim.ResetBefore, true},
		{"an answer is lost", 1, graphsim.ResetAfter, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			s.AddFault(graphsim.Fault{Method: "POST", Route: "/users/{id}/mailFolders/{id}/messages", Reset: c.reset, Count: c.count})
			_, err := s.store.Append(t.Context(), s.filed(t, letter("x", 100)))
			if (err != nil) != c.fails {
				t.Errorf("append: %v", err)
			}
			want := 1
			if c.fails {
				want = 0
			}
			if n := len(s.box.Messages("sentitems")); n != want {
				t.Errorf("%d messages, want %d", n, want)
			}
		})
	}
}
