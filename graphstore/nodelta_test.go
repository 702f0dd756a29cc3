package graphstore

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// lister is a service that lists messages and has no delta.
type lister struct {
	status         int
	code           string
	rows           []string // JSON
	size           int      // of a page
	deltas, pages  int
	folderNotThere bool
}

func (l *lister) handle(w http.ResponseWriter, r *http.Request) {
	var skip int
	fmt.Sscan(r.URL.Query().Get("$skip"), &skip)
	switch {
	case strings.HasSuffix(r.URL.Path, "/delta"):
		l.deltas++
		if l.status == 200 {
			answer(w, 200, `{"value":[`+strings.Join(l.rows, ",")+`]}`) // and no link
			return
		}
		fail(w, l.status, l.code, "x")
	case l.folderNotThere:
		fail(w, 404, "ErrorItemNotFound", "x")
	default:
		l.pages++
		end, next := min(skip+l.size, len(l.rows)), ""
		if end < len(l.rows) {
			next = fmt.Sprintf(`,"@odata.nextLink":"?$skip=%d"`, end)
		}
		answer(w, 200, `{"value":[`+strings.Join(l.rows[skip:end], ",")+`]`+next+`}`)
	}
}

func row(id string, read bool) string {
	return fmt.Sprintf(`{"id":%q,"isRead":%t,"receivedDateTime":"2026-01-02T03:04:05Z"}`, id, read)
}

// round runs a round and returns what it told, "b read, a gone".
func (l *lister) round(t *testing.T, st *Store, link string) (next, told string) {
	t.Helper()
	var news []string
	next, err := st.Delta(t.Context(), "F", link, func(rows []bridge.Change) error {
		for _, c := range rows {
			switch {
			case c.Removed:
				news = append(news, string(c.ID)+" gone")
			case *c.Read:
				news = append(news, string(c.ID)+" read")
			default:
				news = append(news, string(c.ID)+" unread")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(news)
	return next, strings.Join(slices.Compact(news), ", ") // what delta told, a listing may tell again
}

// TestNoDelta: a service without delta for messages, of which nothing could be read
// before, is listed, and what differs is told.
func TestNoDelta(t *testing.T) {
	for _, tt := range []struct {
		status, deltas int // how often delta was tried in the end
		code           string
	}{
		{405, 1, "MethodNotAllowed"}, {501, 1, "NotImplemented"}, {404, 2, "ResourceNotFound"},
		{404, 2, "ErrorItemNotFound"}, {400, 2, "ErrorInvalidIdMalformed"}, {400, 2, "BadRequest"}, {200, 2, ""},
	} {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lister{status: tt.status, code: tt.code, size: 2, rows: []string{row("a", false), row("b", false), row("c", true)}}
				f := &fake{graph: l.handle}
				st := f.store(t)
				link, told := l.round(t, st, "")
				if told != "a unread, b unread, c read" {
					t.Errorf("the first walk told %q", told)
				}
				time.Sleep(listingPause) // virtual
				same, told := l.round(t, st, link)
				if told != "" || same != link {
					t.Errorf("a quiet round told %q and made %q of %q", told, same, link)
				}
				time.Sleep(listingPause)
				l.rows = []string{row("d", false), row("b", true), row("c", true)}
				next, told := l.round(t, st, link)
				if told != "a gone, b read, d unread" || next == link {
					t.Errorf("a round told %q and made %q of %q", told, next, link)
				}
				if _, err := st.Delta(t.Context(), "F", link, nil); !errors.Is(err, bridge.ErrResync) {
					t.Errorf("an older link: %v, want ErrResync", err)
				}
				if _, err := f.store(t).Delta(t.Context(), "F", next, nil); !errors.Is(err, bridge.ErrResync) {
					t.Errorf("after a restart: %v, want ErrResync", err)
				}
				if _, told := l.round(t, st, ""); told != "b read, c read, d unread" || l.deltas != tt.deltas {
					t.Errorf("another first walk told %q, delta was tried %d times, want %d", told, l.deltas, tt.deltas)
				}
				if n := strings.Count(f.text.String(), "has no delta"); n != 1 {
					t.Errorf("told %d times: %s", n, f.text.String())
				}
			})
		})
	}
}

// TestNoDeltaOfMany: a folder of many pages is not listed with each poll.
func TestNoDeltaOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lister{status: 501, size: 1, rows: []string{row("a", false), row("b", false), row("c", true)}}
		st := (&fake{graph: l.handle}).store(t)
		link, _ := l.round(t, st, "")
		l.rows = nil
		if same, told := l.round(t, st, link); same != link || told != "" || l.pages != 3 {
			t.Errorf("told %q after %d pages, want none and 3", told, l.pages)
		}
		time.Sleep(2 * listingPause) // virtual
		if _, told := l.round(t, st, link); told != "a gone, b gone, c gone" {
			t.Errorf("told %q", told)
		}
	})
}

// TestDeltaOfNoFolder: where the listing is refused as well, delta's reason stands.
func TestDeltaOfNoFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lister{status: 404, code: "ErrorItemNotFound", folderNotThere: true}
		f := &fake{graph: l.handle}
		_, err := f.store(t).Delta(t.Context(), "F", "", nil)
		if !errors.Is(err, bridge.ErrNotFound) || !strings.Contains(err.Error(), "/delta") {
			t.Errorf("got %v", err)
		}
		if strings.Contains(f.text.String(), "has no delta") {
			t.Error("the operator is told that there is no delta")
		}
	})
}

// TestDeltaExpiresWithinAWalk: a first walk whose next page is refused begins anew, and
// is no sign that there is no delta.
func TestDeltaExpiresWithinAWalk(t *testing.T) {
	for _, status := range []int{400, 410} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{graph: func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("$skiptoken") != "" {
					fail(w, status, "SyncStateNotFound", "x")
					return
				}
				answer(w, 200, `{"value":[],"@odata.nextLink":"?$skiptoken=x"}`)
			}}
			if _, err := f.store(t).Delta(t.Context(), "F", "", nil); !errors.Is(err, bridge.ErrResync) || len(f.log) != 2 {
				t.Errorf("%v after %q, want ErrResync", err, f.log)
			}
		})
	}
}
