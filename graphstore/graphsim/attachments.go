package graphsim

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// attachmentBody is the JSON of an attachment in a request (res/attachment).
type attachmentBody struct {
	Type        string  `json:"@odata.type"`
	Name        *string `json:"name"`
	ContentType *string `json:"contentType"`
	Content     *string `json:"contentBytes"`
	ContentID   *string `json:"contentId"`
	Location    *string `json:"contentLocation"`
	IsInline    bool    `json:"isInline"`
	SourceURL   *string `json:"sourceUrl"`
	Size        int64   `json:"size"`
	Item        *struct {
		Type string `json:"@odata.type"`
	} `json:"item"`
}

// maxAttachment is what one POST may carry (graph/outlook-large-attachments).
const maxAttachment = 3 << 20

func (c *call) buildAttachments(list []attachmentBody) ([]*attachment, *apiError) {
	var out []*attachment
	for i := range list {
		a, err := c.buildAttachment(&list[i])
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (c *call) buildAttachment(b *attachmentBody) (*attachment, *apiError) {
	typ := strings.TrimPrefix(strings.TrimPrefix(b.Type, "#"), "microsoft.graph.")
	a := &attachment{typ: typ, name: deref(b.Name), contentType: deref(b.ContentType), contentID: deref(b.ContentID),
		location: deref(b.Location), inline: b.IsInline, sourceURL: deref(b.SourceURL), modified: c.srv.now()}
	switch {
	case typ == "referenceAttachment":
		return a, nil
	case typ != "fileAttachment":
		return nil, c.srv.unmodelledLocked(c.method, c.path+" with an attachment of type "+b.Type)
	case a.name == "":
		return nil, fail(http.StatusBadRequest, "ErrorInvalidRequest", "The attachment has no name.")
	case b.Content == nil:
		return nil, fail(http.StatusBadRequest, "ErrorInvalidRequest", "The attachment has no contentBytes.")
	}
	data, err := base64.StdEncoding.DecodeString(*b.Content)
	if err != nil {
		return nil, errBody("contentBytes is not base64")
	}
	if len(data) > maxAttachment {
		return nil, errTooLarge()
	}
	if a.contentType == "" {
		a.contentType = "application/octet-stream"
	}
	a.data = data
	return a, nil
}

// attachmentObject writes an attachment with the properties of an inner $select.
func (c *call) attachmentObject(m *message, a *attachment, sel string) object {
	o := object{{"@odata.type", "#microsoft.graph." + a.typ}, {"@odata.mediaContentType", a.contentType},
		{"id", encodeID(m.mb.id, kindAttachment, m.num, a.num)}}
	want := map[string]bool{}
	for n := range strings.SplitSeq(sel, ",") {
		if n = strings.ToLower(strings.TrimSpace(n)); n != "" {
			want[n[strings.LastIndexByte(n, '/')+1:]] = true
		}
	}
	add := func(name string, v any) {
		if len(want) == 0 || want[strings.ToLower(name)] {
			o = o.add(name, v)
		}
	}
	add("lastModifiedDateTime", a.modified)
	add("name", a.name)
	add("contentType", textOrNull(a.contentType))
	add("size", len(a.data)+380)
	add("isInline", a.inline)
	switch a.typ {
	case "fileAttachment":
		add("contentId", textOrNull(a.contentID))
		add("contentLocation", textOrNull(a.location))
		if len(want) == 0 || want["contentbytes"] {
			o = o.add("contentBytes", base64.StdEncoding.EncodeToString(a.data))
		}
	case "referenceAttachment":
		add("sourceUrl", textOrNull(a.sourceURL))
	}
	return o
}

// listAttachments is api/message-list-attachments.
func listAttachments(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	rows := []object{}
	for _, a := range m.attachmentList() {
		rows = append(rows, c.attachmentObject(m, a, c.option("$select")))
	}
	return ok(object{{"@odata.context", c.metadata("/messages('" + m.id(c.immutable()) + "')/attachments")}, {"value", rows}}), nil
}

func countAttachments(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	return plain(strconv.Itoa(len(m.attachmentList()))), nil
}

// attachment finds the attachment of the path.
func (c *call) attachment() (*message, *attachment, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, nil, err
	}
	_, kind, _, num, ok := decodeID(c.attach)
	if !ok || kind != kindAttachment {
		return nil, nil, errMalformedID()
	}
	for _, a := range m.attachmentList() {
		if a.num == num {
			return m, a, nil
		}
	}
	return nil, nil, errItemNotFound()
}

// getAttachment is api/attachment-get.
func getAttachment(c *call) (*reply, *apiError) {
	m, a, err := c.attachment()
	if err != nil {
		return nil, err
	}
	o := c.attachmentObject(m, a, c.option("$select"))
	return ok(c.withContext("/messages('"+m.id(c.immutable())+"')/attachments/$entity", o)), nil
}

// attachmentValue is the raw content, MIME for an attached message.
func attachmentValue(c *call) (*reply, *apiError) {
	_, a, err := c.attachment()
	switch {
	case err != nil:
		return nil, err
	case a.typ == "referenceAttachment":
		return nil, errNotSupported()
	case a.typ == "itemAttachment":
		return &reply{status: http.StatusOK, raw: Bytes(a.data), ctype: "text/plain"}, nil
	}
	return &reply{status: http.StatusOK, raw: Bytes(a.data), ctype: a.contentType}, nil
}

// addAttachment is api/message-post-attachments. It works on messages that are no drafts too (check C19).
func addAttachment(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	var b attachmentBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	a, err := c.buildAttachment(&b)
	if err != nil {
		return nil, err
	}
	if err := c.quota(int64(len(a.data))); err != nil {
		return nil, err
	}
	m.attach(a)
	o := c.attachmentObject(m, a, "")
	return created(c.withContext("/messages('"+m.id(c.immutable())+"')/attachments/$entity", o)), nil
}

// attach adds an attachment, which makes the message one of properties.
func (m *message) attach(a *attachment) {
	m.materialise()
	m.nextAttach++
	a.num = m.nextAttach
	m.attachments = append(m.attachments, a)
	m.refresh()
	m.touch(changeContent)
}

// deleteAttachment is api/attachment-delete.
func deleteAttachment(c *call) (*reply, *apiError) {
	m, a, err := c.attachment()
	if err != nil {
		return nil, err
	}
	m.materialise()
	kept := m.attachments[:0:0]
	for _, o := range m.attachments {
		if o.num != a.num {
			kept = append(kept, o)
		}
	}
	m.attachments = kept
	m.refresh()
	m.touch(changeContent)
	return noContent(), nil
}
