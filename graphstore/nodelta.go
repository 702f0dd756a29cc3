package graphstore

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

// listingPrefix begins the links of rounds that were listings: "listing <guid>".
const listingPrefix = "listing "

func isListing(link string) bool { return strings.HasPrefix(link, listingPrefix) }

// listingPause is how long a folder is left alone for every further page of its last
// listing: one of 50,000 messages, 100 pages, is not listed every few seconds.
const listingPause = 200 * time.Millisecond

// listings are what a service without delta said last of each folder. They are kept
// in memory: after a restart the folder is read as if a delta link had expired.
type listings struct {
	mu   sync.Mutex // guards last
	last map[bridge.FolderID]*listing
}

// listing is the last state of a folder. It does not change once it is filed.
type listing struct {
	link  string
	rows  map[bridge.MessageID]uint64 // hashes of what a delta would tell
	pages int
	at    time.Time
}

func (l *listings) get(folder bridge.FolderID) *listing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[folder]
}

func (l *listings) put(folder bridge.FolderID, now *listing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[bridge.FolderID]*listing{}
	}
	l.last[folder] = now
}

// lacksDelta reports whether a first request for changes was refused as one where the
// path is unknown: for certain, or perhaps, since 404 may be said of the folder, and of
// "delta" as the id of a message. Rows without a link are no delta either.
func lacksDelta(err error) (maybe, certainly bool) {
	var e *Error
	if errors.Is(err, errNoLink) {
		return true, false
	}
	if !errors.As(err, &e) || e.throttled || errors.Is(err, bridge.ErrResync) { // the last: of a later page
		return false, false
	}
	switch e.Status {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true, true
	case http.StatusBadRequest, http.StatusNotFound:
		return true, false
	}
	return false, false
}

// listingSelect has what tells a draft's new content besides what a delta tells.
var listingSelect = append([]string{"changeKey"}, deltaSelect...)

// compareListings runs a round of delta for a service without: it lists the folder
// and yields what differs from the listing of link. Pages that shift while they are
// read may hide a message or show it twice: what is missing is a suspicion, as
// every removal of a delta is.
func (s *Store) compareListings(ctx context.Context, folder bridge.FolderID, link string, yield func([]bridge.Change) error) (string, error) {
	before := s.listings.get(folder)
	switch {
	case link == "":
		before = &listing{}
	case before == nil || before.link != link:
		return "", wrap("compare listings", bridge.ErrResync)
	case time.Since(before.at) < time.Duration(before.pages-1)*listingPause:
		return link, nil
	}
	now := &listing{link: listingPrefix + newGUID(), rows: make(map[bridge.MessageID]uint64, len(before.rows))}
	changed := link == ""
	w := walker{s: s,
		call: func(ctx context.Context, top, skip int) (*call, error) {
			return s.listPages(ctx, folder, &users.ItemMailFoldersItemMessagesRequestBuilderGetQueryParameters{
				Select: listingSelect, Top: ptr(int32(top))}, skip)
		},
		yield: func(rows []wireMessage, _ string) error {
			var news []bridge.Change
			for i := range rows {
				id, h := bridge.MessageID(rows[i].ID), rows[i].hash()
				now.rows[id] = h
				if old, known := before.rows[id]; id != "" && (!known || old != h) {
					news = append(news, rows[i].change())
				}
			}
			now.pages++
			if len(news) == 0 {
				return nil
			}
			changed = true
			return yield(news)
		}}
	if err := w.walk(ctx); err != nil {
		return "", wrap("compare listings", err)
	}
	var gone []bridge.Change
	for id := range before.rows {
		if _, there := now.rows[id]; !there {
			gone = append(gone, bridge.Change{ID: id, Removed: true})
		}
	}
	if len(gone) > 0 {
		if err := yield(gone); err != nil {
			return "", err
		}
	} else if !changed {
		now.link = link // nothing to keep on disk
	}
	now.at = time.Now()
	s.listings.put(folder, now)
	return now.link, nil
}

var listingSeed = maphash.MakeSeed()

// hash is that of the members of a row that a delta would tell a change of.
func (m *wireMessage) hash() uint64 {
	type told struct {
		read, flagged, draft bool
		categories, key      string
	}
	t := told{m.IsRead != nil && *m.IsRead, m.flagged(), m.IsDraft != nil && *m.IsDraft, "", m.ChangeKey}
	if m.Categories != nil {
		t.categories = strings.Join(*m.Categories, "\x00")
	}
	return maphash.Comparable(listingSeed, t)
}
