package bridge

import (
	"context"
	"sync"
)

// SetFlagsIf is SetFlags for those messages that unchanged says yes to, which
// sees each as the folder has it now. The others come back as modified. Between
// the question and the change no other SetFlagsIf comes in, so of two clients
// that both want to be the first to mark a message only one is (RFC 7162 §3.1.3).
func (f *Folder) SetFlagsIf(ctx context.Context, uids []uint32, op FlagOp, flags Flags, keywords []string, unchanged func(*Row) bool, progress Progress) (modified, failed []uint32, err error) {
	if err := f.conditional.enter(ctx); err != nil {
		return nil, uids, err
	}
	defer f.conditional.leave()
	if err := f.load(ctx); err != nil {
		return nil, uids, err
	}
	snap := f.Snapshot()
	var pass []uint32
	for _, uid := range uids {
		switch row := snap.Row(uid); {
		case row == nil:
		case unchanged(row):
			pass = append(pass, uid)
		default:
			modified = append(modified, uid)
		}
	}
	if len(pass) == 0 {
		return modified, nil, nil
	}
	failed, err = f.SetFlags(ctx, pass, op, flags, keywords, progress)
	return modified, failed, err
}

// turnstile lets one in at a time, and those who wait may give up.
type turnstile struct {
	mu   sync.Mutex    // guards left
	left chan struct{} // closed when who is inside leaves; nil: nobody is
}

func (t *turnstile) enter(ctx context.Context) error {
	for {
		t.mu.Lock()
		left := t.left
		if left == nil {
			t.left = make(chan struct{})
			t.mu.Unlock()
			return nil
		}
		t.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.left)
	t.left = nil
}
