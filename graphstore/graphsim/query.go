package graphsim

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// query is what the system query options of a message list say (graph/query-parameters, §5).
type query struct {
	props  []property
	expand *expansion
	filter *filter
	ids    []extID // extended properties in the filter
	order  []orderKey
	search *search
	top    int
	skip   int
}

type orderKey struct {
	path string
	desc bool
}

// parseQuery reads the options of a list of messages.
func (c *call) parseQuery() (*query, *apiError) {
	q := &query{}
	var err *apiError
	if q.props, err = selected(c.option("$select")); err != nil {
		return nil, err
	}
	if q.expand, err = parseExpand(c.option("$expand")); err != nil {
		return nil, err
	}
	if q.filter, err = parseFilter(c.option("$filter"), filterablePath); err != nil {
		return nil, err
	}
	if q.filter != nil && c.srv.modes.FilterRefused {
		return nil, errBadRequest("The query specified in the URI is not valid.")
	}
	if q.filter != nil && c.srv.modes.FilterIgnored {
		q.filter = nil
	}
	if q.ids, err = filterIDs(c.option("$filter")); err != nil {
		return nil, err
	}
	if q.order, err = parseOrder(c.option("$orderby")); err != nil {
		return nil, err
	}
	if q.search, err = parseSearch(c.option("$search")); err != nil {
		return nil, err
	}
	if q.search != nil && (q.filter != nil || len(q.order) > 0) {
		return nil, fail(400, "SearchWithFilter", "The query parameter '$search' is not supported with '$filter' or '$orderby'.")
	}
	if q.top, err = c.pageSize(10, 1000); err != nil {
		return nil, err
	}
	if q.skip, err = c.number("$skip", 0); err != nil {
		return nil, err
	}
	if q.filter != nil && !c.srv.modes.LaxOrderBy && !efficient(q.order, q.filter.paths) {
		return nil, fail(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
	}
	return q, nil
}

// pageSize is $top within its bounds; above the maximum it is clamped (check C6).
func (c *call) pageSize(def, limit int) (int, *apiError) {
	n, err := c.number("$top", def)
	if err != nil {
		return 0, err
	}
	if c.query.Has("$top") && n == 0 {
		return 0, errBadRequest("Invalid value '0' for $top query option found. The limit of '%d' for Top query starts at 1.", limit)
	}
	if m := c.srv.modes.MaxPage; m > 0 {
		limit = min(limit, m)
	}
	return min(n, limit), nil
}

func parseOrder(text string) ([]orderKey, *apiError) {
	var out []orderKey
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		f := strings.Fields(item)
		if len(f) == 0 || len(f) > 2 || len(f) == 2 && !strings.EqualFold(f[1], "asc") && !strings.EqualFold(f[1], "desc") {
			return nil, errBadRequest("Syntax error in $orderby '%s'.", text)
		}
		path := strings.ToLower(f[0])
		if filterable[path] == nil {
			return nil, errBadRequest("Could not find a property named '%s' on type 'microsoft.graph.message'.", f[0])
		}
		out = append(out, orderKey{path, len(f) == 2 && strings.EqualFold(f[1], "desc")})
	}
	return out, nil
}

// efficient is the rule of api/user-list-messages: properties of $orderby are in $filter too, first and in order.
func efficient(order []orderKey, paths []string) bool {
	var distinct []string
	for _, p := range paths {
		if !slices.Contains(distinct, p) {
			distinct = append(distinct, p)
		}
	}
	for i, k := range order {
		if i >= len(distinct) || distinct[i] != k.path {
			return false
		}
	}
	return true
}

// matches evaluates the filter for a message. The mailbox's well-known names stand for folder ids in it (§19).
func (q *query) matches(m *message) bool {
	return q.filter.match(func(path string) any {
		if path == extendedPath {
			return m.extValues(q.ids)
		}
		return filterable[path](m)
	})
}

// sorted puts messages, given newest first, into the order asked for.
func sorted(list []*message, keys []orderKey) []*message {
	if len(keys) == 0 {
		return list
	}
	slices.SortStableFunc(list, func(a, b *message) int {
		for _, k := range keys {
			l, r := filterable[k.path](a), filterable[k.path](b)
			n, _ := order(l, r)
			if tl, isTime := l.(time.Time); isTime { // order compares whole seconds, sorting need not
				n = tl.Compare(r.(time.Time))
			}
			if k.desc {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return cmp.Compare(b.num, a.num)
	})
	return list
}
