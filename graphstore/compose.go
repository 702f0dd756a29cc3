package graphstore

import (
	"bytes"
	"fmt"
	"io"
	"net/mail"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"mail2graph/bridge/mimepart"
)

// A message that cannot go to Graph as MIME is built anew from its parts. What
// of the original survives:
//
//	subject, addresses, dates, Message-ID, threading   as properties
//	the header block                                   whole, in 0x007D (filed mail only)
//	X- fields                                          the first five (sent mail only)
//	Auto-Submitted, Precedence, List-*, Sensitivity    as properties (sent mail only)
//	requests for receipts                              as such, to the sender (sent mail only)
//	text of the body                                   html if there is one, else plain; the other form is lost
//	attachments, inline images                         byte for byte, decoded; names, Content-ID, order
//	message/rfc822                                     byte for byte, as a file "name.eml"
//	multipart/signed                                   readable, and the signed entity byte for byte as smime.p7m
//	encrypted mail                                     the encrypted part byte for byte, as a file
//	multipart/report                                   text readable, the other parts as files
//	boundaries, encodings, preamble, part headers      lost
const (
	maxXHeaders = 5         // page res/message; more are refused
	maxHeader   = 256 << 10 // of the header block in 0x007D

	maxFieldValue = 900 // octets of a field that is sent
)

// draft is a message taken apart for Graph.
type draft struct {
	src    io.ReaderAt
	root   *mimepart.Part
	header []byte // the header block with its empty line
	body   *mimepart.Part
	files  []file
}

// file is one attachment-to-be.
type file struct {
	name      string
	mediaType string
	contentID string
	inline    bool
	open      func() io.Reader
}

// takeApart finds the body and the files of a message.
func takeApart(src io.ReaderAt, root *mimepart.Part) (*draft, error) {
	d := &draft{src: src, root: root, header: make([]byte, min(root.Body-root.Header, mimepart.MaxHeader))}
	if n, err := src.ReadAt(d.header, root.Header); n < len(d.header) {
		return nil, fmt.Errorf("read header: %w", err)
	}
	d.walk(root, false)
	if err := d.markShown(); err != nil {
		return nil, fmt.Errorf("read text: %w", err)
	}
	return d, nil
}

// walk files a part: the first text that is no attachment is the body.
func (d *draft) walk(p *mimepart.Part, related bool) {
	if !p.IsMultipart() {
		d.leaf(p, related)
		return
	}
	switch strings.ToLower(p.Subtype) {
	case "alternative":
		d.alternative(p, related)
	case "signed":
		// The first part is what was signed (RFC 1847 §2.1). The entity as a
		// whole is how Exchange itself keeps such mail.
		if len(p.Children) > 0 {
			d.walk(p.Children[0], related)
		}
		d.files = append(d.files, file{name: "smime.p7m", mediaType: "multipart/signed", open: d.raw(p.Header, p.End)})
	case "related":
		for _, c := range p.Children {
			d.walk(c, true)
		}
	default:
		for _, c := range p.Children {
			d.walk(c, related)
		}
	}
}

// alternative takes the best form of a text: html, else plain. Forms that are no
// plain text (a calendar request) are kept as files.
func (d *draft) alternative(p *mimepart.Part, related bool) {
	best, rank := -1, 0
	for i, c := range p.Children {
		r := 0
		switch {
		case holdsHTML(c):
			r = 2
		case isText(c, "plain"):
			r = 1
		}
		if r > 0 && r >= rank { // the last one is the sender's favourite (RFC 2046 §5.1.4)
			best, rank = i, r
		}
	}
	for i, c := range p.Children {
		if i == best || !isText(c, "plain") && !holdsHTML(c) {
			d.walk(c, related)
		}
	}
}

func isText(p *mimepart.Part, subtype string) bool {
	return strings.EqualFold(p.Type, "text") && strings.EqualFold(p.Subtype, subtype)
}

func holdsHTML(p *mimepart.Part) bool {
	if p.IsMultipart() {
		for _, c := range p.Children {
			if holdsHTML(c) {
				return true
			}
		}
		return false
	}
	return isText(p, "html")
}

func (d *draft) leaf(p *mimepart.Part, related bool) {
	attached := strings.EqualFold(p.Disposition, "attachment")
	if d.body == nil && !attached && (isText(p, "plain") || isText(p, "html")) {
		d.body = p
		return
	}
	if p.End == p.Body && p.FileName() == "" {
		return // nothing there
	}
	f := file{
		name:      fileName(p, len(d.files)+1),
		mediaType: strings.ToLower(p.Type + "/" + p.Subtype),
		contentID: strings.Trim(p.ID, "<> \t"),
		open:      func() io.Reader { return p.Open(d.src) },
	}
	f.inline = f.contentID != "" && related && !attached
	d.files = append(d.files, f)
}

func (d *draft) raw(from, to int64) func() io.Reader {
	return func() io.Reader { return io.NewSectionReader(d.src, from, to-from) }
}

// extensions of parts that came without a name.
var extensions = map[string]string{
	"text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "text/csv": ".csv", "text/x-vcard": ".vcf",
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "application/pdf": ".pdf",
	"message/delivery-status": ".txt", "message/disposition-notification": ".txt", "text/rfc822-headers": ".txt",
	"application/pkcs7-mime": ".p7m", "application/pkcs7-signature": ".p7s", "application/pgp-signature": ".asc",
	"application/pgp-encrypted": ".asc", "message/rfc822": ".eml", "message/global": ".eml",
}

// fileName is never empty: Graph wants a name. It has no path and no controls.
func fileName(p *mimepart.Part, n int) string {
	name := printable(p.FileName())
	if inner := p.Message(); name == "" && inner != nil && inner.Envelope != nil {
		subject := printable(mimepart.DecodeHeader(inner.Envelope.Subject))
		name = strings.NewReplacer("/", "-", "\\", "-").Replace(subject)
	}
	name = path.Base(strings.ReplaceAll(name, "\\", "/"))
	if r := []rune(name); len(r) > 200 {
		name = string(r[:200])
	}
	ext := extensions[strings.ToLower(p.Type+"/"+p.Subtype)]
	if name == "" || name == "." || name == "/" {
		name = fmt.Sprintf("part-%d", n)
		if ext == "" {
			ext = ".bin"
		}
		return name + ext
	}
	if p.Message() != nil && !strings.HasSuffix(strings.ToLower(name), ".eml") {
		name += ".eml"
	}
	return name
}

// printable removes what no property of Exchange can hold.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s))
}

// message builds the JSON form without attachments; text longer than limit is
// cut there, and cut reports it.
func (d *draft) message(limit int) (m *models.Message, cut bool, err error) {
	m = newMessage()
	env := d.root.Envelope
	if env == nil {
		env = mimepart.ParseHeader(d.header)
	}
	subject := printable(mimepart.DecodeHeader(env.Subject))
	m.SetSubject(&subject)
	if id := strings.TrimSpace(env.MessageID); id != "" && len(id) < 1000 {
		m.SetInternetMessageId(&id)
	}
	if from := recipients(env.From); len(from) > 0 {
		m.SetFrom(from[0])
	}
	if sender := recipients(env.Sender); len(sender) > 0 {
		m.SetSender(sender[0])
	}
	m.SetReplyTo(recipients(env.ReplyTo))
	m.SetToRecipients(recipients(env.To))
	m.SetCcRecipients(recipients(env.Cc))
	m.SetBccRecipients(recipients(env.Bcc))
	m.SetImportance(d.importance())
	body, cut, err := d.text(limit)
	if err != nil {
		return nil, false, err
	}
	m.SetBody(body)
	return m, cut, nil
}

// text reads the body.
func (d *draft) text(limit int) (models.ItemBodyable, bool, error) {
	kind, content, cut := models.TEXT_BODYTYPE, "", false
	if d.body != nil {
		b, err := io.ReadAll(io.LimitReader(d.body.Text(d.src), int64(limit)+1))
		if err != nil {
			return nil, false, fmt.Errorf("read text: %w", err)
		}
		if cut = len(b) > limit; cut {
			b = b[:limit]
			for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
				b = b[:len(b)-1]
			}
		}
		content = cleanText(string(b))
		if isText(d.body, "html") {
			kind = models.HTML_BODYTYPE
		}
	}
	body := models.NewItemBody()
	body.SetContentType(&kind)
	body.SetContent(&content)
	return body, cut, nil
}

// cleanText drops control characters, which a service with XML inside refuses.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// recipients translates addresses; the marks of groups are left out.
func recipients(list []mimepart.Address) []models.Recipientable {
	out := []models.Recipientable{}
	for _, a := range list {
		if a.Host == "" {
			continue // begin or end of a group
		}
		address := a.Mailbox + "@" + a.Host
		if a.Host == mimepart.MissingHost {
			address = a.Mailbox
		}
		address, name := printable(address), printable(mimepart.DecodeHeader(a.Name))
		if address == "" && name == "" {
			continue
		}
		e := models.NewEmailAddress()
		e.SetAddress(&address)
		if name != "" {
			e.SetName(&name)
		}
		r := models.NewRecipient()
		r.SetEmailAddress(e)
		out = append(out, r)
	}
	return out
}

// importance reads the three fields that mail programs write (RFC 2156 §5.3.4
// and habit).
func (d *draft) importance() *models.Importance {
	level := models.NORMAL_IMPORTANCE
	for f := range mimepart.HeaderFields(d.header) {
		value := strings.ToLower(f.Value())
		switch {
		case f.Is("Importance") || f.Is("Priority") || f.Is("X-MSMail-Priority"):
		case f.Is("X-Priority"):
			value = strings.TrimSpace(value[:min(1, len(value))])
		default:
			continue
		}
		switch value {
		case "high", "urgent", "1", "2":
			level = models.HIGH_IMPORTANCE
		case "low", "non-urgent", "4", "5":
			level = models.LOW_IMPORTANCE
		}
	}
	return &level
}

// field returns the first field of that name.
func (d *draft) field(name string) string {
	for f := range mimepart.HeaderFields(d.header) {
		if f.Is(name) {
			return f.Value()
		}
	}
	return ""
}

// threading are the properties of References and In-Reply-To.
func (d *draft) threading() []models.SingleValueLegacyExtendedPropertyable {
	var out []models.SingleValueLegacyExtendedPropertyable
	if v := printable(d.field("In-Reply-To")); v != "" {
		out = append(out, property(propInReplyTo, v))
	}
	if v := printable(d.field("References")); v != "" && len(v) < 30<<10 {
		out = append(out, property(propReferences, v))
	}
	return out
}

// filing are the properties that the creating POST of a filed message honours
// (graph-reference §7.2).
func (d *draft) filing(received time.Time) []models.SingleValueLegacyExtendedPropertyable {
	var out []models.SingleValueLegacyExtendedPropertyable
	date, err := mail.ParseDate(d.field("Date"))
	if err != nil {
		date = received
	}
	if !received.IsZero() {
		out = append(out, property(propDelivery, systemTime(received)))
	}
	if !date.IsZero() {
		out = append(out, property(propSubmit, systemTime(date)))
	}
	if h := bytes.TrimRight(d.header, "\r\n"); len(h) > 0 && len(h) <= maxHeader {
		out = append(out, property(propHeaders, cleanText(string(h))+"\r\n\r\n"))
	}
	return append(out, d.threading()...)
}

func systemTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// xHeaders are the custom fields that Graph takes along with a message to be
// sent: names that begin with X-, five at most (page res/message).
func (d *draft) xHeaders() []models.InternetMessageHeaderable {
	var out []models.InternetMessageHeaderable
	for f := range mimepart.HeaderFields(d.header) {
		name, value := string(f.Name), printable(mimepart.DecodeHeader(f.Value()))
		if len(out) == maxXHeaders || len(name) < 3 || !strings.EqualFold(name[:2], "x-") || value == "" ||
			len(value) > maxFieldValue || strings.HasPrefix(strings.ToLower(name), "x-ms-exchange-") {
			continue
		}
		h := models.NewInternetMessageHeader()
		h.SetName(&name)
		h.SetValue(&value)
		out = append(out, h)
	}
	return out
}
