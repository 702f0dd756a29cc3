package graphstore

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"mail2graph/bridge"
)

// TestLinksInPart: a link is relative to its request, to the version, or to the host.
func TestLinksInPart(t *testing.T) {
	const path = "users/u@example.com/mailFolders/F/messages"
	for _, link := range []string{"?$skip=1", path + "?$skip=1", "/" + path + "?$skip=1", "/v1.0/" + path + "?$skip=1", "/V1.0/" + path + "?$skip=1",
		"https://graph.microsoft.com/v1.0/" + path + "?$skip=1", "HTTP://GRAPH.TEST/v1.0/" + path + "?$skip=1"} {
		t.Run(link, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
					switch {
					case r.URL.Scheme != "https" || r.URL.Host != "graph.test" || !strings.EqualFold(r.URL.Path, "/v1.0/"+path):
						fail(w, 404, "ResourceNotFound", "x")
					case r.URL.RawQuery == "$skip=1":
						answer(w, 200, `{"value":[{"id":"b"}]}`)
					default:
						answer(w, 200, `{"value":[{"id":"a"}],"@odata.nextLink":"`+link+`"}`)
					}
				}}).store(t)
				var got []bridge.MessageInfo
				err := st.List(t.Context(), "F", func(rows []bridge.MessageInfo) error { got = append(got, rows...); return nil })
				if err != nil || len(got) != 2 {
					t.Fatalf("%d rows, %v", len(got), err)
				}
				if got[0].Folder != "F" || got[1].Folder != "F" { // which these rows do not tell
					t.Errorf("the rows are of %q and %q, want F", got[0].Folder, got[1].Folder)
				}
			})
		})
	}
}

// TestLinkToItself: a service that does not know $skip is not asked for the same page
// for ever.
func TestLinkToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{graph: say(200, `{"value":[{"id":"a"}],"@odata.nextLink":"?$skip=1"}`)}
		err := f.store(t).List(t.Context(), "F", func([]bridge.MessageInfo) error { return nil })
		if !errors.Is(err, bridge.ErrUnavailable) || len(f.log) != 2 {
			t.Errorf("%v after %d requests, want an end after 2", err, len(f.log))
		}
	})
}

// TestUploadURLInPart: the URL of an upload session may leave out the host; no token
// goes there all the same. One without TLS is refused.
func TestUploadURLInPart(t *testing.T) {
	for url, want := range map[string]string{"/up/1?x=y": "PUT https://graph.test/up/1?x=y ", "https://up.test/1": "PUT https://up.test/1 ", "http://up.test/1": "", "": ""} {
		synctest.Test(t, func(t *testing.T) {
			puts := ""
			st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					answer(w, 201, `{"uploadUrl":"`+url+`"}`)
					return
				}
				puts += r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization")
				w.WriteHeader(201)
			}}).store(t)
			f := file{name: "f", mediaType: "text/plain", open: func() io.Reader { return strings.NewReader("abc") }}
			err := st.uploadInSession(t.Context(), "m", f, 3)
			if puts != want || (err == nil) != (want != "") {
				t.Errorf("%q: %q, %v; want %q", url, puts, err, want)
			}
		})
	}
}

// TestPlainPaths: addresses and ids go out as the documentation writes them; what has a
// meaning in a path is escaped.
func TestPlainPaths(t *testing.T) {
	for id, want := range map[bridge.MessageID]string{
		"AAMk_-A=":  "/v1.0/users/u@example.com/messages/AAMk_-A=/$value",
		"a/b?c%d e": "/v1.0/users/u@example.com/messages/a%2Fb%3Fc%25d%20e/$value",
		"a+b":       "/v1.0/users/u@example.com/messages/a%2Bb/$value",
	} {
		st := (&fake{}).store(t)
		k, err := st.call(st.message(id).Content().ToGetRequestInformation(t.Context(), nil))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(k.method, k.url, nil)
		if err != nil || r.URL.RequestURI() != want {
			t.Errorf("%s: %s, %v; want %s", id, r.URL.RequestURI(), err, want)
		}
	}
}
