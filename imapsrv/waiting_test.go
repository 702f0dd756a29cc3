package imapsrv

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// remoteConn is a connection from somewhere else.
type remoteConn struct {
	net.Conn
	from net.Addr
}

func (c remoteConn) RemoteAddr() net.Addr { return c.from }

func (p *pipes) dialFrom(address string) net.Conn {
	near, far := net.Pipe()
	p.conns <- remoteConn{far, &net.TCPAddr{IP: net.ParseIP(address), Port: 40000}}
	return near
}

// TestStrangersOfOneAddress: a host that opens many connections and does not log in
// leaves room for others, and for itself where it has logged in.
func TestStrangersOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		login := func(context.Context, string, string, string) (*bridge.Account, error) {
			return &bridge.Account{Name: "u"}, nil
		}
		plain := func(net.Addr) bool { return true }
		srv := New(Options{Login: login, AllowPlain: plain, MaxStrangersPerAddress: 2})
		go func() { served <- srv.Serve(ctx, l) }()
		greeting := func(address string) (net.Conn, *bufio.Reader, string) {
			c := l.dialFrom(address)
			r := bufio.NewReader(c)
			line, _ := r.ReadString('\n')
			return c, r, line
		}
		welcome := func(address string, want bool) (net.Conn, *bufio.Reader) {
			t.Helper()
			c, r, line := greeting(address)
			if got := strings.HasPrefix(line, "* OK"); got != want || !want && !strings.HasPrefix(line, "* BYE [LIMIT]") {
				t.Errorf("%s: %q, want a welcome: %v", address, line, want)
			}
			return c, r
		}
		first, r := welcome("192.0.2.1", true)
		second, _ := welcome("192.0.2.1", true)
		welcome("192.0.2.1", false)
		other, _ := welcome("192.0.2.2", true)
		var local []net.Conn
		for range 5 {
			c, _ := welcome("127.0.0.1", true)
			local = append(local, c)
		}
		six, _ := welcome("2001:db8::1", true)
		seven, _ := welcome("2001:db8::2", true)
		welcome("2001:db8::3", false) // one host has all of a /64
		fmt.Fprint(first, "a LOGIN u x\r\n")
		expect(t, r, "a OK")
		third, _ := welcome("192.0.2.1", true)
		welcome("192.0.2.1", false)
		second.Close()
		synctest.Wait()
		fourth, _ := welcome("192.0.2.1", true)
		for _, c := range append(local, first, other, six, seven, third, fourth) {
			c.Close()
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if len(srv.strangers.by) != 0 {
			t.Errorf("still counted: %v", srv.strangers.by)
		}
	})
}

// TestSlowClients: whoever sends one octet now and then, at the start or behind a
// login that never comes, is sent away within the time that a login may take.
func TestSlowClients(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"an octet at a time", "a NOOP\r\n"},
		{"nothing but line ends", "\r\n"},
		{"literals without end", "a LOGIN {100+}\r\nxxxxxxxxxx"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				ctx, cancel := context.WithCancel(t.Context())
				served := make(chan error, 1)
				go func() { served <- New(Options{Login: noLogin}).Serve(ctx, l) }()
				c := l.dial()
				go func() { // what the server says is of no interest
					for buf := make([]byte, 512); ; {
						if _, err := c.Read(buf); err != nil {
							return
						}
					}
				}()
				start := time.Now()
				for i := 0; ; i++ {
					if _, err := c.Write([]byte{tc.text[i%len(tc.text)]}); err != nil {
						break
					}
					time.Sleep(10 * time.Second)
					if time.Since(start) > time.Hour {
						t.Fatal("it goes on for ever")
					}
				}
				if held := time.Since(start); held > 6*time.Minute {
					t.Errorf("held for %v", held)
				}
				c.Close()
				cancel()
				<-served
			})
		})
	}
}
