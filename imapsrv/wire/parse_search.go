package wire

import (
	"bytes"
	"math"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"mail2graph/bridge"
)

// maxSearchDepth bounds NOT, OR and parentheses. Programs that look for many
// messages at once nest one OR per message.
const maxSearchDepth = 1000

// searchParser parses the keys of one SEARCH.
type searchParser struct {
	*Reader
	charset *encoding.Decoder // nil: strings are UTF-8 or ASCII
	depth   int
}

func (r *Reader) parseSearch() any {
	p := &searchParser{Reader: r}
	s := &Search{Return: r.searchReturn()}
	if r.word("CHARSET") {
		r.sp()
		s.Charset = p.charsetName()
		r.sp()
	}
	s.Key = p.keys()
	r.noteSave(s.Return)
	return s
}

// noteSave tells in the error of a search, if there is one, whether its result was to be saved.
func (r *Reader) noteSave(ret *SearchReturn) {
	if e, ok := r.err.(*SyntaxError); ok {
		e.Save = ret != nil && ret.Save
	}
}

// charsetName takes the charset of the strings that follow.
func (p *searchParser) charsetName() string {
	name := strings.ToUpper(p.astring())
	p.setCharset(name)
	return name
}

// setCharset chooses how strings become UTF-8 (RFC 3501 §6.4.4).
func (p *searchParser) setCharset(name string) {
	if p.err != nil || name == "UTF-8" || name == "UTF8" || name == "US-ASCII" || name == "ASCII" {
		return
	}
	enc, err := htmlindex.Get(name)
	if err != nil || enc == encoding.Replacement {
		p.refuse(CodeBadCharset, "Unknown charset")
		return
	}
	p.charset = enc.NewDecoder()
}

// keys takes search keys up to the end of the command or a parenthesis; all
// must match.
func (p *searchParser) keys() bridge.SearchKey {
	first := p.key()
	var all []bridge.SearchKey
	for p.err == nil {
		blank := p.peek() == ' '
		p.spaces()
		if c := p.peek(); c < 0 || c == ')' {
			break
		}
		if !blank {
			p.fail("Invalid search key")
			break
		}
		if all == nil {
			all = append(all, first)
		}
		all = append(all, p.key())
	}
	if all == nil {
		return first
	}
	return bridge.SearchKey{Op: bridge.SearchAnd, Keys: all}
}

// key takes one search key.
func (p *searchParser) key() bridge.SearchKey {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxSearchDepth {
		p.fail("Search keys nested too deeply")
		return bridge.SearchKey{}
	}
	c := p.peek()
	if c == '*' || c == '$' || c >= '0' && c <= '9' {
		return p.setKey(bridge.SearchSeqs)
	}
	if p.accept('(') {
		p.spaces()
		k := p.keys()
		p.expect(')', "Missing parenthesis in search")
		return k
	}
	var buf [32]byte
	name := p.keyword(&buf)
	switch string(name) {
	case "NOT":
		p.sp()
		return not(p.key())
	case "OR":
		p.sp()
		a := p.key()
		p.sp()
		return bridge.SearchKey{Op: bridge.SearchOr, Keys: []bridge.SearchKey{a, p.key()}}
	}
	if k, ok := plainKey(name); ok {
		return k
	}
	parse, ok := argKeys[string(name)]
	if !ok {
		p.fail("Unknown search key")
		return bridge.SearchKey{}
	}
	p.sp()
	return parse(p)
}

func not(k bridge.SearchKey) bridge.SearchKey {
	return bridge.SearchKey{Op: bridge.SearchNot, Keys: []bridge.SearchKey{k}}
}

// flagKeys are the keys for a flag; with UN before them for its absence.
var flagKeys = map[string]bridge.Flags{
	"ANSWERED": bridge.FlagAnswered,
	"DELETED":  bridge.FlagDeleted,
	"DRAFT":    bridge.FlagDraft,
	"FLAGGED":  bridge.FlagFlagged,
	"SEEN":     bridge.FlagSeen,
}

// plainKey returns a key without arguments. Its Keys are new: they belong to
// whoever resolves them.
func plainKey(name []byte) (bridge.SearchKey, bool) {
	if f, ok := flagKeys[string(name)]; ok {
		return bridge.SearchKey{Op: bridge.SearchFlag, Flag: f}, true
	}
	if rest, ok := bytes.CutPrefix(name, []byte("UN")); ok {
		f, ok := flagKeys[string(rest)]
		return not(bridge.SearchKey{Op: bridge.SearchFlag, Flag: f}), ok
	}
	recent := bridge.SearchKey{Op: bridge.SearchRecent}
	switch string(name) {
	case "ALL":
		return bridge.SearchKey{Op: bridge.SearchAll}, true
	case "SAVEDATESUPPORTED":
		return bridge.SearchKey{Op: bridge.SearchSaveDateSupported}, true
	case "RECENT":
		return recent, true
	case "OLD":
		return not(recent), true
	case "NEW":
		unseen := not(bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagSeen})
		return bridge.SearchKey{Op: bridge.SearchAnd, Keys: []bridge.SearchKey{recent, unseen}}, true
	}
	return bridge.SearchKey{}, false
}

// argKeys are the keys with arguments: those of RFC 3501 §6.4.4, OLDER and
// YOUNGER (RFC 5032), MODSEQ (RFC 7162), EMAILID and THREADID (RFC 8474), SAVED…
// (RFC 8514).
var argKeys = map[string]func(*searchParser) bridge.SearchKey{
	"BCC":         headerKey("Bcc"),
	"BEFORE":      dateKey(bridge.SearchBefore),
	"BODY":        stringKey(bridge.SearchBody),
	"CC":          headerKey("Cc"),
	"EMAILID":     (*searchParser).emailID,
	"FROM":        headerKey("From"),
	"HEADER":      (*searchParser).header,
	"KEYWORD":     (*searchParser).keywordKey,
	"LARGER":      sizeKey(bridge.SearchLarger),
	"MODSEQ":      (*searchParser).modSeqKey,
	"OLDER":       secondsKey(bridge.SearchOlder),
	"ON":          dateKey(bridge.SearchOn),
	"SAVEDBEFORE": dateKey(bridge.SearchSavedBefore),
	"SAVEDON":     dateKey(bridge.SearchSavedOn),
	"SAVEDSINCE":  dateKey(bridge.SearchSavedSince),
	"SENTBEFORE":  dateKey(bridge.SearchSentBefore),
	"SENTON":      dateKey(bridge.SearchSentOn),
	"SENTSINCE":   dateKey(bridge.SearchSentSince),
	"SINCE":       dateKey(bridge.SearchSince),
	"SMALLER":     sizeKey(bridge.SearchSmaller),
	"SUBJECT":     headerKey("Subject"),
	"TEXT":        stringKey(bridge.SearchText),
	"THREADID":    (*searchParser).threadID,
	"TO":          headerKey("To"),
	"UID":         func(p *searchParser) bridge.SearchKey { return p.setKey(bridge.SearchUIDs) },
	"UNKEYWORD":   func(p *searchParser) bridge.SearchKey { return not(p.keywordKey()) },
	"YOUNGER":     secondsKey(bridge.SearchYounger),
}

// setKey takes a set of messages, or the result saved last, which is the same
// whether it is named by numbers or UIDs (RFC 5182 §2.1).
func (p *searchParser) setKey(op bridge.SearchOp) bridge.SearchKey {
	s := p.set()
	if s.Saved() {
		return bridge.SearchKey{Op: bridge.SearchSaved}
	}
	return bridge.SearchKey{Op: op, Ranges: s}
}

func headerKey(field string) func(*searchParser) bridge.SearchKey {
	return func(p *searchParser) bridge.SearchKey {
		return bridge.SearchKey{Op: bridge.SearchHeader, Field: field, Value: p.text()}
	}
}

func stringKey(op bridge.SearchOp) func(*searchParser) bridge.SearchKey {
	return func(p *searchParser) bridge.SearchKey { return bridge.SearchKey{Op: op, Value: p.text()} }
}

func dateKey(op bridge.SearchOp) func(*searchParser) bridge.SearchKey {
	return func(p *searchParser) bridge.SearchKey { return bridge.SearchKey{Op: op, Date: p.date()} }
}

func sizeKey(op bridge.SearchOp) func(*searchParser) bridge.SearchKey {
	return func(p *searchParser) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Size: p.number(math.MaxInt64)}
	}
}

// secondsKey takes an interval (RFC 5032 §3).
func secondsKey(op bridge.SearchOp) func(*searchParser) bridge.SearchKey {
	return func(p *searchParser) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Size: p.nzNumber(math.MaxUint32)}
	}
}

// emailID and threadID take an object identifier (RFC 8474 §7). One that
// nobody has is no error: it finds nothing.
func (p *searchParser) emailID() bridge.SearchKey {
	return bridge.SearchKey{Op: bridge.SearchEmailID, Value: p.flag()}
}

func (p *searchParser) threadID() bridge.SearchKey {
	return bridge.SearchKey{Op: bridge.SearchThreadID, Value: p.flag()}
}

func (p *searchParser) header() bridge.SearchKey {
	field := p.text()
	p.sp()
	return bridge.SearchKey{Op: bridge.SearchHeader, Field: field, Value: p.text()}
}

func (p *searchParser) keywordKey() bridge.SearchKey {
	return bridge.SearchKey{Op: bridge.SearchKeyword, Value: p.flag()}
}

// modSeqKey takes a mod-sequence. The name of a flag may come before it, whose
// mod-sequence alone counts where a server knows it; else that of the message
// does (RFC 7162 §3.1.5).
func (p *searchParser) modSeqKey() bridge.SearchKey {
	if p.peek() == '"' {
		p.quoted()
		p.sp()
		var buf [32]byte
		switch string(p.keyword(&buf)) {
		case "PRIV", "SHARED", "ALL":
		default:
			p.fail("Invalid MODSEQ")
		}
		p.sp()
	}
	return bridge.SearchKey{Op: bridge.SearchModSeq, ModSeq: uint64(p.number(math.MaxInt64))}
}

// text takes a string in the search's charset and returns it in UTF-8. One that
// is in neither is refused with NO, not BAD (RFC 9051 §6.4.4: "can't search that
// charset or criteria"): Jakarta Mail sends the low bytes of its characters once
// UTF8=ACCEPT is enabled, takes BAD for an error, and after NO searches itself.
func (p *searchParser) text() string {
	s := p.astring()
	if p.charset != nil {
		out, err := p.charset.String(s)
		if err != nil {
			p.fail("String is not in the given charset")
			return ""
		}
		s = out
	}
	if !utf8.ValidString(s) {
		p.refuse(CodeBadCharset, "String is neither in the given charset nor UTF-8")
		return ""
	}
	return s
}
