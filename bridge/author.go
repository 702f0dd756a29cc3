package bridge

import (
	"fmt"
	"slices"
	"strings"

	"mail2graph/bridge/envelope"
)

// SenderError reports a sender that does not belong to a login; it is an ErrDenied.
type SenderError struct {
	Field   string // "MAIL FROM", "From" or "Sender"
	Address string
}

func (e *SenderError) Error() string {
	return fmt.Sprintf("%s %q does not belong to the login", e.Field, e.Address)
}

func (e *SenderError) Unwrap() error { return ErrDenied }

// MaySend reports whether the login may use an address as sender. The null
// sender "" of reports is everybody's. What has no domain is meant to be in that of
// the mailbox.
func (a *Account) MaySend(address string) bool {
	if address == "" || a.forceFrom {
		return true
	}
	address = a.qualified(address)
	return slices.ContainsFunc(a.senders, func(s string) bool { return envelope.Same(s, address) })
}

// qualified completes an address without domain (RFC 6409 §5.1).
func (a *Account) qualified(address string) string {
	if !strings.Contains(address, "@") && a.Domain() != "" {
		return address + "@" + a.Domain()
	}
	return address
}

// Domain is that of the mailbox's own address.
func (a *Account) Domain() string {
	if len(a.senders) == 0 {
		return ""
	}
	_, domain, _ := strings.Cut(a.senders[0], "@")
	return domain
}

// checkSenders holds every sender that a message names against the login's: one
// foreign among several is enough to refuse it.
func (a *Account) checkSenders(from string, authors, senders []string) error {
	for _, c := range []struct {
		field     string
		addresses []string
	}{{"MAIL FROM", []string{from}}, {"From", authors}, {"Sender", senders}} {
		for _, s := range c.addresses {
			if !a.MaySend(s) {
				return &SenderError{c.field, s}
			}
		}
	}
	return nil
}

// path is a mailbox by which a message can be sent.
type path struct {
	mailbox *Mailbox
	sender  *sender // nil: without an outbox
}

// pathOf returns the mailbox by which a message goes: that of its Sender, or else of
// its first From, if it is another one that the same application reaches. Then
// Exchange asks for no right to send as somebody else, and the copy lies in the Sent
// Items of who sent it (graph-reference §10.2). Else it is the login's own.
func (a *Account) pathOf(authors, senders []string) path {
	own := path{a.Mailbox, a.sender}
	if a.forceFrom {
		return own
	}
	for _, list := range [][]string{senders, authors} {
		if len(list) == 0 {
			continue
		}
		if p, ok := a.paths[strings.ToLower(a.qualified(list[0]))]; ok {
			return p
		}
		return own
	}
	return own
}
