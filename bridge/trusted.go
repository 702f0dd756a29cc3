package bridge

import (
	"cmp"
	"net/netip"
	"slices"
)

// trust adds the networks whose programs need no password, and returns l.
func (l *Logins) trust(nets []TrustedNetwork) *Logins {
	l.nets = slices.Clone(nets)
	slices.SortStableFunc(l.nets, func(a, b TrustedNetwork) int {
		return cmp.Compare(netip.Prefix(b.Network).Bits(), netip.Prefix(a.Network).Bits())
	})
	return l
}

// trusted returns the login of the smallest network that remote ("ip:port") is in,
// nil if it is in none. A socket of this host that has no address is in none.
func (l *Logins) trusted(remote string) *Login {
	ip, ok := remoteIP(remote)
	if !ok {
		return nil
	}
	for _, t := range l.nets {
		if !netip.Prefix(t.Network).Contains(ip) {
			continue
		}
		for _, u := range l.all {
			if u.login.Name == t.Login {
				return u.copyLogin()
			}
		}
		return nil
	}
	return nil
}
