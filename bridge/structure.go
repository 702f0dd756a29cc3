package bridge

import (
	"context"
	"fmt"

	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/mimepart"
)

// Structure returns a message's part index, without its text if that was read
// before and has left the cache since.
func (f *Folder) Structure(ctx context.Context, uid uint32) (*mimepart.Part, error) {
	row := f.Snapshot().Row(uid)
	if row == nil {
		return nil, fmt.Errorf("message %d of folder %s: %w", uid, f.Name(), ErrNotFound)
	}
	if p, err := f.m.structure(ctx, row.ID); err == nil {
		return p, nil
	}
	c, err := f.Content(ctx, uid)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Root, nil
}

// Structures returns those part indexes that are at hand, by UID.
func (f *Folder) Structures(ctx context.Context, uids []uint32) (map[uint32]*mimepart.Part, error) {
	snap := f.Snapshot()
	out := make(map[uint32]*mimepart.Part, len(uids))
	ask := make(map[MessageID]uint32, len(uids))
	for _, uid := range uids {
		row := snap.Row(uid)
		if row == nil {
			continue
		}
		if p := f.m.lazy.part(row.ID); p != nil {
			out[uid] = p
		} else {
			ask[row.ID] = uid
		}
	}
	err := f.m.index.Structures(ctx, keys(ask), func(id MessageID, p *mimepart.Part) error {
		out[ask[id]] = p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("part indexes of folder %s: %w", f.Name(), err)
	}
	return out, nil
}

// structure returns a stored part index, written or waiting to be.
func (m *Mailbox) structure(ctx context.Context, id MessageID) (*mimepart.Part, error) {
	if p := m.lazy.part(id); p != nil {
		return p, nil
	}
	return m.index.Structure(ctx, id)
}

// withParts completes cached text by its part index: the stored one, unless that
// was made of another form of the message, which a crash may leave behind.
func (m *Mailbox) withParts(ctx context.Context, id MessageID, root *mimepart.Part, entry *mimecache.Entry) (*Content, error) {
	var err error
	if root == nil {
		root, err = m.structure(ctx, id)
	}
	if err != nil || root.End != entry.Size() {
		if root, err = parseEntry(entry); err != nil {
			entry.Close()
			return nil, err
		}
		m.lazy.setPart(id, root)
	}
	return &Content{Root: root, Size: entry.Size(), entry: entry}, nil
}
