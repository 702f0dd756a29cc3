package graphstore

import (
	"context"
	"errors"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

// Headers reads header blocks in batches. PidTagTransportMessageHeaders is the
// block as the transport wrote it; internetMessageHeaders is the same taken
// apart, and larger (graph-reference §8).
func (s *Store) Headers(ctx context.Context, ids []bridge.MessageID) (map[bridge.MessageID][]byte, error) {
	if s.plain.Load() {
		return nil, nil
	}
	calls := make([]*call, len(ids))
	for i, id := range ids {
		var err error
		if calls[i], err = s.getMessage(ctx, id, []string{"id"}, []string{expandProperties(propHeaders)}); err != nil {
			return nil, wrap("read headers", err)
		}
	}
	out := make(map[bridge.MessageID][]byte, len(ids))
	for i, o := range s.batch(ctx, calls, nil) {
		if errors.Is(o.err, bridge.ErrNotFound) {
			continue
		}
		if o.err != nil {
			return nil, wrap("read headers", o.err)
		}
		m, err := decode[wireMessage](calls[i], o.reply)
		if err != nil {
			return nil, wrap("read headers", err)
		}
		if block := m.headerBlock(); block != nil {
			out[ids[i]] = block
		}
	}
	return out, nil
}

// ListHeaders pages through a folder for its header blocks alone.
func (s *Store) ListHeaders(ctx context.Context, folder bridge.FolderID, yield func(map[bridge.MessageID][]byte) error) error {
	if s.plain.Load() {
		return nil
	}
	call := func(ctx context.Context, top, skip int) (*call, error) {
		return s.listPages(ctx, folder, &users.ItemMailFoldersItemMessagesRequestBuilderGetQueryParameters{
			Select: []string{"id"}, Expand: []string{expandProperties(propHeaders)}, Top: ptr(int32(top))}, skip)
	}
	w := walker{s: s, call: call, yield: func(rows []wireMessage, _ string) error {
		blocks := make(map[bridge.MessageID][]byte, len(rows))
		for i := range rows {
			if block := rows[i].headerBlock(); rows[i].ID != "" && block != nil {
				blocks[bridge.MessageID(rows[i].ID)] = block
			}
		}
		if len(rows) == 0 {
			return nil
		}
		return yield(blocks)
	}}
	return wrap("list headers", w.walk(ctx))
}

// headerBlock is the block with CRLF line ends, or nil.
func (m *wireMessage) headerBlock() []byte {
	for _, p := range m.Properties {
		if sameProperty(p.ID, propHeaders) && strings.TrimSpace(string(p.Value)) != "" {
			text := strings.ReplaceAll(string(p.Value), "\r\n", "\n")
			return []byte(strings.ReplaceAll(strings.TrimRight(text, "\n")+"\n", "\n", "\r\n"))
		}
	}
	return nil
}
