package smtpsrv

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/smtp"
	"strings"
	"testing"
	"time"
)

// testTLS makes a certificate for "gateway".
func testTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "gateway"},
		DNSNames:     []string{"gateway"},
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// trusting is the client's side of testTLS.
func trusting(t *testing.T, server *tls.Config) *tls.Config {
	t.Helper()
	cert, err := x509.ParseCertificate(server.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{RootCAs: roots, ServerName: "gateway"}
}

// listen starts a server on a loopback port and stops it at the end of the test.
func listen(t *testing.T, o Options, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if wrap != nil {
		ln = wrap(ln)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(o).Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return addr
}

// deliver sends one message with net/smtp, a client that is not go-smtp's.
func deliver(c *smtp.Client, host, body string) error {
	if err := c.Auth(smtp.PlainAuth("", "user", "secret", host)); err != nil {
		return err
	}
	if err := c.Mail("user@example.com"); err != nil {
		return err
	}
	if err := c.Rcpt("a@example.org"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, body); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

func TestStartTLS(t *testing.T) {
	account := &fakeAccount{}
	cfg := testTLS(t)
	addr := listen(t, Options{Login: account.login, TLSConfig: cfg}, nil)
	c, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := c.Extension("STARTTLS"); !ok {
		t.Error("STARTTLS is not offered")
	}
	if err := c.StartTLS(trusting(t, cfg)); err != nil {
		t.Fatal(err)
	}
	if ok, _ := c.Extension("STARTTLS"); ok {
		t.Error("STARTTLS is offered inside TLS")
	}
	if err := deliver(c, "127.0.0.1", "Subject: x\r\n\r\ntext\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := account.messages(); len(got) != 1 || !strings.Contains(got[0], `"Subject: x\r\n\r\ntext\r\n"`) {
		t.Errorf("messages %q", got)
	}
}

func TestImplicitTLS(t *testing.T) {
	account := &fakeAccount{}
	cfg := testTLS(t)
	addr := listen(t, Options{Login: account.login, TLSConfig: cfg},
		func(ln net.Listener) net.Listener { return tls.NewListener(ln, cfg) })
	nc, err := tls.Dial("tcp", addr, trusting(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(nc, "gateway")
	if err != nil {
		t.Fatal(err)
	}
	if err := deliver(c, "gateway", "x\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := account.messages(); len(got) != 1 {
		t.Errorf("messages %q", got)
	}
}

// TestTLSChunkCut: the end of TLS inside the last chunk, with and without close_notify.
func TestTLSChunkCut(t *testing.T) {
	account := &fakeAccount{}
	cfg := testTLS(t)
	addr := listen(t, Options{Login: account.login},
		func(ln net.Listener) net.Listener { return tls.NewListener(ln, cfg) })
	for _, notify := range []bool{true, false} {
		nc, err := tls.Dial("tcp", addr, trusting(t, cfg))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(nc, "EHLO x\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\nMAIL FROM:<user@example.com>\r\n"+
			"RCPT TO:<a@example.org>\r\nBDAT 50 LAST\r\nhalf a mess")
		if notify {
			err = nc.CloseWrite()
		} else {
			err = nc.NetConn().(*net.TCPConn).CloseWrite()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(nc); err != nil {
			t.Logf("close_notify %v: %v", notify, err)
		}
		_ = nc.Close()
	}
	if got := account.messages(); len(got) != 0 {
		t.Errorf("half a message was sent: %q", got)
	}
}

// TestHalfClosed: Exim shuts down its side after BDAT and QUIT and still wants the answers.
func TestHalfClosed(t *testing.T) {
	account := &fakeAccount{}
	addr := listen(t, Options{Login: account.login}, nil)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "EHLO x\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\nMAIL FROM:<user@example.com>\r\n"+
		"RCPT TO:<a@example.org>\r\nBDAT 5 LAST\r\nabc\r\nQUIT\r\n")
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answers, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(answers), "250 2.6.0 Accepted by Exchange Online, request-id 7d3f-1\r\n221 2.0.0 Bye\r\n") {
		t.Errorf("answers:\n%s", answers)
	}
	if got := account.messages(); len(got) != 1 {
		t.Errorf("messages %q", got)
	}
}
