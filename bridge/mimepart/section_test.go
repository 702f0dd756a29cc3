package mimepart

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// nested is the example of RFC 3501 §6.4.5: part 3 a message with two parts,
// part 4 a multipart whose second part is a message with a multipart.
var nested = crlf(`From: root
Content-Type: multipart/mixed; boundary=r

--r

one
--r
Content-Type: application/octet-stream

two
--r
Content-Type: message/rfc822

From: three
Content-Type: multipart/mixed; boundary=m

--m

3-1
--m
Content-Type: application/octet-stream

3-2
--m--
--r
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: image/gif

4-1
--x
Content-Type: message/rfc822

From: four-two

--not
4-2-1
--x--
--r--
`)

func parsePath(t *testing.T, s string) []int {
	t.Helper()
	var path []int
	if s == "" {
		return nil
	}
	for _, f := range strings.Split(s, ".") {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		path = append(path, n)
	}
	return path
}

func TestSection(t *testing.T) {
	single := crlf("From: s\n\nbody\n")
	message := crlf("From: outer\nContent-Type: message/rfc822\n\nFrom: inner\n\nbody\n")
	tests := []struct {
		msg, path, spec, want string
	}{
		{nested, "", "TEXT", nested[strings.Index(nested, "\r\n\r\n")+4:]},
		{nested, "", "HEADER", "From: root\r\nContent-Type: multipart/mixed; boundary=r\r\n\r\n"},
		{nested, "", "", nested},
		{nested, "", "MIME", "none"},
		{nested, "1", "", "one"},
		{nested, "1", "MIME", "\r\n"},
		{nested, "1", "HEADER", "none"},
		{nested, "1", "TEXT", "none"},
		{nested, "1.1", "", "none"},
		{nested, "2", "mime", "Content-Type: application/octet-stream\r\n\r\n"},
		{nested, "3", "HEADER", "From: three\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"},
		{nested, "3", "MIME", "Content-Type: message/rfc822\r\n\r\n"},
		{nested, "3", "TEXT", "--m\r\n\r\n3-1\r\n--m\r\nContent-Type: application/octet-stream\r\n\r\n3-2\r\n--m--"},
		{nested, "3.1", "", "3-1"},
		{nested, "3.2", "", "3-2"},
		{nested, "3.2", "MIME", "Content-Type: application/octet-stream\r\n\r\n"},
		{nested, "3.3", "", "none"},
		{nested, "4", "HEADER", "none"},
		{nested, "4.1", "", "4-1"},
		{nested, "4.1", "MIME", "Content-Type: image/gif\r\n\r\n"},
		{nested, "4.2", "", "From: four-two\r\n\r\n--not\r\n4-2-1"},
		{nested, "4.2", "HEADER", "From: four-two\r\n\r\n"},
		{nested, "4.2", "TEXT", "--not\r\n4-2-1"},
		{nested, "4.2.1", "", "--not\r\n4-2-1"},
		{nested, "4.2.2", "", "none"},
		{nested, "0", "", "none"},
		{nested, "-1", "", "none"},
		{nested, "5", "", "none"},
		{nested, "1", "BOGUS", "none"},
		{single, "1", "", "body\r\n"},
		{single, "1", "MIME", "From: s\r\n\r\n"},
		{single, "1", "TEXT", "none"},
		{single, "1.1", "", "none"},
		{single, "2", "", "none"},
		{message, "1", "", "From: inner\r\n\r\nbody\r\n"},
		{message, "1", "HEADER", "From: inner\r\n\r\n"},
		{message, "1", "TEXT", "body\r\n"},
		{message, "1.1", "", "body\r\n"},
		{message, "1.2", "", "none"},
	}
	for _, tt := range tests {
		root := parseString(t, tt.msg)
		got := "none"
		if from, to, ok := root.Section(parsePath(t, tt.path), tt.spec); ok {
			got = tt.msg[from:to]
		}
		if got != tt.want {
			t.Errorf("BODY[%s.%s] of %.12q: got %q, want %q", tt.path, tt.spec, tt.msg, got, tt.want)
		}
	}
}

func TestFields(t *testing.T) {
	const header = "From: a\r\nSubject: x\r\n y\r\nno field\r\nfrom: b\r\nX-From: c\r\n\r\n"
	tests := []struct {
		name, header string
		names        []string
		not          bool
		want         string
	}{
		{"one", header, []string{"SUBJECT"}, false, "Subject: x\r\n y\r\n\r\n"},
		{"repeated, in order", header, []string{"subject", "FROM"}, false, "From: a\r\nSubject: x\r\n y\r\nfrom: b\r\n\r\n"},
		{"none", header, []string{"To"}, false, "\r\n"},
		{"not", header, []string{"from", "to"}, true, "Subject: x\r\n y\r\nno field\r\nX-From: c\r\n\r\n"},
		{"not all", header, nil, true, header},
		{"bare LF", "A: 1\nB: 2\n 3\n\n", []string{"b"}, false, "B: 2\n 3\n\n"},
		{"no empty line", "A: 1\r\nB: 2\r\n", []string{"a"}, false, "A: 1\r\n\r\n"},
		{"no line end", "A: 1", []string{"a"}, false, "A: 1\r\n\r\n"},
		{"empty header", "", []string{"a"}, false, "\r\n"},
		{"what follows the header", "A: 1\r\n\r\nB: 2\r\n", nil, true, "A: 1\r\n\r\n"},
		{"space before colon", "A : 1\r\n\r\n", []string{"A"}, false, "A : 1\r\n\r\n"},
		{"fold first", " x\r\nA: 1\r\n\r\n", []string{"A"}, false, "A: 1\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(Fields([]byte(tt.header), tt.names, tt.not)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte("A: 1\r\n 2\r\nb:\nx\r\n\r\n"), "a")
	f.Add([]byte("\r\r\r\r\n"), "0")
	f.Fuzz(func(t *testing.T, header []byte, name string) {
		with, without := Fields(header, []string{name}, false), Fields(header, []string{name}, true)
		for _, out := range [][]byte{with, without} {
			if !bytes.HasSuffix(out, []byte("\r\n")) && !bytes.HasSuffix(out, []byte("\n")) {
				t.Errorf("no empty line ends %q", out)
			}
		}
		n := 0
		for field := range HeaderFields(header) {
			if len(field.Raw) == 0 {
				t.Fatal("empty field")
			}
			n += len(field.Raw)
		}
		rest, end := header[n:], 2 // octets of the empty line
		if isBlank(rest) {
			end = max(end, lineLen(rest))
		} else if len(rest) > 0 {
			t.Errorf("header ends at %q", rest)
		}
		// Each of the two ends with the empty line, and maybe with a line end that was missing.
		if got := len(with) + len(without); got < n || got > n+2*end+4 {
			t.Errorf("%d octets of fields became %d", n, got)
		}
	})
}

// FuzzParse checks the structure of any octets, and all its sections.
func FuzzParse(f *testing.F) {
	f.Add([]byte(nested))
	f.Add([]byte("Content-Type: multipart/digest; boundary=\"\xff\"\n\n--\xff\n\n\n--\xff--"))
	f.Add([]byte("X: y\n z\nContent-Type: multipart/mixed; boundary=\xe4 charset=x\n\n--\xe4\n folded\nContent-Type: text/html/x\n\n--\xe4--"))
	f.Add([]byte("Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nTo: g: a@b;\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		root, err := Parse(bytes.NewReader(msg))
		if err != nil {
			t.Fatal(err)
		}
		checkTree(t, msg, root)
		readAll(t, msg, root)
		checkSections(t, msg, root, root, nil)
	})
}

// checkSections finds each part by its number.
func checkSections(t *testing.T, msg []byte, root, p *Part, path []int) {
	for _, spec := range []string{"", "HEADER", "TEXT", "MIME"} {
		if from, to, ok := root.Section(path, spec); ok && (from < 0 || from > to || to > int64(len(msg))) {
			t.Fatalf("section %v %s is %d..%d of %d", path, spec, from, to, len(msg))
		}
	}
	in := p
	if m := p.Message(); m != nil && len(path) > 0 {
		in = m
	}
	if !in.IsMultipart() {
		return
	}
	for i, c := range in.Children {
		sub := append(path[:len(path):len(path)], i+1)
		if got, ok := root.Find(sub); !ok || got != c {
			t.Fatalf("part %v is not found", sub)
		}
		checkSections(t, msg, root, c, sub)
	}
}

func TestParseLimits(t *testing.T) {
	var deep strings.Builder
	for i := range 3 * MaxDepth {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	messages := strings.Repeat("Content-Type: message/rfc822\n\n", 5*MaxDepth)
	tests := []struct {
		name, msg string
		parts     int // exactly
	}{
		{"nested multiparts", deep.String() + "\nx", MaxDepth + 2},
		{"nested messages", messages, MaxDepth + 1},
		{"many parts", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n", MaxParts+10), MaxParts},
		{"long lines", "Subject: " + strings.Repeat("x", 3*readBuffer) + "\nContent-Type: multipart/mixed; boundary=b\n\n" +
			strings.Repeat("y", 2*readBuffer) + "--b\n--b\n\n" + strings.Repeat("z", readBuffer-1) + "\n--b--\n", 2},
		{"field after the cap", "To: " + strings.Repeat("x\n ", MaxHeader/3) + "\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n--b\n", 1},
		{"field after much that is not read", "A: " + strings.Repeat("x\n ", MaxHeader/3) + "\nB: " + strings.Repeat("y", 2*MaxHeader) +
			"\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n--b\n", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := parseString(t, tt.msg)
			checkTree(t, []byte(tt.msg), root)
			n := 0
			for list := []*Part{root}; len(list) > 0; n++ {
				list = append(list[1:], list[0].Children...)
			}
			if n != tt.parts {
				t.Errorf("got %d parts, want %d", n, tt.parts)
			}
		})
	}
}

// zeros is a message text without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "0123456789abcde\n"[i%16]
	}
	return len(p), nil
}

// The memory that a message takes does not depend on its size.
func TestParseStreams(t *testing.T) {
	const size = 64 << 20
	head := "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	root, err := Parse(io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, size), strings.NewReader("\n--b--\n")))
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := root.Children[0].End - root.Children[0].Body; got != size {
		t.Errorf("part has %d octets, want %d", got, size)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d octets were allocated", got)
	}
}

func TestParseDetails(t *testing.T) {
	root := parseString(t, crlf(`Subject: s
Content-Type: multipart/related; boundary="b"; TYPE="text/\"html"

--b
Content-Type: text/html; charset = utf-8 (a comment); format=flowed; name=My File (1).txt
Content-ID: <i@x>
Content-Description: a
 description
Content-Transfer-Encoding: 8Bit;
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Disposition: ATTACHMENT; filename="a;b"
Content-Language: en, de (German)
Content-Location: http://x/

x
--b
Content-Type: text/plain charset=utf-8
Content-Disposition: filename=x

--b
Content-Type: (c) nonsense; charset=koi8-r

--b--
`))
	if got, _ := root.Param("type"); got != `text/"html` || root.Envelope.Subject != "s" {
		t.Errorf("root: %+v", root)
	}
	first := *root.Children[0]
	first.Header, first.Body, first.End = 0, 0, 0
	want := Part{
		Type: "text", Subtype: "html", Params: []Param{{"charset", "utf-8"}, {"format", "flowed"}, {"name", "My File (1).txt"}},
		ID: "<i@x>", Description: "a description", Encoding: "8Bit", MD5: "Q2hlY2sgSW50ZWdyaXR5IQ==",
		Disposition: "ATTACHMENT", DispParams: []Param{{"filename", "a;b"}}, Language: []string{"en", "de"}, Location: "http://x/",
	}
	if got, want := fmt.Sprintf("%+v", first), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	second, third := root.Children[1], root.Children[2]
	if got := fmt.Sprint(second.Type, second.Subtype, second.Params, second.DispParams); got != "textplain[{charset utf-8}] [{filename x}]" {
		t.Errorf("second: %s", got)
	}
	if got := fmt.Sprint(third.Type, third.Subtype, third.Params, third.Encoding); got != "textplain[{charset koi8-r}]7bit" {
		t.Errorf("third: %s", got)
	}
}
