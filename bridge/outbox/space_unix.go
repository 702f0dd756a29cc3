//go:build darwin || freebsd || linux

package outbox

import "syscall"

// FreeSpace returns how many octets an ordinary process may still write below dir;
// 0 too when no file can be made for want of inodes. errors.ErrUnsupported where the
// system cannot be asked.
func FreeSpace(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	// Without a free inode no file can be made, however much room there is. File
	// systems that have no inodes report none at all.
	if st.Files > 0 && st.Ffree < 64 {
		return 0, nil
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
