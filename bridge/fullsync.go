package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// walkDone is the place of a listing that has come to its end.
const walkDone = "done"

// entriesAtOnce is how many messages of a first sync one commit enters.
const entriesAtOnce = 2000

// firstSync reads a whole folder: a delta walk for its link and a listing for
// what delta cannot carry, at the same time; then one delta round for what
// happened meanwhile (graph-reference §6.4).
//
// The pages of the listing are staged in the index, each with the place of the
// next one: after an interruption the listing goes on where it was, and the walk
// of ids, a tenth of the work, is made anew and tells what changed meanwhile.
func (f *Folder) firstSync(ctx context.Context) error {
	f.progress.done.Store(0)
	f.progress.total.Store(int64(f.info().Total))
	defer f.progress.done.Store(0)
	defer f.progress.total.Store(0)
	begun := time.Now()
	w := &firstWalk{f: f, listed: map[MessageID]bool{}}
	if err := w.resume(ctx); err != nil {
		return err
	}
	if err := w.walk(ctx); err != nil {
		return fmt.Errorf("read folder %s: %w", f.Name(), err)
	}
	if err := w.enter(ctx); err != nil {
		return err
	}
	if err := f.m.index.Unstage(ctx, f.id); err != nil {
		return fmt.Errorf("first sync of folder %s: %w", f.Name(), err)
	}
	f.log.Info("folder read", "messages", f.Snapshot().Len(), "resumed", len(w.older), "took", time.Since(begun).Round(time.Millisecond))
	return f.closingRound(ctx, w.link)
}

// firstWalk is a first sync at work.
type firstWalk struct {
	f      *Folder
	place  string             // of the listing
	listed map[MessageID]bool // is staged
	older  map[MessageID]bool // of these, by an earlier run
	seen   *changes           // of the delta walk
	link   string             // of the next delta round
}

// resume learns what an earlier run has staged.
func (w *firstWalk) resume(ctx context.Context) (err error) {
	w.older = map[MessageID]bool{}
	w.place, err = w.f.m.index.Staged(ctx, w.f.id, func(s Staged) error {
		w.older[s.ID], w.listed[s.ID] = true, true
		return nil
	})
	if err == nil && len(w.older) > 0 {
		w.f.log.Info("first sync goes on", "messages", len(w.older))
	}
	return err
}

// walk runs the delta walk and the listing side by side. What one of them alone
// saw is asked for by id.
func (w *firstWalk) walk(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var listErr error
	wg.Go(func() {
		if listErr = w.list(ctx); listErr != nil {
			cancel()
		}
	})
	var err error
	w.seen, w.link, err = w.f.walkDelta(ctx)
	if err != nil {
		cancel()
	}
	wg.Wait()
	if err = walkError(listErr, err); err != nil {
		return err
	}
	var ask []MessageID
	for _, id := range w.seen.ids {
		if !w.listed[id] { // the listing missed it while its pages shifted
			ask = append(ask, id)
		}
	}
	for id := range w.older {
		if _, seen := w.seen.rows[id]; !seen { // it went since it was staged, or so it seems
			ask = append(ask, id)
			delete(w.listed, id)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	infos, err := w.f.m.store.Messages(ctx, ask)
	if err != nil {
		return err
	}
	return w.stage(ctx, infos, walkDone)
}

// list walks the listing from its place. A place that the service does not know
// any more means to begin anew.
func (w *firstWalk) list(ctx context.Context) error {
	if w.place == walkDone {
		return nil
	}
	page := func(infos []MessageInfo, next string) error {
		if next == "" {
			next = walkDone
		}
		return w.stage(ctx, infos, next)
	}
	err := w.f.m.store.ListFrom(ctx, w.f.id, w.place, page)
	if errors.Is(err, ErrResync) && w.place != "" {
		w.f.log.Info("the listing cannot be taken up again, it begins anew")
		err = w.f.m.store.ListFrom(ctx, w.f.id, "", page)
	}
	return err
}

// stage keeps a page.
func (w *firstWalk) stage(ctx context.Context, infos []MessageInfo, place string) error {
	page := make([]Staged, 0, len(infos))
	for _, info := range infos {
		if w.f.mayHold(info, false) { // else a full check finds out
			page = append(page, Staged{Entry: entryOf(info), Article: info.ArticleNumber})
			w.listed[info.ID] = true
			delete(w.older, info.ID)
		}
	}
	w.f.progress.done.Store(int64(len(w.listed)))
	return w.f.m.index.Stage(ctx, w.f.id, page, place)
}

// enter gives the staged messages their UIDs, in order of arrival and some at a
// time, and takes out what an interrupted run entered and the service no longer has.
func (w *firstWalk) enter(ctx context.Context) error {
	f := w.f
	var some []Entry
	flush := func() error {
		_, err := f.commit(ctx, func(snap *Snapshot) batch { return w.batch(snap, some) })
		some = some[:0]
		return err
	}
	_, err := f.m.index.Staged(ctx, f.id, func(s Staged) error {
		if !w.listed[s.ID] {
			return nil
		}
		if row, ok := w.seen.rows[s.ID]; ok && w.older[s.ID] {
			s.Row = withChange(s.Row, row)
		}
		if some = append(some, s.Entry); len(some) < entriesAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("first sync of folder %s: %w", f.Name(), err)
	}
	_, err = f.commit(ctx, func(*Snapshot) batch {
		b := batch{edit: func(st *FolderState) { st.DeltaLink = w.link }}
		f.mu.Lock()
		defer f.mu.Unlock()
		for id, uid := range f.byID {
			if !w.listed[id] && f.touched[id] == 0 {
				b.gone = append(b.gone, uid)
			}
		}
		return b
	})
	return err
}

// batch enters messages. An order of ours may have put one there before the first
// sync, or an interrupted run: then it has its UID.
func (w *firstWalk) batch(snap *Snapshot, some []Entry) (b batch) {
	f := w.f
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range some {
		uid, known := f.byID[e.ID]
		if !known {
			b.add = append(b.add, e)
		} else if f.touched[e.ID] == 0 {
			row := *snap.Row(uid)
			keep := FlagDeleted
			if (e.Flags^row.Flags)&FlagUnsent == 0 {
				keep |= FlagDraft
				e.Flags &^= FlagDraft
			}
			if e.Flags&(FlagAnswered|FlagForwarded) != 0 {
				keep |= FlagAnswered | FlagForwarded // the service holds the last of the two
			}
			row.Flags, row.Categories = e.Flags|row.Flags&keep, e.Categories
			if !sameRow(snap.Row(uid), &row) {
				b.put = append(b.put, Entry{Row: row})
			}
		}
	}
	return b
}
