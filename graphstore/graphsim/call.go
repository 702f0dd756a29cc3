package graphsim

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// call is one Graph request, alone or as a step of a batch, after routing.
type call struct {
	srv     *Server
	ctx     context.Context
	method  string
	version string // "v1.0" or "beta"
	path    string // below the version, escaped
	query   url.Values
	header  http.Header
	body    []byte
	base    string // scheme and host for links
	inBatch bool
	token   *accessToken // nil with Options.Open

	route  *route
	user   string // the segment after users, as sent
	mb     *Mailbox
	folder string // segment of a folder, "" without
	item   string // segment of a message
	attach string // segment of an attachment

	entry *Entry
	fault *Fault
}

// reply is an answer with success. body is written as JSON unless raw or text is set.
type reply struct {
	status int
	header http.Header
	body   any
	raw    Content // MIME or attachment bytes
	ctype  string  // of raw
	length bool    // send Content-Length with raw
}

func ok(body any) *reply { return &reply{status: http.StatusOK, body: body} }

func created(body any) *reply { return &reply{status: http.StatusCreated, body: body} }

func noContent() *reply { return &reply{status: http.StatusNoContent} }

func accepted() *reply { return &reply{status: http.StatusAccepted} }

func plain(text string) *reply {
	return &reply{status: http.StatusOK, raw: Bytes(text), ctype: "text/plain"}
}

// set adds a header to the reply.
func (r *reply) set(name, value string) *reply {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
	return r
}

// prefer returns the value of a preference, "" when it is not sent (RFC 7240; graph/outlook-immutable-id).
func (c *call) prefer(name string) string {
	for _, line := range c.header.Values("Prefer") {
		for _, p := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ';' }) {
			k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
			if strings.EqualFold(strings.TrimSpace(k), name) {
				return strings.Trim(strings.TrimSpace(v), `"`)
			}
		}
	}
	return ""
}

// immutable reports whether the request wants immutable ids (§7.6).
func (c *call) immutable() bool { return strings.EqualFold(c.prefer("IdType"), "ImmutableId") }

// option returns a system query option; the leading $ may be missing in none of them.
func (c *call) option(name string) string { return c.query.Get(name) }

// number reads a non-negative integer option.
func (c *call) number(name string, def int) (int, *apiError) {
	text := c.query.Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, errBadRequest("Invalid value '%s' for %s query option found. The value must be a non-negative integer.", text, name)
	}
	return n, nil
}

// decode reads a JSON body.
func (c *call) decode(v any) *apiError {
	if err := json.Unmarshal(c.body, v); err != nil {
		return errBody("%v", err)
	}
	return nil
}

// contentType is the media type of the body in lower case, without parameters.
func (c *call) contentType() string {
	t, _, _ := strings.Cut(c.header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// usersPath is the path of the mailbox as context URLs and links write it, the address percent-encoded (§19).
func (c *call) usersPath() string {
	return "users('" + strings.ReplaceAll(url.PathEscape(c.user), "'", "''") + "')"
}

// metadata is a context URL.
func (c *call) metadata(rest string) string {
	return c.base + "/" + c.version + "/$metadata#" + c.usersPath() + rest
}

// message finds the message of the path; when a folder is named, it must be in it.
func (c *call) message() (*message, *apiError) {
	m, err := c.mb.findMessage(c.item)
	if err != nil {
		return nil, err
	}
	if c.folder != "" {
		f, err := c.mb.pathFolder(c.folder)
		if err != nil {
			return nil, err
		}
		if m.folder != f {
			return nil, errItemNotFound()
		}
	}
	if m.folder == nil {
		return nil, errItemNotFound() // sent, and its copy does not exist yet
	}
	return m, nil
}

// ifMatch enforces If-Match against the change key (§3, check C4).
func (c *call) ifMatch(m *message) *apiError {
	etag := c.header.Get("If-Match")
	if etag == "" || etag == "*" || strings.Contains(etag, changeKey(m.mb.id, m.key)) {
		return nil
	}
	return errConflict()
}
