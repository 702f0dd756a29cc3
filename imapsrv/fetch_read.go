package imapsrv

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// prepareFields brings in the header fields of all messages of the command that lack
// them, many at a time, where that does without their text. If it fails each message
// is read by itself.
func (f *fetcher) prepareFields(ctx context.Context) {
	const perRequest = 20
	uids := f.unprepared
	f.unprepared = nil
	err := f.c.call(ctx, len(uids)/perRequest, func(ctx context.Context) error {
		return f.v.folder.PrepareHeaders(ctx, uids)
	})
	if err != nil && ctx.Err() == nil {
		f.c.logFailure("header fields not read together", lookUp(err), err)
	}
}

// readIndex gets what the index knows of the batch, and sizes where the
// operator wants exact ones.
func (f *fetcher) readIndex(ctx context.Context, batch []message) error {
	parts := f.contents && !f.whole || f.structure || f.fields
	if !f.details && !f.sizes && !parts || len(batch) == 0 {
		return nil
	}
	uids := make([]uint32, len(batch))
	for i := range batch {
		uids[i] = batch[i].row.UID
	}
	if f.sizes {
		if err := f.findSizes(ctx, batch, uids); err != nil {
			return err
		}
	}
	if f.fields {
		blocks, err := f.v.folder.HeaderBlocks(ctx, uids, f.fieldNames...)
		if err == nil && len(blocks) < len(uids) && f.unprepared != nil {
			f.prepareFields(ctx)
			blocks, err = f.v.folder.HeaderBlocks(ctx, uids, f.fieldNames...)
		}
		if err != nil {
			return err
		}
		for i := range batch {
			batch[i].block = blocks[uids[i]]
		}
	}
	if parts {
		if err := f.readParts(ctx, batch); err != nil {
			return err
		}
	}
	if !f.details {
		return nil
	}
	i := 0
	return f.v.folder.Details(ctx, uids, func(uid uint32, d *bridge.Detail) error {
		for i < len(batch) && batch[i].row.UID < uid {
			i++
		}
		if i < len(batch) && batch[i].row.UID == uid {
			batch[i].detail = d
		}
		return nil
	})
}

// readParts gets the part indexes at hand of messages that will need one.
func (f *fetcher) readParts(ctx context.Context, batch []message) (err error) {
	var uids []uint32
	for i := range batch {
		if batch[i].block == nil {
			uids = append(uids, batch[i].row.UID)
		}
	}
	f.parts, err = f.v.folder.Structures(ctx, uids)
	return err
}

func (f *fetcher) findSizes(ctx context.Context, batch []message, uids []uint32) error {
	var found atomic.Int64
	say := func() headway {
		if n := found.Load(); n > 0 { // of this batch: no numbers for the command
			return headway{fmt.Sprintf("Found the sizes of %d of %d messages", n, len(uids)), -1, 0}
		}
		return headway{}
	}
	err := f.c.wait(ctx, f.c.opts.CommandTimeout, say, func(ctx context.Context) error {
		return f.v.folder.EnsureSizes(ctx, uids, func(done, _ int) { found.Store(int64(done)) })
	})
	for i := range batch {
		batch[i].row = f.current(batch[i].pos)
	}
	return err
}

// read gets the message's text or structure if the items need it, and finds
// the sections. It reports whether the message can be written.
func (f *fetcher) read(ctx context.Context, m *message) bool {
	text := f.contents || f.fields && m.block == nil
	if !text && m.block != nil {
		m.sections = f.sectionsOf(m.block)
	}
	if !text && !f.structure && (!f.details || m.detail != nil) {
		return true
	}
	if p := f.parts[m.row.UID]; !text && p != nil {
		m.root = p
		return true
	}
	if f.complete {
		f.unread++
		return false
	}
	var err error
	if !text || !f.openAtHand(m, &err) {
		units := int(m.row.Size >> 20) // a second for each MiB
		err = f.c.call(ctx, units, func(ctx context.Context) error { return f.open(ctx, m, text) })
	}
	switch {
	case err == nil:
		f.away = 0
		return true
	case errors.Is(err, bridge.ErrNotFound):
		f.missing++
		return false
	}
	f.fail(m, err)
	if lookUp(err).code == wire.CodeUnavailable {
		f.away++
		f.complete = f.away >= maxAway || ctx.Err() != nil
	}
	return false
}

// openAtHand is open for text that nobody has to wait for, and reports whether it is.
func (f *fetcher) openAtHand(m *message, err *error) bool {
	m.content = f.v.folder.ContentAtHand(m.row.UID, f.parts[m.row.UID], f.whole)
	if m.content == nil {
		return false
	}
	m.root = m.content.Root
	m.sections, *err = f.sections(m.content)
	return true
}

// open gets the text, or only the structure.
func (f *fetcher) open(ctx context.Context, m *message, text bool) (err error) {
	if !text {
		m.root, err = f.v.folder.Structure(ctx, m.row.UID)
		return err
	}
	if m.content, err = f.v.folder.ContentOf(ctx, m.row.UID, f.parts[m.row.UID]); err != nil {
		return err
	}
	m.root = m.content.Root
	m.sections, err = f.sections(m.content)
	return err
}

// markSeen sets \Seen as reading a body does. If that cannot be done the client
// still gets its mail, and a warning.
func (f *fetcher) markSeen(ctx context.Context, batch []message) {
	if !f.marks {
		return
	}
	var uids []uint32
	for i := range batch {
		if batch[i].ready && batch[i].row.Flags&bridge.FlagSeen == 0 {
			uids = append(uids, batch[i].row.UID)
		}
	}
	if len(uids) == 0 {
		return
	}
	err := f.c.call(ctx, len(uids), func(ctx context.Context) error {
		_, err := f.v.folder.SetFlags(ctx, uids, bridge.FlagsAdd, bridge.FlagSeen, nil, nil)
		return err
	})
	if err != nil {
		fail := lookUp(err)
		f.c.logFailure("messages not marked as seen", fail, err, "count", len(uids))
		f.c.w.Untagged(wire.NO, fail.code, "Not marked as seen: "+fail.text)
	}
	for i := range batch {
		m := &batch[i]
		before := m.row.Flags
		m.row = f.current(m.pos)
		m.flags = m.row.Flags != before
	}
}

// fail counts a message that could not be read.
func (f *fetcher) fail(m *message, err error) {
	f.unread++
	if f.first == nil {
		f.first = fmt.Errorf("UID %d: %w", m.row.UID, err)
	}
}
