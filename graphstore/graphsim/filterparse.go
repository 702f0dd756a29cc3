package graphsim

import (
	"slices"
	"strconv"
	"strings"
)

// maxTerms and maxNesting are where the service begins to refuse (§5.2; the real bounds are not known).
const (
	maxTerms   = 40
	maxNesting = 12
)

// filterParser is a recursive-descent parser over lexemes.
type filterParser struct {
	toks []lexeme
	f    *filter
	vars []string
	deep int
	bad  bool
}

// parseFilter reads a $filter; known says whether a property path exists.
func parseFilter(text string, known func(path string) bool) (*filter, *apiError) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	toks, ok := lexFilter(text)
	p := &filterParser{toks: toks, f: &filter{}}
	if ok {
		p.f.root = p.or()
	}
	if !ok || p.bad || len(p.toks) > 0 {
		return nil, errBadRequest("Invalid filter clause: syntax error in '%s'.", text)
	}
	for _, path := range p.f.paths {
		if !known(path) {
			return nil, errBadRequest("Could not find a property named '%s' on type 'microsoft.graph.message'.", path)
		}
	}
	if p.f.terms > maxTerms || p.f.depth > maxNesting {
		return nil, fail(400, "ErrorRestrictionTooComplex", "The restriction is too complex.")
	}
	return p.f, nil
}

func (p *filterParser) peek() lexeme {
	if len(p.toks) == 0 {
		return lexeme{}
	}
	return p.toks[0]
}

func (p *filterParser) next() lexeme {
	t := p.peek()
	if len(p.toks) > 0 {
		p.toks = p.toks[1:]
	}
	return t
}

func (p *filterParser) word(w string) bool {
	if t := p.peek(); t.kind == 'w' && strings.EqualFold(t.text, w) {
		p.next()
		return true
	}
	return false
}

func (p *filterParser) expect(kind byte) {
	if p.next().kind != kind {
		p.bad = true
	}
}

func (p *filterParser) or() node {
	n := p.and()
	for p.word("or") {
		n = logic{false, n, p.and()}
	}
	return n
}

func (p *filterParser) and() node {
	n := p.unary()
	for p.word("and") {
		n = logic{true, n, p.unary()}
	}
	return n
}

func (p *filterParser) unary() node {
	if p.deep++; p.deep > 200 {
		p.bad = true
		return literal{}
	}
	defer func() { p.deep-- }()
	p.f.depth = max(p.f.depth, p.deep)
	if p.word("not") {
		return notNode{p.unary()}
	}
	l := p.operand()
	t := p.peek()
	op := strings.ToLower(t.text)
	switch {
	case t.kind == 'w' && slices.Contains([]string{"eq", "ne", "gt", "ge", "lt", "le"}, op):
		p.next()
		p.f.terms++
		return compare{op, l, p.operand()}
	case t.kind == 'w' && op == "in":
		p.next()
		p.expect('(')
		var n node = literal{false}
		for {
			n = logic{false, n, compare{"eq", l, p.operand()}}
			p.f.terms++
			if p.peek().kind != ',' {
				break
			}
			p.next()
		}
		p.expect(')')
		return n
	}
	return l
}

var functions = map[string]int{"contains": 2, "startswith": 2, "endswith": 2, "cast": 2, "tolower": 1, "toupper": 1}

func (p *filterParser) operand() node {
	t := p.next()
	switch t.kind {
	case '(':
		n := p.or()
		p.expect(')')
		return n
	case 's':
		return literal{t.text}
	case 'w':
	default:
		p.bad = true
		return literal{}
	}
	if want, ok := functions[strings.ToLower(t.text)]; ok && p.peek().kind == '(' {
		return p.call(strings.ToLower(t.text), want)
	}
	if v, ok := constant(t.text); ok {
		return literal{v}
	}
	return p.path(t.text)
}

func (p *filterParser) call(name string, want int) node {
	p.expect('(')
	p.f.terms++
	f := function{name: name}
	for len(f.args) < want && !p.bad {
		if len(f.args) > 0 {
			p.expect(',')
		}
		if name == "cast" && len(f.args) == 1 {
			f.args = append(f.args, pathNode{p.next().text})
			continue
		}
		f.args = append(f.args, p.or())
	}
	p.expect(')')
	if p.bad {
		return literal{}
	}
	return f
}

// path reads a/b/c or a/any(x:…).
func (p *filterParser) path(first string) node {
	segs := []string{strings.ToLower(first)}
	for p.peek().kind == '/' {
		p.next()
		t := p.next()
		if t.kind != 'w' {
			p.bad = true
			return literal{}
		}
		lower := strings.ToLower(t.text)
		if (lower == "any" || lower == "all") && p.peek().kind == '(' {
			return p.lambda(strings.Join(segs, "/"), lower == "all")
		}
		segs = append(segs, lower)
	}
	path := strings.Join(segs, "/")
	if !slices.Contains(p.vars, segs[0]) {
		p.f.paths = append(p.f.paths, path)
	}
	return pathNode{path}
}

func (p *filterParser) lambda(path string, all bool) node {
	p.expect('(')
	p.f.paths = append(p.f.paths, path)
	n := anyNode{path: path, all: all}
	if p.peek().kind == ')' {
		p.next()
		return n
	}
	n.variable = strings.ToLower(p.next().text)
	p.expect(':')
	p.vars = append(p.vars, n.variable)
	n.cond = p.or()
	p.vars = p.vars[:len(p.vars)-1]
	p.expect(')')
	return n
}

// constant reads null, booleans, numbers and times.
func constant(s string) (any, bool) {
	switch strings.ToLower(s) {
	case "null":
		return nil, true
	case "true":
		return true, true
	case "false":
		return false, true
	}
	if c := s[0]; (c < '0' || c > '9') && c != '-' && c != '+' {
		return nil, false
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f, true
	}
	if t, err := parseTime(s); err == nil {
		return t, true
	}
	return nil, false
}
