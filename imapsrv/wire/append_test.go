package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestBinaryCommands(t *testing.T) {
	items := func(items ...FetchItem) any { return &Fetch{Set: set(1, 1), Items: items} }
	checkCommands(t, []commandTest{
		{in: "a FETCH 1 BINARY[1.2]", name: "FETCH", args: items(FetchItem{Kind: FetchBinary, Section: Section{Path: []int{1, 2}}})},
		{in: "a FETCH 1 (binary.peek[3]<0.1000> BINARY.SIZE[3])", name: "FETCH", args: items(
			FetchItem{Kind: FetchBinary, Peek: true, Section: Section{Path: []int{3}, Partial: true, Count: 1000}},
			FetchItem{Kind: FetchBinarySize, Section: Section{Path: []int{3}}})},
		{in: "a FETCH 1 BINARY[]", name: "FETCH", args: items(FetchItem{Kind: FetchBinary})},
	})
}

func TestBinaryResponses(t *testing.T) {
	part := &FetchItem{Kind: FetchBinary, Peek: true, Section: Section{Path: []int{1, 2}}}
	page := &FetchItem{Kind: FetchBinary, Section: Section{Path: []int{3}, Partial: true, Offset: 10, Count: 5}}
	got := written(t, func(w *Writer) {
		f := w.Fetch(1)
		f.SectionBytes(part, []byte("a\x00b"))
		f.Section(page, strings.NewReader("\x00hello"), 5)
		f.SectionBytes(page, nil)
		f.SectionNIL(part)
		f.BinarySize(&FetchItem{Kind: FetchBinarySize, Section: Section{Path: []int{4}}}, 77)
		f.End()
		w.Tagged("a", NO, CodeUnknownCTE, "x")
	})
	want := "* 1 FETCH (BINARY[1.2] ~{3}\r\na\x00b BINARY[3]<10> ~{5}\r\n\x00hell BINARY[3]<10> \"\" BINARY[1.2] NIL BINARY.SIZE[4] 77)\r\n" +
		"a NO [UNKNOWN-CTE] x\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// storeAll takes every message of an APPEND.
func storeAll(a *Append) string {
	var got []string
	for a != nil {
		b, err := io.ReadAll(a.Literal)
		text := fmt.Sprintf("%q", b)
		if a.Flags != nil {
			text += fmt.Sprintf(" %q", a.Flags)
		}
		if !a.Date.IsZero() {
			text += a.Date.Format(" 2006")
		}
		if a.Binary {
			text += " binary"
		}
		if a.UTF8 {
			text += " utf8"
		}
		got = append(got, text)
		if err != nil {
			return strings.Join(append(got, err.Error()), "; ")
		}
		if a, err = a.Next(); err != nil {
			return strings.Join(append(got, describe(err)), "; ")
		}
	}
	return strings.Join(append(got, "ok"), "; ")
}

// refuseSecond refuses the second message.
func refuseSecond(a *Append) string {
	next, err := a.Next()
	if err != nil || next == nil {
		return "no second message: " + describe(err)
	}
	return "refused " + describe(next.Literal.Refuse())
}

// leaveSecond reads one octet of the second message and goes away.
func leaveSecond(a *Append) string {
	next, err := a.Next()
	if err != nil || next == nil {
		return "no second message: " + describe(err)
	}
	n, err := next.Literal.Read(make([]byte, 1))
	return fmt.Sprintf("left after %d octets, %s", n, describe(err))
}

func TestMultiAppend(t *testing.T) {
	const eof = "EOF"
	tests := []struct {
		name   string
		in     string
		handle func(*Append) string
		want   []string
	}{
		{"one", "a APPEND x (\\Seen) {5+}\r\nhello\r\nb NOOP\r\n", storeAll, []string{`a APPEND "hello" ["\\Seen"]; ok`, "b NOOP", eof}},
		{"a space after it", "a APPEND x {5+}\r\nhello \r\nb NOOP\r\n", storeAll, []string{`a APPEND "hello"; ok`, "b NOOP", eof}},
		{"three", "a APPEND x (\\Seen) \" 1-Jan-2001 00:00:00 +0000\" {2+}\r\nhi {2+}\r\nho  (y z) ~{3+}\r\na\x00b\r\nb NOOP\r\n", storeAll,
			[]string{`a APPEND "hi" ["\\Seen"] 2001; "ho"; "a\x00b" ["y" "z"] binary; ok`, "b NOOP", eof}},
		{"three, the client waits", "a APPEND x {2}\r\nhi {2}\r\nho ~{1}\r\nx\r\nb NOOP\r\n", storeAll,
			[]string{`a APPEND "hi"; "ho"; "x" binary; ok`, "+", "+", "+", "b NOOP", eof}},
		{"empty ones", "a APPEND x {0+}\r\n {0+}\r\n\r\nb NOOP\r\n", storeAll, []string{`a APPEND ""; ""; ok`, "b NOOP", eof}},
		{"UTF8", "a APPEND x (y) UTF8 (~{2+}\r\nhi) utf8 ( ~{2+}\r\nho)\r\nb NOOP\r\n", storeAll,
			[]string{`a APPEND "hi" ["y"] binary utf8; "ho" binary utf8; ok`, "b NOOP", eof}},
		{"UTF8 not closed", "a APPEND x UTF8 (~{2+}\r\nhi\r\nb NOOP\r\n", storeAll, []string{`a APPEND "hi" binary utf8; a BAD`, "b NOOP", eof}},
		{"UTF8 refused", "a APPEND x UTF8 (~{10+}\r\nb LOGOUT\r\n) {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", refuse,
			[]string{"a APPEND refused ok", "c NOOP", eof}},
		{"junk after the first", "a APPEND x {2+}\r\nhi x {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", storeAll,
			[]string{`a APPEND "hi"; a BAD`, "c NOOP", eof}},
		{"no space before the second", "a APPEND x {2+}\r\nhi{10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", storeAll,
			[]string{`a APPEND "hi"; a BAD`, "c NOOP", eof}},
		{"second without message", "a APPEND x {2+}\r\nhi (\\Seen)\r\nc NOOP\r\n", storeAll, []string{`a APPEND "hi"; a BAD`, "c NOOP", eof}},
		{"second too large, the client waits", "a APPEND x {2}\r\nhi {1001}\r\nb NOOP\r\n", storeAll,
			[]string{`a APPEND "hi"; a NO TOOBIG`, "+", "b NOOP", eof}},
		{"second too large, the client does not wait", "a APPEND x {2+}\r\nhi {1100+}\r\n" + strings.Repeat("b LOGOUT\r\n\r", 100) + "\r\nc NOOP\r\n", storeAll,
			[]string{`a APPEND "hi"; a NO TOOBIG`, "c NOOP", eof}},
		{"cut off", "a APPEND x {2+}\r\nhi {10+}\r\nb LOG", storeAll, []string{`a APPEND "hi"; "b LOG"; unexpected EOF`, "unexpected EOF"}},
		{"cut off before the second", "a APPEND x {2+}\r\nhi {10", storeAll, []string{`a APPEND "hi"; unexpected EOF`, eof}},
		{"closed by a server that takes one", "a APPEND x {2+}\r\nhi {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", store,
			[]string{`a APPEND "hi" <nil>, a BAD`, "c NOOP", eof}},
		{"second refused, the client waits", "a APPEND x {2}\r\nhi {10}\r\nb NOOP\r\n", refuseSecond,
			[]string{"a APPEND refused ok", "+", "b NOOP", eof}},
		{"second refused, a third comes", "a APPEND x {2+}\r\nhi {10+}\r\nb LOGOUT\r\n {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", refuseSecond,
			[]string{"a APPEND refused ok", "c NOOP", eof}},
		{"second left", "a APPEND x {2+}\r\nhi {10+}\r\nb LOGOUT\r\n {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", leaveSecond,
			[]string{"a APPEND left after 1 octets, ok", "c NOOP", eof}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := transcript(tt.in, ReaderOptions{MaxAppend: 1000}, tt.handle); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestMultiAppendLines: the lines between many messages do not add up to a line
// too long, but each has its limit.
func TestMultiAppendLines(t *testing.T) {
	in := "a APPEND x" + strings.Repeat(` (\Seen) "01-Jan-2001 00:00:00 +0000" {1+}`+"\r\nx", 100)
	got := transcript(in+"\r\n", ReaderOptions{MaxLine: 100}, storeAll)
	if n := strings.Count(got[0], `"x"`); n != 100 || !strings.HasSuffix(got[0], "; ok") {
		t.Errorf("got %d messages, want 100: %q", n, got[0][len(got[0])-20:])
	}
	got = transcript("a APPEND x {1+}\r\nx ("+strings.Repeat("y ", 100)+"z) {3+}\r\nabc\r\nb NOOP\r\n", ReaderOptions{MaxLine: 100}, storeAll)
	if want := []string{`a APPEND "x"; a BAD TOOBIG`, "b NOOP", "EOF"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReplace(t *testing.T) {
	r := NewReader(strings.NewReader("a UID REPLACE 2000 Drafts (\\Seen \\Draft) \"11-Dec-2023 15:00:00 +0000\" {5+}\r\nhello\r\n"+
		"b REPLACE * {1+}\r\nx ~{2+}\r\nhi\r\nc REPLACE 4 x {2+}\r\nhi {2+}\r\nho\r\nd NOOP\r\n"), ReaderOptions{})
	cmd, err := r.ReadCommand()
	if err != nil {
		t.Fatal(err)
	}
	m := cmd.Args.(*Replace)
	a := m.Message
	if !cmd.UID || m.Num != 2000 || a.Mailbox != "Drafts" || len(a.Flags) != 2 || !a.Date.Equal(time.Date(2023, 12, 11, 15, 0, 0, 0, time.UTC)) {
		t.Errorf("got %+v of %+v", a, m)
	}
	if b, err := io.ReadAll(a.Literal); string(b) != "hello" || err != nil || a.Literal.Close() != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if cmd, err = r.ReadCommand(); err != nil {
		t.Fatal(err)
	}
	if m := cmd.Args.(*Replace); m.Num != 0 || !m.Message.Binary || cmd.UID {
		t.Errorf("got %+v", m)
	}
	if cmd, err = r.ReadCommand(); err != nil { // the message before was forgotten
		t.Fatal(err)
	}
	var se *SyntaxError
	if next, err := cmd.Args.(*Replace).Message.Next(); next != nil || !errors.As(err, &se) {
		t.Errorf("got %v, %v for a second message, want a SyntaxError", next, err)
	}
	if cmd, err = r.ReadCommand(); err != nil || cmd.Tag != "d" {
		t.Errorf("got %v, %v, want the next command", cmd, err)
	}
}

func TestNextContinueFails(t *testing.T) {
	broken := errors.New("connection reset")
	r := NewReader(strings.NewReader("a APPEND x {3}\r\nabc\r\n"), ReaderOptions{Continue: func() error { return broken }})
	cmd, err := r.ReadCommand()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.Args.(*Append).Next(); !errors.Is(err, broken) {
		t.Errorf("got %v, want the connection's error", err)
	}
}

func TestAppendUIDs(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Tagged("a", OK, CodeAppendUIDs(38505, []uint32{3955, 3957, 3958, 3959}), "x")
	w.Flush()
	if want := "a OK [APPENDUID 38505 3955,3957:3959] x\r\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
