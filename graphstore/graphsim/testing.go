package graphsim

import (
	"testing"
)

// NewTest starts a server for a test, with a Validator unless o has a Check of its own. When the test ends it is
// closed, and the test fails if a request was not modelled or the check complained.
func NewTest(t testing.TB, o Options) *Running {
	t.Helper()
	if o.Check == nil {
		o.Check = new(Validator).Check
	}
	r, err := New(o).Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		for _, line := range r.Unmodelled() {
			t.Errorf("not modelled: %s", line)
		}
		for _, line := range r.Violations() {
			t.Errorf("request check: %s", line)
		}
	})
	return r
}
