package smtpsrv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mail2graph/bridge"
)

// TestReadText compares pieces of all sizes: the end may lie across any border.
func TestReadText(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", ".\r\n", ""},
		{"stuffed", "..\r\n...x\r\n.y\r\n.\r\n", ".\r\n..x\r\ny\r\n"},
		{"CR CR LF", "a\r\r\n.\r\n", "a\r\r\n"},
		{"bare LF", "a\n.\nb\n.\r\nc\r\n.\nd\r\n.\r\n", "a\n.\nb\n.\r\nc\r\n\nd\r\n"},
		{"bare CR", "a\r.\r\n.\r\n", "a\r.\r\n"},
		{"full buffer before CR", strings.Repeat("x", 15) + "\r\n.\r\n", strings.Repeat("x", 15) + "\r\n"},
		{"full buffer after CR", strings.Repeat("x", 16) + "\r\n.\r\n", strings.Repeat("x", 16) + "\r\n"},
		{"full buffer before a dot", strings.Repeat("x", 16) + ".\r\n.\r\n", strings.Repeat("x", 16) + ".\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, one := range []bool{false, true} {
				var in io.Reader = strings.NewReader(tc.in + "rest")
				if one {
					in = iotest.OneByteReader(in)
				}
				r := bufio.NewReaderSize(in, 16)
				var got strings.Builder
				if err := readText(r, &got, false); err != nil || got.String() != tc.want {
					t.Errorf("got %q, %v, want %q", got.String(), err, tc.want)
				}
				if rest, _ := io.ReadAll(r); string(rest) != "rest" {
					t.Errorf("left %q", rest)
				}
			}
			for n := range len(tc.in) {
				err := readText(bufio.NewReader(strings.NewReader(tc.in[:n])), io.Discard, false)
				if err != io.EOF {
					t.Errorf("cut after %d octets: %v, want io.EOF", n, err)
				}
			}
		})
	}
}

// TestReadTextOfLF: who ends his commands with LF ends his text so.
func TestReadTextOfLF(t *testing.T) {
	r := bufio.NewReaderSize(strings.NewReader("a\n..\n.b\nc\r\n.\nrest"), 16)
	var got strings.Builder
	if err := readText(r, &got, true); err != nil || got.String() != "a\n.\nb\nc\r\n" {
		t.Errorf("got %q, %v", got.String(), err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "rest" {
		t.Errorf("left %q", rest)
	}
}

// TestLines compares pieces of all sizes: a CR and its LF may come apart.
func TestLines(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"CRLF", "a: b\r\n\r\nx\r\n.\r\n", "a: b\r\n\r\nx\r\n.\r\n"},
		{"LF", "a: b\n\nx\n.\n", "a: b\r\n\r\nx\r\n.\r\n"},
		{"CR CR LF", "a: b\r\r\n\r\r\nx\r\r\r\n", "a: b\r\n\r\nx\r\n"},
		{"CR in the header", "a: b\rTo: c\r\n\r\nx", "a: b\rTo: c\r\n\r\nx"},
		{"CR in the body", "\r\nx\ry\r\rz\r", "\r\nx\r\ny\r\n\r\nz\r\n"},
		{"CR at the end of the header", "a: b\r", "a: b\r"},
		{"mixed", "a: b\nc: d\r\n\n\r\n", "a: b\r\nc: d\r\n\r\n\r\n"},
		{"nothing", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for size := 1; size <= len(tc.in)+1; size++ {
				var got strings.Builder
				l := &lines{w: &got}
				for rest := tc.in; rest != ""; rest = rest[min(size, len(rest)):] {
					if _, err := io.WriteString(l, rest[:min(size, len(rest))]); err != nil {
						t.Fatal(err)
					}
				}
				if err := l.flush(); err != nil || got.String() != tc.want {
					t.Errorf("pieces of %d: got %q, %v, want %q", size, got.String(), err, tc.want)
				}
				if l.changed != (tc.in != tc.want || strings.Contains(tc.name, "CR in") || strings.Contains(tc.name, "CR at")) {
					t.Errorf("changed: %v", l.changed)
				}
			}
		})
	}
}

func TestLargeMessageIsSpooled(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		name string
		dir  string
	}{{"file", dir}, {"memory", ""}} {
		t.Run(tc.name, func(t *testing.T) {
			s := &spool{dir: tc.dir}
			want := strings.Repeat("0123456789", spoolMemory/5)
			for rest := want; rest != ""; rest = rest[min(1000, len(rest)):] {
				if _, err := io.WriteString(s, rest[:min(1000, len(rest))]); err != nil {
					t.Fatal(err)
				}
			}
			got, err := io.ReadAll(s.reader())
			if err != nil || string(got) != want {
				t.Errorf("%d octets, %v, want %d", len(got), err, len(want))
			}
			if (s.file != nil) != (tc.dir != "") {
				t.Errorf("file: %v", s.file != nil)
			}
			s.close()
		})
	}
	s := &spool{dir: dir + "/missing"}
	if _, err := s.Write(make([]byte, spoolMemory+1)); err == nil {
		t.Error("no error without the directory")
	}
}

// TestRepliesAreComplete lists every kind of failure: a new one has to find its reply.
func TestRepliesAreComplete(t *testing.T) {
	for _, tc := range []struct {
		err  error
		code int
		enh  string
	}{
		{bridge.ErrAuth, 535, "[5 7 8]"},
		{bridge.ErrLocked, 454, "[4 7 0]"},
		{bridge.ErrCredentials, 451, "[4 7 0]"},
		{bridge.ErrDenied, 550, "[5 7 1]"},
		{bridge.ErrSendAs, 550, "[5 7 1]"},
		{bridge.ErrOutside, 554, "[5 6 0]"},
		{bridge.ErrNoMailbox, 550, "[5 1 1]"},
		{bridge.ErrNotFound, 550, "[5 1 1]"},
		{bridge.ErrExists, 451, "[4 3 0]"},
		{bridge.ErrInvalid, 554, "[5 6 0]"},
		{bridge.ErrTooLarge, 552, "[5 3 4]"},
		{bridge.ErrQuota, 552, "[5 2 2]"},
		{bridge.ErrNoSpace, 452, "[4 3 1]"},
		{bridge.ErrUnavailable, 451, "[4 4 1]"},
		{bridge.ErrResync, 451, "[4 3 0]"},
		{&bridge.RetryError{After: time.Second}, 451, "[4 4 5]"},
		{context.DeadlineExceeded, 451, "[4 4 1]"},
		{context.Canceled, 451, "[4 3 2]"},
		{errors.New("anything"), 451, "[4 3 0]"},
	} {
		t.Run(tc.err.Error(), func(t *testing.T) {
			got := replyTo(fmt.Errorf("outer: %w", tc.err))
			if got.Code != tc.code || fmt.Sprint(got.EnhancedCode) != tc.enh || got.Code/100 != got.EnhancedCode[0] {
				t.Errorf("%d %v, want %d %s", got.Code, got.EnhancedCode, tc.code, tc.enh)
			}
			if strings.Contains(got.Message, "outer") {
				t.Errorf("the text of an error goes out: %s", got.Message)
			}
		})
	}
}
