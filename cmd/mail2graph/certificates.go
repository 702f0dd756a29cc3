package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"strings"
	"sync/atomic"

	"mail2graph/bridge"
)

// certificates holds the one of the listeners; a reload replaces it for the
// connections that come afterwards.
type certificates struct {
	current atomic.Pointer[tls.Certificate]
}

// load reads it from its files; a configuration without one changes nothing.
func (c *certificates) load(cfg bridge.TLSConfig) error {
	if cfg.CertFile == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	c.current.Store(&cert)
	return nil
}

// config is that of listeners that speak no version older than min; nil if there
// is no certificate.
func (c *certificates) config(min bridge.TLSVersion) *tls.Config {
	if c.current.Load() == nil {
		return nil
	}
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     min.Number(),
		CipherSuites:   oldSuites(min),
	}
}

// configs are those of the protocols.
func (c *certificates) configs(cfg *bridge.Config) map[string]*tls.Config {
	return map[string]*tls.Config{
		"imap": c.config(cfg.TLS.MinVersion),
		"smtp": c.config(cmp.Or(cfg.SMTP.TLSMinVersion, cfg.TLS.MinVersion)),
	}
}

// oldSuites are Go's own choice, nil, where TLS 1.2 is the least. Devices that know
// nothing newer than TLS 1.1 mostly know no elliptic curves either: for them RSA key
// exchange and 3DES come after all others. RC4 stays out.
func oldSuites(min bridge.TLSVersion) []uint16 {
	if min.Number() >= tls.VersionTLS12 {
		return nil
	}
	var ids []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !strings.Contains(suite.Name, "RC4") {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}
