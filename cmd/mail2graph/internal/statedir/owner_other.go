//go:build !unix

package statedir

import "io/fs"

// fileOwner is known on Unix alone.
func fileOwner(fs.FileInfo) (int, bool) { return 0, false }
