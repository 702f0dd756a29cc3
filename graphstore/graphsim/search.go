package graphsim

import (
	"strconv"
	"strings"
	"unicode"
)

// search is a parsed $search: all terms must match (graph/search-query-parameter, §5.3). It works on words, as an
// index does, not on substrings.
type search struct{ terms []searchTerm }

type searchTerm struct {
	field string // "" means from, subject and body
	words []string
}

// maxHits is the number of results that a search gives at most.
const maxHits = 250

// parseSearch reads "subject:x from:y z"; outer double quotes are those of the option.
func parseSearch(text string) (*search, *apiError) {
	if text == "" {
		return nil, nil
	}
	text = strings.ReplaceAll(text, `\"`, "\x00")
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	text = strings.ReplaceAll(text, "\x00", `"`)
	s := &search{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		var t searchTerm
		if i := strings.IndexAny(text, ": \""); i > 0 && text[i] == ':' {
			t.field, text = strings.ToLower(text[:i]), text[i+1:]
			if !searchFields[t.field] {
				return nil, errBadRequest("Syntax error: property '%s' in $search.", t.field)
			}
		}
		value := text
		if strings.HasPrefix(text, `"`) {
			value, text, _ = strings.Cut(text[1:], `"`)
		} else {
			value, text, _ = strings.Cut(text, " ")
		}
		if value == "AND" && t.field == "" {
			continue
		}
		if t.words = wordsOf(value); len(t.words) == 0 {
			continue
		}
		s.terms = append(s.terms, t)
	}
	if len(s.terms) == 0 {
		return nil, errBadRequest("Syntax error: $search names nothing.")
	}
	return s, nil
}

var searchFields = func() map[string]bool {
	m := map[string]bool{}
	for _, f := range strings.Fields("from to cc bcc participants recipients subject body attachment hasattachments importance") {
		m[f] = true
	}
	return m
}()

func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// hits are the matches, newest first.
func (s *search) hits(src messageSource) []*message {
	var out []*message
	for i := 0; i < len(src.list) && len(out) < maxHits; i++ {
		if m := src.at(i); s.match(m) {
			out = append(out, m)
		}
	}
	return out
}

func (s *search) match(m *message) bool {
	for _, t := range s.terms {
		if !t.match(m) {
			return false
		}
	}
	return true
}

func (t searchTerm) match(m *message) bool {
	i := m.info()
	from := i.From.Name + " " + i.From.Address
	people := func(list []Address) string {
		var b strings.Builder
		for _, a := range list {
			b.WriteString(a.Name + " " + a.Address + " ")
		}
		return b.String()
	}
	var text string
	switch t.field {
	case "":
		return t.in(from) || t.in(i.Subject) || t.in(m.searchText())
	case "from":
		text = from
	case "to":
		text = people(i.To)
	case "cc":
		text = people(i.Cc)
	case "bcc":
		text = people(i.Bcc)
	case "recipients":
		text = people(i.To) + people(i.Cc) + people(i.Bcc)
	case "participants":
		text = from + " " + people(i.To) + people(i.Cc) + people(i.Bcc)
	case "subject":
		text = i.Subject
	case "body":
		text = m.searchText()
	case "attachment":
		for _, a := range m.attachmentList() {
			text += a.name + " "
		}
	case "hasattachments":
		text = strconv.FormatBool(i.HasAttachments)
	case "importance":
		text = m.importance()
	}
	return t.in(text)
}

func (m *message) searchText() string {
	b := m.itemBody()
	if b.html {
		return htmlText(b.text)
	}
	return b.text
}

// in reports whether the words stand next to each other in text; the last one may be a prefix.
func (t searchTerm) in(text string) bool {
	have := wordsOf(text)
	for i := range have {
		if len(have)-i < len(t.words) {
			return false
		}
		hit := true
		for j, w := range t.words {
			last := j == len(t.words)-1
			hit = hit && (have[i+j] == w || last && strings.HasPrefix(have[i+j], w))
		}
		if hit {
			return true
		}
	}
	return false
}
