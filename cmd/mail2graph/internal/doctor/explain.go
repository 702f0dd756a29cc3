package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

var aadsts = regexp.MustCompile(`AADSTS\d+`)

// answer fills in what came back: status, code and request id.
func (f *Finding) answer(err error) {
	f.Status = Fail
	e, ok := errors.AsType[*graphstore.Error](err)
	if !ok {
		f.Got = err.Error()
		return
	}
	f.RequestID = e.RequestID
	f.Code = e.Code
	if n := aadsts.FindString(e.Message); n != "" {
		f.Code = n
	}
	switch {
	case e.Status == 0 && e.Message == "":
		f.Got = "no answer: " + lastCause(err)
	case e.Status == 0:
		f.Got = e.Message
	default:
		f.Got = strings.TrimSpace(fmt.Sprintf("%d %s %s", e.Status, e.Code, e.Message))
	}
	if wait, ok := errors.AsType[*bridge.RetryError](err); ok {
		f.Got += fmt.Sprintf("; asked to wait %v", wait.After)
	}
}

// lastCause is the innermost error of the network, without the operation's name.
func lastCause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "nothing came in time"
	}
	return err.Error()
}

// networkCure says what to do about a request that got no answer, by the step
// at which it failed. The step is the name of the check.
func networkCure(err error, subject, caKey string) (step, cure string) {
	var (
		dns       *net.DNSError
		unknown   x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		op        *net.OpError
		isConnect = errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
	)
	switch {
	case errors.As(err, &dns):
		return "dns", "check the name in the configuration and this host's name servers (/etc/resolv.conf); behind a proxy that resolves names, set proxy in [app.NAME] or HTTPS_PROXY"
	case errors.As(err, &op) && op.Op == "proxyconnect", strings.Contains(err.Error(), "Proxy Authentication Required"):
		return "connect", "the proxy refuses; check its address and its password (proxy in [app.NAME], or HTTPS_PROXY), and that it allows " + subject
	case errors.As(err, &unknown):
		return "tls", "the certificate is signed by an authority that this host does not know: if a proxy inspects TLS here, or the service is a stand-in, put its root into " + caKey + "; else install the system's roots (package ca-certificates)"
	case errors.As(err, &host):
		return "tls", "the certificate is for another name: check the name in the configuration; something on the way may answer in place of the service"
	case errors.As(err, &invalid):
		return "tls", "the certificate is not valid now: check this host's clock, then whose certificate it is"
	case errors.As(err, &verify):
		return "tls", "the certificate cannot be used: look at whose it is; something on the way may answer in place of the service"
	case isConnect:
		return "connect", connectCure(subject)
	}
	return "http", "something on the way breaks the connection off; look at proxy and firewall, and try again"
}

func connectCure(subject string) string {
	return "let this host open connections to " + subject + " (firewall, route), or name the proxy in [app.NAME] or HTTPS_PROXY"
}
