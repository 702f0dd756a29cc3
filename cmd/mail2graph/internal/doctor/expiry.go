package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/keyfile"
)

// soon is how long before its end something is spoken of.
const soon = 30 * 24 * time.Hour

// expiry looks at when what an app proves itself with ends. Entra tells the end of a
// secret to administrators alone, so it has to be in the configuration. That a
// certificate ends is a remark of the configuration already.
func (d *doctor) expiry(app string, a bridge.AppConfig) {
	f := Finding{Check: "expiry", Subject: "app " + app, Status: OK}
	switch a.Credential() {
	case bridge.CredentialCertificate:
		f.Tried = "read " + a.CertificateFile
		pair, err := keyfile.Load(a.KeyFiles())
		if err != nil { // it could be read a moment ago
			f.Status, f.Got, f.Cure = Fail, err.Error(), "correct certificate_file in [app."+app+"]"
			break
		}
		f.Got = d.end(pair.Certificates[0].NotAfter)
	case bridge.CredentialSecret:
		f.Tried = "look for client_secret_expires"
		end := a.ClientSecretExpires.Time
		if end.IsZero() {
			f.Got = "not known: Entra does not tell it to the app, and client_secret_expires in [app." + app + "] is not set"
			break
		}
		d.judgeEnd(&f, end, "create a new secret (mail2graph setup prints the commands), put it into its place and set client_secret_expires: no restart is needed")
	default:
		return
	}
	d.add(f)
}

// listenerExpiry looks at the certificate that mail programs see.
func (d *doctor) listenerExpiry() {
	c := d.cfg.TLS
	if c.CertFile == "" {
		return
	}
	f := Finding{Check: "expiry", Subject: "listeners", Status: OK, Tried: "read " + c.CertFile}
	defer func() { d.add(f) }()
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		f.Status, f.Got, f.Cure = Fail, err.Error(), "correct cert_file and key_file in [tls]"
		return
	}
	defer d.names(pair.Leaf)
	d.judgeEnd(&f, pair.Leaf.NotAfter, "renew the certificate, put it into the place of "+c.CertFile+" and reload (systemctl reload mail2graph)")
}

// names tells for whom the listeners' certificate is: programs look for the name that
// they connect to among its alternative names alone (RFC 9525 §2).
func (d *doctor) names(cert *x509.Certificate) {
	f := Finding{Check: "names", Subject: "listeners", Status: OK, Tried: "read the names in " + d.cfg.TLS.CertFile}
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	host, err := os.Hostname()
	switch {
	case len(all) == 0:
		f.Status, f.Got = Warn, "it has none (subjectAltName), and a common name is not looked at any more"
		f.Cure = "have it issued anew, for the name that mail programs connect to"
	case err == nil && cert.VerifyHostname(host) != nil:
		f.Got = strings.Join(all, ", ") + "; programs have to connect to one of these, and not to " + host + ", as this host calls itself"
	default:
		f.Got = strings.Join(all, ", ") + "; programs have to connect to one of these"
	}
	d.add(f)
}

func (d *doctor) judgeEnd(f *Finding, end time.Time, cure string) {
	f.Got = d.end(end)
	switch left := end.Sub(d.Now()); {
	case left <= 0:
		f.Status, f.Cure = Fail, cure
	case left < soon:
		f.Status, f.Cure = Warn, cure
	}
}

func (d *doctor) end(at time.Time) string {
	days := int(at.Sub(d.Now()).Hours() / 24)
	if at.Before(d.Now()) {
		return "ended on " + at.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("good until %s, %d day(s)", at.UTC().Format(time.DateOnly), days)
}
