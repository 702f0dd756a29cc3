package graphsim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFilterAndOrder(t *testing.T) {
	clk := &clock{start}
	c, mb := newClient(t, Options{Now: clk.now})
	ids := map[string]string{}
	for _, s := range []string{"alpha report", "beta", "it's gamma", "delta report"} {
		clk.t = clk.t.Add(time.Hour)
		ids[s] = c.deliver(mb, s)
	}
	if err := mb.SetRead(ids["beta"], true); err != nil {
		t.Fatal(err)
	}
	if err := mb.SetCategories(ids["beta"], "Red", "Blue"); err != nil {
		t.Fatal(err)
	}
	if err := mb.SetFlag(ids["alpha report"], "flagged"); err != nil {
		t.Fatal(err)
	}
	if err := mb.SetVerb(ids["delta report"], 102); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ filter, order, want string }{
		{"isRead eq true", "", "beta"},
		{"not (isRead eq false)", "", "beta"},
		{"isRead eq false and contains(subject,'report')", "", "delta report,alpha report"},
		{"startswith(subject,'ALPHA') or subject eq 'it''s gamma'", "", "it's gamma,alpha report"},
		{"receivedDateTime ge 2026-11-02T11:00:00Z and receivedDateTime lt 2026-11-02T13:00:00Z", "receivedDateTime asc", "beta,it's gamma"},
		{"categories/any(a:a eq 'blue')", "", "beta"},
		{"toRecipients/any(r:r/emailAddress/address eq '" + anna + "') and flag/flagStatus eq 'flagged'", "", "alpha report"},
		{"from/emailAddress/address eq 'carl@outside.example' and subject in ('beta','x')", "", "beta"},
		{"internetMessageId eq '<beta@outside.example>'", "", "beta"},
		{"singleValueExtendedProperties/any(ep:ep/id eq 'Integer 0x0E23' and cast(ep/value,Edm.Int32) gt 2)", "", "delta report,it's gamma"},
		{"singleValueExtendedProperties/any(ep:ep/id eq 'Integer 0x1081' and ep/value eq '102')", "", "delta report"},
		{"singleValueExtendedProperties/any(ep:ep/id eq 'Integer 0x1081' and ep/value eq null)", "", "it's gamma,beta,alpha report"},
		{"isRead eq false AND parentFolderId eq 'inbox'", "", "delta report,it's gamma,alpha report"},
	} {
		path := "/mailFolders/inbox/messages?$select=subject&$filter=" + strings.ReplaceAll(tt.filter, "+", "%2B")
		if tt.order != "" {
			path += "&$orderby=" + tt.order
		}
		rows, _ := c.walk(path + "&$top=1")
		var got []string
		for _, r := range rows {
			got = append(got, r["subject"].(string))
		}
		equal(t, tt.filter, strings.Join(got, ","), tt.want)
		n := c.want(200, "GET", strings.Replace(path, "messages?", "messages/$count?", 1), nil)
		equal(t, "count of "+tt.filter, string(n.text), string(rune('0'+len(rows))))
	}
}

func TestFilterRefusals(t *testing.T) {
	c, mb := newClient(t, Options{})
	c.deliver(mb, "x")
	for _, tt := range []struct{ query, code string }{
		{"$filter=isRead eq false&$orderby=receivedDateTime", "InefficientFilter"},
		{"$filter=isRead eq false and receivedDateTime gt 2020-01-01T00:00:00Z&$orderby=receivedDateTime", "InefficientFilter"},
		{"$filter=isRead eq", "BadRequest"},
		{"$filter=nonsense eq 1", "BadRequest"},
		{"$filter=subject eq 'open", "BadRequest"},
		{"$filter=" + strings.Repeat("subject eq 'x' or ", 60) + "subject eq 'y'", "ErrorRestrictionTooComplex"},
		{"$filter=" + strings.Repeat("(", 5000), "BadRequest"},
		{"$filter=singleValueExtendedProperties/any(ep:ep/id eq 'Nonsense 1' and ep/value eq '1')", "ErrorInvalidExtendedProperty"},
		{"$select=nonsense", "BadRequest"},
		{"$orderby=nonsense", "BadRequest"},
		{"$top=0", "BadRequest"},
		{"$top=x", "BadRequest"},
		{"$search=\"x\"&$filter=isRead eq false", "SearchWithFilter"},
	} {
		c.wantCode(400, tt.code, "GET", "/mailFolders/inbox/messages?"+tt.query, nil)
	}
	c.want(200, "GET", "/mailFolders/inbox/messages?$filter=receivedDateTime gt 2020-01-01T00:00:00Z and isRead eq false&$orderby=receivedDateTime", nil)
	c.s.SetModes(Modes{LaxOrderBy: true})
	c.want(200, "GET", "/mailFolders/inbox/messages?$filter=isRead eq false&$orderby=receivedDateTime", nil)
}

func TestSkipCountsWhatWasPassedOver(t *testing.T) {
	c, mb := newClient(t, Options{})
	for i := range 20 {
		id := c.deliver(mb, "m"+string(rune('a'+i)))
		if i%5 == 0 {
			if err := mb.SetRead(id, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := c.want(200, "GET", "/mailFolders/inbox/messages?$filter=isRead eq true&$top=2", nil)
	if link := r.str("@odata/nextLink"); !strings.Contains(link, "$skip=10") {
		t.Errorf("nextLink: %s", link)
	}
	rows, _ := c.walk("/mailFolders/inbox/messages?$filter=isRead eq true&$top=2")
	equal(t, "rows", len(rows), 4)
	rows = c.want(200, "GET", "/mailFolders/inbox/messages?$filter=isRead eq true&$skip=3", nil).rows()
	equal(t, "rows after a $skip of the client's own", len(rows), 1)
}

func TestSearch(t *testing.T) {
	c, mb := newClient(t, Options{})
	a := c.deliver(mb, "quarterly report")
	b := c.deliver(mb, "lunch")
	for query, want := range map[string][]string{
		`"subject:report"`: {a}, `"report"`: {a}, `"from:carl"`: {a, b}, `"subject:eport"`: {}, `"lunch text"`: {b},
		`"to:anna subject:\"quarterly report\""`: {a}, `"text of lunch"`: {b},
	} {
		got := c.want(200, "GET", "/messages?$search="+strings.ReplaceAll(query, `"`, "%22"), nil).column("id")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %d hits, want %d", query, len(got), len(want))
		}
	}
}

func TestListShiftsUnderTheReader(t *testing.T) {
	c, mb := newClient(t, Options{})
	for i := range 4 {
		c.deliver(mb, "m"+string(rune('a'+i)))
	}
	r := c.want(200, "GET", "/mailFolders/inbox/messages?$top=2&$count=true", nil)
	equal(t, "count", r.at("@odata/count"), any(4.0))
	c.deliver(mb, "new")
	next := c.want(200, "GET", r.str("@odata/nextLink"), nil)
	equal(t, "the last row comes twice", next.rows()[0]["id"], r.rows()[1]["id"])
}

func FuzzParseFilter(f *testing.F) {
	f.Add("isRead eq false and categories/any(a:a eq 'x')")
	f.Add("cast(ep/value,Edm.Int32) gt 100 or not contains(subject,'''')")
	m := &message{mb: &Mailbox{srv: New(Options{})}, meta: &Meta{}, folder: &folder{mb: &Mailbox{}}}
	f.Fuzz(func(t *testing.T, text string) {
		flt, err := parseFilter(text, filterablePath)
		if err != nil || flt == nil {
			return
		}
		flt.match(func(p string) any {
			if p == extendedPath {
				return nil
			}
			return filterable[p](m)
		})
	})
}
