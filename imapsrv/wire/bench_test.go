package wire

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge/mimepart"
)

func BenchmarkReadCommand(b *testing.B) {
	for name, line := range map[string]string{
		"Noop":   "a12 NOOP",
		"Login":  `a12 LOGIN "demo@example.com" "secret"`,
		"Fetch":  "a12 UID FETCH 1234 (UID FLAGS BODY.PEEK[])",
		"Header": "a12 UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID)])",
		"Search": "a12 UID SEARCH UNSEEN SINCE 1-Jan-2026 OR FROM a@example.com SUBJECT test",
		"Set":    "a12 UID STORE " + strings.TrimSuffix(strings.Repeat("100000,", 1000), ",") + ` +FLAGS (\Seen)`,
	} {
		b.Run(name, func(b *testing.B) {
			r := NewReader(&repeated{text: []byte(line + "\r\n")}, ReaderOptions{})
			b.SetBytes(int64(len(line) + 2))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.ReadCommand(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// repeated gives the same text again and again.
type repeated struct {
	text []byte
	rest []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(r.rest) == 0 {
			r.rest = r.text
		}
		k := copy(p[n:], r.rest)
		r.rest = r.rest[k:]
		n += k
	}
	return n, nil
}

func BenchmarkAppendLiteral(b *testing.B) {
	const size = 1 << 20
	text := fmt.Sprintf("a APPEND x {%d+}\r\n%s\r\n", size, strings.Repeat("x", size))
	r := NewReader(&repeated{text: []byte(text)}, ReaderOptions{})
	b.SetBytes(size)
	for b.Loop() {
		cmd, err := r.ReadCommand()
		if err != nil {
			b.Fatal(err)
		}
		l := cmd.Args.(*Append).Literal
		if _, err := io.Copy(io.Discard, l); err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	a := func(name, box string) []mimepart.Address {
		return []mimepart.Address{{Name: name, Mailbox: box, Host: "example.com"}}
	}
	env := &mimepart.Envelope{
		Date: "Tue, 3 Nov 2026 04:05:06 +0100", Subject: "Re: [Ticket #12345] The printer on floor 3 is out of paper again",
		From: a("Support Desk", "support"), To: a("Jane Doe", "jane.doe"), Cc: a("", "team"),
		InReplyTo: "<CAF+1234567890abcdef@mail.example.com>", MessageID: "<20261103040506.12345@mail.example.com>",
	}
	root := &mimepart.Part{
		Type: "multipart", Subtype: "alternative", Params: []mimepart.Param{{Name: "boundary", Value: "=_boundary_1"}},
		Children: []*mimepart.Part{
			{Type: "text", Subtype: "plain", Params: []mimepart.Param{{Name: "charset", Value: "utf-8"}}, Encoding: "quoted-printable", End: 900, Lines: 20},
			{Type: "text", Subtype: "html", Params: []mimepart.Param{{Name: "charset", Value: "utf-8"}}, Encoding: "quoted-printable", End: 9000, Lines: 200},
		},
	}
	flags := []string{`\Seen`, `\Answered`, "$Forwarded"}
	date := time.Date(2026, 11, 3, 4, 5, 6, 0, time.UTC)
	item := &FetchItem{Kind: FetchSection, Section: Section{Specifier: "HEADER.FIELDS", Fields: []string{"DATE", "FROM", "SUBJECT"}}}
	header := bytes.Repeat([]byte("Subject: hello world\r\n"), 8)
	for _, bm := range []struct {
		name  string
		write func(f *FetchWriter)
	}{
		{"Flags", func(f *FetchWriter) { f.UID(123456); f.Flags(flags) }},
		{"Envelope", func(f *FetchWriter) {
			f.UID(123456)
			f.Flags(flags)
			f.Envelope(env)
			f.InternalDate(date)
			f.Size(12345)
		}},
		{"BodyStructure", func(f *FetchWriter) { f.UID(123456); f.BodyStructure(root) }},
		{"HeaderFields", func(f *FetchWriter) { f.UID(123456); f.SectionBytes(item, header) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			w := NewWriter(io.Discard)
			b.ReportAllocs()
			for b.Loop() {
				f := w.Fetch(4711)
				bm.write(f)
				f.End()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "responses/s")
		})
	}
}

func BenchmarkWriteSection(b *testing.B) {
	text := bytes.Repeat([]byte("x"), 1<<20)
	src := bytes.NewReader(text)
	w := NewWriter(io.Discard)
	item := &FetchItem{Kind: FetchSection}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(text)
		f := w.Fetch(1)
		if err := f.Section(item, src, int64(len(text))); err != nil {
			b.Fatal(err)
		}
		f.End()
	}
}
