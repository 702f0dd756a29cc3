package bridge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/outbox"
	"mail2graph/bridge/storetest"
)

// habits is a service that keeps to the contract of bridge.Sender in its own way.
type habits struct {
	*storetest.Memory
	lag      time.Duration // until a search finds a draft
	newIDs   bool          // the copy in Sent Items has another id than the draft
	copyLag  time.Duration // until the copy exists
	draftLag time.Duration // until a draft that was sent stops being one
	refuse   func(bridge.Outgoing) error

	mu      sync.Mutex // guards what follows
	created map[bridge.MessageID]time.Time
	sent    map[bridge.MessageID]time.Time
}

func (h *habits) since(of map[bridge.MessageID]time.Time, id bridge.MessageID) (time.Duration, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, ok := of[id]
	return time.Since(at), ok
}

func (h *habits) CreateDraft(ctx context.Context, m bridge.Outgoing) (bridge.MessageID, error) {
	if h.refuse != nil {
		if err := h.refuse(m); err != nil {
			return "", err
		}
	}
	if m.Again && h.lag > 0 {
		ids, err := h.Marked(ctx, m.Marker, "", bridge.RoleDrafts)
		if err != nil {
			return "", err
		}
		m.Again = len(ids) > 0
	}
	known := map[bridge.MessageID]bool{}
	for _, info := range h.Contents(h.Folder(bridge.RoleDrafts)) {
		known[info.ID] = true
	}
	id, err := h.Memory.CreateDraft(ctx, m)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, info := range h.Contents(h.Folder(bridge.RoleDrafts)) {
		if !known[info.ID] {
			h.created[info.ID] = time.Now()
		}
	}
	return id, err
}

func (h *habits) SendDraft(ctx context.Context, id bridge.MessageID) (bridge.Receipt, error) {
	h.mu.Lock()
	h.sent[id] = time.Now()
	h.mu.Unlock()
	return h.Memory.SendDraft(ctx, id)
}

func (h *habits) DraftState(ctx context.Context, id bridge.MessageID) (bridge.DraftState, error) {
	state, err := h.Memory.DraftState(ctx, id)
	if since, sent := h.since(h.sent, id); sent && err == nil && state == bridge.DraftSent {
		switch {
		case since < h.draftLag:
			return bridge.DraftWaits, nil
		case h.newIDs || since < h.copyLag:
			return bridge.DraftGone, nil
		}
	}
	return state, err
}

func (h *habits) Marked(ctx context.Context, marker, messageID string, in bridge.Role) ([]bridge.MessageID, error) {
	all, err := h.Memory.Marked(ctx, marker, messageID, in)
	var ids []bridge.MessageID
	for _, id := range all {
		created, _ := h.since(h.created, id)
		since, sent := h.since(h.sent, id)
		if created >= h.lag && (!sent || since >= h.copyLag) {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// withHabits runs a test in virtual time over a service with habits.
func withHabits(t *testing.T, h *habits, configure func(*bridge.Config), test func(*relay)) {
	t.Helper()
	outHash()
	synctest.Test(t, func(t *testing.T) {
		h.Memory = storetest.NewMemory(storetest.Options{Address: outUser})
		h.created, h.sent = map[bridge.MessageID]time.Time{}, map[bridge.MessageID]time.Time{}
		r := newRelay(t, h.Memory)
		if configure != nil {
			configure(r.cfg)
		}
		r.start(h)
		defer func() { r.stop() }()
		test(r)
	})
}

// once wants letter n delivered once and nothing left of it.
func (r *relay) once(n int) {
	r.t.Helper()
	if got := r.delivered(n); got != 1 {
		r.t.Errorf("delivered %d times", got)
	}
	r.clean()
}

var lost = storetest.Fault{Err: bridge.ErrUnavailable, Late: true}

// TestHabits: a message goes out once whatever the service shows of it after an
// answer was lost, and however late.
func TestHabits(t *testing.T) {
	for name, h := range map[string]*habits{
		"as documented":                {},
		"the copy has another id":      {newIDs: true},
		"the copy comes late":          {copyLag: 4 * time.Minute},
		"it stays a draft for a while": {draftLag: 15 * time.Second},
		"all of it":                    {newIDs: true, copyLag: 4 * time.Minute, draftLag: 15 * time.Second},
	} {
		for _, interrupted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stopped %t", name, interrupted), func(t *testing.T) {
				withHabits(t, h, nil, func(r *relay) {
					r.store.Inject(storetest.SendDraft, lost)
					if receipt, err := r.send(1); err != nil || receipt.QueueID == "" {
						r.t.Fatalf("Send: %+v, %v", receipt, err)
					}
					if interrupted {
						r.stop()
						r.start(h)
					}
					time.Sleep(time.Hour)
					r.once(1)
					if n := r.store.Calls(storetest.SendDraft); n != 1 {
						r.t.Errorf("sent %d times", n)
					}
				})
			})
		}
	}
}

// TestStrayDrafts: what a lost answer left is not sent, and does not stay.
func TestStrayDrafts(t *testing.T) {
	for _, lag := range []time.Duration{0, 2 * time.Second, 2 * time.Minute} {
		for _, after := range []storetest.Fault{{}, {Err: bridge.ErrDenied}} {
			t.Run(fmt.Sprintf("found after %v, then %v", lag, after.Err), func(t *testing.T) {
				withHabits(t, &habits{lag: lag}, nil, func(r *relay) {
					for range 3 {
						r.store.Inject(storetest.CreateDraft, lost)
					}
					if after.Err != nil {
						r.store.Inject(storetest.SendDraft, after)
					}
					if receipt, err := r.send(1); err == nil != (after.Err == nil) && !receipt.Queued {
						r.t.Fatalf("Send: %+v, %v", receipt, err)
					}
					time.Sleep(time.Hour)
					if after.Err == nil {
						r.once(1)
					} else if r.clean(); r.delivered(1) != 0 {
						r.t.Error("refused, and sent")
					}
				})
			})
		}
	}
}

// TestStrayDraftOfDeleted: an operator who drops a message drops its drafts too.
func TestStrayDraftOfDeleted(t *testing.T) {
	withHabits(t, &habits{lag: time.Minute}, nil, func(r *relay) {
		for range 3 {
			r.store.Inject(storetest.CreateDraft, lost)
		}
		receipt, err := r.send(1)
		if err != nil || !receipt.Queued {
			r.t.Fatalf("%+v, %v", receipt, err)
		}
		time.Sleep(2 * time.Minute)
		r.order(outbox.OpDelete, receipt.QueueID)
		time.Sleep(time.Hour)
		r.clean()
		if r.delivered(1) != 0 {
			r.t.Error("deleted, and sent")
		}
	})
}

func (r *relay) order(op outbox.Op, id string) {
	r.t.Helper()
	dir := filepath.Join(r.cfg.StateDir, bridge.OutboxDir)
	if res, err := outbox.Order(r.t.Context(), dir, op, []string{id}); err != nil || res[0].Err != "" {
		r.t.Fatal(res, err)
	}
}

func (r *relay) removeDrafts() {
	for _, m := range r.store.Contents(r.store.Folder(bridge.RoleDrafts)) {
		r.store.Remove(m.ID)
	}
}

// TestDraftDeleted: somebody clears the drafts while a message waits. Where it is
// certain that it was not sent it is made anew; where nobody can tell, an operator
// has to.
func TestDraftDeleted(t *testing.T) {
	certain := &bridge.RetryError{After: 10 * time.Minute, Err: bridge.ErrUnavailable}
	t.Run("before it was sent", func(t *testing.T) {
		withHabits(t, &habits{}, nil, func(r *relay) {
			r.store.Fail(storetest.SendDraft, 1, certain)
			if receipt, err := r.send(1); err != nil || !receipt.Queued {
				r.t.Fatalf("%+v, %v", receipt, err)
			}
			r.removeDrafts()
			time.Sleep(time.Hour)
			r.once(1)
		})
	})
	for _, op := range []outbox.Op{outbox.OpRelease, outbox.OpRetry, outbox.OpDelete} {
		t.Run("in doubt, then "+string(op), func(t *testing.T) {
			withHabits(t, &habits{}, nil, func(r *relay) {
				r.store.Fail(storetest.SendDraft, 1, bridge.ErrUnavailable)
				receipt, err := r.send(1)
				if err != nil || !receipt.Queued {
					r.t.Fatalf("%+v, %v", receipt, err)
				}
				r.removeDrafts()
				time.Sleep(time.Hour)
				if w := r.waiting(); len(w) != 1 || w[0].State != outbox.Held || w[0].Reason == "" {
					r.t.Fatalf("outbox %+v, want one message held with a reason", w)
				}
				r.order(op, receipt.QueueID)
				time.Sleep(time.Hour)
				switch w := r.waiting(); op {
				case outbox.OpRelease:
					r.once(1)
				case outbox.OpRetry: // looks again, and knows no more
					if len(w) != 1 || w[0].State != outbox.Held || r.delivered(1) != 0 {
						r.t.Errorf("outbox %+v, delivered %d times", w, r.delivered(1))
					}
				case outbox.OpDelete:
					if r.clean(); r.delivered(1) != 0 {
						r.t.Error("deleted, and sent")
					}
				}
			})
		})
	}
}
