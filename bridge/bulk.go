package bridge

import (
	"context"
	"errors"
	"fmt"
)

// orderChunk is how many messages of an order go to the service before their
// outcome is booked. Then other sessions see them, a crash does not forget them,
// and memory is bounded. It is a multiple of what a batch holds and of what the
// slots of a mailbox do, so that none of them stays empty.
const orderChunk = 300

// Progress is told how many messages of an order are done with, and of how many.
// It is called by one goroutine, and may be nil.
type Progress func(done, total int)

func (p Progress) tell(done, total int) {
	if p != nil {
		p(done, total)
	}
}

// outcome gathers what an order could not do.
type outcome struct {
	failed []uint32
	err    error
}

// fail counts a message. The error that is kept is the first, except that a
// message which had gone already says nothing about the others.
func (o *outcome) fail(uid uint32, err error) {
	o.failed = append(o.failed, uid)
	o.because(err)
}

func (o *outcome) because(err error) {
	if o.err == nil || errors.Is(o.err, ErrNotFound) && !errors.Is(err, ErrNotFound) {
		o.err = err
	}
}

// hopeless reports whether the rest of an order would fail as the last part
// did, none of which succeeded.
func hopeless(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	var retry *RetryError
	if errors.As(err, &retry) {
		return true
	}
	for _, kind := range []error{ErrUnavailable, ErrCredentials, ErrDenied, ErrNoMailbox, ErrQuota, ErrNoSpace} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// byParts carries out an order on uids, orderChunk messages at a time: part
// does it for the rows the folder still has and pick says yes to, and tells what
// failed. A part of which everything failed ends the order if there is no hope
// for the rest. what is the order's name for errors.
func (f *Folder) byParts(ctx context.Context, what string, uids []uint32, pick func(*Row) bool, progress Progress,
	part func(rows []*Row) (outcome, error)) outcome {
	var all outcome
	for at := 0; at < len(uids); {
		rows, n := f.pick(uids[at:], orderChunk, pick)
		if at += n; len(rows) == 0 {
			break
		}
		release := f.occupy(idsOf(rows))
		o, err := part(rows)
		release()
		if err != nil { // of our own index: what the service did is not booked
			o.failed = uidsOf(rows)
			all.err = nil
			all.because(err)
		} else if o.err != nil {
			all.because(fmt.Errorf("%s: %w", what, o.err))
		}
		all.failed = append(all.failed, o.failed...)
		if err != nil || len(o.failed) == len(rows) && hopeless(ctx, o.err) {
			rest, _ := f.pick(uids[at:], len(uids), pick)
			all.failed = append(all.failed, uidsOf(rest)...)
			return all
		}
		progress.tell(at, len(uids))
	}
	return all
}

// pick returns the first rows of uids, at most most, that pick says yes to, and
// how many uids it took to find them.
func (f *Folder) pick(uids []uint32, most int, pick func(*Row) bool) (rows []*Row, n int) {
	snap := f.Snapshot()
	for ; n < len(uids) && len(rows) < most; n++ {
		if row := snap.Row(uids[n]); row != nil && pick(row) {
			rows = append(rows, row)
		}
	}
	return rows, n
}

func anyRow(*Row) bool { return true }

func uidsOf(rows []*Row) []uint32 {
	uids := make([]uint32, len(rows))
	for i, row := range rows {
		uids[i] = row.UID
	}
	return uids
}

func idsOf(rows []*Row) []MessageID {
	ids := make([]MessageID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids
}
