package wire

import (
	"math"
	"strings"
)

// maxPathLen bounds the part numbers of a section; no message nests deeper.
const maxPathLen = 200

// fetchMacros are RFC 3501 §6.4.5's names for several items.
var fetchMacros = map[string][]FetchItem{
	"FAST": {{Kind: FetchFlags}, {Kind: FetchInternalDate}, {Kind: FetchSize}},
	"ALL":  {{Kind: FetchFlags}, {Kind: FetchInternalDate}, {Kind: FetchSize}, {Kind: FetchEnvelope}},
	"FULL": {{Kind: FetchFlags}, {Kind: FetchInternalDate}, {Kind: FetchSize}, {Kind: FetchEnvelope}, {Kind: FetchBody}},
}

// fetchItems are the items that are a name alone.
var fetchItems = map[string]FetchItem{
	"BODY":          {Kind: FetchBody},
	"BODYSTRUCTURE": {Kind: FetchBodyStructure},
	"EMAILID":       {Kind: FetchEmailID},
	"ENVELOPE":      {Kind: FetchEnvelope},
	"FLAGS":         {Kind: FetchFlags},
	"INTERNALDATE":  {Kind: FetchInternalDate},
	"MODSEQ":        {Kind: FetchModSeq},
	"PREVIEW":       {Kind: FetchPreview},
	"RFC822":        {Kind: FetchSection, Legacy: "RFC822"},
	"RFC822.HEADER": {Kind: FetchSection, Legacy: "RFC822.HEADER", Section: Section{Specifier: "HEADER"}, Peek: true},
	"RFC822.SIZE":   {Kind: FetchSize},
	"RFC822.TEXT":   {Kind: FetchSection, Legacy: "RFC822.TEXT", Section: Section{Specifier: "TEXT"}},
	"SAVEDATE":      {Kind: FetchSaveDate},
	"THREADID":      {Kind: FetchThreadID},
	"UID":           {Kind: FetchUID},
}

// sectionItems are the items with a section.
var sectionItems = map[string]FetchItem{
	"BODY":        {Kind: FetchSection},
	"BODY.PEEK":   {Kind: FetchSection, Peek: true},
	"BINARY":      {Kind: FetchBinary}, // RFC 3516 §4.2
	"BINARY.PEEK": {Kind: FetchBinary, Peek: true},
	"BINARY.SIZE": {Kind: FetchBinarySize},
}

func (r *Reader) parseFetch() any {
	f := &Fetch{Set: r.set()}
	r.sp()
	if r.peek() == '(' {
		r.list(false, func() { r.fetchItem(f) })
	} else {
		r.fetchItem(f)
	}
	if r.option('(') {
		r.list(false, func() { r.fetchModifier(f) })
	}
	if f.Vanished && (!r.uid || f.ChangedSince == nil) {
		r.fail("VANISHED needs UID FETCH with CHANGEDSINCE")
	}
	return f
}

// fetchModifier takes one of the modifiers after the items (RFC 4466 §2.4).
func (r *Reader) fetchModifier(f *Fetch) {
	var buf [32]byte
	switch string(r.keyword(&buf)) {
	case "CHANGEDSINCE":
		r.sp()
		f.ChangedSince = r.modSeq()
	case "PARTIAL": // RFC 9394 §3.3
		r.sp()
		f.Partial = r.partial()
	case "VANISHED":
		f.Vanished = true
	default:
		r.fail("Unknown FETCH modifier")
	}
}

// fetchItem takes one item. Macros are tolerated inside a list.
func (r *Reader) fetchItem(f *Fetch) {
	var buf [32]byte
	start := r.pos
	for r.pos < len(r.line) && classes[r.line[r.pos]]&classAtom != 0 && r.line[r.pos] != '[' {
		r.pos++
	}
	if r.pos-start > len(buf) {
		r.fail("Unknown FETCH item")
		return
	}
	name := appendUpper(buf[:0], r.line[start:r.pos])
	if r.peek() == '[' {
		item, ok := sectionItems[string(name)]
		if !ok {
			r.fail("Unknown FETCH item")
			return
		}
		r.sectionOf(&item)
		f.Items = append(f.Items, item)
		return
	}
	if macro := fetchMacros[string(name)]; macro != nil {
		f.Items = append(f.Items, macro...)
		return
	}
	item, ok := fetchItems[string(name)]
	if !ok {
		r.fail("Unknown FETCH item")
		return
	}
	if item.Kind == FetchPreview {
		item.Lazy = r.lazy()
	}
	f.Items = append(f.Items, item)
}

// lazy takes the modifier of PREVIEW (RFC 8970 §5). What else may stand in the
// parentheses are the modifiers of FETCH.
func (r *Reader) lazy() bool {
	start := r.pos
	var buf [32]byte
	if r.option('(') {
		r.pos++
		r.spaces()
		if string(r.keyword(&buf)) == "LAZY" {
			r.spaces()
			r.expect(')', "Unknown PREVIEW modifier")
			return true
		}
	}
	if r.err == nil {
		r.pos = start
	}
	return false
}

// sectionOf takes "[" section-spec "]" and the octets asked for, "<0.2048>";
// BINARY.SIZE is of whole sections. RFC 3516 §4.2 has part numbers alone for
// BINARY; the names of BODY's sections are taken too, as Dovecot does.
func (r *Reader) sectionOf(item *FetchItem) {
	s := &item.Section
	r.expect('[', "Missing section")
	if r.path(s) {
		r.specifier(s)
	}
	r.spaces()
	r.expect(']', "Missing ] in section")
	if item.Kind != FetchBinarySize {
		r.octets(s)
	}
}

// path takes the part numbers of a section and reports whether something other
// than its end follows.
func (r *Reader) path(s *Section) (more bool) {
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		s.Path = append(s.Path, int(r.nzNumber(math.MaxInt32)))
		if !r.accept('.') {
			return false
		}
		if c := r.peek(); c == ']' || len(s.Path) > maxPathLen {
			r.fail("Invalid section")
		}
	}
	return r.peek() != ']'
}

// specifier takes section-text and the field names of HEADER.FIELDS.
func (r *Reader) specifier(s *Section) {
	start := r.pos
	for r.pos < len(r.line) && r.line[r.pos] != ' ' && r.line[r.pos] != ']' {
		r.pos++
	}
	s.Specifier = strings.ToUpper(string(r.line[start:r.pos]))
	switch s.Specifier {
	case "HEADER", "TEXT":
	case "MIME":
		if len(s.Path) == 0 {
			r.fail("MIME needs a part number")
		}
	case "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		r.sp()
		r.list(false, func() { s.Fields = append(s.Fields, r.astring()) })
	default:
		r.fail("Unknown section")
	}
}

// octets takes "<offset.count>" if it comes. A count that is left out, which the
// grammar does not allow but Dovecot does, means all to the end.
func (r *Reader) octets(s *Section) {
	if !r.accept('<') {
		return
	}
	s.Partial = true
	s.Offset = r.number(math.MaxUint32)
	s.Count = math.MaxInt64
	if r.accept('.') {
		s.Count = r.nzNumber(math.MaxUint32)
	}
	r.expect('>', "Invalid partial")
}
