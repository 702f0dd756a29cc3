package mimepart

import "strings"

// maxParams bounds the parameters of a field and the tags of Content-Language.
const maxParams = 1000

// parseContentType reads "type/subtype; name=value; …". What has no type is
// left to the defaults, but its parameters are kept; a missing subtype is
// what the type mostly means.
func parseContentType(v string) (typ, subtype string, params []Param) {
	head, rest := cutHead(v)
	typ, subtype, _ = strings.Cut(head, "/")
	subtype, _, _ = strings.Cut(subtype, "/")
	typ, subtype = firstToken(typ), firstToken(subtype)
	params = parseParams(rest)
	if typ == "" {
		return "", "", params
	}
	if subtype != "" {
		return typ, subtype, params
	}
	switch strings.ToLower(typ) {
	case "multipart":
		return typ, "mixed", params
	case "application", "message", "image", "audio", "video", "font", "model":
		return "application", "octet-stream", params
	}
	// RFC 2045 §5.2: text/plain for what cannot be understood.
	return "text", "plain", params
}

func parseDisposition(v string) (string, []Param) {
	head, rest := cutHead(v)
	return firstToken(head), parseParams(rest)
}

// cutHead divides a structured value where its parameters begin. A value that
// begins with a parameter (`filename="x"`) has no head.
func cutHead(v string) (head, params string) {
	i := strings.IndexAny(v, ";=")
	switch {
	case i < 0:
		return v, ""
	case v[i] == ';':
		return v[:i], v[i+1:]
	}
	// "text/plain charset=x": the semicolon was forgotten.
	j := max(0, strings.LastIndexAny(strings.TrimRight(v[:i], " \t"), " \t"))
	return v[:j], v[j:]
}

// firstToken cuts white space, comments and stray punctuation off a token.
func firstToken(v string) string {
	v = skipComments(v)
	if i := strings.IndexAny(v, " \t(;,"); i >= 0 {
		v = v[:i]
	}
	return strings.Trim(v, "\"")
}

// skipComments removes white space and comments at the start.
func skipComments(v string) string {
	for {
		v = strings.TrimLeft(v, " \t\r\n")
		if v == "" || v[0] != '(' {
			return v
		}
		end := commentEnd(v)
		if end < 0 {
			return ""
		}
		v = v[end:]
	}
}

// commentEnd returns the length of the comment v begins with, or -1 if it
// never ends. Comments nest (RFC 5322 §3.2.2).
func commentEnd(v string) int {
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// parseParams reads `name=value; name="quoted value"`. Values without quotes
// may contain anything up to the next semicolon, as broken mail writes file
// names; a comment after white space is taken off (RFC 2045 §5.1). charset and
// boundary end at white space: a semicolon is often forgotten after them.
func parseParams(v string) []Param {
	var params []Param
	for len(params) < maxParams {
		v = strings.TrimLeft(v, "; \t\r\n,")
		if v == "" {
			break
		}
		if v[0] == '(' {
			v = skipComments(v)
			continue
		}
		i := strings.IndexAny(v, "=;")
		if i < 0 {
			break
		}
		name := strings.Trim(v[:i], " \t\r\n\"")
		if v[i] == ';' {
			v = v[i:] // a word without value
			continue
		}
		var value string
		value, v = paramValue(name, v[i+1:])
		if name != "" {
			params = append(params, Param{name, value})
		}
	}
	return params
}

func paramValue(name, v string) (value, rest string) {
	v = skipComments(v)
	if v != "" && v[0] == '"' {
		return unquote(v)
	}
	end := ";"
	if strings.EqualFold(name, "charset") || strings.EqualFold(name, "boundary") {
		end = "; \t" // neither has white space: what follows lacks its semicolon
	}
	i := strings.IndexAny(v, end)
	if i < 0 {
		i = len(v)
	}
	value, rest = strings.TrimRight(v[:i], " \t\r\n"), v[i:]
	if strings.HasSuffix(value, ")") {
		if j := strings.LastIndex(value, " ("); j >= 0 {
			value = strings.TrimRight(value[:j], " \t")
		}
	}
	return value, rest
}

// unquote reads the quoted string v begins with; without an end it is the rest.
func unquote(v string) (text, rest string) {
	var b strings.Builder
	for i := 1; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			return b.String(), v[i+1:]
		case c == '\\' && i+1 < len(v):
			i++
			b.WriteByte(v[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

func parseLanguage(v string) []string {
	var tags []string
	for len(tags) < maxParams && v != "" {
		var tag string
		tag, v, _ = strings.Cut(v, ",")
		if tag = firstToken(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}
