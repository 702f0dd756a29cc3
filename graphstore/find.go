package graphstore

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

// searchHits is how many results may be all there are: a page of 2021 names 250 as
// the most, newer ones 1,000 (graph-reference §5.3).
const searchHits = 250

// FindText searches with $search (page graph/search-query-parameter): a phrase in
// quotes inside those of the option, so that its words are no operators.
func (s *Store) FindText(ctx context.Context, folder bridge.FolderID, phrase string) ([]bridge.MessageID, bool, error) {
	words := strings.FieldsFunc(phrase, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '"' || r == '\\'
	})
	if len(words) == 0 {
		return nil, false, fmt.Errorf("search for %q: no words: %w", phrase, bridge.ErrInvalid)
	}
	k, err := s.call(s.folder(folder).Messages().ToGetRequestInformation(ctx,
		&users.ItemMailFoldersItemMessagesRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMailFoldersItemMessagesRequestBuilderGetQueryParameters{
				Select: []string{"id"}, Top: ptr(int32(searchHits)), Search: ptr(`"\"` + strings.Join(words, " ") + `\""`)}}))
	if err != nil {
		return nil, false, err
	}
	var ids []bridge.MessageID
	more := true
	for range lookPages { // a page may be empty
		r, err := s.send(ctx, k)
		if err != nil {
			return nil, false, wrap("search", err)
		}
		p, err := decode[page[wireMessage]](k, r)
		if err != nil {
			return nil, false, wrap("search", err)
		}
		for _, row := range p.Value {
			ids = append(ids, bridge.MessageID(row.ID))
		}
		if more = p.NextLink != ""; !more || len(ids) >= searchHits {
			break
		}
		if k, err = s.linkCall(p.NextLink, k.route); err != nil {
			return nil, false, wrap("search", err)
		}
	}
	return ids, !more && len(ids) < searchHits, nil
}
