package bridge_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/outbox"
	"mail2graph/bridge/storetest"
)

// TestStatusOfSending follows messages through every end that they can have.
func TestStatusOfSending(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrInvalid)
		if _, err := r.send(1); !errors.Is(err, bridge.ErrInvalid) {
			r.t.Fatal(err)
		}
		if _, err := r.send(2); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrUnavailable)
		came := time.Now()
		if receipt, err := r.send(3); err != nil || !receipt.Queued {
			r.t.Fatalf("%+v, %v", receipt, err)
		}
		s := r.Status()[0]
		if want := (bridge.Tally{Sent: 1, Refused: 1, Deferred: 1}); s.Sent != want {
			r.t.Errorf("%+v, want %+v", s.Sent, want)
		}
		if want := map[outbox.State]int{outbox.Deferred: 1}; !maps.Equal(s.Outbox, want) || !s.Oldest.Equal(came) {
			r.t.Errorf("outbox %v since %v, want %v since %v", s.Outbox, s.Oldest, want, came)
		}
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrDenied)
		time.Sleep(time.Hour)
		s = r.Status()[0]
		if want := (bridge.Tally{Sent: 1, Refused: 1, Deferred: 1, Returned: 1}); s.Sent != want {
			r.t.Errorf("%+v, want %+v", s.Sent, want)
		}
		if len(s.Outbox) > 0 || !s.Oldest.IsZero() {
			r.t.Errorf("outbox %v since %v, want it empty", s.Outbox, s.Oldest)
		}
		if s.Name != "box" || s.Address != outUser || s.IndexSize == 0 {
			r.t.Errorf("%+v", s)
		}
	})
}

// TestFolderListFails: a mailbox that cannot be opened is told once, and its end.
func TestFolderListFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storetest.NewMemory(storetest.Options{Address: outUser})
		store.Fail(storetest.Folders, 5, bridge.ErrNoMailbox)
		x, err := index.Open(t.Context(), filepath.Join(t.TempDir(), "x"), index.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		cache, err := mimecache.Open(t.TempDir(), 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		log := new(strings.Builder)
		m, err := bridge.NewMailbox(t.Context(), bridge.MailboxOptions{Name: "box", Store: store, Index: x, Cache: cache, Poll: time.Minute,
			Logger: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		cancel()
		<-done
		if n := strings.Count(log.String(), "folder list not read"); n != 1 || strings.Count(log.String(), "folder list read again") != 1 {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
	})
}

// TestStatusOfSync: the lag of a folder goes on from its last success while rounds
// fail, and the reason is told until one succeeds again.
func TestStatusOfSync(t *testing.T) {
	relayBubble(t, storetest.Options{}, func(c *bridge.Config) {
		m := c.Mailboxes["box"]
		m.Poll = bridge.Duration(time.Minute)
		c.Mailboxes["box"] = m
	}, func(r *relay) {
		time.Sleep(90 * time.Second)
		inbox := func() bridge.FolderStatus {
			r.t.Helper()
			s := r.Status()[0]
			if len(s.Watched) != 1 || s.Watched[0].Role != bridge.RoleInbox || s.Synced != 1 || s.Folders < 2 || s.TreeError != nil {
				r.t.Fatalf("%+v", s)
			}
			if s.LastSync != s.Watched[0].LastSync {
				r.t.Errorf("last sync %v, of the INBOX %v", s.LastSync, s.Watched[0].LastSync)
			}
			return s.Watched[0]
		}
		good := inbox()
		if age := time.Since(good.LastSync); !good.Synced || good.Err != nil || age > time.Minute || good.Interval != time.Minute {
			r.t.Errorf("all is well: %+v", good)
		}
		r.store.Fail(storetest.Delta, 3, bridge.ErrDenied)
		time.Sleep(70 * time.Second)
		bad := inbox()
		if !errors.Is(bad.Err, bridge.ErrDenied) || bad.Failures == 0 || time.Since(bad.LastSync) < time.Minute {
			r.t.Errorf("rounds fail: %+v", bad)
		}
		time.Sleep(10 * time.Minute)
		if again := inbox(); again.Err != nil || again.Failures != 0 || time.Since(again.LastSync) > time.Minute {
			r.t.Errorf("it works again: %+v", again)
		}
	})
}
