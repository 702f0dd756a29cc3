package graphstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

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
	buf *bufio.Reader
}

// Read reads the next octets of the message.
func (m *mimeStream) Read(p []byte) (int, error) { return m.buf.Read(p) }
