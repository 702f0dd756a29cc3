package outbox

// room is FreeSpace of a file system with so many inodes. Those that have no inodes
// report none at all.
func room(inodes, free uint64, octets int64) (int64, error) {
	if inodes > 0 && free < 64 {
		return 0, ErrNoInodes
	}
	return octets, nil
}
