package graphsim

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ServeHTTP answers all hosts of the cloud: login, Graph and upload are told apart by path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case path == "/_sim" || strings.HasPrefix(path, "/_sim/"):
		s.control.ServeHTTP(w, r)
	case strings.HasPrefix(path, "/v1.0/"):
		s.serveGraph(w, r, "v1.0", strings.TrimPrefix(path, "/v1.0"))
	case strings.HasPrefix(path, "/beta/"):
		s.serveGraph(w, r, "beta", strings.TrimPrefix(path, "/beta"))
	case strings.HasPrefix(path, uploadPrefix):
		s.serveUpload(w, r)
	case s.serveLogin(w, r):
	default:
		e := s.newEntry(r, "graph")
		s.finish(w, e, s.unmodelled(r.Method, path))
	}
}

// newEntry starts the log entry of an HTTP request.
func (s *Server) newEntry(r *http.Request, kind string) *Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &Entry{
		Time: s.now(), Kind: kind, RequestID: s.guid(), ClientID: r.Header.Get("client-request-id"), Method: r.Method,
		Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: keepHeaders(r.Header), BodySize: max(r.ContentLength, 0),
	}
	e.Route = r.Method + " (other)"
	return e
}

// serveGraph answers one HTTP request to the API.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request, version, path string) {
	e := s.newEntry(r, "graph")
	token, err := s.authenticate(r.Header.Get("Authorization"))
	if err != nil {
		s.finish(w, e, err)
		return
	}
	if token != nil {
		e.App = token.app.ClientID
	}
	body, err := s.readBody(r)
	e.BodySize = int64(len(body))
	if err != nil {
		s.finish(w, e, err)
		return
	}
	query, perr := url.ParseQuery(r.URL.RawQuery)
	if perr != nil {
		s.finish(w, e, errBadRequest("The query string is malformed: %v", perr))
		return
	}
	c := &call{srv: s, ctx: r.Context(), method: r.Method, version: version, path: path, query: query, header: r.Header,
		body: body, base: baseOf(r), token: token, entry: e}
	if strings.EqualFold(strings.Trim(path, "/"), "$batch") {
		e.Route = r.Method + " /$batch"
		s.answer(w, r, c, s.batch)
		return
	}
	s.answer(w, r, c, func(c *call) (*reply, *apiError) { return s.one(c) })
}

// answer runs a call and writes what comes of it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *call, run func(*call) (*reply, *apiError)) {
	rep, err := run(c)
	if c.fault != nil && c.fault.lost() {
		c.entry.Status, c.entry.Code = 0, "reset"
		s.record(c.entry)
		panic(http.ErrAbortHandler) // closes the connection (HTTP/1) or resets the stream (HTTP/2)
	}
	if err != nil {
		s.finishFault(w, c, err)
		return
	}
	s.write(w, r, c, rep)
}

// baseOf is scheme and host as the client sees them.
func baseOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// readBody reads and decompresses a body within the limit of one request (§7.1).
func (s *Server) readBody(r *http.Request) ([]byte, *apiError) {
	s.mu.Lock()
	limit := or(s.limits.RequestBody, 4<<20)
	s.mu.Unlock()
	in := io.Reader(r.Body)
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, errBadRequest("The body is not gzip: %v", err)
		}
		in = z
	default:
		return nil, fail(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "Content-Encoding %s", enc)
	}
	var buf bytes.Buffer
	if limit < 1<<40 {
		in = io.LimitReader(in, limit+1)
	}
	if _, err := buf.ReadFrom(in); err != nil {
		return nil, errBadRequest("The body cannot be read: %v", err)
	}
	if int64(buf.Len()) > limit {
		return nil, fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The size of the request body exceeds the limit of %d bytes.", limit)
	}
	return buf.Bytes(), nil
}

// one carries out a single operation: routing, permission, limits, faults, effect.
func (s *Server) one(c *call) (*reply, *apiError) {
	if err := s.route(c); err != nil {
		return nil, err
	}
	release, err := s.acquire(c)
	if err != nil {
		return nil, err
	}
	defer release()
	s.judgeV1(c)
	c.fault = s.pickFault(c)
	if c.fault != nil {
		c.entry.Fault = c.fault.ID
		if err := s.before(c); err != nil || c.fault.Reset == ResetBefore {
			return nil, err
		}
		if c.fault.Status == http.StatusOK && !c.fault.After { // the misleading 200 of §7.1
			return &reply{status: http.StatusOK}, nil
		}
	}
	s.mu.Lock()
	latency := s.modes.Latency
	s.mu.Unlock()
	if latency > 0 && !sleep(c.ctx, latency) {
		return nil, fail(499, "ClientClosedRequest", "The client went away.")
	}
	rep, err := s.run(c)
	if c.fault != nil && c.fault.After && err == nil {
		return nil, c.fault.failure()
	}
	return rep, err
}

// run does the effect under the lock.
func (s *Server) run(c *call) (*reply, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	if err := s.authorize(c); err != nil {
		return nil, err
	}
	return c.route.run(c)
}

// route fills in what the path says.
func (s *Server) route(c *call) *apiError {
	if me := strings.ToLower(c.path); me == "/me" || strings.HasPrefix(me, "/me/") {
		if c.token != nil && c.token.user != nil {
			c.path = "/users/" + url.PathEscape(c.token.user.Name) + c.path[len("/me"):]
			return s.route(c)
		}
		c.entry.Route = c.method + " /me"
		return errBadRequest("/me request is only valid with delegated authentication flow.")
	}
	if !c.find() {
		return s.unmodelled(c.method, c.path)
	}
	c.entry.Route = c.method + " " + c.route.name
	c.entry.Mailbox = c.user
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.mb = s.mailboxes[strings.ToLower(c.user)]; c.mb != nil {
		c.entry.Mailbox = c.mb.address
	}
	return nil
}

// judgeV1 runs the RequestCheck on what it has a description of.
func (s *Server) judgeV1(c *call) {
	if c.version == "v1.0" {
		s.judge(c)
	}
}

// sleep waits for d and reports whether it passed before the client went away.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// commonHeaders are those of every answer (§2.4, §19).
func (s *Server) commonHeaders(h http.Header, e *Entry) {
	h.Set("request-id", e.RequestID)
	h.Set("client-request-id", clientID(e))
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"5","ScaleUnit":"001","RoleInstance":"SIM0001"}}`)
	h.Set("Date", s.now().Format(http.TimeFormat))
	h.Set("Vary", "Accept-Encoding")
}

func clientID(e *Entry) string {
	if e.ClientID != "" {
		return e.ClientID
	}
	return e.RequestID
}

const jsonType = "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8"

// envelope is the body of an error answer (§2.4); date has no zone in all observed answers.
func (s *Server) envelope(e *Entry, err *apiError) object {
	return object{{"error", object{
		{"code", err.Code}, {"message", err.Message},
		{"innerError", object{
			{"date", s.now().Format("2006-01-02T15:04:05")}, {"request-id", e.RequestID}, {"client-request-id", clientID(e)}}},
	}}}
}

// finish writes an error answer and records the request.
func (s *Server) finish(w http.ResponseWriter, e *Entry, err *apiError) {
	s.commonHeaders(w.Header(), e)
	if err.RetryAfter != "" {
		w.Header().Set("Retry-After", err.RetryAfter)
	}
	w.Header().Set("Content-Type", "application/json")
	e.Status, e.Code = err.Status, err.Code
	s.record(e)
	w.WriteHeader(err.Status)
	w.Write(appendJSON(nil, s.envelope(e, err)))
}

// finishFault writes an error, in the shape that a fault asks for.
func (s *Server) finishFault(w http.ResponseWriter, c *call, err *apiError) {
	if c.fault == nil || c.fault.text() == "" {
		s.finish(w, c.entry, err)
		return
	}
	if err.RetryAfter != "" {
		w.Header().Set("Retry-After", err.RetryAfter)
	}
	w.Header().Set("Content-Type", "text/html")
	c.entry.Status, c.entry.Code = err.Status, err.Code
	s.record(c.entry)
	w.WriteHeader(err.Status)
	io.WriteString(w, c.fault.text())
}

var gzipWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return z
}}

// write sends an answer with success.
func (s *Server) write(w http.ResponseWriter, r *http.Request, c *call, rep *reply) {
	h := w.Header()
	s.commonHeaders(h, c.entry)
	for k, v := range rep.header {
		h[k] = v
	}
	if c.immutable() {
		h.Set("Preference-Applied", `IdType="ImmutableId"`)
	}
	c.entry.Status = rep.status
	var body Content
	switch {
	case rep.raw != nil:
		body = rep.raw
		h.Set("Content-Type", rep.ctype)
	case rep.body != nil:
		body = Bytes(appendJSON(nil, rep.body))
		h.Set("Content-Type", jsonType)
	default:
		s.record(c.entry)
		if rep.status != http.StatusNoContent {
			h.Set("Content-Length", "0")
		}
		w.WriteHeader(rep.status)
		return
	}
	s.record(c.entry)
	in := body.Open()
	if c.fault != nil && c.fault.CutAfter > 0 {
		s.cut(w, rep, in, body.Size(), c.fault.CutAfter)
	}
	s.mu.Lock()
	zip := !s.modes.NoGzip
	s.mu.Unlock()
	zip = zip && !rep.length && acceptsGzip(r) && body.Size() > 500
	if rep.length {
		h.Set("Content-Length", strconv.FormatInt(body.Size(), 10))
	}
	if !zip {
		w.WriteHeader(rep.status)
		io.Copy(flusher{w}, in)
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(rep.status)
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(w)
	io.Copy(z, in)
	z.Close()
}

// cut sends the first bytes of a body and then resets the connection.
func (s *Server) cut(w http.ResponseWriter, rep *reply, in io.Reader, size, n int64) {
	if rep.length {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	}
	w.WriteHeader(rep.status)
	io.CopyN(w, in, n)
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// flusher makes net/http send chunks instead of computing a Content-Length for short bodies.
type flusher struct{ w http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if ferr := http.NewResponseController(f.w).Flush(); err == nil && ferr != nil && !errors.Is(ferr, http.ErrNotSupported) {
		err = fmt.Errorf("flush: %w", ferr)
	}
	return n, err
}

func acceptsGzip(r *http.Request) bool {
	for v := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(v), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}
