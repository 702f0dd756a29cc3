package graphstore

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

func TestTries(t *testing.T) {
	s := newSim(t, graphsim.Options{Seed: 1}, graphsim.MailboxOptions{})
	ctx := t.Context()
	tries := map[string]func() (string, error){
		"reach": func() (string, error) { return s.store.TryReach(ctx) },
		"read":  func() (string, error) { return s.store.TryRead(ctx) },
		"write": func() (string, error) { return s.store.TryWrite(ctx, "a test") },
		"send":  func() (string, error) { return s.store.TrySend(ctx) },

		"import": func() (string, error) { return s.store.TryImport(ctx, "a test") },
	}
	all := []string{"reach", "read", "write", "send", "import"}
	for _, tc := range []struct {
		name   string
		roles  []string
		denied []string
	}{
		{"all rights", []string{"Mail.ReadWrite", "Mail.Send", "Mail-Advanced.ReadWrite.All"}, nil},
		{"what most have", []string{"Mail.ReadWrite", "Mail.Send"}, []string{"import"}},
		{"no right to send", []string{"Mail.ReadWrite"}, []string{"send", "import"}},
		{"reading alone", []string{"Mail.Read"}, []string{"write", "send", "import"}},
		{"no right", []string{"User.Read.All"}, all},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.AddApp(graphsim.App{Tenant: "example.com", ClientID: "app-1", Secret: "s3cret", Roles: tc.roles})
			s.RevokeTokens("example.com", "app-1")
			for _, name := range all {
				id, err := tries[name]()
				switch denied := slices.Contains(tc.denied, name); {
				case denied && !errors.Is(err, bridge.ErrDenied):
					t.Errorf("%s: %v, want ErrDenied", name, err)
				case !denied && (err != nil || id == ""):
					t.Errorf("%s: request %q, %v", name, id, err)
				}
			}
		})
	}
	folders, err := s.store.Folders(ctx)
	if err != nil && !errors.Is(err, bridge.ErrDenied) {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.Total != 0 {
			t.Errorf("%s has %d messages left", f.Name, f.Total)
		}
	}
	if n := len(s.Deliveries()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// TestTryWriteLeavesNothing looks into every folder after a draft was made.
func TestTryWriteLeavesNothing(t *testing.T) {
	s := newSim(t, graphsim.Options{Seed: 1}, graphsim.MailboxOptions{})
	if _, err := s.store.TryWrite(t.Context(), "a test"); err != nil {
		t.Fatal(err)
	}
	folders, err := s.store.Folders(t.Context())
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	for _, f := range folders {
		if f.Total != 0 {
			t.Errorf("%s has %d messages left", f.Name, f.Total)
		}
	}
	s.AddFault(graphsim.Fault{Route: "/users/{id}/messages/{id}/permanentDelete", Status: http.StatusForbidden, Code: "ErrorAccessDenied"})
	if id, err := s.store.TryWrite(t.Context(), "a test"); err == nil || id == "" {
		t.Errorf("a draft that stays: request %q, %v", id, err)
	}
}

func TestClaims(t *testing.T) {
	s := newSim(t, graphsim.Options{Seed: 1}, graphsim.MailboxOptions{})
	c, ok, err := s.client.Claims(t.Context())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if c.AppID != "app-1" || !slices.Equal(c.Roles, []string{"Mail.ReadWrite", "Mail.Send"}) || time.Until(c.Expires) < time.Minute {
		t.Errorf("claims: %+v", c)
	}
	for _, token := range []string{"", "opaque", "a.b", "a.!.c", "a.e30x.c", "a.W10.c"} {
		if c, ok := readClaims(token); ok {
			t.Errorf("%q is taken for a token: %+v", token, c)
		}
	}
}

func TestPause(t *testing.T) {
	s := newSim(t, graphsim.Options{Seed: 1}, graphsim.MailboxOptions{})
	if p := s.store.Pause(); !p.IsZero() {
		t.Errorf("a pause until %v before any request", p)
	}
	s.AddFault(graphsim.Fault{Status: http.StatusTooManyRequests, Code: "ApplicationThrottled", RetryAfter: "1", Count: 1})
	if _, err := s.store.TryReach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.store.Pause().IsZero() {
		t.Error("no pause after 429")
	}
}

func TestEndpoints(t *testing.T) {
	for name, want := range clouds {
		login, graph, ok := Endpoints(name)
		if !ok || login != want.authority || graph != want.graph {
			t.Errorf("%s: %s %s %v", name, login, graph, ok)
		}
	}
	if login, _, ok := Endpoints(""); !ok || login != clouds["global"].authority {
		t.Errorf("the default is %s", login)
	}
	if _, _, ok := Endpoints("moon"); ok {
		t.Error("an unknown cloud has endpoints")
	}
}
