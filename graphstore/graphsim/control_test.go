package graphsim

import (
	"net/url"
	"strings"
	"testing"
)

func TestControl(t *testing.T) {
	c, mb := newClient(t, Options{})
	c.token = ""
	help := c.want(200, "GET", "/_sim/", nil)
	if !strings.HasPrefix(help.header.Get("Content-Type"), "text/plain") {
		t.Errorf("type of the help: %s", help.header)
	}
	c.want(200, "POST", "/_sim/mailboxes", m{"address": "dora@contoso.example", "locale": "fr"})
	c.want(400, "POST", "/_sim/mailboxes", m{"address": "dora@contoso.example"})
	c.want(400, "POST", "/_sim/mailboxes", m{"adress": "misspelt@contoso.example"})
	if got := c.s.Mailbox("DORA@contoso.example").Folders()[0].Name; got != "Archive" {
		t.Errorf("first folder: %s", got)
	}
	base := "/_sim/mailboxes/" + anna
	c.want(200, "POST", base+"/folders", m{"parent": "inbox", "name": "Projects"})
	id := c.want(200, "POST", base+"/deliver?folder=Inbox/Projects&received=2026-01-02T03:04:05Z&read=true", string(mimeOf("x", "y"))).str("id")
	v, err := mb.Message(id)
	if err != nil || v.Folder.Path != "Inbox/Projects" || !v.Read || v.Received.Year() != 2026 {
		t.Fatalf("%+v %v", v, err)
	}
	c.want(204, "PATCH", base+"/messages/"+id, m{"read": false, "flag": "flagged", "categories": []string{"a"}, "verb": 104, "subject": "new", "folder": "archive"})
	v, _ = mb.Message(id)
	if v.Read || v.Flag != "flagged" || len(v.Categories) != 1 || v.Verb != 104 || v.Meta.Subject != "new" || v.Folder.WellKnown != "archive" {
		t.Errorf("after the change: %+v", v)
	}
	equal(t, "one message", c.want(200, "GET", base+"/messages/"+id, nil).str("meta.subject"), "new")
	equal(t, "its MIME", strings.Contains(string(c.want(200, "GET", base+"/messages/"+id+"/mime", nil).text), "Subject: new"), true)
	equal(t, "in the folder", strings.Count(string(c.want(200, "GET", base+"/messages?folder=archive", nil).text), `"defaultId"`), 1)
	c.want(404, "GET", base+"/messages?folder=nowhere", nil)
	c.want(204, "POST", base+"/messages/"+id+"/outandback?folder=inbox", nil)
	c.want(204, "PATCH", base+"/folders?folder="+url.QueryEscape("Inbox/Projects"), m{"name": "Work", "parent": "archive"})
	if _, err := mb.Folder("Archive/Work"); err != nil {
		t.Error(err)
	}
	c.want(204, "DELETE", base+"/folders?folder=Archive/Work", nil)
	c.want(204, "DELETE", base+"/messages/"+id, nil)
	c.want(404, "DELETE", base+"/messages/"+id, nil)
	c.want(404, "GET", "/_sim/mailboxes/nobody@x.example/folders", nil)
	c.want(404, "GET", "/_sim/nothing", nil)
	c.want(204, "POST", base+"/expire", nil)
	c.want(204, "POST", base+"/state?state=invalid", nil)
	c.want(400, "POST", base+"/state?state=odd", nil)
	c.want(204, "POST", base+"/state?state=ok", nil)
}

func TestControlOfTheServer(t *testing.T) {
	c, _ := newClient(t, Options{})
	c.want(204, "POST", "/_sim/apps", m{"tenant": "t.example", "clientId": "new", "secret": "s", "roles": []string{"Mail.Read"}})
	c.token = c.s.Token("t.example", "new")
	n := c.want(200, "POST", "/_sim/faults", m{"status": 503, "count": 1}).at("id")
	equal(t, "number of the fault", n, any(1.0))
	c.want(503, "GET", "/mailFolders/inbox", nil)
	c.want(200, "GET", "/mailFolders/inbox", nil)
	equal(t, "applied", c.want(200, "DELETE", "/_sim/faults/1", nil).at("applied"), any(1.0))
	c.want(400, "POST", "/_sim/faults", m{"statsu": 503})
	equal(t, "faults left", strings.TrimSpace(string(c.want(200, "GET", "/_sim/faults", nil).text)), "[]")
	equal(t, "counted", c.want(200, "GET", "/_sim/counters", nil).json["GET /users/{id}/mailFolders/{id}"], any(2.0))
	equal(t, "logged", strings.Count(string(c.want(200, "GET", "/_sim/requests", nil).text), `"requestId"`), 2)
	if strings.Contains(string(c.want(200, "GET", "/_sim/requests", nil).text), c.token) {
		t.Error("the log holds a token")
	}
	c.want(204, "DELETE", "/_sim/requests", nil)
	equal(t, "log", len(c.s.Requests()), 0)
	c.want(501, "POST", "/subscriptions", nil)
	equal(t, "unmodelled", strings.Contains(string(c.want(200, "GET", "/_sim/unmodelled", nil).text), "/subscriptions"), true)
	c.want(204, "PUT", "/_sim/modes", m{"Reencode": true})
	equal(t, "mode", c.s.Modes().Reencode, true)
	c.want(204, "PUT", "/_sim/limits", m{"Concurrency": 2})
	equal(t, "limit", c.want(200, "GET", "/_sim/limits", nil).at("Concurrency"), any(2.0))
	c.want(204, "POST", "/_sim/apps/revoke?tenant=t.example&client=new", nil)
	c.want(401, "GET", "/mailFolders/inbox", nil)
	c.want(204, "POST", "/_sim/settle", nil)
	c.want(204, "POST", "/_sim/bounce?address=x@y.example", nil)
	c.want(200, "GET", "/_sim/deliveries", nil)
	c.want(200, "GET", "/_sim/violations", nil)
}
