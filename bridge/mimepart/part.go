// Package mimepart finds the parts of a message in one pass over its bytes and
// never fails: any octets have a structure. It gives what IMAP's ENVELOPE,
// BODYSTRUCTURE and body sections need (RFC 3501 §7.4.2, RFC 2045–2047, RFC
// 2183, RFC 5322), as raw as the message has it: broken addresses, dates and
// parameters are passed on, not repaired. It decodes nothing while it parses;
// Open, Text and DecodeHeader decode for those who search or rebuild.
package mimepart

// Part is one node of a message's structure. Offsets count octets from the
// start of the whole message.
type Part struct {
	Header int64 // first octet of the header
	Body   int64 // first octet after the header's empty line
	End    int64 // first octet after the body (before the CRLF of the next boundary)
	Lines  int64 // lines of the body, as BODYSTRUCTURE counts them

	Type        string  // media type as written, "text"; defaults of RFC 2045 §5.2 filled in
	Subtype     string  // "plain"
	Params      []Param // of Content-Type; raw (RFC 2231 left alone)
	ID          string  // Content-ID, raw; "" if absent, as for all below
	Description string
	Encoding    string // Content-Transfer-Encoding as written; "7bit" by default
	MD5         string
	Disposition string // "attachment"
	DispParams  []Param
	Language    []string
	Location    string

	// Envelope is set on the root and on the message inside a message/rfc822.
	Envelope *Envelope
	// Children are the parts of a multipart, or the one message inside a
	// message/rfc822 (or message/global) part; nil otherwise.
	Children []*Part
}

// Param is one parameter of a structured header field.
type Param struct{ Name, Value string }

// Envelope holds header fields as written, unfolded but not decoded.
type Envelope struct {
	Date      string
	Subject   string
	From      []Address
	Sender    []Address // empty if the field is absent; the default is the reader's affair
	ReplyTo   []Address
	To        []Address
	Cc        []Address
	Bcc       []Address
	InReplyTo string
	MessageID string
	Empty     TextFields // those of the four texts that are there without a value
}

// TextFields is a set of fields with plain text.
type TextFields uint8

// The members of TextFields.
const (
	FieldDate TextFields = 1 << iota
	FieldSubject
	FieldInReplyTo
	FieldMessageID
)

// Address is one address of a header field, undecoded. A group starts with an
// address that has only Mailbox (its name) and ends with one that has nothing
// (RFC 3501 §7.4.2).
type Address struct {
	Name    string // display name, quotes removed, encoded words kept
	Route   string // source route, "@a,@b"
	Mailbox string
	Host    string // "" together with a Mailbox: group start; both "": group end
}
