package index

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// Structure implements bridge.Index. A stored structure that cannot be read is
// as good as none: it is made again from the message.
func (x *Index) Structure(ctx context.Context, id bridge.MessageID) (*mimepart.Part, error) {
	defer x.use()()
	var blob []byte
	err := x.get.structure.QueryRowContext(ctx, hash(id), string(id)).Scan(&blob)
	p := new(mimepart.Part)
	if err == nil && p.UnmarshalBinary(blob) != nil {
		err = sql.ErrNoRows
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("index: structure of %s: %w", id, x.translate(err))
	}
	return p, nil
}

// Structures implements bridge.Index.
func (x *Index) Structures(ctx context.Context, ids []bridge.MessageID, yield func(bridge.MessageID, *mimepart.Part) error) error {
	defer x.use()()
	err := x.records(ctx, x.get.structures, ids, func(id bridge.MessageID, blob []byte) error {
		p := new(mimepart.Part)
		if p.UnmarshalBinary(blob) != nil {
			return nil
		}
		return yield(id, p)
	})
	if err != nil {
		return fmt.Errorf("index: structures: %w", x.translate(err))
	}
	return nil
}

// record is what a table that is keyed by hash has of a message.
type record struct {
	id   bridge.MessageID
	blob []byte
}

// records reads many of them by one query a page, as a query for each costs
// many times as much. No query is open while yield runs.
func (x *Index) records(ctx context.Context, stmt *sql.Stmt, ids []bridge.MessageID, yield func(bridge.MessageID, []byte) error) error {
	inner := context.WithoutCancel(ctx) // as in details
	var page []record
	for chunk := range slices.Chunk(ids, pageSize) {
		if err := ctx.Err(); err != nil {
			return err
		}
		wanted := make(map[int64]bridge.MessageID, len(chunk))
		hashes := []byte{'['}
		for i, id := range chunk {
			if i > 0 {
				hashes = append(hashes, ',')
			}
			h := hash(id)
			wanted[h] = id
			hashes = strconv.AppendInt(hashes, h, 10)
		}
		var err error
		if page, err = recordPage(inner, stmt, string(append(hashes, ']')), wanted, page[:0]); err != nil {
			return err
		}
		for _, r := range page {
			if err := yield(r.id, r.blob); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordPage passes over a record of another message that has the same hash.
func recordPage(ctx context.Context, stmt *sql.Stmt, hashes string, wanted map[int64]bridge.MessageID, page []record) ([]record, error) {
	rows, err := stmt.QueryContext(ctx, hashes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var h int64
		var id, blob sql.RawBytes
		if err := rows.Scan(&h, &id, &blob); err != nil {
			return nil, err
		}
		if want, ok := wanted[h]; ok && string(id) == string(want) {
			page = append(page, record{want, bytes.Clone(blob)})
		}
	}
	return page, rows.Err()
}

// PutStructures implements bridge.Index.
func (x *Index) PutStructures(ctx context.Context, parts map[bridge.MessageID]*mimepart.Part) error {
	blobs := make(map[bridge.MessageID][]byte, len(parts)) // nil: to be forgotten
	for id, p := range parts {
		if p == nil {
			blobs[id] = nil
			continue
		}
		blob, err := p.MarshalBinary()
		if err != nil {
			return fmt.Errorf("index: structure of %s: %w", id, err)
		}
		blobs[id] = blob
	}
	return x.update(ctx, "put structures", func(ctx context.Context, tx *sql.Tx) error {
		for id, blob := range blobs {
			var err error
			if blob == nil {
				_, err = tx.ExecContext(ctx, "DELETE FROM structure WHERE hash = ? AND id = ?", hash(id), string(id))
			} else {
				_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO structure (hash, id, data) VALUES (?,?,?)", hash(id), string(id), blob)
			}
			if err != nil {
				return fmt.Errorf("structure of %s: %w", id, err)
			}
		}
		return nil
	})
}

// Subscriptions implements bridge.Index.
func (x *Index) Subscriptions(ctx context.Context) (map[string]bool, error) {
	defer x.use()()
	m, err := x.subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("index: subscriptions: %w", x.translate(err))
	}
	return m, nil
}

func (x *Index) subscriptions(ctx context.Context) (map[string]bool, error) {
	rows, err := x.read.QueryContext(ctx, "SELECT name, subscribed FROM subscription")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	m := make(map[string]bool)
	for rows.Next() {
		var name string
		var on bool
		if err := rows.Scan(&name, &on); err != nil {
			return nil, err
		}
		m[name] = on
	}
	return m, rows.Err()
}

// SetSubscription implements bridge.Index.
func (x *Index) SetSubscription(ctx context.Context, name string, on bool) error {
	return x.update(ctx, "set subscription", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO subscription (name, subscribed) VALUES (?,?)", name, on)
		return err
	})
}

// RecordSent implements bridge.Index; it forgets those older than
// Options.SentLife before at.
func (x *Index) RecordSent(ctx context.Context, messageID string, at time.Time) error {
	return x.update(ctx, "record sent", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM sent WHERE at < ?", at.Add(-x.opts.SentLife).Unix()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO sent (id, at) VALUES (?,?) ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at)",
			messageID, at.Unix())
		return err
	})
}

// WasSent implements bridge.Index.
func (x *Index) WasSent(ctx context.Context, messageID string, since time.Time) (bool, error) {
	defer x.use()()
	var found bool
	err := x.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sent WHERE id = ? AND at >= ?)", messageID, since.Unix()).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("index: was sent: %w", x.translate(err))
	}
	return found, nil
}
