package graphsim

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestServe(t *testing.T) {
	r := NewTest(t, Options{})
	r.AddApp(App{Tenant: testTenant, ClientID: testApp, Secret: "secret", Roles: []string{"Mail.ReadWrite"}})
	mb, err := r.AddMailbox(anna, MailboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	raw := mimeOf("x", strings.Repeat("y", 5000))
	id, err := mb.Deliver(raw, DeliverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(r.CAPEM) {
		t.Fatal("no certificate in CAPEM")
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}
	defer web.CloseIdleConnections()

	// The way of azidentity: discovery, then the token endpoint that it names.
	resp, err := web.Get(r.URL + "/" + testTenant + "/v2.0/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	var conf struct {
		Token string `json:"token_endpoint"`
	}
	err = json.NewDecoder(resp.Body).Decode(&conf)
	resp.Body.Close()
	if err != nil || conf.Token != r.URL+"/"+testTenant+"/oauth2/v2.0/token" {
		t.Fatalf("metadata: %v %v", conf, err)
	}
	resp, err = web.PostForm(conf.Token, secretForm())
	if err != nil {
		t.Fatal(err)
	}
	var tok struct {
		Access string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&tok)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, header ...string) (*http.Response, []byte) {
		req, _ := http.NewRequest("GET", r.URL+"/v1.0/users/"+anna+path, nil)
		req.Header.Set("Authorization", "Bearer "+tok.Access)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, body
	}
	resp, body := get("/messages/"+id+"/$value", "client-request-id", "mine")
	equal(t, "MIME", string(body), string(raw))
	equal(t, "compressed on the way", resp.Uncompressed, true)
	equal(t, "Content-Length", resp.ContentLength, int64(-1))
	equal(t, "client-request-id", resp.Header.Get("client-request-id"), "mine")
	resp, _ = get("/messages/"+id+"/$value", "Accept-Encoding", "identity")
	equal(t, "Content-Length of a chunked answer", resp.ContentLength, int64(-1))
	r.SetModes(Modes{ValueLength: true})
	resp, _ = get("/messages/" + id + "/$value")
	equal(t, "Content-Length", resp.ContentLength, int64(len(raw)))
	resp, body = get("/messages?$top=5")
	equal(t, "list", resp.StatusCode, 200)
	next := struct {
		Context string `json:"@odata.context"`
	}{}
	if err := json.Unmarshal(body, &next); err != nil || !strings.HasPrefix(next.Context, r.URL+"/v1.0/$metadata#users('anna@contoso.example')/messages") {
		t.Errorf("context: %q %v", next.Context, err)
	}
}

func TestGzipRequest(t *testing.T) {
	c, mb := newClient(t, Options{})
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, `{"displayName":"zipped"}`)
	z.Close()
	c.want(201, "POST", "/mailFolders", b.Bytes(), "Content-Encoding", "gzip")
	if _, err := mb.Folder("zipped"); err != nil {
		t.Error(err)
	}
	c.want(400, "POST", "/mailFolders", []byte("plain"), "Content-Encoding", "gzip")
}

func TestHandlerNeedsNoToken(t *testing.T) {
	c, _ := newClient(t, Options{Open: true})
	c.want(200, "GET", "/mailFolders/inbox", nil, "Authorization", "")
}

func TestPathForms(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "x")
	for _, path := range []string{
		"/users/" + anna + "/messages/" + id,
		"/users/" + url.PathEscape(anna) + "/messages/" + strings.ReplaceAll(id, "=", "%3D"),
		"/users/" + anna + "/messages/" + id + "/?unknown=1",
		"/users('" + anna + "')/messages('" + id + "')",
		"/Users/" + strings.ToUpper(anna) + "/MailFolders/INBOX/Messages/" + id,
		"/users/" + anna + "/mailFolders/msgfolderroot/childFolders/inbox/messages/" + id,
	} {
		c.want(200, "GET", "/v1.0"+path, nil)
	}
	c.want(201, "POST", "/messages/"+id+"/microsoft.graph.move", m{"destinationId": "archive"})
	c.wantCode(404, "ErrorItemNotFound", "GET", "/mailFolders/inbox/messages/"+id, nil)
	r := c.want(200, "POST", "/translateExchangeIds", m{"inputIds": []string{id, "bad"}, "sourceIdType": "restImmutableEntryId", "targetIdType": "restId"})
	def := r.rows()[0]["targetId"].(string)
	equal(t, "translated", c.want(200, "GET", "/messages/"+def, nil).str("id"), id)
	c.wantCode(501, "NotModelled", "PUT", "/messages/"+id+"/$value", "x")
	equal(t, "remembered", len(c.s.Unmodelled()), 1)
}

func TestCheckHook(t *testing.T) {
	var seen []string
	c, mb := newClient(t, Options{Check: func(method, path string, query url.Values, header http.Header, body []byte) error {
		seen = append(seen, method+" "+path+" "+query.Encode()+" "+header.Get("Prefer")+" "+string(body))
		return errors.New("no")
	}})
	id := c.deliver(mb, "x")
	c.want(200, "PATCH", "/messages/"+id, m{"isRead": true})
	c.want(200, "GET", "/messages?$top=1", nil)
	want := []string{"PATCH /users/" + anna + "/messages/" + id + `  IdType="ImmutableId" {"isRead":true}`, "GET /users/" + anna + `/messages %24top=1 IdType="ImmutableId" `}
	for i := range want {
		equal(t, "call", seen[i], want[i])
	}
	equal(t, "violations", len(c.s.Violations()), 2)
}
