package mimepart

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func TestDecodeHeader(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a = b? c", "a = b? c"},
		{"Q", "=?iso-8859-1?Q?J=F6rg_=?= x", "Jörg = x"},
		{"B", "=?UTF-8?b?SsO2cmc=?=", "Jörg"},
		{"text around", "Re: =?utf-8?q?=C3=A9?=: x", "Re: é: x"},
		{"adjacent words", "=?utf-8?q?a?= \t =?utf-8?q?b?= c", "ab c"},
		{"adjacent without space", "=?utf-8?q?a?==?utf-8?q?b?=", "ab"},
		{"character cut in two", "=?utf-8?B?w4M=?= =?utf-8?Q?=C3?= =?UTF-8?Q?=B6?=", "Ãö"},
		{"character cut, other charset", "=?utf-8?Q?=C3?= =?iso-8859-1?Q?=B6?=", "Ã¶"},
		{"spaces inside", "=?utf-8?q?a b =c3=b6?=", "a b ö"},
		{"base64 without padding", "=?utf-8?b?SsO2cm?=", "Jör"},
		{"base64 with junk", "=?utf-8?b?SsO2 c!m c=?=", "Jörg"},
		{"escape broken", "=?utf-8?q?100=_=4?=", "100= =4"},
		{"lower-case hex", "=?utf-8?q?=c3=b6?=", "ö"},
		{"language", "=?us-ascii*en?q?hi?=", "hi"},
		{"unknown charset", "=?x-none?q?=f6?=", "ö"},
		{"wrong charset", "=?us-ascii?q?J=C3=B6rg?=", "Jörg"},
		{"not UTF-8 after all", "=?utf-8?q?J=F6rg?=", "Jörg"},
		{"shift_jis", "=?shift_jis?b?k/qWew==?=", "日本"},
		{"iso-2022-jp", "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "日本"},
		{"gb2312", "=?gb2312?b?1tDOxA==?=", "中文"},
		{"hz", "=?hz-gb-2312?q?~{VPND~}?=", "中文"},
		{"big5", "=?big5?b?pKSk5Q==?=", "中文"},
		{"ks_c_5601", "=?ks_c_5601-1987?b?x9Gx2w==?=", "한글"},
		{"koi8-r", "=?koi8-r?b?7cnS?=", "Мир"},
		{"code page 437", "=?cp437?q?=94?=", "ö"},
		{"code page 1251", "=?cp1251?q?=CC?=", "М"},
		{"utf-16", "=?utf-16?b?AFoA9g==?=", "Zö"},
		{"utf-7", "=?utf-7?q?J+APY-rg_+-_+2D3cqQ-?=", "Jörg + 💩"},
		{"raw UTF-8", "Jörg", "Jörg"},
		{"raw 8-bit", "J\xf6rg \x80", "Jörg €"},
		{"raw 8-bit beside a word", "\xf6 =?utf-8?q?=C3=B6?= \xf6", "ö ö ö"},
		{"no end", "=?utf-8?q?abc", "=?utf-8?q?abc"},
		{"no encoding", "=?utf-8?x?abc?=", "=?utf-8?x?abc?="},
		{"no charset", "=??q?abc?=", "=??q?abc?="},
		{"two beginnings", "=?=?utf-8?q?a?=", "=?a"},
		{"empty text", "a =?utf-8?q??= b", "a  b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := DecodeHeader(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Each of these would take hours if the rest were searched for every beginning.
func TestDecodeHeaderLinear(t *testing.T) {
	for _, piece := range []string{"=?", "=?a?q?", "=?a?q?x?= ", "=? ", "=?a?b?"} {
		in := strings.Repeat(piece, 1<<20/len(piece)) + "\xff ?="
		if out := DecodeHeader(in); !utf8.ValidString(out) {
			t.Errorf("%q: not UTF-8", piece)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add("=?utf-8?q?a?= =?utf-7?b?b?= \xff")
	f.Fuzz(func(t *testing.T, s string) {
		if out := DecodeHeader(s); !utf8.ValidString(out) {
			t.Errorf("%q is not UTF-8", out)
		}
	})
}

func TestOpen(t *testing.T) {
	tests := []struct{ name, encoding, body, want string }{
		{"none", "7bit", "a=3D\r\n", "a=3D\r\n"},
		{"unknown", "8-bits", "a=3D\r\n", "a=3D\r\n"},
		{"base64", "BASE64", "aGVs\r\nbG8=\r\n", "hello"},
		{"base64 no padding", "base64", "aGVsbG8", "hello"},
		{"base64 with junk", "base64", "aG\x00V s*bG8\r\n-\r\n", "hello"},
		{"base64 padded line by line", "base64", "aA==\r\nZQ==\r\nbGxv", "hello"},
		{"base64 one character over", "base64", "aGVsbG8=\r\nX", "hello"},
		{"qp", "Quoted-Printable", "a=3Db=\r\nc =3d=20 \t\r\nd\n", "a=bc = \r\nd\n"},
		{"qp broken", "quoted-printable", "a=3 =ZZ = b==41=\n=", "a=3 =ZZ = b=A"},
		{"qp soft break with space", "quoted-printable", "a= \t\r\nb", "ab"},
		{"qp 8-bit", "quoted-printable", "\xf6=F6", "\xf6\xf6"},
		{"uuencode", "x-uuencode", "text\r\nbegin 644 x\r\n%:&5L;&\\\r\n`\r\nend\r\nmore", "hello"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			msg := "Content-Transfer-Encoding: " + tt.encoding + "\r\n\r\n" + tt.body
			p := parseString(t, msg)
			for _, r := range []io.Reader{p.Open(strings.NewReader(msg)), iotest.OneByteReader(p.Open(strings.NewReader(msg)))} {
				got, err := io.ReadAll(r)
				if err != nil || string(got) != tt.want {
					t.Errorf("got %q, %v, want %q", got, err, tt.want)
				}
			}
		})
	}
}

// A line longer than any buffer is decoded like short ones.
func TestOpenLongLine(t *testing.T) {
	for n := range 7 {
		msg := "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(" ", n) + strings.Repeat("=3D x", 50000) + " \n"
		p := parseString(t, msg)
		got, err := io.ReadAll(p.Open(strings.NewReader(msg)))
		if want := strings.Repeat(" ", n) + strings.Repeat("= x", 50000) + "\n"; err != nil || string(got) != want {
			t.Errorf("%d spaces before: %d octets, error %v, want %d", n, len(got), err, len(want))
		}
	}
}

func TestOpenReadError(t *testing.T) {
	broken := errors.New("broken")
	p := &Part{Encoding: "base64", End: 10}
	if _, err := io.ReadAll(p.Open(errReaderAt{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type errReaderAt struct{ err error }

func (e errReaderAt) ReadAt([]byte, int64) (int, error) { return 0, e.err }

func TestText(t *testing.T) {
	tests := []struct{ name, header, body, want string }{
		{"latin 1", "Content-Type: text/plain; charset=ISO-8859-1", "J\xf6rg", "Jörg"},
		{"encoded twice", "Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: base64", "GyRCRnxLXBsoQg==", "日本"},
		{"no charset, UTF-8", "A: b", "Jörg", "Jörg"},
		{"no charset, 8-bit", "A: b", "J\xf6rg \x93", "Jörg “"},
		{"unknown charset", "Content-Type: text/plain; charset=x-what", "J\xf6rg", "Jörg"},
		{"UTF-8 cut off", "Content-Type: text/plain; charset=utf-8", "J\xc3", "JÃ"},
		{"UTF-8 over the buffer", "Content-Type: text/plain; charset=utf-8", strings.Repeat("日本", 5000), strings.Repeat("日本", 5000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			msg := tt.header + "\n\n" + tt.body
			p := parseString(t, msg)
			got, err := io.ReadAll(p.Text(strings.NewReader(msg)))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	tests := []struct{ name, header, want string }{
		{"none", "Content-Type: text/plain", ""},
		{"disposition", "Content-Disposition: attachment; FileName=\"a b.txt\"", "a b.txt"},
		{"type", "Content-Type: text/plain; name=a.txt", "a.txt"},
		{"both", "Content-Type: text/plain; name=a.txt\nContent-Disposition: inline; filename=b.txt", "b.txt"},
		{"empty in disposition", "Content-Type: text/plain; name=a.txt\nContent-Disposition: inline; filename=\"\"", "a.txt"},
		{"encoded word", "Content-Disposition: attachment; filename=\"=?utf-8?b?w7YudHh0?=\"", "ö.txt"},
		{"encoded word unquoted", "Content-Type: text/plain; name==?iso-8859-1?q?=F6.txt?=", "ö.txt"},
		{"percent", "Content-Disposition: attachment; filename*=utf-8'de'%c3%b6.txt; filename=o.txt", "ö.txt"},
		{"percent, no charset", "Content-Disposition: attachment; filename*=''%F6.txt", "ö.txt"},
		{"percent broken", "Content-Disposition: attachment; filename*=utf-8''100%%4", "100%%4"},
		{"no quotes at all", "Content-Disposition: attachment; filename*=a%20b", "a b"},
		{"continued", "Content-Disposition: attachment; filename*1=\"b.\"; filename*0=\"a\";\n filename*2=txt", "ab.txt"},
		{"continued and percent", "Content-Disposition: attachment; filename*0*=iso-8859-1''%F6; filename*1=%F6; filename*2*=%F6", "ö%F6ö"},
		{"character cut", "Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%B6", "ö"},
		{"piece missing", "Content-Disposition: attachment; filename*0=a; filename*2=c", "a"},
		{"encoded words continued", "Content-Disposition: attachment; filename*0=\"=?utf-8?b?w7\"; filename*1=\"YudHh0?=\"", "ö.txt"},
		{"8-bit", "Content-Disposition: attachment; filename=\"\xf6.txt\"", "ö.txt"},
		{"index too large", "Content-Disposition: attachment; filename*99999999999999999999=x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseString(t, tt.header+"\n\n").FileName(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestJoined(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"none", "a=1; b=x%20y", "a=1|b=x%20y"},
		{"pieces", `a=1; baz*0=x; baz*1="y z"; c=2`, "a=1|baz=xy z|c=2"},
		{"pieces out of order", "baz*1=y; BAZ*0=x", "baz=xy"},
		{"a piece is missing", "baz*0=x; baz*2=z", "baz=x"},
		{"pieces are not decoded", `f*0="=?utf-8?q?a"; f*1="=62?="`, "f==?utf-8?q?a=62?="},
		{"charset", "foo*=utf-8'de'gr%C3%BCn", "foo*=grün"},
		{"charset in pieces", "foo*0*=iso-8859-1''gr%FC; foo*1=n%20; foo*2*=%FC", "foo*=grün%20ü"},
		{"both forms stay", "name=green; name*=utf-8''gr%C3%BCn", "name=green|name*=grün"},
		{"no number", "a*x=1; *=2; *0=3", "a*x=1|*=2|*0=3"},
	}
	for _, tt := range tests {
		var got []string
		for _, p := range Joined(parseParams(tt.in)) {
			got = append(got, p.Name+"="+p.Value)
		}
		if s := strings.Join(got, "|"); s != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, s, tt.want)
		}
	}
}

func TestUnmarshalDamaged(t *testing.T) {
	data, err := parseString(t, nested).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	before := Part{Type: "kept"}
	check := func(name string, data []byte) {
		p := before
		if err := p.UnmarshalBinary(data); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: got error %v, want %v", name, err, ErrEncoding)
		}
		if p.Type != "kept" {
			t.Errorf("%s: part was changed", name)
		}
	}
	for n := range data {
		check("cut off", data[:n])
	}
	check("longer", append(bytes.Clone(data), 0))
	check("other version", append([]byte{marshalVersion + 1}, data[1:]...))
	check("huge offset", append([]byte{marshalVersion}, bytes.Repeat([]byte{0xff}, 20)...))
	if len(data) > 600 {
		t.Errorf("%d octets for 9 parts", len(data))
	}
}

func FuzzUnmarshal(f *testing.F) {
	root, err := Parse(strings.NewReader(nested))
	if err != nil {
		f.Fatal(err)
	}
	data, err := root.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Part
		if err := p.UnmarshalBinary(data); err != nil {
			return
		}
		again, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var q Part
		if err := q.UnmarshalBinary(again); err != nil {
			t.Fatalf("encoded again it is refused: %v", err)
		}
	})
}

// TestPlainReader reads text that is UTF-8 in part, in pieces of any size: it is what
// the whole of it gives.
func TestPlainReader(t *testing.T) {
	for _, text := range []string{"", "plain", "größer", "gr\xf6\xdfer", "größer gr\xf6\xdfer €", "\xe2\x82", "€\xe2\x82", "日本\xff語"} {
		want := toUTF8("", []byte(text))
		for name, src := range map[string]io.Reader{
			"at once": strings.NewReader(text), "octet by octet": iotest.OneByteReader(strings.NewReader(text)),
			"in halves": iotest.HalfReader(strings.NewReader(text)), "end with data": iotest.DataErrReader(strings.NewReader(text)),
		} {
			if got, err := io.ReadAll(&plainReader{src: src}); string(got) != want || err != nil {
				t.Errorf("%q %s: got %q, %v, want %q", text, name, got, err, want)
			}
		}
		if got, err := io.ReadAll(&plainReader{src: io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrClosedPipe))}); err != io.ErrClosedPipe {
			t.Errorf("%q and an error: got %q, %v", text, got, err)
		}
	}
}
