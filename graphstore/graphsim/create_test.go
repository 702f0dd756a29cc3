package graphsim

import (
	"fmt"
	"io"
	"net/mail"
	"strings"
	"testing"
)

func TestCreateMIMEIsADraft(t *testing.T) {
	c, mb := newClient(t, Options{})
	raw := "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nTo: x@y.example\nDate: Mon, 2 Nov 2026 08:00:00 +0100\n\nbare\nLF\n"
	r := c.want(201, "POST", "/messages", b64([]byte(raw)))
	equal(t, "isDraft", r.at("isDraft"), any(true))
	equal(t, "subject", r.str("subject"), "Grüße")
	equal(t, "sent", r.str("sentDateTime"), "2026-11-02T07:00:00Z")
	equal(t, "location", strings.Contains(r.header.Get("Location"), r.str("id")), true)
	id := r.str("id")
	c.want(200, "PATCH", "/messages/"+id, map[string]any{"isDraft": false, "isRead": false})
	v, err := mb.Message(id)
	if err != nil || !v.Draft || v.Folder.WellKnown != "drafts" {
		t.Errorf("%+v %v", v, err)
	}
	equal(t, "MIME", string(c.want(200, "GET", "/messages/"+id+"/$value", nil).text), raw)
	c.wantCode(400, "UnableToDeserializePostBody", "POST", "/mailFolders/inbox/messages", b64([]byte(raw)))
	c.wantCode(400, "ErrorMimeContentInvalidBase64String", "POST", "/messages", "not base64!")
}

func TestCreateJSON(t *testing.T) {
	c, mb := newClient(t, Options{})
	ext := func(pairs ...string) []map[string]string {
		var out []map[string]string
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, map[string]string{"id": pairs[i], "value": pairs[i+1]})
		}
		return out
	}
	r := c.want(201, "POST", "/mailFolders/archive/messages", map[string]any{
		"subject": "old mail", "body": map[string]string{"contentType": "text", "content": "line 1\nline 2"},
		"from":         map[string]any{"emailAddress": map[string]string{"name": "Carl", "address": "carl@outside.example"}},
		"toRecipients": []any{map[string]any{"emailAddress": map[string]string{"address": anna}}},
		"isRead":       false, "internetMessageId": "<old@outside.example>", "isDraft": false, "receivedDateTime": "2001-01-01T00:00:00Z",
		"internetMessageHeaders": []map[string]string{{"name": "X-Mark", "value": "yes"}},
		"singleValueExtendedProperties": ext("Integer 0x0E07", "4", "SystemTime 0x0E06", "2020-05-06T07:08:09Z", "SystemTime 0x0039", "2020-05-06T07:00:00Z",
			"String 0x1042", "<parent@outside.example>", "String 0x1039", "<root@outside.example> <parent@outside.example>"),
	})
	for what, want := range map[string]any{"isDraft": false, "isRead": false, "receivedDateTime": "2020-05-06T07:08:09Z",
		"sentDateTime": "2020-05-06T07:00:00Z", "internetMessageId": "<old@outside.example>", "bodyPreview": "line 1 line 2"} {
		equal(t, what, r.at(what), want)
	}
	id := r.str("id")
	msg, err := mail.ReadMessage(strings.NewReader(string(c.want(200, "GET", "/messages/"+id+"/$value", nil).text)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Subject": "old mail", "X-Mark": "yes", "Message-Id": "<old@outside.example>",
		"In-Reply-To": "<parent@outside.example>", "Date": "Wed, 6 May 2020 07:00:00 +0000"} {
		equal(t, name, msg.Header.Get(name), want)
	}
	body, _ := io.ReadAll(msg.Body)
	equal(t, "body", string(body), "line 1\r\nline 2\r\n")
	// A later change of the message flags has no effect.
	c.want(200, "PATCH", "/messages/"+id, map[string]any{"singleValueExtendedProperties": ext("Integer 0x0E07", "8")})
	if v, _ := mb.Message(id); v.Draft {
		t.Error("a PATCH made the message a draft")
	}
}

func TestCreateJSONDefaults(t *testing.T) {
	c, _ := newClient(t, Options{})
	r := c.want(201, "POST", "/mailFolders/inbox/messages", map[string]any{"subject": "x"})
	equal(t, "isDraft", r.at("isDraft"), any(true))
	equal(t, "isRead", r.at("isRead"), any(true))
	equal(t, "flag", r.str("flag.flagStatus"), "notFlagged")
	if id := r.str("internetMessageId"); !strings.HasSuffix(id, ".PROD.OUTLOOK.COM>") {
		t.Errorf("generated Message-ID: %s", id)
	}
	r = c.want(200, "GET", "/messages/"+r.str("id")+"?$select=internetMessageHeaders", nil)
	if r.at("internetMessageHeaders") != nil {
		t.Error("a draft has internetMessageHeaders")
	}
}

func TestCreateRefusals(t *testing.T) {
	c, mb := newClient(t, Options{Modes: Modes{RefuseReadOnly: true}, Limits: Limits{Mailbox: 100_000}})
	headers := func(n int, prefix string) []map[string]string {
		var out []map[string]string
		for i := range n {
			out = append(out, map[string]string{"name": fmt.Sprintf("%s%d", prefix, i), "value": "v"})
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		body   map[string]any
		status int
		code   string
	}{
		{"read-only member", map[string]any{"receivedDateTime": "2020-01-01T00:00:00Z"}, 400, "UnableToDeserializePostBody"},
		{"unknown member", map[string]any{"subjekt": "x"}, 400, "UnableToDeserializePostBody"},
		{"wrong type", map[string]any{"subject": 7}, 400, "UnableToDeserializePostBody"},
		{"bad importance", map[string]any{"importance": "urgent"}, 400, "UnableToDeserializePostBody"},
		{"six headers", map[string]any{"internetMessageHeaders": headers(6, "x-h")}, 400, "InvalidInternetMessageHeaderCollection"},
		{"other header", map[string]any{"internetMessageHeaders": headers(1, "Received")}, 400, "InvalidInternetMessageHeader"},
		{"bad property", map[string]any{"singleValueExtendedProperties": []map[string]string{{"id": "Integer 0x007D", "value": "1"}}}, 400, "ErrorInvalidExtendedProperty"},
		{"no room", map[string]any{"body": map[string]string{"contentType": "text", "content": strings.Repeat("x", 100_000)}}, 507, "ErrorQuotaExceeded"},
	} {
		r := c.do("POST", "/messages", tt.body)
		if r.status != tt.status || r.str("error.code") != tt.code {
			t.Errorf("%s: got %d %s, want %d %s", tt.name, r.status, r.text, tt.status, tt.code)
		}
	}
	equal(t, "drafts", len(mb.Messages("drafts")), 0)
}

func TestSensitiveUpdates(t *testing.T) {
	c, mb := newClient(t, Options{Modes: Modes{SensitiveLocked: true, ArticleOnChange: true}})
	id := c.deliver(mb, "fixed")
	c.wantCode(403, "ErrorAccessDenied", "PATCH", "/messages/"+id, map[string]any{"subject": "new"})
	c.want(200, "PATCH", "/messages/"+id, map[string]any{"isRead": true, "singleValueExtendedProperties": []map[string]string{{"id": "Integer 0x1081", "value": "104"}}})
	m := c.s.Modes()
	m.ExtendedLocked = true
	c.s.SetModes(m)
	c.wantCode(403, "ErrorAccessDenied", "PATCH", "/messages/"+id, map[string]any{"singleValueExtendedProperties": []map[string]string{{"id": "Integer 0x1081", "value": "104"}}})

	draft := c.want(201, "POST", "/messages", b64(mimeOf("draft", "text"))).str("id")
	before, _ := mb.Message(draft)
	r := c.want(200, "PATCH", "/messages/"+draft, map[string]any{"subject": "other", "toRecipients": []any{}})
	equal(t, "subject", r.str("subject"), "other")
	after, _ := mb.Message(draft)
	if after.Article == before.Article || after.ChangeKey == before.ChangeKey {
		t.Errorf("article %d, change key %s did not change", after.Article, after.ChangeKey)
	}
	mime := string(c.want(200, "GET", "/messages/"+draft+"/$value", nil).text)
	if !strings.Contains(mime, "Subject: other\r\n") || !strings.Contains(mime, "text") || strings.Contains(mime, "\r\nTo:") {
		t.Errorf("MIME after the change:\n%s", mime)
	}
}

func TestImportMIME(t *testing.T) {
	c, mb := newClient(t, Options{})
	path := "/beta/users/" + anna + "/mailFolders/archive/importMime"
	c.wantCode(403, "ErrorAccessDenied", "POST", path, b64(mimeOf("x", "y")))
	c.s.AddApp(App{Tenant: testTenant, ClientID: "import", Roles: []string{"Mail-Advanced.ReadWrite.All"}})
	c.token = c.s.Token(testTenant, "import")
	r := c.want(201, "POST", path, b64(mimeOf("x", "y")))
	equal(t, "isDraft", r.at("isDraft"), any(false))
	equal(t, "archived", len(mb.Messages("archive")), 1)
	c.want(501, "POST", strings.Replace(path, "beta", "v1.0", 1), b64(mimeOf("x", "y")))
}

func TestReencode(t *testing.T) {
	c, mb := newClient(t, Options{Modes: Modes{Reencode: true}})
	raw := "From: a@b.example\r\nMessage-ID: <x@y>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n"
	id, err := mb.Deliver([]byte(raw), DeliverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	get := func() string { return string(c.want(200, "GET", "/messages/"+id+"/$value", nil).text) }
	first := get()
	p := parseMIME([]byte(first))
	if first == raw || len(p.parts) != 2 || p.parts[0].text() != "Grüße" || string(p.parts[1].decoded()) != "\x00\x01\x02" {
		t.Errorf("re-encoded:\n%s", first)
	}
	equal(t, "second time", get() == first, true)
	c.s.SetModes(Modes{Reencode: true, ReencodeVaries: true})
	one, other := get(), get()
	equal(t, "varying", one == other, false)
}
