package graphsim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// Running is a server that listens.
type Running struct {
	*Server
	URL       string // of login and Graph, "https://127.0.0.1:…"
	UploadURL string // of uploads: another host name and port
	CAPEM     []byte // the certificate that signed the server's

	pool *x509.CertPool
	main *http.Server
	up   *http.Server
	wg   sync.WaitGroup
	busy sync.RWMutex // held for reading by each request
}

// Start serves with TLS on addr ("" means a free port of 127.0.0.1), and uploads on another port under the name
// localhost. The certificates are made for this run.
func (s *Server) Start(addr string) (*Running, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	cert, ca, err := makeCertificates()
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	host, _, _ := net.SplitHostPort(ln.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	r := &Running{
		Server:    s,
		URL:       fmt.Sprintf("https://%s", net.JoinHostPort(host, fmt.Sprint(ln.Addr().(*net.TCPAddr).Port))),
		UploadURL: fmt.Sprintf("https://localhost:%d", up.Addr().(*net.TCPAddr).Port),
		CAPEM:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}),
		pool:      x509.NewCertPool(),
	}
	r.pool.AddCert(ca)
	s.mu.Lock()
	s.uploadBase = r.UploadURL
	s.mu.Unlock()
	r.main = r.newHTTPServer(s.ServeHTTP, cert)
	r.up = r.newHTTPServer(s.serveUpload, cert)
	r.wg.Go(func() { r.main.ServeTLS(ln, "", "") }) // ends with Close
	r.wg.Go(func() { r.up.ServeTLS(up, "", "") })
	return r, nil
}

func (r *Running) newHTTPServer(h http.HandlerFunc, cert tls.Certificate) *http.Server {
	handler := func(w http.ResponseWriter, req *http.Request) {
		r.busy.RLock()
		defer r.busy.RUnlock()
		h(w, req)
	}
	return &http.Server{
		Handler: http.HandlerFunc(handler), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(discard{}, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Close stops listening, breaks all connections and waits until everything has ended.
func (r *Running) Close() error {
	err := errors.Join(r.main.Close(), r.up.Close())
	r.wg.Wait()
	r.busy.Lock() // waits for the requests that are still running
	defer r.busy.Unlock()
	return err
}

// Shutdown is Close that lets running requests finish.
func (r *Running) Shutdown(ctx context.Context) error {
	err := errors.Join(r.main.Shutdown(ctx), r.up.Shutdown(ctx))
	r.wg.Wait()
	return err
}

// Pool trusts this server alone.
func (r *Running) Pool() *x509.CertPool { return r.pool }

// Client returns an HTTP client that trusts this server alone.
func (r *Running) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: r.pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16,
	}}
}

// makeCertificates makes an authority and a certificate for loopback signed by it.
func makeCertificates() (tls.Certificate, *x509.Certificate, error) {
	var none tls.Certificate
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return none, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return none, nil, err
	}
	now := time.Now()
	caTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "graphsim authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caRaw, err := x509.CreateCertificate(rand.Reader, caTemplate, caTemplate, caKey.Public(), caKey)
	if err != nil {
		return none, nil, err
	}
	ca, err := x509.ParseCertificate(caRaw)
	if err != nil {
		return none, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano() + 1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		return none, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{raw, caRaw}, PrivateKey: key}, ca, nil
}
