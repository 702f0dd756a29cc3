//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package outbox

import (
	"os"
	"syscall"
)

// adopt gives a file that root makes in the outbox to the outbox's owner: the
// daemon, which runs as that user, has to read it.
func adopt(dir, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}
