package mimelines

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"mail2graph/bridge/mimepart"
)

func section(s string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(s), 0, int64(len(s)))
}

func fit(t testing.TB, msg string, binary bool) (string, *Result) {
	t.Helper()
	res, err := Fit(section(msg), binary)
	if err != nil {
		t.Fatalf("Fit(%q): %v", msg, err)
	}
	b, err := io.ReadAll(res.Message)
	if err != nil || int64(len(b)) != res.Message.Size() {
		t.Fatalf("%d octets of %d: %v", len(b), res.Message.Size(), err)
	}
	return string(b), res
}

func TestFit(t *testing.T) {
	const multi = "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n"
	for _, tc := range []struct {
		name, msg string
		binary    bool
		want      string // "": as it was
	}{
		{"lines", "Subject: x\n\ntext\n", false, ""},
		{"lines in a binary message", "Subject: x\n\ntext\n", true, ""},
		{"encoded", "Content-Transfer-Encoding: base64\n\nw6TDtg==\n\xff", false, ""},
		{"declared", "Content-Type: text/plain; charset=latin1\nContent-Transfer-Encoding: 8bit\n\n\xe4\n", false, ""},
		{"UTF-8 of no kind", "Subject: x\n\nä\n", false,
			"Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nä\n"},
		{"Latin-1 of no kind", "Subject: x\n\n\xe4\n", false,
			"Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: 8bit\n\n\xe4\n"},
		{"no header", "äöü\n", false,
			"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\näöü\n"},
		{"charset, but no encoding", "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\nä\n", false,
			"MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nä\n"},
		{"7bit, which is not true", "MIME-Version: 1.0\ncontent-transfer-encoding: 7bit\nContent-Type: text/plain; charset=us-ascii; x=\"a b\"; n*=utf-8''x\n\nä\n", false,
			"MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\nContent-Type: text/plain; charset=utf-8;\n\tx=\"a b\";\n\tn*=utf-8''x\n\nä\n"},
		{"NUL", "MIME-Version: 1.0\nContent-Type: application/x\n\na\x00b", false,
			"MIME-Version: 1.0\nContent-Type: application/x\nContent-Transfer-Encoding: base64\n\nYQBi"},
		{"a binary part", multi + "Content-Transfer-Encoding: binary\n\n--b\n\ntext\n--b\nContent-Type: image/x\nContent-Transfer-Encoding: binary\n\n" +
			strings.Repeat("\xff", 58) + "\x00\n--b--\nend\n", true,
			multi + "Content-Transfer-Encoding: 8bit\n\n--b\n\ntext\n--b\nContent-Type: image/x\nContent-Transfer-Encoding: base64\n\n" +
				strings.Repeat("/", 76) + "\n/wA=\n--b--\nend\n"},
		{"lines that are called binary", "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: binary\n\nä\n", true,
			"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nä\n"},
		{"signed", "Content-Type: multipart/signed; boundary=b\n\n--b\n\n\x00ä\n--b--\n", true, ""},
		{"attached", multi + "\n--b\nContent-Type: message/rfc822\n\nSubject: ä\n\nä\n--b--\n", false, ""},
		{"attached octets", multi + "\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: binary\n\nSubject: x\n\n\x00\n--b--\n", true,
			multi + "\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: x\nContent-Transfer-Encoding: base64\n\nAA==\n--b--\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
			got, _ := fit(t, crlf(tc.msg), tc.binary)
			want := crlf(tc.want)
			if want == "" {
				want = crlf(tc.msg)
			}
			if got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
	for _, body := range []string{"a\nb", "a\rb", "a\r", "\n"} {
		got, res := fit(t, "Content-Type: application/x\r\n\r\n"+body, true)
		if res.Encoded != 1 || !strings.Contains(got, "base64") {
			t.Errorf("%q: %q", body, got)
		}
	}
	if _, err := Fit(io.NewSectionReader(brokenReader{}, 0, 10), false); err == nil {
		t.Error("an unreadable source gives no error")
	}
}

type brokenReader struct{}

func (brokenReader) ReadAt([]byte, int64) (int, error) { return 0, iotest.ErrTimeout }

// leaves are the contents of all leaves, decoded.
func leaves(t testing.TB, msg string) []string {
	t.Helper()
	root, err := mimepart.Parse(strings.NewReader(msg))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(*mimepart.Part)
	walk = func(p *mimepart.Part) {
		for _, child := range p.Children {
			walk(child)
		}
		if len(p.Children) == 0 {
			b, err := io.ReadAll(p.Open(strings.NewReader(msg)))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%s/%s %q", p.Type, p.Subtype, b))
		}
	}
	walk(root)
	return out
}

// TestFitProperty: random octets in random structures say the same afterwards, are
// lines, and read the same at any offset.
func TestFitProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	octets := func() string {
		b := make([]byte, rnd.IntN(300))
		for i := range b {
			b[i] = "abc \x00\r\n\xe4\xc3\xa4-"[rnd.IntN(11)]
		}
		return string(b)
	}
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	var entity func(depth int) string
	entity = func(depth int) string {
		head := pick("", "Content-Transfer-Encoding: binary\r\n", "content-transfer-encoding: 8BIT\r\n", "X: y\r\n")
		if depth == 0 || rnd.IntN(3) == 0 {
			return pick("", "Content-Type: text/plain\r\n", "Content-Type: image/png; name=x\r\n", "Content-Type: text/html; charset=utf-8\r\n") + head + "\r\n" + octets()
		}
		b := fmt.Sprintf("=_%d_%d", depth, rnd.IntN(1000))
		s := "Content-Type: multipart/mixed; boundary=\"" + b + "\"\r\n" + head + "\r\n"
		for range 1 + rnd.IntN(3) {
			s += "--" + b + "\r\n" + entity(depth-1) + "\r\n"
		}
		return s + "--" + b + "--\r\n"
	}
	for range 2000 {
		msg := "Subject: x\r\n" + entity(3)
		got, res := fit(t, msg, true)
		if a, b := fmt.Sprint(leaves(t, msg)), fmt.Sprint(leaves(t, got)); a != b {
			t.Fatalf("%q\nbecame\n%q\nleaves\n%s\nbecame\n%s", msg, got, a, b)
		}
		if lone := strings.ReplaceAll(got, "\r\n", ""); strings.ContainsAny(lone, "\x00\r\n") {
			t.Fatalf("no lines: %q became %q", msg, got)
		}
		if again, _ := fit(t, got, true); again != got {
			t.Fatalf("not stable:\n%q\n%q", got, again)
		}
		off := rnd.IntN(len(got) + 1)
		buf := make([]byte, rnd.IntN(200))
		n, err := res.Message.ReadAt(buf, int64(off))
		if want := got[off:min(len(got), off+len(buf))]; string(buf[:n]) != want || n < len(buf) && err != io.EOF {
			t.Fatalf("%d octets at %d: %q, %v, want %q", len(buf), off, buf[:n], err, want)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\r\n--b--", true)
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n", true)
	f.Add("\xe4\n", false)
	f.Fuzz(func(t *testing.T, msg string, binary bool) {
		got, res := fit(t, msg, binary)
		// "8bit" in place of "binary" is two octets shorter.
		labels := strings.Count(strings.ToLower(msg), "binary")
		if res.Encoded == 0 && len(res.Added) == 0 && len(got)+2*labels < len(msg) {
			t.Fatalf("%q lost something: %q", msg, got)
		}
	})
}

func BenchmarkFitASCII(b *testing.B) {
	msg := "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 1<<16)
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if _, err := Fit(section(msg), false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFitOctets(b *testing.B) {
	msg := "Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n" + string(bytes.Repeat([]byte{0, 1, 2, 255}, 1<<20))
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		res, err := Fit(section(msg), true)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Message)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
