package mimepart

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// marshalVersion is the first octet of the encoding. Another means: parse anew.
const marshalVersion = 1

// ErrEncoding is wrapped by the errors of UnmarshalBinary.
var ErrEncoding = errors.New("damaged part index")

// common holds the strings that most parts have, so that each costs one octet.
// The order is part of the encoding.
var common = []string{
	"text", "plain", "html", "multipart", "mixed", "alternative", "related", "report", "signed",
	"application", "octet-stream", "pdf", "image", "png", "jpeg", "gif", "message", "rfc822", "delivery-status",
	"charset", "us-ascii", "utf-8", "UTF-8", "iso-8859-1", "boundary", "name", "filename", "format", "flowed",
	"type", "size", "7bit", "8bit", "quoted-printable", "base64", "binary", "attachment", "inline",
	MissingHost, MissingMailbox,
}

var commonIndex = func() map[string]int {
	m := make(map[string]int, len(common))
	for i, s := range common {
		m[s] = i
	}
	return m
}()

// MarshalBinary encodes the whole tree, compactly and with a version, for
// UnmarshalBinary. It cannot fail on a tree that Parse made.
func (p *Part) MarshalBinary() ([]byte, error) {
	e := encoder{buf: make([]byte, 0, 256)}
	e.buf = append(e.buf, marshalVersion)
	e.part(p, 0)
	return e.buf, nil
}

type encoder struct{ buf []byte }

func (e *encoder) uint(n int64) { e.buf = binary.AppendUvarint(e.buf, uint64(n)) }

// str writes an index into common as an odd number, else twice the length.
func (e *encoder) str(s string) {
	if i, ok := commonIndex[s]; ok {
		e.uint(int64(i)<<1 | 1)
		return
	}
	e.uint(int64(len(s)) << 1)
	e.buf = append(e.buf, s...)
}

func (e *encoder) part(p *Part, base int64) {
	e.uint(p.Header - base)
	e.uint(p.Body - p.Header)
	e.uint(p.End - p.Body)
	e.uint(p.Lines)
	for _, s := range p.texts() {
		e.str(*s)
	}
	e.params(p.Params)
	e.params(p.DispParams)
	e.uint(int64(len(p.Language)))
	for _, s := range p.Language {
		e.str(s)
	}
	if p.Envelope == nil {
		e.uint(0)
	} else {
		e.uint(1 | int64(p.Envelope.Empty)<<1)
		e.envelope(p.Envelope)
	}
	e.uint(int64(len(p.Children)))
	for _, c := range p.Children {
		e.part(c, p.Header)
	}
}

// texts lists the plain strings of a part in the order of the encoding.
func (p *Part) texts() []*string {
	return []*string{&p.Type, &p.Subtype, &p.ID, &p.Description, &p.Encoding, &p.MD5, &p.Disposition, &p.Location}
}

func (e *encoder) params(list []Param) {
	e.uint(int64(len(list)))
	for _, p := range list {
		e.str(p.Name)
		e.str(p.Value)
	}
}

func (e *encoder) envelope(env *Envelope) {
	for _, s := range env.texts() {
		e.str(*s)
	}
	for _, list := range env.lists() {
		e.uint(int64(len(*list)))
		for _, a := range *list {
			e.str(a.Name)
			e.str(a.Route)
			e.str(a.Mailbox)
			e.str(a.Host)
		}
	}
}

func (e *Envelope) texts() []*string {
	return []*string{&e.Date, &e.Subject, &e.InReplyTo, &e.MessageID}
}

func (e *Envelope) lists() []*[]Address {
	return []*[]Address{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc}
}

// UnmarshalBinary replaces p by the tree that MarshalBinary encoded. On damaged
// or foreign data it returns an error that wraps ErrEncoding and leaves p as
// it is; it allocates in proportion to the data, and offsets are in order.
func (p *Part) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] != marshalVersion {
		return fmt.Errorf("%w: unknown version", ErrEncoding)
	}
	d := decoderState{data: string(data[1:])}
	var root Part
	d.part(&root, 0, 0)
	switch {
	case d.bad:
		return fmt.Errorf("%w: broken near octet %d", ErrEncoding, len(data)-len(d.data))
	case d.data != "":
		return fmt.Errorf("%w: %d octets too many", ErrEncoding, len(d.data))
	}
	*p = root
	return nil
}

// decoderState reads from data, of which all strings are slices. After the
// first fault everything reads as zero.
type decoderState struct {
	data string
	bad  bool
}

func (d *decoderState) fail() { d.bad, d.data = true, "" }

func (d *decoderState) uint() int64 {
	var n uint64
	for i := 0; i < len(d.data) && i < 9; i++ { // 9 octets: 63 bits
		c := d.data[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.data = d.data[i+1:]
			return int64(n)
		}
	}
	d.fail()
	return 0
}

// count reads the length of a list whose elements take at least size octets.
func (d *decoderState) count(size int) int {
	n := d.uint()
	if n > int64(len(d.data)/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoderState) str() string {
	n := d.uint()
	if n&1 == 1 {
		if n>>1 >= int64(len(common)) {
			d.fail()
			return ""
		}
		return common[n>>1]
	}
	if n>>1 > int64(len(d.data)) {
		d.fail()
		return ""
	}
	s := d.data[:n>>1]
	d.data = d.data[n>>1:]
	return s
}

// add returns base+n, or fails on overflow.
func (d *decoderState) add(base, n int64) int64 {
	if base+n < base {
		d.fail()
		return base
	}
	return base + n
}

// minPart is the least a part takes: its numbers, strings and counts.
const minPart = 4 + 8 + 5

func (d *decoderState) part(p *Part, base int64, depth int) {
	if depth > MaxDepth+2 {
		d.fail()
		return
	}
	p.Header = d.add(base, d.uint())
	p.Body = d.add(p.Header, d.uint())
	p.End = d.add(p.Body, d.uint())
	p.Lines = d.uint()
	for _, s := range p.texts() {
		*s = d.str()
	}
	p.Params = d.params()
	p.DispParams = d.params()
	for range d.count(1) {
		p.Language = append(p.Language, d.str())
	}
	if mark := d.uint(); mark != 0 {
		p.Envelope = d.envelope()
		p.Envelope.Empty = TextFields(mark >> 1)
	}
	n := d.count(minPart)
	if n == 0 {
		return
	}
	p.Children = make([]*Part, n)
	for i := range p.Children {
		c := new(Part)
		p.Children[i] = c
		d.part(c, p.Header, depth+1)
		if c.Header < p.Body || c.End > p.End || i > 0 && c.Header < p.Children[i-1].End {
			d.fail()
		}
	}
}

func (d *decoderState) params() []Param {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	list := make([]Param, n)
	for i := range list {
		list[i] = Param{d.str(), d.str()}
	}
	return list
}

func (d *decoderState) envelope() *Envelope {
	env := &Envelope{}
	for _, s := range env.texts() {
		*s = d.str()
	}
	for _, list := range env.lists() {
		n := d.count(4)
		if n == 0 {
			continue
		}
		*list = make([]Address, n)
		for i := range *list {
			(*list)[i] = Address{d.str(), d.str(), d.str(), d.str()}
		}
	}
	return env
}
