package graphstore

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"mail2graph/bridge"
)

// TestNoWellKnownNames: a service that knows folders by id alone, where there was no
// INBOX, has the English names, and is asked for their ids from then on.
func TestNoWellKnownNames(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
	}{{404, "ErrorItemNotFound"}, {404, "ResourceNotFound"}, {400, "ErrorInvalidIdMalformed"}, {400, "BadRequest"}} {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := ""
				f := &fake{graph: func(w http.ResponseWriter, r *http.Request) {
					switch path := strings.TrimPrefix(r.URL.Path, "/v1.0/users/u@example.com"); {
					case strings.HasSuffix(path, "/$batch"):
						fail(w, 501, "NotImplemented", "x")
					case path == "/mailFolders":
						answer(w, 200, `{"value":[{"id":"F1","displayName":"Inbox","parentFolderId":"R","childFolderCount":0},`+
							`{"id":"F2","displayName":"Sent Items","parentFolderId":"R","childFolderCount":0},`+
							`{"id":"F3","displayName":"inboxes","parentFolderId":"R","childFolderCount":0}]}`)
					case strings.HasSuffix(path, "/messages"):
						asked = path
						answer(w, 200, `{"value":[]}`)
					case path == "/mailFolders/F1" || path == "/mailFolders/F2" || path == "/mailFolders/R":
						answer(w, 200, `{"id":"`+last(path)+`"}`)
					default:
						fail(w, tt.status, tt.code, "x")
					}
				}}
				st := f.store(t)
				if _, err := st.TryReach(t.Context()); err != nil {
					t.Error(err)
				}
				want := []bridge.FolderInfo{{ID: "F1", Name: "Inbox", Role: bridge.RoleInbox}, {ID: "F2", Name: "Sent Items", Role: bridge.RoleSent}, {ID: "F3", Name: "inboxes"}}
				for range 2 {
					got, err := st.Folders(t.Context())
					if err != nil || !slices.Equal(got, want) {
						t.Errorf("%+v, %v; want %+v", got, err, want)
					}
				}
				if _, err := st.Marked(t.Context(), "m", "<x@example.org>", bridge.RoleSent); err != nil || asked != "/mailFolders/F2/messages" {
					t.Errorf("asked for %s, %v; want the id of Sent Items", asked, err)
				}
				if n := strings.Count(f.text.String(), "well-known"); n != 1 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

// TestNoChildren: a service without childFolders has folders of one level, if it does
// not tell of children.
func TestNoChildren(t *testing.T) {
	for _, tt := range []struct {
		status      int
		code, count string
		fails       bool
	}{{404, "ResourceNotFound", "null", false}, {501, "NotImplemented", "null", false}, {405, "", "null", false},
		{501, "NotImplemented", "1", true}, {404, "ErrorInvalidUser", "null", true}, {403, "ErrorAccessDenied", "null", true}} {
		t.Run(fmt.Sprint(tt.status, tt.code, tt.count), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasSuffix(r.URL.Path, "/$batch"):
						fail(w, 501, "NotImplemented", "x")
					case strings.HasSuffix(r.URL.Path, "/childFolders"):
						fail(w, tt.status, tt.code, "x")
					default:
						tree(w, r, "%d", `,"childFolderCount":`+tt.count)
					}
				}}).store(t)
				got, err := st.Folders(t.Context())
				if (err != nil) != tt.fails || !tt.fails && len(got) != 1 {
					t.Errorf("%+v, %v; want a failure: %t", got, err, tt.fails)
				}
			})
		})
	}
}
