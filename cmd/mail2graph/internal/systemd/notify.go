// Package systemd speaks to the service manager that started the process:
// notifications, the watchdog, and sockets that it opened (sd_notify(3),
// sd_listen_fds(3)). Without one it does nothing.
//
// It also writes the unit files. Nothing here needs a library of systemd: the
// protocol is a datagram and three variables of the environment.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier sends states to the service manager. The zero value sends nothing. It
// may be used concurrently.
type Notifier struct {
	socket string
}

// NewNotifier takes the address of the service manager from the environment
// variable NOTIFY_SOCKET.
func NewNotifier(getenv func(string) string) Notifier {
	socket := getenv("NOTIFY_SOCKET")
	if socket == "" || socket[0] != '/' && socket[0] != '@' {
		return Notifier{}
	}
	return Notifier{socket}
}

// Active reports whether anybody listens.
func (n Notifier) Active() bool { return n.socket != "" }

// Send sends assignments such as "READY=1" as one notification.
func (n Notifier) Send(states ...string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// Ready, Stopping and Watchdog are states without a value.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1"
)

// Status is a line for people, shown by systemctl status.
func Status(format string, args ...any) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' ' // a line end would begin another assignment
		}
		return r
	}, fmt.Sprintf(format, args...))
}

// Reloading returns the states that begin a reload; it ends with Ready. The time
// tells the manager which Ready belongs to it (Type=notify-reload).
func Reloading() []string {
	states := []string{"RELOADING=1"}
	if usec, ok := monotonic(); ok {
		states = append(states, "MONOTONIC_USEC="+strconv.FormatInt(usec, 10))
	}
	return states
}

// WatchdogInterval is the time within which Alive must come, 0 if none is asked
// for (sd_watchdog_enabled(3)).
func WatchdogInterval(getenv func(string) string) time.Duration {
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 || usec > int64(24*time.Hour/time.Microsecond) {
		return 0
	}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}
