package graphstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/transform"

	"mail2graph/bridge"
)

// MIME streams a message (page graph/outlook-get-mime-message). The path goes
// by the message alone: below a folder the service answers 405 (docs#7774).
// The stream fills a slot of the mailbox until its end or Close.
func (s *Store) MIME(ctx context.Context, id bridge.MessageID) (io.ReadCloser, error) {
	k, err := s.call(s.message(id).Content().ToGetRequestInformation(ctx, nil))
	if err != nil {
		return nil, err
	}
	k.stream = true
	k.header.Set("Accept", "text/plain, */*")
	var t tries
	for {
		r, err := s.send(ctx, k)
		if err != nil {
			return nil, fmt.Errorf("read mime: %w", aboutItem(err))
		}
		m := &mimeStream{ReadCloser: r.stream, buf: bufio.NewReaderSize(r.stream, 32<<10)}
		// A connection that breaks before the first octet costs nothing to try
		// again; an empty 200 was reported for odd items (docs-contrib#3659).
		_, err = m.buf.Peek(1)
		if err == nil {
			return m, nil
		}
		m.Close()
		e := emptyAnswer(k, r, err)
		wait, again := t.next(e)
		if !again {
			return nil, fmt.Errorf("read mime: %w", aboutItem(e))
		}
		if err := pauseFor(ctx, wait, e); err != nil {
			return nil, fmt.Errorf("read mime: %w", err)
		}
	}
}

func emptyAnswer(k *call, r *reply, err error) *Error {
	e := &Error{Op: k.op(), Status: r.status, RequestID: r.requestID, kind: bridge.ErrUnavailable, transient: true}
	if err == io.EOF {
		e.Message = "empty answer"
	} else {
		e.cause = err
	}
	return e
}

// noMIME are the codes that name the content of an item as the reason: the EWS
// names of failures of conversion. That Graph gives them is assumed (C12).
var noMIME = []string{
	"ErrorMimeContentConversionFailed", "ErrorMimeContentInvalid", "ErrorUnsupportedMimeConversion",
	"ErrorItemCorrupt", "ErrorCorruptData", "ErrorContentConversionFailed",
}

// passing are the codes of a 500 that say it is nobody's fault and passes.
var passing = []string{"ErrorServerBusy", "ErrorMailboxStoreUnavailable", "ErrorInternalServerTransientError", "ErrorTimeoutExpired"}

// aboutItem makes a *bridge.ItemError of an answer that may be about the one
// message: a failure inside the service, a refusal of its own kind, an empty answer.
func aboutItem(err error) error {
	var e *Error
	var wait *bridge.RetryError
	if !errors.As(err, &e) || errors.As(err, &wait) || e.Status == 0 || e.throttled {
		return err
	}
	is := func(code string) bool { return strings.EqualFold(code, e.Code) }
	item := &bridge.ItemError{Certain: slices.ContainsFunc(noMIME, is), Err: err}
	switch {
	case item.Certain:
	case slices.ContainsFunc(passing, is):
		return err
	case e.Status == http.StatusInternalServerError, e.Status == http.StatusNotImplemented, e.Status == http.StatusOK:
	case e.Status >= 500, errors.Is(e, bridge.ErrCredentials), errors.Is(e, bridge.ErrNotFound), errors.Is(e, bridge.ErrNoMailbox),
		e.Status < 500 && errors.Is(e, bridge.ErrUnavailable):
		return err
	}
	item.Reason = strings.TrimSpace(fmt.Sprint(e.Status, " ", e.Code))
	if e.Status == http.StatusOK {
		item.Reason = "empty answer"
	}
	return item
}

// mimeStream is the answer's body behind a buffer. A connection that is cut off
// gives an error, not io.EOF: net/http checks chunks and Content-Length.
type mimeStream struct {
	io.ReadCloser
	buf  *bufio.Reader
	text io.Reader // what is read: buf, or buf with CRs added; nil: nothing was read yet
}

// Read reads the next octets of the message.
func (m *mimeStream) Read(p []byte) (int, error) {
	if m.text == nil {
		m.lookAtForm()
	}
	return m.text.Read(p)
}

// lookAtForm finds out how lines end. Graph's are CRLF throughout (graph-reference
// §19), and a bare LF in one is the message's own; what stands in for Graph may keep
// text with LF alone, or with a byte order mark, and neither is mail (RFC 5322 §2.1).
func (m *mimeStream) lookAtForm() {
	m.text = m.buf
	if head, _ := m.buf.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		m.buf.Discard(len(head)) // cannot fail: they are there
	}
	var head []byte
	end := -1
	for n, more := 1, true; more && end < 0; n = max(len(head)+1, m.buf.Buffered()) { // waits for no more than the first line
		var err error
		head, err = m.buf.Peek(min(n, m.buf.Size()))
		end = bytes.IndexByte(head, '\n')
		more = err == nil && len(head) < m.buf.Size()
	}
	if end == 0 || end > 0 && head[end-1] != '\r' {
		m.text = transform.NewReader(m.buf, &returns{})
	}
}

// returns puts a CR before each LF that has none.
type returns struct{ cr bool } // the last octet was one

// Reset implements transform.Transformer.
func (r *returns) Reset() { r.cr = false }

// Transform implements transform.Transformer.
func (r *returns) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for _, c := range src {
		add := c == '\n' && !r.cr
		if nDst+1 > len(dst) || add && nDst+2 > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		if add {
			dst[nDst] = '\r'
			nDst++
		}
		dst[nDst] = c
		nDst++
		nSrc++
		r.cr = c == '\r'
	}
	return nDst, nSrc, nil
}
