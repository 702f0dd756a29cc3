package graphstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

const (
	listPage     = 500 // big pages with many properties risk 504; DavMail uses 500
	smallestPage = 25
	deltaPage    = 1000
	// walkLimit ends a walk that a faulty service would keep going for ever.
	walkLimit = 100_000
)

var errEndless = fmt.Errorf("no end after %d pages: %w", walkLimit, bridge.ErrUnavailable)

// List pages through a folder (page api/user-list-messages).
func (s *Store) List(ctx context.Context, folder bridge.FolderID, yield func([]bridge.MessageInfo) error) error {
	return s.ListFrom(ctx, folder, "", func(page []bridge.MessageInfo, _ string) error {
		if len(page) == 0 {
			return nil
		}
		return yield(page)
	})
}

// ListFrom pages through a folder from a place on: "<messages before> <nextLink>".
func (s *Store) ListFrom(ctx context.Context, folder bridge.FolderID, place string, yield func([]bridge.MessageInfo, string) error) error {
	call := func(ctx context.Context, top, skip int) (*call, error) {
		return s.listPages(ctx, folder, &users.ItemMailFoldersItemMessagesRequestBuilderGetQueryParameters{
			Select: listSelect, Expand: s.listExpand(), Top: ptr(int32(top))}, skip)
	}
	w := walker{s: s, call: call, expands: true, yield: func(rows []wireMessage, next string) error {
		for i := range rows { // parentFolderId goes without saying
			rows[i].ParentFolderID = cmp.Or(rows[i].ParentFolderID, string(folder))
		}
		return yield(infos(rows), next)
	}}
	if place != "" {
		done, link, _ := strings.Cut(place, " ")
		var err error
		if w.done, err = strconv.Atoi(done); err != nil || link == "" {
			return fmt.Errorf("list messages from %q: %w", clip(place), bridge.ErrResync)
		}
		w.link = link
	}
	return wrap("list messages", w.walk(ctx))
}

// walker pages through a list. It follows the service's links; call makes the
// first request, and a new one from the skip-th message on where the service
// refused what was asked.
type walker struct {
	s       *Store
	call    func(ctx context.Context, top, skip int) (*call, error)
	yield   func(rows []wireMessage, next string) error // next is the place of the next page
	expands bool                                        // the call asks for what a service may refuse
	done    int                                         // messages of the pages so far
	link    string                                      // of the first page to read; "": from the beginning
}

func (w *walker) walk(ctx context.Context) error {
	s, top, resumed := w.s, listPage, w.link != ""
	k, err := w.first(ctx, top)
	if err != nil {
		return err
	}
	for range walkLimit {
		k.bigPage = top > smallestPage
		r, err := s.send(ctx, k)
		tooBig := k.bigPage && isGatewayTimeout(err) // api/user-list-messages
		if tooBig {
			top /= 2
		}
		if tooBig || err != nil && !resumed && w.expands && s.asksLess(ctx, strings.Contains(k.url, "singleValueExtendedProperties"), err) {
			if k, err = w.call(ctx, top, w.done); err != nil {
				return err
			}
			continue
		}
		if err != nil && resumed && isRefusal(err) {
			return fmt.Errorf("%w: %w", bridge.ErrResync, err)
		}
		if err != nil {
			return err
		}
		resumed = false
		p, err := decode[page[wireMessage]](k, r)
		if err != nil {
			return err
		}
		w.done += len(p.Value)
		next := ""
		if p.NextLink != "" { // which an empty page may have too
			next = strconv.Itoa(w.done) + " " + p.NextLink
		}
		if err := w.yield(p.Value, next); err != nil || next == "" {
			return err
		}
		if k, err = s.linkCall(p.NextLink, k.route); err != nil {
			return err
		}
	}
	return errEndless
}

const listRoute = "/users/{user}/mailFolders/{mailFolder}/messages"

// first is the request for the first page.
func (w *walker) first(ctx context.Context, top int) (*call, error) {
	if w.link == "" {
		return w.call(ctx, top, 0)
	}
	k, err := w.s.linkCall(w.link, listRoute)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bridge.ErrResync, err)
	}
	return k, nil
}

// isRefusal reports whether the service understood a link and does not take it;
// whatever the folder itself may be answers to the walk that begins anew.
func isRefusal(err error) bool {
	var e *Error
	return errors.As(err, &e) && !e.throttled && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound || e.Status == http.StatusGone)
}

// listPages lists a folder from the skip-th message on.
func (s *Store) listPages(ctx context.Context, folder bridge.FolderID,
	q *users.ItemMailFoldersItemMessagesRequestBuilderGetQueryParameters, skip int) (*call, error) {
	if skip > 0 {
		q.Skip = ptr(int32(skip))
	}
	return s.call(s.folder(folder).Messages().ToGetRequestInformation(ctx,
		&users.ItemMailFoldersItemMessagesRequestBuilderGetRequestConfiguration{QueryParameters: q}))
}

func isGatewayTimeout(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusGatewayTimeout
}

func infos(rows []wireMessage) []bridge.MessageInfo {
	out := make([]bridge.MessageInfo, 0, len(rows))
	for i := range rows {
		if rows[i].ID != "" {
			out = append(out, rows[i].info())
		}
	}
	return out
}

// Messages reads single messages in batches (page api/message-get).
func (s *Store) Messages(ctx context.Context, ids []bridge.MessageID) ([]bridge.MessageInfo, error) {
	expanded := !s.plain.Load()
	out, err := s.messages(ctx, ids)
	for s.asksLess(ctx, expanded, err) {
		expanded = !s.plain.Load()
		out, err = s.messages(ctx, ids)
	}
	return out, wrap("read messages", err)
}

func (s *Store) messages(ctx context.Context, ids []bridge.MessageID) ([]bridge.MessageInfo, error) {
	calls := make([]*call, len(ids))
	for i, id := range ids {
		var err error
		if calls[i], err = s.getMessage(ctx, id, listSelect, s.listExpand()); err != nil {
			return nil, err
		}
	}
	out := make([]bridge.MessageInfo, 0, len(ids))
	for i, o := range s.batch(ctx, calls, nil) {
		if errors.Is(o.err, bridge.ErrNotFound) {
			continue
		}
		if o.err != nil {
			return nil, o.err
		}
		m, err := decode[wireMessage](calls[i], o.reply)
		if err != nil {
			return nil, err
		}
		m.ID = cmp.Or(m.ID, string(ids[i]))
		out = append(out, m.info())
	}
	return out, nil
}

// deltaSelect leaves out what delta does not carry: extended properties.
var deltaSelect = []string{"id", "isRead", "isDraft", "flag", "categories", "receivedDateTime", "parentFolderId"}

// Delta runs one round (pages api/message-delta, graph/delta-query-messages), by
// listings where the service has none.
func (s *Store) Delta(ctx context.Context, folder bridge.FolderID, link string, yield func([]bridge.Change) error) (string, error) {
	if isListing(link) || link == "" && !s.c.deltas.due() {
		return s.compareListings(ctx, folder, link, yield)
	}
	next, err := s.deltaRound(ctx, folder, link, yield)
	maybe, certainly := lacksDelta(err)
	if link != "" || !maybe {
		return next, err
	}
	next, listErr := s.compareListings(ctx, folder, "", yield)
	if listErr != nil { // so the folder is the reason, or the mailbox
		return "", err
	}
	if s.c.deltas.refused(certainly) {
		s.log.WarnContext(ctx, "graph has no delta for messages, folders are listed and compared, which takes longer", "error", err)
	}
	return next, nil
}

func (s *Store) deltaRound(ctx context.Context, folder bridge.FolderID, link string, yield func([]bridge.Change) error) (string, error) {
	k, err := s.deltaCall(ctx, folder, link)
	if err != nil {
		return "", err
	}
	size, fresh := deltaPage, link == ""
	for range walkLimit {
		// The page size counts for the request that carries it.
		k.header.Set("Prefer", fmt.Sprintf("odata.maxpagesize=%d", size))
		k.bigPage = size > smallestPage
		r, err := s.send(ctx, k)
		if k.bigPage && isGatewayTimeout(err) {
			size /= 2
			continue
		}
		if err != nil {
			return "", fmt.Errorf("delta: %w", deltaError(err, fresh))
		}
		fresh = false
		p, err := decode[page[wireMessage]](k, r)
		if err != nil {
			return "", fmt.Errorf("delta: %w", err)
		}
		if len(p.Value) > 0 {
			if err := yield(changes(p.Value)); err != nil {
				return "", err
			}
		}
		switch {
		case p.NextLink != "":
			if k, err = s.linkCall(p.NextLink, k.route); err != nil {
				return "", fmt.Errorf("delta: %w", err)
			}
		case p.DeltaLink != "":
			return p.DeltaLink, nil
		default:
			return "", fmt.Errorf("delta: %w: %w", errNoLink, &Error{Op: k.op(), Status: r.status, RequestID: r.requestID,
				Message: "answer without a link", kind: bridge.ErrUnavailable})
		}
	}
	return "", fmt.Errorf("delta: %w", errEndless)
}

// errNoLink: the rows were no round of a delta, for it cannot go on.
var errNoLink = errors.New("no nextLink and no deltaLink")

const deltaRoute = "/users/{user}/mailFolders/{mailFolder}/messages/delta"

// deltaCall starts a walk, or continues from a link.
func (s *Store) deltaCall(ctx context.Context, folder bridge.FolderID, link string) (*call, error) {
	if link != "" {
		k, err := s.linkCall(link, deltaRoute)
		if err != nil {
			return nil, fmt.Errorf("delta: %w: %w", bridge.ErrResync, err)
		}
		return k, nil
	}
	return s.call(s.folder(folder).Messages().Delta().ToGetRequestInformation(ctx,
		&users.ItemMailFoldersItemMessagesDeltaRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMailFoldersItemMessagesDeltaRequestBuilderGetQueryParameters{Select: deltaSelect}}))
}

// deltaError makes ErrResync of every form in which a token is refused: 410, the
// codes of the table, and any other 400 to a link that the service gave itself
// (graph-reference §6.4). fresh: the request had no link.
func deltaError(err error, fresh bool) error {
	var e *Error
	if fresh || !errors.As(err, &e) || errors.Is(err, bridge.ErrResync) || e.Status != http.StatusBadRequest {
		return err
	}
	return fmt.Errorf("%w: %w", bridge.ErrResync, err)
}

func changes(rows []wireMessage) []bridge.Change {
	out := make([]bridge.Change, 0, len(rows))
	for i := range rows {
		if rows[i].ID != "" {
			out = append(out, rows[i].change())
		}
	}
	return out
}
