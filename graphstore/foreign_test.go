package graphstore

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// foreign is a Graph stand-in that differs from the service, and from the
// simulator, wherever the documentation leaves room: tiny pages whatever is
// asked for, links of its own form, empty pages, numbers where strings are
// usual, fractions of seconds, batch answers in reverse order with odd letter
// case and three forms of body.
type foreign struct {
	t       *testing.T
	folders []map[string]any
	rows    []map[string]any
	batches int
}

const foreignPage = 3

func (f *foreign) handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("content-type", "application/json;odata.metadata=full")
	path := strings.TrimPrefix(r.URL.Path, "/v1.0/users/u@example.com")
	switch {
	case strings.HasSuffix(r.URL.Path, "/$batch"):
		f.batch(w, r)
	case path == "/mailFolders":
		f.page(w, r, f.below("root"))
	case strings.HasSuffix(path, "/childFolders"):
		f.page(w, r, f.below(strings.Split(path, "/")[2]))
	case strings.HasSuffix(path, "/messages/delta"):
		f.page(w, r, f.rows, "@odata.deltaLink", "https://graph.test/v1.0/users/u@example.com/since?state=a%2Fb%3D%3D&x=1")
	case strings.HasSuffix(path, "/messages"):
		f.page(w, r, f.rows)
	case path == "/since":
		if r.URL.RawQuery != "state=a%2Fb%3D%3D&x=1" {
			f.t.Errorf("delta link came back as %q", r.URL.RawQuery)
		}
		f.page(w, r, []map[string]any{{"id": "m1", "isRead": true}, {"id": "m2", "@removed": map[string]string{"reason": "deleted"}}},
			"@odata.deltaLink", "https://GRAPH.test:443/v1.0/users/u@example.com/since?state=2")
	case strings.HasPrefix(path, "/mailFolders/"):
		f.one(w, f.folders, wellKnownHere[last(path)])
	default:
		f.one(w, f.rows, last(path))
	}
}

var wellKnownHere = map[string]string{"msgfolderroot": "root", "inbox": "F1", "sentitems": "F3", "deleteditems": "F4"}

func (f *foreign) below(parent string) []map[string]any {
	var out []map[string]any
	for _, d := range f.folders {
		if d["parentFolderId"] == parent {
			out = append(out, d)
		}
	}
	if parent == "F1" { // a row of another parent, as was reported
		out = append(out, f.folders[4])
	}
	return out
}

// page cuts rows into pages, with an empty one in between.
func (f *foreign) page(w http.ResponseWriter, r *http.Request, rows []map[string]any, end ...string) {
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	out := map[string]any{"@odata.context": "x"}
	to := min(from+foreignPage, len(rows))
	switch {
	case r.URL.Query().Get("void") == "1":
		out["value"] = []any{}
		out["@odata.nextLink"] = fmt.Sprintf("https://graph.test%s?from=%d", r.URL.EscapedPath(), from)
	case to < len(rows):
		out["value"] = rows[from:to]
		out["@odata.nextLink"] = fmt.Sprintf("https://graph.test%s?from=%d&void=1", r.URL.EscapedPath(), to)
	default:
		out["value"] = rows[min(from, len(rows)):]
		if len(end) == 2 {
			out[end[0]] = end[1]
		}
	}
	json.NewEncoder(w).Encode(out)
}

func (f *foreign) one(w http.ResponseWriter, rows []map[string]any, id string) {
	for _, row := range rows {
		if row["id"] == id {
			json.NewEncoder(w).Encode(row)
			return
		}
	}
	w.WriteHeader(404)
	fmt.Fprint(w, `{"error":{"code":"erroritemnotfound","innererror":{"Request-Id":"r","code":"Whatever"}}}`)
}

func (f *foreign) batch(w http.ResponseWriter, r *http.Request) {
	var in struct{ Requests []batchRequest }
	json.NewDecoder(r.Body).Decode(&in)
	f.batches++
	var out []map[string]any
	failed := false
	for i, q := range in.Requests {
		res := map[string]any{"id": q.ID, "status": 424, "headers": nil, "body": nil}
		out = append(out, res)
		if failed && len(q.DependsOn) > 0 {
			continue
		}
		if f.batches == 1 && i == 2 { // throttled once
			res["status"], res["headers"] = 429, map[string]any{"RETRY-after": 0.25}
			failed = true
			continue
		}
		rec := httptest.NewRecorder()
		f.handle(rec, httptest.NewRequest(q.Method, "https://graph.test/v1.0"+q.URL, nil))
		failed = rec.Code >= 400
		res["status"], res["headers"] = rec.Code, map[string]any{"CONTENT-TYPE": []string{"application/json"}}
		switch i % 3 {
		case 0:
			res["body"] = json.RawMessage(rec.Body.Bytes())
		case 1:
			res["body"] = rec.Body.String()
		case 2:
			res["body"] = base64.StdEncoding.EncodeToString(rec.Body.Bytes())
		}
	}
	slices.Reverse(out)
	json.NewEncoder(w).Encode(map[string]any{"responses": out})
}

func newForeign(t *testing.T) *foreign {
	f := &foreign{t: t, folders: []map[string]any{
		{"id": "F1", "displayName": "Posteingang", "parentFolderId": "root", "childFolderCount": 2, "totalItemCount": 8, "unknownMember": []int{1}},
		{"id": "F2", "displayName": "a/b", "parentFolderId": "root", "childFolderCount": 0},
		{"id": "F3", "displayName": "Gesendet", "parentFolderId": "root"},
		{"id": "F4", "displayName": "Papierkorb", "parentFolderId": "root", "isHidden": nil},
		{"id": "F5", "displayName": "Unten", "parentFolderId": "F6", "childFolderCount": nil},
		{"id": "F6", "displayName": "Mitte", "parentFolderId": "F1", "childFolderCount": 1},
		{"id": "F7", "displayName": "Suche", "parentFolderId": "F1", "@odata.type": "#microsoft.graph.mailSearchFolder"},
		{"id": "root", "displayName": "Top", "parentFolderId": nil},
	}}
	for i := range 8 {
		f.rows = append(f.rows, map[string]any{
			"@odata.type": "#microsoft.graph.eventMessage", "id": fmt.Sprint("m", i), "parentFolderId": "F1",
			"isRead": i%2 == 0, "isDraft": false, "flag": map[string]any{"flagStatus": "Flagged", "dueDateTime": nil},
			"categories": nil, "receivedDateTime": "2026-01-02T03:04:05.1234567Z", "sentDateTime": "0001-01-01T00:00:00Z",
			"subject": nil, "from": nil, "sender": map[string]any{"emailAddress": map[string]any{"name": nil, "address": "x@y.example"}},
			"toRecipients": []any{map[string]any{"emailAddress": nil}},
			"singleValueExtendedProperties": []any{
				map[string]any{"id": "INTEGER 0x00000E08", "value": 1234}, map[string]any{"id": "Integer 0xe23", "value": "77"},
				map[string]any{"id": "String {00020386-0000-0000-c000-000000000046} Name x-foo", "value": "y"},
				map[string]any{"id": "Integer 0x1081", "value": nil}},
		})
	}
	return f
}

// TestForeignService: the store takes the service's word in any of its forms.
func TestForeignService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := (&fake{graph: newForeign(t).handle}).store(t)

		folders, err := st.Folders(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var tree []string
		for _, d := range folders {
			tree = append(tree, fmt.Sprintf("%s<%s %s", d.ID, d.Parent, d.Role))
		}
		want := "F1< inbox, F2< , F3< sent, F4< trash, F6<F1 , F5<F6 "
		if got := strings.Join(tree, ", "); got != want {
			t.Errorf("folders\n got %s\nwant %s", got, want)
		}

		var ids []bridge.MessageID
		var rows []bridge.MessageInfo
		collect := func(p []bridge.MessageInfo) error {
			for _, m := range p {
				ids = append(ids, m.ID)
				rows = append(rows, m)
			}
			return nil
		}
		if err := st.List(t.Context(), "F1", collect); err != nil || len(rows) != 8 {
			t.Fatalf("%d rows, %v, want 8", len(rows), err)
		}
		m := rows[0]
		if !m.Read || !m.Flagged || m.StoreSize != 1234 || m.ArticleNumber != 77 || m.Verb != bridge.VerbNone ||
			!m.Received.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || !m.Sent.IsZero() ||
			len(m.Sender) != 1 || m.Sender[0].Address != "x@y.example" || m.From != nil || m.To != nil || m.Categories != nil {
			t.Errorf("row %+v", m)
		}
		found, err := st.Messages(t.Context(), append(ids, "nobody"))
		if err != nil || len(found) != 8 {
			t.Errorf("%d messages, %v, want 8", len(found), err)
		}

		n := 0
		link, err := st.Delta(t.Context(), "F1", "", func(c []bridge.Change) error { n += len(c); return nil })
		if err != nil || n != 8 {
			t.Fatalf("%d delta rows, %v, want 8", n, err)
		}
		var second []bridge.Change
		link, err = st.Delta(t.Context(), "F1", link, func(c []bridge.Change) error { second = append(second, c...); return nil })
		if err != nil || len(second) != 2 {
			t.Fatalf("second round: %+v, %v", second, err)
		}
		if c := second[0]; c.Read == nil || !*c.Read || c.Flagged != nil || c.Categories != nil || c.Complete {
			t.Errorf("partial row %+v", c)
		}
		if !second[1].Removed || !strings.HasSuffix(link, "state=2") {
			t.Errorf("removal %+v, link %q", second[1], link)
		}
	})
}

// TestUsage: the size of a mailbox is that of its folders, asked for without
// $select, and not known where the service leaves it out.
func TestUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign(t)
		st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.RawQuery, "sizeInBytes") {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			f.handle(w, r)
		}}).store(t)
		if n, err := st.Usage(t.Context()); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("got %d, %v, want ErrNotFound", n, err)
		}
		f.folders[0]["sizeInBytes"], f.folders[4]["sizeInBytes"], f.folders[6]["sizeInBytes"] = int64(1)<<40, 5, 100
		if n, err := st.Usage(t.Context()); n != 1<<40+5 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	})
}
