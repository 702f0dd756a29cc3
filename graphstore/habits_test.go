package graphstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// tree answers the requests of a folder listing: well-known names, then two levels,
// whose rows have the members that more adds.
func tree(w http.ResponseWriter, r *http.Request, status, more string) {
	row := `{"id":"%s","displayName":"%s","parentFolderId":"%s"%s}`
	if strings.Contains(more, `"parentFolderId"`) {
		row = strings.Replace(row, `"parentFolderId":"%s"`, `"x":"%s"`, 1)
	}
	one := func(path string) (int, string) {
		switch {
		case strings.HasSuffix(path, "/mailFolders"):
			return 200, `{"value":[` + fmt.Sprintf(row, "F1", "Inbox", "root", more) + `]}`
		case strings.HasSuffix(path, "/mailFolders/F1/childFolders"):
			return 200, `{"value":[` + fmt.Sprintf(row, "F2", "Below", "F1", more) + `]}`
		case strings.HasSuffix(path, "/childFolders"):
			return 200, `{"value":[]}`
		case strings.HasSuffix(path, "/mailFolders/msgfolderroot"):
			return 200, `{"id":"root"}`
		case strings.HasSuffix(path, "/mailFolders/inbox"):
			return 200, `{"id":"F1"}`
		}
		return 404, `{"error":{"code":"ErrorItemNotFound","message":"x"}}`
	}
	if !strings.HasSuffix(r.URL.Path, "/$batch") {
		code, body := one(r.URL.Path)
		answer(w, code, body)
		return
	}
	var in struct{ Requests []struct{ ID, URL string } }
	b, _ := io.ReadAll(r.Body)
	json.Unmarshal(b, &in)
	var out []string
	for _, q := range in.Requests {
		path, _, _ := strings.Cut(q.URL, "?")
		code, body := one(path)
		out = append(out, fmt.Sprintf(`{"id":%q,"status":`+status+`,"body":%s}`, q.ID, code, body))
	}
	answer(w, 200, `{"responses":[`+strings.Join(out, ",")+`]}`)
}

// TestFolderRows: a count may be a string, and may be missing.
func TestFolderRows(t *testing.T) {
	for _, tt := range []struct{ name, status, more string }{
		{"numbers", "%d", `,"childFolderCount":1,"totalItemCount":7,"sizeInBytes":12`},
		{"strings", `"%d"`, `,"childFolderCount":"1","totalItemCount":"7","sizeInBytes":"12"`},
		{"no parent", "%d", `,"totalItemCount":7,"childFolderCount":1,"parentFolderId":null`},
		{"no count of children", "%d", `,"totalItemCount":7,"childFolderCount":null`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) { tree(w, r, tt.status, tt.more) }}).store(t)
				got, err := st.Folders(t.Context())
				want := []bridge.FolderInfo{{ID: "F1", Name: "Inbox", Role: bridge.RoleInbox, Total: 7}, {ID: "F2", Parent: "F1", Name: "Below", Total: 7}}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%+v, %v; want %+v", got, err, want)
				}
			})
		})
	}
}

// TestUnreadableAnswers: a 200 with nothing, or with a page of a gateway, is asked for again.
func TestUnreadableAnswers(t *testing.T) {
	for _, body := range []string{"", "<html>later</html>", `{"value":[`} {
		t.Run(body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
					if n++; n%2 == 1 {
						answer(w, 200, body)
						return
					}
					tree(w, r, "%d", `,"childFolderCount":1`)
				}}).store(t)
				if got, err := st.Folders(t.Context()); err != nil || len(got) != 2 {
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // for good
		st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) { answer(w, 200, "<html>later</html>") }}).store(t)
		if _, err := st.Folders(t.Context()); err == nil || !strings.Contains(err.Error(), "later") {
			t.Errorf("error %v, want one with what came", err)
		}
	})
}

// TestCreateFolderAgain: a creation that a gateway did not let through is repeated, one
// whose answer was lost is found.
func TestCreateFolderAgain(t *testing.T) {
	for _, reached := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			posts := 0
			st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/$batch"):
					if posts++; posts == 1 {
						w.WriteHeader(http.StatusBadGateway)
						return
					}
					answer(w, 201, `{"id":"F2","displayName":"Below"}`)
				case posts > 0 && !reached && strings.HasSuffix(r.URL.Path, "/childFolders"):
					answer(w, 200, `{"value":[]}`)
				default:
					tree(w, r, "%d", `,"childFolderCount":1`)
				}
			}}).store(t)
			f, err := st.CreateFolder(t.Context(), "F1", "Below")
			if want := map[bool]int{false: 2, true: 1}[reached]; err != nil || f.ID != "F2" || posts != want {
				t.Errorf("%+v, %v after %d requests, want %d", f, err, posts, want)
			}
		})
	}
}

// TestBareDeltaRow: a row that says nothing but that something changed is asked for.
func TestBareDeltaRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
			answer(w, 200, `{"value":[{"id":"a"},{"id":"b","isRead":true}],"@odata.deltaLink":"https://graph.test/v1.0/x"}`)
		}}).store(t)
		var rows []bridge.Change
		if _, err := st.Delta(t.Context(), "F1", "", func(c []bridge.Change) error { rows = append(rows, c...); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(rows) != 2 || !rows[0].Complete || rows[1].Complete {
			t.Errorf("rows %+v, want the first one complete", rows)
		}
	})
}

// TestOnlyDrafts: a service that makes a draft of everything has at least the message.
func TestOnlyDrafts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var methods []string
		st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
			methods = append(methods, r.Method)
			status := map[string]int{http.MethodPost: 201, http.MethodGet: 200}[r.Method]
			answer(w, status, `{"id":"m","isDraft":true,"parentFolderId":"F1"}`)
		}}).store(t)
		const text = "From: a@example.org\r\nSubject: x\r\nMessage-ID: <x@example.org>\r\n\r\nhi\r\n"
		mime := io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))
		info, err := st.Append(t.Context(), bridge.NewMessage{Folder: "F1", MIME: mime})
		if err != nil || info.ID != "m" || !info.Draft {
			t.Errorf("%+v, %v; want a draft", info, err)
		}
		if slices.Contains(methods, http.MethodDelete) {
			t.Errorf("requests %q: it was deleted", methods)
		}
	})
}

// TestNoMIME: where a message is refused for being MIME it is built from JSON, unless
// it must stay as it is.
func TestNoMIME(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		built  bool
	}{{415, "", true}, {400, "UnableToDeserializePostBody", true}, {400, "ErrorMimeContentInvalid", false}} {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
						fail(w, tt.status, tt.code, "x")
						return
					}
					answer(w, map[string]int{http.MethodPost: 201, http.MethodGet: 200}[r.Method], `{"id":"m","isDraft":true,"parentFolderId":"F1"}`)
				}}).store(t)
				const text = "From: a@example.org\r\nSubject: x\r\nMessage-ID: <x@example.org>\r\n\r\nhi\r\n"
				out := outgoing(t, text)
				if id, err := st.CreateDraft(t.Context(), out); (err == nil) != tt.built || tt.built && id != "m" {
					t.Errorf("to be sent: %q, %v; want it built: %t", id, err, tt.built)
				}
				signed := outgoing(t, "Content-Type: multipart/signed; boundary=b\r\n"+text)
				signed.KeepSigned = true
				if _, err := st.CreateDraft(t.Context(), signed); !errors.Is(err, bridge.ErrInvalid) {
					t.Errorf("a signed one: %v, want ErrInvalid", err)
				}
				info, err := st.Append(t.Context(), bridge.NewMessage{Folder: "F1", MIME: out.MIME, Draft: true})
				if (err == nil) != tt.built || tt.built && info.ID != "m" {
					t.Errorf("to be filed: %+v, %v; want it built: %t", info, err, tt.built)
				}
			})
		})
	}
}

// TestNoReceived: a message of which the service does not tell when it came has the time
// when it was sent.
func TestNoReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := (&fake{graph: say(200, `{"value":[{"id":"a","sentDateTime":"2026-01-02T03:04:05Z"}]}`)}).store(t)
		err := st.List(t.Context(), "F", func(rows []bridge.MessageInfo) error {
			if got := rows[0].Received.Format(time.RFC3339); got != "2026-01-02T03:04:05Z" {
				t.Errorf("received %s", got)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestByteOrderMark: JSON behind one is read.
func TestByteOrderMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := (&fake{graph: say(200, "\xef\xbb\xbf"+`{"value":[{"id":"a"}]}`)}).store(t)
		n := 0
		if err := st.List(t.Context(), "F", func(rows []bridge.MessageInfo) error { n += len(rows); return nil }); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

// TestNoSend: where /send is unknown a message is refused for that, and not as one to
// an unknown recipient; a draft that is gone is told as before.
func TestNoSend(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		gone   bool
		kind   error
	}{
		{404, "ResourceNotFound", false, bridge.ErrInvalid}, {501, "NotImplemented", false, bridge.ErrInvalid}, {405, "x", false, bridge.ErrInvalid},
		{404, "ErrorItemNotFound", true, bridge.ErrNotFound}, {404, "ErrorItemNotFound", false, bridge.ErrNotFound}, {404, "x", true, bridge.ErrNotFound},
		{403, "ErrorSendAsDenied", false, bridge.ErrSendAs},
	} {
		t.Run(fmt.Sprint(tt.status, tt.code, tt.gone), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := (&fake{graph: func(w http.ResponseWriter, r *http.Request) {
					switch {
					case r.Method == http.MethodPost:
						fail(w, tt.status, tt.code, "x")
					case tt.gone:
						fail(w, 404, "ErrorItemNotFound", "x")
					default:
						answer(w, 200, `{"id":"m","isDraft":true,"parentFolderId":"F1"}`)
					}
				}}).store(t)
				_, err := st.SendDraft(t.Context(), "m")
				var said *bridge.Refusal
				if unknown := errors.As(err, &said) && strings.Contains(said.Reply, "/send"); !errors.Is(err, tt.kind) || unknown != (tt.kind == bridge.ErrInvalid) || errors.Is(err, bridge.ErrNoMailbox) {
					t.Errorf("%v (%+v), want %v", err, said, tt.kind)
				}
			})
		})
	}
}
