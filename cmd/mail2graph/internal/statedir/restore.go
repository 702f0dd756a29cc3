package statedir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/outbox"
)

// Restoration is what Restore did.
type Restoration struct {
	Contents
	Made    time.Time
	Indexes map[string]index.Restored // by directory of the mailbox
	Kept    int                       // sign-ins that were there and are newer
}

// ErrExists: there is state already, and nobody said that it may be replaced.
var ErrExists = errors.New("there is state already")

// Restore puts a backup back. No daemon may run. Without replace it refuses to touch
// an index that is there; with it, what was there is moved aside. Messages of the
// outbox are held, since they may have been sent after the backup; sign-ins that are
// there stay.
func Restore(ctx context.Context, cfg *bridge.Config, from string, replace bool, now time.Time) (r Restoration, err error) {
	state := cfg.StateDir
	m, err := readManifest(from)
	if err != nil {
		return r, err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return r, err
	}
	if err := ours(state); err != nil {
		return r, err
	}
	r.Made = m.Made
	if r.Mailboxes, err = mailboxDirs(from); err != nil {
		return r, err
	}
	if there := alreadyThere(state, r.Mailboxes); len(there) > 0 && !replace {
		return r, fmt.Errorf("%w: an index of %s", ErrExists, strings.Join(there, ", "))
	}
	// First what fails while a daemon runs: it has the outbox locked.
	reason := fmt.Sprintf("from the backup of %s: it may have been sent since; release or delete it", m.Made.Format(time.DateTime))
	queue := filepath.Join(from, bridge.OutboxDir, "queue")
	if err := os.MkdirAll(queue, 0o700); err != nil { // a copy of a backup may have lost an empty one
		return r, err
	}
	if r.Messages, err = outbox.Restore(queue, filepath.Join(state, bridge.OutboxDir), reason); err != nil {
		return r, fmt.Errorf("restore the outbox: %w", err)
	}
	r.Indexes = map[string]index.Restored{}
	for _, name := range r.Mailboxes {
		at := func(dir string) string { return filepath.Join(dir, dirMailboxes, name, bridge.IndexFile) }
		if r.Indexes[name], err = index.Restore(ctx, at(from), at(state), now); err != nil {
			return r, err
		}
	}
	names, err := signIns(from)
	if err != nil {
		return r, err
	}
	for _, name := range names {
		switch err := copyNew(filepath.Join(from, dirSignIn, name), filepath.Join(state, dirSignIn, name)); {
		case errors.Is(err, fs.ErrExist):
			r.Kept++
		case err != nil:
			return r, err
		default:
			r.SignIns++
		}
	}
	return r, nil
}

func alreadyThere(state string, mailboxes []string) (there []string) {
	for _, name := range mailboxes {
		if _, err := os.Lstat(filepath.Join(state, dirMailboxes, name, bridge.IndexFile)); err == nil {
			there = append(there, name)
		}
	}
	return there
}
