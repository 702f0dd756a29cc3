package bridge

import (
	"context"
	"errors"
	"fmt"
)

// errEnough ends a walk that has found all it was for.
var errEnough = errors.New("enough")

// look asks the service about messages of a round, those it has no row for by id
// or, where pages of the folder take fewer requests than batches of ids, by its
// listing: after a thousand arrivals, or the echo of our own move of as many.
//
// A listing is no snapshot and may miss a message. So it never decides about a
// message that the folder has, nor about one that the round says arrived: what
// is not found there is asked for by id. What it may overlook is a message that
// we moved away and somebody moved back at once; the daily comparison finds it.
func (f *Folder) look(ctx context.Context, c *changes, ask []MessageID) ([]MessageInfo, error) {
	f.mu.Lock()
	strangers := map[MessageID]bool{}
	for _, id := range ask {
		if _, known := f.byID[id]; !known {
			strangers[id] = true
		}
	}
	size := f.snap.Len() + len(strangers)
	f.mu.Unlock()
	if requests(len(strangers), batchIDs) <= requests(size, listIDs) {
		return f.m.store.Messages(ctx, ask)
	}
	var found []MessageInfo
	err := f.m.store.List(ctx, f.id, func(page []MessageInfo) error {
		for _, info := range page {
			if strangers[info.ID] {
				delete(strangers, info.ID)
				found = append(found, info)
			}
		}
		if len(strangers) == 0 {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("look for %d messages in the listing: %w", len(strangers), err)
	}
	var left []MessageID
	listed := make(map[MessageID]bool, len(found))
	for _, info := range found {
		listed[info.ID] = true
	}
	for _, id := range ask {
		if _, arrived := c.rows[id]; !listed[id] && (arrived || !strangers[id]) {
			left = append(left, id)
		}
	}
	if len(left) == 0 {
		return found, nil
	}
	more, err := f.m.store.Messages(ctx, left)
	return append(found, more...), err
}

// requests is how many requests n messages take.
func requests(n, each int) int { return (n + each - 1) / each }
