package envelope

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"mail2graph/bridge/mimepart"
)

// maxAddress keeps a line with one address below 998 octets (RFC 5322 §2.1.1);
// RFC 5321 §4.5.3.1 allows 320.
const maxAddress = 800

// RecipientError reports an envelope recipient that no header field can name.
type RecipientError struct{ Address string }

func (e *RecipientError) Error() string { return fmt.Sprintf("unusable recipient %q", e.Address) }

// address is a usable address in its parts; local has no quotes.
type address struct{ local, domain string }

// parseRecipient reads a path of SMTP, without its angle brackets. The local
// part may be quoted or have lost its quotes.
func parseRecipient(s string) (address, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return address{}, &RecipientError{s}
	}
	local := s[:at]
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		var b strings.Builder
		for i := 1; i < len(local)-1; i++ {
			if local[i] == '\\' && i+1 < len(local)-1 {
				i++
			}
			b.WriteByte(local[i])
		}
		local = b.String()
	}
	a := address{local, s[at+1:]}
	if !a.usable() {
		return address{}, &RecipientError{s}
	}
	return a, nil
}

// usable reports whether the address can be written so that every reader
// understands the same.
func (a address) usable() bool {
	if a.local == "" || a.domain == "" || len(a.local)+len(a.domain) > maxAddress {
		return false
	}
	if !utf8.ValidString(a.local) || !utf8.ValidString(a.domain) || strings.ContainsFunc(a.local, unicode.IsControl) {
		return false
	}
	if a.domain == mimepart.MissingHost || a.local == mimepart.MissingMailbox {
		return false
	}
	if lit, ok := strings.CutPrefix(a.domain, "["); ok {
		lit, ok = strings.CutSuffix(lit, "]")
		return ok && lit != "" && strings.Trim(lit, "0123456789abcdefABCDEFIPv:.") == ""
	}
	for _, label := range strings.Split(strings.TrimSuffix(a.domain, "."), ".") {
		if label == "" || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	switch {
	case r == '-' || r == '_':
		return false
	case r < utf8.RuneSelf:
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

// key is equal for equal addresses.
func (a address) key() string {
	return strings.ToLower(a.local) + "@" + strings.ToLower(strings.TrimSuffix(asciiDomain(a.domain), "."))
}

// Same reports whether two addresses are equal, as Exchange has it: letter case does
// not count, nor which form an internationalised domain has.
func Same(a, b string) bool {
	x, errX := parseRecipient(a)
	y, errY := parseRecipient(b)
	if errX != nil || errY != nil {
		return strings.EqualFold(a, b)
	}
	return x.key() == y.key()
}

// asciiDomain returns the A-labels of an internationalised domain.
func asciiDomain(domain string) string {
	for i := range len(domain) {
		if domain[i] >= utf8.RuneSelf {
			if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
				return ascii
			}
			break
		}
	}
	return domain
}

// render writes the address with an optional display name (text, not
// encoded). A domain needs no UTF-8 unless the local part does.
func (a address) render(name string) string {
	domain := strings.TrimSuffix(a.domain, ".")
	if isASCII(a.local) {
		domain = asciiDomain(domain)
	}
	full := mail.Address{Name: name, Address: a.local + "@" + domain}
	s := full.String()
	if name == "" {
		s = strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
	}
	return s
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// Addresses returns the addresses of the From and Sender fields of a header,
// of all of them should they be repeated, for a check of senders. What is no
// usable address is returned as it is written there, for that check to fail.
// Unlike mimepart.ParseHeader it passes over nothing, however long the header.
func Addresses(header []byte) (from, sender []string) {
	for f := range mimepart.HeaderFields(header) {
		switch {
		case f.Is("From"):
			from = append(from, plain(mimepart.ParseAddressList(f.Value()))...)
		case f.Is("Sender"):
			sender = append(sender, plain(mimepart.ParseAddressList(f.Value()))...)
		}
	}
	return from, sender
}

func plain(list []mimepart.Address) []string {
	var out []string
	for _, a := range list {
		switch {
		case a.Host == "":
			// start or end of a group
		case a.Host == mimepart.MissingHost:
			out = append(out, a.Mailbox)
		default:
			out = append(out, a.Mailbox+"@"+a.Host)
		}
	}
	return out
}

// appendList writes an address field, with lines of 78 octets where possible.
func appendList(dst []byte, name string, items []string, eol string) []byte {
	line := len(dst)
	dst = append(dst, name...)
	dst = append(dst, ':')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if i > 0 && len(dst)-line+len(item) > 76 {
			dst = append(dst, eol...)
			line = len(dst)
		}
		dst = append(dst, ' ')
		dst = append(dst, strings.ReplaceAll(item, "?= =?", "?="+eol+" =?")...)
		line = max(line, bytes.LastIndexByte(dst, '\n')+1)
	}
	return append(dst, eol...)
}
