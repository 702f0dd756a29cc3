package graphsim

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// deviceGrant is the documented name, shortDeviceGrant what Microsoft's own library (MSAL for Go 1.10) sends; the
	// service takes both.
	deviceGrant      = "urn:ietf:params:oauth:grant-type:device_code"
	shortDeviceGrant = "device_code"
	pollInterval     = 5 * time.Second
)

// serveDeviceCode begins a device code flow (entra/identity-platform/v2-oauth2-device-code).
func (s *Server) serveDeviceCode(w http.ResponseWriter, r *http.Request, tenant string) {
	e := s.newEntry(r, "token")
	e.Route = r.Method + " /{tenant}/oauth2/v2.0/devicecode"
	if err := r.ParseForm(); r.Method != http.MethodPost || err != nil {
		s.refuseToken(w, e, 900144)
		return
	}
	e.App = r.PostForm.Get("client_id")
	s.mu.Lock()
	a, code := s.publicClient(r.PostForm, tenant)
	var scopes []string
	if code == 0 {
		scopes, code = a.consented(r.PostForm.Get("scope"))
	}
	if code != 0 {
		s.mu.Unlock()
		s.refuseToken(w, e, code)
		return
	}
	life := cmp.Or(a.CodeLifetime, 15*time.Minute)
	secret, userCode := s.guid(), strings.ToUpper(s.guid()[:8])
	s.signIns.codes[secret] = &signInCode{app: a, scopes: scopes, expires: s.now().Add(life), userCode: userCode}
	s.mu.Unlock()
	page := baseOf(r) + "/_sim/device"
	s.answerToken(w, e, object{
		{"device_code", secret}, {"user_code", userCode}, {"verification_uri", page}, {"expires_in", int(life.Seconds())},
		{"interval", int(pollInterval.Seconds())},
		{"message", "To sign in, use a web browser to open the page " + page + " and enter the code " + userCode + " to authenticate."},
	})
}

// answerToken writes an answer with success.
func (s *Server) answerToken(w http.ResponseWriter, e *Entry, o object) {
	e.Status = http.StatusOK
	s.record(e)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Write(appendJSON(nil, o))
}

// publicClient finds the app of a delegated flow: it is a public client, which has no secret. The caller holds mu.
func (s *Server) publicClient(form url.Values, tenant string) (*app, int) {
	a := s.apps[appKey(tenant, form.Get("client_id"))]
	switch {
	case !tenantName.MatchString(tenant):
		return nil, 900023
	case !s.tenants[strings.ToLower(tenant)]:
		return nil, 90002
	case a == nil:
		return nil, 700016
	case a.TokenError != 0:
		return nil, a.TokenError
	case a.Disabled:
		return nil, 7000112
	case !a.Public:
		return nil, 7000218
	case form.Has("client_secret") || form.Has("client_assertion"):
		return nil, 700025
	}
	return a, 0
}

// same reports whether two registrations are of one app; AddApp replaces them.
func (a *app) same(b *app) bool { return appKey(a.Tenant, a.ClientID) == appKey(b.Tenant, b.ClientID) }

// consented checks the scopes of a request and returns them without the resource.
func (a *app) consented(scope string) ([]string, int) {
	var scopes []string
	for _, full := range strings.Fields(scope) {
		name := full[strings.LastIndexByte(full, '/')+1:]
		switch {
		case name == "openid" || name == "profile" || name == "email" || name == "offline_access":
		case name == ".default":
			scopes = append(scopes, a.Delegated...)
			continue
		case !slices.Contains(a.Delegated, name):
			return nil, 65001
		}
		scopes = append(scopes, name)
	}
	if len(scopes) == 0 {
		return nil, 70011
	}
	return scopes, 0
}

// userGrant reports whether a grant type is one of a delegated flow.
func userGrant(grant string) bool {
	return grant == deviceGrant || grant == shortDeviceGrant || grant == "authorization_code" || grant == "refresh_token"
}

// serveUserToken is the token endpoint for delegated flows (§1.3).
func (s *Server) serveUserToken(w http.ResponseWriter, r *http.Request, e *Entry, tenant string) {
	e.App = r.PostForm.Get("client_id")
	s.mu.Lock()
	o, code := s.redeem(r.PostForm, tenant, baseOf(r))
	s.mu.Unlock()
	if code != 0 {
		s.refuseToken(w, e, code)
		return
	}
	s.answerToken(w, e, o)
}

// redeem checks what the client brings and makes the tokens. The caller holds mu.
func (s *Server) redeem(form url.Values, tenant, base string) (object, int) {
	a, code := s.publicClient(form, tenant)
	if code != 0 {
		return nil, code
	}
	var u *user
	var scopes []string
	switch form.Get("grant_type") {
	case deviceGrant, shortDeviceGrant:
		u, scopes, code = s.redeemDevice(a, form)
	case "authorization_code":
		u, scopes, code = s.redeemCode(a, form)
	default:
		u, scopes, code = s.redeemRefresh(a, form)
	}
	switch {
	case code != 0:
		return nil, code
	case u.TokenError != 0:
		return nil, u.TokenError
	}
	return s.userTokens(a, u, scopes, form, base), 0
}

func (s *Server) redeemDevice(a *app, form url.Values) (*user, []string, int) {
	key := form.Get("device_code")
	c := s.signIns.codes[key]
	now := s.now()
	switch {
	case c == nil || c.userCode == "" || !c.app.same(a):
		return nil, nil, 70018
	case c.declined:
		return nil, nil, 65004
	case !now.Before(c.expires):
		return nil, nil, 70019
	case c.user == nil && now.Sub(c.polled) < pollInterval && s.modes.SlowDown:
		c.polled = now
		return nil, nil, slowDown
	case c.user == nil:
		c.polled = now
		return nil, nil, 70016
	}
	delete(s.signIns.codes, key)
	return c.user, c.scopes, 0
}

// redeemCode checks the code verifier of PKCE (RFC 7636 §4.6).
func (s *Server) redeemCode(a *app, form url.Values) (*user, []string, int) {
	key := form.Get("code")
	c := s.signIns.codes[key]
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case c == nil || c.user == nil || c.userCode != "" || !c.app.same(a):
		return nil, nil, 54005 // unknown, or redeemed before
	case !s.now().Before(c.expires):
		return nil, nil, 70008
	case c.redirect != form.Get("redirect_uri"):
		return nil, nil, 50011
	case c.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		return nil, nil, 501481
	}
	delete(s.signIns.codes, key)
	return c.user, c.scopes, 0
}

func (s *Server) redeemRefresh(a *app, form url.Values) (*user, []string, int) {
	key := form.Get("refresh_token")
	r := s.signIns.refresh[key]
	switch {
	case r == nil || !r.app.same(a):
		return nil, nil, 9002313
	case r.generation != r.user.generation:
		return nil, nil, 50173
	case !s.now().Before(r.expires):
		return nil, nil, 700082
	}
	scopes, code := a.consented(form.Get("scope"))
	if code == 0 && slices.ContainsFunc(scopes, func(n string) bool { return !slices.Contains(r.scopes, n) }) {
		code = 65001
	}
	if code == 0 && s.modes.SingleUseRefresh {
		delete(s.signIns.refresh, key)
	}
	return r.user, scopes, code
}

// userTokens makes the answer: the refresh token in it replaces the old one. The caller holds mu.
func (s *Server) userTokens(a *app, u *user, scopes []string, form url.Values, base string) object {
	life := cmp.Or(a.TokenLifetime, 3599*time.Second)
	o := object{{"token_type", "Bearer"}, {"scope", strings.Join(withoutOIDC(strings.Fields(form.Get("scope"))), " ")},
		{"expires_in", int(life.Seconds())}, {"ext_expires_in", int(life.Seconds())},
		{"access_token", s.issueFor(a, u, withoutOIDC(scopes), life)}}
	if slices.Contains(scopes, "offline_access") {
		secret := "0." + s.guid() + s.guid()
		s.signIns.refresh[secret] = &refreshToken{app: a, user: u, scopes: scopes, generation: u.generation,
			expires: s.now().Add(cmp.Or(a.RefreshLifetime, 90*24*time.Hour))}
		o = append(o, member{"refresh_token", secret})
	}
	if slices.Contains(scopes, "openid") {
		now := s.now().Unix()
		o = append(o, member{"id_token", s.jwt(map[string]any{"aud": a.ClientID, "iss": base + "/" + a.Tenant + "/v2.0", "iat": now, "nbf": now,
			"exp": now + 3600, "name": u.Name, "preferred_username": u.Name, "oid": u.id, "sub": u.id, "tid": a.Tenant, "ver": "2.0"})})
	}
	if form.Get("client_info") == "1" {
		info, err := json.Marshal(map[string]string{"uid": u.id, "utid": a.Tenant})
		if err != nil {
			panic("graphsim: " + err.Error())
		}
		o = append(o, member{"client_info", base64.RawURLEncoding.EncodeToString(info)})
	}
	return o
}

// withoutOIDC leaves the scopes of Graph.
func withoutOIDC(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(n string) bool {
		return n == "openid" || n == "profile" || n == "email" || n == "offline_access"
	})
}

// issueFor makes an access token that acts on behalf of a user. The caller holds mu.
func (s *Server) issueFor(a *app, u *user, scopes []string, life time.Duration) string {
	now := s.now()
	return s.jwt(claims{
		Aud: "https://graph.microsoft.com", Iss: "https://sts.windows.net/" + a.Tenant + "/", Iat: now.Unix(), Nbf: now.Unix(),
		Exp: now.Add(life).Unix(), AppID: a.ClientID, IDType: "user", Scopes: strings.Join(scopes, " "), User: u.Name, UserID: u.id,
		TenantID: a.Tenant, Generation: a.generation, Unique: s.guid(),
	})
}
