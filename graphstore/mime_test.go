package graphstore

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
)

// TestMIME reads over real connections: whole, cut off, empty, not convertible.
func TestMIME(t *testing.T) {
	text := strings.Repeat("Subject: x\r\n\r\nHello\r\n", 20_000)
	half := func(w http.ResponseWriter) {
		io.WriteString(w, text[:len(text)/2])
		w.(http.Flusher).Flush()
		hangUp()
	}
	cases := []struct {
		name  string
		graph func(w http.ResponseWriter, n int)
		err   error
		calls int
	}{
		{"chunked", func(w http.ResponseWriter, n int) { io.WriteString(w, text) }, nil, 1},
		{"with a length", func(w http.ResponseWriter, n int) {
			w.Header().Set("Content-Length", "400000")
			io.WriteString(w, text[:400000])
		}, nil, 1},
		{"gzip", func(w http.ResponseWriter, n int) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, text)
			z.Close()
		}, nil, 1},
		{"cut off", func(w http.ResponseWriter, n int) { half(w) }, bridge.ErrUnavailable, 1},
		{"cut off with a length", func(w http.ResponseWriter, n int) {
			w.Header().Set("Content-Length", "400000")
			half(w)
		}, bridge.ErrUnavailable, 1},
		{"cut off gzip", func(w http.ResponseWriter, n int) {
			w.Header().Set("Content-Encoding", "gzip")
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			io.WriteString(z, text)
			z.Close()
			w.Write(b.Bytes()[:b.Len()-10])
		}, bridge.ErrUnavailable, 1},
		{"cut off at once, then whole", func(w http.ResponseWriter, n int) {
			if n == 1 {
				w.WriteHeader(200)
				w.(http.Flusher).Flush()
				hangUp()
			}
			io.WriteString(w, text)
		}, nil, 2},
		{"gone", func(w http.ResponseWriter, n int) { fail(w, 404, "ErrorItemNotFound", "x") }, bridge.ErrNotFound, 1},
		{"not convertible", func(w http.ResponseWriter, n int) { fail(w, 500, "ErrorMimeContentConversionFailed", "x") }, bridge.ErrInvalid, 1},
		{"corrupt", func(w http.ResponseWriter, n int) { fail(w, 500, "ErrorItemCorrupt", "x") }, bridge.ErrInvalid, 1},
		{"empty, then whole", func(w http.ResponseWriter, n int) {
			if n > 1 {
				io.WriteString(w, text)
			}
		}, nil, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			s := newStandin(t, func(w http.ResponseWriter, r *http.Request) {
				n++
				w.Header().Set("Content-Type", "text/plain")
				c.graph(w, n)
			})
			st := s.store(t)
			got, err := read(t.Context(), st)
			if !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			if c.err == nil && !strings.HasPrefix(text, string(got)) || c.err == nil && len(got) < 400000 {
				t.Errorf("%d octets, not those of the message", len(got))
			}
			calls := s.calls()
			if len(calls) != c.calls || calls[0] != "GET /users/u@example.com/messages/id/$value" {
				t.Errorf("requests %q, want %d on the short path", calls, c.calls)
			}
			if st.sched.busy != 0 {
				t.Errorf("%d slots stay taken", st.sched.busy)
			}
		})
	}
}

func read(ctx context.Context, st *Store) ([]byte, error) {
	r, err := st.MIME(ctx, "id")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// TestMIMEHoldsItsSlot: a stream counts as a request in flight until its end.
func TestMIMEHoldsItsSlot(t *testing.T) {
	s := newStandin(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") })
	st := s.store(t)
	var open []io.Closer
	for range mailboxSlots {
		r, err := st.MIME(t.Context(), "id")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := st.MIME(ctx, "id"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fourth stream: %v, want it to wait", err)
	}
	open[0].Close()
	open[0].Close() // twice is harmless
	if _, err := st.MIME(t.Context(), "id"); err != nil {
		t.Error(err)
	}
	if st.sched.busy != mailboxSlots {
		t.Errorf("%d slots taken, want %d", st.sched.busy, mailboxSlots)
	}
}
