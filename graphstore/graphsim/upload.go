package graphsim

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// uploadPrefix begins the path of upload URLs, on whatever host (graph/outlook-large-attachments, §9).
const uploadPrefix = "/api/v2.0/Users("

// maxChunk is the size of one PUT.
const maxChunk = 4 << 20

// uploadSession collects one attachment.
type uploadSession struct {
	mb      *Mailbox
	num     uint64 // of the message
	a       *attachment
	size    int64
	data    []byte
	expires time.Time
	token   string
	path    string
	app     string
}

// createUpload is api/attachment-createuploadsession.
func createUpload(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	var body struct {
		Item *struct {
			Type        string  `json:"attachmentType"`
			Name        string  `json:"name"`
			Size        int64   `json:"size"`
			ContentID   *string `json:"contentId"`
			ContentType *string `json:"contentType"`
			IsInline    *bool   `json:"isInline"`
		} `json:"AttachmentItem"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	limit := or(c.srv.limits.AttachmentSize, 150<<20)
	switch it := body.Item; {
	case it == nil || !strings.EqualFold(it.Type, "file") || it.Name == "":
		return nil, fail(http.StatusBadRequest, "ErrorInvalidRequest", "The AttachmentItem is not valid.")
	case it.Size < maxAttachment:
		return nil, fail(http.StatusBadRequest, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
			"Attachment size must be greater than the minimum size.")
	case it.Size > limit:
		return nil, errTooLarge()
	}
	if err := c.quota(body.Item.Size); err != nil {
		return nil, err
	}
	a := &attachment{typ: "fileAttachment", name: body.Item.Name, contentID: deref(body.Item.ContentID),
		contentType: deref(body.Item.ContentType), inline: body.Item.IsInline != nil && *body.Item.IsInline}
	if a.contentType == "" {
		a.contentType = "application/octet-stream"
	}
	u := c.newUpload(m, a, body.Item.Size)
	return created(object{
		{"@odata.context", c.base + "/v1.0/$metadata#microsoft.graph.uploadSession"},
		{"uploadUrl", c.uploadBase() + u.path + "?authtoken=" + u.token},
		{"expirationDateTime", u.expires}, {"nextExpectedRanges", []string{"0-"}},
	}), nil
}

func (c *call) uploadBase() string {
	if c.srv.uploadBase != "" {
		return c.srv.uploadBase
	}
	return c.base
}

func (c *call) newUpload(m *message, a *attachment, size int64) *uploadSession {
	id := c.srv.guid()
	u := &uploadSession{mb: c.mb, num: m.num, a: a, size: size, expires: c.srv.now().Add(3 * 24 * time.Hour).Truncate(time.Second)}
	if c.token != nil {
		u.app = c.token.app.ClientID
	}
	u.path = fmt.Sprintf("%s'%s')/Messages('%s')/AttachmentSessions('%s')", uploadPrefix,
		url.PathEscape(c.mb.id), m.id(c.immutable()), id)
	u.token = base64.RawURLEncoding.EncodeToString(c.srv.sign(u.path))
	c.srv.uploads[u.path] = u
	return u
}

// serveUpload answers the upload host. The URL itself is the permission: an Authorization header is refused.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	e := s.newEntry(r, "upload")
	e.Route = r.Method + " /upload"
	e.Query = ""
	if r.Header.Get("Authorization") != "" {
		s.finish(w, e, fail(http.StatusUnauthorized, "InvalidAuthorization", "The upload URL is pre-authenticated; an Authorization header is not accepted."))
		return
	}
	path, _ := url.PathUnescape(r.URL.EscapedPath())
	body, rerr := io.ReadAll(io.LimitReader(r.Body, maxChunk+1))
	e.BodySize = int64(len(body))
	if rerr != nil {
		s.finish(w, e, errBadRequest("The body cannot be read."))
		return
	}
	c := &call{srv: s, ctx: r.Context(), method: r.Method, version: "v1.0", path: r.URL.EscapedPath(), query: r.URL.Query(),
		header: r.Header, body: body, base: baseOf(r), entry: e}
	if c.fault = s.pickFault(c); c.fault != nil {
		e.Fault = c.fault.ID
		if err := s.before(c); err != nil {
			s.finishFault(w, c, err)
			return
		}
	}
	s.answer(w, r, c, func(c *call) (*reply, *apiError) {
		if c.fault != nil && c.fault.Reset == ResetBefore {
			return nil, nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		rep, err := s.upload(c, path)
		if c.fault != nil && c.fault.After && err == nil {
			return nil, c.fault.failure()
		}
		return rep, err
	})
}

// upload takes a chunk or cancels a session. The caller holds mu.
func (s *Server) upload(c *call, path string) (*reply, *apiError) {
	u := s.uploads[path]
	if u == nil {
		if u = s.uploads[c.path]; u == nil {
			return nil, errItemNotFound()
		}
	}
	c.entry.Mailbox = u.mb.address
	switch {
	case c.query.Get("authtoken") != u.token:
		return nil, fail(http.StatusUnauthorized, "InvalidAuthenticationToken", "The upload URL is not valid.")
	case !s.now().Before(u.expires):
		delete(s.uploads, u.path)
		return nil, errItemNotFound()
	case c.method == http.MethodDelete:
		delete(s.uploads, u.path)
		return noContent(), nil
	case c.method == http.MethodGet:
		return ok(u.progress()), nil
	case c.method != http.MethodPut:
		return nil, errNotSupported()
	}
	return s.chunk(c, u)
}

// progress has capital member names and start offsets alone (§9).
func (u *uploadSession) progress() object {
	return object{{"ExpirationDateTime", u.expires}, {"NextExpectedRanges", []string{fmt.Sprint(len(u.data))}}}
}

// chunk appends a PUT. The caller holds mu.
func (s *Server) chunk(c *call, u *uploadSession) (*reply, *apiError) {
	var from, to, total int64
	n, err := fmt.Sscanf(c.header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &total)
	length := int64(len(c.body))
	switch {
	case length > maxChunk:
		return nil, fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The chunk is too large.")
	case err != nil || n != 3 || total != u.size || to-from+1 != length || to >= total:
		return nil, fail(http.StatusBadRequest, "ErrorInvalidContentRange", "The Content-Range header does not fit the session or the body.")
	case from != int64(len(u.data)):
		return nil, fail(http.StatusRequestedRangeNotSatisfiable, "ErrorInvalidContentRange", "The range is not the next expected one.")
	}
	if err := s.chargeBytes(u.app+" "+strings.ToLower(u.mb.address), length, s.now()); err != nil {
		return nil, err
	}
	u.data = append(u.data, c.body...)
	if int64(len(u.data)) < u.size {
		return ok(u.progress()), nil
	}
	delete(s.uploads, u.path)
	m := u.mb.byNum[u.num]
	if m == nil || m.folder == nil {
		return nil, errItemNotFound()
	}
	u.a.data, u.a.modified = u.data, s.now()
	m.attach(u.a)
	rep := &reply{status: http.StatusCreated}
	return rep.set("Location", fmt.Sprintf("https://outlook.office.com/api/v2.0/Users('%s')/Messages('%s')/Attachments('%s')",
		u.mb.id, m.id(false), encodeID(u.mb.id, kindAttachment, m.num, u.a.num))), nil
}
