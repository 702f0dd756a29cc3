package graphsim

import (
	"bytes"
	"io"
	"time"
)

// Content is the MIME of a message. Size and the bytes of Open must agree and stay the same over calls, which may
// come at the same time; content made on demand keeps a mailbox of many messages small.
type Content interface {
	Size() int64
	Open() io.Reader
}

// Bytes is Content held in memory.
type Bytes []byte

// Size is the number of bytes.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Open reads from the start.
func (b Bytes) Open() io.Reader { return bytes.NewReader(b) }

// Address is a mailbox with its display name, as in res/emailaddress.
type Address struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Header is one field of a message header, in its order.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Meta is what a listing shows of a message. Given with a delivery it saves reading the content.
type Meta struct {
	Subject        string    `json:"subject"`
	From           Address   `json:"from"`
	Sender         Address   `json:"sender"`
	To             []Address `json:"to,omitempty"`
	Cc             []Address `json:"cc,omitempty"`
	Bcc            []Address `json:"bcc,omitempty"`
	ReplyTo        []Address `json:"replyTo,omitempty"`
	MessageID      string    `json:"messageId"` // with angle brackets
	InReplyTo      string    `json:"inReplyTo,omitempty"`
	References     string    `json:"references,omitempty"`
	Sent           time.Time `json:"sent"`                  // the Date header; zero means the time of delivery
	Preview        string    `json:"preview"`               // first 255 characters of the text
	HasAttachments bool      `json:"hasAttachments"`        // true attachments, not inline ones
	Importance     string    `json:"importance,omitempty"`  // "low", "normal", "high"; "" is normal
	Class          string    `json:"class,omitempty"`       // message class; "" is IPM.Note
	ReadReceipt    bool      `json:"readReceipt,omitempty"` // the sender asked for one
	DelivReceipt   bool      `json:"deliveryReceipt,omitempty"`
}

// DeliverOptions say where and how a message arrives.
type DeliverOptions struct {
	// Folder is a well-known name, an id or a path of display names ("Inbox/Projects"); "" is the inbox.
	Folder string
	// Received is the time of arrival; zero means now.
	Received time.Time
	// Meta replaces what would be read from the content. Nil means reading it.
	Meta *Meta
	// Read, Draft, Flagged and Categories are the state in which the message appears.
	Read, Draft, Flagged bool
	Categories           []string
	// FailValue makes $value of this message fail with 500 ErrorMimeContentConversionFailed (§13).
	FailValue bool
	// Type is the OData type without '#', for instance "microsoft.graph.eventMessageRequest"; "" is a message.
	Type string
	// Unlisted items count in totalItemCount but are not in the list of messages (check C12).
	Unlisted bool
}
