package index_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
)

// put enters message n of folder f, as the UID n.
func put(t *testing.T, x *index.Index, n uint32) {
	t.Helper()
	u := bridge.FolderUpdate{
		State: bridge.FolderState{FolderInfo: bridge.FolderInfo{ID: "f"}, UIDValidity: 7, UIDNext: n + 1, ModSeq: uint64(n)},
		Put:   []bridge.Entry{{Row: bridge.Row{UID: n, ID: bridge.MessageID(fmt.Sprint(n)), ModSeq: uint64(n)}}},
	}
	if err := x.Apply(t.Context(), u); err != nil {
		t.Error(err)
	}
}

// TestBackupWhileWriting: each copy is of one moment, from the first to the last UID.
func TestBackupWhileWriting(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index.db")
	x := open(t, path, index.Options{})
	put(t, x, 1)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := uint32(2); ; n++ {
			select {
			case <-stop:
				return
			default:
				put(t, x, n)
			}
		}
	})
	for i := range 5 {
		to := filepath.Join(dir, fmt.Sprint("copy", i))
		s, err := index.Backup(t.Context(), path, to)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
		}
		y := open(t, to, index.Options{Check: true})
		folders, err := y.Folders(t.Context())
		if err != nil || len(folders) != 1 {
			t.Fatalf("%d folders, %v", len(folders), err)
		}
		want := uint32(1)
		if err := y.Rows(t.Context(), "f", func(r bridge.Row) error {
			if r.UID != want {
				t.Errorf("UID %d, want %d", r.UID, want)
			}
			want++
			return nil
		}); err != nil || folders[0].UIDNext != want || s.Messages > int(want) {
			t.Errorf("UIDNEXT %d after UID %d, %d counted, %v", folders[0].UIDNext, want-1, s.Messages, err)
		}
	}
	close(stop)
	writer.Wait()
	if _, err := index.Backup(t.Context(), path, filepath.Join(dir, "copy0")); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file: %v, want ErrExist", err)
	}
}

// TestRestore: what clients were told after the backup never comes again for something
// else, whether the file that is replaced can still tell it or not.
func TestRestore(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for _, tc := range []struct {
		name    string
		spoil   func(t *testing.T, path string)
		guessed int
		renewed int
		aside   bool
	}{
		{"readable", func(*testing.T, string) {}, 0, 0, true},
		{"damaged", func(t *testing.T, path string) {
			if err := os.WriteFile(path, make([]byte, 9000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 1, 0, true},
		{"gone", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, 1, 0, false},
		{"other UIDVALIDITY", func(t *testing.T, path string) {
			database(t, path, "UPDATE folder SET uidvalidity = 1900000000, uidnext = 3", "INSERT INTO counter VALUES ('uidvalidity', 1900000000)")
		}, 0, 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			path, copied := filepath.Join(dir, "index.db"), filepath.Join(dir, "copy")
			x := open(t, path, index.Options{})
			for n := range uint32(10) {
				put(t, x, n+1)
			}
			if _, err := index.Backup(t.Context(), path, copied); err != nil {
				t.Fatal(err)
			}
			for n := range uint32(10) {
				put(t, x, n+11)
			}
			if _, err := index.Restore(t.Context(), copied, path, now); !errors.Is(err, index.ErrInUse) {
				t.Fatalf("while it is used: %v, want ErrInUse", err)
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			tc.spoil(t, path)
			r, err := index.Restore(t.Context(), copied, path, now)
			if err != nil {
				t.Fatal(err)
			}
			if r.Guessed != tc.guessed || r.Renewed != tc.renewed || (r.Aside != "") != tc.aside || r.Messages != 10 {
				t.Errorf("restored %+v", r)
			}
			if _, err := os.Stat(r.Aside); tc.aside && err != nil {
				t.Errorf("what was there: %v", err)
			}
			x = open(t, path, index.Options{Check: true})
			folders, err := x.Folders(t.Context())
			if err != nil || len(folders) != 1 {
				t.Fatalf("%d folders, %v", len(folders), err)
			}
			f := folders[0]
			if tc.renewed == 0 && (f.UIDValidity != 7 || f.UIDNext < 21) || tc.renewed > 0 && f.UIDValidity <= 1_900_000_000 {
				t.Errorf("UIDVALIDITY %d, UIDNEXT %d: UIDs 11 to 20 were given out", f.UIDValidity, f.UIDNext)
			}
			if f.ModSeq <= 20 && tc.renewed == 0 {
				t.Errorf("mod-sequence %d, but 20 was told", f.ModSeq)
			}
			if _, err := x.Expunged(t.Context(), "f", 20); tc.renewed == 0 && !errors.Is(err, bridge.ErrNotFound) {
				t.Errorf("expunged since 20: %v, want ErrNotFound: a client has to ask for all", err)
			}
			if v, err := x.NewUIDValidity(t.Context()); err != nil || v < 1_790_000_000 || v <= f.UIDValidity {
				t.Errorf("next UIDVALIDITY %d, %v", v, err)
			}
		})
	}
}

func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "index.db"), filepath.Join(dir, "copy")
	filled(t, path, 3)
	if err := os.WriteFile(copied, []byte("# notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := index.Restore(t.Context(), copied, path, time.Now()); !errors.Is(err, index.ErrForeign) {
		t.Errorf("something else: %v, want ErrForeign", err)
	}
	if s, err := index.Inspect(t.Context(), path, true); err != nil || s.Messages != 3 || s.Folders != 1 {
		t.Errorf("what was there: %+v, %v", s, err)
	}
	names, err := filepath.Glob(path + "*")
	if err != nil || fmt.Sprint(names) != fmt.Sprint([]string{path, path + ".lock"}) {
		t.Errorf("files left: %v, %v", names, err)
	}
	if _, err := index.Inspect(t.Context(), filepath.Join(dir, "none"), false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
