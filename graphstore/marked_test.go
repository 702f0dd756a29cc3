package graphstore

import (
	"slices"
	"testing"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// TestMarkedTrustsNoFilter: a service that ignores the filter lists others'
// messages, and none of them is taken for the one that is looked for, removed or
// sent.
func TestMarkedTrustsNoFilter(t *testing.T) {
	route := graphsim.Fault{Method: "POST", Route: "/users/{id}/messages", Count: 1, Reset: graphsim.ResetAfter}
	for name, modes := range map[string]graphsim.Modes{
		"filter works": {}, "filter is ignored": {FilterIgnored: true}, "filter is refused": {FilterRefused: true},
	} {
		for _, size := range []int{100, 3_500_000} {
			for _, lost := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					s := newSim(t, graphsim.Options{Modes: modes}, graphsim.MailboxOptions{})
					for range 3 {
						for _, folder := range []string{"drafts", "inbox"} {
							if _, err := s.box.Deliver([]byte(letter("of another one")), graphsim.DeliverOptions{Folder: folder, Draft: folder == "drafts"}); err != nil {
								t.Fatal(err)
							}
						}
					}
					if lost {
						s.AddFault(route)
					}
					out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}, Marker: "M1", Again: !lost}
					out.MIME, out.Parts = parsed(t, letter("x", size))
					if err := sendNow(t, s.store, out); err != nil {
						t.Fatal(err)
					}
					d := s.Deliveries()
					if len(d) != 1 || !slices.Equal(d[0].Recipients, out.Recipients) {
						t.Errorf("delivered %d times", len(d))
					}
					if n, m := len(s.box.Messages("drafts")), len(s.box.Messages("inbox")); n != 3 || m != 3 {
						t.Errorf("%d drafts and %d messages in the Inbox are left, want 3 and 3", n, m)
					}
				})
			}
		}
	}
}

// TestMarkerIsExact: a marker that begins like another one is another one.
func TestMarkerIsExact(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	for _, size := range []int{100, 3_500_000} {
		out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}, Marker: "M1r0p0n5"}
		out.MIME, out.Parts = parsed(t, letter("x", size))
		id, err := s.store.CreateDraft(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		for marker, want := range map[string][]bridge.MessageID{"M1r0p0n5": {id}, "M1": nil, "1r0p0n5": nil} {
			got, err := s.store.Marked(t.Context(), marker, "<x@example.com>", bridge.RoleDrafts)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("marked with %s: %q, %v, want %q", marker, got, err, want)
			}
		}
		s.store.discard(t.Context(), id)
	}
	if _, err := s.store.Marked(t.Context(), "M1", "", bridge.RoleTrash); err == nil {
		t.Error("a search in another folder was not refused")
	}
}
