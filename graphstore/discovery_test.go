package graphstore

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"mail2graph/bridge"
)

// discovering is the login service of a fake: a discovery of its own.
type discovering struct {
	*fake
	status int
	body   string
	asked  []string
}

func (d *discovering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "login.test" {
		d.asked = append(d.asked, r.URL.Path)
	}
	if !strings.HasSuffix(r.URL.Path, discoveryPath) {
		return d.fake.RoundTrip(r)
	}
	d.fake.graph = say(d.status, d.body)
	other := r.Clone(r.Context())
	other.URL.Path = "/x" // the fake has a discovery itself
	defer func() { d.fake.graph = say(200, `{"id":"F1"}`) }()
	return d.fake.RoundTrip(other)
}

// TestDiscovery: a login service of the operator's own needs no discovery, or one that
// names the token endpoint alone; what it names counts. One that does not work is told.
func TestDiscovery(t *testing.T) {
	const standard = "/tenant/oauth2/v2.0/token"
	for _, tt := range []struct {
		status      int
		body, token string // the path of the token endpoint; "": no token
	}{
		{404, "<html>not here</html>", standard},
		{405, "", standard},
		{501, `{"error":"x"}`, standard},
		{200, "{}", standard},
		{200, `{"token_endpoint":"https://login.test/other/token"}`, "/other/token"},
		{200, "null", ""},
		{200, `{"issuer":"https://elsewhere.example/v2.0"}`, ""},
		{400, `{"error":"invalid_tenant"}`, ""},
		{500, "", ""},
	} {
		t.Run(tt.body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &discovering{fake: &fake{}, status: tt.status, body: tt.body}
				st := d.fake.store(t)
				st.c.http.Transport = d
				_, err := st.TryReach(t.Context())
				if tt.token != "" && (err != nil || !slices.Contains(d.asked, tt.token)) {
					t.Errorf("%v after %q, want a token of %s", err, d.asked, tt.token)
				}
				if tt.token == "" && (err == nil || errors.Is(err, bridge.ErrNotFound)) {
					t.Errorf("%v after %q, want no token", err, d.asked)
				}
			})
		})
	}
}
