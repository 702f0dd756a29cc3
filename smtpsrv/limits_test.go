package smtpsrv

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// dialFrom connects as a peer with that address.
func dialFrom(ln *pipeListener, ip string) *client {
	near, far := net.Pipe()
	ln.conns <- addrConn{far, &net.TCPAddr{IP: net.ParseIP(ip), Port: 4000}}
	return newClient(near)
}

func TestConnectionsOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, Options{Login: (&fakeAccount{}).login, Limits: Limits{AddressConnections: 2}})
		defer stop()
		var open []*client
		for _, tc := range []struct{ ip, want string }{
			{"10.0.0.1", "220"}, {"10.0.0.1", "220"}, {"10.0.0.1", "421 4.7.0"}, {"10.0.0.2", "220"},
			{"2001:db8::1", "220"}, {"2001:db8::2", "220"}, {"2001:db8::3", "421 4.7.0"}, {"2001:db8:0:1::3", "220"},
			{"127.0.0.1", "220"}, {"127.0.0.1", "220"}, {"127.0.0.1", "220"}, {"::1", "220"}, {"::1", "220"}, {"::1", "220"},
		} {
			c := dialFrom(ln, tc.ip)
			open = append(open, c)
			if got := c.answers(); len(got) == 0 || !strings.HasPrefix(got[0], tc.want) {
				t.Errorf("%s: %q, want %s", tc.ip, got, tc.want)
			}
		}
		_ = open[0].Close()
		synctest.Wait()
		c := dialFrom(ln, "10.0.0.1")
		if got := c.answers(); len(got) != 1 || !strings.HasPrefix(got[0], "220") {
			t.Errorf("after one has gone: %q", got)
		}
		for _, c := range append(open, c) {
			_ = c.Close()
		}
	})
}

func TestConnectionsOfALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, Options{Login: (&fakeAccount{}).login, Limits: Limits{LoginConnections: 1}})
		defer stop()
		first, second := newClient(ln.dial()), newClient(ln.dial())
		send(first, loggedIn)
		first.answers()
		send(second, loggedIn)
		got := second.answers()
		if len(got) < 2 || got[len(got)-2] != "421 4.7.0 Too many connections of this login, try again later" || got[len(got)-1] != "<closed>" {
			t.Errorf("second: %q", got)
		}
		_ = first.Close()
		synctest.Wait()
		third := newClient(ln.dial())
		send(third, loggedIn)
		if got := third.answers(); !strings.HasPrefix(got[len(got)-1], "235 ") {
			t.Errorf("third: %q", got)
		}
		_ = third.Close()
	})
}

// TestRates: as many messages as a minute may have at once, then evenly.
func TestRates(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limits Limits
		ip     string
		free   bool
	}{
		{"login", Limits{LoginRate: 3}, "127.0.0.1", false},
		{"address", Limits{AddressRate: 3}, "10.0.0.1", false},
		{"this host", Limits{AddressRate: 3}, "127.0.0.1", true},
		{"no limit", Limits{}, "10.0.0.1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				account := &fakeAccount{}
				trusted := func(context.Context, string) (Account, string, error) { return account, "user", nil }
				ln, stop := start(t, Options{Login: account.login, Trusted: trusted, Limits: tc.limits})
				defer stop()
				c := dialFrom(ln, tc.ip)
				defer c.Close()
				say := func() string {
					send(c, "MAIL FROM:<user@example.com>\r\nRSET\r\n")
					got := c.answers()
					return got[len(got)-2][:9]
				}
				send(c, "EHLO x\r\n")
				c.answers()
				var got []string
				for range 4 {
					got = append(got, say())
				}
				time.Sleep(20 * time.Second)
				got = append(got, say(), say())
				want := "[250 2.1.0 250 2.1.0 250 2.1.0 450 4.7.1 250 2.1.0 450 4.7.1]"
				if tc.free {
					want = strings.ReplaceAll(want, "450 4.7.1", "250 2.1.0")
				}
				if fmt.Sprint(got) != want {
					t.Errorf("got %v, want %s", got, want)
				}
			})
		})
	}
}

// TestPaceForgets: names that are idle do not fill the memory.
func TestPaceForgets(t *testing.T) {
	p := pace{limit: 10}
	now := time.Unix(1e9, 0)
	for i := range 3 * maxPaced {
		if !p.admit(fmt.Sprint(i), now.Add(time.Duration(i)*time.Second)) {
			t.Fatalf("%d is not admitted", i)
		}
		if len(p.next) > maxPaced {
			t.Fatalf("%d names are kept", len(p.next))
		}
	}
}

// TestTrustedLogsIn: who is trusted by address and logs in after all leaves one
// place and takes another, whether there is one or not.
func TestTrustedLogsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := &fakeAccount{}
		trusted := func(context.Context, string) (Account, string, error) { return account, "device", nil }
		srv := New(Options{Login: account.login, Trusted: trusted, Limits: Limits{LoginConnections: 1}})
		ln := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ctx, ln) }()
		first, second := newClient(ln.dial()), newClient(ln.dial())
		send(first, loggedIn)
		first.answers()
		send(second, "EHLO x\r\nMAIL FROM:<user@example.com>\r\nRSET\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\n")
		if got := second.answers(); !strings.HasPrefix(got[len(got)-2], "421 4.7.0 ") {
			t.Errorf("second: %q", got)
		}
		if got := srv.Stats().Sessions; len(got) != 1 || got["user"] != 1 {
			t.Errorf("sessions %v", got)
		}
		_ = first.Close()
		synctest.Wait()
		if got := srv.Stats().Sessions; got["user"] != 0 || len(srv.logins.open) != 0 {
			t.Errorf("at the end %v, %v", got, srv.logins.open)
		}
		cancel()
		<-done
	})
}

// TestTrustedRefused: whose address nobody knows has to log in, and a failure to
// find out is no permission.
func TestTrustedRefused(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{{bridge.ErrAuth, "530 5.7.0"}, {bridge.ErrUnavailable, "451 4.4.1"}, {bridge.ErrDenied, "550 5.7.1"}} {
		synctest.Test(t, func(t *testing.T) {
			trusted := func(context.Context, string) (Account, string, error) { return nil, "", tc.err }
			ln, stop := start(t, Options{Login: (&fakeAccount{}).login, Trusted: trusted})
			defer stop()
			c := dialFrom(ln, "10.0.0.1")
			defer c.Close()
			send(c, "EHLO x\r\nMAIL FROM:<user@example.com>\r\nRCPT TO:<a@example.org>\r\n")
			got := c.answers()
			if !strings.HasPrefix(got[len(got)-2], tc.want) || !strings.HasPrefix(got[len(got)-1], "503 ") {
				t.Errorf("%v: %q", tc.err, got)
			}
		})
	}
}
