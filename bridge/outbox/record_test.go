package outbox

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestParts: no two parts of a message have one marker, in whatever round.
func TestParts(t *testing.T) {
	r := Record{ID: "A1"}
	for i := range 5 {
		r.Recipients = append(r.Recipients, Recipient{Address: fmt.Sprint("p", i)})
	}
	if !r.Whole() || r.Marker() != "A1" || len(r.Waiting()) != 5 {
		t.Errorf("a message in one piece: marker %q, %d recipients", r.Marker(), len(r.Waiting()))
	}
	addresses, seen := r.Waiting(), map[string]string{}
	for round := range 3 {
		for done := range 5 {
			for part := 1; done+part <= 5; part++ {
				r.Round, r.Done, r.Part = round, done, part
				if want := addresses[done : done+part]; !slices.Equal(r.Waiting(), want) {
					t.Errorf("%d of %d: %q, want %q", part, done, r.Waiting(), want)
				}
				what := fmt.Sprint(round, r.Waiting())
				if other, ok := seen[r.Marker()]; ok {
					t.Errorf("%s has the marker of %s", what, other)
				}
				seen[r.Marker()] = what
			}
		}
	}
}

// TestAgain: a message that begins anew goes to those alone whom it did not reach.
func TestAgain(t *testing.T) {
	r := Record{ID: "A1", Done: 2, Part: 1, Draft: "d", Submitted: true, Doubt: true, Attempts: 9, Verdict: "no",
		Recipients: []Recipient{{Address: "got"}, {Address: "refused", Verdict: "bad", Status: "5.1.1"}, {Address: "waits"}}}
	r.again(time.Now())
	if !slices.Equal(r.Waiting(), []string{"refused", "waits"}) || r.Whole() || r.Draft != "" || r.Submitted || r.Doubt ||
		r.Verdict != "" || r.Attempts != 0 || r.Recipients[0].Verdict != "" {
		t.Errorf("%+v", r)
	}
}
