//go:build !linux

package systemd

func monotonic() (int64, bool) { return 0, false }
