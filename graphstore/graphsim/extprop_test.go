package graphsim

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestEveryKnownProperty(t *testing.T) {
	clk := &clock{start}
	c, mb := newClient(t, Options{Now: clk.now})
	raw := "From: a@b.example\r\nSubject: s\r\nMessage-ID: <m@x>\r\nIn-Reply-To: <p@x>\r\nReferences: <r@x> <p@x>\r\nX-Foo: bar\r\nDate: Mon, 2 Nov 2026 08:00:00 +0000\r\n\r\nbody\r\n"
	id, err := mb.Deliver([]byte(raw), DeliverOptions{Flagged: true, Read: true, Received: start.Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	for prop, want := range map[string]string{
		"Integer 0x0e23":    "1",
		"Integer 0x0e07":    "3",
		"SystemTime 0x0e06": "2026-11-02T08:59:00Z",
		"SystemTime 0x0039": "2026-11-02T08:00:00Z",
		"SystemTime 0x3007": "2026-11-02T09:00:00Z",
		"SystemTime 0x3008": "2026-11-02T09:00:00Z",
		"Integer 0x1090":    "2",
		"String 0x001a":     "IPM.Note",
		"String 0x0037":     "s",
		"String 0x1035":     "<m@x>",
		"String 0x1042":     "<p@x>",
		"String 0x1039":     "<r@x> <p@x>",
		"String 0x007d":     head + "\r\n",
		"String {00020386-0000-0000-C000-000000000046} Name x-foo":     "bar",
		"String {00020386-0000-0000-C000-000000000046} Name x-missing": "",
		"Integer {00062008-0000-0000-C000-000000000046} Id 0x8570":     "",
		"Integer 0x1081": "",
	} {
		r := c.want(200, "GET", "/messages/"+id+"?$select=id&$expand=singleValueExtendedProperties($filter=id eq '"+prop+"')", nil)
		equal(t, prop, r.str("singleValueExtendedProperties.0.value"), want)
	}
	r := c.want(200, "GET", "/messages/"+id+"?$expand=singleValueExtendedProperties($filter=id eq 'Binary 0x0ff9')", nil)
	if key, err := base64.StdEncoding.DecodeString(r.str("singleValueExtendedProperties.0.value")); err != nil || len(key) != 24 {
		t.Errorf("record key: %x %v", key, err)
	}
}

func TestSetAndUnsetProperties(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "x")
	const imapDeleted = "Integer {00062008-0000-0000-c000-000000000046} Id 0x8570"
	set := func(prop string, value any) response {
		return c.do("PATCH", "/messages/"+id, m{"singleValueExtendedProperties": []m{{"id": prop, "value": value}}})
	}
	get := func(prop string) string {
		return c.want(200, "GET", "/messages/"+id+"?$expand=singleValueExtendedProperties($filter=id eq '"+prop+"')", nil).str("singleValueExtendedProperties.0.value")
	}
	equal(t, "set", set(imapDeleted, "1").status, 200)
	equal(t, "value", get(imapDeleted), "1")
	equal(t, "unset", set(imapDeleted, nil).status, 200)
	equal(t, "value after that", get(imapDeleted), "")
	equal(t, "flag", set("Integer 0x1090", "2").status, 200)
	v, _ := mb.Message(id)
	equal(t, "flag status", v.Flag, "flagged")
	equal(t, "own time", set("SystemTime {00020329-0000-0000-c000-000000000046} Name seen", "2026-01-02T03:04:05.123Z").status, 200)
	equal(t, "whole seconds", get("SystemTime {00020329-0000-0000-c000-000000000046} Name Seen"), "2026-01-02T03:04:05Z")
	for prop, value := range map[string]any{"Integer 0x1081": "many", "Boolean 0x0e01": "maybe", "Binary 0x6001": "%", "SystemTime 0x6002": "soon", "Long 0x6003": "1.5"} {
		equal(t, prop, set(prop, value).str("error.code"), "ErrorInvalidExtendedPropertyValue")
	}
	for _, prop := range []string{"", "Integer", "Integer 0x", "Word 0x1081", "Integer {00062008} Id 0x1", "String 0x1081"} {
		equal(t, prop, set(prop, "1").str("error.code"), "ErrorInvalidExtendedProperty")
	}
}

func TestPurgeAndCountFolders(t *testing.T) {
	c, mb := newClient(t, Options{})
	id, err := mb.CreateFolder("inbox", "x")
	if err != nil {
		t.Fatal(err)
	}
	kept := c.deliver(mb, "m")
	copied, err := mb.CopyMessage(kept, id)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "count", string(c.want(200, "GET", "/mailFolders/$count", nil).text), "8")
	equal(t, "children", string(c.want(200, "GET", "/mailFolders/inbox/childFolders/$count", nil).text), "1")
	c.s.SetModes(Modes{NoPermanentDelete: true})
	c.wantCode(404, "ResourceNotFound", "POST", "/mailFolders/"+id+"/permanentDelete", nil)
	c.s.SetModes(Modes{})
	c.wantCode(403, "ErrorDeleteDistinguishedFolder", "POST", "/mailFolders/inbox/permanentDelete", nil)
	c.want(204, "POST", "/mailFolders/"+id+"/permanentDelete", nil)
	c.wantCode(404, "ErrorItemNotFound", "GET", "/messages/"+copied, nil)
	c.want(200, "GET", "/messages/"+kept, nil)
}

func TestDiscovery(t *testing.T) {
	c, _ := newClient(t, Options{})
	ask := func(path string) response {
		w := httptest.NewRecorder()
		c.s.ServeHTTP(w, httptest.NewRequest("GET", "https://login.test"+path, nil))
		return decodeResponse(t, w.Result(), w.Body.Bytes())
	}
	r := ask("/common/discovery/instance?api-version=1.1&authorization_endpoint=https://login.test/x/oauth2/v2.0/authorize")
	equal(t, "alias", r.str("metadata.0.aliases.0"), "login.test")
	equal(t, "metadata of an unknown tenant", ask("/nowhere.example/v2.0/.well-known/openid-configuration").str("error"), "invalid_request")
}
