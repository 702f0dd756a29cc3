package bridge

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"mail2graph/bridge/mimepart"
)

// casemap maps text so that comparing octets compares as the collation
// i;unicode-casemap does (RFC 5051 §2.3), by which RFC 5256 §7 sorts.
func casemap(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToUpper(s)
	}
	return norm.NFKD.String(strings.Map(unicode.ToTitle, s))
}

// baseSubject takes from a Subject field what replies and mailing lists have put
// around it, and tells whether it is that of a reply or forward: exactly the
// steps of RFC 5256 §2.1, as clients do the same.
func baseSubject(field string) (base string, reply bool) {
	s := strings.Join(strings.FieldsFunc(mimepart.DecodeHeader(field), isSpace), " ") // (1)
	for {
		s = trimTrailers(s, &reply) // (2)
		for {
			before := len(s)
			s = trimLeaders(s, &reply) // (3)
			for rest := trimBlob(s); rest != "" && len(rest) < len(s); rest = trimBlob(s) {
				s = rest // (4); no leader follows a row of blobs if none did before
			}
			if len(s) == before { // (5)
				break
			}
		}
		if !hasPrefixFold(s, "[fwd:") || !strings.HasSuffix(s, "]") { // (6)
			return s, reply
		}
		s, reply = s[len("[fwd:"):len(s)-1], true
	}
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// trimTrailers removes subj-trailer: "(fwd)" and spaces at the end.
func trimTrailers(s string, reply *bool) string {
	const fwd = "(fwd)"
	for {
		s = strings.TrimRight(s, " ")
		if len(s) < len(fwd) || !strings.EqualFold(s[len(s)-len(fwd):], fwd) {
			return s
		}
		s, *reply = s[:len(s)-len(fwd)], true
	}
}

// trimLeaders removes subj-leader: spaces, and "Re:" with blobs before it.
func trimLeaders(s string, reply *bool) string {
	for {
		s = strings.TrimLeft(s, " ")
		rest := s
		for {
			next := trimBlob(rest)
			if len(next) == len(rest) {
				break
			}
			rest = next
		}
		rest, ok := trimRefwd(rest)
		if !ok {
			return s
		}
		s, *reply = rest, true
	}
}

// trimRefwd removes subj-refwd: "Re:", "Fw:", "FWD [2] :".
func trimRefwd(s string) (string, bool) {
	for _, word := range [...]string{"re", "fwd", "fw"} {
		if !hasPrefixFold(s, word) {
			continue
		}
		rest := trimBlob(strings.TrimLeft(s[len(word):], " "))
		if strings.HasPrefix(rest, ":") {
			return rest[1:], true
		}
	}
	return s, false
}

// trimBlob removes subj-blob, "[text] ", or nothing.
func trimBlob(s string) string {
	if !strings.HasPrefix(s, "[") {
		return s
	}
	end := strings.IndexAny(s[1:], "[]")
	if end < 0 || s[1+end] == '[' {
		return s
	}
	return strings.TrimLeft(s[1+end+1:], " ")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
