package index

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// detailFormat is the first octet of an encoded Detail; a new layout gets a new
// number, and decodeDetail learns both.
const detailFormat = 1

var errBlob = errors.New("malformed record")

// hash finds a message id by an integer of 8 octets in place of the id's 150;
// who looks up compares the id as well.
func hash(id bridge.MessageID) int64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return int64(h.Sum64())
}

// appendString writes a string with its length before it.
func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// encodeCategories returns nil for none, which the database keeps as NULL.
func encodeCategories(list []string) []byte {
	var b []byte
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func decodeCategories(blob string) ([]string, error) {
	d := decoder{rest: blob}
	var list []string
	for d.rest != "" && !d.bad {
		list = append(list, d.string())
	}
	if d.bad {
		return nil, errBlob
	}
	return list, nil
}

func encodeDetail(b []byte, d *bridge.Detail) []byte {
	b = append(b, detailFormat)
	e := &d.Envelope
	for _, s := range [...]string{e.Date, e.Subject, e.InReplyTo, e.MessageID} {
		b = appendString(b, s)
	}
	for _, list := range [...][]mimepart.Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, a := range list {
			for _, s := range [...]string{a.Name, a.Route, a.Mailbox, a.Host} {
				b = appendString(b, s)
			}
		}
	}
	b = binary.AppendVarint(b, d.Sent.Unix())
	for _, s := range [...]string{d.References, d.Class, d.ConversationID, d.Preview, d.Fingerprint} {
		b = appendString(b, s)
	}
	last := byte(e.Empty) << 1
	if d.HasAttachments {
		last |= 1
	}
	return append(b, last)
}

// decodeDetail reads what encodeDetail wrote. The strings of the result share
// the memory of blob.
func decodeDetail(blob string) (*bridge.Detail, error) {
	if blob == "" || blob[0] != detailFormat {
		return nil, errBlob
	}
	r := decoder{rest: blob[1:]}
	d := new(bridge.Detail)
	e := &d.Envelope
	for _, s := range [...]*string{&e.Date, &e.Subject, &e.InReplyTo, &e.MessageID} {
		*s = r.string()
	}
	for _, list := range [...]*[]mimepart.Address{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc} {
		*list = r.addresses()
	}
	d.Sent = time.Unix(r.varint(), 0).UTC()
	for _, s := range [...]*string{&d.References, &d.Class, &d.ConversationID, &d.Preview, &d.Fingerprint} {
		*s = r.string()
	}
	if r.bad || len(r.rest) != 1 || r.rest[0] > 1<<5-1 {
		return nil, errBlob
	}
	d.HasAttachments = r.rest[0]&1 != 0
	e.Empty = mimepart.TextFields(r.rest[0] >> 1)
	return d, nil
}

// decoder takes a record apart; after the first error it is bad and gives
// zeros.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) fail() {
	d.rest, d.bad = "", true
}

func (d *decoder) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break // does not fit into 64 bits
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

// varint is the zigzag form of encoding/binary.
func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) addresses() []mimepart.Address {
	n := d.uvarint()
	// An address has four lengths, so at least four octets: a damaged count
	// must not ask for memory that the record cannot fill.
	if n > uint64(len(d.rest)/4) {
		d.fail()
	}
	if n == 0 || d.bad {
		return nil
	}
	list := make([]mimepart.Address, n)
	for i := range list {
		a := &list[i]
		a.Name, a.Route, a.Mailbox, a.Host = d.string(), d.string(), d.string(), d.string()
	}
	return list
}
