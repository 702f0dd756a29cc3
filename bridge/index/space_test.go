package index

import (
	"errors"
	"path/filepath"
	"testing"

	"mail2graph/bridge"
)

// A full disk, here a limit on the file's pages: the call is refused with
// ErrNoSpace, what was there stays, and with room again all goes on.
func TestNoSpace(t *testing.T) {
	x, err := Open(t.Context(), filepath.Join(t.TempDir(), "index.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if err := x.Apply(t.Context(), benchUpdate(1, 100)); err != nil {
		t.Fatal(err)
	}
	limit := func(pages string) {
		t.Helper()
		if _, err := x.write.ExecContext(t.Context(), "PRAGMA max_page_count="+pages); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		t.Helper()
		if err := x.Rows(t.Context(), benchFolder, func(bridge.Row) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	limit("1") // SQLite takes the present size as the least
	if err := x.Apply(t.Context(), benchUpdate(101, 1000)); !errors.Is(err, bridge.ErrNoSpace) {
		t.Errorf("Apply without room: %v, want ErrNoSpace", err)
	}
	if n := count(); n != 100 {
		t.Errorf("%d rows after a refused Apply, want 100", n)
	}
	limit("1000000")
	if err := x.Apply(t.Context(), benchUpdate(101, 1000)); err != nil {
		t.Errorf("Apply with room again: %v", err)
	}
	if n := count(); n != 1100 {
		t.Errorf("%d rows, want 1100", n)
	}
}
