package graphsim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const deltaPath = "/mailFolders/inbox/messages/delta"

// present are the ids of rows that are there, gone those that were removed.
func split(rows []map[string]any) (present, gone []string) {
	for _, r := range rows {
		if r["@removed"] != nil {
			gone = append(gone, r["id"].(string))
		} else {
			present = append(present, r["id"].(string))
		}
	}
	slices.Sort(present)
	slices.Sort(gone)
	return present, gone
}

// round walks a delta to its end and returns what it said.
func (c *client) round(link string, header ...string) (present, gone []string, next string) {
	c.t.Helper()
	rows, last := c.walk(link, header...)
	present, gone = split(rows)
	return present, gone, last.str("@odata/deltaLink")
}

func TestDeltaRounds(t *testing.T) {
	c, mb := newClient(t, Options{})
	a, b := c.deliver(mb, "a"), c.deliver(mb, "b")
	present, _, link := c.round(deltaPath + "?$select=subject")
	want := []string{a, b}
	slices.Sort(want)
	if !slices.Equal(present, want) {
		t.Fatalf("first round: %v", present)
	}
	if p, g, next := c.round(link); len(p)+len(g) != 0 || next == "" {
		t.Fatalf("idle round: %v %v", p, g)
	}
	d := c.deliver(mb, "d")
	c.want(200, "PATCH", "/messages/"+a, map[string]any{"isRead": true})
	c.want(201, "POST", "/messages/"+b+"/move", map[string]string{"destinationId": "archive"})
	rows, _ := c.walk(link)
	present, gone := split(rows)
	want = []string{a, d}
	slices.Sort(want)
	if !slices.Equal(present, want) || !slices.Equal(gone, []string{b}) {
		t.Errorf("present %v, gone %v", present, gone)
	}
	for _, r := range rows {
		if _, has := r["isRead"]; has {
			t.Error("the $select of the first request was forgotten")
		}
	}
	// The same link gives the same again: a lost answer loses nothing.
	if p, g, _ := c.round(link); len(p) != 2 || len(g) != 1 {
		t.Errorf("repeated round: %v %v", p, g)
	}
}

func TestDeltaPages(t *testing.T) {
	for name, modes := range map[string]Modes{"plain": {}, "empty pages": {EmptyPages: true}, "clamped": {MaxPage: 3}, "oldest first": {DeltaOldestFirst: true}} {
		t.Run(name, func(t *testing.T) {
			c, mb := newClient(t, Options{Modes: modes})
			for i := range 23 {
				c.deliver(mb, "m"+string(rune('a'+i)))
			}
			r := c.want(200, "GET", deltaPath, nil, "Prefer", "odata.maxpagesize=5")
			if n := len(r.rows()); n > 5 {
				t.Errorf("first page has %d rows", n)
			}
			present, _, link := c.round(deltaPath+"?$select=id", "Prefer", "odata.maxpagesize=5")
			equal(t, "rows", len(slices.Compact(present)), 23)
			if p, _, _ := c.round(link); len(p) != 0 {
				t.Errorf("rows after a full walk: %v", p)
			}
			// latest does not work for messages: the answer is the full list.
			if p, _, _ := c.round(deltaPath + "?$deltatoken=latest"); len(p) != 23 {
				t.Errorf("latest gave %d rows", len(p))
			}
		})
	}
}

func TestDeltaOutAndBack(t *testing.T) {
	for _, immutable := range []bool{true, false} {
		for _, keep := range []bool{true, false} {
			c, mb := newClient(t, Options{Modes: Modes{KeepReturned: keep}})
			c.immutable = immutable
			id := c.deliver(mb, "a")
			_, _, link := c.round(deltaPath)
			if err := mb.MoveOutAndBack(id, "archive"); err != nil {
				t.Fatal(err)
			}
			present, gone, next := c.round(link)
			switch {
			case !immutable:
				if len(present) != 1 || len(gone) != 1 || present[0] == gone[0] {
					t.Errorf("default ids: present %v, gone %v", present, gone)
				}
				continue
			case keep:
				if len(present) != 1 || len(gone) != 0 {
					t.Errorf("kept: present %v, gone %v", present, gone)
				}
				continue
			case len(present) != 0 || !slices.Equal(gone, []string{id}):
				t.Errorf("lost: present %v, gone %v", present, gone)
			}
			if err := mb.SetRead(id, true); err != nil {
				t.Fatal(err)
			}
			if present, _, _ = c.round(next); !slices.Equal(present, []string{id}) {
				t.Errorf("after a change: %v", present)
			}
		}
	}
}

func TestDeltaExpires(t *testing.T) {
	c, mb := newClient(t, Options{})
	for i := range 30 {
		c.deliver(mb, "m"+string(rune('a'+i)))
	}
	first := c.want(200, "GET", deltaPath, nil)
	_, _, link := c.round(deltaPath)
	if err := mb.ExpireDelta("inbox"); err != nil {
		t.Fatal(err)
	}
	c.wantCode(410, "SyncStateNotFound", "GET", link, nil)
	c.wantCode(410, "SyncStateNotFound", "GET", first.str("@odata/nextLink"), nil)
	c.wantCode(400, "SyncStateInvalid", "GET", link+"x", nil)
	if p, _, _ := c.round(deltaPath); len(p) != 30 {
		t.Errorf("rows after the reset: %d", len(p))
	}
}

func TestDeltaRefuses(t *testing.T) {
	c, _ := newClient(t, Options{})
	c.wantCode(500, "InternalServerError", "GET", deltaPath+"?$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x0E23')", nil)
	c.wantCode(400, "BadRequest", "GET", deltaPath+"?$filter=isRead eq false", nil)
	c.wantCode(400, "BadRequest", "GET", deltaPath+"?$search=\"x\"", nil)
	c.want(200, "GET", deltaPath+"?$filter=receivedDateTime ge 2026-01-01T00:00:00Z&$orderby=receivedDateTime desc", nil)
}

func TestDeltaModes(t *testing.T) {
	clk := &clock{start}
	c, mb := newClient(t, Options{Now: clk.now, Modes: Modes{PartialRows: true, DeltaReplay: 2, QuietExtended: true}})
	a := c.deliver(mb, "a")
	c.deliver(mb, "b")
	_, _, link := c.round(deltaPath)
	c.want(200, "PATCH", "/messages/"+a, map[string]any{"isRead": true})
	rows, _ := c.walk(link)
	equal(t, "rows with replay", len(rows), 3)
	last := rows[len(rows)-1]
	if last["id"] != a || last["isRead"] != true || last["subject"] != nil || last["parentFolderId"] == nil {
		t.Errorf("partial row: %v", last)
	}
	c.s.SetModes(Modes{DeltaLag: time.Minute})
	_, _, link = c.round(deltaPath)
	clk.t = clk.t.Add(2 * time.Minute)
	_, _, link = c.round(link)
	id := c.deliver(mb, "late")
	if p, _, next := c.round(link); len(p) != 0 || next == "" {
		t.Errorf("a change came before its lag: %v", p)
	}
	clk.t = clk.t.Add(2 * time.Minute)
	if p, _, _ := c.round(link); !slices.Equal(p, []string{id}) {
		t.Errorf("after the lag: %v", p)
	}
}

func TestDeltaChangeType(t *testing.T) {
	c, mb := newClient(t, Options{})
	a := c.deliver(mb, "a")
	_, _, created := c.round(deltaPath + "?changeType=created")
	_, _, deleted := c.round(deltaPath + "?changeType=deleted")
	b := c.deliver(mb, "b")
	if err := mb.DeleteMessage(a); err != nil {
		t.Fatal(err)
	}
	if p, g, _ := c.round(created); !slices.Equal(p, []string{b}) || g != nil {
		t.Errorf("created: %v %v", p, g)
	}
	if p, g, _ := c.round(deleted); p != nil || !slices.Equal(g, []string{a}) {
		t.Errorf("deleted: %v %v", p, g)
	}
}

func TestFolderDelta(t *testing.T) {
	c, mb := newClient(t, Options{})
	rows, last := c.walk("/mailFolders/delta")
	equal(t, "folders", len(rows), 8)
	id, err := mb.CreateFolder("inbox", "Projekte")
	if err != nil {
		t.Fatal(err)
	}
	rows, last = c.walk(last.str("@odata/deltaLink"))
	if !slices.ContainsFunc(rows, func(r map[string]any) bool { return r["id"] == id }) {
		t.Errorf("the new folder is not among %v", rows)
	}
	c.deliver(mb, "x")
	rows, last = c.walk(last.str("@odata/deltaLink"))
	equal(t, "rows after an arrival", len(rows), 0)
	c.s.SetModes(Modes{FolderDeltaCounts: true})
	c.deliver(mb, "y")
	rows, last = c.walk(last.str("@odata/deltaLink"))
	equal(t, "rows after an arrival, with counts", len(rows), 1)
	if err := mb.DeleteFolder(id); err != nil {
		t.Fatal(err)
	}
	rows, _ = c.walk(last.str("@odata/deltaLink"))
	if _, gone := split(rows); !slices.Equal(gone, []string{id}) {
		t.Errorf("gone: %v", gone)
	}
}

func TestDeltaLinkHasTheFormOfTheService(t *testing.T) {
	c, _ := newClient(t, Options{})
	link := c.want(200, "GET", deltaPath, nil).str("@odata/deltaLink")
	if !strings.HasPrefix(link, "https://graph.test/v1.0/users('anna@contoso.example')/mailFolders('inbox')/messages/delta?$deltatoken=") {
		t.Errorf("link: %s", link)
	}
}
