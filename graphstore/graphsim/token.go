package graphsim

import (
	"cmp"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// App is an app registration with its consent in one tenant.
type App struct {
	Tenant   string // GUID or domain, as in the path of the token endpoint
	ClientID string
	Secret   string // "" means none
	// SecretExpired answers AADSTS7000222 to the right secret.
	SecretExpired bool
	Disabled      bool // AADSTS7000112
	// Certificates may sign client assertions; Federated lists outside issuers.
	Certificates []*x509.Certificate
	Federated    []Federated
	// Roles are the application permissions of Entra, which appear in the token.
	Roles []string
	// ExchangeRoles are permissions granted inside Exchange (RBAC for Applications, §2.2): they do not appear in
	// the token, and AllowMailboxes scopes them alone.
	ExchangeRoles []string
	// AllowMailboxes are the addresses the app may touch; nil means all, empty none.
	AllowMailboxes []string
	// Policy makes a refused mailbox answer like an application access policy (§2.1) instead of RBAC.
	Policy bool
	// TokenLifetime is the life of access tokens; zero means 3599 s.
	TokenLifetime time.Duration
	// TokenError, an AADSTS number, makes every token request fail with it; see the table of §1.4.
	TokenError int

	// Public allows public client flows, in which users sign in. Delegated are the permissions that they, or an
	// administrator for them, have consented to: "Mail.ReadWrite", "Mail.Send.Shared".
	Public    bool
	Delegated []string
	// CodeLifetime is the life of device codes; zero means 15 minutes. RefreshLifetime is that of refresh tokens; zero
	// means 90 days.
	CodeLifetime, RefreshLifetime time.Duration
}

// Federated is a federated identity credential (workload identity federation).
type Federated struct {
	Issuer, Subject, Audience string
	Key                       crypto.PublicKey
}

// app is a registered App.
type app struct {
	App
	generation int // of tokens; RevokeTokens raises it
}

// accessToken is a token that passed.
type accessToken struct {
	app    *app
	roles  []string
	user   *user // on whose behalf; nil: the app's own
	scopes []string
}

// claims are the members of an access token (entra/identity-platform/access-token-claims-reference).
type claims struct {
	Aud        string   `json:"aud"`
	Iss        string   `json:"iss"`
	Iat        int64    `json:"iat"`
	Nbf        int64    `json:"nbf"`
	Exp        int64    `json:"exp"`
	AppID      string   `json:"appid"`
	IDType     string   `json:"idtyp"`
	Roles      []string `json:"roles,omitempty"`
	Scopes     string   `json:"scp,omitempty"`
	User       string   `json:"upn,omitempty"`
	UserID     string   `json:"oid,omitempty"`
	TenantID   string   `json:"tid"`
	Generation int      `json:"sim_gen"`
	Unique     string   `json:"uti"`
}

// AddApp registers an app, or replaces the one with the same tenant and client id; its tokens stay good.
func (s *Server) AddApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := appKey(a.Tenant, a.ClientID)
	n := &app{App: a}
	if old := s.apps[key]; old != nil {
		n.generation = old.generation
	}
	s.apps[key] = n
	s.tenants[strings.ToLower(a.Tenant)] = true
}

// RevokeTokens makes all tokens of an app invalid.
func (s *Server) RevokeTokens(tenant, clientID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[appKey(tenant, clientID)]; a != nil {
		a.generation++
	}
}

// Token returns an access token of an app without asking the endpoint, for tests that need none of it.
func (s *Server) Token(tenant, clientID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appKey(tenant, clientID)]
	if a == nil {
		return ""
	}
	return s.issue(a, cmp.Or(a.TokenLifetime, 3599*time.Second))
}

func appKey(tenant, clientID string) string { return strings.ToLower(tenant + " " + clientID) }

// serveLogin answers the login host and reports whether the path is one of its own.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) bool {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch rest {
	case "oauth2/v2.0/token":
		s.serveToken(w, r, tenant)
	case "oauth2/v2.0/devicecode":
		s.serveDeviceCode(w, r, tenant)
	case "oauth2/v2.0/authorize":
		s.serveAuthorize(w, r, tenant)
	case "v2.0/.well-known/openid-configuration", ".well-known/openid-configuration":
		s.serveMetadata(w, r, tenant)
	case "discovery/instance":
		s.serveDiscovery(w, r)
	default:
		return false
	}
	return true
}

// serveToken is the token endpoint (entra/identity-platform/v2-oauth2-client-creds-grant-flow, §1.2).
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, tenant string) {
	e := s.newEntry(r, "token")
	e.Route = r.Method + " /{tenant}/oauth2/v2.0/token"
	e.Header.Del("Authorization")
	err := r.ParseForm()
	if r.Method != http.MethodPost || err != nil {
		s.refuseToken(w, e, 900144)
		return
	}
	if userGrant(r.PostForm.Get("grant_type")) {
		s.serveUserToken(w, r, e, tenant)
		return
	}
	s.mu.Lock()
	a, code := s.credentials(r.PostForm, tenant, baseOf(r)+r.URL.Path)
	var token string
	var life time.Duration
	if code == 0 {
		life = cmp.Or(a.TokenLifetime, 3599*time.Second)
		token = s.issue(a, life)
	}
	s.mu.Unlock()
	e.App = r.PostForm.Get("client_id")
	if code != 0 {
		s.refuseToken(w, e, code)
		return
	}
	e.Status = http.StatusOK
	s.record(e)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Write(appendJSON(nil, object{{"token_type", "Bearer"}, {"expires_in", int(life.Seconds())},
		{"ext_expires_in", int(life.Seconds())}, {"access_token", token}}))
}

var tenantName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.-]*$`)

// credentials checks a token request and returns the app, or an AADSTS number. The caller holds mu.
func (s *Server) credentials(form url.Values, tenant, endpoint string) (*app, int) {
	id := form.Get("client_id")
	switch {
	case !tenantName.MatchString(tenant):
		return nil, 900023
	case !s.tenants[strings.ToLower(tenant)]:
		return nil, 90002
	case form.Get("grant_type") != "client_credentials":
		return nil, 70003
	}
	a := s.apps[appKey(tenant, id)]
	switch {
	case a == nil:
		return nil, 700016
	case a.TokenError != 0:
		return nil, a.TokenError
	case a.Disabled:
		return nil, 7000112
	}
	if code := checkScope(form.Get("scope")); code != 0 {
		return nil, code
	}
	switch {
	case form.Has("client_assertion"):
		return a, s.checkAssertion(a, form.Get("client_assertion_type"), form.Get("client_assertion"), endpoint)
	case !form.Has("client_secret"):
		return nil, 7000218
	case a.Secret == "" || subtle.ConstantTimeCompare([]byte(form.Get("client_secret")), []byte(a.Secret)) == 0:
		return nil, 7000215
	case a.SecretExpired:
		return nil, 7000222
	}
	return a, 0
}

// checkScope wants exactly one resource with /.default; MSAL adds three scopes of its own (§1.1).
func checkScope(scope string) int {
	resources := slices.DeleteFunc(strings.Fields(scope), func(s string) bool {
		return s == "openid" || s == "offline_access" || s == "profile"
	})
	if len(resources) != 1 || !strings.HasSuffix(resources[0], "/.default") {
		return 70011
	}
	u, err := url.Parse(strings.TrimSuffix(resources[0], "/.default"))
	if err != nil || u.Scheme == "" {
		return 1002012
	}
	return 0
}

// issue makes an access token. The caller holds mu.
func (s *Server) issue(a *app, life time.Duration) string {
	now := s.now()
	return s.jwt(claims{
		Aud: "https://graph.microsoft.com", Iss: "https://sts.windows.net/" + a.Tenant + "/", Iat: now.Unix(), Nbf: now.Unix(),
		Exp: now.Add(life).Unix(), AppID: a.ClientID, IDType: "app", Roles: a.Roles, TenantID: a.Tenant,
		Generation: a.generation, Unique: s.guid(),
	})
}

// jwt signs claims.
func (s *Server) jwt(claims any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic("graphsim: " + err.Error())
	}
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(`{"typ":"JWT","alg":"RS256","kid":"simulated"}`)) + "." + enc.EncodeToString(payload)
	return text + "." + enc.EncodeToString(s.sign(text))
}

// sign is the signature of tokens and upload URLs. Clients must not look into tokens, so the algorithm is ours.
func (s *Server) sign(text string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// authenticate checks an Authorization header. The token is nil when Options.Open lets a request in without one.
func (s *Server) authenticate(header string) (*accessToken, *apiError) {
	bad := func(text string) (*accessToken, *apiError) {
		return nil, fail(http.StatusUnauthorized, "InvalidAuthenticationToken", "%s", text)
	}
	if header == "" {
		if s.opts.Open {
			return nil, nil
		}
		return bad("Access token is empty.")
	}
	scheme, text, _ := strings.Cut(header, " ")
	i := strings.LastIndexByte(text, '.')
	if !strings.EqualFold(scheme, "Bearer") || i < 0 {
		return bad("CompactToken parsing failed with error code: 80049217")
	}
	sig, err := base64.RawURLEncoding.DecodeString(text[i+1:])
	_, middle, _ := strings.Cut(text[:i], ".")
	payload, err2 := base64.RawURLEncoding.DecodeString(middle)
	var cl claims
	if err != nil || err2 != nil || !hmac.Equal(sig, s.sign(text[:i])) || json.Unmarshal(payload, &cl) != nil {
		return bad("Access token validation failure. Invalid signature.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appKey(cl.TenantID, cl.AppID)]
	switch {
	case a == nil || cl.Generation != a.generation:
		return bad("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp")
	case s.now().Unix() >= cl.Exp:
		return bad("Lifetime validation failed, the token is expired.")
	case cl.User != "":
		return &accessToken{app: a, user: s.signIns.users[appKey(cl.TenantID, cl.User)], scopes: strings.Fields(cl.Scopes)}, nil
	case len(cl.Roles) == 0 && len(a.ExchangeRoles) == 0: // graph/resolve-auth-errors, §2.3
		return nil, fail(http.StatusUnauthorized, "NoPermissionsInAccessToken",
			"The token contains no permissions, or permissions can not be understood.")
	}
	return &accessToken{app: a, roles: cl.Roles}, nil
}

// authorize decides whether the call may be carried out (§2). The caller holds mu.
func (s *Server) authorize(c *call) *apiError {
	if c.token != nil && c.token.user != nil {
		if err := s.authorizeUser(c); err != nil {
			return err
		}
	} else if c.token != nil {
		a := c.token.app
		entra := intersects(c.token.roles, c.route.roles)
		if !entra && !intersects(a.ExchangeRoles, c.route.roles) {
			return s.missingRole(c)
		}
		// Permissions add up: a grant in Entra is narrowed by an access policy, not by an RBAC scope (§2.2).
		scoped := a.AllowMailboxes != nil && (a.Policy || !entra || len(a.ExchangeRoles) == 0)
		if scoped && c.mb != nil && !slices.ContainsFunc(a.AllowMailboxes, func(m string) bool {
			return s.mailboxes[strings.ToLower(m)] == c.mb
		}) {
			if a.Policy {
				return fail(http.StatusForbidden, "ErrorAccessDenied", "Access to OData is disabled.")
			}
			return errAccessDenied()
		}
	}
	switch {
	case c.mb == nil && c.route.path == "":
		return fail(http.StatusNotFound, "Request_ResourceNotFound", "Resource '%s' does not exist or one of its queried reference-property objects are not present.", c.user)
	case c.mb == nil || c.mb.state == StateInvalid:
		return errInvalidUser(c.user)
	case c.mb.state == StateOnPremises:
		return errOnPremises()
	}
	return nil
}

func (s *Server) missingRole(c *call) *apiError {
	switch {
	case c.route.path == "":
		return fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	case s.modes.MissingRole401:
		return fail(http.StatusUnauthorized, "UnknownError", "")
	}
	return errAccessDenied()
}

func intersects(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
