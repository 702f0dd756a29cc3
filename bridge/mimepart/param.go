package mimepart

import (
	"slices"
	"strconv"
	"strings"
)

// Param returns a parameter of Content-Type as text: RFC 2231 continuations
// joined, percent escapes and encoded words decoded.
func (p *Part) Param(name string) (string, bool) { return findParam(p.Params, name) }

// boundary returns the parameter of that name. Delimiter lines are compared with its
// octets (RFC 2046 §5.1.1), so those are not decoded unless RFC 2231 divides them.
func (p *Part) boundary() string {
	for _, param := range p.Params {
		if strings.EqualFold(param.Name, "boundary") {
			return param.Value
		}
	}
	b, _ := p.Param("boundary")
	return b
}

// FileName returns the name the sender gave to the part, or "": the filename
// of Content-Disposition, else the name of Content-Type. It can hold anything,
// path separators included.
func (p *Part) FileName() string {
	if name, ok := findParam(p.DispParams, "filename"); ok && name != "" {
		return name
	}
	name, _ := findParam(p.Params, "name")
	return name
}

// segment is a piece of a parameter: `name*3*="…"` (RFC 2231 §3, §4.1).
type segment struct {
	index   int
	escaped bool
	value   string
}

// findParam prefers the form of RFC 2231, as RFC 6266 §4.3 has it for HTTP:
// who writes both means the plain one for old programs.
func findParam(params []Param, name string) (string, bool) {
	var plain *Param
	var segments []segment
	for i, p := range params {
		base, rest, ok := strings.Cut(p.Name, "*")
		if !strings.EqualFold(base, name) {
			continue
		}
		if !ok {
			if plain == nil {
				plain = &params[i]
			}
			continue
		}
		if s, ok := segmentOf(rest, p.Value); ok {
			segments = append(segments, s)
		}
	}
	if len(segments) > 0 {
		text, escaped := joinSegments(segments)
		if !escaped {
			text = DecodeHeader(text) // never allowed, often done
		}
		return text, true
	}
	if plain == nil {
		return "", false
	}
	return DecodeHeader(plain.Value), true
}

// segmentOf reads what follows the first asterisk of a name: "", "3", "3*".
func segmentOf(rest, value string) (s segment, ok bool) {
	s.value = value
	rest, s.escaped = strings.CutSuffix(rest, "*")
	if rest == "" { // name*=
		s.escaped = true
		return s, true
	}
	n, err := strconv.Atoi(rest)
	s.index = n
	return s, err == nil && n >= 0
}

// joinSegments puts the pieces in order, up to the first that is missing. The
// charset stands in the first. Without percent escapes the text is as it was.
func joinSegments(segments []segment) (value string, escaped bool) {
	slices.SortStableFunc(segments, func(a, b segment) int { return a.index - b.index })
	charset := ""
	var text []byte
	next := segments[0].index
	for i, s := range segments {
		if s.index != next {
			if s.index < next {
				continue // a second one of that number
			}
			break
		}
		next++
		value := s.value
		if s.escaped {
			escaped = true
			if first, rest, ok := strings.Cut(value, "'"); ok && i == 0 {
				if _, after, ok := strings.Cut(rest, "'"); ok {
					charset, value = first, after
				}
			}
			text = appendPercent(text, value)
			continue
		}
		text = append(text, value...)
	}
	if !escaped {
		return string(text), false
	}
	return toUTF8(charset, text), true
}

// Joined is a list of parameters with those of RFC 2231 put together as RFC
// 9051 §7.5.2 has it: the pieces "a*0" and "a*1" become "a", and what has percent
// escapes becomes "a*" in UTF-8. Each stands where its first piece stood. A list
// without such parameters is returned as it is.
func Joined(params []Param) []Param {
	plain := func(p Param) bool { return !strings.Contains(p.Name, "*") }
	if !slices.ContainsFunc(params, func(p Param) bool { return !plain(p) }) {
		return params
	}
	out := make([]Param, 0, len(params))
	pieces := map[string][]segment{} // by folded name
	at := map[string]int{}           // where in out
	for _, p := range params {
		base, rest, _ := strings.Cut(p.Name, "*")
		s, ok := segmentOf(rest, p.Value)
		if plain(p) || !ok || base == "" {
			out = append(out, p)
			continue
		}
		key := strings.ToLower(base)
		if pieces[key] == nil {
			at[key] = len(out)
			out = append(out, Param{Name: base})
		}
		pieces[key] = append(pieces[key], s)
	}
	for key, list := range pieces {
		p := &out[at[key]]
		var escaped bool
		if p.Value, escaped = joinSegments(list); escaped {
			p.Name += "*"
		}
	}
	return out
}

func appendPercent(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hexValue[s[i+1]] >= 0 && hexValue[s[i+2]] >= 0 {
			dst = append(dst, byte(hexValue[s[i+1]]<<4|hexValue[s[i+2]]))
			i += 2
			continue
		}
		dst = append(dst, s[i])
	}
	return dst
}
