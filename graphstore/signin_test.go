package graphstore

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

const (
	simUser   = simAddress
	simShared = "shared@example.com"
)

// newDelegated is a simulator with a user, his mailbox, a shared one, and an app
// that acts on his behalf.
func newDelegated(t *testing.T, app graphsim.App) *access {
	t.Helper()
	if app.Delegated == nil {
		app.Delegated = []string{"Mail.ReadWrite", "Mail.Send", "Mail.ReadWrite.Shared", "Mail.Send.Shared"}
	}
	app.Public, app.Roles = true, []string{}
	a := newAccess(t, graphsim.Options{Modes: graphsim.Modes{SingleUseRefresh: true, SlowDown: true}}, app)
	if _, err := a.AddMailbox(simShared, graphsim.MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	a.AddUser(graphsim.User{Tenant: simTenant, Name: simUser, Mailboxes: []string{simShared}})
	a.AddUser(graphsim.User{Tenant: simTenant, Name: "other@example.com"})
	return a
}

func (a *access) signIn() SignIn {
	return SignIn{TenantID: simTenant, ClientID: simApp, User: simUser, File: filepath.Join(a.dir, "signin", "demo.json"),
		Hint: "mail2graph login demo", Logger: slog.New(slog.NewTextHandler(&a.log, nil))}
}

func (a *access) options() Options {
	return Options{AuthorityHost: a.URL, GraphEndpoint: a.URL, CAs: a.CAPEM}
}

// enter signs in by device code; do is what the user does with it.
func (a *access) enter(s SignIn, do func(code string) error) error {
	a.t.Helper()
	shown := 0
	return SignInWithCode(a.t.Context(), a.options(), s, func(c DeviceCode) {
		if shown++; shown > 1 || c.URL == "" || c.Code == "" || c.Expires.IsZero() {
			a.t.Errorf("shown for the %d. time: %+v", shown, c)
		}
		if err := do(c.Code); err != nil {
			a.t.Error(err)
		}
	})
}

func (a *access) approve(s SignIn) {
	a.t.Helper()
	if err := a.enter(s, func(code string) error { return a.Approve(code, simUser) }); err != nil {
		a.t.Fatal(err)
	}
}

func (a *access) content(s SignIn) string {
	a.t.Helper()
	text, err := os.ReadFile(s.File)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// TestSignIn goes from nothing to reading mail, over a restart and refreshes.
func TestSignIn(t *testing.T) {
	a := newDelegated(t, graphsim.App{})
	s := a.signIn()
	a.open(OnBehalfOf(s))
	a.reads(bridge.ErrCredentials, "nobody has signed in")
	a.approve(s)
	a.reads(nil, "") // without a restart
	for path, want := range map[string]os.FileMode{s.File: 0o600, filepath.Dir(s.File): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want mode %v", path, info.Mode(), err, want)
		}
	}
	for round := range 3 {
		before := a.content(s)
		if strings.Contains(before, "AccessToken") || strings.Count(before, `"refresh`) == 0 && !strings.Contains(before, "RefreshToken") {
			t.Errorf("what is kept:\n%s", before)
		}
		if round == 1 {
			a.open(OnBehalfOf(s)) // a restart
		}
		a.RevokeTokens(simTenant, simApp)
		a.reads(nil, "")
		if a.content(s) == before {
			t.Error("the refresh token was used up and stayed in the file")
		}
	}
	claims, ok, err := a.client.Claims(t.Context())
	if err != nil || !ok || strings.Join(claims.Scopes, " ") != "Mail.ReadWrite Mail.Send" || len(claims.Roles) != 0 {
		t.Errorf("token %+v, %v", claims, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(s.File), ".*")); len(left) != 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

// TestSignInEnds: what ends a sign-in is said once, and a new one is used at once.
func TestSignInEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(a *access)
		want string
	}{
		{"revoked", func(a *access) { a.RevokeSignIns(simTenant, simUser) }, "the sign-in was revoked"},
		{"second factor", func(a *access) {
			a.AddUser(graphsim.User{Tenant: simTenant, Name: simUser, TokenError: 50076})
		}, "a second factor"},
		{"consent withdrawn", func(a *access) { a.app(graphsim.App{Public: true}) }, "consent is missing"},
		{"forgotten", func(a *access) {
			if err := os.Remove(a.signIn().File); err != nil {
				t.Fatal(err)
			}
		}, "nobody has signed in"},
		{"damaged", func(a *access) { a.put("signin/demo.json", "{") }, "holds no sign-in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := graphsim.App{}
			a := newDelegated(t, app)
			s := a.signIn()
			a.approve(s)
			a.open(OnBehalfOf(s))
			a.reads(nil, "")
			tt.end(a)
			a.RevokeTokens(simTenant, simApp)
			for range 3 {
				a.reads(bridge.ErrCredentials, tt.want)
			}
			if n := strings.Count(a.log.String(), "a new sign-in is due: mail2graph login demo"); n != 1 {
				t.Errorf("%d lines, want 1:\n%s", n, a.log.String())
			}
			a.AddUser(graphsim.User{Tenant: simTenant, Name: simUser})
			a.app(graphsim.App{Public: true, Delegated: []string{"Mail.ReadWrite", "Mail.Send"}, Roles: []string{}})
			a.approve(s)
			a.reads(nil, "")
		})
	}
}

// TestSignInRefused: nothing is kept of a sign-in that fails.
func TestSignInRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		app    graphsim.App
		modify func(*SignIn)
		user   func(a *access, code string) error
		want   string
	}{
		{name: "declined", user: func(a *access, code string) error { return a.Decline(code) }, want: "declined"},
		{name: "expired code", user: func(a *access, code string) error { return a.ExpireCode(code) }, want: "code has expired"},
		{name: "somebody else", user: func(a *access, code string) error { return a.Approve(code, "other@example.com") },
			want: "other@example.com has signed in, expected was demo@example.com"},
		{name: "disabled user", user: func(a *access, code string) error {
			a.AddUser(graphsim.User{Tenant: simTenant, Name: simUser, TokenError: 50057})
			return a.Approve(code, simUser)
		}, want: "account is disabled"},
		{name: "no consent", app: graphsim.App{Delegated: []string{"Mail.ReadWrite"}}, want: "consent is missing"},
		{name: "no consent to shared mailboxes", app: graphsim.App{Delegated: []string{"Mail.ReadWrite", "Mail.Send"}},
			modify: func(s *SignIn) { s.Shared = true }, want: ".Shared"},
		{name: "unknown app", modify: func(s *SignIn) { s.ClientID = "x" }, want: "client id is not known"},
		{name: "unknown tenant", modify: func(s *SignIn) { s.TenantID = "nowhere.example" }, want: "tenant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newDelegated(t, tt.app)
			s := a.signIn()
			if tt.modify != nil {
				tt.modify(&s)
			}
			err := a.enter(s, func(code string) error {
				if tt.user == nil {
					t.Error("a code was shown")
					return nil
				}
				return tt.user(a, code)
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(s.File); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something was kept: %v", err)
			}
		})
	}
	t.Run("no public client", func(t *testing.T) {
		a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one"})
		err := a.enter(a.signIn(), func(string) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "public client flows") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		a := newDelegated(t, graphsim.App{})
		ctx, cancel := context.WithCancel(t.Context())
		err := SignInWithCode(ctx, a.options(), a.signIn(), func(DeviceCode) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSharedMailbox(t *testing.T) {
	a := newDelegated(t, graphsim.App{})
	s := a.signIn()
	a.approve(s)
	a.open(OnBehalfOf(s))
	own := a.client.Mailbox(simShared)
	if _, err := own.Folders(t.Context()); !errors.Is(err, bridge.ErrDenied) {
		t.Errorf("another mailbox without .Shared: %v, want ErrDenied", err)
	}
	s.Shared = true
	a.open(OnBehalfOf(s))
	a.reads(bridge.ErrCredentials, "nobody has signed in") // with these permissions
	a.approve(s)
	shared := a.client.Mailbox(simShared)
	if _, err := shared.Folders(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := a.client.Mailbox(simAddress).Folders(t.Context()); err != nil {
		t.Errorf("the user's own mailbox: %v", err)
	}
	id, err := shared.CreateDraft(t.Context(), outgoing(t, "From: "+simShared+"\r\nTo: c@d.example\r\nSubject: s\r\n\r\nx\r\n"))
	if err == nil {
		_, err = shared.SendDraft(t.Context(), id)
	}
	if err != nil {
		t.Errorf("send from it: %v", err)
	}
	if sent := a.Deliveries(); len(sent) != 1 || sent[0].Mailbox != simShared {
		t.Errorf("sent: %+v", sent)
	}
	a.AddUser(graphsim.User{Tenant: simTenant, Name: simUser})
	if _, err := shared.Folders(t.Context()); !errors.Is(err, bridge.ErrDenied) {
		t.Errorf("without rights in Exchange: %v, want ErrDenied", err)
	}
}

var hidden = regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`)

// browse does what a browser and its user do: he picks an account, and the form
// of the answer is posted to the address that the program listens on.
func (a *access) browse(page, who string) error {
	resp, err := a.Client().Get(page + "&sim_user=" + url.QueryEscape(who))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s, %v", resp.Status, text, err)
	}
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(string(text), -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	u, err := url.Parse(page)
	if err != nil {
		return err
	}
	resp, err = http.PostForm(u.Query().Get("redirect_uri"), form)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func TestSignInWithBrowser(t *testing.T) {
	a := newDelegated(t, graphsim.App{})
	s := a.signIn()
	for _, tt := range []struct{ who, want string }{
		{"decline", "AADSTS65004"}, {"nobody@example.com", "AADSTS50034"}, {"other@example.com", "expected was demo@example.com"},
	} {
		err := SignInWithBrowser(t.Context(), a.options(), s, func(page string) error { return a.browse(page, tt.who) })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.who, err, tt.want)
		}
	}
	err := SignInWithBrowser(t.Context(), a.options(), s, func(page string) error {
		if q, err := url.Parse(page); err != nil || q.Query().Get("code_challenge_method") != "S256" || q.Query().Get("login_hint") != simUser {
			t.Errorf("page %s, %v", page, err)
		}
		return a.browse(page, simUser)
	})
	if err != nil {
		t.Fatal(err)
	}
	a.open(OnBehalfOf(s))
	a.reads(nil, "")
}

// TestRefreshTokenUnsaved: while the disk is full the new refresh token lives on
// in memory, and is written when there is room.
func TestRefreshTokenUnsaved(t *testing.T) {
	a := newDelegated(t, graphsim.App{})
	s := a.signIn()
	a.approve(s)
	file, full := newSignInFile(s.File), true
	file.store = func(st *storedSignIn) error {
		if full {
			return errors.New("no space left on device")
		}
		return file.write(st)
	}
	c := OnBehalfOf(s)
	env, err := a.options().environment()
	if err != nil {
		t.Fatal(err)
	}
	cred, err := c.New(env.credentialOptions(false))
	if err != nil {
		t.Fatal(err)
	}
	cred.(*userCredential).file = file
	before := a.content(s)
	for range 2 { // the second one uses what the first one could not write
		if _, err := cred.GetToken(t.Context(), tokenRequest()); err != nil {
			t.Fatal(err)
		}
	}
	if a.content(s) != before || !strings.Contains(a.log.String(), "cannot be kept") {
		t.Errorf("log:\n%s", a.log.String())
	}
	full = false
	if _, err := cred.GetToken(t.Context(), tokenRequest()); err != nil {
		t.Fatal(err)
	}
	a.open(OnBehalfOf(s)) // after a restart only the file counts
	a.reads(nil, "")

	// A sign-in that came meanwhile is not overwritten by a refresh of the old one.
	old, err := file.load()
	if err != nil {
		t.Fatal(err)
	}
	a.approve(s)
	after := a.content(s)
	if err := file.replace(old, old); err != nil || a.content(s) != after {
		t.Errorf("the newer sign-in was overwritten, %v", err)
	}
	if err := os.Remove(s.File); err != nil {
		t.Fatal(err)
	}
	if err := file.replace(old, old); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.File); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a sign-in that was removed is back: %v", err)
	}
}
