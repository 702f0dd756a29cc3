// Package keyfile reads the certificate with which an application proves who it
// is, and the private key that belongs to it: PEM (RFC 7468), one file or two,
// or PKCS #12 (RFC 7292, "PFX") with or without a password.
//
// It is not for the certificates of listeners, which crypto/tls reads.
package keyfile

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// Pair is a certificate and its key.
type Pair struct {
	// Certificates begin with the one of the key; those that signed it may follow.
	Certificates []*x509.Certificate
	Key          *rsa.PrivateKey
}

// Files name where a Pair is.
type Files struct {
	Certificate string // PEM, or PKCS #12 with the key inside
	Key         string // PEM; "": the key is in Certificate
	Password    string // holds the password of the PKCS #12 file; "": none
}

// maxSize bounds what is read: a chain with its key has some kilobytes.
const maxSize = 1 << 20

// Load reads the files. Its errors name the file and what is wrong in it, and
// never repeat what it holds.
func Load(f Files) (*Pair, error) {
	text, err := read(f.Certificate)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		return loadPFX(f, text)
	}
	if f.Password != "" {
		return nil, fmt.Errorf("%s is PEM, which has no password; only PKCS #12 has", f.Certificate)
	}
	keyText, keyFile := text, f.Certificate
	if f.Key != "" {
		if keyText, err = read(f.Key); err != nil {
			return nil, err
		}
		keyFile = f.Key
	}
	certs, err := parseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Certificate, err)
	}
	key, err := parseKey(keyText)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	return pair(f.Certificate, certs, key)
}

// loadPFX reads PKCS #12; text is the content of f.Certificate.
func loadPFX(f Files, text []byte) (*Pair, error) {
	if f.Key != "" {
		return nil, fmt.Errorf("%s is no PEM; a PKCS #12 file has its key inside and takes no key file", f.Certificate)
	}
	password := ""
	if f.Password != "" {
		b, err := read(f.Password)
		if err != nil {
			return nil, err
		}
		password = strings.TrimRight(string(b), "\r\n")
	}
	key, leaf, others, err := pkcs12.DecodeChain(text, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && f.Password == "":
		return nil, fmt.Errorf("%s has a password", f.Certificate)
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, fmt.Errorf("%s: the password in %s is not the one of this file", f.Certificate, f.Password)
	case err != nil:
		if odd, ok := errors.AsType[pkcs12.NotImplementedError](err); ok {
			return nil, fmt.Errorf("%s: %w", f.Certificate, odd)
		}
		return nil, fmt.Errorf("%s is neither PEM nor readable PKCS #12", f.Certificate) // err names ASN.1 tags
	}
	return pair(f.Certificate, append([]*x509.Certificate{leaf}, others...), key)
}

// pair puts the certificate of the key first.
func pair(file string, certs []*x509.Certificate, key any) (*Pair, error) {
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		// entra/identity-platform/certificate-credentials: RS256 and PS256 alone.
		return nil, fmt.Errorf("%s: the key is no RSA key, which is what Entra takes", file)
	}
	for i, c := range certs {
		if public, ok := c.PublicKey.(*rsa.PublicKey); ok && public.Equal(&private.PublicKey) {
			certs[0], certs[i] = certs[i], certs[0]
			return &Pair{Certificates: certs, Key: private}, nil
		}
	}
	return nil, fmt.Errorf("%s: no certificate in it belongs to the key", file)
}

func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return certs, nil
}

func parseKey(text []byte) (any, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errors.New("the key is encrypted; only PKCS #12 may have a password")
		case block.Type == "PRIVATE KEY":
			return x509.ParsePKCS8PrivateKey(block.Bytes)
		case block.Type == "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case block.Type == "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(block.Bytes)
		}
	}
	return nil, errors.New("there is no private key in it")
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("%s is no file of at most %d octets", path, maxSize)
	}
	return os.ReadFile(path)
}
