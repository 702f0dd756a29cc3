package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mail2graph/bridge/mimepart"
)

// Header fields without message text. A client that shows a folder asks for a
// few header fields of every message; reading each message for that would cost
// one request a message. The service keeps the header block that the transport
// recorded, and lists it for a folder page by page.
//
// The block does not suffice for: whole headers and HEADER.FIELDS.NOT (it lacks
// what the bodies' fields say), fields of parts, messages that were not received
// (drafts, sent mail: no block, or one without From). Those are answered from the
// text. Content-* and MIME-Version in a block are those of another form of the
// message (graph-reference §19) and are dropped: with the operator's choice of
// fast headers they are missing until the text was read.

// batchIDs is how many messages one request by id covers, and listIDs how many
// one page of a folder does; which road is taken follows.
const (
	batchIDs = 20
	listIDs  = 500
)

// fromText reports whether a field must come from the message's text.
func fromText(field string) bool {
	return len(field) >= 8 && strings.EqualFold(field[:8], "content-") || strings.EqualFold(field, "MIME-Version")
}

// PrepareHeaders brings the header blocks of messages into the index, by id or
// by a walk of the folder, whichever takes fewer requests. It does nothing where
// the operator asks for exact headers, or where nothing is missing.
func (f *Folder) PrepareHeaders(ctx context.Context, uids []uint32) error {
	if f.m.opts.ExactHeaders {
		return nil
	}
	ids, snap := f.headerIDs(uids)
	missing := make(map[MessageID]bool, len(ids))
	for id := range ids {
		missing[id] = true
	}
	if err := f.m.index.HasHeaders(ctx, keys(ids), func(id MessageID) error {
		delete(missing, id)
		return nil
	}); err != nil {
		return fmt.Errorf("header blocks of folder %s: %w", f.Name(), err)
	}
	if len(missing) == 0 {
		return nil
	}
	var err error
	if requests(len(missing), batchIDs) <= requests(snap.Len(), listIDs) {
		err = f.headersByID(ctx, missing)
	} else {
		_, err = f.headerWalks.do(ctx, &f.m.tasks, struct{}{}, func(ctx context.Context) (struct{}, error) {
			ctx, cancel := context.WithTimeout(ctx, firstSyncLimit)
			defer cancel()
			return struct{}{}, f.headersOfAll(ctx, snap)
		})
	}
	if errors.Is(err, ErrInvalid) {
		f.log.Warn("the service gives no header blocks, reading message text instead", "error", err)
		return nil
	}
	return err
}

// headerIDs returns the ids of messages whose text is not at hand.
func (f *Folder) headerIDs(uids []uint32) (map[MessageID]uint32, *Snapshot) {
	snap := f.Snapshot()
	ids := make(map[MessageID]uint32, len(uids))
	for _, uid := range uids {
		if row := snap.Row(uid); row != nil && row.Flags&FlagUnsent == 0 && !f.m.cache.Has(string(row.ID)) {
			ids[row.ID] = uid
		}
	}
	return ids, snap
}

func (f *Folder) headersByID(ctx context.Context, missing map[MessageID]bool) error {
	ids := make([]MessageID, 0, len(missing))
	for id := range missing {
		ids = append(ids, id)
	}
	blocks, err := f.m.store.Headers(ctx, ids)
	if err != nil {
		return fmt.Errorf("header blocks of folder %s: %w", f.Name(), err)
	}
	return f.keepHeaders(ctx, ids, blocks)
}

// headersOfAll walks the folder; it stores page by page, so that nothing is
// lost when it breaks off.
func (f *Folder) headersOfAll(ctx context.Context, snap *Snapshot) error {
	seen := make(map[MessageID]bool, snap.Len())
	err := f.m.store.ListHeaders(ctx, f.id, func(page map[MessageID][]byte) error {
		ids := make([]MessageID, 0, len(page))
		for id := range page {
			seen[id] = true
			ids = append(ids, id)
		}
		return f.keepHeaders(ctx, ids, page)
	})
	if err != nil {
		return fmt.Errorf("header blocks of folder %s: %w", f.Name(), err)
	}
	var without []MessageID
	for i := range snap.Len() {
		if id := snap.At(i).ID; !seen[id] {
			without = append(without, id)
		}
	}
	return f.keepHeaders(ctx, without, nil)
}

// keepHeaders stores blocks; an empty one says that there is none to be had.
func (f *Folder) keepHeaders(ctx context.Context, ids []MessageID, blocks map[MessageID][]byte) error {
	put := make(map[MessageID][]byte, len(ids))
	for _, id := range ids {
		put[id] = usefulBlock(blocks[id])
	}
	if err := f.m.index.PutHeaders(ctx, put); err != nil {
		return fmt.Errorf("store header blocks of folder %s: %w", f.Name(), err)
	}
	return nil
}

// usefulBlock drops what is not true of the message's text; a block without
// From (mail that was sent from here) is no use.
func usefulBlock(block []byte) []byte {
	var b []byte
	from := false
	for field := range mimepart.HeaderFields(block) {
		if field.Name == nil || fromText(string(field.Name)) {
			continue
		}
		from = from || field.Is("From")
		b = append(b, field.Raw...)
		if !bytes.HasSuffix(field.Raw, []byte("\n")) {
			b = append(b, "\r\n"...)
		}
	}
	if !from {
		return nil
	}
	return append(b, "\r\n"...)
}

// HeaderBlocks returns, by UID, the headers that answer for header fields of
// messages without reading their text. Messages that are not in the result need
// Content. Each block ends with an empty line. Where fields names some, others may be
// missing.
func (f *Folder) HeaderBlocks(ctx context.Context, uids []uint32, fields ...string) (map[uint32][]byte, error) {
	if f.m.opts.ExactHeaders {
		return nil, nil
	}
	ids, _ := f.headerIDs(uids)
	out := make(map[uint32][]byte, len(ids))
	fields = slices.DeleteFunc(slices.Clone(fields), fromText) // no block has them
	err := f.m.index.Headers(ctx, keys(ids), fields, func(id MessageID, block []byte) error {
		if len(block) > 0 {
			out[ids[id]] = block
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("header blocks of folder %s: %w", f.Name(), err)
	}
	return out, nil
}

func keys(m map[MessageID]uint32) []MessageID {
	ids := make([]MessageID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	return ids
}
