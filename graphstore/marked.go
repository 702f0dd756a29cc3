package graphstore

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// A message whose creation was not answered is found again by a mark: the
// property propMarker of one made from JSON, the field markerField in the header
// of one made from MIME. What is found may be deleted or sent, and services are
// known to ignore options that they do not support (graph-reference §3): a row
// counts only when the mark was seen in it, whatever the filter promised.

// lookPages and lookSize bound a search where the service does not filter. Rows
// come newest first.
const (
	lookPages = 20
	lookSize  = 100
)

// Marked implements bridge.Sender.
func (s *Store) Marked(ctx context.Context, marker, messageID string, in bridge.Role) ([]bridge.MessageID, error) {
	folder, ok := map[bridge.Role]bridge.FolderID{bridge.RoleDrafts: "drafts", bridge.RoleSent: "sentitems"}[in]
	if marker == "" || !ok {
		return nil, wrap("look for a message", bridge.ErrInvalid)
	}
	ids, err := s.markedMIME(ctx, folder, marker, messageID)
	if err != nil {
		return nil, wrap("look for a message", err)
	}
	built, err := s.withMarker(ctx, folder, marker)
	if built != "" {
		ids = append(ids, built)
	}
	return ids, wrap("look for a message", err)
}

// markedMIME finds the messages of a folder that were made from MIME with a
// marker: among those of the same Message-ID the ones with the marker in their
// header. Header fields cannot be filtered by, nor are they listed for drafts
// (graph-reference §8, §19).
func (s *Store) markedMIME(ctx context.Context, folder bridge.FolderID, marker, messageID string) ([]bridge.MessageID, error) {
	if messageID = strings.TrimSpace(messageID); marker == "" || messageID == "" {
		return nil, nil
	}
	rows, err := s.withMessageID(ctx, folder, messageID)
	if err != nil {
		return nil, err
	}
	var ids []bridge.MessageID
	for _, row := range rows {
		id := bridge.MessageID(row.ID)
		switch marked, err := s.carries(ctx, id, marker); {
		case errors.Is(err, bridge.ErrNotFound): // deleted or sent meanwhile: another one's
		case err != nil:
			return nil, err
		case marked:
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// carries reports whether the header of a message has the marker.
func (s *Store) carries(ctx context.Context, id bridge.MessageID, marker string) (bool, error) {
	r, err := s.MIME(ctx, id)
	if err != nil {
		return false, err
	}
	defer r.Close()
	head, err := io.ReadAll(io.LimitReader(r, mimepart.MaxHeader))
	if err != nil {
		return false, err
	}
	for f := range mimepart.HeaderFields(head) { // to the empty line
		if f.Is(markerField) && strings.TrimSpace(f.Value()) == marker {
			return true, nil
		}
	}
	return false, nil
}

// withMarker finds the message of a folder that was made from JSON with a marker.
func (s *Store) withMarker(ctx context.Context, folder bridge.FolderID, marker string) (bridge.MessageID, error) {
	rows, err := s.search(ctx, folder, "singleValueExtendedProperties/any(ep:ep/id eq '"+propMarker+"' and ep/value eq '"+marker+"')",
		[]string{"id"}, []string{expandProperties(propMarker)}, func(row *wireMessage) bool {
			for _, p := range row.Properties {
				if strings.EqualFold(p.ID, propMarker) && string(p.Value) == marker {
					return true
				}
			}
			return false
		})
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return bridge.MessageID(rows[0].ID), nil
}

// withMessageID lists the messages of a folder with a Message-ID.
func (s *Store) withMessageID(ctx context.Context, folder bridge.FolderID, messageID string) ([]wireMessage, error) {
	return s.search(ctx, folder, "internetMessageId eq '"+strings.ReplaceAll(messageID, "'", "''")+"'",
		[]string{"id", "createdDateTime", "internetMessageId"}, nil,
		func(row *wireMessage) bool { return strings.EqualFold(strings.TrimSpace(row.InternetID), messageID) })
}

// newestWith finds the newest message of a folder with a Message-ID that was
// created since the given time of this host's clock, and is none of those excepted.
func (s *Store) newestWith(ctx context.Context, folder bridge.FolderID, messageID string, since time.Time, except ...bridge.MessageID) (bridge.MessageID, error) {
	rows, err := s.withMessageID(ctx, folder, messageID)
	if err != nil {
		return "", err
	}
	// Graph's times have whole seconds, by its own clock.
	best := wireMessage{}
	best.CreatedDateTime.Time = since.Add(s.c.skew() - 2*time.Second)
	for _, row := range rows {
		if !slices.Contains(except, bridge.MessageID(row.ID)) && row.CreatedDateTime.After(best.CreatedDateTime.Time) {
			best = row
		}
	}
	return bridge.MessageID(best.ID), nil
}

// search lists the rows of a folder that filter selects and match accepts. A
// service that refuses the filter is asked for its newest rows instead.
func (s *Store) search(ctx context.Context, folder bridge.FolderID, filter string, selected, expand []string, match func(*wireMessage) bool) ([]wireMessage, error) {
	found, err := s.searchPages(ctx, folder, &filter, selected, expand, match)
	if errors.Is(err, bridge.ErrInvalid) {
		found, err = s.searchPages(ctx, folder, nil, selected, expand, match)
	}
	return found, err
}

func (s *Store) searchPages(ctx context.Context, folder bridge.FolderID, filter *string, selected, expand []string, match func(*wireMessage) bool) ([]wireMessage, error) {
	k, err := s.call(s.folder(folder).Messages().ToGetRequestInformation(ctx,
		&users.ItemMailFoldersItemMessagesRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMailFoldersItemMessagesRequestBuilderGetQueryParameters{
				Select: selected, Expand: expand, Filter: filter, Top: ptr(int32(lookSize))}}))
	if err != nil {
		return nil, err
	}
	var found []wireMessage
	for range lookPages {
		r, err := s.send(ctx, k)
		if err != nil {
			return nil, err
		}
		p, err := decode[page[wireMessage]](k, r)
		if err != nil {
			return nil, err
		}
		for i := range p.Value {
			if match(&p.Value[i]) {
				found = append(found, p.Value[i])
			}
		}
		if p.NextLink == "" {
			break
		}
		if k, err = s.linkCall(p.NextLink, k.route); err != nil {
			return nil, err
		}
	}
	return found, nil
}
