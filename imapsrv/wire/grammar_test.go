package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"mail2graph/bridge/mimepart"
)

// grammar reads responses by the letter of RFC 3501 §9, with nothing of the
// package's own helpers, and gives back what they say.
type grammar struct {
	b    []byte
	pos  int
	err  error
	utf8 bool // quoted strings may hold UTF-8 (RFC 9755 §5)
}

// fetched is one "* n FETCH (…)".
type fetched struct {
	seq       uint64
	items     []string // names in order
	envelope  *mimepart.Envelope
	body      *mimepart.Part
	structure *mimepart.Part
	sections  map[string][]byte
	flags     []string
}

// checkResponses reads all of b as responses and returns the FETCH ones.
func checkResponses(b []byte) ([]fetched, error) {
	return readResponses(&grammar{b: b})
}

func readResponses(g *grammar) ([]fetched, error) {
	var all []fetched
	for g.err == nil && g.pos < len(g.b) {
		if f := g.response(); f != nil {
			all = append(all, *f)
		}
	}
	return all, g.err
}

func (g *grammar) fail(format string, args ...any) {
	if g.err == nil {
		from, to := max(0, g.pos-40), min(len(g.b), g.pos+40)
		g.err = fmt.Errorf("octet %d (%q | %q): %s", g.pos, g.b[from:g.pos], g.b[g.pos:to], fmt.Sprintf(format, args...))
	}
	g.pos = len(g.b)
}

func (g *grammar) take(s string) bool {
	if bytes.HasPrefix(g.b[g.pos:], []byte(s)) {
		g.pos += len(s)
		return true
	}
	return false
}

func (g *grammar) need(s string) {
	if !g.take(s) {
		g.fail("want %q", s)
	}
}

func (g *grammar) while(ok func(byte) bool) string {
	start := g.pos
	for g.pos < len(g.b) && ok(g.b[g.pos]) {
		g.pos++
	}
	return string(g.b[start:g.pos])
}

func atomChar(c byte) bool {
	return c > 0x20 && c < 0x7f && !strings.ContainsRune(`(){%*"\]`, rune(c))
}

func (g *grammar) atom() string {
	s := g.while(atomChar)
	if s == "" {
		g.fail("want an atom")
	}
	return s
}

func (g *grammar) number() uint64 {
	n, err := strconv.ParseUint(g.while(func(c byte) bool { return '0' <= c && c <= '9' }), 10, 63)
	if err != nil {
		g.fail("want a number")
	}
	return n
}

func (g *grammar) text() {
	s := g.while(func(c byte) bool { return c != '\r' && c != '\n' && c != 0 && c < 0x80 })
	if s == "" || s[0] == '[' {
		g.fail("want text")
	}
}

// str reads a string; nul allows NUL octets in a literal.
func (g *grammar) str(nul bool) string {
	if g.take("{") {
		n := int(g.number())
		g.need("}\r\n")
		if g.err != nil || n > len(g.b)-g.pos {
			g.fail("literal too short")
			return ""
		}
		s := string(g.b[g.pos : g.pos+n])
		g.pos += n
		if !nul && strings.Contains(s, "\x00") {
			g.fail("NUL in literal")
		}
		return s
	}
	g.need(`"`)
	var s []byte
	for g.err == nil {
		if g.take(`"`) {
			if !utf8.Valid(s) {
				g.fail("not UTF-8")
			}
			return string(s)
		}
		if g.take(`\`) && (g.pos == len(g.b) || g.b[g.pos] != '"' && g.b[g.pos] != '\\') {
			g.fail("bad escape")
			return ""
		}
		if g.pos == len(g.b) || g.b[g.pos] == 0 || g.b[g.pos] == '\r' || g.b[g.pos] == '\n' || g.b[g.pos] >= 0x80 && !g.utf8 {
			g.fail("bad quoted string")
			return ""
		}
		s = append(s, g.b[g.pos])
		g.pos++
	}
	return ""
}

func (g *grammar) nstr(nul bool) string {
	if g.take("NIL") {
		return ""
	}
	return g.str(nul)
}

// response reads one response line.
func (g *grammar) response() *fetched {
	if g.take("+ ") {
		if !g.take("\r\n") { // an empty base64
			g.text()
			g.need("\r\n")
		}
		return nil
	}
	var f *fetched
	if g.take("* ") {
		f = g.data()
	} else {
		g.while(func(c byte) bool { return c == ']' || atomChar(c) && c != '+' })
		g.need(" ")
		g.condition(g.atom())
	}
	g.need("\r\n")
	return f
}

func (g *grammar) condition(name string) {
	if !strings.Contains(" OK NO BAD BYE PREAUTH ", " "+name+" ") {
		g.fail("%s is no condition", name)
	}
	g.need(" ")
	if g.take("[") {
		g.atom()
		if g.take(" ") {
			code := g.while(func(c byte) bool { return c != ']' && c != '\r' && c != '\n' && c < 0x80 })
			if code == "" {
				g.fail("want arguments of the code")
			}
		}
		g.need("] ")
	}
	g.text()
}

func (g *grammar) data() *fetched {
	if c := g.b[g.pos]; '0' <= c && c <= '9' {
		seq := g.number()
		g.need(" ")
		switch what := g.atom(); what {
		case "EXISTS", "RECENT", "EXPUNGE":
		case "FETCH":
			g.need(" ")
			f := g.fetch()
			f.seq = seq
			return f
		default:
			g.fail("unknown %s", what)
		}
		return nil
	}
	switch what := g.atom(); what {
	case "CAPABILITY":
		for g.take(" ") {
			g.atom()
		}
	case "FLAGS":
		g.need(" ")
		g.flags()
	case "LIST", "LSUB":
		g.need(" ")
		g.flags()
		g.need(" ")
		if s := g.nstr(false); len(s) > 1 {
			g.fail("delimiter %q", s)
		}
		g.need(" ")
		g.str(false)
		if g.take(" (") {
			g.listed(g.listItem)
		}
	case "QUOTAROOT":
		for g.take(" ") {
			g.str(false)
		}
	case "QUOTA":
		g.need(" ")
		g.str(false)
		g.need(" (")
		g.listed(func() { g.atom(); g.need(" "); g.number(); g.need(" "); g.number() })
	case "ENABLED":
		for g.take(" ") {
			g.atom()
		}
	case "STATUS":
		g.need(" ")
		g.str(false)
		g.need(" (")
		g.listed(func() {
			name := g.atom()
			g.need(" ")
			if name == "MAILBOXID" {
				g.objectID()
				return
			}
			g.number()
		})
	case "SEARCH", "SORT":
		for g.take(" ") {
			if g.take("(MODSEQ ") {
				g.number()
				g.need(")")
				break
			}
			g.number()
		}
	case "ESEARCH":
		g.esearch()
	case "THREAD":
		if g.take(" ") {
			for first := true; first || g.at('('); first = false {
				g.thread()
			}
		}
	case "VANISHED":
		g.need(" ")
		if g.take("(EARLIER)") {
			g.need(" ")
		}
		g.set()
	case "NAMESPACE":
		for range 3 {
			g.need(" ")
			if !g.take("NIL") {
				g.need("((")
				g.str(false)
				g.need(" ")
				g.nstr(false)
				g.need("))")
			}
		}
	case "ID":
		g.need(" ")
		if !g.take("NIL") {
			g.need("(")
			g.listed(func() { g.str(false); g.need(" "); g.nstr(false) })
		}
	default:
		g.condition(what)
	}
	return nil
}

// set reads a sequence-set without "*".
// objectID reads an object identifier in parentheses (RFC 8474 §7).
// listItem reads one item of extended LIST (RFC 5258 §6).
// esearch reads what follows ESEARCH (RFC 9051 §9, esearch-response).
// thread reads a thread-list (RFC 5256 §5).
// listed reads what follows "(" up to ")", items with one space between.
func (g *grammar) listed(item func()) {
	if g.take(")") {
		return
	}
	for item(); g.err == nil && !g.take(")"); item() {
		g.need(" ")
	}
}

func (g *grammar) flags() []string {
	var list []string
	g.need("(")
	g.listed(func() {
		s := ""
		if g.take(`\`) {
			s = `\`
		}
		list = append(list, s+g.atom())
	})
	return list
}

func (g *grammar) fetch() *fetched {
	f := &fetched{sections: make(map[string][]byte)}
	g.need("(")
	if g.take(")") {
		g.fail("FETCH without items")
	}
	g.listed(func() {
		name := g.while(func(c byte) bool { return atomChar(c) && c != '[' })
		f.items = append(f.items, name)
		if g.take("[") {
			name += g.sectionName()
		}
		g.need(" ")
		if strings.HasPrefix(name, "BINARY[") {
			g.take("~") // literal8
			f.sections[name] = []byte(g.nstr(true))
			return
		}
		if strings.HasPrefix(name, "BINARY.SIZE[") {
			g.number()
			return
		}
		switch name {
		case "UID", "RFC822.SIZE":
			g.number()
		case "EMAILID":
			g.objectID()
		case "THREADID":
			if !g.take("NIL") {
				g.objectID()
			}
		case "PREVIEW":
			if s := g.nstr(false); utf8.RuneCountInString(s) > 256 {
				g.fail("preview too long")
			}
		case "SAVEDATE":
			if s := g.nstr(false); s != "" && len(s) != len(" 1-Feb-1994 21:52:25 -0800") {
				g.fail("date %q", s)
			}
		case "MODSEQ":
			g.need("(")
			g.number()
			g.need(")")
		case "FLAGS":
			f.flags = g.flags()
		case "INTERNALDATE":
			if s := g.str(false); len(s) != len(" 1-Feb-1994 21:52:25 -0800") {
				g.fail("date %q", s)
			}
		case "ENVELOPE":
			f.envelope = g.envelope()
		case "BODY":
			f.body = g.part(false)
		case "BODYSTRUCTURE":
			f.structure = g.part(true)
		default:
			if !strings.HasPrefix(name, "BODY[") && !strings.HasPrefix(name, "RFC822") {
				g.fail("unknown item %q", name)
			}
			f.sections[name] = []byte(g.nstr(true))
		}
	})
	return f
}

// sectionName reads the rest of "BODY[1.2.HEADER.FIELDS (a b)]<0>".
func (g *grammar) sectionName() string {
	s := "[" + g.while(func(c byte) bool { return atomChar(c) })
	if g.take(" (") {
		s += " ("
		g.listed(func() {
			if c := g.b[g.pos]; c == '"' || c == '{' {
				s += g.str(false) + ","
			} else {
				s += g.while(func(c byte) bool { return c == ']' || atomChar(c) }) + ","
			}
		})
		s += ")"
	}
	g.need("]")
	if g.take("<") {
		s += fmt.Sprintf("]<%d>", g.number())
		g.need(">")
		return s
	}
	return s + "]"
}

func (g *grammar) envelope() *mimepart.Envelope {
	e := &mimepart.Envelope{}
	g.need("(")
	e.Date = g.nstr(false)
	g.need(" ")
	e.Subject = g.nstr(false)
	for _, list := range []*[]mimepart.Address{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc} {
		g.need(" ")
		if g.take("NIL") {
			continue
		}
		g.need("(")
		for first := true; g.err == nil && (first || !g.take(")")); first = false {
			*list = append(*list, g.address())
		}
	}
	g.need(" ")
	e.InReplyTo = g.nstr(false)
	g.need(" ")
	e.MessageID = g.nstr(false)
	g.need(")")
	return e
}

func (g *grammar) address() (a mimepart.Address) {
	g.need("(")
	a.Name = g.nstr(false)
	g.need(" ")
	a.Route = g.nstr(false)
	g.need(" ")
	a.Mailbox = g.nstr(false)
	g.need(" ")
	a.Host = g.nstr(false)
	g.need(")")
	return a
}

// part reads a body; End is its size, as nothing is said of offsets.
func (g *grammar) part(ext bool) *mimepart.Part {
	p := &mimepart.Part{}
	g.need("(")
	if g.pos < len(g.b) && g.b[g.pos] == '(' {
		p.Type = "multipart"
		for g.pos < len(g.b) && g.b[g.pos] == '(' {
			p.Children = append(p.Children, g.part(ext))
		}
		g.need(" ")
		p.Subtype = g.str(false)
		if ext {
			g.need(" ")
			p.Params = g.params()
		}
	} else {
		g.single(p, ext)
	}
	if ext {
		g.extension(p)
	}
	g.need(")")
	return p
}

func (g *grammar) single(p *mimepart.Part, ext bool) {
	p.Type = g.str(false)
	g.need(" ")
	p.Subtype = g.str(false)
	g.need(" ")
	p.Params = g.params()
	g.need(" ")
	p.ID = g.nstr(false)
	g.need(" ")
	p.Description = g.nstr(false)
	g.need(" ")
	p.Encoding = g.str(false)
	g.need(" ")
	p.End = int64(g.number())
	switch media := strings.ToLower(p.Type + "/" + p.Subtype); {
	case strings.HasPrefix(media, "text/"):
		g.need(" ")
		p.Lines = int64(g.number())
	case media == "message/rfc822" || g.utf8 && media == "message/global":
		g.need(" ")
		e := g.envelope()
		g.need(" ")
		child := g.part(ext)
		child.Envelope = e
		p.Children = []*mimepart.Part{child}
		g.need(" ")
		p.Lines = int64(g.number())
	}
	if ext {
		g.need(" ")
		p.MD5 = g.nstr(false)
	}
}

func (g *grammar) extension(p *mimepart.Part) {
	g.need(" ")
	if !g.take("NIL") {
		g.need("(")
		p.Disposition = g.str(false)
		g.need(" ")
		p.DispParams = g.params()
		g.need(")")
	}
	g.need(" ")
	if !g.take("NIL") {
		g.need("(")
		g.listed(func() { p.Language = append(p.Language, g.str(false)) })
	}
	g.need(" ")
	p.Location = g.nstr(false)
}

func (g *grammar) params() []mimepart.Param {
	if g.take("NIL") {
		return nil
	}
	var list []mimepart.Param
	g.need("(")
	if g.take(")") {
		g.fail("empty parameter list")
	}
	g.listed(func() {
		name := g.str(false)
		g.need(" ")
		list = append(list, mimepart.Param{Name: name, Value: g.str(false)})
	})
	return list
}
