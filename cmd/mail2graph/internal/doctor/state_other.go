//go:build !(linux || darwin || freebsd)

package doctor

import "io/fs"

func fileOwner(fs.FileInfo) (int, bool) { return 0, false }
