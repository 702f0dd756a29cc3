package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// firstSocket is the descriptor of the first socket (SD_LISTEN_FDS_START).
const firstSocket = 3

// Socket is a listener that the service manager opened.
type Socket struct {
	Name     string // FileDescriptorName= of its unit
	Listener net.Listener
}

// Sockets returns what the service manager passed to this process, nil if nothing.
// Call it once: the descriptors belong to the listeners afterwards.
func Sockets(getenv func(string) string) ([]Socket, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil // they were for a parent of this process
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 || n > 1000 {
		return nil, fmt.Errorf("LISTEN_FDS: found %q, allowed is a number of sockets", getenv("LISTEN_FDS"))
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	var sockets []Socket
	var errs []error
	for i := range n {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		f := os.NewFile(uintptr(firstSocket+i), name)
		ln, err := net.FileListener(f) // a copy, closed on exec
		f.Close()
		if err != nil {
			errs = append(errs, fmt.Errorf("socket %d (%s) of the service manager: %w", i, name, err))
			continue
		}
		sockets = append(sockets, Socket{name, ln})
	}
	if len(errs) > 0 {
		for _, s := range sockets {
			s.Listener.Close()
		}
		return nil, errors.Join(errs...)
	}
	return sockets, nil
}
