//go:build !unix

package status

func cpuSeconds() (float64, bool) { return 0, false }

func maxFiles() (uint64, bool) { return 0, false }
