package wire

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"mail2graph/bridge/mimepart"
)

// FetchWriter writes one "* n FETCH (…)" item by item. It belongs to its
// Writer: nothing else may be written between Fetch and End.
type FetchWriter struct {
	w     *Writer
	start int64 // where the response begins, counted as Writer.sent
	empty bool
	// aborted is set when a source failed before anything of the response was sent.
	aborted bool
}

// Fetch begins the response for a sequence number. What it returns is valid
// until End.
func (w *Writer) Fetch(seq uint32) *FetchWriter {
	w.fetch = FetchWriter{w: w, start: w.sent + int64(len(w.buf)), empty: true}
	w.buf = append(w.buf, "* "...)
	w.buf = strconv.AppendUint(w.buf, uint64(seq), 10)
	w.buf = append(w.buf, " FETCH ("...)
	return &w.fetch
}

// End ends the response. Without items nothing of it is sent.
func (f *FetchWriter) End() error {
	w := f.w
	switch {
	case f.aborted:
	case f.empty:
		f.retract()
	default:
		w.buf = append(w.buf, ')')
		w.endLine()
	}
	return w.err
}

// retract takes the response out of the buffer, if none of it was sent.
func (f *FetchWriter) retract() bool {
	at := f.start - f.w.sent
	if at < 0 {
		return false
	}
	f.w.buf = f.w.buf[:at]
	return true
}

// item begins an item; without it, the item must not be written.
func (f *FetchWriter) item(name string) bool {
	if f.aborted {
		return false
	}
	if !f.empty {
		f.w.buf = append(f.w.buf, ' ')
	}
	f.empty = false
	f.w.buf = append(f.w.buf, name...)
	return true
}

// UID writes UID.
func (f *FetchWriter) UID(uid uint32) {
	if f.item("UID ") {
		f.w.buf = strconv.AppendUint(f.w.buf, uint64(uid), 10)
	}
}

// Flags writes FLAGS; what is no flag by the grammar is made one.
func (f *FetchWriter) Flags(flags []string) {
	if f.item("FLAGS ") {
		f.w.buf = appendFlags(f.w.buf, flags)
	}
}

// InternalDate writes INTERNALDATE in t's zone. Years that four digits cannot
// hold become 1970.
func (f *FetchWriter) InternalDate(t time.Time) {
	if f.item("INTERNALDATE ") {
		f.w.buf = appendDateTime(f.w.buf, t)
	}
}

func appendDateTime(dst []byte, t time.Time) []byte {
	if y := t.Year(); y < 0 || y > 9999 {
		t = time.Unix(0, 0).UTC()
	}
	return t.AppendFormat(dst, `"_2-Jan-2006 15:04:05 -0700"`)
}

// ModSeq writes MODSEQ (RFC 7162 §3.1.4).
func (f *FetchWriter) ModSeq(n uint64) {
	if f.item("MODSEQ (") {
		f.w.buf = strconv.AppendUint(f.w.buf, n, 10)
		f.w.buf = append(f.w.buf, ')')
	}
}

// Size writes RFC822.SIZE.
func (f *FetchWriter) Size(n int64) {
	if f.item("RFC822.SIZE ") {
		f.w.buf = strconv.AppendInt(f.w.buf, max(n, 0), 10)
	}
}

// Envelope writes ENVELOPE; Sender and Reply-To default to From (RFC 3501 §7.4.2).
func (f *FetchWriter) Envelope(e *mimepart.Envelope) {
	if f.item("ENVELOPE ") {
		f.w.buf = appendEnvelope(f.w.buf, e, f.w.cs)
	}
}

// Body writes BODY, the structure without extension data.
func (f *FetchWriter) Body(p *mimepart.Part) {
	if f.item("BODY ") {
		f.w.buf = appendPart(f.w.buf, p, false, f.w.cs)
	}
}

// BodyStructure writes BODYSTRUCTURE.
func (f *FetchWriter) BodyStructure(p *mimepart.Part) {
	if f.item("BODYSTRUCTURE ") {
		f.w.buf = appendPart(f.w.buf, p, true, f.w.cs)
	}
}

// Section writes a section, of BODY or BINARY, as a literal of size octets streamed from src, as
// they are. An error of src (io.ErrUnexpectedEOF if it is too short) is
// returned. If nothing of the response had left the buffer, the response is
// withdrawn: further items and End do nothing, and the connection goes on. Else
// the response is broken, Err gives the error too, and the connection must end.
func (f *FetchWriter) Section(item *FetchItem, src io.Reader, size int64) error {
	if !f.section(item) {
		return f.w.err
	}
	f.w.literalHead(item, size)
	err := f.w.copy(src, size)
	if err == nil {
		return f.w.err
	}
	err = fmt.Errorf("read section: %w", err)
	if f.w.err == nil && f.retract() {
		f.aborted = true
		return err
	}
	if f.w.err == nil {
		f.w.err = err
	}
	return err
}

// SectionBytes writes a section that is at hand. An empty one is "".
func (f *FetchWriter) SectionBytes(item *FetchItem, data []byte) {
	if !f.section(item) {
		return
	}
	if len(data) == 0 {
		f.w.buf = append(f.w.buf, `""`...)
		return
	}
	f.w.literalHead(item, int64(len(data)))
	f.w.buf = append(f.w.buf, data...)
	f.w.spill()
}

// SectionNIL writes NIL for a section that does not exist.
func (f *FetchWriter) SectionNIL(item *FetchItem) {
	if f.section(item) {
		f.w.buf = append(f.w.buf, "NIL"...)
	}
}

// BinarySize writes the size of a part as BINARY would give it (RFC 3516 §4.3).
func (f *FetchWriter) BinarySize(item *FetchItem, n int64) {
	if f.section(item) {
		f.w.buf = strconv.AppendInt(f.w.buf, max(n, 0), 10)
	}
}

// section begins a section item: "BODY[1.HEADER.FIELDS (DATE)]<0> ".
func (f *FetchWriter) section(item *FetchItem) bool {
	if !f.item("") {
		return false
	}
	if item.Legacy != "" {
		f.w.buf = append(f.w.buf, item.Legacy...)
	} else {
		f.w.buf = appendSection(f.w.buf, item)
	}
	f.w.buf = append(f.w.buf, ' ')
	return true
}

// appendSection appends the name by which a section is answered.
func appendSection(dst []byte, item *FetchItem) []byte {
	s := &item.Section
	switch item.Kind {
	case FetchBinary:
		dst = append(dst, "BINARY["...)
	case FetchBinarySize:
		dst = append(dst, "BINARY.SIZE["...)
	default:
		dst = append(dst, "BODY["...)
	}
	for i, n := range s.Path {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	if len(s.Path) > 0 && s.Specifier != "" {
		dst = append(dst, '.')
	}
	dst = append(dst, s.Specifier...)
	if len(s.Fields) > 0 {
		dst = append(dst, " ("...)
		for i, name := range s.Fields {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = appendAString(dst, name, Rev1)
		}
		dst = append(dst, ')')
	}
	dst = append(dst, ']')
	if s.Partial {
		dst = append(dst, '<')
		dst = strconv.AppendInt(dst, s.Offset, 10)
		dst = append(dst, '>')
	}
	return dst
}

// literalHead begins a literal, for BINARY one that may hold NUL (RFC 3516 §4.2).
func (w *Writer) literalHead(item *FetchItem, size int64) {
	if item.Kind == FetchBinary {
		w.buf = append(w.buf, '~')
	}
	w.buf = append(w.buf, '{')
	w.buf = strconv.AppendInt(w.buf, size, 10)
	w.buf = append(w.buf, "}\r\n"...)
}

// copy takes n octets from src through the buffer. The error is src's; those
// of the connection stay in w.err.
func (w *Writer) copy(src io.Reader, n int64) error {
	idle := 0
	for n > 0 && w.err == nil {
		w.spill()
		w.buf = slices.Grow(w.buf, int(min(n, flushAt)))
		free := w.buf[len(w.buf):cap(w.buf)]
		k, err := src.Read(free[:min(int64(len(free)), n)])
		w.buf = w.buf[:len(w.buf)+k]
		n -= int64(k)
		switch {
		case n == 0: // whatever came with the last octet
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case k > 0:
			idle = 0
		default:
			if idle++; idle > 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}
