package main

import (
	"context"
	"errors"
	"os"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
)

// openIndex opens a mailbox's index. A damaged one is put aside and a new one begun:
// mail is safe in Exchange Online, and a gateway that stands still until somebody
// comes helps nobody. One that was not closed well is read as a whole first.
func (s *service) openIndex(ctx context.Context, name, path string) (bridge.Index, error) {
	log := s.log.With("mailbox", name)
	killed, _ := os.Stat(path + "-wal") // not there: it was closed
	writable := func() { log.Info("there is room on the disk again: the mailbox is no longer read-only", "file", path) }
	x, err := index.Open(ctx, path, index.Options{Check: killed != nil, Writable: writable})
	if errors.Is(err, index.ErrDamaged) {
		aside, asideErr := index.PutAside(path, "damaged", time.Now())
		if asideErr != nil {
			return nil, errors.Join(err, asideErr)
		}
		log.Error("index damaged and put aside: folders are read anew and get a new UIDVALIDITY, so programs download their mail again; "+
			"to have the old UIDs back stop the service and restore a backup (mail2graph help recovery)", "error", err, "aside", aside)
		// Each folder takes one more than the last, or the second that it is: a day is
		// ahead of all that the lost file may have given out.
		x, err = index.Open(ctx, path, index.Options{Writable: writable, After: uint32(time.Now().Add(24 * time.Hour).Unix())})
	}
	if err != nil {
		return nil, err // not x: a nil pointer in an interface is no nil
	}
	if x.ReadOnly() {
		log.Error("the disk is full: the mailbox shows what was known of it, and nothing new, until there is room", "file", path)
	}
	return x, nil
}
