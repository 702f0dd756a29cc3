package smtpsrv

import (
	"net/netip"
	"sync"
	"time"
)

// Limits keep one program, or one host, from taking what all need. 0 is no limit.
// Those of an address do not hold for programs on this host; an IPv6 network of
// 64 bits counts as one address.
type Limits struct {
	AddressConnections int // at once from an address
	LoginConnections   int // at once of a login
	AddressRate        int // messages a minute from an address
	LoginRate          int // messages a minute of a login
}

// hostKey is who a peer is for Limits, "" for this host.
func hostKey(remote string) string {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	ip := ap.Addr().Unmap().WithZone("")
	switch {
	case ip.IsLoopback():
		return ""
	case ip.Is6():
		p, err := ip.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// tally counts what is open by name.
type tally struct {
	limit int

	// mu guards open, which has no zeros.
	mu   sync.Mutex
	open map[string]int
}

// enter counts one more, or reports that there are too many; "" is never counted.
func (t *tally) enter(name string) bool {
	if t.limit <= 0 || name == "" {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[name] >= t.limit {
		return false
	}
	if t.open == nil {
		t.open = map[string]int{}
	}
	t.open[name]++
	return true
}

// leave takes back one enter that succeeded.
func (t *tally) leave(name string) {
	if t.limit <= 0 || name == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[name]--; t.open[name] <= 0 {
		delete(t.open, name)
	}
}

// pace lets each name do something up to limit times in a minute, in one burst or
// evenly (the generic cell rate algorithm: one time for each name).
type pace struct {
	limit int

	// mu guards next: when all that was done so far would be done at an even pace.
	mu   sync.Mutex
	next map[string]time.Time
}

// maxPaced is how many names are kept before those that are idle are dropped.
const maxPaced = 4096

// admit counts one, or reports that it is one too many.
func (p *pace) admit(name string, now time.Time) bool {
	if p.limit <= 0 || name == "" {
		return true
	}
	step := time.Minute / time.Duration(p.limit)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = map[string]time.Time{}
	}
	at := p.next[name]
	if at.Before(now) {
		at = now
	}
	if at.Add(step).Sub(now) > time.Minute {
		return false
	}
	if len(p.next) >= maxPaced {
		for n, t := range p.next {
			if t.Before(now) {
				delete(p.next, n)
			}
		}
	}
	p.next[name] = at.Add(step)
	return true
}
