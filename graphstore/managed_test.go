package graphstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// transport plays the network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func tokenRequest() policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}}
}

// noIdentityHost makes sure that nothing of the environment names another
// source of identities than the metadata service.
func noIdentityHost(t *testing.T) {
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "IMDS_ENDPOINT"} {
		old, set := os.LookupEnv(name)
		os.Unsetenv(name)
		if set {
			t.Cleanup(func() { os.Setenv(name, old) })
		}
	}
}

// TestManagedIdentityOfVM asks the metadata service of a virtual machine
// (entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
func TestManagedIdentityOfVM(t *testing.T) {
	noIdentityHost(t)
	for _, tt := range []struct {
		name, id string
		status   int // 0: nobody answers
		body     string
		want     error
		text     string
	}{
		{name: "system", id: "system", status: 200},
		{name: "user-assigned", id: "client-7", status: 200},
		{name: "no identity", id: "system", status: 400, body: `{"error":"invalid_request","error_description":"Identity not found"}`,
			want: bridge.ErrCredentials, text: "Identity not found"},
		{name: "other service", id: "system", status: 403, body: "<html>Forbidden</html>", want: bridge.ErrCredentials, text: "Forbidden"},
		{name: "machine starting", id: "system", status: 404, want: bridge.ErrUnavailable},
		{name: "being updated", id: "system", status: 410, body: `{"error":"gone"}`, want: bridge.ErrUnavailable},
		{name: "too many", id: "system", status: 429, body: `{"error":"too many"}`, want: bridge.ErrUnavailable},
		{name: "not in Azure", id: "system", want: bridge.ErrUnavailable, text: "is it in Azure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			hc := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				asked++
				q := r.URL.Query()
				if r.URL.Host != "169.254.169.254" || r.Header.Get("Metadata") != "true" || q.Get("resource") != "https://graph.microsoft.com" ||
					(q.Get("client_id") != "") != (tt.id != "system") || tt.id != "system" && q.Get("client_id") != tt.id {
					t.Errorf("asked %s %v", r.URL, r.Header)
				}
				if tt.status == 0 {
					return nil, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
				}
				body := tt.body
				if tt.status == 200 {
					body = fmt.Sprintf(`{"access_token":"token %d","expires_in":"86399","resource":"https://graph.microsoft.com","token_type":"Bearer"}`, asked)
				}
				return &http.Response{StatusCode: tt.status, Header: http.Header{"Content-Type": {"application/json"}},
					Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})}
			authority := &url.URL{Scheme: "https", Host: "login.microsoftonline.com"}
			s, err := newTokenSource(ManagedIdentity(tt.id), credentialOptions(authority, false, hc), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			get := func() (string, error) {
				token, err := s.GetToken(t.Context(), tokenRequest())
				return token.Token, err
			}
			token, err := get()
			if tt.want != nil {
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
				}
				return
			}
			if again, _ := get(); err != nil || token != "token 1" || again != token || asked != 1 {
				t.Errorf("got %q, %v, then %q after %d requests", token, err, again, asked)
			}
			// Graph refuses it: another one comes, not the one in the library's cache.
			if !s.forget(token) {
				t.Fatal("a first refusal is not worth another token")
			}
			if token, err = get(); err != nil || token != "token 2" {
				t.Errorf("after a refusal: %q, %v", token, err)
			}
		})
	}
}

// TestManagedIdentityOfAppService reads mail with the token of a host that names
// its endpoint in the environment (azure/app-service/overview-managed-identity).
// A proxy is configured, which is not for addresses of the machine itself.
func TestManagedIdentityOfAppService(t *testing.T) {
	a := newAccess(t, graphsim.Options{}, graphsim.App{})
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-IDENTITY-HEADER") != "host secret" || r.URL.Query().Get("resource") != "https://graph.microsoft.com" {
			t.Errorf("asked %s %v", r.URL, r.Header)
		}
		fmt.Fprintf(w, `{"access_token":%q,"expires_on":"%d","resource":"https://graph.microsoft.com","token_type":"Bearer"}`,
			a.Token(simTenant, simApp), time.Now().Add(time.Hour).Unix())
	}))
	defer host.Close()
	t.Setenv("IDENTITY_ENDPOINT", host.URL)
	t.Setenv("IDENTITY_HEADER", "host secret")
	proxy := newProxy(t)
	client, err := New(Options{Credential: ManagedIdentity("system"), GraphEndpoint: a.URL, CAs: a.CAPEM, Proxy: proxy.URL})
	if err != nil {
		t.Fatal(err)
	}
	a.client, a.store = client, client.Mailbox(simAddress)
	a.reads(nil, "")
	a.RevokeTokens(simTenant, simApp)
	a.reads(nil, "")
	if n := proxy.direct.Load(); n != 0 {
		t.Errorf("%d requests for the identity went to the proxy", n)
	}
}

// proxy is an HTTP proxy for CONNECT.
type proxy struct {
	*httptest.Server
	tunnels, direct atomic.Int32
	refuse          atomic.Bool
}

func newProxy(t *testing.T) *proxy {
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			p.direct.Add(1)
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		if p.refuse.Load() {
			http.Error(w, "go away", http.StatusProxyAuthRequired)
			return
		}
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		p.tunnels.Add(1)
		w.WriteHeader(http.StatusOK)
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			out.Close()
			return
		}
		go func() { io.Copy(out, in); out.Close() }()
		go func() { io.Copy(in, out); in.Close() }()
	}))
	t.Cleanup(p.Close)
	return p
}

// TestProxy: login and Graph are reached through the proxy, and a proxy that
// refuses is the network's fault, not the credential's.
func TestProxy(t *testing.T) {
	a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one"})
	p := newProxy(t)
	open := func() {
		client, err := New(Options{Credential: a.secretFile("one"), AuthorityHost: a.URL, GraphEndpoint: a.URL, CAs: a.CAPEM, Proxy: p.URL})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		a.client, a.store = client, client.Mailbox(simAddress)
	}
	open()
	a.reads(nil, "")
	if p.tunnels.Load() == 0 {
		t.Error("nothing went through the proxy")
	}
	p.refuse.Store(true)
	open()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := a.client.token(ctx); !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("a proxy that refuses: %v, want ErrUnavailable", err)
	}
}
