// Package disk has what the durable parts of the bridge need of a file system beyond
// package os: locks that end with their process, names that last, and a word for full.
package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// HeldError says that another process has a lock.
type HeldError struct {
	Path    string // of the lock's file
	Process string // its number, as it wrote it; "" if it did not
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("process %s locks %s", e.Process, e.Path)
}

// SyncDir makes new, renamed and removed names of a directory last.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// IsFull reports whether an error says that there is no room, or no quota left.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
