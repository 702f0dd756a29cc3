package graphstore

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// TestNoBatch: a service without $batch, which before made every change fail, gets
// single requests, and is asked for it no more than once in a while.
func TestNoBatch(t *testing.T) {
	for status, code := range map[int]string{400: "BadRequest", 403: "Forbidden", 404: "ResourceNotFound", 405: "", 501: "NotImplemented"} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				batches, singles := 0, 0
				f := &fake{graph: func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasSuffix(r.URL.Path, "/$batch"):
						batches++
						fail(w, status, code, "x")
					case last(r.URL.Path) == "gone":
						fail(w, 404, "ErrorItemNotFound", "x")
					default:
						singles++
						answer(w, 200, `{"id":"`+last(r.URL.Path)+`"}`)
					}
				}}
				st := f.store(t)
				read := true
				for range 3 {
					errs := st.SetFlags(t.Context(), []bridge.FlagUpdate{{ID: "a", Read: &read}, {ID: "gone", Read: &read}, {ID: "b", Read: &read}})
					if errs[0] != nil || !errors.Is(errs[1], bridge.ErrNotFound) || errs[2] != nil {
						t.Errorf("errors %v, want the one of what is gone", errs)
					}
				}
				if batches != 1 || singles != 6 {
					t.Errorf("%d batches and %d changes, want 1 and 6", batches, singles)
				}
				time.Sleep(abilityPause) // virtual
				if _, err := st.Messages(t.Context(), []bridge.MessageID{"a", "b"}); err != nil || batches != 2 {
					t.Errorf("%d batches, %v, want another one after a while", batches, err)
				}
			})
		})
	}
}

// TestRefusedBatch: a batch that is refused for the sake of its steps is no reason to
// believe that there are none.
func TestRefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batches := 0
		f := &fake{graph: func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/$batch") {
				batches++
			}
			fail(w, 400, "BadRequest", "x")
		}}
		st := f.store(t)
		read := true
		for range 2 {
			for _, err := range st.SetFlags(t.Context(), []bridge.FlagUpdate{{ID: "a", Read: &read}, {ID: "b", Read: &read}}) {
				if !errors.Is(err, bridge.ErrInvalid) {
					t.Errorf("%v, want the refusal", err)
				}
			}
		}
		if batches != 2 {
			t.Errorf("%d batches, want each call to try", batches)
		}
	})
}
