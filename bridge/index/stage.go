package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"mail2graph/bridge"
)

// Stage implements bridge.Index. Staged messages lie in a table of their own: a
// message of the folder has a UID, and these have none yet.
func (x *Index) Stage(ctx context.Context, folder bridge.FolderID, page []bridge.Staged, place string) error {
	return x.update(ctx, "stage", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO walk (folder, place) VALUES (?,?)", string(folder), place); err != nil {
			return err
		}
		put, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO staged
			(folder, id, received, article, flags, size, categories, data) VALUES (?,?,?,?,?,?,?,?)`)
		if err != nil {
			return err
		}
		defer put.Close()
		var buf []byte
		for i := range page {
			s := &page[i]
			if s.Detail == nil {
				return fmt.Errorf("message %s has no details: %w", s.ID, bridge.ErrInvalid)
			}
			buf = encodeDetail(buf[:0], s.Detail)
			if _, err := put.ExecContext(ctx, string(folder), string(s.ID), s.Received.Unix(), s.Article, int64(s.Flags), s.Size,
				encodeCategories(s.Categories), buf); err != nil {
				return err
			}
		}
		return nil
	})
}

// Staged implements bridge.Index. Like Rows it holds one picture open.
func (x *Index) Staged(ctx context.Context, folder bridge.FolderID, yield func(bridge.Staged) error) (string, error) {
	defer x.use()()
	place, err := x.staged(ctx, folder, yield)
	if err != nil {
		return "", fmt.Errorf("index: staged messages of folder %s: %w", folder, x.translate(err))
	}
	return place, nil
}

func (x *Index) staged(ctx context.Context, folder bridge.FolderID, yield func(bridge.Staged) error) (place string, err error) {
	err = x.read.QueryRowContext(ctx, "SELECT place FROM walk WHERE folder = ?", string(folder)).Scan(&place)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	rows, err := x.read.QueryContext(ctx, `SELECT id, received, article, flags, size, categories, data FROM staged
		WHERE folder = ? ORDER BY received, article, id`, string(folder))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var s bridge.Staged
		var id, data string
		var received, flags int64
		var categories sql.RawBytes
		if err := rows.Scan(&id, &received, &s.Article, &flags, &s.Size, &categories, &data); err != nil {
			return "", err
		}
		s.ID, s.Received, s.Flags = bridge.MessageID(id), time.Unix(received, 0).UTC(), bridge.Flags(flags)
		if s.Categories, err = decodeCategories(string(categories)); err == nil {
			s.Detail, err = decodeDetail(data)
		}
		if err != nil {
			return "", damaged(fmt.Errorf("staged message %s: %w", id, err))
		}
		if err := yield(s); err != nil {
			return "", err
		}
	}
	return place, rows.Err()
}

// Unstage implements bridge.Index.
func (x *Index) Unstage(ctx context.Context, folder bridge.FolderID) error {
	return x.update(ctx, "unstage", func(ctx context.Context, tx *sql.Tx) error { return unstage(ctx, tx, folder) })
}

func unstage(ctx context.Context, tx *sql.Tx, folder bridge.FolderID) error {
	for _, table := range []string{"walk", "staged"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE folder = ?", string(folder)); err != nil {
			return err
		}
	}
	return nil
}
