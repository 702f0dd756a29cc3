package bridge

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// The delays before a check: none for freeFailures failures, then firstDelay,
// doubled with each further one up to maxDelay, shorter than what mail programs wait
// for an answer. After forgetAfter without a failure all is forgotten.
const (
	freeFailures = 3
	firstDelay   = 500 * time.Millisecond
	maxDelay     = 15 * time.Second
	forgetAfter  = 15 * time.Minute
	maxRemotes   = 4096
)

// So many failures, each less than forgetAfter after the one before, lock a user name
// or an address for lockFor. Loopback addresses are slowed down alone: all programs of
// a gateway share them.
const (
	lockNameAfter = 20
	lockHostAfter = 50
	lockFor       = 15 * time.Minute
)

// slowdown counts failures by remote host and by user name.
type slowdown struct {
	// mu guards what follows; each map has at most maxRemotes entries.
	mu    sync.Mutex
	hosts map[string]failures
	names map[string]failures // folded, of logins and of anything else that was tried
}

type failures struct {
	count int
	last  time.Time
	until time.Time // locked until then
}

// locked returns ErrLocked for a host or name that is locked. A host that is at home
// with the name is not locked out by others who try it.
func (s *slowdown) locked(host, name string, home bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if until := s.hosts[host].until; now.Before(until) {
		return fmt.Errorf("address %s until %s: %w", host, until.Format(time.TimeOnly), ErrLocked)
	}
	if until := s.names[name].until; now.Before(until) && !home {
		return fmt.Errorf("user name until %s: %w", until.Format(time.TimeOnly), ErrLocked)
	}
	return nil
}

// wait waits as long as the failures of host demand.
func (s *slowdown) wait(ctx context.Context, host string) error {
	d := s.delay(host)
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *slowdown) delay(host string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hosts[host].delay()
}

func (f failures) delay() time.Duration {
	if time.Since(f.last) > forgetAfter || f.count < freeFailures {
		return 0
	}
	d := firstDelay
	for range f.count - freeFailures {
		if d *= 2; d >= maxDelay {
			return maxDelay
		}
	}
	return d
}

func (s *slowdown) failed(host, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts == nil {
		s.hosts, s.names = map[string]failures{}, map[string]failures{}
	}
	after := lockHostAfter
	if isLoopback(host) {
		after = 0
	}
	count(s.hosts, host, after)
	count(s.names, name, lockNameAfter)
}

// count enters one more failure, and locks after so many; 0: never.
func count(m map[string]failures, key string, lockAfter int) {
	f, ok := m[key]
	if !ok && len(m) >= maxRemotes {
		forgetOldest(m)
	}
	now := time.Now()
	if now.Sub(f.last) > forgetAfter {
		f.count = 0
	}
	f.count, f.last = f.count+1, now
	if lockAfter > 0 && f.count >= lockAfter {
		f = failures{last: now, until: now.Add(lockFor)}
	}
	m[key] = f
}

// forgetOldest makes room for one. One that is locked goes last, or trying many names
// would set it free.
func forgetOldest(m map[string]failures) {
	var oldest string
	var at failures
	now := time.Now()
	for key, f := range m {
		free, wasFree := !now.Before(f.until), !now.Before(at.until)
		if at.last.IsZero() || free && !wasFree || free == wasFree && f.last.Before(at.last) {
			oldest, at = key, f
		}
	}
	delete(m, oldest)
}

// counts tells how many hosts are slowed down, and how many hosts and names are locked.
func (s *slowdown) counts() (slowed, hosts, names int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, f := range s.hosts {
		if f.delay() > 0 {
			slowed++
		}
		if now.Before(f.until) {
			hosts++
		}
	}
	for _, f := range s.names {
		if now.Before(f.until) {
			names++
		}
	}
	return slowed, hosts, names
}

// remoteKey reduces an address to whom it belongs: the IPv4 address, or the
// /64 that one IPv6 host has to itself.
func remoteKey(remote string) string {
	ip, ok := remoteIP(remote)
	if !ok {
		return remote
	}
	if ip.Is6() && !ip.IsLoopback() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// isLoopback is for what remoteKey makes; sockets of this host are no addresses.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		_, err := netip.ParsePrefix(host)
		return err != nil
	}
	return ip.IsLoopback()
}
