package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"mail2graph/bridge"
)

// maxFolder keeps a folder's number and a UID within one positive integer.
const maxFolder = math.MaxInt32

// key is where a message lies in the tables.
func key(folder int64, uid uint32) int64 { return folder<<32 | int64(uid) }

// Folders implements bridge.Index.
func (x *Index) Folders(ctx context.Context) ([]bridge.FolderState, error) {
	defer x.use()()
	list, err := x.folders(ctx)
	if err != nil {
		return nil, fmt.Errorf("index: folders: %w", x.translate(err))
	}
	return list, nil
}

func (x *Index) folders(ctx context.Context) ([]bridge.FolderState, error) {
	rows, err := x.get.folders.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []bridge.FolderState
	for rows.Next() {
		var s bridge.FolderState
		var modseq, fullcheck int64
		if err := rows.Scan(&s.ID, &s.Parent, &s.Name, &s.Role, &s.Total, &s.Unread, &s.UIDValidity, &s.UIDNext,
			&modseq, &s.RecentUID, &s.DeltaLink, &s.Synced, &fullcheck, &s.ToldUID); err != nil {
			return nil, err
		}
		s.ModSeq = uint64(modseq)
		s.FullCheck = time.Unix(fullcheck, 0).UTC()
		list = append(list, s)
	}
	return list, rows.Err()
}

// NewUIDValidity implements bridge.Index. A clock that was set back does not
// matter while the file lives: the value always rises.
func (x *Index) NewUIDValidity(ctx context.Context) (uint32, error) {
	var v int64
	err := x.update(ctx, "new uidvalidity", func(ctx context.Context, tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `INSERT INTO counter (name, value) VALUES ('uidvalidity', max(?, 1))
			ON CONFLICT (name) DO UPDATE SET value = max(value + 1, excluded.value) RETURNING value`,
			x.opts.Now().Unix()).Scan(&v); err != nil {
			return err
		}
		if v > math.MaxUint32 {
			return fmt.Errorf("%d does not fit into 32 bits; is the clock right?", v)
		}
		return nil
	})
	return uint32(v), err
}

// PutFolders implements bridge.Index. UIDNext and ModSeq of a stored folder do
// not fall while its UIDVALIDITY stays the same.
func (x *Index) PutFolders(ctx context.Context, states []bridge.FolderState, gone []bridge.FolderID) error {
	return x.update(ctx, "put folders", func(ctx context.Context, tx *sql.Tx) error {
		for _, id := range gone {
			if err := forget(ctx, tx, id); err != nil {
				return fmt.Errorf("forget folder %s: %w", id, err)
			}
		}
		stmt := tx.StmtContext(ctx, x.put.folder)
		for i := range states {
			if _, err := storeFolder(ctx, stmt, &states[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// storeFolder writes a state and returns the folder's number.
func storeFolder(ctx context.Context, stmt *sql.Stmt, s *bridge.FolderState) (int64, error) {
	var num int64
	err := stmt.QueryRowContext(ctx, string(s.ID), string(s.Parent), s.Name, string(s.Role), s.Total, s.Unread,
		s.UIDValidity, s.UIDNext, int64(s.ModSeq), s.RecentUID, s.DeltaLink, s.Synced, s.FullCheck.Unix(), s.ToldUID).Scan(&num)
	if err == nil && num > maxFolder {
		err = errors.New("too many folders")
	}
	if err != nil {
		return 0, fmt.Errorf("store folder %s: %w", s.ID, err)
	}
	return num, nil
}

// forget removes a folder and all that belongs to it. A structure or header block stays if the
// message is in another folder by now.
func forget(ctx context.Context, tx *sql.Tx, id bridge.FolderID) error {
	if err := unstage(ctx, tx, id); err != nil {
		return err
	}
	var num int64
	err := tx.QueryRowContext(ctx, "DELETE FROM folder WHERE id = ? RETURNING num", string(id)).Scan(&num)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	first, last := key(num, 0), key(num, math.MaxUint32)
	for _, stmt := range []string{
		`DELETE FROM structure WHERE hash IN (SELECT hash FROM message WHERE key BETWEEN ?1 AND ?2) AND NOT EXISTS
			(SELECT 1 FROM message WHERE message.hash = structure.hash AND key NOT BETWEEN ?1 AND ?2)`,
		`DELETE FROM header WHERE hash IN (SELECT hash FROM message WHERE key BETWEEN ?1 AND ?2) AND NOT EXISTS
			(SELECT 1 FROM message WHERE message.hash = header.hash AND key NOT BETWEEN ?1 AND ?2)`,
		`DELETE FROM message WHERE key BETWEEN ?1 AND ?2`,
		`DELETE FROM detail WHERE key BETWEEN ?1 AND ?2`,
	} {
		if _, err := tx.ExecContext(ctx, stmt, first, last); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM expunged WHERE folder = ?", num)
	return err
}
