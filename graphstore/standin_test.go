package graphstore

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mail2graph/bridge"
)

// standin is a small https server that plays login service and Graph: tests
// give the Graph part, and see what was sent.
type standin struct {
	*httptest.Server
	graph  http.HandlerFunc
	tokens http.HandlerFunc // nil: every request gets a new token

	// mu guards what follows.
	mu       sync.Mutex
	log      []string // "GET /users/u/…" of Graph requests
	requests []*http.Request
	bodies   [][]byte
	issued   int
}

func newStandin(t *testing.T, graph http.HandlerFunc) *standin {
	t.Helper()
	s := &standin{graph: graph}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *standin) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		base := s.URL + "/tenant"
		json.NewEncoder(w).Encode(map[string]string{
			"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
			"issuer": base + "/v2.0"})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		s.token(w, r)
	default:
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.log = append(s.log, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v1.0"))
		s.requests = append(s.requests, r.Clone(context.Background()))
		s.bodies = append(s.bodies, body)
		s.mu.Unlock()
		s.graph(w, r)
	}
}

func (s *standin) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.issued++
	n := s.issued
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if s.tokens != nil {
		s.tokens(w, r)
		return
	}
	fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"token-%d"}`, n)
}

// calls returns the Graph requests so far, and forgets them.
func (s *standin) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.log
	s.log = nil
	return out
}

func (s *standin) options() Options {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return Options{TenantID: "tenant", ClientID: "client", ClientSecret: "very-secret",
		AuthorityHost: s.URL, GraphEndpoint: s.URL, CAs: ca}
}

func (s *standin) store(t *testing.T) *Store {
	t.Helper()
	c, err := New(s.options())
	if err != nil {
		t.Fatal(err)
	}
	return c.Mailbox("u@example.com")
}

// fail answers with Graph's error envelope.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("request-id", "req-1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":%q,"innerError":{"request-id":"req-1"}}}`, code, message)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// hangUp ends the connection without an answer.
func hangUp() { panic(http.ErrAbortHandler) }

func TestRequestsCarryWhatGraphNeeds(t *testing.T) {
	s := newStandin(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, `{"value":[]}`)
	})
	st := s.store(t)
	if err := st.List(t.Context(), "AAMk=/+x", func([]bridge.MessageInfo) error { return nil }); err != nil {
		t.Fatal(err)
	}
	r := s.requests[0]
	if got, want := r.Header.Get("Prefer"), `IdType="ImmutableId"`; got != want {
		t.Errorf("Prefer = %q, want %q", got, want)
	}
	if got, want := r.Header.Get("Authorization"), "Bearer token-1"; got != want {
		t.Errorf("Authorization = %q, want %q", got, want)
	}
	if got := r.Header.Get("client-request-id"); len(got) != 36 {
		t.Errorf("client-request-id = %q, want a GUID", got)
	}
	if got, want := r.URL.EscapedPath(), "/v1.0/users/u@example.com/mailFolders/AAMk=%2F%2Bx/messages"; got != want {
		t.Errorf("path = %q, want %q", got, want)
	}
	q := r.URL.Query()
	if !strings.Contains(r.URL.RawQuery, "$select=id,") && !strings.Contains(r.URL.RawQuery, "$select=id%2C") {
		t.Errorf("query %q has no plain $select", r.URL.RawQuery)
	}
	if got, want := q.Get("$expand"), "singleValueExtendedProperties($filter=id eq 'Integer 0x0e08' or id eq 'Integer 0x1081' or "+
		"id eq 'String 0x1042' or id eq 'String 0x1039' or id eq 'Integer 0x0e23' or id eq 'String 0x001a')"; got != want {
		t.Errorf("$expand = %q, want %q", got, want)
	}
	if got := q.Get("$top"); got != "500" {
		t.Errorf("$top = %q, want 500", got)
	}
}

func TestErrorsByAnswer(t *testing.T) {
	cases := []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"not found", 404, `{"error":{"code":"ErrorItemNotFound","message":"x"}}`, bridge.ErrNotFound},
		{"letter case of the code", 404, `{"error":{"code":"erroritemnotFOUND","message":"x"}}`, bridge.ErrNotFound},
		{"mailbox disabled", 404, `{"error":{"code":"MailboxNotEnabledForRESTAPI","message":"x"}}`, bridge.ErrNoMailbox},
		{"mailbox unknown", 404, `{"error":{"code":"ErrorInvalidUser","message":"x"}}`, bridge.ErrNoMailbox},
		{"denied", 403, `{"error":{"code":"ErrorAccessDenied","message":"Access to OData is disabled."}}`, bridge.ErrDenied},
		{"denied without a body", 403, ``, bridge.ErrDenied},
		{"permission missing", 401, `{"error":{"code":"UnknownError","message":""}}`, bridge.ErrCredentials},
		{"exists", 409, `{"error":{"code":"ErrorFolderExists","message":"x"}}`, bridge.ErrExists},
		{"bad request", 400, `{"error":{"code":"BadRequest","message":"x"}}`, bridge.ErrInvalid},
		{"too large, html", 413, `<html><body><h1>Request too large</h1></body></html>`, bridge.ErrTooLarge},
		{"quota by code", 403, `{"error":{"code":"ErrorQuotaExceeded","message":"x"}}`, bridge.ErrQuota},
		{"quota by status", 507, ``, bridge.ErrQuota},
		{"specific inner code", 403, `{"error":{"code":"Forbidden","innererror":{"code":"ErrorQuotaExceeded"}}}`, bridge.ErrQuota},
		{"default folder", 400, `{"error":{"code":"ErrorDeleteDistinguishedFolder","message":"x"}}`, bridge.ErrDenied},
		{"unknown status", 418, `tea`, bridge.ErrInvalid},
		{"not converted", 500, `{"error":{"code":"ErrorMimeContentConversionFailed","message":"x"}}`, bridge.ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStandin(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("request-id", "req-9")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			err := s.store(t).DeleteFolder(t.Context(), "f")
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), "req-9") {
				t.Errorf("error %q does not name the request id", err)
			}
		})
	}
}

// TestTableNamesEverySentinel fails when bridge gains a kind of failure that
// nobody decided about here.
func TestTableNamesEverySentinel(t *testing.T) {
	from := map[string]error{
		"ErrCredentials": bridge.ErrCredentials, "ErrDenied": bridge.ErrDenied, "ErrNoMailbox": bridge.ErrNoMailbox,
		"ErrNotFound": bridge.ErrNotFound, "ErrExists": bridge.ErrExists, "ErrInvalid": bridge.ErrInvalid,
		"ErrTooLarge": bridge.ErrTooLarge, "ErrQuota": bridge.ErrQuota, "ErrUnavailable": bridge.ErrUnavailable,
		"ErrResync": bridge.ErrResync, "ErrSendAs": bridge.ErrSendAs,
	}
	notHere := map[string]bool{"ErrAuth": true, "ErrLocked": true, "ErrNoSpace": true, "ErrOutside": true} // of local logins, the local disk, local rules
	for _, name := range sentinels(t, "../bridge/errors.go") {
		kind, ok := from[name]
		if !ok {
			if !notHere[name] {
				t.Errorf("bridge.%s is in no table of graphstore", name)
			}
			continue
		}
		found := false
		for _, k := range statusKinds {
			found = found || errors.Is(k, kind)
		}
		for _, k := range codeKinds {
			found = found || errors.Is(k, kind)
		}
		if !found {
			t.Errorf("no answer of Graph leads to bridge.%s", name)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"7", 7 * time.Second, true},
		{"2.128", 2128 * time.Millisecond, true},
		{" 0 ", 0, true},
		{"Fri, 02 Jan 2026 03:04:15 GMT", 10 * time.Second, true},
		{"Fri, 02 Jan 2026 03:04:00 GMT", 0, true},
		{"", 0, false}, {"soon", 0, false}, {"-3", 0, false}, {"NaN", 0, false},
		{"1e300", 24 * time.Hour, true},
	}
	for _, c := range cases {
		got, ok := retryAfter(http.Header{"Retry-After": {c.value}}, now)
		if got != c.want || ok != c.ok {
			t.Errorf("retryAfter(%q) = %v, %t, want %v, %t", c.value, got, ok, c.want, c.ok)
		}
	}
}
