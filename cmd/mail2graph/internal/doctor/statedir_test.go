package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMakeStateDir: root is told of a start that could not be repeated by the service.
func TestMakeStateDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	for _, tc := range []struct {
		name        string
		owner, euid int
		want        string // "": no remark
	}{
		{"root's", 0, 0, ""},
		{"its own", 990, 990, ""},
		{"of a group", 0, 990, ""}, // the file system decides
		{"the service's, as root", 990, 0, "belongs to user 990 and this is root"},
	} {
		k := disk{owner: func(fs.FileInfo) (int, bool) { return tc.owner, true }, euid: func() int { return tc.euid }}
		remark, err := k.makeStateDir(dir)
		if err != nil || (remark == "") != (tc.want == "") || !strings.Contains(remark, tc.want) {
			t.Errorf("%s: %q, %v, want %q", tc.name, remark, err, tc.want)
		}
		if remark != "" && !(strings.Contains(remark, "sudo -u '#990' mail2graph serve") && strings.Contains(remark, "chown -R root "+dir)) {
			t.Errorf("%s: no cure in %q", tc.name, remark)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("made as %v, %v", info, err)
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "state")} {
		if _, err := MakeStateDir(path); err == nil || !strings.Contains(err.Error(), "state_dir: ") || !strings.Contains(err.Error(), "name another state_dir") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestStateCure: each way to be kept out of the state directory has its own.
func TestStateCure(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{syscall.EACCES, "chown -R USER /s"},
		{syscall.EROFS, "service install --state /s"},
		{syscall.ENOENT, ""},
		{syscall.ENOSPC, ""},
	} {
		got := StateCure(fmt.Errorf("open outbox: %w", &fs.PathError{Op: "mkdir", Path: "/s/outbox", Err: tc.err}), "/s")
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.want)
		}
	}
}
