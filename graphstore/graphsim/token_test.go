package graphsim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const tokenURL = "https://login.test/" + testTenant + "/oauth2/v2.0/token"

// askToken posts a form to the token endpoint.
func askToken(t testing.TB, s *Server, target string, form url.Values) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return w.Code, out
}

func secretForm() url.Values {
	return url.Values{"client_id": {testApp}, "client_secret": {"secret"}, "grant_type": {"client_credentials"},
		"scope": {"https://graph.microsoft.com/.default openid offline_access profile"}}
}

func TestTokenWorksUntilItExpires(t *testing.T) {
	clk := &clock{start}
	c, _ := newClient(t, Options{Now: clk.now})
	c.s.AddApp(App{Tenant: testTenant, ClientID: testApp, Secret: "secret", Roles: []string{"Mail.Read"}, TokenLifetime: 10 * time.Second})
	status, out := askToken(t, c.s, tokenURL, secretForm())
	equal(t, "status", status, 200)
	equal(t, "expires_in", out["expires_in"], any(10.0))
	c.token = out["access_token"].(string)
	c.want(200, "GET", "/mailFolders/inbox", nil)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(c.token, ".")[1])
	if err != nil || !strings.Contains(string(payload), `"roles":["Mail.Read"]`) {
		t.Errorf("claims: %s %v", payload, err)
	}
	clk.t = clk.t.Add(10 * time.Second)
	c.wantCode(401, "InvalidAuthenticationToken", "GET", "/mailFolders/inbox", nil)
	equal(t, "Graph requests", c.s.Count(), 2)
	equal(t, "token requests", c.s.CountRoute("token"), 1)

	_, out = askToken(t, c.s, tokenURL, secretForm())
	c.token = out["access_token"].(string)
	c.s.RevokeTokens(testTenant, testApp)
	c.wantCode(401, "InvalidAuthenticationToken", "GET", "/mailFolders/inbox", nil)
	c.token = "a.b.c"
	c.wantCode(401, "InvalidAuthenticationToken", "GET", "/mailFolders/inbox", nil)
}

func TestTokenErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		app    func(*App)
		form   func(url.Values)
		target string
		status int
		err    string
		code   float64
	}{
		{name: "wrong secret", form: func(f url.Values) { f.Set("client_secret", "x") }, status: 401, err: "invalid_client", code: 7000215},
		{name: "expired secret", app: func(a *App) { a.SecretExpired = true }, status: 401, err: "invalid_client", code: 7000222},
		{name: "no secret", form: func(f url.Values) { f.Del("client_secret") }, status: 401, err: "invalid_client", code: 7000218},
		{name: "unknown app", form: func(f url.Values) { f.Set("client_id", "x") }, status: 400, err: "unauthorized_client", code: 700016},
		{name: "disabled app", app: func(a *App) { a.Disabled = true }, status: 400, err: "unauthorized_client", code: 7000112},
		{name: "unknown tenant", target: "https://login.test/other.example/oauth2/v2.0/token", status: 400, err: "invalid_request", code: 90002},
		{name: "bad tenant", target: "https://login.test/no%20name/oauth2/v2.0/token", status: 400, err: "invalid_request", code: 900023},
		{name: "scope without resource", form: func(f url.Values) { f.Set("scope", "Mail.Read") }, status: 400, err: "invalid_scope", code: 70011},
		{name: "scope of no URL", form: func(f url.Values) { f.Set("scope", "graph/.default") }, status: 400, err: "invalid_scope", code: 1002012},
		{name: "blocked", app: func(a *App) { a.TokenError = 53003 }, status: 400, err: "access_denied", code: 53003},
		{name: "transient", app: func(a *App) { a.TokenError = 90033 }, status: 503, err: "temporarily_unavailable", code: 90033},
		{name: "other grant", form: func(f url.Values) { f.Set("grant_type", "password") }, status: 400, err: "unsupported_grant_type", code: 70003},
	} {
		s := New(Options{})
		a := App{Tenant: testTenant, ClientID: testApp, Secret: "secret"}
		if tt.app != nil {
			tt.app(&a)
		}
		s.AddApp(a)
		form := secretForm()
		if tt.form != nil {
			tt.form(form)
		}
		if tt.target == "" {
			tt.target = tokenURL
		}
		status, out := askToken(t, s, tt.target, form)
		codes, _ := out["error_codes"].([]any)
		if status != tt.status || out["error"] != tt.err || len(codes) != 1 || codes[0] != tt.code {
			t.Errorf("%s: got %d %v", tt.name, status, out)
		}
	}
}

// jwt signs claims with a key.
func jwt(t *testing.T, key crypto.Signer, head, claims map[string]any) string {
	t.Helper()
	enc := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := enc(head) + "." + enc(claims)
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if head["alg"] == "PS256" {
			sig, err = rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
		}
	case *ecdsa.PrivateKey:
		r, s, serr := ecdsa.Sign(rand.Reader, k, sum[:])
		err = serr
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestAssertions(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	fedKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotBefore: start, NotAfter: start.AddDate(1, 0, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	clk := &clock{start.Add(time.Hour)}
	s := New(Options{Now: clk.now})
	s.AddApp(App{Tenant: testTenant, ClientID: testApp, Certificates: []*x509.Certificate{cert},
		Federated: []Federated{{Issuer: "https://issuer.example", Subject: "job", Key: fedKey.Public()}}})
	sum := sha256.Sum256(raw)
	head := func(alg string) map[string]any {
		return map[string]any{"alg": alg, "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	}
	serial := 0
	claims := func(change ...any) map[string]any {
		serial++
		out := map[string]any{"aud": tokenURL, "iss": testApp, "sub": testApp, "jti": string(rune('a' + serial)), "nbf": clk.t.Unix(), "exp": clk.t.Add(time.Minute).Unix()}
		for i := 0; i < len(change); i += 2 {
			out[change[i].(string)] = change[i+1]
		}
		return out
	}
	replayed := jwt(t, key, head("PS256"), claims())
	fed := func(change ...any) map[string]any {
		return claims(append([]any{"iss", "https://issuer.example", "sub", "job", "aud", []string{"api://AzureADTokenExchange"}}, change...)...)
	}
	for _, tt := range []struct {
		name string
		jwt  string
		code float64 // 0 is success
	}{
		{"PS256", replayed, 0},
		{"used twice", replayed, 700027},
		{"RS256", jwt(t, key, head("RS256"), claims()), 0},
		{"thumbprint as MSAL writes it", jwt(t, key, map[string]any{"alg": "PS256", "x5t#S256": base64.StdEncoding.EncodeToString(sum[:])}, claims()), 0},
		{"other key", jwt(t, fedKey, head("ES256"), claims()), 700027},
		{"tampered", jwt(t, key, head("RS256"), claims()) + "A", 700027},
		{"expired", jwt(t, key, head("PS256"), claims("exp", clk.t.Unix())), 700024},
		{"from the future", jwt(t, key, head("PS256"), claims("nbf", clk.t.Add(time.Hour).Unix())), 700024},
		{"other audience", jwt(t, key, head("PS256"), claims("aud", "https://elsewhere.example")), 700023},
		{"no certificate named", jwt(t, key, map[string]any{"alg": "RS256"}, claims()), 700027},
		{"no JWT", "nonsense", 700027},
		{"federated", jwt(t, fedKey, map[string]any{"alg": "ES256"}, fed()), 0},
		{"federated, other issuer", jwt(t, fedKey, map[string]any{"alg": "ES256"}, fed("iss", "https://x.example")), 700211},
		{"federated, other subject", jwt(t, fedKey, map[string]any{"alg": "ES256"}, fed("sub", "x")), 700213},
		{"federated, other audience", jwt(t, fedKey, map[string]any{"alg": "ES256"}, fed("aud", "x")), 700212},
		{"federated, other key", jwt(t, key, map[string]any{"alg": "RS256"}, fed()), 700027},
	} {
		form := secretForm()
		form.Del("client_secret")
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", tt.jwt)
		_, out := askToken(t, s, tokenURL, form)
		var got float64
		if codes, _ := out["error_codes"].([]any); len(codes) == 1 {
			got = codes[0].(float64)
		}
		if got != tt.code || tt.code == 0 && out["access_token"] == nil {
			t.Errorf("%s: got %v", tt.name, out)
		}
	}
}

func TestAccess(t *testing.T) {
	s := New(Options{})
	for _, a := range []string{anna, bert} {
		if _, err := s.AddMailbox(a, MailboxOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for i, st := range []State{StateInvalid, StateOnPremises} {
		if _, err := s.AddMailbox([]string{"new@contoso.example", "old@contoso.example"}[i], MailboxOptions{State: st}); err != nil {
			t.Fatal(err)
		}
	}
	apps := map[string]App{
		"all":      {Roles: []string{"Mail.ReadWrite", "Mail.Send"}},
		"read":     {Roles: []string{"Mail.Read"}},
		"none":     {},
		"policy":   {Roles: []string{"Mail.ReadWrite"}, AllowMailboxes: []string{anna}, Policy: true},
		"rbac":     {ExchangeRoles: []string{"Mail.ReadWrite"}, AllowMailboxes: []string{anna}},
		"both":     {Roles: []string{"Mail.ReadWrite"}, ExchangeRoles: []string{"Mail.ReadWrite"}, AllowMailboxes: []string{anna}},
		"nowhere":  {Roles: []string{"Mail.ReadWrite"}, AllowMailboxes: []string{}},
		"settings": {Roles: []string{"MailboxSettings.Read", "User.Read.All"}},
	}
	c := &client{t: t, s: s}
	for name, a := range apps {
		a.Tenant, a.ClientID = testTenant, name
		s.AddApp(a)
	}
	for _, tt := range []struct {
		app, method, path string
		status            int
		code, message     string
	}{
		{"all", "GET", bert + "/mailFolders/inbox", 200, "", ""},
		{"read", "GET", bert + "/mailFolders/inbox", 200, "", ""},
		{"read", "POST", bert + "/mailFolders", 403, "ErrorAccessDenied", ""},
		{"none", "GET", bert + "/mailFolders/inbox", 401, "NoPermissionsInAccessToken", "The token contains no permissions, or permissions can not be understood."},
		{"policy", "GET", anna + "/mailFolders/inbox", 200, "", ""},
		{"policy", "GET", bert + "/mailFolders/inbox", 403, "ErrorAccessDenied", "Access to OData is disabled."},
		{"rbac", "GET", anna + "/mailFolders/inbox", 200, "", ""},
		{"rbac", "GET", bert + "/mailFolders/inbox", 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."},
		{"both", "GET", bert + "/mailFolders/inbox", 200, "", ""},
		{"nowhere", "GET", anna + "/mailFolders/inbox", 403, "ErrorAccessDenied", ""},
		{"all", "GET", "new@contoso.example/mailFolders/inbox", 404, "ErrorInvalidUser", ""},
		{"all", "GET", "nobody@contoso.example/mailFolders/inbox", 404, "ErrorInvalidUser", ""},
		{"all", "GET", "old@contoso.example/messages", 404, "MailboxNotEnabledForRESTAPI", ""},
		{"all", "GET", anna, 403, "Authorization_RequestDenied", ""},
		{"all", "GET", anna + "/mailboxSettings", 403, "ErrorAccessDenied", ""},
		{"settings", "GET", anna, 200, "", ""},
		{"settings", "GET", "nobody@contoso.example", 404, "Request_ResourceNotFound", ""},
		{"settings", "GET", anna + "/mailboxSettings", 200, "", ""},
	} {
		c.token = s.Token(testTenant, tt.app)
		r := c.do(tt.method, "/v1.0/users/"+tt.path, nil)
		if r.status != tt.status || r.str("error.code") != tt.code || tt.message != "" && r.str("error.message") != tt.message {
			t.Errorf("%s, %s: got %d %s", tt.app, tt.path, r.status, r.text)
		}
	}
	c.token = s.Token(testTenant, "all")
	c.wantCode(400, "BadRequest", "GET", "/v1.0/me/messages", nil)
	s.SetModes(Modes{MissingRole401: true})
	c.token = s.Token(testTenant, "read")
	c.wantCode(401, "UnknownError", "POST", "/sendMail", nil)
}
