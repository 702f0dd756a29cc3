package graphsim

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

//go:embed testdata/openapi.json
var openAPIText []byte

// openAPI parses the embedded description once; it does not change afterwards.
var openAPI = sync.OnceValues(func() (*apiDescription, error) {
	d := new(apiDescription)
	if err := json.Unmarshal(openAPIText, d); err != nil {
		return nil, fmt.Errorf("parse API description: %w", err)
	}
	if err := d.compile(); err != nil {
		return nil, fmt.Errorf("parse API description: %w", err)
	}
	return d, nil
})

// A Violation is one breach of Microsoft's description of the API by one request.
type Violation struct {
	Request string // "POST /users/a@example.com/messages"
	Place   string // "body" with a JSON pointer, "path", "query $top" or "header Prefer"
	Rule    string // what is wrong and what is allowed there
}

// Error makes a Violation usable as an error: request, place, rule.
func (v *Violation) Error() string {
	return v.Request + ": " + v.Place + ": " + v.Rule
}

// A Validator compares requests with the OpenAPI description of Graph's mail
// paths (testdata/openapi.json) and with what is known beyond it: extended
// properties, Prefer values, the rules of delta queries and batches. What either
// of them allows passes. The zero value is ready to use; calls may be concurrent.
type Validator struct {
	// ImmutableIDs also demands Prefer: IdType="ImmutableId" wherever message
	// ids go to and fro (graph/outlook-immutable-id).
	ImmutableIDs bool
}

// Check is a RequestCheck. All breaches come joined in one error, each a *Violation.
// Of a batch it judges the envelope; the steps are requests of their own.
func (v *Validator) Check(method, path string, query url.Values, header http.Header, body []byte) error {
	d, err := openAPI()
	if err != nil {
		return err
	}
	c := &requestCheck{api: d, opts: v, method: method, path: path, query: query, header: header, body: body}
	c.run()
	return errors.Join(c.found...)
}

// requestCheck is the examination of one request.
type requestCheck struct {
	api    *apiDescription
	opts   *Validator
	method string
	path   string // escaped, without the version
	query  url.Values
	header http.Header
	body   []byte
	found  []error
}

func (c *requestCheck) reportf(place, format string, args ...any) {
	c.found = append(c.found, &Violation{Request: c.method + " " + c.path, Place: place, Rule: fmt.Sprintf(format, args...)})
}

func (c *requestCheck) run() {
	rt, problem := c.api.route(c.path)
	if problem != "" {
		c.reportf("path", "%s", problem)
	}
	if rt == nil {
		return
	}
	op := rt.item[strings.ToLower(c.method)]
	if op == nil {
		c.reportf("path", "has no method %s, only %s", c.method, strings.Join(rt.methods(), ", "))
		return
	}
	if op.Undocumented {
		c.reportf("path", "this method is generated, not documented; do not rely on it")
	}
	if op.Reported != "" && (rt.last() == "$value" || c.mediaType() == "text/plain") {
		c.reportf("path", "%s", op.Reported)
	}
	c.checkPathKeys(rt)
	c.checkHeaders(rt, op)
	c.checkQuery(rt, op)
	c.checkBody(rt, op)
}

// mediaType is the Content-Type without parameters, "" if absent or unreadable.
func (c *requestCheck) mediaType() string {
	mt, _, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return mt
}

func (c *requestCheck) checkBody(rt *apiRoute, op *apiOperation) {
	// Microsoft's SDK writes "body":null into steps of a batch that have no body.
	empty := len(c.body) == 0 || string(c.body) == "null"
	switch {
	case op.RequestBody == nil && !empty:
		c.reportf("body", "has %d bytes, but this request takes none", len(c.body))
		return
	case op.RequestBody == nil:
		return
	case empty && op.RequestBody.Required:
		c.reportf("body", "is missing")
		return
	case empty:
		return
	}
	mt := c.mediaType()
	content, ok := op.RequestBody.Content[mt]
	switch {
	case !ok:
		c.reportf("header Content-Type", "is %q, want %s", c.header.Get("Content-Type"), strings.Join(sortedKeys(op.RequestBody.Content), " or "))
	case mt == "text/plain":
		c.checkMIME()
	case mt == "application/json":
		v, err := decodeJSON(c.body)
		if err != nil {
			c.reportf("body", "is not JSON: %v", err)
			return
		}
		c.checkAction(content.Schema, v)
		c.checkBodyRules(rt, v)
	}
}

// checkMIME wants base64 of a whole message (api/user-post-messages). White
// space between the digits is as harmless as in any other MIME use of base64.
func (c *requestCheck) checkMIME() {
	text := c.body
	if text[0] == '"' { // a step of a batch writes it as a JSON string
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			c.reportf("body", "is not a string of base64: %v", err)
			return
		}
		text = []byte(s)
	}
	raw, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(text), nil)))
	switch {
	case err != nil:
		c.reportf("body", "is not base64: %v", err)
	case len(raw) == 0:
		c.reportf("body", "is an empty message")
	}
}

func decodeJSON(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more text after the value")
	}
	return v, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
