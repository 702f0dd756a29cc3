package wire

import (
	"encoding/base64"
	"io"
	"strconv"
)

// flushAt is the size at which the buffer goes out by itself: many responses
// in one write, and one piece of memory for messages of any size.
const flushAt = 32 << 10

// Writer writes responses into a buffer that goes out by Flush, or by itself
// once it is large. Errors stick: after the first nothing more is written, and
// Flush and Err return it. Not for concurrent use.
//
// Whatever strings it is given, its output keeps to the grammar: texts lose
// what a line cannot hold, flags and strings are made valid.
type Writer struct {
	w     io.Writer
	z     *deflater // what w is while the server compresses
	buf   []byte
	sent  int64 // octets that have left the buffer
	err   error
	cs    Dialect
	fetch FetchWriter
}

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w}
}

// SetDialect says how names and strings go out: otherwise than Rev1 after ENABLE
// of UTF8=ACCEPT (RFC 9755 §3) or IMAP4rev2 (RFC 9051 §6.3.1), and not any more
// after UNAUTHENTICATE.
func (w *Writer) SetDialect(d Dialect) { w.cs = d }

// Flush sends what is buffered. A large buffer is given back: connections idle
// for hours after a large FETCH.
func (w *Writer) Flush() error {
	w.send()
	if w.z != nil && w.err == nil {
		w.err = w.z.flush()
	}
	if cap(w.buf) > keepCap {
		w.buf = nil
	}
	return w.err
}

// Err returns the first error; the connection must be closed if there is one.
func (w *Writer) Err() error { return w.err }

// send empties the buffer.
func (w *Writer) send() {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.w.Write(w.buf)
	}
	w.sent += int64(len(w.buf))
	w.buf = w.buf[:0]
	if cap(w.buf) > 2*flushAt {
		w.buf = nil
	}
}

// spill sends the buffer if it is large.
func (w *Writer) spill() {
	if len(w.buf) >= flushAt {
		w.send()
	}
}

// endLine ends a response.
func (w *Writer) endLine() {
	w.buf = append(w.buf, "\r\n"...)
	w.spill()
}

// Tagged writes the completion of a command: "a1 OK [CODE] text".
func (w *Writer) Tagged(tag string, cond Condition, code Code, text string) {
	w.buf = append(w.buf, tag...)
	w.condition(cond, code, text)
}

// Untagged writes "* OK [CODE] text".
func (w *Writer) Untagged(cond Condition, code Code, text string) {
	w.buf = append(w.buf, '*')
	w.condition(cond, code, text)
}

func (w *Writer) condition(cond Condition, code Code, text string) {
	w.buf = append(w.buf, ' ')
	w.buf = append(w.buf, cond...)
	w.buf = append(w.buf, ' ')
	if code != "" {
		w.buf = append(w.buf, '[')
		w.buf = appendCode(w.buf, code)
		w.buf = append(w.buf, "] "...)
	}
	w.buf = appendText(w.buf, text)
	w.endLine()
}

// Continue writes "+ text".
func (w *Writer) Continue(text string) {
	w.buf = append(w.buf, "+ "...)
	w.buf = appendText(w.buf, text)
	w.endLine()
}

// Challenge writes "+ " and the base64 form of a SASL challenge (RFC 3501
// §6.2.2); "+ " alone if it is empty.
func (w *Writer) Challenge(data []byte) {
	w.buf = append(w.buf, "+ "...)
	w.buf = base64.StdEncoding.AppendEncode(w.buf, data)
	w.endLine()
}

// Capability writes "* CAPABILITY …".
func (w *Writer) Capability(caps []string) {
	w.buf = append(w.buf, "* CAPABILITY"...)
	for _, c := range caps {
		w.buf = append(w.buf, ' ')
		w.buf = append(w.buf, c...)
	}
	w.endLine()
}

// List writes "* LIST (attrs) "/" name"; delim 0 is NIL. Names are UTF-8.
func (w *Writer) List(attrs []string, delim byte, name string) {
	w.list("* LIST ", attrs, delim, name)
}

// Lsub writes "* LSUB (attrs) "/" name".
func (w *Writer) Lsub(attrs []string, delim byte, name string) {
	w.list("* LSUB ", attrs, delim, name)
}

func (w *Writer) list(head string, attrs []string, delim byte, name string) {
	w.listHead(head, attrs, delim, name)
	w.endLine()
}

func (w *Writer) listHead(head string, attrs []string, delim byte, name string) {
	w.buf = append(w.buf, head...)
	w.buf = appendFlags(w.buf, attrs)
	w.buf = append(w.buf, ' ')
	w.buf = appendDelim(w.buf, delim)
	w.buf = append(w.buf, ' ')
	w.buf = appendMailbox(w.buf, name, w.cs)
}

// Search writes "* SEARCH n n n".
func (w *Writer) Search(nums []uint32) {
	w.results("* SEARCH", nums, 0)
}

// Flags writes "* FLAGS (…)".
func (w *Writer) Flags(flags []string) {
	w.buf = append(w.buf, "* FLAGS "...)
	w.buf = appendFlags(w.buf, flags)
	w.endLine()
}

// Exists writes "* n EXISTS".
func (w *Writer) Exists(n uint32) { w.count(n, " EXISTS") }

// Recent writes "* n RECENT".
func (w *Writer) Recent(n uint32) { w.count(n, " RECENT") }

// Expunge writes "* n EXPUNGE".
func (w *Writer) Expunge(seq uint32) { w.count(seq, " EXPUNGE") }

func (w *Writer) count(n uint32, what string) {
	w.buf = append(w.buf, "* "...)
	w.buf = strconv.AppendUint(w.buf, uint64(n), 10)
	w.buf = append(w.buf, what...)
	w.endLine()
}

// Namespace is one namespace (RFC 2342).
type Namespace struct {
	Prefix string // UTF-8
	Delim  byte   // 0 is NIL
}

// Namespaces writes "* NAMESPACE personal other shared"; an empty list is NIL.
func (w *Writer) Namespaces(personal, other, shared []Namespace) {
	w.buf = append(w.buf, "* NAMESPACE"...)
	for _, kind := range [...][]Namespace{personal, other, shared} {
		w.buf = append(w.buf, ' ')
		if len(kind) == 0 {
			w.buf = append(w.buf, "NIL"...)
			continue
		}
		w.buf = append(w.buf, '(')
		for _, ns := range kind {
			w.buf = append(w.buf, '(')
			w.buf = appendMailbox(w.buf, ns.Prefix, w.cs)
			w.buf = append(w.buf, ' ')
			w.buf = appendDelim(w.buf, ns.Delim)
			w.buf = append(w.buf, ')')
		}
		w.buf = append(w.buf, ')')
	}
	w.endLine()
}

// IDParam is one field of an ID response.
type IDParam struct{ Name, Value string }

// ID writes "* ID (…)" (RFC 2971). Fields without a value are left out, since
// some clients cannot read NIL there; without any, NIL is written.
func (w *Writer) ID(params []IDParam) {
	w.buf = append(w.buf, "* ID "...)
	sep := byte('(')
	for _, p := range params {
		if p.Value == "" {
			continue
		}
		w.buf = append(w.buf, sep)
		sep = ' '
		w.buf = appendString(w.buf, p.Name, w.cs)
		w.buf = append(w.buf, ' ')
		w.buf = appendString(w.buf, p.Value, w.cs)
	}
	if sep == '(' {
		w.buf = append(w.buf, "NIL"...)
	} else {
		w.buf = append(w.buf, ')')
	}
	w.endLine()
}
