//go:build unix

package logging

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// isJournal reports whether w is the stream that JOURNAL_STREAM names, as "device:inode"
// (systemd.exec(5)): it may be redirected, or inherited from somebody else.
func isJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
