package graphsim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// User is a person who can sign in and let an app act on his behalf (§1.3). His own mailbox is the one of his name.
type User struct {
	Tenant string
	Name   string // user principal name
	// Mailboxes are those of others that he has full access to, as shared mailboxes.
	Mailboxes []string
	// TokenError, an AADSTS number, makes every token request for him fail with it: 50057 disabled, 50076 a second
	// factor is asked for, 53003 conditional access.
	TokenError int
}

// user is a registered User.
type user struct {
	User
	id         string
	generation int // of sign-ins; RevokeSignIns raises it
}

// signIns is the state of delegated flows, guarded by Server.mu.
type signIns struct {
	users   map[string]*user         // tenant + " " + name, lower case
	codes   map[string]*signInCode   // by device code and by authorization code
	refresh map[string]*refreshToken // by value
}

// signInCode is a device code or an authorization code.
type signInCode struct {
	app       *app
	scopes    []string
	expires   time.Time
	user      *user // who approved it; nil: nobody yet
	declined  bool
	userCode  string // of a device code
	polled    time.Time
	redirect  string // of an authorization code
	challenge string
}

// refreshToken is what a sign-in leaves behind.
type refreshToken struct {
	app        *app
	user       *user
	scopes     []string // consented, with offline_access
	generation int
	expires    time.Time
}

// AddUser registers a user, or replaces the one of the same name; his sign-ins stay good.
func (s *Server) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenants[strings.ToLower(u.Tenant)] = true
	key := appKey(u.Tenant, u.Name)
	if old := s.signIns.users[key]; old != nil {
		old.User = u
		return
	}
	s.signIns.users[key] = &user{User: u, id: s.guid()}
}

// Approve lets a user enter a device code and agree.
func (s *Server) Approve(userCode, name string) error {
	return s.enter(userCode, func(c *signInCode) error {
		u := s.signIns.users[appKey(c.app.Tenant, name)]
		if u == nil {
			return fmt.Errorf("user %s of tenant %s: %w", name, c.app.Tenant, ErrNotFound)
		}
		c.user = u
		return nil
	})
}

// Decline lets a user enter a device code and say no.
func (s *Server) Decline(userCode string) error {
	return s.enter(userCode, func(c *signInCode) error { c.declined = true; return nil })
}

// ExpireCode ends the time of a device code.
func (s *Server) ExpireCode(userCode string) error {
	return s.enter(userCode, func(c *signInCode) error { c.expires = s.now(); return nil })
}

// enter finds the device code that belongs to a user code.
func (s *Server) enter(userCode string, do func(*signInCode) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.signIns.codes {
		if c.userCode != "" && strings.EqualFold(c.userCode, strings.TrimSpace(userCode)) {
			return do(c)
		}
	}
	return fmt.Errorf("code %q: %w", userCode, ErrNotFound)
}

// RevokeSignIns makes all refresh tokens of a user invalid, as after a change of his password.
func (s *Server) RevokeSignIns(tenant, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.signIns.users[appKey(tenant, name)]; u != nil {
		u.generation++
	}
}

// names lists the users of a tenant.
func (s *Server) names(tenant string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, u := range s.signIns.users {
		if strings.EqualFold(u.Tenant, tenant) {
			out = append(out, u.Name)
		}
	}
	slices.Sort(out)
	return out
}

// authorizeUser decides for a token that acts on behalf of a user: his own mailbox needs the permission itself, that
// of another the one with .Shared, and the right in Exchange (§1.3; graph/outlook-share-messages-folders). The caller
// holds mu.
func (s *Server) authorizeUser(c *call) *apiError {
	u := c.token.user
	if c.mb == nil {
		return nil // the check of the mailbox follows
	}
	own := s.mailboxes[strings.ToLower(u.Name)] == c.mb
	allowed := func(permission string) bool {
		return own && slices.Contains(c.token.scopes, permission) || slices.Contains(c.token.scopes, permission+".Shared")
	}
	if !slices.ContainsFunc(c.route.roles, allowed) {
		return s.missingRole(c)
	}
	if !own && !slices.ContainsFunc(u.Mailboxes, func(m string) bool { return s.mailboxes[strings.ToLower(m)] == c.mb }) {
		return errAccessDenied()
	}
	return nil
}
