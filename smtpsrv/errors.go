package smtpsrv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mail2graph/bridge"

	"github.com/emersion/go-smtp"
)

// replies is the one table from the kinds of failure to replies (RFC 5321
// §4.2, RFC 3463). A client gets these texts, or what a *bridge.Refusal says in
// their place; the log gets the whole error. The first kind that an error wraps
// counts.
var replies = []struct {
	kind  error
	reply smtp.SMTPError
}{
	{bridge.ErrAuth, smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "User name or password is wrong"}},
	{bridge.ErrLocked, smtp.SMTPError{Code: 454, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Too many wrong passwords from this address or for this user, try again in a quarter of an hour"}}, // RFC 4954 §6
	{bridge.ErrCredentials, smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Exchange Online refuses the credentials of this gateway; its administrator has to renew them"}},
	{bridge.ErrSendAs, smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Exchange Online does not let this mailbox send as the From of the message (ErrorSendAsDenied); its administrator can grant Send As (Add-RecipientPermission)"}},
	{bridge.ErrOutside, smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "To or Cc names somebody who is no recipient of the envelope (header_recipients)"}},
	{bridge.ErrDenied, smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Not permitted to send this message as this sender"}},
	{bridge.ErrNoMailbox, smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "Exchange Online has no such mailbox"}},
	{bridge.ErrNotFound, smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "Exchange Online has no such mailbox or folder"}},
	{bridge.ErrInvalid, smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "Exchange Online does not take this message or one of its recipients"}},
	{bridge.ErrTooLarge, smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "Message too large"}},
	{bridge.ErrQuota, smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 2, 2}, Message: "Mailbox full"}},
	{bridge.ErrNoSpace, smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "No space left on the gateway"}},
	{bridge.ErrUnavailable, unavailable},
	{context.DeadlineExceeded, unavailable},
	{context.Canceled, smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "The gateway stops, try again later"}},
	// No order of a mail program here can meet these two.
	{bridge.ErrExists, serverBug},
	{bridge.ErrResync, serverBug},
}

var (
	unavailable = smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 1}, Message: "Exchange Online cannot be reached, try again later"}
	throttled   = smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 5}, Message: "Exchange Online asks for patience, try again later"}
	serverBug   = smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Internal error, try again later"}
)

// replyTo translates an error. It returns a new value each time, bare: go-smtp
// recognises a *smtp.SMTPError only where nothing is wrapped around it.
func replyTo(err error) *smtp.SMTPError {
	if _, ok := errors.AsType[*bridge.RetryError](err); ok {
		return clone(throttled)
	}
	if s, ok := errors.AsType[*bridge.SenderError](err); ok {
		return notHis(s.Field, s.Address)
	}
	for _, r := range replies {
		if errors.Is(err, r.kind) {
			return inItsWords(clone(r.reply), err)
		}
	}
	return clone(serverBug)
}

// inItsWords gives a final reply the reason that was meant for the sender.
func inItsWords(reply *smtp.SMTPError, err error) *smtp.SMTPError {
	if reply.Code < 500 {
		return reply
	}
	if e, ok := errors.AsType[*bridge.Refusal](err); ok {
		reply.Message = e.Reply
	}
	if _, ok := errors.AsType[*bridge.RecipientsError](err); ok {
		reply.EnhancedCode = smtp.EnhancedCode{5, 5, 3}
	}
	return reply
}

// notHis refuses a sender that does not belong to the login. The address is what the
// client itself has sent.
func notHis(field, address string) *smtp.SMTPError {
	if len(address) > 100 {
		address = address[:100] + "..."
	}
	return refuse(550, 5, 7, 1, fmt.Sprintf("This login may not send as <%s> (%s); the gateway's administrator can add it to send_as, or set force_from",
		printable(address), field))
}

func clone(e smtp.SMTPError) *smtp.SMTPError { return &e }

// errTooLarge is for a message of more octets than SIZE announces.
var errTooLarge = fmt.Errorf("receive: %w", bridge.ErrTooLarge)

// What the protocol itself refuses.
var (
	errMechanism       = &smtp.SMTPError{Code: 504, EnhancedCode: smtp.EnhancedCode{5, 5, 4}, Message: "Unknown mechanism, known are PLAIN and LOGIN"}
	errNeedsTLS        = &smtp.SMTPError{Code: 538, EnhancedCode: smtp.EnhancedCode{5, 7, 11}, Message: "Passwords are taken over TLS only"}
	errAuthSyntax      = &smtp.SMTPError{Code: 501, EnhancedCode: smtp.EnhancedCode{5, 5, 2}, Message: "Malformed PLAIN response"}
	errAuthzid         = &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "A user cannot act for another one"}
	errTooManyTries    = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Too many wrong passwords"}
	errAuthUnavailable = &smtp.SMTPError{Code: 454, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Passwords cannot be checked now, try again later"}
	errNoSMTP          = &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "This user name may not be used for SMTP; the gateway's operator can look up the reason in its log"}
	errStartTLSFirst   = &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Must issue a STARTTLS command first"}
	errNeedsAuth       = &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	errNestedMail      = &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "Sender given already"}
	errAddress         = &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "Not an address that Exchange Online takes: only letters, digits and .!#$%&'*+-/=?^_`{|}~ before the @, a domain behind it"}
	errNoDomain        = refuse(553, 5, 1, 3, "An address without domain; write user@example.com")
	errAddressUTF8     = refuse(553, 5, 6, 7, "This is no usable internationalised address")
	errNeedsUTF8       = refuse(553, 5, 6, 7, "An address beyond ASCII needs MAIL with SMTPUTF8")
	errRcptLimit       = refuse(452, 4, 5, 3, "Too many recipients, send to the others in another transaction")
	errLateRcpt        = refuse(503, 5, 5, 1, "The message has begun")
	errAuthInMail      = refuse(503, 5, 5, 1, "AUTH comes before MAIL")
	errTooManySessions = refuse(421, 4, 7, 0, "Too many connections of this login, try again later")
	errTooFast         = refuse(450, 4, 7, 1, "Too many messages in a minute, try again later")
)

// corrections replaces replies of go-smtp v0.25.1 whose code means something
// else: 503 is a bad sequence and 501 a bad argument (RFC 5321 §4.2.2), 500 an unknown
// command (§4.2.4), and what is no base64 is refused for good (RFC 4954 §4). Good
// senders, recipients and passwords have codes of their own (RFC 3463 §3.2, RFC 4954 §6).
var corrections = map[string]string{
	"502 5.5.1 Please introduce yourself first.":     "503 5.5.1 EHLO comes first",
	"502 5.5.1 Missing MAIL FROM command.":           "503 5.5.1 MAIL comes first",
	"502 5.5.1 Missing RCPT TO command.":             "503 5.5.1 RCPT comes first",
	"235 2.0.0 Authentication succeeded":             "235 2.7.0 Authentication succeeded",
	"502 5.5.4 Missing parameter":                    "501 5.5.4 Syntax: AUTH mechanism",
	"454 4.7.0 Invalid base64 data":                  "501 5.5.2 Not base64",
	"501 5.5.2 Bad command":                          "500 5.5.2 Unknown command",
	"500 5.5.2 Error: bad syntax":                    "500 5.5.2 Unknown command",
	"500 5.5.1 Too many errors. Quiting now":         "421 4.7.0 Too many errors",
	"250 2.0.0 Roger, accepting mail from <>":        "250 2.1.0 Sender accepted",
	"250 2.0.0 I'll make sure <r@invalid> gets this": "250 2.1.5 Recipient accepted",
	"502 5.5.1 TLS not supported":                    "502 5.5.1 No STARTTLS here",
}

// correct returns what a line of go-smtp should say.
func (c *conn) correct(line string) string {
	if better, ok := corrections[line]; ok {
		return better
	}
	// RFC 5321 §4.1.1.1: the name of the server comes first.
	for _, greeting := range []string{"250-Hello ", "250 2.0.0 Hello "} {
		if name, ok := strings.CutPrefix(line, greeting); ok {
			return greeting[:4] + c.sess.o.Hostname + " Hello " + name
		}
	}
	return line
}
