package wire

import "time"

// maxPreview is how many characters a preview may have (RFC 8970 §3.1).
const maxPreview = 256

// EmailID writes EMAILID, the identifier of a message's content (RFC 8474 §5.1).
func (f *FetchWriter) EmailID(id string) {
	if f.item("EMAILID (") {
		f.w.buf = append(appendObjectID(f.w.buf, id), ')')
	}
}

// ThreadID writes THREADID; "" is NIL (RFC 8474 §5.2).
func (f *FetchWriter) ThreadID(id string) {
	switch {
	case !f.item("THREADID "):
	case id == "":
		f.w.buf = append(f.w.buf, "NIL"...)
	default:
		f.w.buf = append(appendObjectID(append(f.w.buf, '('), id), ')')
	}
}

// Preview writes PREVIEW, cut at the 256 characters that it may have; "" says
// that there is nothing to show (RFC 8970 §3.1).
func (f *FetchWriter) Preview(text string) {
	if !f.item("PREVIEW ") {
		return
	}
	n := 0
	for at := range text {
		if n == maxPreview {
			text = text[:at]
			break
		}
		n++
	}
	f.w.buf = appendString(f.w.buf, text, f.w.cs)
}

// PreviewNIL writes PREVIEW NIL: not at hand, for LAZY (RFC 8970 §3.2).
func (f *FetchWriter) PreviewNIL() {
	if f.item("PREVIEW ") {
		f.w.buf = append(f.w.buf, "NIL"...)
	}
}

// SaveDate writes SAVEDATE (RFC 8514 §4.2).
func (f *FetchWriter) SaveDate(t time.Time) {
	if f.item("SAVEDATE ") {
		f.w.buf = appendDateTime(f.w.buf, t)
	}
}
