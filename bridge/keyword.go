package bridge

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// Outlook's categories are free text, IMAP's keywords are atoms (RFC 3501 §9,
// flag-keyword). A category is written as a keyword like this:
//
//	"NonJunk"      ↔ NonJunk
//	"Red category" ↔ Red_category
//	"a_b", "Büro"  ↔ a&AF8-b, B&APw-ro    (modified UTF-7, RFC 3501 §5.1.3, for what an atom cannot hold)
//
// The mapping is reversible for every category, so no program loses one.

// keywordForwarded is the registered name for FlagForwarded (RFC 9051 §2.3.2).
const keywordForwarded = "$Forwarded"

var keywordBase64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// Keywords returns the row's IMAP keywords: its categories, and $Forwarded.
func (r *Row) Keywords() []string {
	if len(r.Categories) == 0 && r.Flags&FlagForwarded == 0 {
		return nil
	}
	ks := make([]string, 0, len(r.Categories)+1)
	if r.Flags&FlagForwarded != 0 {
		ks = append(ks, keywordForwarded)
	}
	for _, c := range r.Categories {
		if !strings.EqualFold(c, keywordForwarded) {
			ks = append(ks, keywordOf(c))
		}
	}
	return ks
}

// isAtomByte reports whether c may stand in a keyword as itself; '&' and '_'
// are taken by the encoding.
func isAtomByte(c rune) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`(){%*"\]&_`, c)
}

// keywordOf encodes a category.
func keywordOf(category string) string {
	var b strings.Builder
	var shifted []rune
	flush := func() {
		if len(shifted) > 0 {
			u := utf16.Encode(shifted)
			raw := make([]byte, 0, 2*len(u))
			for _, v := range u {
				raw = append(raw, byte(v>>8), byte(v))
			}
			b.WriteString("&" + keywordBase64.EncodeToString(raw) + "-")
			shifted = shifted[:0]
		}
	}
	for i, c := range category {
		switch {
		case isAtomByte(c):
			flush()
			b.WriteRune(c)
		case c == ' ' && i > 0:
			flush()
			b.WriteByte('_')
		case c == '&':
			flush()
			b.WriteString("&-")
		default:
			shifted = append(shifted, c)
		}
	}
	flush()
	return b.String()
}

// categoryOf decodes a keyword. What is no encoding of ours is taken literally.
func categoryOf(keyword string) string {
	var b strings.Builder
	for i := 0; i < len(keyword); i++ {
		switch c := keyword[i]; c {
		case '_':
			b.WriteByte(' ')
		case '&':
			end := strings.IndexByte(keyword[i:], '-')
			if end < 0 {
				return keyword
			}
			s, ok := unshift(keyword[i+1 : i+end])
			if !ok {
				return keyword
			}
			b.WriteString(s)
			i += end
		default:
			b.WriteByte(c)
		}
	}
	if strings.Trim(keyword, "_") == "" {
		return keyword // a category of blanks alone would be none
	}
	return b.String()
}

func unshift(s string) (string, bool) {
	if s == "" {
		return "&", true
	}
	raw, err := keywordBase64.DecodeString(s)
	if err != nil || len(raw)%2 != 0 {
		return "", false
	}
	u := make([]uint16, len(raw)/2)
	for i := range u {
		u[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	return string(utf16.Decode(u)), true
}

// applyKeywords returns the categories after op with the given keywords, and
// whether $Forwarded is to be set (+1), cleared (-1) or left (0). The input is not changed.
func applyKeywords(have []string, op FlagOp, keywords []string) (out []string, forwarded int) {
	var names []string
	for _, k := range keywords {
		if strings.EqualFold(k, keywordForwarded) {
			forwarded = 1
			continue
		}
		names = append(names, categoryOf(k))
	}
	switch op {
	case FlagsReplace:
		// Keep the spelling of those that stay: keywords have no letter case.
		for _, n := range names {
			if i := indexFold(have, n); i >= 0 {
				n = have[i]
			}
			if indexFold(out, n) < 0 {
				out = append(out, n)
			}
		}
		if forwarded == 0 {
			forwarded = -1
		}
	case FlagsAdd:
		out = append(out, have...)
		for _, n := range names {
			if indexFold(out, n) < 0 {
				out = append(out, n)
			}
		}
	case FlagsRemove:
		for _, h := range have {
			if indexFold(names, h) < 0 {
				out = append(out, h)
			}
		}
		forwarded = -forwarded
	}
	return out, forwarded
}

func indexFold(list []string, s string) int {
	for i, l := range list {
		if strings.EqualFold(l, s) {
			return i
		}
	}
	return -1
}
