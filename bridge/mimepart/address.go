package mimepart

import "strings"

// What stands for the part of an address that is not there. RFC 3501 §7.4.2
// has no way to say it, since a missing host marks a group; Dovecot writes the
// same words, and programs know them.
const (
	MissingHost    = "MISSING_DOMAIN"
	MissingMailbox = "MISSING_MAILBOX"
)

// ParseAddressList reads the value of an address field (RFC 5322 §3.4, §4.4).
// It never fails: what is no address becomes one without host, since it is
// better shown than lost. Its time is linear in the length of v.
func ParseAddressList(v string) []Address {
	left := maxAddresses
	return appendAddresses(nil, v, &left)
}

func appendAddresses(list []Address, v string, left *int) []Address {
	a := addressParser{s: v, out: list, left: left}
	a.parse()
	return a.out
}

// addressParser collects the words of one address until a special character
// says what they were: a display name before "<" or ":", else the address.
type addressParser struct {
	s    string
	i    int
	out  []Address
	left *int

	words   []word  // of the current phrase or address
	at      bool    // one of words has an "@" that is not quoted
	comment string  // last comment after the address began, a name of the old style
	done    Address // read from <…>, not yet appended
	hasDone bool
	group   bool // inside "name: … ;"
	named   bool // the group has a name and was reported

	openQuote, openComment bool // one was found that never ends: from now on plain characters
	noWordBefore           int  // no encoded word ends before this index
}

// word is a run of characters without white space around it.
type word struct {
	text   string
	space  bool // white space before it
	quoted bool
}

func (a *addressParser) parse() {
	space := false
	for a.i < len(a.s) && *a.left > 0 {
		c := a.s[a.i]
		switch c {
		case ' ', '\t', '\r', '\n':
			a.i++
			space = true
			continue
		case ',':
			a.i++
			a.flush()
		case ';':
			a.i++
			a.flush()
			a.endGroup()
		case ':':
			a.i++
			a.colon()
		case '<':
			a.i++
			a.angle()
		case '(':
			if a.readComment() {
				space = true
				continue
			}
			a.readWord(space)
		default:
			a.readWord(space)
		}
		space = false
	}
	a.flush()
	a.endGroup()
}

func (a *addressParser) append(addr Address) {
	if *a.left > 0 {
		*a.left--
		a.out = append(a.out, addr)
	}
}

// flush ends the current address.
func (a *addressParser) flush() {
	words, at, comment, had := a.words, a.at, a.comment, a.hasDone
	a.clear()
	a.comment, a.hasDone = "", false
	if had {
		if a.done.Name == "" {
			a.done.Name = comment
		}
		a.append(a.done)
		// After "<a@b>" only what is an address itself still counts.
		if !at {
			return
		}
	}
	a.bare(words, comment)
}

func (a *addressParser) add(w word) {
	a.words = append(a.words, w)
	a.at = a.at || w.hasAt()
}

func (a *addressParser) clear() { a.words, a.at = a.words[:0], false }

// colon ends a group's name. In a group, or after an address, it is noise.
func (a *addressParser) colon() {
	if a.group || a.at {
		a.add(word{text: ":"})
		return
	}
	name := phrase(a.words)
	a.clear()
	a.flush()
	a.comment = ""
	a.group, a.named = true, name != ""
	if a.named {
		a.append(Address{Mailbox: name})
	}
}

func (a *addressParser) endGroup() {
	if a.group && a.named {
		a.out = append(a.out, Address{}) // even when no more may come: pairs stay pairs
	}
	a.group, a.named = false, false
}

// angle reads what follows "<". Without ">" the address ends at a comma.
func (a *addressParser) angle() {
	name := phrase(a.words)
	if a.hasDone { // "<a@b> name <c@d>": a comma was forgotten
		a.clear()
		a.flush()
	}
	a.clear()
	var route string
	inRoute, space := false, false
	for a.i < len(a.s) {
		c := a.s[a.i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			a.i++
			space = true
			continue
		case c == '(' && a.readComment():
			space = true
			continue
		case c == '@' && len(a.words) == 0:
			inRoute = true
			a.readWord(space)
		case c == ':' && inRoute:
			route, inRoute = joinSpec(a.words), false
			a.clear()
			a.i++
		case c == '<' && len(a.words) == 0:
			a.i++
		case c == '>':
			a.i++
			a.setDone(name, route)
			return
		case (c == ',' || c == ';') && !inRoute || c == '<':
			a.setDone(name, route)
			return
		case c == ',' || c == ':' || c == ';':
			a.add(word{text: string(c)})
			a.i++
		default:
			a.readWord(space)
		}
		space = false
	}
	a.setDone(name, route)
}

func (a *addressParser) setDone(name, route string) {
	a.done = addrSpec(a.words)
	a.done.Name, a.done.Route = name, route
	a.hasDone = true
	a.clear()
}

// readComment skips a comment and keeps its text, or reports false.
func (a *addressParser) readComment() bool {
	if a.openComment {
		return false
	}
	n := commentEnd(a.s[a.i:])
	if n < 0 {
		a.openComment = true
		return false
	}
	// What stands before an address says something else than who it is.
	if len(a.words) > 0 || a.hasDone {
		a.comment = strings.TrimSpace(unescape(a.s[a.i+1 : a.i+n-1]))
	}
	a.i += n
	return true
}

// readWord takes one word: a quoted string, an encoded word, a domain literal
// or a run of other characters; always at least one octet.
func (a *addressParser) readWord(space bool) {
	start := a.i
	rest := a.s[start:]
	switch {
	case rest[0] == '"' && !a.openQuote:
		if n := quoteEnd(rest); n > 0 {
			a.i += n
			a.add(word{unescape(rest[1 : n-1]), space, true})
			return
		}
		a.openQuote = true
	case strings.HasPrefix(rest, "=?") && start >= a.noWordBefore:
		if n := a.encodedWord(rest); n > 0 {
			a.i += n
			a.add(word{text: rest[:n], space: space})
			return
		}
	case rest[0] == '[' && len(a.words) > 0 && strings.HasSuffix(a.words[len(a.words)-1].text, "@"):
		if n := strings.IndexByte(rest, ']'); n > 0 {
			a.i += n + 1
			a.add(word{text: rest[:n+1], space: space})
			return
		}
		a.i = len(a.s)
		a.add(word{text: rest, space: space})
		return
	}
	n := 1 + strings.IndexAny(rest[1:], " \t\r\n,;:<>(\"[")
	if n == 0 {
		n = len(rest)
	}
	a.i += n
	a.add(word{text: rest[:n], space: space})
}

// encodedWord returns the length of the encoded word at the start of s, which
// may hold characters that mean something elsewhere, or 0.
func (a *addressParser) encodedWord(s string) int {
	marks, j := 0, 2
	for ; j < len(s) && s[j] > ' '; j++ {
		if s[j] != '?' {
			continue
		}
		if marks++; marks > 2 && j+1 < len(s) && s[j+1] == '=' {
			return j + 2
		}
	}
	a.noWordBefore = a.i + j
	return 0
}
