package bridge

import (
	"encoding"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Network is a range of addresses: "10.0.0.0/8", "2001:db8::/32", or one address.
type Network netip.Prefix

var _ encoding.TextUnmarshaler = (*Network)(nil)

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Network) UnmarshalText(text []byte) error {
	const allowed = `allowed is a network such as "10.0.0.0/8" or "2001:db8::/32", or one address`
	s := string(text)
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		*n = Network(netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return fmt.Errorf("found %q, %s", text, allowed)
	case p.Addr().Is4In6():
		return fmt.Errorf("found %q, %s; write IPv4 networks as such", text, allowed)
	case p != p.Masked():
		return fmt.Errorf("found %q, which has bits beyond its length; meant is perhaps %q", text, p.Masked())
	}
	*n = Network(p)
	return nil
}

// String implements fmt.Stringer.
func (n Network) String() string { return netip.Prefix(n).String() }

// inNetworks reports whether remote ("ip:port") is in one of the networks. What is no
// IP address, a socket of this host, counts as 127.0.0.1.
func inNetworks(networks []Network, remote string) bool {
	ip, ok := remoteIP(remote)
	if !ok {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return slices.ContainsFunc(networks, func(n Network) bool { return netip.Prefix(n).Contains(ip) })
}

// remoteIP is the address in "ip:port", without the zone.
func remoteIP(remote string) (netip.Addr, bool) {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	host, _, _ = strings.Cut(host, "%")
	ip, err := netip.ParseAddr(host)
	return ip.Unmap(), err == nil
}
