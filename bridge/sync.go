package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Sync brings the folder up to date: by its first sync if need be, else by one
// delta round unless one ended less than a second ago. Callers at the same time
// share the round. With an error, Synced tells whether Snapshot has an older
// picture to go on with.
func (f *Folder) Sync(ctx context.Context) error {
	if err := f.load(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	fresh, gone, wait := time.Since(f.roundEnd) < freshFor, f.gone, time.Until(f.nextTry)
	f.mu.Unlock()
	switch {
	case gone:
		return fmt.Errorf("folder %s was deleted: %w", f.Name(), ErrNotFound)
	case fresh:
		return nil
	case wait > 0 && IsBackground(ctx):
		return fmt.Errorf("folder %s is polled again in %v: %w", f.Name(), wait, ErrUnavailable)
	}
	_, err := f.rounds.do(ctx, &f.m.tasks, struct{}{}, f.round)
	return err
}

// ensureSynced waits for the first sync, and for no more than that.
func (f *Folder) ensureSynced(ctx context.Context) error {
	if f.stateNow().Synced {
		return f.load(ctx)
	}
	return f.Sync(ctx)
}

// startRound begins a round that nobody waits for.
func (f *Folder) startRound(ctx context.Context) {
	_, _, _ = f.rounds.join(&f.m.tasks, struct{}{}, IsBackground(ctx), f.round)
}

// round runs one round and books its outcome; the next poll follows from that.
func (f *Folder) round(ctx context.Context) (struct{}, error) {
	err := f.load(ctx)
	if err == nil {
		err = f.runRound(ctx)
	}
	if gone(err) {
		// The folder, or so the service says: the tree knows.
		if _, terr := f.m.treeRun.do(ctx, &f.m.tasks, struct{}{}, f.m.readTree); terr != nil {
			err = fmt.Errorf("%w; %w", err, terr)
		}
	}
	f.settle(ctx, err)
	f.m.poke()
	return struct{}{}, err
}

// settle keeps count of failures and logs their begin and end, not each one.
func (f *Folder) settle(ctx context.Context, err error) {
	f.mu.Lock()
	before := f.failures
	f.roundEnd = time.Now()
	f.syncErr = err
	if err == nil {
		f.failures, f.nextTry, f.syncedAt = 0, time.Time{}, f.roundEnd
	} else {
		f.failures++
		pause := min(f.m.opts.IdlePoll<<min(f.failures, 6), 5*time.Minute)
		if retry := (*RetryError)(nil); errors.As(err, &retry) {
			pause = max(pause, retry.After)
		}
		f.roundEnd, f.nextTry = time.Time{}, time.Now().Add(pause)
	}
	f.mu.Unlock()
	switch {
	case err == nil && before > 0:
		f.log.Info("sync works again", "failures", before)
	case err != nil && before == 0 && ctx.Err() == nil:
		f.log.Warn("sync failed", "error", err)
	}
}

func (f *Folder) runRound(ctx context.Context) error {
	st := f.stateNow()
	limit := roundLimit
	if !st.Synced {
		limit = firstSyncLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if !st.Synced {
		return f.firstSync(ctx)
	}
	if IsBackground(ctx) && time.Since(st.FullCheck) > fullCheckEvery {
		return f.resync(ctx)
	}
	err := f.deltaRound(ctx, st.DeltaLink)
	if errors.Is(err, ErrResync) {
		f.log.Info("delta link expired, reading the whole folder")
		return f.resync(ctx)
	}
	return err
}

// changes merges the rows of a round: the same message may come several times
// and in any order (graph-reference §6.2), so a removal is only a suspicion.
type changes struct {
	ids     []MessageID // in the order of first mention
	rows    map[MessageID]Change
	removed map[MessageID]bool
}

func newChanges() *changes {
	return &changes{rows: map[MessageID]Change{}, removed: map[MessageID]bool{}}
}

func (c *changes) add(rows []Change) {
	for _, r := range rows {
		old, known := c.rows[r.ID]
		if !known && !c.removed[r.ID] {
			c.ids = append(c.ids, r.ID)
		}
		if r.Removed {
			c.removed[r.ID] = true
			continue
		}
		if known {
			r = mergeChange(old, r)
		}
		c.rows[r.ID] = r
	}
}

func mergeChange(old, r Change) Change {
	r.Complete = r.Complete || old.Complete
	r.Read = cmp.Or(r.Read, old.Read)
	r.Flagged = cmp.Or(r.Flagged, old.Flagged)
	r.Categories = cmp.Or(r.Categories, old.Categories)
	r.Draft = cmp.Or(r.Draft, old.Draft)
	return r
}

// deltaRound asks what changed since link and carries it out.
func (f *Folder) deltaRound(ctx context.Context, link string) error {
	f.mu.Lock()
	start := f.gen
	f.mu.Unlock()
	c, next, err := f.collect(ctx, link)
	if err != nil {
		return fmt.Errorf("delta of folder %s: %w", f.Name(), err)
	}
	return f.carryOut(ctx, c, start, next, nil)
}

// collect runs one delta round, or a walk for an empty link, and merges its rows.
func (f *Folder) collect(ctx context.Context, link string) (c *changes, next string, err error) {
	c = newChanges()
	next, err = f.m.store.Delta(ctx, f.id, link, func(rows []Change) error {
		c.add(rows)
		return nil
	})
	return c, next, err
}

// carryOut turns a round's changes into a commit. What the rows cannot tell is
// fetched first: new messages, suspected removals, messages with a change that
// delta does not carry. edit, if any, completes the folder's state.
func (f *Folder) carryOut(ctx context.Context, c *changes, start uint64, next string, edit func(*FolderState)) error {
	ask := f.unclear(c, start)
	infos := make(map[MessageID]MessageInfo, len(ask))
	asked := make(map[MessageID]bool, len(ask))
	if len(ask) > 0 {
		list, err := f.look(ctx, c, ask)
		if err != nil {
			return fmt.Errorf("messages of folder %s: %w", f.Name(), err)
		}
		for _, info := range list {
			infos[info.ID] = info
		}
		for _, id := range ask {
			asked[id] = true
		}
	}
	if len(c.ids) == 0 && len(ask) == 0 && edit == nil && f.keepLink(next) {
		f.sweep(start)
		return nil
	}
	r := &reconciler{f: f, start: start, infos: infos, asked: asked}
	if err := r.draftDetails(ctx); err != nil {
		return err
	}
	_, err := f.commit(ctx, func(snap *Snapshot) batch {
		b := r.build(snap, c)
		b.edit = func(st *FolderState) {
			st.DeltaLink = next
			if edit != nil {
				edit(st)
			}
		}
		return b
	})
	if err != nil {
		return err
	}
	if r.left > 0 {
		f.mu.Lock()
		f.nextDoubt = time.Time{} // its doubts were right
		f.mu.Unlock()
	}
	r.forgetTexts()
	f.sweep(start)
	return nil
}

// linkKept is how long the link of quiet rounds stays in memory alone. A lost
// one costs the replay of that time at worst.
const linkKept = 10 * time.Minute

// keepLink remembers the link of a round without news, and reports whether
// that was enough: a write to disk for every poll of every folder is not.
func (f *Folder) keepLink(link string) bool {
	f.commitMu.Lock()
	defer f.commitMu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if link == f.state.DeltaLink {
		return true
	}
	if time.Since(f.stored) > linkKept {
		return false
	}
	f.state.DeltaLink, f.unsaved = link, true
	return true
}

// saveLink writes a link that keepLink kept back.
func (f *Folder) saveLink(ctx context.Context) error {
	f.mu.Lock()
	unsaved := f.unsaved && !f.gone
	f.mu.Unlock()
	if !unsaved {
		return nil
	}
	_, err := f.commit(ctx, func(*Snapshot) batch { return batch{} })
	return err
}

// unclear lists the messages that must be asked for by id, in a round that began
// at generation start: build leaves those alone that an order has touched since.
func (f *Folder) unclear(c *changes, start uint64) []MessageID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ask []MessageID
	for id := range f.recheck {
		if f.settled(id) {
			delete(f.recheck, id)
		} else if _, mentioned := c.rows[id]; !mentioned && !c.removed[id] && !f.overtaken(id, start) {
			ask = append(ask, id)
		}
	}
	now := time.Now()
	for id := range f.newcomers {
		if _, told := c.rows[id]; !told && !c.removed[id] && !f.overtaken(id, start) {
			ask = append(ask, id)
		}
	}
	replay := f.replayed(c, start, now)
	if replay && now.After(f.nextDoubt) {
		// A service that tells everything each round may not tell what is gone.
		for id := range f.byID {
			if _, told := c.rows[id]; !told && !c.removed[id] && !f.overtaken(id, start) && !f.mustRecheck(id) {
				ask = append(ask, id)
				f.nextDoubt = now.Add(doubtAgain)
			}
		}
	}
	slices.Sort(ask)
	ask = slices.Compact(ask)
	for _, id := range c.ids {
		uid, known := f.byID[id]
		row := c.rows[id]
		switch {
		case f.overtaken(id, start):
		// A removal of a message that is not here is the echo of our own in most
		// cases. But somebody may have moved it back meanwhile, and delta tells
		// that in the same words (graph-reference §6.3): it takes a look.
		case !known, c.removed[id], f.mustRecheck(id):
			ask = append(ask, id)
		case !row.Complete:
		case now.Sub(f.own[id]) < echoFor && f.snap.Row(uid).agrees(row):
			delete(f.own, id) // the echo of our own change
		case replay && f.snap.Row(uid).Flags&FlagUnsent == 0 && f.snap.Row(uid).agrees(row): // nor is it news, as of a draft it may be
		default:
			ask = append(ask, id)
		}
	}
	return ask
}

const (
	// replayLeast is how many rows without news make a round a replay, if they are
	// also of more than half of a folder's messages.
	replayLeast = 10
	// doubtAgain is when the next replay may put in doubt what it left out, after
	// one whose doubts came to nothing.
	doubtAgain = 10 * time.Minute
)

// replayed reports whether a round told again what was known, as what stands in for
// Graph may: it has no memory of what it told. It needs f.mu.
func (f *Folder) replayed(c *changes, start uint64, now time.Time) bool {
	old := 0
	for id, row := range c.rows {
		uid := f.byID[id]
		if uid == 0 || c.removed[id] || f.overtaken(id, start) || now.Sub(f.own[id]) < echoFor {
			continue
		}
		if f.snap.Row(uid).agrees(row) {
			old++
		}
	}
	return old >= replayLeast && 2*old > len(f.byID)
}

// settled reports whether the row for which a message was to be looked at again
// says no more than the index by now: it was the echo of an order that was not
// booked yet. It needs f.mu.
func (f *Folder) settled(id MessageID) bool {
	row, uid := f.recheck[id], f.byID[id]
	return row != nil && uid != 0 && f.snap.Row(uid).agrees(*row)
}

func (f *Folder) mustRecheck(id MessageID) bool {
	_, must := f.recheck[id]
	return must
}

// agrees reports whether a delta row says nothing that the index row does not.
func (r *Row) agrees(c Change) bool {
	switch {
	case c.Read != nil && *c.Read != (r.Flags&FlagSeen != 0),
		c.Flagged != nil && *c.Flagged != (r.Flags&FlagFlagged != 0),
		c.Draft != nil && *c.Draft != (r.Flags&FlagUnsent != 0),
		c.Categories != nil && !slices.Equal(*c.Categories, r.Categories):
		return false
	}
	return true
}

// sweep forgets what only rounds older than start could need.
func (f *Folder) sweep(start uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, g := range f.touched {
		if g <= start {
			delete(f.touched, id)
		}
	}
	for id, at := range f.own {
		if time.Since(at) > echoFor {
			delete(f.own, id)
		}
	}
}
