package graphstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// TestFindText asks the service's search: words next to each other, whatever
// operators they would be.
func TestFindText(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	var ids []bridge.MessageID
	for i, text := range []string{"red and green", "green OR red", "from:ann says \"hello\"", "nothing"} {
		id, err := s.box.Deliver(fmt.Appendf(nil, "From: x@example.org\r\nSubject: %d\r\n\r\n%s\r\n", i, text), graphsim.DeliverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, bridge.MessageID(id))
	}
	inbox := s.folderID(t, "inbox")
	for phrase, want := range map[string][]bridge.MessageID{
		"and green": {ids[0]}, "green or": {ids[1]}, `from:ann says "hello"`: {ids[2]}, `\"`: nil, "absent": {}, "x AND": {},
	} {
		got, all, err := s.store.FindText(t.Context(), inbox, phrase)
		if want == nil {
			if !errors.Is(err, bridge.ErrInvalid) {
				t.Errorf("%q: %v", phrase, err)
			}
			continue
		}
		if err != nil || !all || !slices.Equal(got, want) {
			t.Errorf("%q: %v, all %t, %v; want %v", phrase, got, all, err, want)
		}
	}
	for range 260 {
		if _, err := s.box.Deliver([]byte("Subject: many\r\n\r\nmany\r\n"), graphsim.DeliverOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got, all, err := s.store.FindText(t.Context(), inbox, "many"); err != nil || all || len(got) != 250 {
		t.Errorf("%d of 260, all %t, %v", len(got), all, err)
	}
}
