package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"mail2graph/bridge/disk"
)

// Summary is what an index file holds.
type Summary struct {
	Format   int // of the file, see migrations
	Folders  int
	Messages int
	Expunged int // UIDs that are remembered as gone
}

// Inspect reads an index file, also while another process uses it, and changes nothing.
// check reads the whole of it for damage. The errors are those of Open.
func Inspect(ctx context.Context, path string, check bool) (Summary, error) {
	var s Summary
	err := visit(ctx, path, func(db *sql.DB) (err error) {
		s, err = summarize(ctx, db)
		if err == nil && check {
			err = checkWhole(ctx, db)
		}
		return err
	})
	if err != nil {
		return Summary{}, fmt.Errorf("read index %s: %w", path, err)
	}
	return s, nil
}

// Backup writes a copy of an index as it is at one moment, also while another process uses
// it, into a file that must not exist.
func Backup(ctx context.Context, path, to string) (Summary, error) {
	var s Summary
	err := visit(ctx, path, func(db *sql.DB) (err error) {
		if s, err = summarize(ctx, db); err != nil {
			return err
		}
		if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: %w", to, os.ErrExist)
		}
		if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
			return err
		}
		return errors.Join(os.Chmod(to, 0o600), syncFile(to), disk.SyncDir(filepath.Dir(to)))
	})
	if err != nil {
		return Summary{}, fmt.Errorf("back up index %s: %w", path, err)
	}
	return s, nil
}

// visit opens a file that must exist and be an index, without its lock.
func visit(ctx context.Context, path string, do func(*sql.DB) error) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if info.Size() > 0 {
		if err := prepareFile(path); err != nil {
			return err
		}
	}
	x := &Index{path: path}
	db, err := connect(path, "")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	err = identify(ctx, db)
	if err == nil {
		err = do(db)
	}
	return x.translate(errors.Join(err, db.Close()))
}

func summarize(ctx context.Context, db *sql.DB) (s Summary, err error) {
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&s.Format); err != nil || s.Format == 0 {
		return s, err // 0: its making was interrupted
	}
	err = db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM folder), (SELECT count(*) FROM message), (SELECT count(*) FROM expunged)").
		Scan(&s.Folders, &s.Messages, &s.Expunged)
	return s, err
}

// How far UIDs and mod-sequences go ahead in a restored folder when it is not known
// what was given out since the backup.
const (
	uidGap    = 1 << 20
	modSeqGap = 1 << 40
)

// Restored tells what Restore did.
type Restored struct {
	Summary
	Aside   string // where the file that was there is now; "": there was none
	Guessed int    // folders whose UIDs go on after a gap, since nothing told where they stood
	Renewed int    // folders that got a new UIDVALIDITY
}

// Restore puts a backup in the place of the index in path, which no process may use
// (ErrInUse). What was there is moved aside.
//
// A client has seen UIDs and mod-sequences that were given out after the backup. None
// of them may come again for something else, so both go on after the last ones given
// out, where the old file still tells those, or after a gap; and what was expunged when
// is forgotten, so that a client asks for all UIDs. A folder that has got another
// UIDVALIDITY since gets a new one.
func Restore(ctx context.Context, backup, path string, now time.Time) (r Restored, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore index %s: %w", path, (&Index{}).translate(err))
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return r, err
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	given := lastGiven(ctx, path)
	fresh := path + ".restore"
	removeDatabase(fresh)
	defer removeDatabase(fresh)
	if err := copyFile(backup, fresh); err != nil {
		return r, err
	}
	err = visit(ctx, fresh, func(db *sql.DB) (err error) {
		if err := errors.Join(migrate(ctx, db), checkWhole(ctx, db)); err != nil {
			return err
		}
		if r.Summary, err = summarize(ctx, db); err != nil {
			return err
		}
		if err := goAhead(ctx, db, given, now, &r); err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "PRAGMA journal_mode=DELETE") // all of it in one file
		return err
	})
	if err == nil {
		err = syncFile(fresh)
	}
	if err != nil {
		return r, err
	}
	if r.Aside, err = PutAside(path, "replaced", now); err != nil {
		return r, err
	}
	return r, errors.Join(os.Rename(fresh, path), disk.SyncDir(filepath.Dir(path)))
}

// reached is how far a folder, or the counter of UIDVALIDITY, has come.
type reached struct{ validity, uidNext, modSeq int64 }

const counterKey = "" // in the map of lastGiven; no folder has this id

// lastGiven reads the counters of the file that is to be replaced. One that cannot be
// read gives none.
func lastGiven(ctx context.Context, path string) map[string]reached {
	given := map[string]reached{}
	err := visit(ctx, path, func(db *sql.DB) error { return readReached(ctx, db, given) })
	if err != nil {
		return nil
	}
	return given
}

func readReached(ctx context.Context, db *sql.DB, into map[string]reached) error {
	rows, err := db.QueryContext(ctx, "SELECT id, uidvalidity, uidnext, modseq FROM folder UNION ALL "+
		"SELECT '"+counterKey+"', ifnull(max(value), 0), 0, 0 FROM counter WHERE name = 'uidvalidity'")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var r reached
		if err := rows.Scan(&id, &r.validity, &r.uidNext, &r.modSeq); err != nil {
			return err
		}
		into[id] = r
	}
	return rows.Err()
}

// goAhead moves the counters of a restored file behind what was given out.
func goAhead(ctx context.Context, db *sql.DB, given map[string]reached, now time.Time, r *Restored) error {
	old := map[string]reached{}
	if err := readReached(ctx, db, old); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	counter := max(old[counterKey].validity, given[counterKey].validity, now.Unix())
	for id, f := range old {
		if id == counterKey {
			continue
		}
		g, known := given[id]
		switch {
		case !known:
			r.Guessed++
			f.uidNext, f.modSeq = f.uidNext+uidGap, f.modSeq+modSeqGap
		case g.validity != f.validity:
			r.Renewed++
			counter++
			f = reached{counter, max(f.uidNext, g.uidNext), max(f.modSeq, g.modSeq) + 1}
		default:
			f.uidNext, f.modSeq = max(f.uidNext, g.uidNext), max(f.modSeq, g.modSeq)+1
		}
		if f.uidNext > math.MaxUint32 || counter > math.MaxUint32 {
			return fmt.Errorf("folder %s has no UIDs left; start without an index instead", id)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE folder SET uidvalidity = ?, uidnext = ?, modseq = ?, forgotten = ? WHERE id = ?",
			f.validity, f.uidNext, f.modSeq, f.modSeq, id); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM expunged"); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO counter (name, value) VALUES ('uidvalidity', ?) ON CONFLICT DO UPDATE SET value = excluded.value", counter); err != nil {
		return err
	}
	return tx.Commit()
}

// PutAside renames an index with the files beside it to PATH.WHY-TIME, and returns
// that name; "" if there is none. The caller has made sure that no process uses it.
func PutAside(path, why string, now time.Time) (string, error) {
	to := path + "." + why + "-" + now.UTC().Format("20060102T150405")
	found := ""
	for _, suffix := range databaseFiles {
		switch err := os.Rename(path+suffix, to+suffix); {
		case err == nil && suffix == "":
			found = to
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return "", err
		}
	}
	return found, disk.SyncDir(filepath.Dir(path))
}

// databaseFiles are the endings of what SQLite makes. The log goes with its file, or
// it would be played into the next one.
var databaseFiles = []string{"", "-wal", "-shm", "-journal"}

func removeDatabase(path string) {
	for _, suffix := range databaseFiles {
		_ = os.Remove(path + suffix)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
