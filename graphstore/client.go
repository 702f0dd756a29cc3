package graphstore

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	kauth "github.com/microsoft/kiota-authentication-azure-go"
	khttp "github.com/microsoft/kiota-http-go"
	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Options describe one app registration and where its Graph is.
type Options struct {
	TenantID     string // GUID or verified domain
	ClientID     string // application id
	ClientSecret string // the secret's value; these three are unused if Credential is set

	// Credential is another kind than TenantID, ClientID and ClientSecret make:
	// a file, a certificate, a federated token, a managed identity.
	Credential Credential

	Cloud         string // "global" (also ""), "usgov", "usgov-dod", "china"
	AuthorityHost string // "https://host:port" of the login service, instead of the cloud's
	GraphEndpoint string // "https://host:port" of Graph, instead of the cloud's; /v1.0 is added
	CAFile        string // PEM file of roots to trust besides the system's
	CAs           []byte // PEM of further roots
	Proxy         string // "http://host:port"; "": what the environment says

	Logger         *slog.Logger   // nil: nothing is logged
	UserAgent      string         // "" : "mail2graph"
	MaxConcurrency int            // requests in flight over all mailboxes of the app; 0: no such limit
	Observe        func(Exchange) // called after every HTTP exchange, from any goroutine; may be nil
}

// Exchange is one HTTP exchange with Graph, for metrics.
type Exchange struct {
	Mailbox  string
	Method   string
	Route    string // with placeholders, "/users/{user}/messages/{message}/move"
	Status   int    // 0: no answer
	Requests int    // what the service counts: the sub-requests of a batch
	Duration time.Duration
	// Waited is how long the request stood in line before, for a slot, the end of a
	// pause, the budget. Background tells what nobody waits for.
	Waited     time.Duration
	Background bool
}

// cloud is a row of the page graph/deployments.
type cloud struct{ authority, graph string }

var clouds = map[string]cloud{
	"global":    {"https://login.microsoftonline.com", "https://graph.microsoft.com"},
	"usgov":     {"https://login.microsoftonline.us", "https://graph.microsoft.us"},
	"usgov-dod": {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
	"china":     {"https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"},
}

// Client is one app registration. Its stores share connections, token and the
// app-wide limit. Safe for concurrent use.
type Client struct {
	log       *slog.Logger
	agent     string
	observe   func(Exchange)
	base      *url.URL // https://graph.microsoft.com/v1.0
	http      *http.Client
	tokens    *tokenSource
	bearer    *kauth.AzureIdentityAccessTokenProvider
	adapter   abstractions.RequestAdapter
	users     *users.UsersRequestBuilder
	app       *scheduler // nil without an app-wide limit
	permanent permanentDeletion
	batching  ability
	deltas    ability
	ahead     atomic.Int64 // nanoseconds by which the service's clock is ahead, from its Date
}

// skew is how far the service's clock is ahead of this host's.
func (c *Client) skew() time.Duration { return time.Duration(c.ahead.Load()) }

// New checks the options and prepares a client; it makes no request.
func New(o Options) (*Client, error) {
	env, err := o.environment()
	if err != nil {
		return nil, err
	}
	c := &Client{
		log:     o.Logger,
		agent:   cmp.Or(o.UserAgent, "mail2graph"),
		observe: o.Observe,
		base:    env.base,
		http:    env.http,
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if o.MaxConcurrency > 0 {
		c.app = newScheduler(o.MaxConcurrency, o.MaxConcurrency)
	}
	credential := o.Credential
	if credential.New == nil {
		credential = Secret(o.TenantID, o.ClientID, func() (string, error) { return o.ClientSecret, nil })
	}
	if err := c.authenticate(credential, env.credentialOptions(credential.host), env.scope); err != nil {
		return nil, err
	}
	return c, c.prepareSDK()
}

func (c *Client) authenticate(credential Credential, o CredentialOptions, scope string) error {
	tokens, err := newTokenSource(credential, o, c.log)
	if err != nil {
		return err
	}
	c.tokens = tokens
	// The provider hands out a token only for https and for the host of the
	// endpoint. Continuous access evaluation stays off: a revoked token shows
	// as 401, and a new one is fetched.
	c.bearer, err = kauth.NewAzureIdentityAccessTokenProviderWithScopesAndValidHostsAndObservabilityOptionsAndIsCaeEnabled(
		tokens, []string{scope}, []string{c.base.Hostname()}, kauth.ObservabilityOptions{}, false)
	return err
}

// prepareSDK makes the root of the SDK's request builders. Only its users
// package is used: the root package would compile sixty more into the program.
// Its requests are run by exchange, so none of the SDK's middleware (retries,
// gzip of request bodies, redirects) is in their way.
func (c *Client) prepareSDK() error {
	auth, err := kauth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(c.tokens, nil, []string{c.base.Hostname()})
	if err != nil {
		return err
	}
	c.adapter, err = khttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, nil, kjson.NewJsonSerializationWriterFactory(), c.http)
	if err != nil {
		return err
	}
	c.adapter.SetBaseUrl(c.base.String())
	c.users = users.NewUsersRequestBuilderInternal(map[string]string{"baseurl": c.base.String()}, c.adapter)
	return nil
}

// Mailbox returns the store of one mailbox, named by its address (user
// principal name) or object id. Make one for each mailbox and keep it: its
// scheduler is what keeps the mailbox within the service's limits.
func (c *Client) Mailbox(address string) *Store {
	return &Store{
		c:       c,
		address: address,
		log:     c.log.With("address", address),
		sched:   newScheduler(mailboxSlots, backgroundSlots),
		user:    c.users.ByUserId(address),
	}
}

// beta is the base of the beta version.
func (c *Client) beta() string { return strings.TrimSuffix(c.base.String(), "/v1.0") + "/beta" }

// Named gives s the name by which the operator's log knows its mailbox, and returns it.
func (s *Store) Named(name string) *Store {
	s.log = s.log.With("mailbox", name)
	return s
}

// Close drops idle connections. Stores must not be used afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Check fetches a token, to learn whether the credentials are accepted.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.token(ctx)
	return err
}

// token returns the access token for the configured endpoint.
func (c *Client) token(ctx context.Context) (string, error) {
	t, err := c.bearer.GetAuthorizationToken(ctx, c.base, nil)
	if err == nil && t == "" {
		err = errors.New("no token for this host")
	}
	return t, err
}
