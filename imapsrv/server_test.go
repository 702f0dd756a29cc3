package imapsrv

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// certificate makes a certificate that is valid at any time of a test.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

func noLogin(context.Context, string, string, string) (*bridge.Account, error) {
	return nil, bridge.ErrAuth
}

// expect reads lines up to the one with the prefix, and returns that.
func expect(t testing.TB, r *bufio.Reader, prefix string) string {
	t.Helper()
	var seen []string
	for {
		line, err := r.ReadString('\n')
		seen = append(seen, line)
		if strings.HasPrefix(line, prefix) {
			return line
		}
		if err != nil {
			t.Fatalf("want %q, got %q and %v", prefix, seen, err)
		}
	}
}

// Serve on a socket ends with its context, and tells its clients so.
func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	srv := New(Options{Login: noLogin})
	go func() { served <- srv.Serve(ctx, l) }()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	if line := expect(t, r, "* OK"); !strings.Contains(line, "AUTH=PLAIN") {
		t.Errorf("greeting on loopback: got %q, want AUTH=PLAIN", line)
	}
	cancel()
	expect(t, r, "* BYE")
	if err := <-served; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}

// A listener that fails for good ends its connections and Serve.
func TestServeListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		served := make(chan error, 1)
		go func() { served <- New(Options{Login: noLogin}).Serve(t.Context(), l) }()
		conn := l.dial()
		r := bufio.NewReader(conn)
		expect(t, r, "* OK")
		l.Close()
		expect(t, r, "* BYE")
		if err := <-served; err == nil {
			t.Error("Serve: got nil, want an error")
		}
	})
}

// When the server stops, waiting clients hear BYE at once, a running command
// may end within its time, and then is cancelled.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ctx, cancel, r := newPipes(), t.Context(), context.CancelFunc(nil), newRig(t)
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		r.start(t)
		defer r.stop(t)
		r.act(t, "deliver INBOX")
		served := make(chan error, 1)
		go func() { served <- New(Options{Login: r.login}).Serve(ctx, l) }()

		open := func(commands string) *bufio.Reader {
			conn := l.dial()
			t.Cleanup(func() { conn.Close() })
			rd := bufio.NewReader(conn)
			expect(t, rd, "* OK")
			go conn.Write([]byte(commands))
			return rd
		}
		waiting := open("a LOGIN demo demo\r\n")
		expect(t, waiting, "a OK")
		idle := open("a LOGIN demo demo\r\nb SELECT INBOX\r\nc IDLE\r\n")
		expect(t, idle, "+ Idling")
		r.act(t, "hold MIME")
		busy := open("a LOGIN demo demo\r\nb SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\nd NOOP\r\n")
		expect(t, busy, "b OK")
		synctest.Wait()

		cancel()
		began := time.Now()
		expect(t, waiting, "* BYE")
		expect(t, idle, "* BYE")
		if d := time.Since(began); d != 0 {
			t.Errorf("BYE to waiting clients after %v, want at once", d)
		}
		expect(t, busy, "c NO [UNAVAILABLE]")
		expect(t, busy, "* BYE")
		if err := <-served; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("stopped after %v, want StopTimeout", d)
		}
	})
}

// A client that reads nothing is cut off.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- New(Options{Login: noLogin}).Serve(ctx, l) }()
		conn := l.dial() // the greeting is not taken
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		if _, err := conn.Write([]byte("a NOOP\r\n")); err == nil {
			t.Error("the connection is still open")
		}
		cancel()
		<-served
	})
}

func TestStartTLS(t *testing.T) {
	config := certificate(t)
	l := newPipes()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	srv := New(Options{Login: noLogin, TLSConfig: config, AllowPlain: func(net.Addr) bool { return false }})
	go func() { served <- srv.Serve(ctx, l) }()
	defer func() { cancel(); <-served }()

	t.Run("upgrade", func(t *testing.T) {
		conn := l.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		greeting := expect(t, r, "* OK")
		if !strings.Contains(greeting, " STARTTLS LOGINDISABLED]") {
			t.Errorf("greeting: got %q, want STARTTLS and LOGINDISABLED", greeting)
		}
		conn.Write([]byte("a STARTTLS\r\n"))
		expect(t, r, "a OK")
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		r = bufio.NewReader(secure)
		secure.Write([]byte("b CAPABILITY\r\n"))
		caps := expect(t, r, "* CAPABILITY")
		if strings.Contains(caps, "STARTTLS") || strings.Contains(caps, "LOGINDISABLED") || !strings.Contains(caps, "AUTH=PLAIN") {
			t.Errorf("capabilities over TLS: got %q", caps)
		}
		secure.Write([]byte("c STARTTLS\r\nd LOGIN demo wrong\r\n"))
		expect(t, r, "c BAD")
		expect(t, r, "d NO [AUTHENTICATIONFAILED]")
		secure.Write([]byte("e LOGOUT\r\n"))
		expect(t, r, "* BYE")
		expect(t, r, "e OK")
	})
	t.Run("injection", func(t *testing.T) {
		// What comes in the clear behind STARTTLS must not count as encrypted.
		conn := l.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		expect(t, r, "* OK")
		conn.Write([]byte("a STARTTLS\r\nb LOGIN demo demo\r\n"))
		expect(t, r, "a BAD")
		if line, err := r.ReadString('\n'); err == nil {
			t.Errorf("after an injected command: got %q, want the end", line)
		}
	})
	t.Run("no handshake", func(t *testing.T) {
		conn := l.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		expect(t, r, "* OK")
		conn.Write([]byte("a STARTTLS\r\n"))
		expect(t, r, "a OK")
		go conn.Write([]byte("b LOGIN demo demo\r\n"))
		rest, _ := r.ReadString(0)
		if strings.Contains(rest, "b NO") || strings.Contains(rest, "b OK") {
			t.Errorf("a plain command was carried out after STARTTLS: %q", rest)
		}
	})
}

func TestServeTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		srv := New(Options{Login: noLogin, TLSConfig: certificate(t)})
		go func() { served <- srv.ServeTLS(ctx, l) }()

		conn := tls.Client(l.dial(), &tls.Config{InsecureSkipVerify: true})
		r := bufio.NewReader(conn)
		if greeting := expect(t, r, "* OK"); strings.Contains(greeting, "STARTTLS") {
			t.Errorf("greeting over TLS: got %q, want no STARTTLS", greeting)
		}
		silent := l.dial()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if _, err := silent.Write([]byte{22}); err == nil {
			t.Error("a silent client on a TLS port is held")
		}
		cancel()
		conn.Close()
		if err := <-served; err != nil {
			t.Errorf("ServeTLS: got %v, want nil", err)
		}
	})
	if err := New(Options{Login: noLogin}).ServeTLS(t.Context(), newPipes()); err == nil {
		t.Error("ServeTLS without a certificate: got nil, want an error")
	}
}

func TestIsLocal(t *testing.T) {
	tests := []struct {
		name string
		addr net.Addr
		want bool
	}{
		{"IPv4 loopback", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, true},
		{"IPv6 loopback", &net.TCPAddr{IP: net.IPv6loopback}, true},
		{"private network", &net.TCPAddr{IP: net.IPv4(192, 168, 1, 2)}, false},
		{"mapped address", &net.TCPAddr{IP: net.ParseIP("::ffff:10.0.0.1")}, false},
		{"socket file", &net.UnixAddr{Name: "/run/x", Net: "unix"}, true},
		{"unknown", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := isLocal(tt.addr); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
