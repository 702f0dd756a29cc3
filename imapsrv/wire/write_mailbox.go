package wire

import "strconv"

// ListEntry is a mailbox as extended LIST tells of it (RFC 5258 §3, RFC 9051 §7.3.1).
type ListEntry struct {
	Attrs []string
	Delim byte // 0 is NIL
	Name  string
	// ChildInfo names the selection options that mailboxes below meet: "SUBSCRIBED".
	ChildInfo []string
	OldName   string // what the client called the mailbox before; "" is left out
}

// ListEntry writes "* LIST (attrs) "/" name ("CHILDINFO" ("SUBSCRIBED"))".
func (w *Writer) ListEntry(e *ListEntry) {
	w.listHead("* LIST ", e.Attrs, e.Delim, e.Name)
	if len(e.ChildInfo) > 0 {
		w.buf = append(w.buf, ` ("CHILDINFO" (`...)
		for i, option := range e.ChildInfo {
			if i > 0 {
				w.buf = append(w.buf, ' ')
			}
			w.buf = appendString(w.buf, option, w.cs)
		}
		w.buf = append(w.buf, ')')
	}
	if e.OldName != "" {
		if len(e.ChildInfo) > 0 {
			w.buf = append(w.buf, ' ')
		} else {
			w.buf = append(w.buf, " ("...)
		}
		w.buf = append(w.buf, `"OLDNAME" (`...)
		w.buf = appendMailbox(w.buf, e.OldName, w.cs)
		w.buf = append(w.buf, ')')
	}
	if len(e.ChildInfo) > 0 || e.OldName != "" {
		w.buf = append(w.buf, ')')
	}
	w.endLine()
}

// Enabled writes "* ENABLED …" (RFC 5161 §3.2): what ENABLE has just enabled,
// which may be nothing.
func (w *Writer) Enabled(caps []string) {
	w.buf = append(w.buf, "* ENABLED"...)
	for _, c := range caps {
		w.buf = append(w.buf, ' ')
		w.buf = append(w.buf, c...)
	}
	w.endLine()
}

// StatusItem is one item of a STATUS response: a number, or an object identifier.
type StatusItem struct {
	Name  string
	Value uint64
	ID    string // of MAILBOXID (RFC 8474 §4.3), instead of Value
}

// Status writes "* STATUS name (items)".
func (w *Writer) Status(name string, items []StatusItem) {
	w.buf = append(w.buf, "* STATUS "...)
	w.buf = appendMailbox(w.buf, name, w.cs)
	w.buf = append(w.buf, " ("...)
	for i, it := range items {
		if i > 0 {
			w.buf = append(w.buf, ' ')
		}
		w.buf = append(w.buf, it.Name...)
		w.buf = append(w.buf, ' ')
		if it.ID != "" || it.Name == "MAILBOXID" {
			w.buf = append(w.buf, '(')
			w.buf = appendObjectID(w.buf, it.ID)
			w.buf = append(w.buf, ')')
			continue
		}
		w.buf = strconv.AppendUint(w.buf, it.Value, 10)
	}
	w.buf = append(w.buf, ')')
	w.endLine()
}
