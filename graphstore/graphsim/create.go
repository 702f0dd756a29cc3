package graphsim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// createMessage is api/user-post-messages and api/mailfolder-post-messages: MIME or JSON.
func createMessage(c *call) (*reply, *apiError) {
	if c.contentType() == "text/plain" {
		return createMIME(c)
	}
	f := c.mb.known["drafts"]
	if c.folder != "" {
		var err *apiError
		if f, err = c.mb.pathFolder(c.folder); err != nil {
			return nil, err
		}
	}
	b, err := c.parseMessage(c.body)
	if err != nil {
		return nil, err
	}
	m, err := c.build(b)
	if err != nil {
		return nil, err
	}
	if err := c.quota(m.storeSize()); err != nil {
		m.remove()
		return nil, err
	}
	m.put(f)
	return c.createdMessage(m), nil
}

func (c *call) createdMessage(m *message) *reply {
	props, _ := selected("") // the empty selection is valid
	return created(c.withContext("/messages/$entity", c.row(m, props, nil))).
		set("Location", c.base+"/"+c.version+"/"+c.usersPath()+"/messages('"+m.id(c.immutable())+"')")
}

// createMIME makes a draft in Drafts (graph/outlook-send-mime-message). The folder path is refused (§7.1).
func createMIME(c *call) (*reply, *apiError) {
	if c.folder != "" {
		return nil, errBody("a message in MIME format cannot be created in a folder")
	}
	mime, err := c.mimeBody()
	if err != nil {
		return nil, err
	}
	if n := c.srv.modes.MisleadingOver; n > 0 && len(mime) > n {
		return &reply{status: http.StatusOK}, nil
	}
	if err := c.quota(int64(len(mime))); err != nil {
		return nil, err
	}
	m := c.mb.deliver(c.mb.known["drafts"], Bytes(mime), DeliverOptions{Read: true, Draft: true})
	return c.createdMessage(m), nil
}

// importMIME is api/mailfolder-importmime (beta, §7.3): not a draft, in the folder, nothing sent.
func importMIME(c *call) (*reply, *apiError) {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	if c.contentType() != "text/plain" {
		return nil, errBody("the body must be text/plain")
	}
	mime, err := c.mimeBody()
	if err != nil {
		return nil, err
	}
	if err := c.quota(int64(len(mime))); err != nil {
		return nil, err
	}
	return c.createdMessage(c.mb.deliver(f, Bytes(mime), DeliverOptions{})), nil
}

// mimeBody decodes a body of base64 MIME.
func (c *call) mimeBody() ([]byte, *apiError) {
	clean := bytes.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, c.body)
	mime := make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
	n, err := base64.StdEncoding.Decode(mime, clean)
	if err != nil || n == 0 {
		return nil, fail(http.StatusBadRequest, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
	}
	return mime[:n], nil
}

// quota refuses what would overfill the mailbox.
func (c *call) quota(n int64) *apiError {
	if limit := c.srv.limits.Mailbox; limit > 0 && c.mb.used+n > limit {
		return errQuota()
	}
	return nil
}

// build makes a message of the JSON of a creating POST, in no folder yet. The extended properties 0x0E07, 0x0E06 and
// 0x0039 count here and nowhere else (§7.2).
func (c *call) build(b *messageBody) (*message, *apiError) {
	attachments, err := c.buildAttachments(b.Attach)
	if err != nil {
		return nil, err
	}
	m := c.mb.newMessage()
	m.meta = &Meta{Sent: m.created}
	m.draft, m.read = true, true
	m.attachments, m.nextAttach = attachments, uint64(len(attachments))
	for i, a := range attachments {
		a.num = uint64(i + 1)
	}
	b.applyContent(m)
	b.applyState(m)
	if m.meta.MessageID == "" {
		m.meta.MessageID = fmt.Sprintf("<%s@SIM%s.PROD.OUTLOOK.COM>", strings.ToUpper(strings.ReplaceAll(c.srv.guid(), "-", "")[:28]), "P193MB0001")
	}
	if b.Headers != nil {
		m.headers = *b.Headers
	}
	if e, ok := b.ext["0xe07"]; ok {
		flags, _ := strconv.Atoi(e.value)
		m.draft, m.read = flags&8 != 0, flags&1 != 0 || flags&8 != 0
	}
	if b.IsRead != nil {
		m.read = *b.IsRead
	}
	if e, ok := b.ext["0xe06"]; ok {
		m.received, _ = parseTime(e.value)
	}
	if e, ok := b.ext["0x39"]; ok {
		m.meta.Sent, _ = parseTime(e.value)
	}
	if e, ok := b.ext["0x7d"]; ok {
		m.storeExt(extID{key: "0x7d", typ: "String"}, e.value)
	}
	m.meta.InReplyTo, m.meta.References = m.ext["0x1042"].value, m.ext["0x1039"].value
	if e, ok := b.ext["0x1a"]; ok {
		m.meta.Class = e.value
	}
	return m, nil
}
