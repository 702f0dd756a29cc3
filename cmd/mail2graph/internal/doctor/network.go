package doctor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// endpoint is a service as one app reaches it: apps that agree in all of this
// share the outcome.
type endpoint struct{ url, proxy, caFile string }

// service looks at the way to a service, once, and reports whether it answers.
func (d *doctor) service(ctx context.Context, app, what string, e endpoint) bool {
	u, err := url.Parse(e.url)
	if err != nil { // the configuration was checked
		d.add(Finding{Check: "http", Subject: what, Status: Fail, Tried: "read " + e.url, Got: err.Error()})
		return false
	}
	key := endpoint{u.Scheme + "://" + u.Host, e.proxy, e.caFile}
	if good, known := d.hosts[key]; known {
		return good
	}
	v := &visit{doctor: d, subject: what, app: app, at: e, url: u}
	good := v.run(ctx)
	d.hosts[key] = good
	return good
}

// visit is one request to a service, looked at step by step.
type visit struct {
	*doctor
	subject string
	app     string
	at      endpoint
	url     *url.URL
	via     string // proxy, "host:port"; "": none

	// mu guards what the hooks of the request note; they may run side by side.
	mu        sync.Mutex
	addresses []string
	connected string
	tls       *tls.ConnectionState
}

func (v *visit) run(ctx context.Context) bool {
	client, err := v.client()
	if err != nil {
		v.add(Finding{Check: "tls", Subject: v.subject, Status: Fail, Tried: "read " + v.at.caFile, Got: err.Error(), Cure: "ca_file in [app." + v.app + "] must hold PEM certificates"})
		return false
	}
	defer client.CloseIdleConnections()
	ctx, cancel := v.limited(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, v.trace()), http.MethodGet, v.at.url, nil)
	if err != nil {
		v.add(Finding{Check: "http", Subject: v.subject, Status: Fail, Tried: "ask " + v.at.url, Got: err.Error()})
		return false
	}
	req.Header.Set("User-Agent", "mail2graph")
	req.Header.Set("Accept", "application/json")
	start := v.Now()
	resp, err := client.Do(req)
	if err != nil {
		v.broken(err)
		return false
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what came of it is enough
	v.steps("")
	good := v.answered(resp, body)
	if good && !v.clockSeen {
		v.clockSeen = v.clock(resp, start, v.Now())
	}
	return good
}

// client is made anew for each visit, so that every step is taken.
func (v *visit) client() (*http.Client, error) {
	var roots *x509.CertPool
	if v.at.caFile != "" {
		pem, err := os.ReadFile(v.at.caFile)
		if err != nil {
			return nil, err
		}
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("no certificate in it")
		}
	}
	proxy := http.ProxyFromEnvironment
	if v.at.proxy != "" {
		u, err := url.Parse(v.at.proxy)
		if err != nil {
			return nil, err
		}
		proxy = http.ProxyURL(u)
	}
	d := &net.Dialer{Timeout: v.Timeout, Resolver: v.resolver}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				u, err := proxy(r)
				if u != nil {
					v.via = u.Host
				}
				return u, err
			},
			DialContext:       d.DialContext,
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func (v *visit) trace() *httptrace.ClientTrace {
	note := func(do func()) {
		v.mu.Lock()
		defer v.mu.Unlock()
		do()
	}
	return &httptrace.ClientTrace{
		DNSDone: func(i httptrace.DNSDoneInfo) {
			note(func() {
				for _, a := range i.Addrs {
					v.addresses = append(v.addresses, a.String())
				}
			})
		},
		ConnectDone: func(_, addr string, err error) {
			note(func() {
				if err == nil {
					v.connected = addr
				}
			})
		},
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			note(func() {
				if err == nil {
					v.tls = &s
				}
			})
		},
	}
}

// target is what names are resolved and connections are opened for.
func (v *visit) target() string {
	if v.via != "" {
		return "proxy " + v.via
	}
	return v.url.Host
}

// steps reports what went well, up to the step that did not ("": all did).
func (v *visit) steps(failed string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ok := func(check, tried, got string) {
		v.add(Finding{Check: check, Subject: v.subject, Status: OK, Tried: tried, Got: got})
	}
	if failed == "dns" {
		return
	}
	if len(v.addresses) > 0 {
		ok("dns", "look up "+v.target(), strings.Join(v.addresses, ", "))
	}
	if failed == "connect" {
		return
	}
	if v.connected != "" {
		ok("connect", "connect to "+v.target(), v.connected)
	}
	if failed == "tls" || v.tls == nil {
		return
	}
	got := tls.VersionName(v.tls.Version)
	if len(v.tls.PeerCertificates) > 0 {
		c := v.tls.PeerCertificates[0]
		got += fmt.Sprintf(", certificate of %s until %s", cmp.Or(c.Issuer.CommonName, c.Issuer.String()), c.NotAfter.UTC().Format(time.DateOnly))
	}
	ok("tls", "TLS with "+v.url.Host, got)
}

// broken reports a request without an answer: at one step, the rest is skipped.
func (v *visit) broken(err error) {
	step, cure := networkCure(err, v.url.Host, "ca_file of [app."+v.app+"]")
	if step == "http" {
		step, cure = v.stuck(cure)
	}
	v.steps(step)
	tried := map[string]string{
		"dns": "look up " + v.target(), "connect": "connect to " + v.target(), "tls": "TLS with " + v.url.Host, "http": "ask " + v.at.url,
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	got := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		got = fmt.Sprintf("nothing came within %v", v.Timeout)
	}
	v.add(Finding{Check: step, Subject: v.subject, Status: Fail, Tried: tried[step], Got: got, Cure: cure})
	after := false
	for _, s := range []string{"dns", "connect", "tls", "http"} {
		if after {
			v.skip(s, v.subject, "needs "+step)
		}
		after = after || s == step
	}
}

// stuck is for errors that do not tell their step: it is the one that did not end.
func (v *visit) stuck(cure string) (step, todo string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.connected == "":
		return "connect", connectCure(v.url.Host)
	case v.tls == nil:
		return "tls", "what answers there, if anything does, does not speak TLS as the service does; check address and port, and any proxy or firewall in between"
	}
	return "http", cure
}

// answered judges the answer: any JSON will do, and any refusal. A page for people
// comes from something on the way.
func (v *visit) answered(resp *http.Response, body []byte) bool {
	f := Finding{Check: "http", Subject: v.subject, Status: OK, Tried: "ask " + v.at.url, Got: resp.Status, RequestID: resp.Header.Get("request-id")}
	defer func() { v.add(f) }()
	isJSON := json.Valid(bytes.TrimSpace(body))
	refusal := resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusProxyAuthRequired
	if isJSON || refusal {
		return true
	}
	f.Status = Fail
	f.Got = fmt.Sprintf("%s, %s instead of JSON", resp.Status, cmp.Or(resp.Header.Get("Content-Type"), "something"))
	f.Cure = "not the service answers but a gateway, proxy or sign-in page before it: look at proxy, authority_host and graph_endpoint of [app." + v.app +
		"]; if it is Microsoft's own gateway, see the service health page and try again later"
	return false
}

// Differences of the clocks: assertions are valid for minutes (AADSTS700024).
const (
	someSkew = time.Minute
	muchSkew = 5 * time.Minute
)

// clock compares this host's clock with the Date of an answer, if it has one.
func (v *visit) clock(resp *http.Response, sent, came time.Time) bool {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return false
	}
	f := Finding{Check: "clock", Status: OK, Tried: "compare this host's clock with that of " + v.url.Host}
	// Date has whole seconds, and the answer took its time.
	ahead := sent.Add(came.Sub(sent) / 2).Sub(date.Add(500 * time.Millisecond)).Round(time.Second)
	f.Got = "the same"
	if ahead.Abs() > 2*time.Second+came.Sub(sent) {
		f.Got = fmt.Sprintf("this host is %v %s", ahead.Abs(), map[bool]string{true: "ahead", false: "behind"}[ahead > 0])
	}
	switch {
	case ahead.Abs() > muchSkew:
		f.Status = Fail
	case ahead.Abs() > someSkew:
		f.Status = Warn
	}
	if f.Status != OK {
		f.Cure = "set this host's clock (timedatectl set-ntp true): tokens and assertions are valid for minutes, and dates of mail would be wrong"
	}
	v.add(f)
	return true
}

// loginEndpoint and graphEndpoint are what the app asks first. Neither needs a token.
func (d *doctor) loginEndpoint(a bridge.AppConfig) endpoint {
	login, _, _ := graphstore.Endpoints(string(a.Cloud))
	login = cmp.Or(string(a.AuthorityHost), login)
	return endpoint{login + "/" + url.PathEscape(a.TenantID) + "/v2.0/.well-known/openid-configuration", string(a.Proxy), a.CAFile}
}

func (d *doctor) graphEndpoint(a bridge.AppConfig, address string) endpoint {
	_, graph, _ := graphstore.Endpoints(string(a.Cloud))
	graph = cmp.Or(string(a.GraphEndpoint), graph)
	return endpoint{graph + "/v1.0/users/" + url.PathEscape(address) + "/mailFolders/inbox?$select=id", string(a.Proxy), a.CAFile}
}
