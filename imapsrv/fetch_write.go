package imapsrv

import (
	"errors"
	"strings"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// write writes the response for one message, items in the client's order.
func (f *fetcher) write(m *message) {
	if m.flags || f.flags {
		f.c.define(m.row)
	}
	w := f.c.beginFetch(m.pos)
	// RFC 7162 §3.2.4: what the client did not know has UID and mod-sequence;
	// RFC 9051 §7.5.2: or UID alone.
	news := m.flags || f.flags && f.c.isNews(f.v.row(m.pos), m.row)
	if f.uid || news && !f.namesUID && (f.c.condStore || f.c.rev2) {
		w.UID(m.row.UID)
	}
	var err error
	sections := m.sections
	for i := range f.items {
		item := &f.items[i]
		switch item.Kind {
		case wire.FetchUID:
			w.UID(m.row.UID)
		case wire.FetchFlags:
			f.writeFlags(w, m)
			m.flags = false
		case wire.FetchModSeq:
			w.ModSeq(m.row.ModSeq)
		case wire.FetchInternalDate:
			w.InternalDate(m.row.Received.In(f.c.opts.Zone))
		case wire.FetchSize:
			w.Size(m.size())
		case wire.FetchEnvelope:
			if m.root != nil {
				w.Envelope(m.root.Envelope)
			} else {
				w.Envelope(&m.detail.Envelope)
			}
		case wire.FetchEmailID:
			w.EmailID(m.row.EmailID())
		case wire.FetchThreadID:
			w.ThreadID(m.threadID())
		case wire.FetchSaveDate:
			w.SaveDate(m.row.SaveDate().In(f.c.opts.Zone))
		case wire.FetchPreview:
			m.writePreview(w)
		case wire.FetchBody:
			w.Body(m.root)
		case wire.FetchBodyStructure:
			w.BodyStructure(m.root)
		case wire.FetchSection, wire.FetchBinary:
			err = errors.Join(err, writeSection(w, item, &sections[0]))
			sections = sections[1:]
		case wire.FetchBinarySize:
			w.BinarySize(item, sections[0].octets())
			sections = sections[1:]
		}
	}
	if m.flags {
		f.writeFlags(w, m)
	}
	if f.modSeq || news && !f.namesModSeq && f.c.condStore {
		w.ModSeq(m.row.ModSeq)
	}
	f.c.endFetch(w)
	if err != nil && f.c.w.Err() == nil { // the response was withdrawn
		f.fail(m, err)
	}
}

func (f *fetcher) writeFlags(w *wire.FetchWriter, m *message) {
	f.c.words = f.v.flags(f.c.words[:0], m.row)
	w.Flags(f.c.words)
	if f.c.isNews(f.v.row(m.pos), m.row) {
		f.v.learn(m.row)
	}
}

// writeSection writes one section; its error is one of reading the message.
func writeSection(w *wire.FetchWriter, item *wire.FetchItem, s *section) error {
	switch {
	case !s.exists:
		w.SectionNIL(item)
	case s.stream != nil:
		return w.Section(item, s.stream, s.size)
	case s.src == nil:
		w.SectionBytes(item, s.data)
	default:
		return w.Section(item, s.src, s.src.Size())
	}
	return nil
}

// size is RFC822.SIZE. When the text or its structure is at hand it is their
// size and no other: clients compare.
func (m *message) size() int64 {
	switch {
	case m.content != nil:
		return m.content.Size
	case m.root != nil:
		return m.root.End
	}
	return m.row.Size
}

// threadID is THREADID (RFC 8474 §5.2), "" if there is none or it is not known.
func (m *message) threadID() string {
	if m.detail == nil { // its structure alone could be read
		return ""
	}
	return m.detail.ThreadID()
}

// writePreview writes PREVIEW (RFC 8970): what the service shows of the text, in
// one line. It comes with the listing, so LAZY makes no difference.
func (m *message) writePreview(w *wire.FetchWriter) {
	if m.detail == nil { // its structure alone could be read
		w.PreviewNIL()
		return
	}
	w.Preview(strings.Join(strings.Fields(m.detail.Preview), " "))
}

func (m *message) close() {
	if m.content != nil {
		m.content.Close()
		m.content = nil
	}
}

// beginFetch begins a FETCH response; until endFetch nothing else may be written.
func (c *conn) beginFetch(pos int) *wire.FetchWriter {
	c.inFetch = true
	return c.w.Fetch(uint32(pos + 1))
}

func (c *conn) endFetch(w *wire.FetchWriter) {
	w.End() // its error stays in c.w
	c.inFetch = false
}

// writeFlags writes "* n FETCH (FLAGS (…))" outside of a FETCH command, with
// UID and MODSEQ for those who know CONDSTORE (RFC 7162 §3.2.4), and with UID for
// those who know IMAP4rev2 (RFC 9051 §7.5.2).
func (c *conn) writeFlags(pos int, row *bridge.Row, uid bool) {
	c.define(row)
	w := c.beginFetch(pos)
	if uid || c.condStore || c.rev2 {
		w.UID(row.UID)
	}
	c.words = c.view.flags(c.words[:0], row)
	w.Flags(c.words)
	if c.condStore {
		w.ModSeq(row.ModSeq)
	}
	c.endFetch(w)
}

// writeStored answers a silent STORE that did as expected: the mod-sequence
// alone (RFC 7162 §3.1.3).
func (c *conn) writeStored(pos int, row *bridge.Row) {
	w := c.beginFetch(pos)
	w.UID(row.UID)
	w.ModSeq(row.ModSeq)
	c.endFetch(w)
}
