package keyfile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

const password = "correct horse"

func certificate(t *testing.T, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestLoad(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	otherKey := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	cert, other, ecCert := certificate(t, key), certificate(t, otherKey), certificate(t, ecKey)
	certPEM, otherPEM := block("CERTIFICATE", cert.Raw), block("CERTIFICATE", other.Raw)
	pkcs8 := block("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key)))
	pkcs1 := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	ecPEM := block("EC PRIVATE KEY", must[[]byte](t)(x509.MarshalECPrivateKey(ecKey)))
	encode := func(e *pkcs12.Encoder, pw string) string {
		return string(must[[]byte](t)(e.Encode(key, cert, []*x509.Certificate{other}, pw)))
	}
	for _, tt := range []struct {
		name                string
		cert, key, password string // contents; "" : no such file
		want                string // in the error; "": none
	}{
		{name: "PEM in one file", cert: certPEM + pkcs8},
		{name: "key first, PKCS #1", cert: pkcs1 + certPEM},
		{name: "two files", cert: certPEM, key: pkcs8},
		{name: "chain in any order", cert: otherPEM + certPEM, key: pkcs1},
		{name: "PFX of today", cert: encode(pkcs12.Modern, password), password: password + "\n"},
		{name: "PFX of old", cert: encode(pkcs12.LegacyRC2, password), password: password},
		{name: "PFX without password", cert: encode(pkcs12.Modern, "")},
		{name: "no key", cert: certPEM, want: "no private key"},
		{name: "no certificate", cert: pkcs8, want: "no certificate"},
		{name: "other key", cert: otherPEM, key: pkcs8, want: "belongs to the key"},
		{name: "elliptic curve", cert: block("CERTIFICATE", ecCert.Raw) + ecPEM, want: "no RSA key"},
		{name: "encrypted PEM", cert: certPEM + block("ENCRYPTED PRIVATE KEY", []byte("x")), want: "is encrypted"},
		{name: "broken certificate", cert: block("CERTIFICATE", []byte("x")) + pkcs8, want: "cert: "},
		{name: "broken key", cert: certPEM + block("PRIVATE KEY", []byte("x")), want: "cert: "},
		{name: "PEM with a password", cert: certPEM + pkcs8, password: password, want: "has no password"},
		{name: "PFX with the wrong password", cert: encode(pkcs12.Modern, password), password: "x", want: "is not the one of this file"},
		{name: "PFX with a password that is not given", cert: encode(pkcs12.Modern, password), want: "has a password"},
		{name: "PFX with a key file", cert: encode(pkcs12.Modern, password), key: pkcs8, want: "has its key inside"},
		{name: "something else", cert: "hello", want: "neither PEM nor readable PKCS #12"},
		{name: "empty", cert: " ", want: "neither PEM nor readable PKCS #12"},
		{name: "huge", cert: strings.Repeat("x", maxSize+1), want: "no file of at most"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			put := func(name, content string) string {
				if content == "" {
					return ""
				}
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			p, err := Load(Files{put("cert", tt.cert), put("key", tt.key), put("password", tt.password)})
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), password) {
					t.Fatalf("got %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !p.Key.Equal(key) || !p.Certificates[0].Equal(cert) {
				t.Errorf("got another pair: %v", p.Certificates[0].Subject)
			}
		})
	}
	if _, err := Load(Files{Certificate: filepath.Join(t.TempDir(), "none")}); !os.IsNotExist(err) {
		t.Errorf("missing file: %v", err)
	}
}
