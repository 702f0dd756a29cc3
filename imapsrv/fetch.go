package imapsrv

import (
	"context"
	"fmt"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/imapsrv/wire"
)

// How many messages are worked on at once: of those whose text is read fewer, and
// only as many as get \Seen by one request; and fewer if they are large.
const (
	rowsAtOnce     = 256
	textsAtOnce    = 64
	contentsAtOnce = 20
	octetsAtOnce   = 8 << 20
)

// maxAway is how many messages in a row may be out of reach before a FETCH
// stops asking for more.
const maxAway = 3

// fetcher is one FETCH command at work.
type fetcher struct {
	c     *conn
	v     *view
	items []wire.FetchItem
	uid   bool // add the UID, which the client did not name
	// Of RFC 7162: add the mod-sequence, and what the client names itself.
	modSeq, namesUID, namesModSeq, flags bool

	// What the items need: the index, sizes that may have to be found out, some
	// header fields, the structure, the text, and \Seen set.
	details, sizes, fields, structure, contents, marks bool
	listing                                            bool // what only the listings tell
	whole                                              bool // of the text nothing but all of it, or its size

	// fieldNames are those of all HEADER.FIELDS.
	fieldNames []string

	// unprepared are the messages whose header fields may have to be brought in.
	unprepared []uint32

	// parts are the part indexes at hand of the present batch, by UID.
	parts map[uint32]*mimepart.Part

	missing  int   // expunged by somebody else
	unread   int   // not readable now
	first    error // why
	away     int   // in a row
	complete bool  // of no use to go on
}

// message is one message at work.
type message struct {
	pos      int
	row      *bridge.Row
	detail   *bridge.Detail
	block    []byte // of header fields, if they need no text
	root     *mimepart.Part
	content  *bridge.Content
	sections []section // one for each item of a section
	ready    bool      // can be written
	flags    bool      // \Seen was set now: tell the flags
}

// fetch is FETCH (RFC 3501 §6.4.5). A message that cannot be read is left out
// and does not keep the client from the others; the tagged response tells.
func (c *conn) fetch(ctx context.Context, cmd *wire.Command) (answer, error) {
	args, v := cmd.Args.(*wire.Fetch), c.view
	set, err := v.resolve(args.Set, cmd.UID)
	if err != nil {
		return answer{}, err
	}
	if args.Vanished {
		if err := c.writeVanished(ctx, args.Set, *args.ChangedSince); err != nil {
			return answer{}, err
		}
	}
	f := newFetcher(c, args.Items, cmd.UID)
	if args.Partial != nil { // RFC 9394 §3.3; before CHANGEDSINCE, §3.4
		set = set.part(args.Partial.Span(set.len()))
	}
	if args.ChangedSince != nil {
		f.modSeq = !f.namesModSeq
		set = f.changedSince(set, *args.ChangedSince)
	}
	if f.fields {
		f.unprepared = set.uids(v.told)
	}
	atOnce, octets := f.atOnce(), int64(0)
	batch := make([]message, 0, min(atOnce, set.len()))
	for pos := range set.all() {
		m := message{pos: pos, row: f.current(pos)}
		batch, octets = append(batch, m), octets+m.row.Size
		if len(batch) < atOnce && (!f.contents || octets < octetsAtOnce) {
			continue
		}
		if err := f.do(ctx, batch); err != nil {
			return answer{}, err
		}
		batch, octets = batch[:0], 0
	}
	if err := f.do(ctx, batch); err != nil {
		return answer{}, err
	}
	if f.first != nil {
		return answer{}, fmt.Errorf("%d messages not read: %w", f.unread, f.first)
	}
	return ifMissing(f.missing, cmd.UID)
}

func newFetcher(c *conn, items []wire.FetchItem, uid bool) *fetcher {
	f := &fetcher{c: c, v: c.view, items: items, uid: uid, whole: true}
	for i := range items {
		f.whole = f.whole && !needsParts(&items[i])
		switch item := &items[i]; item.Kind {
		case wire.FetchUID:
			f.uid, f.namesUID = false, true
		case wire.FetchModSeq:
			f.namesModSeq = true
		case wire.FetchFlags:
			f.flags = true
		case wire.FetchEnvelope:
			f.details = true
		case wire.FetchThreadID, wire.FetchPreview:
			f.listing = true
		case wire.FetchSize:
			f.sizes = true
		case wire.FetchBody, wire.FetchBodyStructure:
			f.structure = true
		case wire.FetchBinarySize:
			f.contents = true
		case wire.FetchBinary:
			f.contents = true
			f.marks = f.marks || !item.Peek && !c.view.readOnly
		case wire.FetchSection:
			s := &item.Section
			f.fieldNames = append(f.fieldNames, s.Fields...)
			f.fields = f.fields || len(s.Path) == 0 && s.Specifier == "HEADER.FIELDS"
			f.contents = f.contents || len(s.Path) != 0 || s.Specifier != "HEADER.FIELDS"
			f.marks = f.marks || !item.Peek && !c.view.readOnly
		}
	}
	if f.fields && f.structure {
		f.contents = true
	}
	if f.contents || f.structure { // they tell the rest as well
		f.details, f.sizes, f.fields = false, false, false
	}
	f.details = f.details || f.listing
	return f
}

// atOnce is how many messages make a batch.
func (f *fetcher) atOnce() int {
	switch {
	case f.marks:
		return contentsAtOnce
	case f.contents:
		return textsAtOnce
	}
	return rowsAtOnce
}

// current is the message at a position as the folder has it now, or, if it has
// been expunged, as the client knows it.
func (f *fetcher) current(pos int) *bridge.Row {
	row := f.v.told.At(pos)
	if now := f.v.folder.Snapshot(); now != f.v.told {
		if r := now.Row(row.UID); r != nil {
			return r
		}
		return f.v.row(pos)
	}
	return row
}

// do fetches a batch. Its error is one that ends the command.
func (f *fetcher) do(ctx context.Context, batch []message) error {
	defer func() {
		for i := range batch {
			batch[i].close()
		}
	}()
	if f.complete {
		f.unread += len(batch)
		return nil
	}
	if err := f.readIndex(ctx, batch); err != nil {
		return err
	}
	for i := range batch {
		if batch[i].ready = f.read(ctx, &batch[i]); !f.marks {
			f.finish(&batch[i])
		}
	}
	if f.marks {
		f.markSeen(ctx, batch)
		for i := range batch {
			f.finish(&batch[i])
		}
	}
	if err := f.c.w.Err(); err != nil {
		return &lostError{err}
	}
	return ctx.Err()
}

// finish writes a message, if it can be, and gives back its text.
func (f *fetcher) finish(m *message) {
	if m.ready {
		f.write(m)
		f.c.spoke = time.Now()
	}
	m.close()
}
