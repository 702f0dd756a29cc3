package index_test

import (
	"path/filepath"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/storetest"
)

func open(t *testing.T, path string, opts index.Options) *index.Index {
	t.Helper()
	x, err := index.Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func TestIndex(t *testing.T) {
	storetest.RunIndex(t, func(t *testing.T) storetest.IndexFixture {
		path := filepath.Join(t.TempDir(), "state with spaces % and ?#ü", "index.db")
		x := open(t, path, index.Options{})
		return storetest.IndexFixture{Index: x, Reopen: func() bridge.Index {
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			x = open(t, path, index.Options{Check: true})
			return x
		}}
	})
}
