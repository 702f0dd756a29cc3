package bridge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestLockOutOfNames: what many addresses try on one name locks the name, whether it
// exists or not, but neither whose password is remembered nor the login's own hosts.
func TestLockOutOfNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLogins()
		if _, err := l.Check(t.Context(), "plain", "secret", "192.0.2.200:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rememberFor + time.Minute) // its password is forgotten, its host is not
		for _, name := range []string{"plain", "PLAIN", "nobody"} {
			for i := range lockNameAfter {
				if _, err := l.Check(t.Context(), name, "wrong", fmt.Sprintf("198.51.%d.%d:1", len(name), i)); name != "PLAIN" && !errors.Is(err, ErrAuth) {
					t.Fatalf("%s: failure %d: %v, want ErrAuth", name, i, err)
				}
			}
			_, err := l.Check(t.Context(), name, "secret", "203.0.113.1:1")
			if !errors.Is(err, ErrLocked) || errors.Is(err, ErrAuth) {
				t.Errorf("%s from elsewhere after %d failures: %v, want ErrLocked", name, lockNameAfter, err)
			}
		}
		if slowed, hosts, names := l.slow.counts(); slowed != 0 || hosts != 0 || names != 2 {
			t.Errorf("%d slowed, %d hosts and %d names locked, want 0, 0, 2", slowed, hosts, names)
		}
		if _, err := l.Check(t.Context(), "router@example.com", "secret", "203.0.113.1:1"); err != nil {
			t.Errorf("another name: %v", err)
		}
		if _, err := l.Check(t.Context(), "plain", "secret", "192.0.2.200:9"); err != nil {
			t.Errorf("the login's own host: %v", err)
		}
		if _, err := l.Check(t.Context(), "plain", "secret", "203.0.113.1:1"); err != nil {
			t.Errorf("a password that was right just now: %v", err)
		}
		time.Sleep(lockFor + time.Second)
		if _, err := l.Check(t.Context(), "nobody", "secret", "203.0.113.1:1"); !errors.Is(err, ErrAuth) {
			t.Errorf("after the time: %v, want ErrAuth", err)
		}
	})
}

// TestLockOutOfAddresses: an address that tries many names is locked; loopback, where
// all programs of a gateway are, is not.
func TestLockOutOfAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLogins()
		for _, host := range []string{"192.0.2.1", "127.0.0.1", "::1", "@"} {
			for i := range lockHostAfter {
				l.slow.failed(remoteKey(host), fmt.Sprint(host, i))
			}
			_, err := l.Check(t.Context(), "plain", "secret", host)
			if locked := errors.Is(err, ErrLocked); locked != (host == "192.0.2.1") || !locked && err != nil {
				t.Errorf("%s: %v", host, err)
			}
			l.users["plain"].until = time.Time{} // what was right is to be checked again
		}
		if _, hosts, names := l.slow.counts(); hosts != 1 || names != 0 {
			t.Errorf("%d hosts and %d names locked, want 1 and 0", hosts, names)
		}
		time.Sleep(lockFor + time.Second)
		if _, err := l.Check(t.Context(), "plain", "secret", "192.0.2.1:1"); err != nil {
			t.Errorf("after the time: %v", err)
		}
	})
}

// TestLocksOutlastOthers: to try many names or from many addresses sets nobody free.
func TestLocksOutlastOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s slowdown
		for range lockNameAfter {
			s.failed("192.0.2.1", "plain")
		}
		for i := range 2 * maxRemotes {
			time.Sleep(time.Microsecond)
			s.failed(fmt.Sprint("host", i), fmt.Sprint("name", i))
		}
		if err := s.locked("x", "plain", false); !errors.Is(err, ErrLocked) {
			t.Errorf("got %v, want ErrLocked", err)
		}
		if len(s.hosts) > maxRemotes || len(s.names) > maxRemotes {
			t.Errorf("%d hosts and %d names kept, more than %d", len(s.hosts), len(s.names), maxRemotes)
		}
	})
}

// network is a Network of a test.
func network(t *testing.T, s string) Network {
	t.Helper()
	var n Network
	if err := n.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAllowFrom: from elsewhere a right password is a wrong one, also if it is
// remembered, and costs a hash like any.
func TestAllowFrom(t *testing.T) {
	l := NewLogins(map[string]LoginConfig{"u": {
		PasswordHash: testBcrypt, Mailbox: "m",
		AllowFrom: []Network{network(t, "10.0.0.0/8"), network(t, "2001:db8::/32"), network(t, "192.0.2.7"), network(t, "127.0.0.1")},
	}}, map[string]MailboxConfig{"m": {}})
	for remote, want := range map[string]bool{
		"10.255.0.1:1": true, "[2001:db8:1::1]:1": true, "192.0.2.7:1": true, "[::ffff:10.0.0.1]:1": true, "@": true, "127.0.0.1:1": true,
		"11.0.0.1:1": false, "[2001:db9::1]:1": false, "192.0.2.8:1": false, "127.0.0.2:1": false, "[::1]:1": false,
	} {
		for range 2 { // the second time it is remembered
			_, err := l.Check(t.Context(), "u", "secret", remote)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrAuth) {
				t.Errorf("%s: %v, want allowed: %v", remote, err, want)
			}
		}
	}
	if _, hosts := l.slow.hosts["192.0.2.8"]; !hosts {
		t.Error("a refused address is not counted as a failure")
	}
}

// TestEnumeration compares how long refusals take for names that exist and for names
// that do not, by the rank sum test (Mann-Whitney): neither sample tends to be longer.
// Whatever this machine does besides happens to both samples alike.
func TestEnumeration(t *testing.T) {
	hash, err := HashPassword("right")
	if err != nil {
		t.Fatal(err)
	}
	configs := map[string]LoginConfig{}
	for i := range 40 {
		configs[fmt.Sprint("known", i)] = LoginConfig{PasswordHash: PasswordHash(hash), Mailbox: "m"}
	}
	l := NewLogins(configs, map[string]MailboxConfig{"m": {}})
	const n = 40
	refused := func(kind string, i int) time.Duration {
		start := time.Now()
		_, err := l.Check(context.Background(), fmt.Sprint(kind, i), "wrong", fmt.Sprintf("10.%d.%d.1:1", len(kind), i))
		took := time.Since(start)
		if !errors.Is(err, ErrAuth) {
			t.Fatal(err)
		}
		return took
	}
	var known, unknown []time.Duration
	for i := range n {
		if i%2 == 0 {
			known = append(known, refused("known", i))
			unknown = append(unknown, refused("unknown", i))
		} else {
			unknown = append(unknown, refused("unknown", i))
			known = append(known, refused("known", i))
		}
	}
	z := rankSum(known, unknown)
	t.Logf("z = %.2f", z)
	// 5 is chance once in a million and a half; samples that do not overlap give 7.7.
	if math.Abs(z) > 5 {
		slices.Sort(known)
		slices.Sort(unknown)
		t.Errorf("z = %.1f: a refusal tells whether a name exists; medians %v and %v", z, known[n/2], unknown[n/2])
	}
}

// rankSum is the normal score of the Mann-Whitney U of two samples of equal size.
func rankSum(a, b []time.Duration) float64 {
	u := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	return (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
}
