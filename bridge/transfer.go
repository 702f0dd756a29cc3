package bridge

import (
	"context"
	"fmt"
)

// Expunge removes those of uids that are marked \Deleted, after the operator's
// policy. failed lists the UIDs that stay, err the first reason.
func (f *Folder) Expunge(ctx context.Context, uids []uint32, progress Progress) (failed []uint32, err error) {
	if err := f.load(ctx); err != nil {
		return uids, err
	}
	marked := func(row *Row) bool { return row.Flags&FlagDeleted != 0 }
	all := f.byParts(ctx, "expunge folder "+f.Name(), uids, marked, progress, func(rows []*Row) (o outcome, err error) {
		ids := idsOf(rows)
		results, err := f.dispose(ctx, ids)
		if err != nil {
			for _, row := range rows {
				o.fail(row.UID, err)
			}
			return o, nil
		}
		var gone []uint32
		for i, row := range rows {
			if results[i] == nil {
				gone = append(gone, row.UID)
			} else {
				o.fail(row.UID, fmt.Errorf("message %d: %w", row.UID, results[i]))
			}
		}
		return o, f.drop(context.WithoutCancel(ctx), gone, ids)
	})
	return all.failed, all.err
}

// dispose removes messages by the operator's policy; one result an id. What was
// gone already counts as removed.
func (f *Folder) dispose(ctx context.Context, ids []MessageID) ([]error, error) {
	results := make([]error, len(ids))
	policy := f.m.opts.Expunge
	if policy == ExpungeTrash {
		trash, err := f.m.byRole(ctx, RoleTrash)
		if err != nil {
			return nil, fmt.Errorf("expunge into Deleted Items: %w", err)
		}
		if trash != f {
			f.touch(ids, false)
			for i, r := range f.m.store.Move(ctx, ids, trash.id) {
				if !gone(r.Err) {
					results[i] = r.Err
				}
			}
			return results, nil
		}
		// In Deleted Items itself there is only recoverable deletion left.
		policy = ExpungeDelete
	}
	how := DisposeDelete
	if policy == ExpungePermanent {
		how = DisposePermanent
	}
	f.touch(ids, false)
	copy(results, f.m.store.Delete(ctx, ids, how))
	return results, nil
}

// drop takes messages out of the folder's index. ids were touched by the order.
func (f *Folder) drop(ctx context.Context, uids []uint32, ids []MessageID) error {
	f.touch(ids, false)
	if len(uids) == 0 {
		return nil
	}
	_, err := f.commit(ctx, func(snap *Snapshot) batch {
		var b batch
		for _, uid := range uids {
			if snap.Row(uid) != nil { // a round may have been quicker
				b.gone = append(b.gone, uid)
			}
		}
		return b
	})
	return err
}

// UIDPair says which UID became which. To is 0 where the new one is not known: the
// service did as it was told, and said not under which id.
type UIDPair struct{ From, To uint32 }

// Transfer copies or moves messages into dest in the order of uids. It returns
// the pairs of those done, and the first reason why others were not. dest is
// read first if it never was, so that its UIDs keep the order of arrival. A copy
// is made of all messages that are still there or, as far as the copies can be
// taken back, of none (RFC 3501 §6.4.7).
func (f *Folder) Transfer(ctx context.Context, uids []uint32, dest *Folder, move bool, progress Progress) ([]UIDPair, error) {
	if err := f.load(ctx); err != nil {
		return nil, err
	}
	if err := dest.ensureSynced(ctx); err != nil {
		return nil, fmt.Errorf("target folder %s: %w", dest.Name(), err)
	}
	if move && dest == f {
		rows, _ := f.pick(uids, len(uids), anyRow)
		return f.renumber(ctx, rows)
	}
	if dest.m != f.m {
		rows, _ := f.pick(uids, len(uids), anyRow)
		return f.carry(ctx, rows, dest, move, progress)
	}
	verb, order := "copy", f.m.store.Copy
	if move {
		verb, order = "move", f.m.store.Move
	}
	var pairs []UIDPair
	if dest.info().Role == RoleSent && dest != f {
		var err error
		if pairs, uids, err = f.intoSent(ctx, uids, dest, move); err != nil {
			return pairs, err
		}
	}
	known := len(pairs) // they are no copies that could be taken back
	all := f.byParts(ctx, verb+" from folder "+f.Name()+" to "+dest.Name(), uids, anyRow, progress, func(rows []*Row) (outcome, error) {
		ids := idsOf(rows)
		f.touch(ids, false)
		defer dest.occupy(ids)() // a move shows there at once
		next := dest.stateNow().UIDNext
		results := order(ctx, ids, dest.id)
		// The service has done it: what follows must happen even if the client went.
		done, o, err := f.book(context.WithoutCancel(ctx), dest, rows, results, move, next)
		pairs = append(pairs, done...)
		return o, err
	})
	if !move && all.err != nil && !gone(all.err) {
		var copies []uint32
		for _, p := range pairs[known:] {
			if p.To != 0 {
				copies = append(copies, p.To)
			}
		}
		return nil, dest.takeBack(ctx, copies, all.err)
	}
	return pairs, all.err
}

// book enters the outcome of a transfer into both folders' index; next was dest's
// UIDNEXT before it. A copy whose answer was lost was made if it shows there.
func (f *Folder) book(ctx context.Context, dest *Folder, rows []*Row, results []Relocated, move bool, next uint32) (pairs []UIDPair, o outcome, err error) {
	var done, untold []*Row
	var newIDs []MessageID
	doubts := map[uint32]error{}
	for i, r := range results {
		maybe, said := false, false
		if r.Err != nil {
			maybe, said = mayHaveHappened(r.Err)
		}
		switch {
		case maybe && said && !move:
			doubts[rows[i].UID] = r.Err
			untold = append(untold, rows[i])
		case r.Err != nil:
			o.fail(rows[i].UID, fmt.Errorf("message %d: %w", rows[i].UID, r.Err))
		case r.ID == "":
			untold = append(untold, rows[i])
		default:
			done, newIDs = append(done, rows[i]), append(newIDs, r.ID)
		}
	}
	if len(done)+len(untold) == 0 {
		return nil, o, nil
	}
	details, err := f.details(ctx, uidsOf(untold)) // while they are here
	if err != nil {
		return nil, o, err
	}
	uids, err := dest.adopt(ctx, f, done, newIDs)
	if err != nil {
		return nil, o, err
	}
	var from []uint32
	var ids []MessageID
	for i, row := range done {
		pairs = append(pairs, UIDPair{From: row.UID, To: uids[i]})
		from, ids = append(from, row.UID), append(ids, row.ID)
		if row.ID != newIDs[i] {
			f.m.copyText(row.ID, newIDs[i])
		}
	}
	for _, row := range untold {
		from, ids = append(from, row.UID), append(ids, row.ID)
	}
	if move {
		err = f.drop(ctx, from, ids)
	}
	for _, p := range dest.arrivals(ctx, untold, details, next) {
		if doubt := doubts[p.From]; p.To == 0 && doubt != nil {
			o.fail(p.From, fmt.Errorf("message %d: %w", p.From, doubt))
		} else {
			pairs = append(pairs, p)
		}
	}
	return pairs, o, err
}

// adopt gives messages that came from another folder their UIDs here. A round
// may have seen them arrive already: then they keep the UID they got.
func (f *Folder) adopt(ctx context.Context, src *Folder, rows []*Row, ids []MessageID) ([]uint32, error) {
	f.touch(ids, true)
	uids := make([]uint32, len(rows))
	from := make([]uint32, len(rows))
	for i, row := range rows {
		from[i] = row.UID
	}
	details, err := src.details(ctx, from)
	if err != nil {
		return nil, err
	}
	var at []int
	fresh, err := f.commit(ctx, func(snap *Snapshot) batch {
		var b batch
		at = at[:0]
		for i, row := range rows {
			if uid := f.lookup(ids[i]); uid != 0 {
				uids[i] = uid
				continue
			}
			e := Entry{Row: *row, Detail: details[row.UID]}
			e.ID = ids[i]
			b.add = append(b.add, e)
			at = append(at, i)
		}
		b.filed = true
		return b
	})
	if err != nil {
		return nil, err
	}
	for k, uid := range fresh {
		uids[at[k]] = uid
	}
	return uids, nil
}

// renumber is a move of messages into the folder they are in: the service does
// not move, the messages get new UIDs (RFC 6851 §3.3).
func (f *Folder) renumber(ctx context.Context, rows []*Row) ([]UIDPair, error) {
	from := make([]uint32, len(rows))
	for i, row := range rows {
		from[i] = row.UID
	}
	details, err := f.details(ctx, from)
	if err != nil {
		return nil, err
	}
	var old []uint32
	fresh, err := f.commit(ctx, func(snap *Snapshot) batch {
		var b batch
		old = old[:0]
		for _, row := range rows {
			if now := snap.Row(row.UID); now != nil {
				b.gone = append(b.gone, row.UID)
				b.add = append(b.add, Entry{Row: *now, Detail: details[row.UID]})
				old = append(old, row.UID)
			}
		}
		return b
	})
	if err != nil {
		return nil, err
	}
	pairs := make([]UIDPair, len(fresh))
	for i := range fresh {
		pairs[i] = UIDPair{From: old[i], To: fresh[i]}
	}
	return pairs, nil
}

// details reads the details of uids (any order) into a map.
func (f *Folder) details(ctx context.Context, uids []uint32) (map[uint32]*Detail, error) {
	sorted := sortedUIDs(uids)
	out := make(map[uint32]*Detail, len(uids))
	err := f.m.index.Details(ctx, f.id, sorted, func(uid uint32, d *Detail) error {
		out[uid] = d
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("details of folder %s: %w", f.Name(), err)
	}
	return out, nil
}
