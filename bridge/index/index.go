package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"mail2graph/bridge"
)

var _ bridge.Index = (*Index)(nil)

// Options adjust an Index; the zero value is right for a daemon.
type Options struct {
	// Now is the clock for UIDVALIDITY; default time.Now.
	Now func() time.Time
	// Check reads the whole file for damage before use: seconds for a large one.
	Check bool
	// After is what every new UIDVALIDITY is greater than: of an index in the place of
	// a lost one, in which many folders may have run ahead of the clock. 0: the clock alone.
	After uint32
	// MaxExpunged is the number of expunged UIDs kept for each folder; default
	// 100,000. See Index.Expunged.
	MaxExpunged int
	// SentLife is how long a sent Message-ID is remembered; default 30 days.
	SentLife time.Duration
	// Writable, if not nil, is called when an index that was opened on a full disk
	// takes changes again; once, from the call that made the first one.
	Writable func()
}

// Index is a mailbox's index in a SQLite file.
type Index struct {
	path     string
	opts     Options
	lock     io.Closer
	readOnly atomic.Bool // the disk was full
	closed   atomic.Bool

	// using guards what follows: calls share it, regain has it alone. Nobody ever
	// waits to have it alone, so a call may be made in the callback of another.
	using sync.RWMutex
	write *sql.DB // one connection: transactions wait for each other here
	read  *sql.DB // as many as there are readers; they see the last commit
	put   statements
	get   queries

	closeOnce sync.Once
	closeErr  error
}

// Open opens the index in the file path, which is made if it does not exist,
// with its directory. Errors: ErrInUse, ErrNewer, ErrForeign, ErrDamaged and
// bridge.ErrNoSpace; each tells the operator what to do.
func Open(ctx context.Context, path string, opts Options) (*Index, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.MaxExpunged <= 0 {
		opts.MaxExpunged = 100_000
	}
	if opts.SentLife <= 0 {
		opts.SentLife = 30 * 24 * time.Hour
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x := &Index{path: path, opts: opts}
	if err := x.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open index %s: %w", path, x.translate(err)), x.Close())
	}
	return x, nil
}

func (x *Index) open(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(x.path), 0o700); err != nil {
		return err
	}
	var err error
	if x.lock, err = acquire(x.path + ".lock"); err != nil {
		return err
	}
	// All looks at the file by other means end before SQLite opens it: closing
	// a file drops the process's POSIX locks on it, SQLite's included.
	if err := prepareFile(x.path); err != nil {
		return err
	}
	err = x.openWritable(ctx)
	if errors.Is(x.translate(err), bridge.ErrNoSpace) && x.closedWell() {
		err = x.openReadOnly(ctx)
	}
	if err != nil {
		return err
	}
	return x.prepare(ctx)
}

// prepare readies the open file for calls.
func (x *Index) prepare(ctx context.Context) error {
	// Not limited: a reader may read again in its callback, and must not wait
	// for itself. What one has of the file in memory goes when nobody reads.
	x.read.SetMaxIdleConns(4)
	x.read.SetConnMaxIdleTime(time.Minute)
	if err := x.put.prepare(ctx, x.write); err != nil {
		return err
	}
	return x.get.prepare(ctx, x.read)
}

func (x *Index) openWritable(ctx context.Context) (err error) {
	if x.write, err = connect(x.path, "_txlock=immediate"); err != nil {
		return err
	}
	x.write.SetMaxOpenConns(1)
	if err := identify(ctx, x.write); err != nil {
		return err
	}
	// The WAL gets the permissions of the file.
	if err := os.Chmod(x.path, 0o600); err != nil {
		return err
	}
	if _, err := x.write.ExecContext(ctx, "PRAGMA journal_mode=WAL"); err != nil {
		return err
	}
	if err := migrate(ctx, x.write); err != nil {
		return err
	}
	if x.opts.After > 0 {
		if _, err := x.write.ExecContext(ctx, "INSERT INTO counter (name, value) VALUES ('uidvalidity', ?) "+
			"ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)", x.opts.After); err != nil {
			return err
		}
	}
	if x.opts.Check {
		if err := checkWhole(ctx, x.write); err != nil {
			return err
		}
	}
	x.read, err = connect(x.path, readerParams)
	return err
}

// closedWell reports that all of the index is in its file, and nothing in a log.
func (x *Index) closedWell() bool {
	info, err := os.Stat(x.path + "-wal")
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

// openReadOnly opens the file without the room that a log takes: what it knows can be
// read, and every change is refused with bridge.ErrNoSpace. "immutable" is true as long
// as the lock is held, since SQLite then changes nothing itself.
func (x *Index) openReadOnly(ctx context.Context) (err error) {
	if x.write != nil {
		_ = x.write.Close() // of what could not be opened
	}
	const params = "mode=ro&immutable=1&" + readerParams
	if x.write, err = connect(x.path, params); err != nil {
		return err
	}
	if x.read, err = connect(x.path, params); err != nil {
		return err
	}
	x.readOnly.Store(true)
	if err := identify(ctx, x.read); err != nil {
		return err
	}
	var format int
	if err := x.read.QueryRowContext(ctx, "PRAGMA user_version").Scan(&format); err != nil {
		return err
	}
	if format != len(migrations) { // new, or of an older version: it has to be written first
		return fmt.Errorf("%w: make room and start again", bridge.ErrNoSpace)
	}
	return nil
}

// ReadOnly reports that the disk was full when the index was opened, and that no
// change was possible since.
func (x *Index) ReadOnly() bool { return x.readOnly.Load() }

// regain tries to open for changes what was opened on a full disk. It leaves that to
// the next change while somebody reads: the file must not change under a connection
// that takes it for immutable.
func (x *Index) regain(ctx context.Context) {
	if !x.ReadOnly() || !x.using.TryLock() {
		return
	}
	defer x.using.Unlock()
	if !x.ReadOnly() || x.closed.Load() {
		return
	}
	y := &Index{path: x.path, opts: x.opts}
	err := y.openWritable(ctx)
	if err == nil {
		err = y.prepare(ctx)
	}
	if err != nil { // the change is then refused as it would have been
		_ = y.Close()
		return
	}
	_ = errors.Join(x.read.Close(), x.write.Close()) // of what was only read
	x.read, x.write, x.get, x.put = y.read, y.write, y.get, y.put
	x.readOnly.Store(false)
	if x.opts.Writable != nil {
		x.opts.Writable()
	}
}

// use keeps the connections as they are until its result is called.
func (x *Index) use() (release func()) {
	x.using.RLock()
	return x.using.RUnlock
}

// readerParams give a reader 8 MiB for pages: what hashes lead to is anywhere in the
// file, and the header blocks and part indexes of some thousand messages fit.
const readerParams = "_pragma=query_only(1)&_pragma=cache_size(-8192)"

// connect opens a pool of connections with the pragmas that all of them need.
func connect(path string, params string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(10000)" +
		"&_pragma=synchronous(FULL)" +
		"&_pragma=trusted_schema(0)" +
		"&_pragma=cell_size_check(1)" +
		"&_pragma=journal_size_limit(67108864)" +
		"&" + params
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// Close ends the use of the index; it waits for calls in progress.
func (x *Index) Close() error {
	x.closeOnce.Do(func() {
		x.closed.Store(true)
		defer x.use()()
		var errs []error
		// The writer last: the last connection folds the WAL into the file.
		for _, db := range []*sql.DB{x.read, x.write} {
			if db != nil {
				errs = append(errs, x.translate(db.Close()))
			}
		}
		if x.lock != nil {
			errs = append(errs, x.lock.Close())
		}
		x.closeErr = errors.Join(errs...)
	})
	return x.closeErr
}

// update runs do in a transaction. The context decides how long to wait for
// the turn, and is asked before the commit; in between a statement is not
// interrupted, as each is short and watching the context costs more.
func (x *Index) update(ctx context.Context, op string, do func(ctx context.Context, tx *sql.Tx) error) error {
	x.regain(ctx)
	defer x.use()()
	err := x.transact(ctx, do)
	if err != nil {
		return fmt.Errorf("index: %s: %w", op, x.translate(err))
	}
	return nil
}

func (x *Index) transact(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	conn, err := x.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	inner := context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(inner, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(inner, tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return tx.Commit()
}
