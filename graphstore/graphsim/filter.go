package graphsim

import (
	"strconv"
	"strings"
	"time"
)

// filter is a parsed $filter (graph/query-parameters, §5.2).
type filter struct {
	root  node
	paths []string // properties in order of appearance, lower case
	terms int
	depth int
}

// node evaluates to a value for a message.
type node interface{ eval(*scope) any }

// scope is what names mean while a filter is evaluated. Values are nil, string, bool, float64, time.Time or a list.
type scope struct {
	get  func(path string) any
	vars map[string]any
}

type (
	literal  struct{ v any }
	pathNode struct{ path string }
	notNode  struct{ x node }
	logic    struct {
		and  bool
		l, r node
	}
	compare struct {
		op   string
		l, r node
	}
	function struct {
		name string
		args []node
	}
	anyNode struct {
		path, variable string
		all            bool
		cond           node
	}
)

func (n literal) eval(*scope) any { return n.v }

func (n notNode) eval(s *scope) any { return n.x.eval(s) != true }

func (n logic) eval(s *scope) any {
	l := n.l.eval(s) == true
	if l != n.and {
		return l
	}
	return n.r.eval(s) == true
}

func (n pathNode) eval(s *scope) any {
	first, rest, _ := strings.Cut(n.path, "/")
	if v, ok := s.vars[first]; ok {
		return descend(v, rest)
	}
	return s.get(n.path)
}

// descend follows a path inside a lambda variable.
func descend(v any, path string) any {
	for path != "" {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		var first string
		first, path, _ = strings.Cut(path, "/")
		v = m[first]
	}
	return v
}

func (n anyNode) eval(s *scope) any {
	list, _ := pathNode{n.path}.eval(s).([]any)
	for _, v := range list {
		inner := scope{s.get, map[string]any{n.variable: v}}
		match := n.cond == nil || n.cond.eval(&inner) == true
		if match != n.all {
			return match
		}
	}
	return n.all
}

// eval compares; null equals only null, and is neither less nor greater (§5.2: a property never set is null, not 0).
func (n compare) eval(s *scope) any {
	l, r := n.l.eval(s), n.r.eval(s)
	if l == nil || r == nil {
		switch n.op {
		case "eq":
			return l == r
		case "ne":
			return l != r
		}
		return false
	}
	c, ok := order(l, r)
	switch n.op {
	case "eq":
		return ok && c == 0
	case "ne":
		return !ok || c != 0
	case "gt":
		return ok && c > 0
	case "ge":
		return ok && c >= 0
	case "lt":
		return ok && c < 0
	}
	return ok && c <= 0
}

// order compares two values of like type; text without regard to case, as the store does.
func order(l, r any) (int, bool) {
	switch l := l.(type) {
	case string:
		if r, ok := r.(string); ok {
			return strings.Compare(strings.ToLower(l), strings.ToLower(r)), true
		}
	case *folder: // a well-known name may stand for the id (§19)
		if r, ok := r.(string); ok && (r == l.id() || strings.EqualFold(r, l.wellKnown)) {
			return 0, true
		}
	case bool:
		if r, ok := r.(bool); ok {
			return strings.Compare(strconv.FormatBool(l), strconv.FormatBool(r)), true
		}
	case float64:
		if r, ok := r.(float64); ok {
			switch {
			case l < r:
				return -1, true
			case l > r:
				return 1, true
			}
			return 0, true
		}
	case time.Time:
		if r, ok := r.(time.Time); ok {
			return l.Truncate(time.Second).Compare(r), true
		}
	}
	return 0, false
}

func (n function) eval(s *scope) any {
	v := n.args[0].eval(s)
	if n.name == "cast" {
		return cast(v, n.args[1].(pathNode).path)
	}
	a, ok := v.(string)
	if !ok {
		return nil
	}
	a = strings.ToLower(a)
	switch n.name {
	case "tolower":
		return a
	case "toupper":
		return strings.ToUpper(a)
	}
	b, ok := n.args[1].eval(s).(string)
	if !ok {
		return nil
	}
	b = strings.ToLower(b)
	switch n.name {
	case "contains":
		return strings.Contains(a, b)
	case "startswith":
		return strings.HasPrefix(a, b)
	}
	return strings.HasSuffix(a, b)
}

// cast turns the string value of an extended property into a comparable one (§5.2).
func cast(v any, typ string) any {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	switch strings.ToLower(typ) {
	case "edm.int32", "edm.int64", "edm.int16", "edm.double":
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	case "edm.datetimeoffset":
		if t, err := parseTime(s); err == nil {
			return t
		}
	case "edm.boolean":
		return strings.EqualFold(s, "true")
	}
	return s
}

// match evaluates the filter; a nil filter matches all.
func (f *filter) match(get func(string) any) bool {
	return f == nil || f.root.eval(&scope{get: get}) == true
}
