package graphstore

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
	"mail2graph/graphstore/graphsim"
)

// accent stands before the simulator and says the same in other words, wherever
// graph-reference leaves room (§18a and what is marked A): ids with characters that
// paths must escape, links of one opaque token on another path, in other letter case
// or without a host, members left out or null where they say nothing, times with
// fractions and offsets, property ids and error codes in other letter case, 200 for
// 201, 204 where a body is documented, batches answered in any order and as text, delta
// rows mixed, doubled and without members.
type accent struct {
	sim    *graphsim.Server
	silent bool          // errors have no code, but an empty body or a gateway's page
	plain  bool          // extended properties are refused
	turns  atomic.Uint64 // of what is said in one way and then in another
}

func (a *accent) turn() uint64 { return a.turns.Add(1) }

// foreignID and nativeID translate the ids of messages and folders.
func foreignID(id string) string {
	if id == "" {
		return ""
	}
	return "X/+" + id + "'=="
}

func nativeID(id string) string {
	if s, ok := strings.CutPrefix(id, "X/+"); ok {
		return strings.TrimSuffix(s, "'==")
	}
	return id
}

var escapedID = regexp.MustCompile(`(?i)X%2F%2B([^/?]*?)(?:%27|')(?:%3D|=){2}`)

func (a *accent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := escapedID.ReplaceAllString(r.URL.RequestURI(), "$1")
	if token, ok := strings.CutPrefix(r.URL.RawQuery, "state="); ok {
		link, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			panic(err)
		}
		u, err := url.Parse(string(link))
		if err != nil {
			panic(err)
		}
		target = u.RequestURI()
	}
	body := a.request(r)
	if a.plain && strings.Contains(target, "singleValueExtendedProperties") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if a.plain && strings.HasSuffix(target, "/$batch") && bytes.Contains(body, []byte("singleValueExtendedProperties")) {
		w.Write(refuseSteps(body))
		return
	}
	in := httptest.NewRequest(r.Method, target, bytes.NewReader(body))
	in.Host, in.Header = r.Host, r.Header.Clone()
	in.Header.Del("Content-Encoding")
	out := httptest.NewRecorder()
	a.sim.ServeHTTP(out, in)
	a.answer(w, r, out)
}

// request is the body that the simulator understands.
func (a *accent) request(r *http.Request) []byte {
	src := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(src)
		if err != nil {
			panic(err)
		}
		src = z
	}
	body, err := io.ReadAll(src)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var v any
	if !strings.Contains(r.Header.Get("Content-Type"), "json") || len(body) == 0 || json.Unmarshal(body, &v) != nil {
		return body
	}
	return marshal(walk(v, "", func(key string, v any) any {
		if s, ok := v.(string); ok && key == "url" {
			return escapedID.ReplaceAllString(s, "$1")
		} else if ok {
			return nativeID(s)
		}
		return v
	}))
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// walk replaces every value from the leaves up.
func walk(v any, key string, replace func(key string, v any) any) any {
	switch x := v.(type) {
	case map[string]any:
		for k := range x {
			x[k] = walk(x[k], k, replace)
		}
	case []any:
		for i := range x {
			x[i] = walk(x[i], key, replace)
		}
	}
	return replace(key, v)
}

// answer says what the simulator said.
func (a *accent) answer(w http.ResponseWriter, r *http.Request, out *httptest.ResponseRecorder) {
	h := w.Header()
	for name, values := range out.Header() {
		h[name] = values
	}
	h.Del("Content-Length")
	body := out.Body.Bytes()
	if h.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(out.Body)
		if err != nil {
			panic(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			panic(err)
		}
		h.Del("Content-Encoding")
	}
	status := out.Code
	switch {
	case status > http.StatusBadRequest && a.silent: // 400 alone would say nothing at all
		h.Set("Content-Type", "text/html")
		body = []byte([]string{"", "<html><body>\n<h1>Error</h1></body></html>"}[a.turn()%2])
	case strings.HasSuffix(r.URL.Path, "/$value"):
		h.Set("Content-Type", "message/rfc822")
	case strings.HasSuffix(r.URL.Path, "/$batch"):
		body = a.batch(body)
	case strings.Contains(h.Get("Content-Type"), "json"):
		status, body = a.single(r.Method, r.URL.Path, status, body)
		h.Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil && status != http.StatusNoContent {
		panic(http.ErrAbortHandler)
	}
}

// single is one answer in JSON.
func (a *accent) single(method, path string, status int, body []byte) (int, []byte) {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return status, body
	}
	v = walk(v, "", a.replace)
	if top, ok := v.(map[string]any); ok {
		a.rows(top, strings.Contains(path, "/delta"))
	}
	creates := strings.HasSuffix(path, "/copy") || strings.HasSuffix(path, "/move") ||
		strings.HasSuffix(strings.ToLower(path), "folders")
	switch {
	case status == http.StatusCreated && creates:
		status = http.StatusOK
	case status == http.StatusOK && method == http.MethodPatch:
		return http.StatusNoContent, nil
	}
	return status, marshal(v)
}

// replace says one member in another way.
func (a *accent) replace(key string, v any) any {
	switch x := v.(type) {
	case string:
		return a.text(key, x)
	case []any:
		if len(x) == 0 && key != "value" {
			return nil
		}
	case map[string]any:
		if e, ok := x["error"].(map[string]any); ok {
			return map[string]any{"error": map[string]any{"code": swapCase(fmt.Sprint(e["code"])), "message": nil}}
		}
		if key == "singleValueExtendedProperties" {
			x["id"] = a.property(fmt.Sprint(x["id"]))
			return x
		}
		if _, message := x["parentFolderId"]; message {
			a.leaveOut(x)
		}
	}
	return v
}

func (a *accent) text(key, s string) any {
	switch {
	case key == "parentFolderId", key == "id" && len(s) > 20:
		return foreignID(s)
	case key == "@odata.nextLink", key == "@odata.deltaLink":
		u, err := url.Parse(s)
		if err != nil {
			panic(err)
		}
		link := "/V1.0/Users('demo@example.com')/Opaque?state=" + base64.RawURLEncoding.EncodeToString([]byte(u.RequestURI()))
		return []string{"", "HTTPS://" + strings.ToUpper(u.Host), "https://elsewhere.example"}[a.turn()%3] + link
	case strings.HasSuffix(key, "DateTime"):
		return strings.TrimSuffix(s, "Z") + []string{".9999999Z", "+00:00", ".5", "Z"}[a.turn()%4]
	case s == "":
		return nil
	}
	return s
}

func (a *accent) property(id string) string {
	kind, hex, ok := strings.Cut(id, " 0x")
	if !ok {
		return foreignID(id)
	}
	return strings.ToUpper(kind) + " 0X" + strings.Repeat("0", int(a.turn()%4)) + strings.ToUpper(hex)
}

// leaveOut drops what says the same by not being there.
func (a *accent) leaveOut(row map[string]any) {
	for k, v := range row {
		if v == nil && a.turn()%2 == 0 {
			delete(row, k)
		}
	}
	if f, ok := row["flag"].(map[string]any); ok && f["flagStatus"] == "notFlagged" {
		delete(row, "flag")
	}
	if row["hasAttachments"] == false {
		delete(row, "hasAttachments")
	}
	row["@odata.type"] = "#microsoft.graph.eventMessageRequest"
	row["unheardOf"] = []any{1, "x", nil}
}

// rows mixes the rows of a delta page.
func (a *accent) rows(top map[string]any, delta bool) {
	list, ok := top["value"].([]any)
	if !ok || !delta || len(list) == 0 {
		return
	}
	for _, v := range list {
		if row, ok := v.(map[string]any); ok && row["@removed"] != nil {
			row["@removed"] = map[string]any{"reason": "changed"}
			delete(row, "@odata.type")
		}
	}
	first := list[0].(map[string]any)["id"]
	list = append(list, list[len(list)/2], map[string]any{"id": first}, map[string]any{})
	slices.Reverse(list)
	top["value"] = list
}

// batch mixes the answers of a batch, and gives their bodies as JSON, as a string of
// it and as base64.
func (a *accent) batch(body []byte) []byte {
	var in struct {
		Responses []map[string]any `json:"responses"`
	}
	if json.Unmarshal(body, &in) != nil || in.Responses == nil {
		return body
	}
	for i, res := range in.Responses {
		res["headers"] = map[string]any{"cOnTent-tYpe": []any{"application/json"}, "RETRY-AFTER": res["headers"].(map[string]any)["Retry-After"]}
		if res["body"] == nil {
			continue
		}
		if n, ok := res["status"].(float64); ok && n > http.StatusBadRequest && a.silent {
			res["body"] = []any{nil, "", "<html>", map[string]any{}}[i%4]
			continue
		}
		_, text := a.single("", "", 0, marshal(res["body"]))
		switch i % 3 {
		case 0:
			res["body"] = json.RawMessage(text)
		case 1:
			res["body"] = string(text)
		case 2:
			res["body"] = base64.StdEncoding.EncodeToString(text)
		}
	}
	slices.Reverse(in.Responses)
	return marshal(in)
}

// refuseSteps answers every step of a batch with 400.
func refuseSteps(body []byte) []byte {
	var in struct{ Requests []batchRequest }
	if err := json.Unmarshal(body, &in); err != nil {
		panic(err)
	}
	var out []map[string]any
	for _, q := range in.Requests {
		out = append(out, map[string]any{"id": q.ID, "status": http.StatusBadRequest})
	}
	return marshal(map[string]any{"responses": out})
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		} else if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// newAccent is newSim behind an accent.
func newAccent(t *testing.T, o graphsim.Options, a *accent) *sim {
	s := newSim(t, o, graphsim.MailboxOptions{Locale: "de", NoArchive: true})
	a.sim = s.Server
	front := httptest.NewUnstartedServer(a)
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	client, err := New(Options{TenantID: "example.com", ClientID: "app-1", ClientSecret: "s3cret",
		AuthorityHost: s.URL, GraphEndpoint: front.URL, CAs: append(ca, s.CAPEM...)})
	if err != nil {
		t.Fatal(err)
	}
	s.client, s.store = client, client.Mailbox(simAddress)
	return s
}

// abroad is outside for ids with an accent.
type abroad struct{ outside }

func (o abroad) Deliver(to bridge.FolderID, mime []byte, d storetest.DeliverOptions) bridge.MessageID {
	return bridge.MessageID(foreignID(string(o.outside.Deliver(bridge.FolderID(nativeID(string(to))), mime, d))))
}

func native(id bridge.MessageID) bridge.MessageID { return bridge.MessageID(nativeID(string(id))) }

func (o abroad) SetRead(id bridge.MessageID, on bool)    { o.outside.SetRead(native(id), on) }
func (o abroad) SetFlagged(id bridge.MessageID, on bool) { o.outside.SetFlagged(native(id), on) }
func (o abroad) SetCategories(id bridge.MessageID, categories ...string) {
	o.outside.SetCategories(native(id), categories...)
}
func (o abroad) MoveMessage(id bridge.MessageID, to bridge.FolderID) {
	o.outside.MoveMessage(native(id), bridge.FolderID(nativeID(string(to))))
}
func (o abroad) Remove(id bridge.MessageID) { o.outside.Remove(native(id)) }

// TestConformanceAccent runs the suite of bridge.Store over a service that says
// everything in other words.
func TestConformanceAccent(t *testing.T) {
	for name, silent := range map[string]bool{"codes": false, "silent errors": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				s := newAccent(t, graphsim.Options{Modes: graphsim.Modes{MaxPage: 7, EmptyPages: true, Article: graphsim.ArticleAbsent}}, &accent{silent: silent})
				return storetest.Fixture{Store: s.store, Address: simAddress, Outside: abroad{outside{t, s.box}}}
			})
		})
	}
}

// TestNoExtendedProperties lists the mail of a service that refuses every extended
// property, in two walks at once.
func TestNoExtendedProperties(t *testing.T) {
	s := newAccent(t, graphsim.Options{}, &accent{plain: true})
	for range 30 {
		if _, err := s.box.Deliver([]byte("Subject: x\r\n\r\nbody\r\n"), graphsim.DeliverOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var walks sync.WaitGroup
	found := make([][]bridge.MessageID, 2)
	for i := range found {
		walks.Go(func() {
			err := s.store.List(t.Context(), "inbox", func(page []bridge.MessageInfo) error {
				for _, m := range page {
					found[i] = append(found[i], m.ID)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	walks.Wait()
	if len(found[0]) != 30 || len(found[1]) != 30 {
		t.Fatalf("%d and %d messages, want 30", len(found[0]), len(found[1]))
	}
	again := s.client.Mailbox(simAddress) // which knows nothing yet
	got, err := again.Messages(t.Context(), found[0])
	if err != nil || len(got) != 30 {
		t.Fatalf("%d messages, %v, want 30", len(got), err)
	}
	blocks, err := again.Headers(t.Context(), found[0])
	if err != nil || len(blocks) != 0 {
		t.Errorf("%d header blocks, %v, want none", len(blocks), err)
	}
	if _, err := again.Messages(t.Context(), []bridge.MessageID{"nobody", "noone"}); err != nil {
		t.Error(err)
	}
}
