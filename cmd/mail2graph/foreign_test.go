package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"mail2graph/bridge"
)

// foreign is a service with other habits than the simulator behind it, one or more at
// a time. It plays $batch itself, so that its habits are those of the steps too.
type foreign struct {
	t      *testing.T
	b      *bed
	habits []habit

	mu   sync.Mutex
	seen map[string]int // what habits count
}

// habit changes a request, or answers it (true), and changes answers.
type habit struct {
	name  string
	ask   func(f *foreign, w http.ResponseWriter, r *http.Request) bool
	reply func(f *foreign, r *http.Request, out *httptest.ResponseRecorder)
	front func(s *http.Server)
}

// count adds to a counter and returns what it was.
func (f *foreign) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[what]++
	return f.seen[what] - 1
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	for _, h := range f.habits {
		if h.ask != nil && h.ask(f, w, r) {
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/$batch") {
		f.batch(w, r, body)
		return
	}
	in := httptest.NewRequest(r.Method, r.URL.RequestURI(), bytes.NewReader(body))
	in.Host, in.Header = r.Host, r.Header.Clone()
	in.Header.Del("Accept-Encoding")
	out := httptest.NewRecorder()
	f.b.sim.ServeHTTP(out, in)
	for _, h := range f.habits {
		if h.reply != nil {
			h.reply(f, r, out)
		}
	}
	for name, values := range out.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(out.Code)
	w.Write(out.Body.Bytes()) // who does not read it has gone
}

// batch runs the steps of a batch one after the other.
func (f *foreign) batch(w http.ResponseWriter, r *http.Request, body []byte) {
	var in struct {
		Requests []struct {
			ID, Method, URL string
			Headers         map[string]string
			Body            json.RawMessage
			DependsOn       []string
		}
	}
	if r.Header.Get("Content-Encoding") == "gzip" {
		f.t.Error("a batch in gzip")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		f.t.Errorf("batch: %v", err)
	}
	failed := map[string]bool{}
	out := []map[string]any{}
	for _, q := range in.Requests {
		stop := false
		for _, d := range q.DependsOn {
			stop = stop || failed[d]
		}
		if stop {
			failed[q.ID] = true
			out = append(out, map[string]any{"id": q.ID, "status": http.StatusFailedDependency})
			continue
		}
		step := httptest.NewRequest(q.Method, strings.TrimSuffix(r.URL.Path, "/$batch")+q.URL, bytes.NewReader(q.Body))
		step.Host = r.Host
		step.Header.Set("Authorization", r.Header.Get("Authorization"))
		for name, v := range q.Headers {
			step.Header.Set(name, v)
		}
		rec := httptest.NewRecorder()
		f.ServeHTTP(rec, step)
		failed[q.ID] = rec.Code >= 400
		res := map[string]any{"id": q.ID, "status": rec.Code}
		head := map[string]string{}
		for name := range rec.Header() {
			head[name] = rec.Header().Get(name)
		}
		res["headers"] = head
		if rec.Body.Len() > 0 {
			res["body"] = json.RawMessage(rec.Body.Bytes())
		}
		out = append(out, res)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]any{"responses": out}); err != nil {
		f.t.Errorf("batch: %v", err)
	}
}

// content is the body of an answer, not compressed.
func content(out *httptest.ResponseRecorder) []byte {
	b := out.Body.Bytes()
	if out.Header().Get("Content-Encoding") != "gzip" {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		panic(err)
	}
	return b
}

// setContent replaces the body of an answer.
func setContent(out *httptest.ResponseRecorder, b []byte) {
	out.Header().Del("Content-Encoding")
	out.Body = bytes.NewBuffer(b)
}

// refuse answers in the form of Graph.
func refuse(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": "no"}})
	return true
}

// abroad puts the bed's Graph behind habits; the login service stays.
func (b *bed) abroad(habits ...habit) *foreign {
	b.t.Helper()
	f := &foreign{t: b.t, b: b, habits: habits, seen: map[string]int{}}
	front := httptest.NewUnstartedServer(f)
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	front.EnableHTTP2 = true
	for _, h := range habits {
		if h.front != nil {
			h.front(front.Config)
			front.EnableHTTP2 = false
		}
	}
	front.StartTLS()
	b.t.Cleanup(front.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	b.sim.CAPEM = append(ca, b.sim.CAPEM...)
	app := b.cfg.Apps["demo"]
	app.GraphEndpoint = bridge.Endpoint(front.URL)
	b.cfg.Apps["demo"] = app
	return f
}

// noBatch has no $batch.
func noBatch(status int, code string) habit {
	return habit{name: "no batch " + http.StatusText(status), ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/$batch") {
			return false
		}
		f.count("batch")
		return refuse(w, status, code)
	}}
}

// changingIDs ignores Prefer: an id belongs to a message in a folder.
var changingIDs = habit{name: "changing ids", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	r.Header.Del("Prefer")
	return false
}}

// wholeRows ignores $select of delta.
var wholeRows = habit{name: "whole delta rows", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/messages/delta") {
		q := r.URL.Query()
		q.Del("$select")
		r.URL.RawQuery = q.Encode()
	}
	return false
}}

// shortTokens answers 410 to every second round of delta.
var shortTokens = habit{name: "delta tokens expire", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/messages/delta") && strings.Contains(r.URL.RawQuery, "deltatoken") && f.count("delta")%2 == 1 {
		return refuse(w, http.StatusGone, "SyncStateNotFound")
	}
	return false
}}

// replays answers every round of delta as if it were the first.
var replays = habit{name: "delta replays", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/messages/delta") && strings.Contains(r.URL.RawQuery, "deltatoken") {
		r.URL.RawQuery = ""
	}
	return false
}}

// smallPages has ten rows a page, whatever was asked.
var smallPages = habit{name: "small pages", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/delta") {
		r.Header.Set("Prefer", strings.Join([]string{`IdType="ImmutableId"`, "odata.maxpagesize=10"}, ","))
	} else if q := r.URL.Query(); r.Method == http.MethodGet && q.Get("$top") != "" {
		q.Set("$top", "10") // the rest comes by nextLink
		r.URL.RawQuery = q.Encode()
	}
	return false
}}

// silentCreation answers what makes a message, or moves it, without a body.
var silentCreation = habit{name: "no bodies", reply: func(f *foreign, r *http.Request, out *httptest.ResponseRecorder) {
	if r.Method == http.MethodPost && out.Code < 300 && regexp.MustCompile(`/(messages|move|copy)$`).MatchString(r.URL.Path) {
		setContent(out, nil)
	}
}}

// noFilter refuses to filter by the Message-ID.
var noFilter = habit{name: "no filter", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	return strings.Contains(r.URL.Query().Get("$filter"), "internetMessageId") && refuse(w, http.StatusBadRequest, "ErrorInvalidUrlQueryFilter")
}}

// noExpand refuses extended properties, or gives none.
func noExpand(refused bool) habit {
	name := map[bool]string{true: "expand refused", false: "expand ignored"}[refused]
	return habit{name: name, ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		if !strings.Contains(q.Get("$expand"), "singleValueExtendedProperties") {
			return false
		}
		if refused {
			return refuse(w, http.StatusBadRequest, "BadRequest")
		}
		q.Del("$expand")
		r.URL.RawQuery = q.Encode()
		return false
	}}
}

// lacks answers 404 or 501 where a path ends so.
func lacks(end string, status int, code string) habit {
	return habit{name: "no " + end, ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, end) && refuse(w, status, code)
	}}
}

// closing ends the connection after each answer.
var closing = habit{name: "no keep-alive", front: func(s *http.Server) { s.SetKeepAlivesEnabled(false) }}

// laconic answers PATCH and DELETE with 200 and nothing.
var laconic = habit{name: "laconic", reply: func(f *foreign, r *http.Request, out *httptest.ResponseRecorder) {
	if (r.Method == http.MethodPatch || r.Method == http.MethodDelete) && out.Code < 300 {
		out.Code = http.StatusOK
		if f.count("laconic")%2 == 0 {
			out.Code = http.StatusNoContent
		}
		setContent(out, nil)
	}
}}

var wireTime = regexp.MustCompile(`("[A-Za-z]+DateTime":"[-0-9T:]+)Z"`)

// otherTimes writes times with fractions and an offset.
var otherTimes = habit{name: "times with offset", reply: func(f *foreign, r *http.Request, out *httptest.ResponseRecorder) {
	if strings.Contains(out.Header().Get("Content-Type"), "json") {
		setContent(out, wireTime.ReplaceAll(content(out), []byte(`$1.1234567+00:00"`)))
	}
}}

// noParent does not tell in which folder a message is.
var noParent = habit{name: "no parent", reply: func(f *foreign, r *http.Request, out *httptest.ResponseRecorder) {
	if strings.Contains(r.URL.Path, "/messages") && strings.Contains(out.Header().Get("Content-Type"), "json") {
		setContent(out, wireParent.ReplaceAll(content(out), nil))
	}
}}

var wireParent = regexp.MustCompile(`"parentFolderId":"[^"]*",|,"parentFolderId":"[^"]*"`)

// noNames knows folders by their ids alone.
var noNames = habit{name: "no well-known names", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	return wellKnown.MatchString(r.URL.Path) && refuse(w, http.StatusNotFound, "ErrorItemNotFound")
}}

var wellKnown = regexp.MustCompile(`/mailFolders/(msgfolderroot|inbox|drafts|sentitems|deleteditems|junkemail|archive)(/|$)`)

// shortLinks leave out the host and the version.
var shortLinks = habit{name: "short links", reply: func(f *foreign, r *http.Request, out *httptest.ResponseRecorder) {
	if strings.Contains(out.Header().Get("Content-Type"), "json") {
		setContent(out, wireLink.ReplaceAll(content(out), []byte("${1}")))
	}
}}

var wireLink = regexp.MustCompile(`("@odata.(next|delta)Link":")https://[^/"]*/v1.0/`)

// onlyJSON takes no MIME.
var onlyJSON = habit{name: "no MIME", ask: func(f *foreign, w http.ResponseWriter, r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages") && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") &&
		refuse(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType")
}}
