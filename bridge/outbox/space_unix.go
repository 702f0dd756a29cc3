//go:build darwin || freebsd || linux

package outbox

import "syscall"

// FreeSpace returns how many octets an ordinary process may still write below dir;
// 0 and ErrNoInodes when no file can be made, whatever room there is.
// errors.ErrUnsupported where the system cannot be asked.
func FreeSpace(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return room(uint64(st.Files), uint64(st.Ffree), int64(st.Bavail)*int64(st.Bsize))
}
