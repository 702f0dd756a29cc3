package doctor

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"

	"mail2graph/bridge"
)

// doors are what the checks of the listeners ask the system.
type doors struct {
	open  func(ctx context.Context, addr string) error // opens an address and closes it
	units func() []string                              // socket units of mail2graph that systemd knows
}

func realDoors() doors {
	return doors{
		open: func(ctx context.Context, addr string) error {
			ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
			if err != nil {
				return err
			}
			return ln.Close()
		},
		units: func() (all []string) {
			for _, dir := range []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"} {
				found, _ := filepath.Glob(dir + "/mail2graph*.socket") // the pattern is a good one
				all = append(all, found...)
			}
			return all
		},
	}
}

// listeners tries the addresses that serve opens. Those that a running mail2graph has
// open are in use, as they should be.
func (d *doctor) listeners(ctx context.Context) {
	for _, l := range []struct {
		key   string
		addrs []bridge.Addr
	}{
		{"[imap] listen", d.cfg.IMAP.Listen}, {"[imap] listen_tls", d.cfg.IMAP.ListenTLS},
		{"[smtp] listen", d.cfg.SMTP.Listen}, {"[smtp] listen_tls", d.cfg.SMTP.ListenTLS},
		{"[metrics] listen", d.cfg.Metrics.Listen},
	} {
		for _, a := range l.addrs {
			f := Finding{Check: "listen", Subject: string(a), Status: OK, Tried: "open the address of " + l.key, Got: "free"}
			err := d.doors.open(ctx, string(a))
			inUse := errors.Is(err, syscall.EADDRINUSE)
			units := d.doors.units()
			switch {
			case err == nil:
			case inUse && d.running:
				f.Got = "in use; a running mail2graph has state_dir open"
			case len(units) > 0 && (inUse || errors.Is(err, syscall.EACCES)):
				f.Got = "left to systemd, which has " + strings.Join(units, ", ") + ": its sockets take the place of all addresses here"
			default:
				f.Status, f.Got, f.Cure = Fail, err.Error(), ListenCure(err)
			}
			d.add(f)
		}
	}
}

// ListenCure says what to do about an address that cannot be opened.
func ListenCure(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program has it, or a mail2graph that runs already: find it (ss -ltnp) and stop it, or name another port"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need a privilege: name one above (1143, 1025), let systemd open them (mail2graph service install --sockets), " +
			"or give the service AmbientCapabilities=CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no interface of this host has the address: name one that has it (ip address), or 0.0.0.0 or [::] for all"
	}
	return "correct the address: host:port or [IPv6]:port, with a host or address of this machine"
}
