package mimepart

import "strings"

// Find returns the part that a section's numbers name (RFC 3501 §6.4.5); p is
// a whole message. Numbers count the children of a multipart. A message that
// is no multipart has one part, 1, which is the message itself. Below a
// message/rfc822 part numbers count the parts of the embedded message, so that
// no number stands for that message as such. An empty path is p.
func (p *Part) Find(path []int) (*Part, bool) {
	cur, message := p, true
	for _, n := range path {
		if !message && !cur.IsMultipart() {
			if cur = cur.Message(); cur == nil {
				return nil, false
			}
		}
		message = false
		switch {
		case !cur.IsMultipart():
			if n != 1 {
				return nil, false
			}
		case n < 1 || n > len(cur.Children):
			return nil, false
		default:
			cur = cur.Children[n-1]
		}
	}
	return cur, true
}

// Section returns the octets of BODY[path.specifier]: specifier is "",
// "HEADER", "TEXT" or "MIME" in any letter case, and Fields makes
// HEADER.FIELDS of HEADER's. ok is false where RFC 3501 §6.4.5 gives the
// section no meaning: a part that is not there, HEADER or TEXT of a part that
// is no message, MIME without a number.
func (p *Part) Section(path []int, specifier string) (from, to int64, ok bool) {
	part, ok := p.Find(path)
	if !ok {
		return 0, 0, false
	}
	message := p
	if len(path) > 0 {
		message = part.Message()
	}
	switch strings.ToUpper(specifier) {
	case "":
		if len(path) == 0 {
			return p.Header, p.End, true
		}
		return part.Body, part.End, true
	case "MIME":
		return part.Header, part.Body, len(path) > 0
	case "HEADER":
		if message != nil {
			return message.Header, message.Body, true
		}
	case "TEXT":
		if message != nil {
			return message.Body, message.End, true
		}
	}
	return 0, 0, false
}
