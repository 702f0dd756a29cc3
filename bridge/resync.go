package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// resync compares the whole id list of the service with the index, after a
// delta link expired or in case delta lost something. UIDs stay.
func (f *Folder) resync(ctx context.Context) error {
	f.mu.Lock()
	start := f.gen
	f.mu.Unlock()
	if err := f.load(ctx); err != nil {
		return err
	}
	c, link, err := f.walkDelta(ctx)
	if err != nil {
		return fmt.Errorf("read folder %s: %w", f.Name(), err)
	}
	// A complete row of the walk is no sign of a change by itself.
	f.mu.Lock()
	for id, row := range c.rows {
		if uid := f.byID[id]; uid != 0 && f.snap.Row(uid).agrees(row) {
			row.Complete = false
			c.rows[id] = row
		}
	}
	for id := range f.byID {
		if _, there := c.rows[id]; !there && !c.removed[id] {
			c.add([]Change{{ID: id, Removed: true}})
		}
	}
	f.mu.Unlock()
	now := time.Now()
	return f.carryOut(ctx, c, start, link, func(st *FolderState) { st.FullCheck = now })
}

// closingRound is the delta round that ends a first sync; only with it the
// folder counts as synced.
func (f *Folder) closingRound(ctx context.Context, link string) error {
	f.mu.Lock()
	start := f.gen
	f.mu.Unlock()
	c, next, err := f.collect(ctx, link)
	if errors.Is(err, ErrResync) {
		// The link died within the walk; the id list is as good.
		now := time.Now()
		if err := f.resync(ctx); err != nil {
			return err
		}
		_, err := f.commit(ctx, func(*Snapshot) batch {
			return batch{edit: func(st *FolderState) { st.Synced, st.FullCheck = true, now }}
		})
		return err
	}
	if err != nil {
		return fmt.Errorf("delta of folder %s: %w", f.Name(), err)
	}
	now := time.Now()
	return f.carryOut(ctx, c, start, next, func(st *FolderState) { st.Synced, st.FullCheck = true, now })
}

// walkError picks the cause where one walk's failure cancelled the other.
func walkError(list, delta error) error {
	if list != nil && !errors.Is(list, context.Canceled) {
		return list
	}
	if delta != nil {
		return delta
	}
	return list
}

// walkDelta walks from the beginning; a walk whose link expires on the way
// starts again (graph-reference §6.4).
func (f *Folder) walkDelta(ctx context.Context) (*changes, string, error) {
	for attempt := 0; ; attempt++ {
		c, link, err := f.collect(ctx, "")
		if err == nil || !errors.Is(err, ErrResync) || attempt == 3 {
			return c, link, err
		}
	}
}
