package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// compressed is text as a client sends it after COMPRESS.
func compressed(commands ...string) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	for _, c := range commands {
		io.WriteString(w, c)
		w.Flush()
	}
	return out.Bytes()
}

// TestInflateKeepsWhatCame: octets that came along with COMPRESS are not lost.
func TestInflateKeepsWhatCame(t *testing.T) {
	in := append([]byte("a COMPRESS DEFLATE\r\n"), compressed("b APPEND x {100000}\r\n"+strings.Repeat("y", 100_000)+"\r\n", "c NOOP\r\n")...)
	r := NewReader(bytes.NewReader(in), ReaderOptions{Continue: func() error { return nil }})
	if _, err := r.ReadCommand(); err != nil {
		t.Fatal(err)
	}
	r.Inflate(nil)
	r.Inflate(nil) // twice is once
	cmd, err := r.ReadCommand()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(cmd.Args.(*Append).Literal); len(b) != 100_000 || err != nil {
		t.Errorf("got %d octets, %v", len(b), err)
	}
	if cmd, err := r.ReadCommand(); err != nil || cmd.Tag != "c" {
		t.Errorf("got %+v, %v, want the command after it", cmd, err)
	}
	if _, err := r.ReadCommand(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
}

func TestInflateNonsense(t *testing.T) {
	r := NewReader(strings.NewReader("a COMPRESS DEFLATE\r\nb NOOP\r\nc NOOP\r\n"), ReaderOptions{})
	if _, err := r.ReadCommand(); err != nil {
		t.Fatal(err)
	}
	r.Inflate(nil)
	var se *SyntaxError
	if cmd, err := r.ReadCommand(); err == nil || errors.As(err, &se) {
		t.Errorf("got %v, %v for plain text, want an error that ends the connection", cmd, err)
	}
}

// TestInflateAfterDeadline: an error of the connection that passes loses nothing.
func TestInflateAfterDeadline(t *testing.T) {
	src := &pieces{}
	packed := compressed("a NOOP\r\n")
	header := len(packed) - 6 // of the empty block; what comes before is symbols
	for _, c := range packed[:header] {
		src.left = append(src.left, []byte{c})
	}
	src.left = append(src.left, packed[header:])
	r := NewReader(src, ReaderOptions{})
	r.Inflate(nil)
	var got []byte
	waits := 0
	for {
		c, err := r.br.ReadByte()
		if errors.Is(err, errWait) {
			waits++
			continue
		}
		if err != nil {
			break
		}
		got = append(got, c)
	}
	if string(got) != "a NOOP\r\n" || waits < 5 {
		t.Errorf("got %q after %d waits", got, waits)
	}
}

// TestCompressedConversation: both sides compress from the OK on, and every
// answer arrives without a further one; UNAUTHENTICATE ends it.
func TestCompressedConversation(t *testing.T) {
	for name, end := range map[string]func(*flate.Writer) error{"flushed": (*flate.Writer).Flush, "closed": (*flate.Writer).Close} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			done := make(chan error)
			go func() { done <- serveCompressed(ours) }()

			in := bufio.NewReader(theirs)
			plainLine := func(send string) {
				t.Helper()
				io.WriteString(theirs, send)
				tag, _, _ := strings.Cut(send, " ")
				if got, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(got, tag+" OK") {
					t.Fatalf("got %q, %v", got, err)
				}
			}
			plainLine("a COMPRESS DEFLATE\r\n")
			out := &bytes.Buffer{}
			zw, _ := flate.NewWriter(out, 6)
			zr := flate.NewReader(in)
			lines := bufio.NewReader(zr)
			for i := range 50 {
				text := fmt.Sprintf("b%d NOOP\r\n", i)
				io.WriteString(zw, text)
				zw.Flush()
				theirs.Write(out.Bytes())
				out.Reset()
				for {
					got, err := lines.ReadString('\n')
					if err != nil {
						t.Fatal(err)
					}
					if !strings.HasPrefix(got, "*") {
						if want := fmt.Sprintf("b%d OK", i); !strings.HasPrefix(got, want) {
							t.Fatalf("got %q, want %q", got, want)
						}
						break
					}
				}
			}
			io.WriteString(zw, "c UNAUTHENTICATE\r\n")
			end(zw)
			theirs.Write(out.Bytes())
			if rest, err := io.ReadAll(lines); err != nil || !strings.HasPrefix(string(rest), "c OK") {
				t.Fatalf("got %q, %v, want the end of the compressed data after OK", rest, err)
			}
			plainLine("d NOOP\r\n")
			plainLine("e LOGOUT\r\n")
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// serveCompressed answers until LOGOUT.
func serveCompressed(conn net.Conn) error {
	defer conn.Close()
	r, w := NewReader(conn, ReaderOptions{}), NewWriter(conn)
	for {
		cmd, err := r.ReadCommand()
		if err != nil {
			return err
		}
		if cmd.Name == "UNAUTHENTICATE" {
			if err := r.EndInflate(); err != nil {
				return err
			}
		}
		plain := cmd.Name == "LOGOUT" || cmd.Tag == "d"
		if !plain && cmd.Name == "NOOP" {
			w.Search([]uint32{1, 2, 3})
		}
		w.Tagged(cmd.Tag, OK, "", "completed")
		switch cmd.Name {
		case "COMPRESS":
			if err := w.Deflate(nil); err != nil {
				return err
			}
			r.Inflate(nil)
		case "UNAUTHENTICATE":
			if err := w.EndDeflate(); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil || cmd.Name == "LOGOUT" {
			return err
		}
	}
}

func TestEndInflate(t *testing.T) {
	plain := "d NOOP\r\n"
	t.Run("plain text came along", func(t *testing.T) {
		r := NewReader(bytes.NewReader(append(compressed("c UNAUTHENTICATE\r\n"), plain...)), ReaderOptions{})
		r.Inflate(nil)
		if _, err := r.ReadCommand(); err != nil {
			t.Fatal(err)
		}
		if err := r.EndInflate(); err != nil {
			t.Fatal(err)
		}
		if cmd, err := r.ReadCommand(); err != nil || cmd.Tag != "d" {
			t.Errorf("got %v, %v, want %q", cmd, err, plain)
		}
	})
	t.Run("a compressed command came along", func(t *testing.T) {
		r := NewReader(bytes.NewReader(compressed("c UNAUTHENTICATE\r\n"+plain)), ReaderOptions{})
		r.Inflate(nil)
		if _, err := r.ReadCommand(); err != nil {
			t.Fatal(err)
		}
		if err := r.EndInflate(); !errors.Is(err, ErrOutOfSync) {
			t.Errorf("got %v, want %v", err, ErrOutOfSync)
		}
	})
	t.Run("nothing was compressed", func(t *testing.T) {
		r := NewReader(strings.NewReader(plain), ReaderOptions{})
		if err := r.EndInflate(); err != nil {
			t.Error(err)
		}
	})
}

func TestDeflateError(t *testing.T) {
	broken := errors.New("broken pipe")
	w := NewWriter(failingWriter{broken})
	if err := w.Deflate(nil); err != nil {
		t.Fatal(err)
	}
	w.Exists(1)
	if err := w.Flush(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if err := w.EndDeflate(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// TestDeflateSaysNothingForNothing: a flush without responses sends no octet.
func TestDeflateSaysNothingForNothing(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	if err := w.Deflate(nil); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if out.Len() > 0 {
		t.Errorf("got %x, want nothing", out.Bytes())
	}
	w.Exists(1)
	w.Flush()
	n := out.Len()
	w.Flush()
	if n == 0 || out.Len() != n {
		t.Errorf("got %d octets, then %d", n, out.Len())
	}
}

func BenchmarkDeflate(b *testing.B) {
	w := NewWriter(io.Discard)
	if err := w.Deflate(nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f := w.Fetch(4711)
		f.UID(123456)
		f.Flags([]string{`\Seen`})
		f.End()
	}
}
