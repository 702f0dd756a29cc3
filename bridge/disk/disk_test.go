package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := Lock(path); !errors.As(err, &held) || held.Path != path || held.Process != strconv.Itoa(os.Getpid()) {
		t.Errorf("while it is held: %v, want a HeldError with this process", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Lock(path); err != nil {
		t.Fatalf("after it was given up: %v", err)
	}
	l.Close()
	if _, err := Lock(filepath.Join(path, "below")); err == nil || errors.As(err, &held) {
		t.Errorf("where no file can be: %v", err)
	}
}

func TestSyncDir(t *testing.T) {
	dir := t.TempDir()
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestIsFull(t *testing.T) {
	for err, want := range map[error]bool{nil: false, syscall.EIO: false, syscall.ENOSPC: true, syscall.EDQUOT: true} {
		if err != nil {
			err = fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "x", Err: err})
		}
		if IsFull(err) != want {
			t.Errorf("%v: got %v", err, !want)
		}
	}
}
