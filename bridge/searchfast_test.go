package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// search returns the UIDs of a search for one key.
func (r *rig) search(f *bridge.Folder, k bridge.SearchKey) []uint32 {
	r.t.Helper()
	uids, err := f.Search(r.ctx(), f.Snapshot(), k, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return uids
}

// dropTexts empties the cache of texts, as a restart with a cleared directory does.
func (r *rig) dropTexts() {
	r.t.Helper()
	r.stop()
	if err := os.RemoveAll(filepath.Join(r.dir, "mime")); err != nil {
		r.t.Fatal(err)
	}
	r.start()
}

// TestFastSearch: the service says which texts are read; what it cannot know is
// read all the same.
func TestFastSearch(t *testing.T) {
	bubble(t, storetest.Options{MostFound: 3}, bridge.MailboxOptions{FastSearch: true}, func(r *rig) {
		time.Sleep(24 * time.Hour)
		old := time.Now().Add(-20 * time.Hour)
		inbox := r.store.Folder(bridge.RoleInbox)
		for i, text := range []string{"a needle", "haystack", "needles in part", "needle here", "needle there", "needle everywhere"} {
			r.store.Deliver(inbox, fmt.Appendf(nil, "From: x@example.org\r\nSubject: %d\r\n\r\n%s\r\n", i, text),
				storetest.DeliverOptions{Received: old.Add(time.Duration(i) * time.Hour)})
		}
		f := r.folder("INBOX")
		body := func(v string) bridge.SearchKey { return bridge.SearchKey{Op: bridge.SearchBody, Value: v} }
		// Three are found and read, and the three older than these are read too.
		if got := r.search(f, body("Needle")); !slices.Equal(got, []uint32{1, 3, 4, 5, 6}) {
			t.Errorf("found %v", got)
		}
		if n := r.store.Calls(storetest.FindText); n != 1 {
			t.Errorf("%d searches of the service", n)
		}
		// What the service knows not of is not read.
		r.dropTexts()
		f = r.folder("INBOX")
		r.store.ResetCalls()
		if got := r.search(f, body("part")); !slices.Equal(got, []uint32{3}) || r.store.Calls(storetest.MIME) != 1 {
			t.Errorf("found %v by reading %d texts", got, r.store.Calls(storetest.MIME))
		}
		// Part of a word: the service does not find it, the cache does.
		if got := r.search(f, body("eedles in")); !slices.Equal(got, []uint32{3}) {
			t.Errorf("in the cache: %v", got)
		}
		if got := r.search(f, body("stack")); got != nil {
			t.Errorf("part of a word: %v", got)
		}
		// A new message is not in the service's index yet: it is read.
		r.store.Deliver(inbox, []byte("Subject: new\r\n\r\nbrand new haystack\r\n"), storetest.DeliverOptions{})
		r.sync(f)
		if got := r.search(f, body("stack")); !slices.Equal(got, []uint32{7}) {
			t.Errorf("new mail: %v", got)
		}
		// A service that does not search means reading.
		r.store.Fail(storetest.FindText, 1, bridge.ErrUnavailable)
		if got := r.search(f, body("haystack")); !slices.Equal(got, []uint32{2, 7}) {
			t.Errorf("without the service's search: %v", got)
		}
	})
}

// TestSearchTellsAndStops: a search through texts tells how far it is, message by
// message, and ends when the client goes away.
func TestSearchTellsAndStops(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(600)
		key := bridge.SearchKey{Op: bridge.SearchText, Value: "nowhere"}
		last, steps := 0, 0
		ctx, cancel := context.WithCancel(r.ctx())
		_, err := f.Search(ctx, f.Snapshot(), key, func(done, total int) {
			if done < last || total != 600 {
				t.Errorf("told %d of %d after %d", done, total, last)
			}
			last = done
			if steps++; done == 100 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || steps < 100 {
			t.Errorf("error %v after %d steps", err, steps)
		}
		if n := r.store.Calls(storetest.MIME); n > 150 { // some are read ahead
			t.Errorf("%d texts were read, the client went after 100", n)
		}
	})
}
