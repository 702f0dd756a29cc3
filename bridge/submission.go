package bridge

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"mail2graph/bridge/outbox"
)

// Recipient is one recipient of an envelope, with what RFC 3461 adds to it.
type Recipient = outbox.Recipient

// Submission is the envelope of a message that a program hands in.
type Submission struct {
	From       string // "" is the null sender
	Recipients []Recipient
	EnvelopeID string // ENVID of RFC 3461, decoded
	ReturnFull bool   // RET=FULL: a report returns the whole message
	// Binary says that the message is not made of lines (RFC 3030, BINARYMIME).
	Binary bool
}

// Addresses returns the addresses of the recipients.
func (s *Submission) Addresses() []string {
	out := make([]string, len(s.Recipients))
	for i, r := range s.Recipients {
		out[i] = r.Address
	}
	return out
}

var errInternational = errors.New("no usable internationalised address")

// InternationalAddress checks an address beyond ASCII (RFC 6531 §3.3) and returns
// the form that the service gets: the domain in A-labels, which every server knows;
// what is before the "@" has no other form and is normalised (NFC).
func InternationalAddress(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || !utf8.ValidString(address) {
		return "", fmt.Errorf("address %q: %w", address, errInternational)
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return "", fmt.Errorf("address %q: %w: %w", address, errInternational, err)
	}
	local := norm.NFC.String(address[:at])
	if strings.ContainsFunc(local, func(r rune) bool {
		return r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !unicode.IsPunct(r) && !unicode.IsSymbol(r)
	}) {
		return "", fmt.Errorf("address %q: %w", address, errInternational)
	}
	return local + "@" + domain, nil
}
