package graphsim

import (
	"net/http"
	"testing"
)

// TestSkipIDs plays a restart of the simulator: the same seed, another history.
func TestSkipIDs(t *testing.T) {
	var link, id string
	for run := range 2 {
		c, mb := newClient(t, Options{Seed: 5})
		mb.SkipIDs(uint64(1000 * (run + 1)))
		got, err := mb.Deliver([]byte("Subject: x\r\n\r\nx\r\n"), DeliverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			_, _, link = c.round(deltaPath)
			id = got
			continue
		}
		if got == id {
			t.Errorf("both runs give the id %s", id)
		}
		if r := c.do("GET", link, nil); r.status != http.StatusGone {
			t.Errorf("a delta link of the first run: status %d, want 410", r.status)
		}
	}
}
