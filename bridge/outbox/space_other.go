//go:build !(darwin || freebsd || linux)

package outbox

import "errors"

// FreeSpace is errors.ErrUnsupported here.
func FreeSpace(string) (int64, error) { return 0, errors.ErrUnsupported }
