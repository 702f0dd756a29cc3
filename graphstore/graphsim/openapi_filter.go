package graphsim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// apiFilterToken finds the next token of a $filter expression: a string, a word
// (path, number, time, operator) or a sign.
var apiFilterToken = regexp.MustCompile(`^\s*('(?:[^']|'')*'|[A-Za-z0-9_@$.:/+\-]+|[(),])`)

// apiFilter checks a $filter expression (OData 4.01 URL conventions §5.1.1)
// against the properties of a type. Its methods stop at the first problem.
type apiFilter struct {
	api    *apiDescription
	row    *apiObject
	vars   map[string]*apiObject // range variables of any and all
	rest   string
	peeked string
}

// checkFilter reports the first thing in expr that is no OData or names an unknown property.
func (c *requestCheck) checkFilter(place string, o *apiObject, expr string) {
	p := &apiFilter{api: c.api, row: o, vars: map[string]*apiObject{}, rest: expr}
	err := p.disjunction()
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("did not expect %q", p.peek())
	}
	if err != nil {
		c.reportf(place, "%q: %v", expr, err)
	}
}

// peek returns the next token without taking it, "" at the end.
func (p *apiFilter) peek() string {
	if p.peeked == "" {
		m := apiFilterToken.FindStringSubmatch(p.rest)
		if m == nil {
			return strings.TrimSpace(p.rest) // the end, or what cannot be read
		}
		p.peeked = m[1]
		p.rest = p.rest[len(m[0]):]
	}
	return p.peeked
}

func (p *apiFilter) next() string {
	token := p.peek()
	p.peeked = ""
	return token
}

func (p *apiFilter) expect(sign string) error {
	if got := p.peek(); got != sign {
		return fmt.Errorf("want %q, got %q", sign, got)
	}
	p.next()
	return nil
}

func (p *apiFilter) word(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(p.peek(), w) })
}

func (p *apiFilter) disjunction() error {
	for {
		if err := p.negation(); err != nil {
			return err
		}
		if !p.word("and", "or") {
			return nil
		}
		p.next()
	}
}

func (p *apiFilter) negation() error {
	if p.word("not") {
		p.next()
	}
	return p.comparison()
}

func (p *apiFilter) comparison() error {
	boolean, err := p.operand()
	if err != nil {
		return err
	}
	if !p.word("eq", "ne", "gt", "ge", "lt", "le", "in") {
		if !boolean {
			return fmt.Errorf("want a comparison, got %q", p.peek())
		}
		return nil
	}
	if op := p.next(); strings.EqualFold(op, "in") {
		return p.arguments()
	}
	_, err = p.operand()
	return err
}

// apiFilterFunctions are those that $filter of mail uses; true ones are conditions by themselves.
var apiFilterFunctions = map[string]bool{
	"contains": true, "startswith": true, "endswith": true,
	"cast": false, "tolower": false, "toupper": false, "length": false,
}

// apiFilterLiteral is a number, a time, a boolean, null, a type name or a string.
var apiFilterLiteral = regexp.MustCompile(`^(-?\d+(\.\d+)?|\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?|true|false|null|Edm\.[A-Za-z0-9]+|'.*')$`)

// operand reads a literal, a function call, a path or an expression in
// parentheses, and says whether it is a condition by itself.
func (p *apiFilter) operand() (boolean bool, err error) {
	token := p.next()
	switch {
	case token == "":
		return false, fmt.Errorf("ends too early")
	case token == "(":
		if err := p.disjunction(); err != nil {
			return false, err
		}
		return true, p.expect(")")
	case apiFilterLiteral.MatchString(token):
		return token == "true" || token == "false", nil
	}
	if p.peek() == "(" {
		for _, quantifier := range []string{"/any", "/all"} {
			if path, ok := strings.CutSuffix(token, quantifier); ok {
				return true, p.lambda(path)
			}
		}
		boolean, known := apiFilterFunctions[strings.ToLower(token)]
		if !known {
			return false, fmt.Errorf("%s is no function of mail filters", token)
		}
		return boolean, p.arguments()
	}
	s, _, err := p.path(token)
	if err != nil {
		return false, err
	}
	typed := s
	if s != nil {
		typed, _ = p.api.scalar(s)
	}
	return typed != nil && typed.Type == "boolean", nil
}

func (p *apiFilter) arguments() error {
	if err := p.expect("("); err != nil {
		return err
	}
	for {
		if _, err := p.operand(); err != nil {
			return err
		}
		if p.peek() != "," {
			return p.expect(")")
		}
		p.next()
	}
}

// lambda reads "(x:x/id eq 'Integer 0xe23')" behind path/any.
func (p *apiFilter) lambda(path string) error {
	_, element, err := p.path(path)
	if err != nil {
		return err
	}
	p.next()
	token := p.next()
	name, rest, ok := strings.Cut(token, ":")
	if !ok || name == "" {
		return fmt.Errorf("want a variable and a colon, got %q", token)
	}
	p.vars[name] = element
	defer delete(p.vars, name)
	if rest != "" {
		p.peeked = rest
	}
	if err := p.disjunction(); err != nil {
		return err
	}
	return p.expect(")")
}

// path resolves a property path, which may begin with a range variable. The
// apiObject is that of the elements where the path leads to a collection of objects.
func (p *apiFilter) path(text string) (*apiSchema, *apiObject, error) {
	steps := strings.Split(text, "/")
	o := p.row
	if v, ok := p.vars[steps[0]]; ok {
		if steps = steps[1:]; len(steps) == 0 {
			return nil, v, nil
		}
		o = v
	}
	s, problem := p.api.property(o, steps)
	if problem != "" {
		return nil, nil, fmt.Errorf("%s %s", text, problem)
	}
	if s == nil {
		return nil, nil, nil
	}
	typed, _ := p.api.scalar(s)
	if typed.Items != nil {
		items, _ := p.api.scalar(typed.Items)
		if items.kind() == "object" {
			return s, p.api.object(typed.Items), nil
		}
	}
	return s, nil, nil
}
