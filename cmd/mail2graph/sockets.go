package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"mail2graph/cmd/mail2graph/internal/systemd"
)

// entrance is what a socket of the service manager is for.
type entrance struct {
	proto  string
	secure bool
}

// entrances are known by the name of the socket (FileDescriptorName=), or else by
// the well-known port.
var (
	entrancesByName = map[string]entrance{
		"imap": {"imap", false}, "imaps": {"imap", true}, "smtp": {"smtp", false}, "smtps": {"smtp", true},
		"metrics":    {"http", false},
		"submission": {"smtp", false}, "submissions": {"smtp", true},
	}
	entrancesByPort = map[int]entrance{
		143: {"imap", false}, 993: {"imap", true}, 25: {"smtp", false}, 587: {"smtp", false}, 465: {"smtp", true},
	}
)

// isStatusSocket tells the socket of the status page, which is known by name alone.
func isStatusSocket(s systemd.Socket) bool { return entrancesByName[s.Name].proto == "http" }

// adopt makes doors of the sockets that the service manager opened. They are all
// there is then: the addresses of the configuration are not opened.
func (s *service) adopt(certs map[string]*tls.Config) error {
	var errs []error
	for _, socket := range s.sockets {
		ln := socket.Listener
		e, ok := entrancesByName[socket.Name]
		if tcp, isTCP := ln.Addr().(*net.TCPAddr); !ok && isTCP {
			e, ok = entrancesByPort[tcp.Port]
		}
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("socket %q at %v: set FileDescriptorName= of its unit to imap, imaps, smtp or smtps", socket.Name, ln.Addr()))
		case e.secure && certs[e.proto] == nil:
			errs = append(errs, fmt.Errorf("socket %q at %v: TLS needs cert_file and key_file in [tls]", socket.Name, ln.Addr()))
		}
		if e.proto == "http" {
			s.watching.doors = append(s.watching.doors, ln)
			continue
		}
		if ok && e.secure && certs[e.proto] != nil {
			ln = tls.NewListener(ln, certs[e.proto])
		}
		s.doors = append(s.doors, door{e.proto, ln, e.secure}) // close closes those of an error too
	}
	return errors.Join(errs...)
}
