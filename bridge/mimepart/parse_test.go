package mimepart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// crlf makes test messages readable.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func parseString(t testing.TB, msg string) *Part {
	t.Helper()
	p, err := Parse(strings.NewReader(msg))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// outline writes one line a part: type, content, and the lines it has.
func outline(msg string, p *Part) string {
	var b strings.Builder
	var walk func(p *Part, indent string)
	walk = func(p *Part, indent string) {
		fmt.Fprintf(&b, "%s%s/%s", indent, p.Type, p.Subtype)
		if len(p.Children) == 0 {
			fmt.Fprintf(&b, " %q %d", msg[p.Body:p.End], p.Lines)
		}
		b.WriteByte('\n')
		for _, c := range p.Children {
			walk(c, indent+" ")
		}
	}
	walk(p, "")
	return b.String()
}

func TestParseStructure(t *testing.T) {
	tests := []struct{ name, msg, want string }{
		{"empty", "", "text/plain \"\" 0\n"},
		{"only empty line", "\n", "text/plain \"\" 0\n"},
		{"header without body", "Subject: x\n", "text/plain \"\" 0\n"},
		{"header without line end", "Subject: x", "text/plain \"\" 0\n"},
		{"no header", "just text\nmore\n\nrest", "text/plain \"just text\\nmore\\n\\nrest\" 3\n"},
		{"body before header", "\nSubject: x\n", "text/plain \"Subject: x\\n\" 1\n"},
		{"bad line among fields", "A: b\nnonsense\nContent-Type: text/html\n\nx\n", "text/html \"x\\n\" 1\n"},
		{"mbox line", "From a@b Mon Jan  1 00:00:00 2024\nContent-Type: text/html\n\nx", "text/html \"x\" 0\n"},
		{"line ends converted twice", "A: b\r\r\n\r\r\nx\r\r\n", "text/plain \"x\\r\\r\\n\" 1\n"},
		{"NULs", "A: b\x00\n\n\x00\x00\n", "text/plain \"\\x00\\x00\\n\" 1\n"},
		{"two parts", "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n\n--b--\nepilogue\n",
			"multipart/mixed\n text/plain \"one\" 0\n text/html \"two\\n\" 1\n"},
		{"no final boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\ntwo\n",
			"multipart/mixed\n text/plain \"one\\ntwo\\n\" 2\n"},
		{"ends inside a part's header", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n",
			"multipart/mixed\n text/html \"\" 0\n"},
		{"part without empty line", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\n--b--",
			"multipart/mixed\n text/html \"\" 0\n text/plain \"\" 0\n"},
		{"part with header and nothing else", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n--b--",
			"multipart/mixed\n text/html \"\" 0\n"},
		{"part without header", "Content-Type: multipart/mixed; boundary=b\n\n--b\nplain words\n--b--",
			"multipart/mixed\n text/plain \"plain words\" 0\n"},
		{"white space after boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\none\n--b-- \nx",
			"multipart/mixed\n text/plain \"one\" 0\n"},
		{"text after boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bc\n--b c\n--b--",
			"multipart/mixed\n text/plain \"one\\n--bc\\n--b c\" 2\n"},
		{"empty multipart", "Content-Type: multipart/mixed; boundary=b\n\nwords\n--b--\n",
			"multipart/mixed\n text/plain \"words\\n--b--\\n\" 2\n"},
		{"boundary missing", "Content-Type: multipart/mixed\n\nwords\n--b\n\nx\n",
			"multipart/mixed\n text/plain \"words\\n--b\\n\\nx\\n\" 4\n"},
		{"boundary folded and with a space", "Content-Type: multipart/mixed; boundary=\"foo\n bar\"\n\n--foo bar\n\nx\n--foo bar--\n",
			"multipart/mixed\n text/plain \"x\" 0\n"},
		{"boundary in continuations", "Content-Type: multipart/mixed; boundary*0=\"fo\"; boundary*1=o\n\n--foo\n\nx\n--foo--\n",
			"multipart/mixed\n text/plain \"x\" 0\n"},
		{"boundary of 8 bits", "Content-Type: multipart/mixed; boundary=\"\xe4b\"\n\n--\xe4b\n\nx\n--\xe4b--\n", "multipart/mixed\n text/plain \"x\" 0\n"},
		{"boundary that looks encoded", "Content-Type: multipart/mixed; boundary=\"=?us-ascii?q?a?=\"\n\n--=?us-ascii?q?a?=\n\nx\n--=?us-ascii?q?a?=--\n",
			"multipart/mixed\n text/plain \"x\" 0\n"},
		{"no semicolon after the boundary", "Content-Type: multipart/mixed; boundary=b\n charset=utf-8\n\n--b\n\nx\n--b--\n", "multipart/mixed\n text/plain \"x\" 0\n"},
		{"two slashes", "Content-Type: text/html/x; charset=utf-8\n\nx", "text/html \"x\" 0\n"},
		{"header folded from its first line", " words\nContent-Type: text/html\n\nx", "text/html \"x\" 0\n"},
		{"boundary prefix of the inner one", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--",
			"multipart/mixed\n multipart/mixed\n  text/plain \"one\" 0\n text/plain \"two\" 0\n"},
		{"boundary ends like a closing one", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b--\n\n--b--\n\none\n--b----\n--b\n\ntwo\n--b--",
			"multipart/mixed\n multipart/mixed\n  text/plain \"one\" 0\n text/plain \"two\" 0\n"},
		{"outer boundary ends inner parts", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--o\n\ntwo\n--i\nthree\n--o--",
			"multipart/mixed\n multipart/mixed\n  text/plain \"one\" 0\n text/plain \"two\\n--i\\nthree\" 2\n"},
		{"same boundary twice", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--",
			"multipart/mixed\n multipart/mixed\n  text/plain \"one\" 0\n text/plain \"two\" 0\n"},
		{"boundary cuts headers of nested messages", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: x\nContent-Type: message/rfc822\n--b--",
			"multipart/mixed\n message/rfc822\n  message/rfc822\n   text/plain \"\" 0\n"},
		{"embedded message", "Content-Type: message/rfc822\n\nContent-Type: text/html\n\nx\ny\n",
			"message/rfc822\n text/html \"x\\ny\\n\" 2\n"},
		{"embedded message without octets", "Content-Type: message/rfc822\n\n", "message/rfc822\n text/plain \"\" 0\n"},
		{"message/global", "Content-Type: message/global\n\nA: b\n\nx", "message/global\n text/plain \"x\" 0\n"},
		{"embedded message in base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: Base64\n\nQQ==\n",
			"message/rfc822 \"QQ==\\n\" 1\n"},
		{"message/partial", "Content-Type: message/partial; id=x; number=1\n\nA: b\n\nx", "message/partial \"A: b\\n\\nx\" 2\n"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: 1\n\none\n--b\nContent-Type: text/plain\n\ntwo\n--b\n\n--b--",
			"multipart/digest\n message/rfc822\n  text/plain \"one\" 0\n text/plain \"two\" 0\n message/rfc822\n  text/plain \"\" 0\n"},
		{"digest with text for a header", "Content-Type: multipart/digest; boundary=b\n\n--b\nwords\n\nmore\n--b--",
			"multipart/digest\n text/plain \"words\\n\\nmore\" 2\n"},
		{"multipart says base64", "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\nx\n--b--",
			"multipart/mixed\n text/plain \"x\" 0\n"},
		{"subtype missing", "Content-Type: multipart; boundary=b\n\n--b\nContent-Type: text\n\nx\n--b\nContent-Type: image\n\n--b--",
			"multipart/mixed\n text/plain \"x\" 0\n application/octet-stream \"\" 0\n"},
		{"two types", "Content-Type: text/html\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx", "text/html \"--b\\n\\nx\" 2\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parseString(t, tt.msg)
			if got := outline(tt.msg, p); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			checkTree(t, []byte(tt.msg), p)
			if strings.Contains(tt.msg, "\r") {
				return
			}
			long := crlf(tt.msg)
			p = parseString(t, long)
			if got := strings.ReplaceAll(outline(long, p), `\r\n`, `\n`); got != tt.want {
				t.Errorf("with CRLF got\n%swant\n%s", got, tt.want)
			}
			checkTree(t, []byte(long), p)
		})
	}
}

// checkTree tests what must hold for any structure of any octets.
func checkTree(t testing.TB, msg []byte, root *Part) {
	t.Helper()
	if root.Header != 0 || root.End != int64(len(msg)) || root.Envelope == nil {
		t.Fatalf("root is %d..%d of %d octets, envelope %v", root.Header, root.End, len(msg), root.Envelope)
	}
	var walk func(p *Part, path []int)
	walk = func(p *Part, path []int) {
		if p.Header > p.Body || p.Body > p.End {
			t.Fatalf("part %v: offsets %d, %d, %d", path, p.Header, p.Body, p.End)
		}
		if p.Type == "" || p.Subtype == "" || p.Encoding == "" {
			t.Fatalf("part %v: defaults missing: %+v", path, p)
		}
		if got := int64(bytes.Count(msg[p.Body:p.End], []byte("\n"))); p.Lines != got {
			t.Fatalf("part %v: %d lines, body has %d", path, p.Lines, got)
		}
		if p.IsMultipart() && len(p.Children) == 0 {
			t.Fatalf("part %v: multipart without parts", path)
		}
		from := p.Body
		for i, c := range p.Children {
			if c.Header < from || c.End > p.End {
				t.Fatalf("child %d of %v: %d..%d outside of %d..%d", i, path, c.Header, c.End, from, p.End)
			}
			from = c.End
			if m := p.Message(); m != nil && (m.Envelope == nil || m.Header != p.Body || m.End != p.End) {
				t.Fatalf("message in %v does not fill its part", path)
			}
			walk(c, append(path, i))
		}
	}
	walk(root, nil)
	data, err := root.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back Part
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, root) {
		t.Fatalf("encoded and decoded: got %+v, want %+v", &back, root)
	}
}

// corpusFiles returns the messages of the shared corpus, which lies outside of
// the source tree.
func corpusFiles(t testing.TB) map[string][]byte {
	t.Helper()
	const dir = "../../../shared/corpus"
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Base(path) {
		case "README.md", "LICENSE", "MIT-LICENSE", ".gitattributes":
			return nil
		}
		data, err := os.ReadFile(path)
		files[path] = data
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no corpus at " + dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestParseCorpus(t *testing.T) {
	files := corpusFiles(t)
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	for name, msg := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			p, err := Parse(bytes.NewReader(msg))
			if err != nil {
				t.Fatal(err)
			}
			checkTree(t, msg, p)
			slow, err := Parse(iotest.OneByteReader(bytes.NewReader(msg)))
			if err != nil || !reflect.DeepEqual(slow, p) {
				t.Errorf("octet by octet it has another structure (error %v)", err)
			}
			readAll(t, msg, p)
		})
	}
}

func readAll(t testing.TB, msg []byte, p *Part) {
	for _, r := range []io.Reader{p.Open(bytes.NewReader(msg)), p.Text(bytes.NewReader(msg))} {
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range p.Children {
		readAll(t, msg, c)
	}
}

func TestParseReadError(t *testing.T) {
	broken := errors.New("broken")
	_, err := Parse(io.MultiReader(strings.NewReader("A: b\n\nx"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}
