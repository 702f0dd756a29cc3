package graphstore

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// environment is where login and Graph are, and the way there.
type environment struct {
	authority *url.URL
	foreign   bool     // the authority is not one of Microsoft's
	base      *url.URL // https://graph.microsoft.com/v1.0
	scope     string   // of the cloud's Graph, "https://graph.microsoft.com/.default"
	http      *http.Client
}

func (o Options) environment() (*environment, error) {
	place, ok := clouds[cmp.Or(o.Cloud, "global")]
	if !ok {
		return nil, fmt.Errorf("cloud %q: allowed are global, usgov, usgov-dod, china", o.Cloud)
	}
	authority, err := endpoint(cmp.Or(o.AuthorityHost, place.authority))
	if err != nil {
		return nil, fmt.Errorf("authority host: %w", err)
	}
	base, err := endpoint(cmp.Or(o.GraphEndpoint, place.graph))
	if err != nil {
		return nil, fmt.Errorf("graph endpoint: %w", err)
	}
	if !strings.HasSuffix(base.Path, "/v1.0") {
		base.Path += "/v1.0"
	}
	roots, err := rootPool(o.CAFile, o.CAs)
	if err != nil {
		return nil, err
	}
	proxy := http.ProxyFromEnvironment
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		proxy = http.ProxyURL(u)
	}
	return &environment{
		authority: authority,
		foreign:   o.AuthorityHost != "",
		base:      base,
		// The resource is named by the cloud's own host even when it is reached
		// under another address (graph/deployments).
		scope: place.graph + "/.default",
		http:  newHTTPClient(roots, proxy),
	}, nil
}

// credentialOptions are those of a credential; host says that its token comes
// from this machine.
func (e *environment) credentialOptions(host bool) CredentialOptions {
	hc := e.http
	if host {
		hc = withoutProxy(hc)
	}
	return credentialOptions(e.authority, e.foreign, hc)
}

func credentialOptions(authority *url.URL, foreign bool, hc *http.Client) CredentialOptions {
	return CredentialOptions{
		Client: azcore.ClientOptions{
			Cloud:     azcloud.Configuration{ActiveDirectoryAuthorityHost: authority.String() + "/"},
			Transport: recordingTransport{hc, foreign},
			Retry:     policy.RetryOptions{MaxRetries: -1}, // send repeats
		},
		DisableInstanceDiscovery: foreign,
	}
}

// endpoint parses "https://host:port"; a path is kept without its last slash.
func endpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%q: want https://host or https://host:port", s)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// rootPool is the system's roots and the given ones; nil means the system's.
func rootPool(file string, pem []byte) (*x509.CertPool, error) {
	if file == "" && len(pem) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if len(pem) > 0 && !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in the given roots")
	}
	if file == "" {
		return pool, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca file: %w", err)
	}
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("ca file %s: no certificate found", file)
	}
	return pool, nil
}
