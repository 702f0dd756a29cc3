package bridge

import (
	"testing"
)

func TestTrusted(t *testing.T) {
	var nets []TrustedNetwork
	for _, n := range [][2]string{{"10.0.0.0/8", "plain"}, {"10.0.0.5", "router"}, {"2001:db8::/32", "router"}, {"10.9.9.9", "gone"}} {
		var network Network
		if err := network.UnmarshalText([]byte(n[0])); err != nil {
			t.Fatal(err)
		}
		nets = append(nets, TrustedNetwork{network, n[1]})
	}
	l := testLogins().trust(nets)
	for remote, want := range map[string]string{
		"10.0.0.5:40000": "router", "[::ffff:10.0.0.5]:40000": "router", "10.0.0.6:40000": "plain", "11.0.0.5:1": "",
		"[2001:db8::1%eth0]:25": "router", "[2001:db9::1]:25": "", "127.0.0.1:25": "", "pipe": "", "": "", "10.9.9.9:1": "",
	} {
		got := ""
		if login := l.trusted(remote); login != nil {
			got = login.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}
