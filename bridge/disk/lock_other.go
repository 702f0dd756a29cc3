//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package disk

import (
	"errors"
	"fmt"
	"io"
)

// Lock refuses: without flock two processes could write to the same files.
func Lock(path string) (io.Closer, error) {
	return nil, fmt.Errorf("lock %s: no file locks on this system: %w", path, errors.ErrUnsupported)
}
