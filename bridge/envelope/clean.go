package envelope

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"strings"
	"unicode"

	"mail2graph/bridge/mimepart"
)

// strict reads addresses by the letter of RFC 5322; charsets do not matter.
var strict = mail.AddressParser{WordDecoder: &mime.WordDecoder{
	CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil },
}}

// isClean reports whether an address field can stay as it is: any reader finds
// the same addresses in it. Two parsers that have nothing in common must agree,
// and there must be no group with members and no address that needs quotes.
func isClean(f mimepart.Field) bool {
	if bytes.IndexByte(f.Raw, ':') != len(f.Name) {
		return false // white space before the colon
	}
	value := f.Value()
	if strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return false
	}
	byLetter, err := strict.ParseList(value)
	if err != nil {
		return false
	}
	var tolerant []address
	group, members := false, 0
	for _, m := range mimepart.ParseAddressList(value) {
		if m.Host == "" {
			group = true
			continue
		}
		a := address{m.Mailbox, m.Host}
		if !a.usable() || m.Route != "" || strings.ContainsFunc(a.local, needsQuotes) {
			return false
		}
		members++
		tolerant = append(tolerant, a)
	}
	if group && members > 0 || len(byLetter) != len(tolerant) {
		return false
	}
	for i, a := range byLetter {
		if a.Address != tolerant[i].local+"@"+tolerant[i].domain {
			return false
		}
	}
	return true
}

func needsQuotes(r rune) bool { return r <= ' ' || strings.ContainsRune("\"(),:;<>@[\\]", r) }

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
