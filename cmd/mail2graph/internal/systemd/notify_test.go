package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// environ is an environment for a test.
func environ(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestSend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	for _, name := range []string{path, "@mail2graph-test-" + strconv.Itoa(os.Getpid())} {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		n := NewNotifier(environ("NOTIFY_SOCKET", name))
		if err := n.Send(Ready, Status("a\nb %d", 3)); err != nil || !n.Active() {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		size, err := conn.Read(buf)
		if got := string(buf[:size]); err != nil || got != "READY=1\nSTATUS=a b 3" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := NewNotifier(environ("NOTIFY_SOCKET", path+"x")).Send(Ready); err == nil {
		t.Error("no error although nobody listens")
	}
	for _, name := range []string{"", "relative", "tcp:1"} {
		if n := NewNotifier(environ("NOTIFY_SOCKET", name)); n.Active() || n.Send(Ready) != nil {
			t.Errorf("%q is taken for a service manager", name)
		}
	}
}

func TestReloading(t *testing.T) {
	a, b := Reloading(), Reloading()
	if len(a) == 1 && a[0] == "RELOADING=1" && a[0] == b[0] {
		t.Skip("no monotonic clock here")
	}
	usec := func(s string) int64 {
		n, err := strconv.ParseInt(strings.TrimPrefix(s, "MONOTONIC_USEC="), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if x, y := usec(a[1]), usec(b[1]); a[0] != "RELOADING=1" || x <= 0 || y < x || y-x > 60e6 {
		t.Errorf("%q, then %q", a, b)
	}
}

func TestWatchdogInterval(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, tc := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"30000000", "", 30 * time.Second}, {"30000000", self, 30 * time.Second}, {"30000000", "1", 0},
		{"-1", "", 0}, {"0", "", 0}, {"x", "", 0}, {"99999999999999999999", "", 0}, {"9223372036854775807", "", 0},
	} {
		if got := WatchdogInterval(environ("WATCHDOG_USEC", tc.usec, "WATCHDOG_PID", tc.pid)); got != tc.want {
			t.Errorf("%q for %q: %v, want %v", tc.usec, tc.pid, got, tc.want)
		}
	}
}

func TestSocketsOfOthers(t *testing.T) {
	for _, pid := range []string{"", "1", "x"} {
		if s, err := Sockets(environ("LISTEN_PID", pid, "LISTEN_FDS", "2")); s != nil || err != nil {
			t.Errorf("LISTEN_PID %q: %v, %v", pid, s, err)
		}
	}
	self := strconv.Itoa(os.Getpid())
	for _, n := range []string{"", "-1", "x", "100000"} {
		if s, err := Sockets(environ("LISTEN_PID", self, "LISTEN_FDS", n)); s != nil || err == nil {
			t.Errorf("LISTEN_FDS %q: %v, %v", n, s, err)
		}
	}
}
