package outbox

import (
	"errors"
	"fmt"
	"io"

	"mail2graph/bridge/disk"
)

// acquire takes the lock of a spool or returns ErrInUse at once: two processes would
// send the same message.
func acquire(path string) (io.Closer, error) {
	l, err := disk.Lock(path)
	var held *disk.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("%w by process %s (it locks %s): stop that process, or give this one a state_dir of its own",
			ErrInUse, held.Process, held.Path)
	}
	return l, err
}
