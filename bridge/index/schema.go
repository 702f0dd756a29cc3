package index

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mail2graph/bridge/disk"
)

// applicationID marks the file as ours (PRAGMA application_id): "m2gi".
const applicationID = 0x6d326769

// migrations lead from format n to n+1, the number kept in user_version. They
// are never changed, only added to. {now} is the time of the migration, in
// seconds since 1970.
//
// A message is known by key = folder.num << 32 | uid, so that a folder's
// messages lie together in the order of their UIDs, and each table is a plain
// B-tree by integer. message.hash is of the id, see hash.
var migrations = []string{`
CREATE TABLE folder (
	num         INTEGER PRIMARY KEY,
	id          TEXT    NOT NULL UNIQUE,
	parent      TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	role        TEXT    NOT NULL,
	total       INTEGER NOT NULL,
	unread      INTEGER NOT NULL,
	uidvalidity INTEGER NOT NULL,
	uidnext     INTEGER NOT NULL,
	modseq      INTEGER NOT NULL,
	recent      INTEGER NOT NULL,
	delta       TEXT    NOT NULL,
	synced      INTEGER NOT NULL,
	fullcheck   INTEGER NOT NULL,
	forgotten   INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE message (
	key        INTEGER PRIMARY KEY,
	id         TEXT    NOT NULL,
	hash       INTEGER NOT NULL,
	modseq     INTEGER NOT NULL,
	flags      INTEGER NOT NULL,
	received   INTEGER NOT NULL,
	size       INTEGER NOT NULL,
	categories BLOB
);
CREATE INDEX message_hash ON message (hash);
CREATE TABLE detail (
	key  INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);
CREATE TABLE expunged (
	folder INTEGER NOT NULL,
	modseq INTEGER NOT NULL,
	uid    INTEGER NOT NULL,
	PRIMARY KEY (folder, modseq, uid)
) WITHOUT ROWID;
CREATE TABLE structure (
	hash INTEGER PRIMARY KEY,
	id   TEXT NOT NULL,
	data BLOB NOT NULL
);
CREATE TABLE header (
	hash INTEGER PRIMARY KEY,
	id   TEXT NOT NULL,
	data BLOB NOT NULL
);
CREATE TABLE subscription (
	name       TEXT    PRIMARY KEY,
	subscribed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE sent (
	id TEXT    PRIMARY KEY,
	at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sent_at ON sent (at);
CREATE TABLE counter (
	name  TEXT    PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;
`, `
ALTER TABLE message ADD COLUMN saved INTEGER NOT NULL DEFAULT {now};
`, `
CREATE TABLE staged (
	folder     TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	received   INTEGER NOT NULL,
	article    INTEGER NOT NULL,
	flags      INTEGER NOT NULL,
	size       INTEGER NOT NULL,
	categories BLOB,
	data       BLOB    NOT NULL,
	PRIMARY KEY (folder, id)
) WITHOUT ROWID;
CREATE TABLE walk (
	folder TEXT PRIMARY KEY,
	place  TEXT NOT NULL
) WITHOUT ROWID;
`, `
ALTER TABLE folder ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE folder SET told = uidnext;
`}

var magic = []byte("SQLite format 3\x00")

// prepareFile makes the file, or looks whether an existing one is SQLite's at all.
func prepareFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	switch n, err := io.ReadFull(f, head); {
	case n == 0 && errors.Is(err, io.EOF):
		return disk.SyncDir(filepath.Dir(path))
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case !bytes.Equal(head, magic):
		return foreign()
	}
	return nil
}

func foreign() error {
	return fmt.Errorf("%w: look what it is, and name another state_dir or move it away", ErrForeign)
}

// identify refuses files of other programs and of newer versions. A database
// without any table is one whose making was interrupted.
func identify(ctx context.Context, db *sql.DB) error {
	var app, version, objects int
	err := db.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), "+
		"(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)").Scan(&app, &version, &objects)
	switch {
	case err != nil:
		return err
	case app == 0 && version == 0 && objects == 0:
		return nil
	case app != applicationID:
		return foreign()
	case version > len(migrations):
		return fmt.Errorf("%w: it has format %d, this version knows up to %d; run the newer version, or %s",
			ErrNewer, version, len(migrations), startOver)
	}
	return nil
}

// migrate brings the file to the newest format, each step in a transaction.
func migrate(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	for ; version < len(migrations); version++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
			strings.ReplaceAll(migrations[version], "{now}", now), applicationID, version+1)
		if _, err := db.ExecContext(ctx, step); err != nil {
			_, rollback := db.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			return errors.Join(fmt.Errorf("migrate to format %d: %w", version+1, err), rollback)
		}
	}
	return nil
}

// checkWhole reads the whole file.
func checkWhole(ctx context.Context, db *sql.DB) error {
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return damaged(errors.New(found))
	}
	return nil
}
