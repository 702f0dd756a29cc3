package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Folder is one live folder of a Mailbox, shared by all sessions.
//
// Its messages change in one place, commit, which makes a change durable in
// the index before any session sees it. Rounds (sync.go) and orders of clients
// (flags.go, transfer.go, append.go) run at the same time; touched settles who
// is right about a message that both speak of.
type Folder struct {
	m   *Mailbox
	id  FolderID
	log *slog.Logger

	rounds      flights[struct{}, struct{}]
	headerWalks flights[struct{}, struct{}]
	progress    struct{ done, total atomic.Int64 } // of a first sync

	order       orderKeys
	conditional turnstile  // of SetFlagsIf
	commitMu    sync.Mutex // serialises commit and load; guards nothing else

	mu        sync.Mutex // guards the fields below
	state     FolderState
	name      string // IMAP name
	snap      *Snapshot
	byID      map[MessageID]uint32    // nil until loaded
	own       map[MessageID]time.Time // changes of ours whose delta row is to come
	touched   map[MessageID]uint64    // generation of our last change of a message
	gen       uint64
	busy      map[MessageID]int     // orders that are at work on a message
	recheck   map[MessageID]*Change // skipped by a round because of touched: its row, nil for none that tells
	watches   map[*Watch]bool       // true: idle
	gone      bool
	roundEnd  time.Time // of the last successful round
	failures  int       // rounds failed in a row
	syncedAt  time.Time // of the last successful round, whatever came after
	syncErr   error     // of the last round
	nextTry   time.Time // after failures
	nextDoubt time.Time // replayed: not before, may its gaps be looked at
	readTo    uint32    // last UID whose text was opened, for prefetch
	stored    time.Time // when state was last written
	unsaved   bool      // state has a link that the index does not
	newcomers newcomers // filed by orders, and not told of by a round
	safeLink  string    // the link that the index keeps while recheck has messages
	safeTold  uint32    // the ToldUID that belongs to it
}

func newFolder(m *Mailbox, st FolderState) *Folder {
	return &Folder{
		m: m, id: st.ID, log: m.log.With("folder", st.Name), state: st,
		own: map[MessageID]time.Time{}, touched: map[MessageID]uint64{},
		recheck: map[MessageID]*Change{}, busy: map[MessageID]int{}, watches: map[*Watch]bool{},
	}
}

// Name returns the folder's present IMAP name.
func (f *Folder) Name() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.name
}

func (f *Folder) setName(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name = name
}

// UIDValidity returns the folder's UIDVALIDITY, which never changes.
func (f *Folder) UIDValidity() uint32 { return f.stateNow().UIDValidity }

// Synced reports whether a first sync was completed, now or in an earlier run,
// and read from the index: Snapshot then tells a state that was true once.
func (f *Folder) Synced() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Synced && f.snap != nil
}

// Gone reports that the folder does not exist any more.
func (f *Folder) Gone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gone
}

// Progress tells how many messages a first sync has seen and how many the
// service announced; both are 0 while none runs.
func (f *Folder) Progress() (done, total int) {
	return int(f.progress.done.Load()), int(f.progress.total.Load())
}

func (f *Folder) stateNow() FolderState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

func (f *Folder) info() FolderInfo { return f.stateNow().FolderInfo }

// describe takes over what the service says of the folder; changed tells
// whether the index must learn of it. Counts alone are not worth a write.
func (f *Folder) describe(info FolderInfo) (st FolderState, changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.state.FolderInfo
	f.state.FolderInfo = info
	old.Total, old.Unread = info.Total, info.Unread
	st = f.state
	if f.safeLink != "" {
		st.DeltaLink, st.ToldUID = f.safeLink, f.safeTold
	}
	return st, old != info
}

func (f *Folder) setGone() {
	f.mu.Lock()
	f.gone = true
	f.signal()
	f.mu.Unlock()
}

// Snapshot returns the current picture; an empty one before the first Sync of this run.
func (f *Folder) Snapshot() *Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.snap == nil {
		return &Snapshot{UIDNext: f.state.UIDNext, ModSeq: f.state.ModSeq}
	}
	return f.snap
}

// UIDs returns all UIDs, ascending.
func (s *Snapshot) UIDs() []uint32 {
	uids := make([]uint32, 0, s.n)
	for _, c := range s.chunks {
		for i := range c.rows {
			uids = append(uids, c.rows[i].UID)
		}
	}
	return uids
}

// load reads the folder's rows from the index, once.
func (f *Folder) load(ctx context.Context) error {
	f.commitMu.Lock()
	defer f.commitMu.Unlock()
	f.mu.Lock()
	loaded, st := f.snap != nil, f.state
	f.mu.Unlock()
	if loaded {
		return nil
	}
	var rows []Row
	if err := f.m.index.Rows(ctx, f.id, func(r Row) error {
		rows = append(rows, r)
		return nil
	}); err != nil {
		return fmt.Errorf("read folder %s from the index: %w", f.Name(), err)
	}
	byID := make(map[MessageID]uint32, len(rows))
	came := newcomers{}
	for i := range rows {
		byID[rows[i].ID] = rows[i].UID
		if rows[i].UID >= st.ToldUID {
			came[rows[i].ID] = newcomer{uid: rows[i].UID}
		}
	}
	snap := new(Snapshot).with(rows, nil, st.UIDNext, st.ModSeq)
	f.mu.Lock()
	f.snap, f.byID, f.newcomers = snap, byID, came
	f.mu.Unlock()
	return nil
}

// batch is what one commit changes. Rows to add get their UID in commit.
type batch struct {
	put   []Entry     // rows that exist, any order
	quiet []Entry     // the same, but no session needs to hear of it (sizes, envelopes)
	add   []Entry     // new messages in order of arrival
	filed bool        // add was filed by an order, rounds have not told of it
	told  []MessageID // by a round
	gone  []uint32    // UIDs
	edit  func(*FolderState)
}

// commit gives new messages their UIDs, makes everything durable, and then
// publishes the new snapshot. build runs with commits locked out, on the state
// that its result is applied to. The UIDs of add come back in its order.
func (f *Folder) commit(ctx context.Context, build func(*Snapshot) batch) ([]uint32, error) {
	f.commitMu.Lock()
	defer f.commitMu.Unlock()
	f.mu.Lock()
	snap, st := f.snap, f.state
	f.mu.Unlock()
	if snap == nil {
		return nil, fmt.Errorf("folder %s is not loaded", f.Name()) // a bug of ours
	}
	b := build(snap)
	before := st
	if b.edit != nil {
		b.edit(&st)
	}
	if len(b.put)+len(b.add)+len(b.gone) > 0 {
		st.ModSeq++
	}
	entries, uids, err := number(&b, &st, time.Now())
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", f.Name(), err)
	}
	slices.Sort(b.gone)
	f.mu.Lock()
	came := f.newcomers.after(&b, uids, time.Now())
	f.mu.Unlock()
	st.ToldUID = came.first(st.UIDNext)
	u := FolderUpdate{State: st, Put: entries}
	u.State.DeltaLink, u.State.ToldUID = f.durableLink(before, st)
	for _, uid := range b.gone {
		u.Expunged = append(u.Expunged, Expunged{UID: uid, ModSeq: st.ModSeq})
	}
	if err := f.m.index.Apply(ctx, u); err != nil {
		return nil, fmt.Errorf("store changes of folder %s: %w", f.Name(), err)
	}
	f.publish(snap, st, entries, b.gone, came, len(b.put)+len(b.add)+len(b.gone) > 0)
	return uids, nil
}

// durableLink returns the link that the index gets, and its ToldUID: those of now, or
// while messages wait to be looked at again those from before their rows came. A process
// that is killed has forgotten whom it meant to look at, and the service would not tell
// again.
func (f *Folder) durableLink(before, now FolderState) (link string, told uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case len(f.recheck) == 0:
		f.safeLink = ""
	case f.safeLink == "":
		f.safeLink, f.safeTold = before.DeltaLink, before.ToldUID // "" of a first walk, which tells of no removals
	}
	if f.safeLink != "" {
		return f.safeLink, min(f.safeTold, now.ToldUID)
	}
	return now.DeltaLink, now.ToldUID
}

// number completes the entries of a batch: UIDs for new ones and when they came,
// the mod-sequence for all that sessions shall notice, ascending order.
func number(b *batch, st *FolderState, now time.Time) (entries []Entry, uids []uint32, err error) {
	for _, e := range b.put {
		e.ModSeq = st.ModSeq
		entries = append(entries, e)
	}
	entries = append(entries, b.quiet...)
	slices.SortStableFunc(entries, func(a, b Entry) int { return int(int64(a.UID) - int64(b.UID)) })
	for _, e := range b.add {
		if st.UIDNext == 1<<32-1 {
			return nil, nil, fmt.Errorf("no UIDs left")
		}
		e.UID, e.ModSeq, e.Saved = st.UIDNext, st.ModSeq, now.Unix()
		st.UIDNext++
		entries = append(entries, e)
		uids = append(uids, e.UID)
	}
	return entries, uids, nil
}

func (f *Folder) publish(snap *Snapshot, st FolderState, entries []Entry, gone []uint32, came newcomers, loud bool) {
	rows := make([]Row, len(entries))
	var described []uint32 // anew
	for i := range entries {
		rows[i] = entries[i].Row
		if entries[i].Detail != nil && entries[i].UID < snap.UIDNext {
			described = append(described, entries[i].UID)
		}
	}
	f.order.forget(described)
	next := snap.with(rows, gone, st.UIDNext, st.ModSeq)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uid := range gone {
		if r := snap.Row(uid); r != nil && f.byID[r.ID] == uid {
			delete(f.byID, r.ID)
		}
	}
	for i := range rows {
		f.byID[rows[i].ID] = rows[i].UID
	}
	// The description may have changed meanwhile, and is not commit's to set.
	st.FolderInfo = f.state.FolderInfo
	f.state, f.snap, f.newcomers = st, next, came
	f.stored, f.unsaved = time.Now(), false
	if loud {
		f.signal()
	}
}

// signal tells every watch that something changed; it needs f.mu.
func (f *Folder) signal() {
	for w := range f.watches {
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
}

// lookup returns the UID of a message, 0 if the folder does not have it.
func (f *Folder) lookup(id MessageID) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byID[id]
}

// touch marks messages as changed by an order of ours: a round that began
// before must not take back what the order did. With done, delta rows for them
// are to be expected.
func (f *Folder) touch(ids []MessageID, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gen++
	for _, id := range ids {
		f.touched[id] = f.gen
		if done {
			f.own[id] = time.Now()
		}
	}
}

// occupy marks messages as being worked on, from before the service is asked until
// the outcome is booked: what a round sees of them meanwhile is likely the work itself.
func (f *Folder) occupy(ids []MessageID) (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.busy[id]++
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, id := range ids {
			if f.busy[id]--; f.busy[id] == 0 {
				delete(f.busy, id)
			}
		}
	}
}

// overtaken reports whether an order has touched a message since generation start,
// or is about to. It needs f.mu.
func (f *Folder) overtaken(id MessageID, start uint64) bool {
	return f.touched[id] > start || f.busy[id] > 0
}

// Watch is one session's interest in a folder. Several signals become one.
type Watch struct {
	C <-chan struct{} // receives after a change; look at Folder.Snapshot then
	c chan struct{}
	f *Folder
}

// Watch asks for signals about new snapshots and about the folder's end until
// Close; with idle, also for polls every few seconds.
func (f *Folder) Watch(idle bool) *Watch {
	c := make(chan struct{}, 1)
	w := &Watch{C: c, c: c, f: f}
	w.SetIdle(idle)
	return w
}

// SetIdle switches the frequent polls on or off.
func (w *Watch) SetIdle(on bool) {
	w.f.mu.Lock()
	w.f.watches[w] = on
	w.f.mu.Unlock()
	w.f.m.poke()
}

// Close ends the interest.
func (w *Watch) Close() {
	w.f.mu.Lock()
	delete(w.f.watches, w)
	w.f.mu.Unlock()
}

// nextPoll says when the folder wants its next round; want is false for
// folders that nobody looks at.
func (f *Folder) nextPoll(now time.Time) (due time.Time, want bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	interval := f.interval()
	if f.gone || interval == 0 {
		return time.Time{}, false
	}
	due = f.roundEnd.Add(interval)
	if f.failures > 0 && f.nextTry.After(due) {
		due = f.nextTry
	}
	return due, true
}

// interval is the time between polls, 0 if there are none; the caller holds mu.
func (f *Folder) interval() time.Duration {
	interval := time.Duration(0)
	if f.state.Role == RoleInbox || len(f.watches) > 0 {
		interval = f.m.opts.Poll
	}
	for _, idle := range f.watches {
		if idle {
			interval = f.m.opts.IdlePoll
		}
	}
	return interval
}

// ClaimRecent returns the first UID that no session was told of yet: it and all
// above are \Recent for the caller alone (RFC 3501 §2.3.2). With peek they stay
// recent for the next session (EXAMINE, STATUS).
func (f *Folder) ClaimRecent(ctx context.Context, upTo *Snapshot, peek bool) (firstUID uint32, err error) {
	f.mu.Lock()
	from := f.state.RecentUID + 1
	f.mu.Unlock()
	if peek || upTo.UIDNext <= from {
		return from, nil
	}
	_, err = f.commit(ctx, func(*Snapshot) batch {
		return batch{edit: func(st *FolderState) {
			from = st.RecentUID + 1
			st.RecentUID = max(st.RecentUID, upTo.UIDNext-1)
		}}
	})
	return from, err
}
