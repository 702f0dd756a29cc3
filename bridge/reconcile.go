package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// reconciler compares what the service says of messages with what the index
// has, for one round.
type reconciler struct {
	f      *Folder
	start  uint64                    // f.gen when the round began
	infos  map[MessageID]MessageInfo // asked for by id
	asked  map[MessageID]bool
	prints map[MessageID]string // fingerprints of known drafts
	texts  []MessageID          // whose cached text is out of date
	left   int                  // messages that went
}

// draftDetails reads the fingerprints of the drafts that were asked for.
func (r *reconciler) draftDetails(ctx context.Context) error {
	var uids []uint32
	ids := map[uint32]MessageID{}
	for id, info := range r.infos {
		if uid := r.f.lookup(id); info.Draft && uid != 0 {
			uids = append(uids, uid)
			ids[uid] = id
		}
	}
	if len(uids) == 0 {
		return nil
	}
	slices.Sort(uids)
	r.prints = map[MessageID]string{}
	err := r.f.m.index.Details(ctx, r.f.id, uids, func(uid uint32, d *Detail) error {
		r.prints[ids[uid]] = d.Fingerprint
		return nil
	})
	if err != nil {
		return fmt.Errorf("drafts of folder %s: %w", r.f.Name(), err)
	}
	return nil
}

// build decides about every message of the round. It runs inside commit.
func (r *reconciler) build(snap *Snapshot, c *changes) batch {
	var b batch
	var added []MessageInfo
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := slices.Clone(c.ids)
	for id := range r.asked {
		if _, ok := c.rows[id]; !ok && !c.removed[id] {
			ids = append(ids, id) // rechecked
		}
	}
	for _, id := range ids {
		uid, known := f.byID[id]
		if f.overtaken(id, r.start) {
			f.recheck[id] = nil // an order of ours is newer than this round
			if row, told := c.rows[id]; told && !c.removed[id] && !r.asked[id] {
				f.recheck[id] = &row
			}
			continue
		}
		if !r.asked[id] && (!known || c.removed[id]) {
			f.recheck[id] = nil // it was, when this round asked, and the order failed meanwhile
			continue
		}
		delete(f.recheck, id)
		info, found := r.infos[id]
		here := found && f.mayHold(info, c.removed[id])
		switch {
		case r.asked[id] && !here:
			if known {
				b.gone = append(b.gone, uid)
				r.left++
			}
		case r.asked[id] && !known:
			added = append(added, info)
		case r.asked[id] && r.rewritten(info):
			// RFC 3501 §2.3.1.1: other content is another message.
			b.gone = append(b.gone, uid)
			added = append(added, info)
			r.texts = append(r.texts, id)
		case known && r.asked[id]:
			r.update(&b, *snap.Row(uid), withInfo(*snap.Row(uid), info))
		case known:
			r.update(&b, *snap.Row(uid), withChange(*snap.Row(uid), c.rows[id]))
		}
	}
	b.add = entries(added)
	b.told = slices.Clone(c.ids)
	for _, id := range f.newcomers.overdue(time.Now()) {
		if r.asked[id] {
			b.told = append(b.told, id)
		}
	}
	return b
}

// mayHold reports whether a message that was looked up is in the folder. Where the
// service does not tell in which one it is, the round is believed, removed or not.
func (f *Folder) mayHold(info MessageInfo, removed bool) bool {
	return info.Folder == f.id || info.Folder == "" && !removed
}

// rewritten reports whether a draft that we have was saved anew.
func (r *reconciler) rewritten(info MessageInfo) bool {
	old, ok := r.prints[info.ID]
	return ok && old != "" && old != fingerprint(info)
}

func (r *reconciler) update(b *batch, old, now Row) {
	if !sameRow(&old, &now) {
		b.put = append(b.put, Entry{Row: now})
	}
}

// sameRow reports whether two rows of a message show the same.
func sameRow(a, b *Row) bool {
	return a.Flags == b.Flags && slices.Equal(a.Categories, b.Categories)
}

// forgetTexts drops cached text that belongs to an older content.
func (r *reconciler) forgetTexts() {
	for _, id := range r.texts {
		r.f.m.dropText(id)
	}
}

// withInfo is the row after a look at the whole message. \Deleted, and
// \Answered beside a later forward, are ours alone.
func withInfo(r Row, info MessageInfo) Row {
	r.Flags = set(r.Flags, FlagSeen, info.Read)
	r.Flags = set(r.Flags, FlagFlagged, info.Flagged)
	r.Flags = withDraft(r.Flags, info.Draft)
	switch info.Verb {
	case VerbReply:
		r.Flags |= FlagAnswered
	case VerbForward:
		r.Flags |= FlagForwarded
	case VerbNone:
		r.Flags &^= FlagAnswered | FlagForwarded
	}
	r.Categories = clip(info.Categories)
	return r
}

// withChange is the row after a delta row, which may be partial.
func withChange(r Row, c Change) Row {
	if c.Read != nil {
		r.Flags = set(r.Flags, FlagSeen, *c.Read)
	}
	if c.Flagged != nil {
		r.Flags = set(r.Flags, FlagFlagged, *c.Flagged)
	}
	if c.Draft != nil {
		r.Flags = withDraft(r.Flags, *c.Draft)
	}
	if c.Categories != nil {
		r.Categories = clip(*c.Categories)
	}
	return r
}

// withDraft takes over the service's word when it is a new one: a client's \Draft
// stays as long as the service says the same as before.
func withDraft(have Flags, draft bool) Flags {
	if draft == (have&FlagUnsent != 0) {
		return have
	}
	return set(have, FlagDraft|FlagUnsent, draft)
}

func set(have, bit Flags, on bool) Flags {
	if on {
		return have | bit
	}
	return have &^ bit
}

// clip makes a list safe to share: nil if empty, no room behind.
func clip(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}

// entries makes index entries of new messages, in order of arrival; the article
// number breaks ties of the whole-second times (graph-reference §8.1).
func entries(infos []MessageInfo) []Entry {
	slices.SortFunc(infos, func(a, b MessageInfo) int {
		if c := a.Received.Compare(b.Received); c != 0 {
			return c
		}
		if a.ArticleNumber != b.ArticleNumber {
			return int(a.ArticleNumber - b.ArticleNumber)
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	es := make([]Entry, len(infos))
	for i, info := range infos {
		es[i] = entryOf(info)
	}
	return es
}

func entryOf(info MessageInfo) Entry {
	return Entry{
		Row:    withInfo(Row{ID: info.ID, Received: info.Received, Size: estimateSize(info.StoreSize)}, info),
		Detail: detailOf(info),
	}
}

// estimateSize guesses RFC822.SIZE from the size in the store so that it does
// not fall short: base64 with line ends makes attachments 1.37 times as large,
// and the header is not counted in the store as it is written out. Assumed: the
// service's size counts at least the octets of attachments and of the text.
func estimateSize(store int64) int64 {
	if store <= 0 {
		return 16 << 10
	}
	return store + store/2 + 4096
}
