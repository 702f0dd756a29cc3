package graphsim

import (
	"regexp"
	"strings"
)

// expansion is a parsed $expand of messages or folders.
type expansion struct {
	props       []extID
	multi       bool
	attachments bool
	attachProps string // inner $select
	children    bool
}

var idEquals = regexp.MustCompile(`(?i)\bid\s+eq\s+'((?:[^']|'')*)'`)

// parseExpand reads $expand: singleValueExtendedProperties with a filter of ids, attachments, childFolders.
func parseExpand(text string) (*expansion, *apiError) {
	x := &expansion{}
	for _, item := range splitTop(text, ',') {
		name, inner, _ := strings.Cut(strings.TrimSpace(item), "(")
		inner = strings.TrimSuffix(inner, ")")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "":
		case "singlevalueextendedproperties":
			if !strings.Contains(strings.ToLower(inner), "$filter") {
				return nil, errBadRequest("The expansion of singleValueExtendedProperties needs a $filter.")
			}
			for _, m := range idEquals.FindAllStringSubmatch(inner, -1) {
				id, err := parseExtID(strings.ReplaceAll(m[1], "''", "'"))
				if err != nil {
					return nil, err
				}
				x.props = append(x.props, id)
			}
			if len(x.props) == 0 {
				return nil, errBadRequest("The filter of singleValueExtendedProperties names no id.")
			}
		case "multivalueextendedproperties":
			x.multi = true
		case "attachments":
			x.attachments = true
			if i := strings.Index(strings.ToLower(inner), "$select="); i >= 0 {
				x.attachProps, _, _ = strings.Cut(inner[i+len("$select="):], ";")
			}
		case "extensions":
		case "childfolders":
			x.children = true
		default:
			return nil, errProperty(name, "message")
		}
	}
	return x, nil
}

// splitTop splits at sep outside of parentheses and quotes.
func splitTop(s string, sep byte) []string {
	var out []string
	depth, start, quoted := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == sep && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// expandMessage adds the expanded members. With none of the properties present the member is left out (§8).
func (x *expansion) expandMessage(c *call, m *message, o object) object {
	if x == nil {
		return o
	}
	if list := extObjects(x.props, m.extProperty); len(list) > 0 {
		o = o.add("singleValueExtendedProperties", list)
	}
	if x.attachments {
		list := []object{}
		for _, a := range m.attachmentList() {
			list = append(list, c.attachmentObject(m, a, x.attachProps))
		}
		o = o.add("attachments", list)
	}
	return o
}

func extObjects(props []extID, get func(extID) (string, bool)) []object {
	var list []object
	for _, p := range props {
		if v, ok := get(p); ok {
			list = append(list, object{{"id", p.text}, {"value", strings.ToValidUTF8(v, "\uFFFD")}})
		}
	}
	return list
}
