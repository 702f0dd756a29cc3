package mimepart

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Bounds on what one message may make us keep. Beyond them a message still
// parses, with less detail; offsets and sizes are always those of the bytes.
const (
	// MaxDepth is the number of nested containers (multiparts, messages) that
	// are opened; a container below is kept closed, as a leaf.
	MaxDepth = 100
	// MaxParts bounds the nodes of a structure. After it no boundary counts.
	MaxParts = 10000
	// MaxHeader is how much is looked at of those fields of one header that are read.
	MaxHeader = 1 << 20
	// maxHeaders is how much of all headers of a message is looked at.
	maxHeaders = 16 << 20
	// maxAddresses bounds the addresses kept in all envelopes of a message.
	maxAddresses = 100000
	// maxBoundary: RFC 2046 §5.1.1 allows 70 characters, some mail has more.
	maxBoundary = 1000
)

// Parse reads a message to its end and returns its structure. Every sequence
// of octets has one: the error can only be r's.
//
// What the standards leave open is settled so: a line ends with LF, with or
// without CR before it. A header is what comes before the first empty line if
// at least one of its lines looks like a field, else there is no header. A
// boundary counts when nothing but white space follows it on its line, and the
// innermost open one of several equal ones is meant. A multipart in which no
// boundary is found gets one text/plain child that covers its body, since
// BODYSTRUCTURE has no other way to write it (RFC 3501 §9). An embedded
// message is opened unless it claims to be encoded in base64, quoted-printable
// or uuencode, which RFC 2046 §5.2.1 forbids.
func Parse(r io.Reader) (*Part, error) {
	p := parser{in: newLineReader(r), open: make(map[string]int), headersLeft: maxHeaders, addrsLeft: maxAddresses}
	defer p.in.release()
	root := &Part{}
	p.push(root, context{message: true}, 0, 0)
	for {
		start, fresh := p.in.off, p.in.start
		eol, lines := p.in.eol, p.in.lines
		chunk, err := p.in.next()
		if err != nil {
			return nil, fmt.Errorf("parse message at octet %d: %w", start, err)
		}
		if len(chunk) == 0 {
			p.closeTo(0, p.in.off, p.in.lines)
			return root, nil
		}
		if fresh && len(p.open) > 0 && chunk[0] == '-' {
			if i, last, ok := p.delimiter(chunk); ok {
				p.boundary(i, last, position{start, eol, lines})
				continue
			}
		}
		if p.inHeader {
			p.headerLine(chunk, fresh)
		}
	}
}

// parser holds the containers that are open, outermost first, and the leaf
// that is being read on top of them.
type parser struct {
	in    *lineReader
	stack []frame
	open  map[string]int // boundary → index in stack of the innermost multipart that has it
	parts int

	inHeader    bool
	header      []byte // fields of the part on top that are read, up to MaxHeader
	hasLine     bool   // the header has a line
	hasField    bool   // and one that is a field
	kept        bool   // the field that its last line belongs to is one of those in header
	headersLeft int
	addrsLeft   int
}

// context is what a part's place says about it.
type context struct {
	message bool // it is a whole message and has an envelope
	digest  bool // it is a child of multipart/digest
}

type frame struct {
	part     *Part
	ctx      context
	lines    int64  // LFs before the header, later before the body
	boundary string // "" unless an open multipart
	shadowed int    // what open[boundary] was before, -1 if nothing
}

// position is the start of a boundary line and what came before it.
type position struct{ start, eol, lines int64 }

// push begins a part whose header starts at off.
func (p *parser) push(part *Part, ctx context, off, lines int64) {
	part.Header, part.Body, part.End = off, off, off
	p.stack = append(p.stack, frame{part: part, ctx: ctx, lines: lines})
	p.parts++
	p.inHeader, p.hasLine, p.hasField, p.kept = true, false, false, false
	p.header = p.header[:0]
}

// delimiter tells which open multipart the line belongs to, and whether it
// closes it. The cost does not depend on how many are open.
func (p *parser) delimiter(line []byte) (index int, last, ok bool) {
	if len(line) < 3 || line[1] != '-' || line[len(line)-1] != '\n' && len(line) == readBuffer {
		return 0, false, false
	}
	text := bytes.TrimRight(line[2:], " \t\r\n")
	if len(text) > maxBoundary+2 {
		return 0, false, false
	}
	if i, found := p.open[string(text)]; found {
		return i, false, p.parts < MaxParts
	}
	if b, found := bytes.CutSuffix(text, []byte("--")); found {
		i, found := p.open[string(b)]
		return i, true, found
	}
	return 0, false, false
}

// boundary ends all that is open inside the multipart at index i and, unless
// the boundary is the last one, begins its next child.
func (p *parser) boundary(i int, last bool, at position) {
	// The line end before a boundary belongs to it (RFC 2046 §5.1.1).
	end, lines := at.start-at.eol, at.lines
	if at.eol > 0 {
		lines--
	}
	p.closeTo(i+1, end, lines)
	parent := p.stack[i].part
	if last {
		p.forget(&p.stack[i])
		return
	}
	child := &Part{}
	parent.Children = append(parent.Children, child)
	p.push(child, context{digest: strings.EqualFold(parent.Subtype, "digest")}, p.in.off, p.in.lines)
}

// closeTo ends the parts above the first n of the stack. end can lie before
// the body of a part: the line end before the boundary is the one that ended
// its header. Such a part is empty, and those around it end there too.
func (p *parser) closeTo(n int, end, lines int64) {
	if p.inHeader && len(p.stack) > n {
		p.endHeader(end, lines, true)
	}
	for len(p.stack) > n {
		f := &p.stack[len(p.stack)-1]
		if f.part.Body > end {
			end, lines = f.part.Body, f.lines
		}
		f.part.End, f.part.Lines = end, lines-f.lines
		p.forget(f)
		if f.part.IsMultipart() && len(f.part.Children) == 0 {
			f.part.Children = []*Part{placeholder(f.part)}
		}
		p.stack = p.stack[:len(p.stack)-1]
	}
}

// forget stops looking for the boundary of a multipart.
func (p *parser) forget(f *frame) {
	if f.boundary == "" {
		return
	}
	if f.shadowed >= 0 {
		p.open[f.boundary] = f.shadowed
	} else {
		delete(p.open, f.boundary)
	}
	f.boundary = ""
}

// placeholder is the one child of a multipart without parts: all its text.
func placeholder(p *Part) *Part {
	c := &Part{Header: p.Body, Body: p.Body, End: p.End, Lines: p.Lines}
	c.setDefaults(context{})
	return c
}

// headerLine takes one line, or piece of a line, of the current header.
func (p *parser) headerLine(chunk []byte, fresh bool) {
	if fresh && isBlank(chunk) {
		p.endHeader(p.in.off, p.in.lines, false)
		return
	}
	p.hasLine = true
	if fresh && chunk[0] != ' ' && chunk[0] != '\t' {
		name := fieldName(chunk)
		p.hasField = p.hasField || name != nil
		p.kept = isRead(Field{Name: name})
	}
	if !p.kept {
		return
	}
	if room := min(MaxHeader-len(p.header), p.headersLeft); room < len(chunk) {
		chunk = chunk[:max(0, room)]
	}
	p.header = append(p.header, chunk...)
	p.headersLeft -= len(chunk)
}

// endHeader is called when the header of the part on top is complete: its
// body begins at body, with that many LFs before. When over, a boundary or the
// end of the message cut the header off, and nothing follows.
func (p *parser) endHeader(body, lines int64, over bool) {
	for {
		top := &p.stack[len(p.stack)-1]
		part := top.part
		p.inHeader = false
		switch {
		case p.hasLine && !p.hasField:
			// Not a header at all, but text, even in a digest.
			body, lines = part.Header, top.lines
			top.ctx.digest = false
		case body < part.Header:
			body, lines = part.Header, top.lines
		}
		part.Body, top.lines = body, lines
		part.readHeader(p.header, top.ctx, &p.addrsLeft)
		if !p.enter(top) || !over {
			return
		}
	}
}

// enter opens a container whose header has just ended, and reports whether
// another header begins: that of an embedded message.
func (p *parser) enter(top *frame) bool {
	part := top.part
	if len(p.stack) > MaxDepth || p.parts >= MaxParts {
		return false
	}
	switch {
	case part.IsMultipart():
		// RFC 2046 §5.1.1: a boundary does not end with white space.
		b := strings.TrimRight(part.boundary(), " \t\r\n")
		if b == "" || len(b) > maxBoundary {
			return false
		}
		top.boundary, top.shadowed = b, -1
		if i, found := p.open[b]; found {
			top.shadowed = i
		}
		p.open[b] = len(p.stack) - 1
		return false
	case part.isMessageType() && !part.isEncoded():
		child := &Part{}
		part.Children = []*Part{child}
		p.push(child, context{message: true}, part.Body, top.lines)
		return true
	}
	return false
}
