package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func testLogins() *Logins {
	return NewLogins(map[string]LoginConfig{
		"router": {Username: "Router@Example.com", PasswordHash: testBcrypt, Mailbox: "support", SendAs: []string{"sales@example.com"}},
		"plain":  {PasswordHash: testBcrypt, Mailbox: "support"},
	}, map[string]MailboxConfig{"support": {Address: "support@example.com"}})
}

// timed runs Check and tells how long it took by the clock of the bubble.
func timed(l *Logins, user, password, remote string) (*Login, time.Duration, error) {
	start := time.Now()
	login, err := l.Check(context.Background(), user, password, remote)
	return login, time.Since(start), err
}

func TestLoginsCheck(t *testing.T) {
	l := testLogins()
	for _, tc := range []struct {
		name, user, password string
		want                 string // login's name, "" for ErrAuth
	}{
		{"as written", "Router@Example.com", "secret", "router"},
		{"other case", "ROUTER@example.COM", "secret", "router"},
		{"name of the table", "plain", "secret", "plain"},
		{"remembered", "router@example.com", "secret", "router"},
		{"table's name beside a username", "router", "secret", ""},
		{"wrong password", "plain", "Secret", ""},
		{"empty password", "plain", "", ""},
		{"unknown", "nobody", "secret", ""},
		{"empty", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			login, err := l.Check(t.Context(), tc.user, tc.password, "192.0.2."+fmt.Sprint(len(tc.name))+":1")
			if tc.want == "" {
				if login != nil || !errors.Is(err, ErrAuth) {
					t.Errorf("got %v, %v, want ErrAuth", login, err)
				}
				return
			}
			if err != nil || login.Name != tc.want || login.Mailbox != "support" {
				t.Errorf("got %+v, %v, want %s", login, err, tc.want)
			}
		})
	}
	login, err := l.Check(t.Context(), "router@example.com", "secret", "")
	if err != nil || !slices.Equal(login.Senders, []string{"support@example.com", "sales@example.com"}) {
		t.Errorf("got %+v, %v", login, err)
	}
}

func TestLoginsSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLogins()
		var got []time.Duration
		for range 10 {
			_, d, err := timed(l, "plain", "wrong", "192.0.2.1:999")
			if !errors.Is(err, ErrAuth) {
				t.Fatal(err)
			}
			got = append(got, d)
		}
		ms := time.Millisecond
		want := []time.Duration{0, 0, 0, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 15000 * ms, 15000 * ms}
		if !slices.Equal(got, want) {
			t.Errorf("delays %v, want %v", got, want)
		}
		if _, d, _ := timed(l, "plain", "wrong", "192.0.2.2:999"); d != 0 {
			t.Errorf("another host waits %v", d)
		}
		// The right password waits too, or its haste would tell that it is right.
		if _, d, err := timed(l, "plain", "secret", "192.0.2.1:1"); err != nil || d != 15*time.Second {
			t.Errorf("a right password: %v after %v, want nil after 15s", err, d)
		}
		// But what was right lately is answered at once.
		if _, d, err := timed(l, "plain", "secret", "192.0.2.1:1"); err != nil || d != 0 {
			t.Errorf("a remembered password: %v after %v, want nil at once", err, d)
		}
		time.Sleep(forgetAfter + time.Second)
		if _, d, _ := timed(l, "plain", "wrong", "192.0.2.1:1"); d != 0 {
			t.Errorf("after a long time: delay %v, want none", d)
		}
	})
}

func TestLoginsForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLogins()
		if _, _, err := timed(l, "plain", "secret", "192.0.2.1:1"); err != nil {
			t.Fatal(err)
		}
		u := l.users["plain"]
		mac := l.mac(u, "secret")
		if u.recall(l.mac(u, "wrong")) || l.users["router@example.com"].recall(mac) {
			t.Error("a wrong password or another login is recalled")
		}
		time.Sleep(rememberFor - time.Second)
		if !u.recall(mac) {
			t.Error("forgotten too early")
		}
		time.Sleep(rememberFor - time.Second)
		if !u.recall(mac) {
			t.Error("use does not extend the time")
		}
		time.Sleep(rememberFor)
		if u.recall(mac) {
			t.Error("never forgotten")
		}
	})
}

func TestLoginsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLogins()
		for range 8 {
			_, _, _ = timed(l, "plain", "wrong", "192.0.2.1:1")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := l.Check(ctx, "plain", "secret", "192.0.2.1:1")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want the deadline after 1s", err, time.Since(start))
		}
	})
}

func TestLoginsConcurrent(t *testing.T) {
	l := testLogins()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			password := []string{"secret", "wrong"}[i%2]
			_, err := l.Check(t.Context(), "plain", password, fmt.Sprintf("192.0.2.%d:1", i))
			if (err == nil) != (password == "secret") {
				t.Errorf("%s: %v", password, err)
			}
		})
	}
	wg.Wait()
}

func TestUnknownUserCostsTheSame(t *testing.T) {
	l := testLogins()
	if a, b := l.hashFor(nil, "nobody"), l.hashFor(nil, "NOBODY"); a == "" || a != b {
		t.Errorf("hashes %q and %q for one unknown name", a, b)
	}
	if got := NewLogins(nil, nil).hashFor(nil, "x"); got != "" {
		t.Errorf("a hash from nowhere: %q", got)
	}
}

func TestSlowdownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s slowdown
		for i := range maxRemotes + 10 {
			s.failed(fmt.Sprint(i), "x")
			time.Sleep(time.Millisecond)
		}
		_, first := s.hosts["0"]
		_, last := s.hosts[fmt.Sprint(maxRemotes+9)]
		if len(s.hosts) != maxRemotes || first || !last {
			t.Errorf("%d hosts, oldest kept: %v, newest kept: %v", len(s.hosts), first, last)
		}
	})
}

func TestRemoteKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:50000":            "192.0.2.1",
		"[::ffff:192.0.2.1]:50000":   "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:1":   "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":           "fe80::/64",
		"[::1]:1":                    "::1",
		"pipe":                       "pipe",
		"":                           "",
		"192.0.2.1":                  "192.0.2.1",
		"[2001:db8:1:2:ffff::1]:993": "2001:db8:1:2::/64",
	} {
		if got := remoteKey(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
