package graphsim

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mailPlan is what is kept of a seeded message. Its bytes are made from it again
// whenever somebody reads them.
type mailPlan struct {
	owner    Address
	domain   string // of the owner
	seed     uint64
	index    int
	kind     *mailKind
	writer   person    // the other side: who writes, or to whom the owner writes
	byOwner  bool      // sent by the owner of the mailbox
	draft    bool      // not sent at all
	sent     time.Time // whole seconds, UTC
	parent   *mailPlan // the message this one answers
	topic    int       // of topics, shared by a conversation
	maxBytes int64     // bound of attachments
	answered bool
}

// dice for one purpose; the same purpose rolls the same numbers each time.
func (p *mailPlan) dice(purpose int) *dice { return rollFor(p.seed, purpose, p.index) }

const (
	rollText = iota + 1
	rollForm
	rollHeader
	rollFile
	rollState
	rollSubject
)

// messageID is derived from the plan alone, so that answers can name it.
func (p *mailPlan) messageID() string {
	d := p.dice(rollHeader)
	domain := p.domain
	if !p.byOwner {
		_, domain, _ = strings.Cut(p.writer.address, "@")
	}
	switch d.upTo(3) {
	case 0:
		return fmt.Sprintf("<%s.%d@%s>", d.hex(16), p.sent.Unix(), domain)
	case 1:
		return fmt.Sprintf("<%s-%s-%s@%s>", d.hex(8), d.hex(4), d.hex(12), domain)
	}
	return fmt.Sprintf("<CA+%s=%s@mail.%s>", d.hex(22), d.hex(10), domain)
}

// seededMail is the Content of a planned message.
type seededMail struct {
	plan *mailPlan
	size int64
}

// Size is known from laying the message out once.
func (m *seededMail) Size() int64 { return m.size }

// Open lays the message out again and reads it; attachments are made on the way.
func (m *seededMail) Open() io.Reader { return m.plan.compose().layout(new(seedPieces)).reader() }

// mailDraft is a message being composed.
type mailDraft struct {
	*mailPlan
	text    *dice
	meta    Meta
	charset string // of encoded words
	base64  bool   // form of encoded words
	to, cc  []Address
	fields  []string // between the address fields and those of MIME
	body    *seedPart
	odata   string // OData type, "" for a message
	count   int    // of boundaries
}

// compose makes header and structure; files of any size are only described.
func (p *mailPlan) compose() *mailDraft {
	m := &mailDraft{mailPlan: p, text: p.dice(rollText), charset: "utf-8"}
	other := Address{p.writer.name, p.writer.address}
	m.meta.From, m.to = other, []Address{p.owner}
	if p.byOwner {
		m.meta.From, m.to = p.owner, []Address{other}
	}
	m.meta.MessageID = p.messageID()
	m.meta.Sent = p.sent
	m.meta.Importance = "normal"
	if p.parent != nil {
		m.meta.InReplyTo = p.parent.messageID()
		var chain []string
		for a := p.parent; a != nil; a = a.parent {
			chain = append(chain, a.messageID())
		}
		slices.Reverse(chain)
		m.meta.References = strings.Join(chain, " ")
	}
	m.body = p.kind.body(m)
	m.meta.To, m.meta.Cc = m.to, m.cc
	return m
}

// layout writes the header, in the order in which it grew on the way, and the body.
func (m *mailDraft) layout(p *seedPieces) *seedPieces {
	if !m.byOwner {
		m.trace(p)
	}
	zone := m.writer.zone
	if m.byOwner {
		zone = 1
	}
	p.write(headerLine("Date", m.sent.In(time.FixedZone("", zone*3600)).Format(time.RFC1123Z)))
	p.write(headerLine("From", addressText(m.meta.From, m.charset, m.base64)))
	if m.meta.Sender.Address != "" {
		p.write(headerLine("Sender", addressText(m.meta.Sender, m.charset, m.base64)))
	}
	if len(m.meta.ReplyTo) > 0 {
		p.write(headerLine("Reply-To", m.list(m.meta.ReplyTo)))
	}
	if len(m.to) > 0 {
		p.write(headerLine("To", m.list(m.to)))
	}
	if len(m.cc) > 0 {
		p.write(headerLine("Cc", m.list(m.cc)))
	}
	p.write(headerLine("Subject", encodedWords(m.meta.Subject, m.charset, m.base64)))
	p.write("Message-ID: " + m.meta.MessageID + "\r\n")
	if m.meta.InReplyTo != "" {
		p.write(headerLine("In-Reply-To", m.meta.InReplyTo))
		p.write(headerLine("References", m.meta.References))
	}
	switch m.meta.Importance {
	case "high":
		p.write("Importance: high\r\nX-Priority: 1\r\n")
	case "low":
		p.write("Importance: low\r\nX-Priority: 5\r\n")
	}
	for _, f := range m.fields {
		p.write(f)
	}
	p.write("MIME-Version: 1.0\r\n")
	m.body.render(p)
	return p
}

func (m *mailDraft) list(addresses []Address) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = addressText(a, m.charset, m.base64)
	}
	return strings.Join(texts, ", ")
}

// trace writes what the servers on the way added (RFC 5321 §4.4).
func (m *mailDraft) trace(p *seedPieces) {
	d := m.dice(rollHeader + 100)
	_, domain, _ := strings.Cut(m.meta.From.Address, "@")
	stamp := func(seconds int) string {
		return m.sent.Add(time.Duration(seconds) * time.Second).Format("Mon, 2 Jan 2006 15:04:05 -0700")
	}
	p.write(headerLine("Return-Path", "<"+m.meta.From.Address+">"))
	hops := 1 + d.upTo(4)
	for i := hops; i > 0; i-- {
		from, by := fmt.Sprintf("relay%d.%s", i-1, domain), fmt.Sprintf("relay%d.%s", i, domain)
		if i == hops {
			by = "mx" + strconv.Itoa(1+d.upTo(3)) + "." + m.domain
		}
		p.write(headerLine("Received", fmt.Sprintf("from %s (%s [203.0.113.%d]) by %s with ESMTPS id %s (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384) for <%s>; %s",
			from, from, d.between(1, 254), by, d.hex(14), m.owner.Address, stamp(2*i))))
	}
	if d.percent(60) {
		p.write(headerLine("Authentication-Results", fmt.Sprintf("mx.%s; spf=pass smtp.mailfrom=%s; dkim=pass header.d=%s; dmarc=pass", m.domain, domain, domain)))
		p.write(headerLine("DKIM-Signature", fmt.Sprintf("v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=s2025; h=from:to:subject:date:message-id; bh=%s=; b=%s %s %s",
			domain, d.hex(43), d.hex(60), d.hex(60), d.hex(52))))
	}
}

// fill replaces the braces of a text.
func (m *mailDraft) fill(text string, d *dice) string {
	for {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			return text
		}
		end := open + strings.IndexByte(text[open:], '}')
		name := text[open+1 : end]
		value := ""
		if name == "number" {
			value = fmt.Sprintf("%d-%05d", m.sent.Year(), 10000+d.upTo(80000))
		} else {
			value = pick(d, fillers[name])
		}
		text = text[:open] + value + text[end+1:]
	}
}

// root is the first message of the conversation.
func (p *mailPlan) root() *mailPlan {
	for p.parent != nil {
		p = p.parent
	}
	return p
}

// conversationSubject is the same for all messages of a conversation but for the "Re: ".
func (m *mailDraft) conversationSubject() string {
	root := m.root()
	s := m.fill(topics[m.topic].subject, root.dice(rollSubject))
	if m.parent != nil {
		return "Re: " + s
	}
	return s
}

// letter is what somebody writes in English: greeting, text, closing, signature.
func (m *mailDraft) letter() string {
	d := m.dice(rollText)
	var b strings.Builder
	first, _, _ := strings.Cut(m.to[0].Name, " ")
	fmt.Fprintf(&b, "%s %s,\n\n", pick(d, greetings), first)
	if m.parent != nil {
		b.WriteString(m.fill(pick(d, answers), d) + "\n\n")
	}
	lines := topics[m.topic].lines
	n := d.between(1, len(lines))
	if m.parent == nil {
		n = max(n, 2)
	}
	start := 0
	if m.parent != nil {
		start = d.upTo(len(lines))
	}
	for i := range n {
		b.WriteString(m.fill(lines[(start+i)%len(lines)], d))
		if d.percent(40) {
			b.WriteString("\n\n")
		} else {
			b.WriteString(" ")
		}
	}
	text := strings.TrimRight(b.String(), " \n")
	return text + "\n\n" + pick(d, closings) + "\n" + m.signature()
}

func (m *mailDraft) signature() string {
	if m.byOwner {
		return m.owner.Name
	}
	return m.writer.name + "\n-- \n" + m.writer.name + "\n" + m.writer.role + "\n" + m.writer.address
}

// quoted is the answered message below the answer, with what it quoted itself.
func (m *mailDraft) quoted(width, depth int) string {
	if m.parent == nil || depth == 0 {
		return ""
	}
	parent := &mailDraft{mailPlan: m.parent, to: []Address{m.owner}}
	who := m.parent.writer.name
	if m.parent.byOwner {
		who, parent.to = m.owner.Name, []Address{{Name: m.parent.writer.name}}
	}
	text := wrap(parent.letter(), width, false) + parent.quoted(width-2, depth-1)
	var b strings.Builder
	fmt.Fprintf(&b, "\r\nOn %s, %s wrote:\r\n", m.parent.sent.Format("Mon, 2 Jan 2006 at 15:04"), who)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		b.WriteString(strings.TrimRight("> "+line, " ") + "\r\n")
	}
	return b.String()
}

// multipart joins parts under a boundary of their own.
func (m *mailDraft) multipart(subtype, params string, parts ...*seedPart) *seedPart {
	m.count++
	d := m.dice(rollForm + 100*m.count)
	boundary := fmt.Sprintf("----=_Part_%d_%s", m.count, d.hex(20))
	if m.index%3 == 0 {
		boundary = fmt.Sprintf("_%03d_%sexample_", m.count-1, d.hex(24))
	}
	return &seedPart{
		fields:   []string{headerLine("Content-Type", fmt.Sprintf(`multipart/%s; boundary="%s"%s`, subtype, boundary, params))},
		boundary: boundary, parts: parts,
	}
}

// attachment makes a part that is shown as a file.
func (m *mailDraft) attachment(contentType, name string, b *blob) *seedPart {
	m.meta.HasAttachments = true
	by2231 := m.index%2 == 0
	return &seedPart{blob: b, fields: []string{
		headerLine("Content-Type", contentType+"; "+fileParam("name", name, by2231)),
		headerLine("Content-Disposition", fmt.Sprintf("attachment; %s; size=%d", fileParam("filename", name, by2231), b.size())),
		"Content-Transfer-Encoding: base64\r\n",
	}}
}

// setPreview keeps the first characters of the text as a listing shows them.
func (m *mailDraft) setPreview(text string) {
	if len(text) > 1500 {
		text = text[:1500]
	}
	m.meta.Preview = cut(strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " "), 255)
}
