package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"mail2graph/bridge"
)

// number returns a folder's number and the mod-sequence up to which expunged
// UIDs are forgotten; 0 for an unknown folder.
func (x *Index) number(ctx context.Context, id bridge.FolderID) (num int64, forgotten uint64, err error) {
	var f int64
	err = x.get.folder.QueryRowContext(ctx, string(id)).Scan(&num, &f)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	return num, uint64(f), err
}

// Rows implements bridge.Index. It is one consistent picture, held open while
// yield runs: yield should not wait for others.
func (x *Index) Rows(ctx context.Context, folder bridge.FolderID, yield func(bridge.Row) error) error {
	defer x.use()()
	if err := x.rows(ctx, folder, yield); err != nil {
		return fmt.Errorf("index: rows of folder %s: %w", folder, x.translate(err))
	}
	return nil
}

func (x *Index) rows(ctx context.Context, folder bridge.FolderID, yield func(bridge.Row) error) error {
	num, _, err := x.number(ctx, folder)
	if err != nil || num == 0 {
		return err
	}
	// The context is asked now and then: watching it costs half as much again.
	rows, err := x.get.rows.QueryContext(context.WithoutCancel(ctx), key(num, 0), key(num, math.MaxUint32))
	if err != nil {
		return err
	}
	defer rows.Close()
	known := map[string][]string{"": nil} // most messages share few sets of categories
	for n := 0; rows.Next(); n++ {
		if n%pageSize == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var r bridge.Row
		var k, modseq, flags, received int64
		var id string // scanned as such: a MessageID would go through reflection
		var categories sql.RawBytes
		if err := rows.Scan(&k, &id, &modseq, &flags, &received, &r.Size, &categories, &r.Saved); err != nil {
			return err
		}
		r.UID, r.ID = uint32(k), bridge.MessageID(id)
		r.ModSeq = uint64(modseq)
		r.Flags = bridge.Flags(flags)
		r.SizeExact = flags&exactBit != 0
		r.Received = time.Unix(received, 0).UTC()
		list, ok := known[string(categories)]
		if !ok {
			if list, err = decodeCategories(string(categories)); err != nil {
				return damaged(fmt.Errorf("categories of uid %d: %w", r.UID, err))
			}
			known[string(categories)] = list
		}
		r.Categories = list
		if err := yield(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// pageSize is how many Details are read at a time; it bounds what is in memory.
const pageSize = 512

// Details implements bridge.Index. No query is open while yield runs.
func (x *Index) Details(ctx context.Context, folder bridge.FolderID, uids []uint32, yield func(uint32, *bridge.Detail) error) error {
	defer x.use()()
	if err := x.details(ctx, folder, uids, yield); err != nil {
		return fmt.Errorf("index: details of folder %s: %w", folder, x.translate(err))
	}
	return nil
}

type detailRow struct {
	uid  uint32
	blob string
}

func (x *Index) details(ctx context.Context, folder bridge.FolderID, uids []uint32, yield func(uint32, *bridge.Detail) error) error {
	if len(uids) == 0 {
		return nil
	}
	num, _, err := x.number(ctx, folder)
	if err != nil || num == 0 {
		return err
	}
	// A query that is short is not interrupted: watching the context costs more.
	inner := context.WithoutCancel(ctx)
	var page []detailRow
	for chunk := range slices.Chunk(uids, pageSize) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if page, err = x.detailPage(inner, num, chunk, page[:0]); err != nil {
			return err
		}
		for _, row := range page {
			d, err := decodeDetail(row.blob)
			if err != nil {
				return damaged(fmt.Errorf("details of uid %d: %w", row.uid, err))
			}
			if err := yield(row.uid, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// detailPage reads in the order of uids.
func (x *Index) detailPage(ctx context.Context, num int64, uids []uint32, page []detailRow) ([]detailRow, error) {
	rows, err := x.queryDetails(ctx, num, uids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k int64
		var blob sql.RawBytes
		if err := rows.Scan(&k, &blob); err != nil {
			return nil, err
		}
		for len(uids) > 0 && uids[0] < uint32(k) {
			uids = uids[1:]
		}
		if len(uids) > 0 && uids[0] == uint32(k) {
			page = append(page, detailRow{uint32(k), string(blob)})
		}
	}
	return page, rows.Err()
}

// queryDetails asks for a range where most of it is wanted. Else the keys go as one
// JSON array, since a query for each costs four times as much.
func (x *Index) queryDetails(ctx context.Context, num int64, uids []uint32) (*sql.Rows, error) {
	first, last := uids[0], uids[len(uids)-1]
	if int64(last)-int64(first) < 2*int64(len(uids)) {
		return x.get.detailRange.QueryContext(ctx, key(num, first), key(num, last))
	}
	keys := make([]byte, 0, 16*len(uids))
	for i, uid := range uids {
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		keys = strconv.AppendInt(append(keys, sep), key(num, uid), 10)
	}
	return x.get.details.QueryContext(ctx, string(append(keys, ']')))
}

// Expunged implements bridge.Index. The log of a folder is bounded
// (Options.MaxExpunged): where since is older than what is kept the answer
// would be incomplete, and is an error that wraps bridge.ErrNotFound. RFC 7162
// §3.2.5.1 then has the server compare with the UIDs that the client knows.
func (x *Index) Expunged(ctx context.Context, folder bridge.FolderID, since uint64) ([]bridge.Expunged, error) {
	defer x.use()()
	list, err := x.expunged(ctx, folder, since)
	if err != nil {
		return nil, fmt.Errorf("index: expunged of folder %s since %d: %w", folder, since, x.translate(err))
	}
	return list, nil
}

func (x *Index) expunged(ctx context.Context, folder bridge.FolderID, since uint64) ([]bridge.Expunged, error) {
	if since > math.MaxInt64 {
		return nil, nil
	}
	num, forgotten, err := x.number(ctx, folder)
	if err != nil || num == 0 {
		return nil, err
	}
	if since < forgotten {
		return nil, fmt.Errorf("known only since %d: %w", forgotten, bridge.ErrNotFound)
	}
	rows, err := x.get.expunged.QueryContext(ctx, num, int64(since))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []bridge.Expunged
	for rows.Next() {
		var e bridge.Expunged
		var modseq int64
		if err := rows.Scan(&e.UID, &modseq); err != nil {
			return nil, err
		}
		e.ModSeq = uint64(modseq)
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b bridge.Expunged) int { return cmp.Compare(a.UID, b.UID) })
	return list, rows.Err()
}
