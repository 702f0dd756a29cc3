package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"mail2graph/bridge"
)

// TestOldTLS: a device of long ago gets in where the operator says so, and nowhere else.
func TestOldTLS(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	var certs certificates
	certs.current.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	old := &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	}
	rc4 := old.Clone()
	rc4.CipherSuites = []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}
	modern := &tls.Config{InsecureSkipVerify: true}
	cfg := bridge.Defaults()
	cfg.SMTP.TLSMinVersion = "1.0"
	byProto := certs.configs(cfg)
	cfg.TLS.MinVersion, cfg.SMTP.TLSMinVersion = "1.3", ""
	for _, tc := range []struct {
		name           string
		server, client *tls.Config
		ok             bool
	}{
		{"old at smtp", byProto["smtp"], old, true},
		{"RC4 at smtp", byProto["smtp"], rc4, false},
		{"old at imap", byProto["imap"], old, false},
		{"modern at smtp", byProto["smtp"], modern, true},
		{"old at 1.3", certs.configs(cfg)["smtp"], old, false},
		{"modern at 1.3", certs.configs(cfg)["smtp"], modern, true},
	} {
		near, far := net.Pipe()
		done := make(chan error, 1)
		go func() {
			c := tls.Server(far, tc.server)
			done <- c.HandshakeContext(t.Context())
			_ = far.Close()
		}()
		clientErr := tls.Client(near, tc.client).HandshakeContext(t.Context())
		_ = near.Close()
		if err := <-done; (err == nil && clientErr == nil) != tc.ok {
			t.Errorf("%s: server %v, client %v, want success %v", tc.name, err, clientErr, tc.ok)
		}
	}
}
