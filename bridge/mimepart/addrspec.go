package mimepart

import (
	"slices"
	"strings"
)

// bare reads words without angle brackets: an address, maybe several without
// commas between them, and maybe a name that was not put in front of "<…>".
func (a *addressParser) bare(words []word, comment string) {
	found := false
	for len(words) > 0 {
		k := 0
		for k < len(words) && !words[k].hasAt() {
			k++
		}
		if k == len(words) {
			break
		}
		from, to := k, k+1
		for from > 0 && joined(words, from) {
			from--
		}
		for to < len(words) && joined(words, to) {
			to++
		}
		addr := addrSpec(words[from:to])
		addr.Name = phrase(words[:from])
		words = words[to:]
		if addr.Name == "" && !slices.ContainsFunc(words, word.hasAt) {
			addr.Name = phrase(words)
		}
		if addr.Name == "" {
			addr.Name = comment
		}
		a.append(addr)
		found = true
	}
	if !found && len(words) > 0 {
		addr := Address{Name: comment, Mailbox: phrase(words), Host: MissingHost}
		if addr.Mailbox == "" {
			addr.Mailbox = MissingMailbox // `""`
		}
		a.append(addr)
	}
}

// hasAt reports whether the word has an "@" that divides an address.
func (w word) hasAt() bool { return !w.quoted && strings.Contains(w.text, "@") }

// joined reports whether word i belongs to the one before: no white space
// lies between, or a dot or "@" that may have it (RFC 5322 §4.4).
func joined(words []word, i int) bool {
	if !words[i].space {
		return true
	}
	before, w := words[i-1], words[i]
	return !w.quoted && strings.ContainsAny(w.text[:1], ".@") ||
		!before.quoted && strings.ContainsAny(before.text[len(before.text)-1:], ".@")
}

// joinSpec puts the words of an address or route together.
func joinSpec(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var b strings.Builder
	for i, w := range words {
		if i > 0 && !joined(words, i) {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// addrSpec divides an address at its last "@" outside of quotes.
func addrSpec(words []word) Address {
	k := len(words) - 1
	for k >= 0 && !words[k].hasAt() {
		k--
	}
	addr := Address{Mailbox: MissingMailbox, Host: MissingHost}
	if k < 0 {
		if text := joinSpec(words); text != "" {
			addr.Mailbox = text
		}
		return addr
	}
	at := strings.LastIndexByte(words[k].text, '@')
	before, after := words[k], words[k]
	before.text, after.text = before.text[:at], after.text[at+1:]
	if text := joinHalf(words[:k], before, nil); text != "" {
		addr.Mailbox = text
	}
	if text := joinHalf(nil, after, words[k+1:]); text != "" {
		addr.Host = text
	}
	return addr
}

func joinHalf(left []word, middle word, right []word) string {
	half := append([]word(nil), left...)
	if middle.text != "" {
		half = append(half, middle)
	}
	return joinSpec(append(half, right...))
}

// quoteEnd returns the length of the quoted string s begins with, or 0.
func quoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// unescape removes the backslash of quoted pairs.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// phrase joins words as a display name.
func phrase(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var b strings.Builder
	for i, w := range words {
		if w.space && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return strings.TrimSpace(b.String())
}
