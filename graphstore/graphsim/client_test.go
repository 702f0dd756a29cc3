package graphsim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	testTenant = "11111111-2222-3333-4444-555555555555"
	testApp    = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	anna       = "anna@contoso.example"
	bert       = "bert@contoso.example"
)

// client talks to a Server by ServeHTTP.
type client struct {
	t         testing.TB
	s         *Server
	token     string
	immutable bool
}

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// newClient makes a server with two mailboxes and an app that may do everything but advanced things.
func newClient(t *testing.T, o Options) (*client, *Mailbox) {
	t.Helper()
	s := New(o)
	s.AddApp(App{Tenant: testTenant, ClientID: testApp, Secret: "secret", Roles: []string{"Mail.ReadWrite", "Mail.Send"},
		TokenLifetime: 1000 * time.Hour})
	mb, err := s.AddMailbox(anna, MailboxOptions{DisplayName: "Anna Ångström"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddMailbox(bert, MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, s: s, token: s.Token(testTenant, testApp), immutable: true}, mb
}

// response is an answer with its body decoded.
type response struct {
	status int
	header http.Header
	text   []byte
	json   map[string]any
}

// do sends a request to a path below /v1.0 of Anna's mailbox ("/messages"), or to a whole URL.
func (c *client) do(method, path string, body any, header ...string) response {
	c.t.Helper()
	var in io.Reader
	ctype := ""
	switch b := body.(type) {
	case nil:
	case string:
		in, ctype = strings.NewReader(b), "text/plain"
	case []byte:
		in, ctype = bytes.NewReader(b), "application/json"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		in, ctype = bytes.NewReader(text), "application/json"
	}
	target := path
	switch {
	case strings.HasPrefix(path, "http"):
	case strings.HasPrefix(path, "/beta"), strings.HasPrefix(path, "/v1.0"), strings.HasPrefix(path, "/_sim"):
		target = "https://graph.test" + path
	default:
		target = "https://graph.test/v1.0/users/" + anna + path
	}
	target = strings.ReplaceAll(target, " ", "%20")
	r := httptest.NewRequest(method, target, in)
	if ctype != "" {
		r.Header.Set("Content-Type", ctype)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.immutable {
		r.Header.Set("Prefer", `IdType="ImmutableId"`)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Add(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	c.s.ServeHTTP(w, r)
	out := response{status: w.Code, header: w.Header(), text: w.Body.Bytes()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && bytes.HasPrefix(out.text, []byte("{")) {
		if err := json.Unmarshal(out.text, &out.json); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, out.text)
		}
	}
	return out
}

// want sends a request and fails the test on another status.
func (c *client) want(status int, method, path string, body any, header ...string) response {
	c.t.Helper()
	r := c.do(method, path, body, header...)
	if r.status != status {
		c.t.Fatalf("%s %s: got %d, want %d: %s", method, path, r.status, status, r.text)
	}
	return r
}

// wantCode sends a request that must fail.
func (c *client) wantCode(status int, code, method, path string, body any, header ...string) response {
	c.t.Helper()
	r := c.want(status, method, path, body, header...)
	if got := r.str("error.code"); got != code {
		c.t.Fatalf("%s %s: got code %s, want %s", method, path, got, code)
	}
	return r
}

// at follows a dotted path; numbers index arrays, "@odata.x" names are given with a slash instead of the dot.
func (r response) at(path string) any {
	var v any = r.json
	for _, k := range strings.Split(path, ".") {
		k = strings.ReplaceAll(k, "/", ".")
		switch x := v.(type) {
		case map[string]any:
			v = x[k]
		case []any:
			i := int(k[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r response) str(path string) string { s, _ := r.at(path).(string); return s }

// rows are the members of value.
func (r response) rows() []map[string]any {
	var out []map[string]any
	list, _ := r.json["value"].([]any)
	for _, v := range list {
		out = append(out, v.(map[string]any))
	}
	return out
}

// column is one property of all rows.
func (r response) column(name string) []string {
	out := []string{}
	for _, row := range r.rows() {
		s, _ := row[name].(string)
		out = append(out, s)
	}
	return out
}

// walk follows nextLinks and returns all rows and the last answer.
func (c *client) walk(path string, header ...string) ([]map[string]any, response) {
	c.t.Helper()
	var rows []map[string]any
	for range 1000 {
		r := c.want(200, "GET", path, nil, header...)
		rows = append(rows, r.rows()...)
		path = r.str("@odata/nextLink")
		if path == "" {
			return rows, r
		}
	}
	c.t.Fatal("no end of pages")
	return nil, response{}
}

func mimeOf(subject, body string) []byte {
	return []byte("From: Carl <carl@outside.example>\r\nTo: " + anna + "\r\nSubject: " + subject +
		"\r\nDate: Mon, 2 Nov 2026 08:59:00 +0000\r\nMessage-ID: <" + url.PathEscape(subject) + "@outside.example>\r\n\r\n" + body + "\r\n")
}

func (c *client) deliver(mb *Mailbox, subject string) string {
	c.t.Helper()
	id, err := mb.Deliver(mimeOf(subject, "text of "+subject), DeliverOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// decodeResponse turns an answer of a real client into a response.
func decodeResponse(t *testing.T, resp *http.Response, text []byte) response {
	t.Helper()
	out := response{status: resp.StatusCode, header: resp.Header, text: text}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &out.json); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return out
}
