package graphsim

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFolderTree(t *testing.T) {
	c, mb := newClient(t, Options{})
	r := c.want(200, "GET", "/mailFolders", nil)
	equal(t, "folders", len(r.rows()), 8)
	equal(t, "sizeInBytes", r.rows()[0]["sizeInBytes"], any(float64(0)))
	if _, has := r.rows()[0]["wellKnownName"]; has {
		t.Error("v1.0 has no wellKnownName")
	}
	c.wantCode(400, "BadRequest", "GET", "/mailFolders?$select=wellKnownName", nil)

	r = c.want(201, "POST", "/mailFolders/inbox/childFolders", map[string]any{"displayName": "a/b"})
	id := r.str("id")
	c.wantCode(409, "ErrorFolderExists", "POST", "/mailFolders/inbox/childFolders", map[string]any{"displayName": "A/B"})
	c.want(201, "POST", "/mailFolders", map[string]any{"displayName": "secret", "isHidden": true})
	equal(t, "without hidden", len(c.want(200, "GET", "/mailFolders", nil).rows()), 8)
	equal(t, "with hidden", len(c.want(200, "GET", "/mailFolders?includeHiddenFolders=true", nil).rows()), 9)
	r = c.want(200, "GET", "/mailFolders/inbox/childFolders?$filter=displayName eq 'A/b'", nil)
	equal(t, "filtered", strings.Join(r.column("id"), " "), id)

	c.want(200, "PATCH", "/mailFolders/"+id, map[string]any{"displayName": "it's"})
	r = c.want(200, "GET", "/mailFolders/inbox/childFolders?$filter=displayName eq 'it''s'", nil)
	equal(t, "renamed", strings.Join(r.column("id"), " "), id)
	r = c.want(200, "POST", "/mailFolders/"+id+"/move", map[string]string{"destinationId": "archive"})
	equal(t, "id after the move", r.str("id"), id)
	c.wantCode(403, "ErrorMoveDistinguishedFolder", "POST", "/mailFolders/sentitems/move", map[string]string{"destinationId": "inbox"})
	c.wantCode(403, "ErrorDeleteDistinguishedFolder", "DELETE", "/mailFolders/sentitems", nil)

	if _, err := mb.Deliver(mimeOf("x", "y"), DeliverOptions{Folder: id}); err != nil {
		t.Fatal(err)
	}
	copied := c.want(200, "POST", "/mailFolders/"+id+"/copy", map[string]string{"destinationId": "inbox"})
	equal(t, "messages copied", copied.at("totalItemCount"), any(1.0))
	c.want(204, "DELETE", "/mailFolders/"+id, nil)
	if v, err := mb.Folder(id); err != nil || v.Path != "Deleted Items/it's" {
		t.Errorf("deleted folder: %+v %v", v, err)
	}
	c.want(204, "DELETE", "/mailFolders/"+id, nil)
	c.wantCode(404, "ErrorItemNotFound", "GET", "/mailFolders/"+id, nil)
}

func TestLocalisedFoldersAndSearchFolders(t *testing.T) {
	c, _ := newClient(t, Options{})
	mb, err := c.s.AddMailbox("dora@contoso.example", MailboxOptions{Locale: "de-DE", NoArchive: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mb.CreateSearchFolder("inbox", "Ungelesen"); err != nil {
		t.Fatal(err)
	}
	base := "/v1.0/users/dora@contoso.example"
	r := c.want(200, "GET", base+"/mailFolders('Inbox')", nil)
	equal(t, "name", r.str("displayName"), "Posteingang")
	c.wantCode(404, "ErrorItemNotFound", "GET", base+"/mailFolders/archive", nil)
	rows := c.want(200, "GET", base+"/mailFolders/inbox/childFolders", nil).rows()
	if len(rows) != 1 || rows[0]["@odata.type"] != "#microsoft.graph.mailSearchFolder" {
		t.Errorf("children: %v", rows)
	}
	byID := c.want(200, "GET", "/v1.0/users/"+mb.ID()+"/mailFolders/inbox", nil)
	equal(t, "by user id", byID.str("id"), r.str("id"))
}

func TestFolderProperties(t *testing.T) {
	c, mb := newClient(t, Options{})
	c.deliver(mb, "x")
	expand := "$expand=" + url.QueryEscape("singleValueExtendedProperties($filter=id eq 'Integer 0x6751' or id eq 'SystemTime 0x670a' or id eq 'String 0x3613')")
	r := c.want(200, "GET", "/mailFolders/inbox?"+expand, nil)
	list, _ := r.at("singleValueExtendedProperties").([]any)
	var got []string
	for _, p := range list {
		m := p.(map[string]any)
		got = append(got, m["id"].(string))
	}
	if !slices.Equal(got, []string{"Integer 0x6751", "SystemTime 0x670a", "String 0x3613"}) {
		t.Errorf("properties: %v", got)
	}
	equal(t, "next article", r.str("singleValueExtendedProperties.0.value"), "2")
}

func TestArticleNumbers(t *testing.T) {
	clk := &clock{start}
	c, mb := newClient(t, Options{Now: clk.now})
	a, b := c.deliver(mb, "a"), c.deliver(mb, "b")
	number := func(id string) int { v, _ := mb.Message(id); return v.Article }
	equal(t, "first", number(a), 1)
	equal(t, "second", number(b), 2)
	if err := mb.MoveOutAndBack(a, "archive"); err != nil {
		t.Fatal(err)
	}
	equal(t, "after out and back", number(a), 3)
	c.s.SetModes(Modes{Article: ArticleAbsent})
	equal(t, "absent", number(b), 0)
	c.s.SetModes(Modes{Article: ArticleLate, ArticleDelay: time.Minute})
	equal(t, "late, too early", number(b), 0)
	clk.t = clk.t.Add(time.Minute)
	equal(t, "late, in time", number(b), 2)
}
