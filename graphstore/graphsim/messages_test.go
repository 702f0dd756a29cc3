package graphsim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestListNewestFirstInPages(t *testing.T) {
	clk := &clock{start}
	c, mb := newClient(t, Options{Now: clk.now})
	for i := range 25 {
		clk.t = start.Add(time.Duration(i) * time.Minute)
		c.deliver(mb, "m"+string(rune('a'+i)))
	}
	r := c.want(200, "GET", "/mailFolders/inbox/messages?$select=subject", nil)
	equal(t, "rows of the default page", len(r.rows()), 10)
	equal(t, "first row", r.rows()[0]["subject"].(string), "my")
	rows, _ := c.walk("/mailFolders/inbox/messages?$select=subject&$top=7")
	equal(t, "rows of the walk", len(rows), 25)
	equal(t, "last row", rows[24]["subject"].(string), "ma")
	if _, has := rows[0]["isRead"]; has {
		t.Error("a property that was not selected is there")
	}
}

func TestValueIsVerbatim(t *testing.T) {
	c, mb := newClient(t, Options{})
	raw := []byte("From: x\nSubject: bare LF\n\nline\n")
	id, err := mb.Deliver(raw, DeliverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := c.want(200, "GET", "/messages/"+id+"/$value", nil)
	equal(t, "MIME", string(r.text), string(raw))
	equal(t, "type", r.header.Get("Content-Type"), "text/plain")
	c.wantCode(405, "ErrorInvalidRequest", "GET", "/mailFolders/inbox/messages/"+id+"/$value", nil)
}

func TestIDForms(t *testing.T) {
	c, mb := newClient(t, Options{})
	imm := c.deliver(mb, "one")
	c.immutable = false
	def := c.want(200, "GET", "/messages/"+imm, nil).str("id")
	if len(def) < 140 || len(imm) > 80 || def == imm {
		t.Fatalf("lengths of ids: default %d, immutable %d", len(def), len(imm))
	}
	moved := c.want(201, "POST", "/messages/"+def+"/move", map[string]string{"destinationId": "archive"}).str("id")
	if moved == def {
		t.Error("the default id survived a move")
	}
	c.wantCode(404, "ErrorItemNotFound", "GET", "/messages/"+def, nil)
	c.immutable = true
	r := c.want(200, "GET", "/messages/"+moved, nil)
	equal(t, "immutable id after the move", r.str("id"), imm)
	copied := c.want(201, "POST", "/messages/"+imm+"/copy", map[string]string{"destinationId": "inbox"}).str("id")
	if copied == imm {
		t.Error("a copy has the id of its original")
	}
	c.wantCode(400, "ErrorInvalidIdMalformed", "GET", "/messages/nonsense", nil)
	c.wantCode(400, "ErrorInvalidIdMalformed", "GET", "/mailFolders/Posteingang", nil)
}

func TestPatchState(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "one")
	before := c.want(200, "GET", "/messages/"+id, nil)
	r := c.want(200, "PATCH", "/messages/"+id, map[string]any{"isRead": true})
	equal(t, "change key after isRead", r.str("changeKey"), before.str("changeKey"))
	r = c.want(200, "PATCH", "/messages/"+id, map[string]any{"flag": map[string]string{"flagStatus": "flagged"}, "categories": []string{"Blau"},
		"singleValueExtendedProperties": []map[string]string{{"id": "Integer 0x1081", "value": "102"}}, "subject": "not a draft"})
	equal(t, "flag", r.str("flag.flagStatus"), "flagged")
	equal(t, "category", r.str("categories.0"), "Blau")
	equal(t, "subject of a message that is no draft", r.str("subject"), "one")
	v, err := mb.Message(id)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Read || v.Flag != "flagged" || v.Verb != 102 || !slices.Equal(v.Categories, []string{"Blau"}) {
		t.Errorf("state: %+v", v)
	}
	c.wantCode(412, "ErrorIrresolvableConflict", "PATCH", "/messages/"+id, map[string]any{"isRead": false}, "If-Match", before.str("@odata/etag"))
	c.wantCode(400, "ErrorInvalidArgument", "PATCH", "/messages/"+id, map[string]any{"flag": map[string]any{"flagStatus": "flagged",
		"dueDateTime": map[string]string{"dateTime": "2026-11-03T00:00:00", "timeZone": "UTC"}}})
}

func TestExtendedProperties(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "one")
	const expand = "?$select=id&$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x0E23' or id eq 'LONG 0x0E08' or id eq 'Integer 0x1081' or id eq 'String 0x007D')"
	r := c.want(200, "GET", "/messages/"+id+expand, nil)
	got := map[string]string{}
	for _, v := range r.at("singleValueExtendedProperties").([]any) {
		p := v.(map[string]any)
		got[p["id"].(string)] = p["value"].(string)
	}
	equal(t, "article number", got["Integer 0xe23"], "1")
	if got["Long 0xe08"] == "" || !strings.HasPrefix(got["String 0x7d"], "From: Carl") {
		t.Errorf("properties: %q", got)
	}
	if _, has := got["Integer 0x1081"]; has {
		t.Error("a property that was never set is there")
	}
	r = c.want(200, "GET", "/messages/"+id+"?$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x1081')", nil)
	if r.at("singleValueExtendedProperties") != nil {
		t.Error("the member is there with nothing in it")
	}
	c.wantCode(400, "ErrorInvalidExtendedProperty", "GET", "/messages/"+id+"?$expand=singleValueExtendedProperties($filter=id eq 'String 0x0E23')", nil)
}

func TestDeleteWays(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.deliver(mb, "one")
	where := func() string {
		v, err := mb.Message(id)
		if err != nil {
			return "gone"
		}
		return v.Folder.WellKnown
	}
	c.want(204, "DELETE", "/messages/"+id, nil)
	equal(t, "after the first", where(), "deleteditems")
	c.want(204, "DELETE", "/messages/"+id, nil)
	equal(t, "after the second", where(), "recoverableitemsdeletions")
	c.wantCode(403, "ErrorCannotDeleteObject", "DELETE", "/messages/"+id, nil)
	c.s.SetModes(Modes{NoPermanentDelete: true})
	c.wantCode(404, "ResourceNotFound", "POST", "/messages/"+id+"/permanentDelete", nil)
	c.s.SetModes(Modes{})
	c.want(204, "POST", "/messages/"+id+"/permanentDelete", nil)
	equal(t, "after all", where(), "gone")
}
