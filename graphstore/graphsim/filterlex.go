package graphsim

import (
	"strings"
)

// token of a $filter (OData 4.01, ABNF of commonExpr, the part that mail uses).
type lexeme struct {
	kind byte // 'w' word, 's' string, '(' ')' ',' ':' '/', 0 end
	text string
}

// lexFilter cuts a filter into lexemes; ok is false for an unterminated string or a stray character.
func lexFilter(s string) (out []lexeme, ok bool) {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '\'':
			var b strings.Builder
			for i++; ; i++ {
				if i >= len(s) {
					return nil, false
				}
				if s[i] == '\'' {
					if i+1 < len(s) && s[i+1] == '\'' {
						i++
					} else {
						break
					}
				}
				b.WriteByte(s[i])
			}
			i++
			out = append(out, lexeme{'s', b.String()})
		case strings.IndexByte("(),/", c) >= 0:
			out = append(out, lexeme{c, string(c)})
			i++
		case isWord(c):
			start := i
			for i < len(s) && isWord(s[i]) {
				// A colon belongs to a time (12:00) and not to the variable of a lambda (a:a).
				if s[i] == ':' && !digitBefore(s, i) {
					break
				}
				i++
			}
			if i == start {
				i++ // the colon itself
				out = append(out, lexeme{':', ":"})
				continue
			}
			out = append(out, lexeme{'w', s[start:i]})
		default:
			return nil, false
		}
	}
	return out, true
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.:+@$", c) >= 0
}

func digitBefore(s string, i int) bool { return i > 0 && s[i-1] >= '0' && s[i-1] <= '9' }
