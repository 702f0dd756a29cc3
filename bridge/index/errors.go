package index

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"mail2graph/bridge"
	"mail2graph/bridge/disk"
)

// What can be wrong with an index file. The text of the error that Open returns
// says what the operator can do.
var (
	// ErrInUse: another process has the index open.
	ErrInUse = errors.New("index in use")
	// ErrNewer: a newer version of this program wrote the file.
	ErrNewer = errors.New("index of a newer version")
	// ErrForeign: the file is something else.
	ErrForeign = errors.New("not an index of mail2graph")
	// ErrDamaged: the file cannot be read as it should.
	ErrDamaged = errors.New("index damaged")
)

const startOver = "stop the program, move the file and those beside it (-wal, -shm) away and start again: " +
	"mail is safe in Exchange Online and the folders are read anew, but mail programs will download " +
	"everything again, and subscriptions and deletion marks not yet expunged are lost"

// translate maps SQLite's and the system's errors to what callers test for.
func (x *Index) translate(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE:
			return fmt.Errorf("%w: %w", bridge.ErrNoSpace, err)
		}
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_READONLY:
			if x.ReadOnly() {
				return fmt.Errorf("%w: the index was opened when there was none, and changes again when there is: %w", bridge.ErrNoSpace, err)
			}
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return damaged(err)
		}
	}
	if disk.IsFull(err) {
		return fmt.Errorf("%w: %w", bridge.ErrNoSpace, err)
	}
	return err
}

func damaged(err error) error {
	return fmt.Errorf("%w (%w); restore a copy, or %s", ErrDamaged, err, startOver)
}
