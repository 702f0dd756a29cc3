package index

import (
	"context"
	"database/sql"
	"fmt"
)

const folderColumns = "id, parent, name, role, total, unread, uidvalidity, uidnext, modseq, recent, delta, synced, fullcheck, told"

// The counters of a folder never fall while its UIDVALIDITY stays, whatever
// state a caller stores: a UID given twice is the one fault that no client
// recovers from (RFC 3501 §2.3.1.1).
const putFolder = `INSERT INTO folder (` + folderColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET
	parent = excluded.parent, name = excluded.name, role = excluded.role,
	total = excluded.total, unread = excluded.unread,
	uidnext = iif(uidvalidity = excluded.uidvalidity, max(uidnext, excluded.uidnext), excluded.uidnext),
	modseq = iif(uidvalidity = excluded.uidvalidity, max(modseq, excluded.modseq), excluded.modseq),
	uidvalidity = excluded.uidvalidity,
	recent = excluded.recent, delta = excluded.delta, synced = excluded.synced, fullcheck = excluded.fullcheck, told = excluded.told
RETURNING num`

const putMessage = `INSERT INTO message (key, id, hash, modseq, flags, received, size, categories, saved) VALUES (?,?,?,?,?,?,?,?,?)
ON CONFLICT (key) DO UPDATE SET id = excluded.id, hash = excluded.hash, modseq = excluded.modseq, flags = excluded.flags,
	received = excluded.received, size = excluded.size, categories = excluded.categories, saved = excluded.saved`

const putDetail = `INSERT INTO detail (key, data) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET data = excluded.data`

// statements are those that Apply runs for every message.
type statements struct {
	folder, message, detail, dropMessage, dropDetail, expunged, structure, header *sql.Stmt
}

// forgetIn drops what a table has of a message that is in no folder any more.
func forgetIn(table string) string {
	return "DELETE FROM " + table + " WHERE hash = ?1 AND id = ?2 AND NOT EXISTS (SELECT 1 FROM message WHERE hash = ?1 AND id = ?2)"
}

func (s *statements) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, map[**sql.Stmt]string{
		&s.folder:      putFolder,
		&s.message:     putMessage,
		&s.detail:      putDetail,
		&s.dropMessage: "DELETE FROM message WHERE key = ? RETURNING id, hash",
		&s.dropDetail:  "DELETE FROM detail WHERE key = ?",
		&s.expunged:    "INSERT OR IGNORE INTO expunged (folder, modseq, uid) VALUES (?,?,?)",
		&s.structure:   forgetIn("structure"),
		&s.header:      forgetIn("header"),
	})
}

// queries are those of the readers.
type queries struct {
	folders, folder, rows, details, detailRange, expunged, structure, structures, headers, hasHeader *sql.Stmt
}

func (q *queries) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, map[**sql.Stmt]string{
		&q.folders:     "SELECT " + folderColumns + " FROM folder ORDER BY num",
		&q.folder:      "SELECT num, forgotten FROM folder WHERE id = ?",
		&q.rows:        "SELECT key, id, modseq, flags, received, size, categories, saved FROM message WHERE key BETWEEN ? AND ? ORDER BY key",
		&q.details:     "SELECT detail.key, data FROM json_each(?) AS wanted CROSS JOIN detail ON detail.key = wanted.value",
		&q.detailRange: "SELECT key, data FROM detail WHERE key BETWEEN ? AND ? ORDER BY key",
		&q.expunged:    "SELECT uid, modseq FROM expunged WHERE folder = ? AND modseq > ?",
		&q.structure:   "SELECT data FROM structure WHERE hash = ? AND id = ?",

		&q.structures: "SELECT structure.hash, structure.id, data FROM json_each(?) AS wanted CROSS JOIN structure ON structure.hash = wanted.value",
		&q.headers:    "SELECT header.hash, header.id, data FROM json_each(?) AS wanted CROSS JOIN header ON header.hash = wanted.value",
		&q.hasHeader:  "SELECT header.hash, header.id, NULL FROM json_each(?) AS wanted CROSS JOIN header ON header.hash = wanted.value",
	})
}

func prepareAll(ctx context.Context, db *sql.DB, list map[**sql.Stmt]string) error {
	for stmt, text := range list {
		var err error
		if *stmt, err = db.PrepareContext(ctx, text); err != nil {
			return fmt.Errorf("prepare %q: %w", text, err)
		}
	}
	return nil
}
