package wire

import "strings"

// parseList parses LIST (RFC 3501 §6.3.8) and its extended form (RFC 5258 §6).
func (r *Reader) parseList() any {
	l := &List{}
	if r.peek() == '(' {
		l.Extended = true
		r.list(true, func() { r.listSelect(&l.Select) })
		r.sp()
	}
	if s := &l.Select; s.RecursiveMatch && !s.Subscribed && !s.SpecialUse {
		r.fail("RECURSIVEMATCH alone selects nothing") // RFC 5258 §3.1
	}
	l.Reference = r.mailbox()
	r.sp()
	if r.peek() == '(' {
		l.Extended = true
		r.list(false, func() { l.Patterns = append(l.Patterns, r.listMailbox()) })
		if len(l.Patterns) > 0 {
			l.Pattern = l.Patterns[0]
		}
	} else {
		l.Pattern = r.listMailbox()
	}
	r.listReturns(l)
	return l
}

func (r *Reader) listSelect(s *ListSelect) {
	var buf [32]byte
	switch string(r.keyword(&buf)) {
	case "SUBSCRIBED":
		s.Subscribed = true
	case "REMOTE":
		s.Remote = true
	case "RECURSIVEMATCH":
		s.RecursiveMatch = true
	case "SPECIAL-USE":
		s.SpecialUse = true
	default:
		r.fail("Unknown LIST option")
	}
}

// listReturns takes RETURN and its options if they come.
func (r *Reader) listReturns(l *List) {
	start := r.pos
	r.spaces()
	if r.pos == start || !r.word("RETURN") {
		if r.err == nil {
			r.pos = start
		}
		return
	}
	r.sp()
	l.Extended = true
	r.list(true, func() { r.listReturn(&l.Return) })
}

func (r *Reader) listReturn(ret *ListReturn) {
	var buf [32]byte
	switch string(r.keyword(&buf)) {
	case "SUBSCRIBED":
		ret.Subscribed = true
	case "CHILDREN":
		ret.Children = true
	case "SPECIAL-USE":
		ret.SpecialUse = true
	case "STATUS":
		r.sp()
		ret.Status = r.statusItems()
	default:
		r.fail("Unknown RETURN option")
	}
}

// parseEnable parses ENABLE. What nobody knows is the server's to pass over
// (RFC 5161 §3.1).
func (r *Reader) parseEnable() any {
	e := &Enable{}
	for r.err == nil {
		name := string(r.run(classAtom))
		if name == "" {
			r.fail("Missing capability")
			break
		}
		e.Capabilities = append(e.Capabilities, strings.ToUpper(name))
		r.spaces()
		if r.pos == len(r.line) {
			break
		}
	}
	return e
}
