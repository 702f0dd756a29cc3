package bridge

import (
	"context"
	"fmt"
	"slices"
)

// FlagOp is what STORE does with the flags it names.
type FlagOp int

// The three forms of STORE (RFC 3501 §6.4.6).
const (
	FlagsReplace FlagOp = iota
	FlagsAdd
	FlagsRemove
)

// flagChange is what SetFlags plans for one message.
type flagChange struct {
	uid    uint32
	id     MessageID
	before Row
	want   Row
	update FlagUpdate
	ours   bool // the index alone holds what changes
}

// SetFlags changes flags of messages and returns when the service has taken
// it and the index holds it; later snapshots show it, those of many messages part
// by part. What the service cannot be told (\Deleted, \Draft) the index alone holds.
// failed lists the UIDs that did not change, err the first reason.
func (f *Folder) SetFlags(ctx context.Context, uids []uint32, op FlagOp, flags Flags, keywords []string, progress Progress) (failed []uint32, err error) {
	if err := f.load(ctx); err != nil {
		return uids, err
	}
	needed := func(row *Row) bool {
		_, needed := planFlags(row, op, flags, keywords)
		return needed
	}
	all := f.byParts(ctx, "set flags in folder "+f.Name(), uids, needed, progress, func(rows []*Row) (o outcome, err error) {
		plan := make([]flagChange, len(rows))
		for i, row := range rows {
			plan[i], _ = planFlags(row, op, flags, keywords)
		}
		var done []flagChange
		for i, err := range f.tellFlags(ctx, plan) {
			if c := plan[i]; err == nil {
				done = append(done, c)
			} else {
				o.fail(c.uid, fmt.Errorf("message %d: %w", c.uid, err))
			}
		}
		if len(done) > 0 {
			err = f.commitFlags(context.WithoutCancel(ctx), done)
		}
		return o, err
	})
	return all.failed, all.err
}

// planFlags computes the row after op and what the service has to be told.
func planFlags(row *Row, op FlagOp, flags Flags, keywords []string) (flagChange, bool) {
	c := flagChange{uid: row.UID, id: row.ID, before: *row, want: *row, update: FlagUpdate{ID: row.ID}}
	flags &^= FlagUnsent
	cats, forwarded := applyKeywords(row.Categories, op, keywords)
	switch forwarded {
	case 1:
		flags |= FlagForwarded
	case -1:
		if op == FlagsRemove {
			flags |= FlagForwarded
		}
	}
	switch op {
	case FlagsReplace:
		c.want.Flags = flags | row.Flags&FlagUnsent
	case FlagsAdd:
		c.want.Flags |= flags
	case FlagsRemove:
		c.want.Flags &^= flags
	}
	c.want.Categories = clip(cats)
	changed := c.want.Flags ^ row.Flags
	if changed&FlagSeen != 0 {
		c.update.Read = ptr(c.want.Flags&FlagSeen != 0)
	}
	if changed&FlagFlagged != 0 {
		c.update.Flagged = ptr(c.want.Flags&FlagFlagged != 0)
	}
	if changed&(FlagAnswered|FlagForwarded) != 0 {
		c.update.Verb = ptr(verbOf(changed&c.want.Flags, c.want.Flags))
	}
	same := slices.Equal(c.want.Categories, row.Categories)
	if !same {
		cats := slices.Clone(c.want.Categories)
		if cats == nil {
			cats = []string{}
		}
		c.update.Categories = &cats
	}
	c.ours = c.update == FlagUpdate{ID: row.ID}
	return c, changed != 0 || !same
}

// verbOf picks the one verb that the service can hold: the one just set, else
// one that remains.
func verbOf(added, now Flags) Verb {
	for _, have := range []Flags{added, now} {
		switch {
		case have&FlagAnswered != 0:
			return VerbReply
		case have&FlagForwarded != 0:
			return VerbForward
		}
	}
	return VerbNone
}

func ptr[T any](v T) *T { return &v }

// tellFlags sends the service's part of a plan; one result an entry.
func (f *Folder) tellFlags(ctx context.Context, plan []flagChange) []error {
	results := make([]error, len(plan))
	var updates []FlagUpdate
	var at []int
	var ids []MessageID
	for i, c := range plan {
		if !c.ours {
			updates, at, ids = append(updates, c.update), append(at, i), append(ids, c.id)
		}
	}
	if len(updates) == 0 {
		return results
	}
	f.touch(ids, false)
	for k, err := range f.m.store.SetFlags(ctx, updates) {
		results[at[k]] = err
	}
	f.touch(ids, true)
	return results
}

// commitFlags writes the difference that the order made, on top of whatever a
// round changed meanwhile.
func (f *Folder) commitFlags(ctx context.Context, done []flagChange) error {
	_, err := f.commit(ctx, func(snap *Snapshot) batch {
		var b batch
		for _, c := range done {
			row := snap.Row(c.uid)
			if row == nil {
				continue
			}
			now := *row
			changed := c.want.Flags ^ c.before.Flags
			now.Flags = now.Flags&^changed | c.want.Flags&changed
			if c.update.Categories != nil {
				now.Categories = c.want.Categories
			}
			if now.Flags != row.Flags || !slices.Equal(now.Categories, row.Categories) {
				b.put = append(b.put, Entry{Row: now})
			}
		}
		return b
	})
	return err
}
