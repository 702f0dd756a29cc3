package graphsim

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const loginBase = "https://login.test/" + testTenant + "/oauth2/v2.0/"

// newUsers is a client of a server with two users and a public app.
func newUsers(t *testing.T, o Options) *client {
	t.Helper()
	c, _ := newClient(t, o)
	c.s.AddApp(App{Tenant: testTenant, ClientID: testApp, Public: true,
		Delegated: []string{"Mail.ReadWrite", "Mail.Send", "Mail.ReadWrite.Shared"}})
	c.s.AddUser(User{Tenant: testTenant, Name: anna})
	c.s.AddUser(User{Tenant: testTenant, Name: bert, Mailboxes: []string{anna}})
	return c
}

const ownScopes = "https://graph.microsoft.com/Mail.ReadWrite https://graph.microsoft.com/Mail.Send openid offline_access profile"

func publicForm(pairs ...string) url.Values {
	form := url.Values{"client_id": {testApp}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// wantError checks the error of a token answer.
func wantError(t *testing.T, what string, out map[string]any, want string) {
	t.Helper()
	if out["error"] != want {
		t.Errorf("%s: got %v, want %q", what, out, want)
	}
}

// signIn runs the device code flow for a user.
func (c *client) signIn(name, scope string) map[string]any {
	c.t.Helper()
	_, begun := askToken(c.t, c.s, loginBase+"devicecode", publicForm("scope", scope))
	if err := c.s.Approve(begun["user_code"].(string), name); err != nil {
		c.t.Fatal(err)
	}
	_, out := askToken(c.t, c.s, tokenURL, publicForm("grant_type", deviceGrant, "device_code", begun["device_code"].(string), "scope", scope))
	if out["access_token"] == nil {
		c.t.Fatalf("no token: %v", out)
	}
	c.token = out["access_token"].(string)
	return out
}

func TestDeviceCode(t *testing.T) {
	clk := &clock{start}
	c := newUsers(t, Options{Now: clk.now, Modes: Modes{SlowDown: true}})
	begin := func() (map[string]any, url.Values) {
		t.Helper()
		status, out := askToken(t, c.s, loginBase+"devicecode", publicForm("scope", ownScopes))
		if status != 200 || out["expires_in"] != 900.0 || out["interval"] != 5.0 || out["verification_uri"] == nil {
			t.Fatalf("devicecode: %d %v", status, out)
		}
		return out, publicForm("grant_type", deviceGrant, "device_code", out["device_code"].(string), "scope", ownScopes, "client_info", "1")
	}
	poll := func(form url.Values) map[string]any {
		t.Helper()
		_, out := askToken(t, c.s, tokenURL, form)
		return out
	}
	begun, form := begin()
	wantError(t, "first poll", poll(form), "authorization_pending")
	wantError(t, "at once again", poll(form), "slow_down")
	clk.t = clk.t.Add(5 * time.Second)
	wantError(t, "in time", poll(form), "authorization_pending")
	if err := c.s.Approve(strings.ToLower(begun["user_code"].(string)), anna); err != nil {
		t.Error(err)
	}
	out := poll(form)
	if out["token_type"] != "Bearer" || out["refresh_token"] == nil || out["id_token"] == nil || out["client_info"] == nil {
		t.Errorf("approved: %v", out)
	}
	wantError(t, "used twice", poll(form), "bad_verification_code")

	begun, form = begin()
	if err := c.s.Decline(begun["user_code"].(string)); err != nil {
		t.Error(err)
	}
	wantError(t, "declined", poll(form), "authorization_declined")
	_, form = begin()
	clk.t = clk.t.Add(15 * time.Minute)
	wantError(t, "late", poll(form), "expired_token")
	if c.s.Approve("nothing", anna) == nil || c.s.Approve(begun["user_code"].(string), "nobody@contoso.example") == nil {
		t.Error("unknown code or user approved")
	}
	form.Set("client_secret", "x")
	wantError(t, "with a secret", poll(form), "invalid_client")
}

func TestAuthorizationCode(t *testing.T) {
	c := newUsers(t, Options{})
	sum := sha256.Sum256([]byte("verifier"))
	query := func(change ...string) url.Values {
		q := publicForm("response_type", "code", "redirect_uri", "http://localhost:4711", "scope", ownScopes, "state", "s<1>",
			"code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256")
		for i := 0; i < len(change); i += 2 {
			q.Set(change[i], change[i+1])
		}
		return q
	}
	authorize := func(q url.Values) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		c.s.ServeHTTP(w, httptest.NewRequest("GET", loginBase+"authorize?"+q.Encode(), nil))
		return w
	}
	if w := authorize(query()); w.Code != 200 || !strings.Contains(w.Body.String(), anna) {
		t.Errorf("page: %d %s", w.Code, w.Body)
	}
	if w := authorize(query("sim_user", anna, "response_mode", "form_post")); w.Code != 200 ||
		!strings.Contains(w.Body.String(), `action="http://localhost:4711"`) || !strings.Contains(w.Body.String(), `value="s&lt;1&gt;"`) {
		t.Errorf("form: %d %s", w.Code, w.Body)
	}
	code := func() string {
		t.Helper()
		w := authorize(query("sim_user", anna))
		u, err := url.Parse(w.Header().Get("Location"))
		if w.Code != 302 || err != nil || u.Query().Get("state") != "s<1>" || u.Query().Get("code") == "" {
			t.Fatalf("redirect: %d %s", w.Code, w.Header())
		}
		return u.Query().Get("code")
	}
	good := code()
	redeem := func(code, verifier, redirect string) map[string]any {
		_, out := askToken(t, c.s, tokenURL, publicForm("grant_type", "authorization_code", "code", code, "code_verifier", verifier,
			"redirect_uri", redirect, "scope", ownScopes))
		return out
	}
	wantError(t, "other verifier", redeem(code(), "x", "http://localhost:4711"), "invalid_grant")
	wantError(t, "other address", redeem(code(), "verifier", "http://localhost:4712"), "invalid_request")
	if out := redeem(good, "verifier", "http://localhost:4711"); out["access_token"] == nil {
		t.Errorf("redeemed: %v", out)
	}
	wantError(t, "redeemed twice", redeem(good, "verifier", "http://localhost:4711"), "invalid_grant")
	for name, q := range map[string]url.Values{
		"no loopback address": query("redirect_uri", "https://evil.example"), "no challenge": query("code_challenge", ""),
		"plain challenge": query("code_challenge_method", "plain"), "other response": query("response_type", "token"),
	} {
		if w := authorize(q); w.Code != 400 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestRefreshToken(t *testing.T) {
	for _, single := range []bool{false, true} {
		clk := &clock{start}
		c := newUsers(t, Options{Now: clk.now, Modes: Modes{SingleUseRefresh: single}})
		first := c.signIn(anna, ownScopes)["refresh_token"].(string)
		refresh := func(token, scope string) map[string]any {
			_, out := askToken(t, c.s, tokenURL, publicForm("grant_type", "refresh_token", "refresh_token", token, "scope", scope))
			return out
		}
		second, _ := refresh(first, ownScopes)["refresh_token"].(string)
		if second == "" || second == first {
			t.Fatalf("the new refresh token is %q", second)
		}
		if _, again := refresh(first, ownScopes)["access_token"]; again == single {
			t.Errorf("single use %v: used twice gives a token: %v", single, again)
		}
		wantError(t, "more than consented", refresh(second, ownScopes+" https://graph.microsoft.com/Mail.ReadWrite.Shared"), "invalid_grant")
		c.s.RevokeSignIns(testTenant, anna)
		wantError(t, "revoked", refresh(second, ownScopes), "invalid_grant")
		third := c.signIn(anna, ownScopes)["refresh_token"].(string)
		clk.t = clk.t.Add(90 * 24 * time.Hour)
		wantError(t, "90 days later", refresh(third, ownScopes), "invalid_grant")
	}
}

func TestDelegatedAccess(t *testing.T) {
	c := newUsers(t, Options{})
	const shared = ownScopes + " https://graph.microsoft.com/Mail.ReadWrite.Shared"
	for _, tt := range []struct {
		name, user, scope, path string
		status                  int
	}{
		{"own", anna, ownScopes, "/v1.0/users/" + anna + "/mailFolders/inbox", 200},
		{"me", anna, ownScopes, "/v1.0/me/mailFolders/inbox", 200},
		{"another's without .Shared", bert, ownScopes, "/v1.0/users/" + anna + "/mailFolders/inbox", 403},
		{"another's", bert, shared, "/v1.0/users/" + anna + "/mailFolders/inbox", 200},
		{"another's without rights in Exchange", anna, shared, "/v1.0/users/" + bert + "/mailFolders/inbox", 403},
		{"nobody's", anna, shared, "/v1.0/users/nobody@contoso.example/mailFolders/inbox", 404},
	} {
		c.signIn(tt.user, tt.scope)
		if r := c.do("GET", tt.path, nil); r.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, r.status, r.text, tt.status)
		}
	}
	c.signIn(anna, "https://graph.microsoft.com/Mail.ReadWrite openid")
	c.wantCode(403, "ErrorAccessDenied", "POST", "/sendMail", map[string]any{"message": map[string]any{}})
}
