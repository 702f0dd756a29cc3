//go:build unix

package graphstore

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSignInByRoot: what root keeps belongs to the user of the state directory.
func TestSignInByRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	state := t.TempDir()
	if err := os.Chown(state, 4711, 4712); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(state, "signin", "demo.json")
	if err := newSignInFile(path).write(&storedSignIn{Version: signInVersion}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 4711 || st.Gid != 4712 {
			t.Errorf("%s belongs to %d:%d", p, st.Uid, st.Gid)
		}
	}
}
