package index_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
)

// refused opens an index that must not open, and returns the error's text.
func refused(t *testing.T, path string, opts index.Options, want error) string {
	t.Helper()
	x, err := index.Open(t.Context(), path, opts)
	if err == nil {
		x.Close()
		t.Fatal("opened")
	}
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	return err.Error()
}

// database runs statements on a SQLite file, as another program might.
func database(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// filled makes an index with n messages and closes it.
func filled(t *testing.T, path string, n int) {
	t.Helper()
	x, err := index.Open(t.Context(), path, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u := bridge.FolderUpdate{State: bridge.FolderState{FolderInfo: bridge.FolderInfo{ID: "f"}, UIDValidity: 1, UIDNext: uint32(n + 1)}}
	for i := range n {
		u.Put = append(u.Put, bridge.Entry{Row: bridge.Row{UID: uint32(i + 1), ID: bridge.MessageID(fmt.Sprint(i))},
			Detail: &bridge.Detail{Preview: strings.Repeat("x", 250)}})
	}
	if err := errors.Join(x.Apply(t.Context(), u), x.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "index.db")
	x := open(t, path, index.Options{})
	if _, err := x.NewUIDValidity(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		dir: 0o700 | os.ModeDir, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, path + ".lock": 0o600,
	} {
		fi, err := os.Stat(name)
		if err != nil {
			t.Error(err)
		} else if fi.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, fi.Mode(), want)
		}
	}
}

func TestOpenNarrowsPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	filled(t, path, 1)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, path, index.Options{})
	if fi, err := os.Stat(path); err != nil || fi.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", fi.Mode(), err)
	}
}

func TestOpenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := open(t, path, index.Options{})
	text := refused(t, path, index.Options{}, index.ErrInUse)
	if want := fmt.Sprintf("by process %d ", os.Getpid()); !strings.Contains(text, want) || !strings.Contains(text, "state_dir") {
		t.Errorf("error %q names neither %q nor the cure", text, want)
	}
	// The one that has it is not disturbed, and gives it up at its end.
	if _, err := x.NewUIDValidity(t.Context()); err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, index.Options{})
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		opts index.Options
		want error
		says string
	}{
		{"text file", func(t *testing.T, path string) { write(t, path, []byte("From the operator's notes, of some length\n")) },
			index.Options{}, index.ErrForeign, "move it away"},
		{"short file", func(t *testing.T, path string) { write(t, path, []byte("SQLite")) }, index.Options{}, index.ErrForeign, "move it away"},
		{"another program's database", func(t *testing.T, path string) { database(t, path, "CREATE TABLE x (y)") },
			index.Options{}, index.ErrForeign, "move it away"},
		{"another application id", func(t *testing.T, path string) { database(t, path, "PRAGMA application_id=7") },
			index.Options{}, index.ErrForeign, "move it away"},
		{"newer format", func(t *testing.T, path string) {
			filled(t, path, 1)
			database(t, path, "PRAGMA user_version=99")
		}, index.Options{}, index.ErrNewer, "format 99"},
		{"damaged schema", func(t *testing.T, path string) {
			filled(t, path, 1)
			overwrite(t, path, 100, 400)
		}, index.Options{}, index.ErrDamaged, "mail is safe in Exchange Online"},
		{"cut off", func(t *testing.T, path string) {
			filled(t, path, 500)
			if err := os.Truncate(path, 20_000); err != nil {
				t.Fatal(err)
			}
		}, index.Options{}, index.ErrDamaged, "mail programs will download everything again"},
		{"damaged data, checked", func(t *testing.T, path string) {
			filled(t, path, 2000)
			overwrite(t, path, 200_000, 8192)
		}, index.Options{Check: true}, index.ErrDamaged, "start again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "index.db")
			tt.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text := refused(t, path, tt.opts, tt.want)
			if !strings.Contains(text, tt.says) || !strings.Contains(text, path) {
				t.Errorf("error %q does not say %q and the path", text, tt.says)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file was changed (%v)", err)
			}
			refused(t, path, tt.opts, tt.want) // the lock is free again
		})
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// overwrite damages a piece of a file.
func overwrite(t *testing.T, path string, at int64, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("\xa5", n)), at); err != nil {
		t.Fatal(err)
	}
}

// A file whose making was interrupted before its first transaction is new.
func TestOpenUnfinished(t *testing.T) {
	for name, prepare := range map[string]func(path string){
		"empty file":        func(path string) { write(t, path, nil) },
		"switched to a WAL": func(path string) { database(t, path, "PRAGMA journal_mode=WAL") },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "index.db")
			prepare(path)
			if _, err := open(t, path, index.Options{}).NewUIDValidity(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Damage that shows later says the same.
func TestDamagedLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	filled(t, path, 2000)
	x := open(t, path, index.Options{})
	database(t, path, "UPDATE detail SET data = x'0180' WHERE key & 0xffffffff = 5", "UPDATE message SET categories = x'09' WHERE key & 0xffffffff = 6")
	err := x.Details(t.Context(), "f", []uint32{4, 5}, func(uid uint32, _ *bridge.Detail) error {
		if uid != 4 {
			t.Errorf("uid %d was read", uid)
		}
		return nil
	})
	if !errors.Is(err, index.ErrDamaged) || !strings.Contains(err.Error(), "uid 5") {
		t.Errorf("Details: %v, want ErrDamaged of uid 5", err)
	}
	err = x.Rows(t.Context(), "f", func(bridge.Row) error { return nil })
	if !errors.Is(err, index.ErrDamaged) || !strings.Contains(err.Error(), "uid 6") {
		t.Errorf("Rows: %v, want ErrDamaged of uid 6", err)
	}
}

func TestUIDValidityClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	now := time.Unix(2_000_000_000, 0)
	opts := index.Options{Now: func() time.Time { return now }}
	x := open(t, path, opts)
	var got []uint32
	for _, step := range []time.Duration{0, 0, -time.Hour, 2 * time.Hour, 80 * 365 * 24 * time.Hour} {
		now = now.Add(step)
		v, err := x.NewUIDValidity(t.Context())
		if err != nil {
			got = append(got, 0)
			continue
		}
		got = append(got, v)
	}
	want := []uint32{2_000_000_000, 2_000_000_001, 2_000_000_002, 2_000_003_600, 0}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %d, want %d", got, want)
	}
	// A clock that was wrong for a while does no lasting harm.
	now = time.Unix(2_000_010_000, 0)
	if v, err := x.NewUIDValidity(t.Context()); v != 2_000_010_000 {
		t.Errorf("after the clock was put right: %d, %v", v, err)
	}
}

// TestUIDValidityAfter: an index in the place of a lost one goes on after it.
func TestUIDValidityAfter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	now := func() time.Time { return time.Unix(1_000, 0) }
	for i, after := range []uint32{5_000, 0, 3_000} { // 0: as at every start; 3000: it is further already
		x := open(t, path, index.Options{Now: now, After: after})
		if v, err := x.NewUIDValidity(t.Context()); err != nil || v != uint32(5_001+i) {
			t.Errorf("after %d: %d, %v, want %d", after, v, err, 5_001+i)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExpungedIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := open(t, path, index.Options{MaxExpunged: 100})
	state := bridge.FolderState{FolderInfo: bridge.FolderInfo{ID: "f"}, UIDValidity: 1, UIDNext: 1000}
	for uid := uint32(1); uid <= 150; uid++ {
		u := bridge.FolderUpdate{State: state, Put: []bridge.Entry{{Row: bridge.Row{UID: uid, ID: "x"}}},
			Expunged: []bridge.Expunged{{UID: uid, ModSeq: uint64(uid)}}}
		if err := x.Apply(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := x.Expunged(t.Context(), "f", 0); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("since 0: %d uids, %v; want ErrNotFound, as the oldest are forgotten", len(list), err)
	}
	list, err := x.Expunged(t.Context(), "f", 60)
	if err != nil || len(list) != 90 || list[0].UID != 61 || list[89].UID != 150 {
		t.Errorf("since 60: %d uids, %v; want 61 to 150", len(list), err)
	}
}

func TestSentIsPruned(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"), index.Options{SentLife: time.Hour})
	start := time.Unix(1_790_000_000, 0)
	for i, id := range []string{"<old@x>", "<kept@x>", "<new@x>"} {
		if err := x.RecordSent(t.Context(), id, start.Add(time.Duration(i)*40*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]bool{"<old@x>": false, "<kept@x>": true, "<new@x>": true} {
		if got, err := x.WasSent(t.Context(), id, start); got != want || err != nil {
			t.Errorf("WasSent(%s) = %t, %v; want %t", id, got, err, want)
		}
	}
}

// format1 is the first format, as versions made it that knew no other.
const format1 = `
CREATE TABLE folder (num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
	total INTEGER NOT NULL, unread INTEGER NOT NULL, uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL, modseq INTEGER NOT NULL,
	recent INTEGER NOT NULL, delta TEXT NOT NULL, synced INTEGER NOT NULL, fullcheck INTEGER NOT NULL, forgotten INTEGER NOT NULL DEFAULT 0);
CREATE TABLE message (key INTEGER PRIMARY KEY, id TEXT NOT NULL, hash INTEGER NOT NULL, modseq INTEGER NOT NULL, flags INTEGER NOT NULL,
	received INTEGER NOT NULL, size INTEGER NOT NULL, categories BLOB);
CREATE INDEX message_hash ON message (hash);
CREATE TABLE detail (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE expunged (folder INTEGER NOT NULL, modseq INTEGER NOT NULL, uid INTEGER NOT NULL, PRIMARY KEY (folder, modseq, uid)) WITHOUT ROWID;
CREATE TABLE structure (hash INTEGER PRIMARY KEY, id TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE header (hash INTEGER PRIMARY KEY, id TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE subscription (name TEXT PRIMARY KEY, subscribed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sent (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX sent_at ON sent (at);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO folder VALUES (1, 'f', '', 'f', '', 2, 1, 7, 9, 30, 0, 'link', 1, 0, 0);
INSERT INTO message VALUES (4294967299, 'm3', 11, 20, 1, 1000, 512, NULL), (4294967304, 'm8', 12, 30, 2, 2000, 1024, NULL);
PRAGMA application_id=1832019817; PRAGMA user_version=1;`

// TestOpenFormer: UIDs and mod-sequences of a former format stay, and messages
// that it had got their save date when it was brought up to date.
func TestOpenFormer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	database(t, path, format1)
	before := time.Now().Unix()
	rows := func() (list []bridge.Row) {
		x := open(t, path, index.Options{Check: true})
		if err := errors.Join(x.Rows(t.Context(), "f", func(r bridge.Row) error { list = append(list, r); return nil }), x.Close()); err != nil {
			t.Fatal(err)
		}
		return list
	}
	got := rows()
	if len(got) != 2 || got[0].UID != 3 || got[0].ModSeq != 20 || got[1].UID != 8 || got[1].Size != 1024 {
		t.Fatalf("got %+v", got)
	}
	for _, r := range got {
		if r.Saved < before || r.Saved > time.Now().Unix() {
			t.Errorf("uid %d: saved %d, want the time of the migration, %d", r.UID, r.Saved, before)
		}
	}
	x := open(t, path, index.Options{})
	u := bridge.FolderUpdate{State: bridge.FolderState{FolderInfo: bridge.FolderInfo{ID: "f"}, UIDValidity: 7, UIDNext: 10, ModSeq: 31}}
	u.Put = []bridge.Entry{{Row: bridge.Row{UID: 9, ID: "m9", ModSeq: 31, Saved: 4000}}}
	if err := errors.Join(x.Apply(t.Context(), u), x.Close()); err != nil {
		t.Fatal(err)
	}
	if again := rows(); len(again) != 3 || again[0].Saved != got[0].Saved || again[2].Saved != 4000 {
		t.Errorf("got %+v", again)
	}
}
