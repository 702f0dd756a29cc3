package graphsim

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// serveAuthorize is the authorization endpoint (entra/identity-platform/v2-oauth2-auth-code-flow): a page with a link
// for each user of the tenant, and one to decline. The link is the same request with sim_user added.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request, tenant string) {
	e := s.newEntry(r, "token")
	e.Route = r.Method + " /{tenant}/oauth2/v2.0/authorize"
	q := r.URL.Query()
	e.App = q.Get("client_id")
	s.mu.Lock()
	a, code := s.publicClient(q, tenant)
	s.mu.Unlock()
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case code != 0:
	case err != nil || back.Scheme != "http" || back.Hostname() != "localhost" && back.Hostname() != "127.0.0.1":
		code = 50011 // only loopback addresses belong to a public client; their port does not count (RFC 8252 §7.3)
	case q.Get("response_type") != "code":
		code = 900144
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		code = 9002325
	}
	if code != 0 { // the redirect cannot be trusted: the user sees a page
		s.refuseToken(w, e, code)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	switch who := q.Get("sim_user"); {
	case who == "":
		e.Status = http.StatusOK
		s.record(e)
		s.userPage(w, r, tenant)
		return
	case who == "decline":
		answer.Set("error", "access_denied")
		answer.Set("error_description", "AADSTS65004: User declined to consent to access the app.")
	default:
		secret, code := s.authorizationCode(a, who, q)
		if code != 0 {
			answer.Set("error", tokenErrors[code].name)
			answer.Set("error_description", fmt.Sprintf("AADSTS%d: %s", code, tokenErrors[code].text))
			break
		}
		answer.Set("code", secret)
	}
	e.Status = http.StatusOK
	if q.Get("response_mode") != "form_post" {
		e.Status = http.StatusFound
	}
	s.record(e)
	giveBack(w, r, back, answer, e.Status)
}

// authorizationCode notes that a user agreed.
func (s *Server) authorizationCode(a *app, who string, q url.Values) (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.signIns.users[appKey(a.Tenant, who)]
	if u == nil {
		return "", 50034
	}
	scopes, code := a.consented(q.Get("scope"))
	if code != 0 {
		return "", code
	}
	secret := s.guid()
	s.signIns.codes[secret] = &signInCode{app: a, scopes: scopes, expires: s.now().Add(10 * time.Minute), user: u,
		redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge")}
	return secret, 0
}

var formPost = template.Must(template.New("").Parse(`<!DOCTYPE html><title>Signing in</title><body onload="document.forms[0].submit()">
<form method="post" action="{{.Action}}">{{range $name, $values := .Values}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}<input type="submit" value="Go on"></form>
`))

// giveBack sends the browser to the client, by a form or by a redirect.
func giveBack(w http.ResponseWriter, r *http.Request, back *url.URL, answer url.Values, status int) {
	if status == http.StatusFound {
		q := back.Query()
		for name, values := range answer {
			q[name] = values
		}
		back.RawQuery = q.Encode()
		http.Redirect(w, r, back.String(), status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	formPost.Execute(w, struct { // the browser may have gone
		Action template.URL
		Values url.Values
	}{template.URL(back.String()), answer})
}

var usersPage = template.Must(template.New("").Parse(`<!DOCTYPE html><title>Simulated sign-in</title><h1>Who are you?</h1>
<ul>{{range .}}<li><a href="{{.Link}}">{{.Name}}</a>{{end}}</ul>
`))

func (s *Server) userPage(w http.ResponseWriter, r *http.Request, tenant string) {
	type choice struct{ Name, Link string }
	var choices []choice
	for _, name := range append(s.names(tenant), "decline") {
		q := r.URL.Query()
		q.Set("sim_user", name)
		choices = append(choices, choice{name, "?" + q.Encode()})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	usersPage.Execute(w, choices)
}

const devicePage = `<!DOCTYPE html><title>Simulated sign-in</title><h1>Enter the code that the program shows</h1>
<form method="post"><p>Code <input name="code" autofocus> User <input name="user" type="email">
<p><button name="do" value="approve">Sign in and agree</button> <button name="do" value="decline">Decline</button></form>
`

// serveDevicePage is where a user enters a device code.
func (s *Server) serveDevicePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.Method != http.MethodPost {
		fmt.Fprint(w, devicePage)
		return
	}
	code, user := r.FormValue("code"), strings.TrimSpace(r.FormValue("user"))
	err := error(nil)
	switch r.FormValue("do") {
	case "decline":
		err = s.Decline(code)
	case "expire":
		err = s.ExpireCode(code)
	default:
		err = s.Approve(code, user)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, "<!DOCTYPE html><title>Done</title><p>Done. The program goes on by itself.\n")
}
