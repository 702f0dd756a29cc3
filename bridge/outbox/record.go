package outbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// State is where a message stands.
type State string

// The states. Incoming and Active exist while a process works on the message;
// after a restart such a message is deferred and due at once.
const (
	Incoming State = "incoming" // being written
	Active   State = "active"   // being sent
	Deferred State = "deferred" // waits for its next try
	Held     State = "held"     // waits for an operator
	Failed   State = "failed"   // given up, and the sender could not be told
	Doomed   State = "doomed"   // deleted by an operator; a draft at the service is still to be removed
)

// Recipient is one recipient of the envelope with what RFC 3461 adds to it.
type Recipient struct {
	Address  string `json:"address"`
	Notify   string `json:"notify,omitempty"` // "NEVER" or a list of SUCCESS, FAILURE, DELAY; "" is FAILURE
	Original string `json:"orcpt,omitempty"`  // ORCPT, "rfc822;user@example.com"

	// Verdict is why the service refused the part of the message for this recipient
	// while others got theirs, with its status code.
	Verdict string `json:"verdict,omitempty"`
	Status  string `json:"status,omitempty"`
}

// Copy is a copy of what was sent, in Sent Items.
type Copy struct {
	ID     string `json:"id"` // that of the draft
	Marker string `json:"marker"`
}

// Record is all that is known of a message besides its octets.
type Record struct {
	ID      string `json:"id"`
	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"` // why it is in that state
	Login   string `json:"login"`
	Mailbox string `json:"mailbox"` // the address of the mailbox that sends, in lower case

	From       string      `json:"from"` // "" is the null sender
	Recipients []Recipient `json:"recipients"`
	EnvelopeID string      `json:"envid,omitempty"` // ENVID (RFC 3461 §4.4)
	ReturnFull bool        `json:"full,omitempty"`  // RET=FULL
	MessageID  string      `json:"message_id,omitempty"`
	SentCopy   string      `json:"sent_copy,omitempty"` // what becomes of the copy in Sent Items; "" keeps it
	KeepSigned bool        `json:"keep_signed,omitempty"`
	KeepDKIM   bool        `json:"keep_dkim,omitempty"`

	Received time.Time `json:"received"`
	Size     int64     `json:"size"`
	Sum      string    `json:"sha256"` // of the octets

	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next,omitzero"` // of the next try
	Last     time.Time `json:"last,omitzero"` // of the last one

	// A message to more recipients than the service takes at once goes out in parts,
	// one after another. Done recipients, from the first on, are dealt with; Part are
	// those that Draft is for, 0: all. Round counts how often it began anew.
	Done  int `json:"done,omitempty"`
	Part  int `json:"part,omitempty"`
	Round int `json:"round,omitempty"`

	// What the service told on the way. Submitted is set before a draft is sent: from
	// Asked on it may have been. Doubt says that nobody can tell. Stray says that a
	// draft may exist besides.
	Draft     string    `json:"draft,omitempty"`
	Submitted bool      `json:"submitted,omitempty"`
	Asked     time.Time `json:"asked,omitzero"`
	Doubt     bool      `json:"doubt,omitempty"`
	Stray     bool      `json:"stray,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Accepted  bool      `json:"accepted,omitempty"` // sent; something is left to do with the copies
	Relayed   bool      `json:"relayed,omitempty"`  // sent; its sender is to hear of that. Accepted is set too
	Delayed   bool      `json:"delayed,omitempty"`  // its sender has heard that it has to wait
	Copies    []Copy    `json:"copies,omitempty"`

	// Verdict is why the message was given up, with its status code (RFC 3463): what
	// is left is to tell the sender, which was tried Reports times.
	Verdict string `json:"verdict,omitempty"`
	Status  string `json:"status,omitempty"`
	Reports int    `json:"reports,omitempty"`
}

// Waiting returns the addresses of the part that is to be sent.
func (r *Record) Waiting() []string {
	rest := r.Recipients[min(r.Done, len(r.Recipients)):]
	if r.Part > 0 {
		rest = rest[:min(r.Part, len(rest))]
	}
	out := make([]string, len(rest))
	for i, rcpt := range rest {
		out[i] = rcpt.Address
	}
	return out
}

// Whole reports whether the part to be sent is the message as it was put in.
func (r *Record) Whole() bool {
	return r.Round == 0 && r.Done == 0 && (r.Part == 0 || r.Part >= len(r.Recipients))
}

// Marker is a word that is in what the service gets of the part to be sent, and
// in nothing else.
func (r *Record) Marker() string {
	if r.Whole() {
		return r.ID
	}
	return fmt.Sprintf("%sr%dp%dn%d", r.ID, r.Round, r.Done, len(r.Waiting()))
}

// Undelivered returns the recipients that a message given up did not reach.
func (r *Record) Undelivered() (out []Recipient) {
	for i, rcpt := range r.Recipients {
		if i >= r.Done || rcpt.Verdict != "" {
			out = append(out, rcpt)
		}
	}
	return out
}

// again makes the Record that of a message to those whom it did not reach.
func (r *Record) again(now time.Time) {
	r.Recipients = r.Undelivered()
	for i := range r.Recipients {
		r.Recipients[i].Verdict, r.Recipients[i].Status = "", ""
	}
	r.Attempts, r.Reports, r.Received = 0, 0, now.UTC().Truncate(time.Second)
	r.Verdict, r.Status = "", ""
	r.Draft, r.Submitted, r.Doubt, r.Done, r.Part = "", false, false, 0, 0
	r.Round++
}

func (r *Record) clone() Record {
	c := *r
	c.Recipients, c.Copies = slices.Clone(r.Recipients), slices.Clone(r.Copies)
	return c
}

// The first line of an .env file: magic, version, octets and SHA-256 of what follows.
const (
	recordMagic   = "mail2graph-outbox"
	recordVersion = 1
	maxRecord     = 8 << 20 // thousands of recipients fit
)

var errCorrupt = errors.New("corrupt")

// ErrNewer: a newer version of this program wrote it.
var ErrNewer = errors.New("outbox of a newer version")

func (r *Record) encode() ([]byte, error) {
	body, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	sum := sha256.Sum256(body)
	head := fmt.Sprintf("%s %d %d %s\n", recordMagic, recordVersion, len(body), hex.EncodeToString(sum[:]))
	return append([]byte(head), body...), nil
}

// decodeRecord reads an .env file; id is the one in its name.
func decodeRecord(id string, text []byte) (*Record, error) {
	head, body, _ := bytes.Cut(text, []byte("\n"))
	words := bytes.Fields(head)
	if len(words) != 4 || string(words[0]) != recordMagic {
		return nil, fmt.Errorf("%w: not a record", errCorrupt)
	}
	if version, err := strconv.Atoi(string(words[1])); err == nil && version > recordVersion {
		return nil, fmt.Errorf("message %s: %w: it has format %d, this version knows up to %d; run the newer version until the outbox is empty",
			id, ErrNewer, version, recordVersion)
	} else if err != nil || version < 1 {
		return nil, fmt.Errorf("%w: version %q of the record", errCorrupt, words[1])
	}
	sum := sha256.Sum256(body)
	if string(words[2]) != strconv.Itoa(len(body)) || string(words[3]) != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("%w: checksum of the record", errCorrupt)
	}
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if r.ID != id || r.Size < 0 {
		return nil, fmt.Errorf("%w: the record is that of %q", errCorrupt, r.ID)
	}
	return &r, nil
}
