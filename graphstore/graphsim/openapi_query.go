package graphsim

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pageMaximum is the largest $top of message lists (api/user-list-messages).
const pageMaximum = 1000

// checkQuery compares the query with the options of the operation. Links made
// by the service carry tokens, so those pass wherever there are pages.
func (c *requestCheck) checkQuery(rt *apiRoute, op *apiOperation) {
	for _, name := range sortedKeys(c.query) {
		values := c.query[name]
		if len(values) > 1 {
			c.reportf("query "+name, "is given %d times", len(values))
		}
		p := op.parameter(name)
		switch {
		case p != nil:
			c.checkOption(rt, op, p, values[0])
		case strings.EqualFold(c.method, "GET") && op.Resource != nil && (name == "$skiptoken" || name == "$deltatoken"):
		case name == "includeHiddenFolders" && !rt.onMessages():
		default:
			c.reportf("query "+name, "is no option of %s; known are %s", rt.template, strings.Join(op.options(), ", "))
		}
	}
	if rt.last() == "delta" {
		c.checkDelta(rt)
	}
	if c.query.Has("$search") && (c.query.Has("$filter") || c.query.Has("$orderby")) {
		c.reportf("query $search", "does not go together with $filter or $orderby (graph/search-query-parameter)")
	}
}

func (op *apiOperation) parameter(name string) *apiParameter {
	for _, p := range op.Parameters {
		if p.In == "query" && p.Name == name {
			return p
		}
	}
	return nil
}

func (op *apiOperation) options() []string {
	var names []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	if names == nil {
		return []string{"none"}
	}
	return names
}

// row is the type of the single resource or of the items of the collection that op answers with.
func (c *requestCheck) row(op *apiOperation) *apiObject {
	if op.Resource == nil {
		return nil
	}
	o := c.api.object(op.Resource)
	if v := o.properties["value"]; v != nil && v.Items != nil {
		return c.api.object(v.Items)
	}
	return o
}

func (c *requestCheck) checkOption(rt *apiRoute, op *apiOperation, p *apiParameter, value string) {
	place := "query " + p.Name
	switch p.Name {
	case "$top", "$skip":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			c.reportf(place, "is %q, want a whole number from 0", value)
		} else if p.Name == "$top" && rt.onMessages() && (n < 1 || n > pageMaximum) {
			c.reportf(place, "is %d, want 1 to %d", n, pageMaximum)
		}
	case "$count", "includeHiddenFolders":
		if value != "true" && value != "false" {
			c.reportf(place, "is %q, want true or false", value)
		}
	case "$select":
		c.checkSelect(place, c.row(op), value)
	case "$orderby":
		c.checkOrder(place, c.row(op), value)
	case "$expand":
		c.checkExpand(place, c.row(op), value)
	case "$filter":
		c.checkFilter(place, c.row(op), value)
	case "$search":
		if len(value) < 3 || value[0] != '"' || value[len(value)-1] != '"' {
			c.reportf(place, "is %q, want a text in double quotes", value)
		}
	default:
		if rule := stringRule(p.Schema, value); rule != "" {
			c.reportf(place, "%s", rule)
		}
	}
}

// checkSelect wants names of properties; "microsoft.graph.x/p" names one of a derived type.
func (c *requestCheck) checkSelect(place string, o *apiObject, list string) {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "*" {
			continue
		}
		s, problem := c.api.property(o, strings.Split(name, "/"))
		switch {
		case problem != "":
			c.reportf(place, "%q %s", name, problem)
		case s != nil && s.Navigation:
			c.reportf(place, "%q is reached by $expand, not by $select", name)
		}
	}
}

func (c *requestCheck) checkOrder(place string, o *apiObject, list string) {
	for item := range strings.SplitSeq(list, ",") {
		words := strings.Fields(item)
		if len(words) == 0 || len(words) > 2 || len(words) == 2 && !strings.EqualFold(words[1], "asc") && !strings.EqualFold(words[1], "desc") {
			c.reportf(place, "%q is not a property with asc or desc", item)
			continue
		}
		if _, problem := c.api.property(o, strings.Split(words[0], "/")); problem != "" {
			c.reportf(place, "%q %s", words[0], problem)
		}
	}
}

// property walks a path such as from/emailAddress/address. A nil object is an
// answer without a described resource, where any path passes.
func (d *apiDescription) property(o *apiObject, path []string) (s *apiSchema, problem string) {
	for i, name := range path {
		if o == nil {
			return nil, ""
		}
		if ref := o.mapping["#"+name]; ref != "" && i+1 < len(path) {
			o = d.object(&apiSchema{Ref: ref})
			continue
		}
		s = o.properties[name]
		if s == nil {
			return nil, "is no property of " + o.title() + suggestion(name, o.properties)
		}
		typed, _ := d.scalar(s)
		switch {
		case typed.kind() == "object":
			o = d.object(s)
		case typed.kind() == "array":
			o = d.object(typed.Items)
		case i+1 < len(path):
			return nil, fmt.Sprintf("goes on behind %s, which has no properties", name)
		}
	}
	return s, ""
}

// checkExpand reads a list of navigation properties with options of their own:
// "attachments($select=id,name),singleValueExtendedProperties($filter=id eq 'Integer 0x0e08')".
func (c *requestCheck) checkExpand(place string, o *apiObject, list string) {
	for _, item := range splitOutside(list, ',') {
		item = strings.TrimSpace(item)
		name, options, nested := strings.Cut(item, "(")
		if nested {
			if !strings.HasSuffix(options, ")") {
				c.reportf(place, "%q lacks a closing parenthesis", item)
				continue
			}
			options = options[:len(options)-1]
		}
		s, problem := c.api.property(o, strings.Split(name, "/"))
		switch {
		case problem != "":
			c.reportf(place, "%q %s", name, problem)
		case s != nil && !s.Navigation:
			c.reportf(place, "%q is a plain property; name it in $select", name)
		case s != nil:
			c.checkExpandOptions(place+" "+name, name, s, options)
		}
	}
}

func (c *requestCheck) checkExpandOptions(place, name string, s *apiSchema, options string) {
	typed, _ := c.api.scalar(s)
	target := s
	if typed.Items != nil {
		target = typed.Items
	}
	extended := strings.HasSuffix(name, "ValueExtendedProperties")
	o := c.api.object(target)
	var filtered bool
	for _, option := range splitOutside(options, ';') {
		key, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		switch {
		case key == "$filter" && extended:
			filtered = true
			c.checkExtendedFilter(place, value)
		case key == "$filter":
			c.checkFilter(place, o, value)
		case key == "$select":
			c.checkSelect(place, o, value)
		case key == "$expand":
			c.checkExpand(place, o, value)
		case key == "$orderby":
			c.checkOrder(place, o, value)
		case key == "$top", key == "$skip", key == "$count", key == "$levels", key == "":
		default:
			c.reportf(place, "%q is no option of an expansion", key)
		}
	}
	if extended && !filtered {
		c.reportf(place, "extended properties come only when $filter names them (resources/extended-properties-overview)")
	}
}

// splitOutside cuts s at sep outside of parentheses and quotes; "" has no items.
func splitOutside(s string, sep byte) []string {
	var items []string
	depth, quoted, start := 0, false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case quoted:
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		case s[i] == sep && depth == 0:
			items = append(items, s[start:i])
			start = i + 1
		}
	}
	if start < len(s) {
		items = append(items, s[start:])
	}
	return items
}

// deltaFilter is all that $filter may say in a delta query of messages
// (graph/delta-query-messages).
var deltaFilter = regexp.MustCompile(`^receivedDateTime (ge|gt) \d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?Z)?$`)

func (c *requestCheck) checkDelta(rt *apiRoute) {
	if strings.EqualFold(c.query.Get("$deltatoken"), "latest") && rt.onMessages() {
		c.reportf("query $deltatoken", "latest does not work for messages; the answer is the full list")
	}
	if !rt.onMessages() {
		return
	}
	if slices.Equal(rt.segments, []string{"users", "{user-id}", "messages", "delta"}) {
		c.reportf("path", "delta of messages works per folder only (graph/delta-query-messages)")
	}
	if f := c.query.Get("$filter"); f != "" && !deltaFilter.MatchString(f) {
		c.reportf("query $filter", "is %q; delta takes receivedDateTime ge or gt a time, nothing else", f)
	}
	if o := c.query.Get("$orderby"); o != "" && !strings.EqualFold(o, "receivedDateTime desc") {
		c.reportf("query $orderby", "is %q; delta takes receivedDateTime desc, nothing else", o)
	}
	if c.query.Has("$search") {
		c.reportf("query $search", "is not supported in delta")
	}
	if strings.Contains(c.query.Get("$expand"), "ExtendedProperties") {
		c.reportf("query $expand", "delta does not carry extended properties; the service answers 500")
	}
}
