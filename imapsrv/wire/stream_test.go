package wire

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// transcript reads all of in and says what was seen, one line for each command, error or
// continuation request. What happens to messages is up to handle.
func transcript(in string, opts ReaderOptions, handle func(*Append) string) []string {
	var seen []string
	opts.Continue = func() error {
		seen = append(seen, "+")
		return nil
	}
	r := NewReader(strings.NewReader(in), opts)
	for {
		cmd, err := r.ReadCommand()
		if err == nil {
			line := cmd.Tag + " " + cmd.Name
			if a, ok := cmd.Args.(*Append); ok {
				at := len(seen)
				seen = append(seen, "")
				line += " " + handle(a)
				seen[at] = line
				continue
			}
			seen = append(seen, line)
			continue
		}
		seen = append(seen, describe(err))
		if se := (*SyntaxError)(nil); !errors.As(err, &se) {
			return seen
		}
	}
}

func describe(err error) string {
	if err == nil {
		return "ok"
	}
	if se := (*SyntaxError)(nil); errors.As(err, &se) {
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", se.Tag, se.Condition(), se.Code))
	}
	return err.Error()
}

// The ways of a server with a message.
func store(a *Append) string {
	b, err := io.ReadAll(a.Literal)
	return fmt.Sprintf("%q %v, %s", b, err, describe(a.Literal.Close()))
}

func refuse(a *Append) string { return "refused " + describe(a.Literal.Refuse()) }

func forget(a *Append) string { return "forgotten" }

func readOne(a *Append) string {
	b := make([]byte, 1)
	n, err := a.Literal.Read(b)
	return fmt.Sprintf("%q %v, refused %s", b[:n], err, describe(a.Literal.Refuse()))
}

func closeUnread(a *Append) string { return "closed " + describe(a.Literal.Close()) }

func TestStream(t *testing.T) {
	big := strings.Repeat("b LOGOUT\r\n", 1000) // literals full of commands
	size := fmt.Sprint(len(big))
	long := strings.Repeat("x ", 50_000)
	const eof, cut = "EOF", "unexpected EOF"
	tests := []struct {
		name   string
		in     string
		handle func(*Append) string
		want   []string
	}{
		{"empty lines", "\r\n\n\r\na NOOP\r\n\r\n", nil, []string{"a NOOP", eof}},
		{"bare LF", "a NOOP\nb NOOP\n", nil, []string{"a NOOP", "b NOOP", eof}},
		{"pipelined", "a NOOP\r\nb CHECK\r\nc LOGOUT\r\n", nil, []string{"a NOOP", "b CHECK", "c LOGOUT", eof}},
		{"synchronizing literal over 4,096 octets", "a LOGIN {10000}\r\n" + big + " p\r\n", nil, []string{"+", "a LOGIN", eof}},
		{"non-synchronizing literal over 4,096 octets", "a LOGIN {10000+}\r\n" + big + " p\r\n", nil, []string{"a LOGIN", eof}},
		{"literal with bare LF after it", "a LOGIN {1+}\nx {1+}\ny\n", nil, []string{"a LOGIN", eof}},
		{"too large, the client waits", "a LOGIN {70000}\r\nb NOOP\r\n", nil, []string{"a BAD TOOBIG", "b NOOP", eof}},
		{"too large, the client does not wait", "a LOGIN {" + fmt.Sprint(8*len(big)) + "+}\r\n" + strings.Repeat(big, 8) + " p\r\nc NOOP\r\n",
			nil, []string{"a BAD TOOBIG", "c NOOP", eof}},
		{"too large together", "a LOGIN {40000+}\r\n" + strings.Repeat("x", 40000) + " {40000}\r\nb NOOP\r\n", nil,
			[]string{"a BAD TOOBIG", "b NOOP", eof}},
		{"literal of an unknown command", "a FOO {" + size + "+}\r\n" + big + " {10+}\r\nb LOGOUT\r\n x\r\nc NOOP\r\n", nil,
			[]string{"a BAD", "c NOOP", eof}},
		{"literal waits in an unknown command", "a FOO {10}\r\nb NOOP\r\n", nil, []string{"a BAD", "b NOOP", eof}},
		{"literal without a tag", "{10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", nil, []string{"* BAD", "c NOOP", eof}},
		{"literal after a broken string", "a LOGIN \"x {10+}\r\nb LOGOUT\r\n y\r\nc NOOP\r\n", nil, []string{"a BAD", "c NOOP", eof}},
		{"literal8", "a LOGIN ~{10+}\r\nb LOGOUT\r\n y\r\nc NOOP\r\n", nil, []string{"a BAD", "c NOOP", eof}},
		{"literal after arguments enough", "a NOOP {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", nil, []string{"a BAD", "c NOOP", eof}},
		{"literal after a literal", "a SELECT {1+}\r\nx{10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", nil, []string{"a BAD", "c NOOP", eof}},
		{"error after an accepted literal", "a SELECT {10}\r\nb LOGOUT\r\n junk\r\nc NOOP\r\n", nil, []string{"+", "a BAD", "c NOOP", eof}},
		{"line too long", "a LOGIN " + long + "\r\nb NOOP\r\n", nil, []string{"a BAD TOOBIG", "b NOOP", eof}},
		{"line too long by one", "a LOGIN x " + strings.Repeat("y", 65536-11) + "\r\nb NOOP\r\n", nil, []string{"a BAD TOOBIG", "b NOOP", eof}},
		{"line just not too long", "a LOGIN x " + strings.Repeat("y", 65536-12) + "\r\nb NOOP\r\n", nil, []string{"a LOGIN", "b NOOP", eof}},
		{"long line without tag", strings.Repeat("x", 100_000) + "\r\nb NOOP\r\n", nil, []string{"* BAD", "b NOOP", eof}},
		{"long line, unknown command", "a XX " + long + "\r\nb NOOP\r\n", nil, []string{"a BAD TOOBIG", "b NOOP", eof}},
		{"long line with a literal", "a LOGIN " + long + "{10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", nil, []string{"a BAD TOOBIG", "c NOOP", eof}},
		{"long line after a literal", "a LOGIN {1+}\r\nx " + long + "{10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", nil, []string{"a BAD TOOBIG", "c NOOP", eof}},
		{"long line after a skipped literal", "a FOO {1+}\r\nx " + long + "{10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", nil, []string{"a BAD", "c NOOP", eof}},
		{"lines too long together", "a LOGIN " + strings.Repeat("{1+}\r\nx", 20_000) + "\r\nb NOOP\r\n", nil, []string{"a BAD", "b NOOP", eof}},

		{"append", "a APPEND x {5}\r\nhello\r\nb NOOP\r\n", store, []string{`a APPEND "hello" <nil>, ok`, "+", "b NOOP", eof}},
		{"append without waiting", "a APPEND x {5+}\r\nhello\r\nb NOOP\r\n", store, []string{`a APPEND "hello" <nil>, ok`, "b NOOP", eof}},
		{"append nothing", "a APPEND x {0}\r\n\r\nb NOOP\r\n", store, []string{`a APPEND "" <nil>, ok`, "+", "b NOOP", eof}},
		{"append nothing without waiting", "a APPEND x {0+}\r\n\r\nb NOOP\r\n", store, []string{`a APPEND "" <nil>, ok`, "b NOOP", eof}},
		{"append a NUL", "a APPEND x {3}\r\na\x00b\r\n", store, []string{`a APPEND "a\x00b" <nil>, ok`, "+", eof}},
		{"append refused, the client waits", "a APPEND x {10}\r\nb NOOP\r\n", refuse, []string{"a APPEND refused ok", "b NOOP", eof}},
		{"append refused, the client does not wait", "a APPEND x {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", refuse,
			[]string{"a APPEND refused ok", "c NOOP", eof}},
		{"append refused with a second message", "a APPEND x {10+}\r\nb LOGOUT\r\n {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", refuse,
			[]string{"a APPEND refused ok", "c NOOP", eof}},
		{"append refused after the first octet", "a APPEND x {10}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", readOne,
			[]string{`a APPEND "b" <nil>, refused ok`, "+", "c NOOP", eof}},
		{"append closed unread", "a APPEND x {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", closeUnread, []string{"a APPEND closed ok", "c NOOP", eof}},
		{"append forgotten, the client waits", "a APPEND x {10}\r\nb NOOP\r\n", forget, []string{"a APPEND forgotten", "b NOOP", eof}},
		{"append forgotten, the client does not wait", "a APPEND x {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", forget,
			[]string{"a APPEND forgotten", "c NOOP", eof}},
		{"junk after the message", "a APPEND x {5}\r\nhello junk\r\nb NOOP\r\n", store,
			[]string{`a APPEND "hello" <nil>, a BAD`, "+", "b NOOP", eof}},
		{"junk without a space after the message", "a APPEND x {5}\r\nhellojunk\r\nb NOOP\r\n", store,
			[]string{`a APPEND "hello" <nil>, a BAD`, "+", "b NOOP", eof}},
		{"a space after the message", "a APPEND x {5}\r\nhello \r\nb NOOP\r\n", store, []string{`a APPEND "hello" <nil>, ok`, "+", "b NOOP", eof}},
		{"second message, the client waits", "a APPEND x {5}\r\nhello {10}\r\nb NOOP\r\n", store,
			[]string{`a APPEND "hello" <nil>, a BAD`, "+", "b NOOP", eof}},
		{"second message, the client does not wait", "a APPEND x {5+}\r\nhello (\\Seen) {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", store,
			[]string{`a APPEND "hello" <nil>, a BAD`, "c NOOP", eof}},
		{"truncated message", "a APPEND x {5}\r\nhel", store, []string{`a APPEND "hel" unexpected EOF, unexpected EOF`, "+", eof}},
		{"nothing after the message", "a APPEND x {5}\r\nhello", store, []string{`a APPEND "hello" <nil>, unexpected EOF`, "+", eof}},
		{"truncated message, refused", "a APPEND x {5+}\r\nhel", refuse, []string{"a APPEND refused unexpected EOF", eof}},
		{"message too large, the client waits", "a APPEND x {1001}\r\nb NOOP\r\n", store, []string{"a NO TOOBIG", "b NOOP", eof}},
		{"message too large, the client does not wait", "a APPEND x {" + size + "+}\r\n" + big + "\r\nc NOOP\r\n", store,
			[]string{"a NO TOOBIG", "c NOOP", eof}},
		{"name by literal", "a APPEND {1}\r\nx (\\Seen) {2}\r\nhi\r\n", store, []string{"+", `a APPEND "hi" <nil>, ok`, "+", eof}},
		{"broken before the message", "a APPEND x (\\Seen {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n", store, []string{"a BAD", "c NOOP", eof}},
		{"half a command", "a NOOP\r\nb NO", nil, []string{"a NOOP", cut}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := transcript(tt.in, ReaderOptions{MaxAppend: 1000}, tt.handle)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestAppendArguments(t *testing.T) {
	cmd, err := parseOne(t, `a append "INBOX" (\Seen $Work) " 7-Feb-1994 21:52:25 -0830" {3+}`)
	if err != nil {
		t.Fatal(err)
	}
	a := cmd.Args.(*Append)
	if a.Mailbox != "INBOX" || !reflect.DeepEqual(a.Flags, []string{`\Seen`, "$Work"}) {
		t.Errorf("got %q %q, want INBOX with two flags", a.Mailbox, a.Flags)
	}
	want := time.Date(1994, 2, 7, 21, 52, 25, 0, time.FixedZone("", -(8*60+30)*60))
	if !a.Date.Equal(want) || a.Date.Format(time.RFC3339) != want.Format(time.RFC3339) {
		t.Errorf("got date %v, want %v", a.Date, want)
	}
	if a.Literal.Size != 3 || !a.Literal.NonSync {
		t.Errorf("got %d octets, non-synchronizing %v, want 3, true", a.Literal.Size, a.Literal.NonSync)
	}
}

func TestContinueFails(t *testing.T) {
	broken := errors.New("connection reset")
	opts := ReaderOptions{Continue: func() error { return broken }}
	r := NewReader(strings.NewReader("a LOGIN {3}\r\n"), opts)
	if _, err := r.ReadCommand(); !errors.Is(err, broken) {
		t.Errorf("got %v, want the connection's error", err)
	}
	r = NewReader(strings.NewReader("a APPEND x {3}\r\nabc\r\n"), opts)
	cmd, err := r.ReadCommand()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(cmd.Args.(*Append).Literal); !errors.Is(err, broken) {
		t.Errorf("got %v, want the connection's error", err)
	}
}

func TestReadLine(t *testing.T) {
	in := "DONE\r\n\r\nAGEAYg==\n" + strings.Repeat("x", 1<<17) + "\r\n{3+}\r\na NOOP\r\n*"
	r := NewReader(strings.NewReader(in), ReaderOptions{})
	var got []string
	for range 5 {
		line, err := r.ReadLine()
		if err != nil {
			line = []byte(describe(err))
		}
		got = append(got, string(line))
	}
	if want := []string{"DONE", "", "AGEAYg==", "* BAD TOOBIG", "{3+}"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := r.Buffered(); n == 0 {
		t.Error("got nothing buffered, want the next command")
	}
	if cmd, err := r.ReadCommand(); err != nil || cmd.Name != "NOOP" {
		t.Errorf("got %v, %v, want NOOP", cmd, err)
	}
	if _, err := r.ReadLine(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
