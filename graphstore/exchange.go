package graphstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"
)

const (
	immutableIDs = `IdType="ImmutableId"`

	// answerLimit bounds what is read of an answer that is decoded as a whole; a
	// page of 1,000 messages has about 2 MB.
	answerLimit = 64 << 20
	// stallLimit ends an exchange in which nothing moves; stalls of 30 seconds
	// were seen (davmail#450).
	stallLimit = 90 * time.Second
	slowUplink = 16 << 10 // bytes a second that a body is given to get away
)

var byteOrderMark = []byte("\xef\xbb\xbf")

var errStalled = errors.New("connection stalled")

// call is one request to Graph. It can be sent any number of times.
type call struct {
	method string
	url    string // absolute
	route  string // with placeholders, for logs and metrics
	header http.Header
	body   []byte
	// content is a large body; then body is empty.
	content *content

	once    bool  // not idempotent: after a lost answer somebody has to look
	wary    bool  // so is any answer of 5xx that tells no reason for good
	bigPage bool  // a 504 says that the page is too big: the caller asks for less
	stream  bool  // the caller reads the answer's body and closes it
	accept  []int // the statuses that are success; none: any 2xx
	cost    int   // what the service counts; 0: 1
	weight  int   // slots it fills; 0: 1
	bare    bool  // an upload URL: no token, no Graph headers

	waited time.Duration // of the attempt under way, before it could start
}

func (k *call) op() string { return k.method + " " + k.route }

func (k *call) accepts(status int) bool {
	if len(k.accept) > 0 {
		return slices.Contains(k.accept, status)
	}
	return status >= 200 && status < 300
}

// reply is a successful answer.
type reply struct {
	status    int
	header    http.Header
	body      []byte
	stream    io.ReadCloser // instead of body, if the call asked for it
	requestID string
}

func newHTTPClient(roots *x509.CertPool, proxy func(*http.Request) (*url.URL, error)) *http.Client {
	t := &http.Transport{
		Proxy:                 proxy,
		DialContext:           (&net.Dialer{Timeout: 20 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   20 * time.Second,
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       90 * time.Second,
	}
	return &http.Client{
		Transport: t,
		// A redirect to another host would take the token along, one of a POST
		// would lose its body; the API documents none.
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			first := via[0]
			if len(via) > 3 || req.Method != first.Method || req.URL.Host != first.URL.Host || req.URL.Scheme != first.URL.Scheme {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// exchange makes one HTTP exchange: with a reply, or an *Error, or the
// context's error.
func (s *Store) exchange(ctx context.Context, k *call, token string) (*reply, error) {
	start := time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	slowest := time.Duration(k.length()/slowUplink) * time.Second
	watch := time.AfterFunc(stallLimit+slowest, func() { stop(errStalled) })
	r, err := s.roundTrip(ctx, k, token, watch, func() { watch.Stop(); stop(nil) })
	status, id := 0, ""
	var e *Error
	if r != nil {
		status, id = r.status, r.requestID
	} else if errors.As(err, &e) {
		status, id = e.Status, e.RequestID
	}
	took := time.Since(start)
	if s.c.observe != nil {
		s.c.observe(Exchange{Mailbox: s.address, Method: k.method, Route: k.route, Status: status,
			Requests: max(k.cost, 1), Duration: took, Waited: k.waited, Background: bridge.IsBackground(ctx)})
		k.waited = 0 // it is told once
	}
	attrs := []slog.Attr{slog.String("method", k.method), slog.String("route", k.route), slog.Int("status", status),
		slog.Duration("took", took.Round(time.Microsecond)), slog.String("request_id", id)}
	if e != nil {
		attrs = append(attrs, slog.String("code", e.Code), slog.Any("error", err))
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "graph request", attrs...)
	return r, err
}

// roundTrip sends k and reads the answer; done is called when nothing more is
// to be read, which for a stream is when the caller closes it.
func (s *Store) roundTrip(ctx context.Context, k *call, token string, watch *time.Timer, done func()) (*reply, error) {
	req, err := s.request(ctx, k, token)
	if err != nil {
		done()
		return nil, err
	}
	resp, err := s.c.http.Do(req)
	if err != nil {
		defer done()
		return nil, lost(ctx, k, err)
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		s.c.ahead.Store(int64(time.Until(date)))
	}
	body := &answerBody{ctx: ctx, body: resp.Body, call: k, watch: watch, done: done}
	r := &reply{status: resp.StatusCode, header: resp.Header, requestID: requestID(resp.Header, req.Header)}
	if k.accepts(resp.StatusCode) && k.stream {
		r.stream = body
		return r, nil
	}
	defer body.Close()
	r.body, err = io.ReadAll(io.LimitReader(body, answerLimit))
	r.body = bytes.TrimPrefix(r.body, byteOrderMark) // JSON has none (RFC 8259 §8.1), but who wrote it may not know
	if !k.accepts(resp.StatusCode) {
		e := answerError(k.op(), resp.StatusCode, resp.Header, r.body)
		if e.RequestID == "" {
			e.RequestID = r.requestID
		}
		e.uncertain = k.once && e.mayHaveHappened(k.wary)
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	if e := k.unreadable(r); e != nil {
		return nil, e
	}
	return r, nil
}

// unreadable finds an answer to a reading call that is no JSON: empty, or broken off
// where nothing told its length. It is worth another try.
func (k *call) unreadable(r *reply) *Error {
	reads := k.method == http.MethodGet || k.route == batchRoute && !k.once
	if !reads || json.Valid(r.body) {
		return nil
	}
	what := "no JSON: " + plainText(r.body)
	if len(r.body) == 0 {
		what = "empty answer"
	}
	return &Error{Op: k.op(), Status: r.status, RequestID: r.requestID, Message: clip(what), kind: bridge.ErrUnavailable, transient: true}
}

func (s *Store) request(ctx context.Context, k *call, token string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, k.method, k.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.op(), err)
	}
	if req.ContentLength = k.length(); req.ContentLength > 0 {
		req.GetBody = func() (io.ReadCloser, error) { return inMemory(k.body) }
		if k.content != nil {
			req.GetBody = k.content.open
		}
		if req.Body, err = req.GetBody(); err != nil {
			return nil, fmt.Errorf("%s: %w", k.op(), err)
		}
	}
	for name, values := range k.header {
		req.Header[name] = slices.Clone(values)
	}
	req.Header.Set("User-Agent", s.c.agent)
	if k.bare {
		return req, nil
	}
	if !sameOrigin(req.URL, s.c.base) {
		return nil, fmt.Errorf("%s: the link leads to another host, %s: %w", k.op(), req.URL.Host, errForeignLink)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("client-request-id", newGUID())
	prefer := immutableIDs
	if more := k.header.Get("Prefer"); more != "" {
		prefer += ", " + more
	}
	req.Header.Set("Prefer", prefer)
	return req, nil
}

// answerBody reads an answer: it keeps the stall watch quiet while something
// moves, and turns a broken connection into an *Error.
type answerBody struct {
	ctx   context.Context // of the exchange; Read has none of its own
	body  io.ReadCloser
	call  *call
	watch *time.Timer
	done  func()
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if n > 0 {
		b.watch.Reset(stallLimit)
	}
	if err != nil && err != io.EOF {
		err = lost(b.ctx, b.call, err)
	}
	return n, err
}

func (b *answerBody) Close() error {
	err := b.body.Close()
	b.done()
	return err
}

// lost is the error of an answer that did not come or broke off.
func lost(ctx context.Context, k *call, err error) error {
	cause := context.Cause(ctx)
	if cause != nil && cause != errStalled {
		if k.once { // the caller gave up, the service perhaps not
			e := (&Error{Op: k.op()}).fromNetwork(cause)
			e.transient, e.uncertain = false, true
			return e
		}
		return fmt.Errorf("%s: %w", k.op(), cause)
	}
	if cause == errStalled {
		err = cause
	}
	e := (&Error{Op: k.op()}).fromNetwork(err)
	e.uncertain = k.once && !e.notSent
	return e
}

func requestID(answer, asked http.Header) string {
	if id := answer.Get("request-id"); id != "" {
		return id
	}
	return asked.Get("client-request-id")
}

// newGUID returns a random UUID (RFC 9562 §5.4).
func newGUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return strings.ToLower(fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:]))
}
