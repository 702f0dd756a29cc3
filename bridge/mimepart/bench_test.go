package mimepart

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// mail is a message of about size octets: text and HTML, and an attachment
// in base64 for what is left.
func mail(size int) []byte {
	var b bytes.Buffer
	b.WriteString("Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: =?utf-8?q?J=C3=B6rg?= <a@b.example>\r\nTo: c@d.example, E <e@f.example>\r\n" +
		"Subject: test\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@b.example>\r\nMIME-Version: 1.0\r\n")
	if size > 2000 {
		b.WriteString("Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n")
	}
	b.WriteString("Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
		strings.Repeat("words and words\r\n", 10) + "--inner\r\nContent-Type: text/html\r\n\r\n<p>words</p>\r\n--inner--\r\n")
	if size > 2000 {
		b.WriteString("--outer\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n")
		for b.Len() < size {
			b.WriteString(strings.Repeat("QUJD", 19) + "\r\n")
		}
		b.WriteString("--outer--\r\n")
	}
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10, 25 << 20} {
		msg := mail(size)
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bytes.NewReader(msg)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Lines that look like boundaries cost the same however many are open.
func BenchmarkParseBoundaries(b *testing.B) {
	for _, depth := range []int{1, MaxDepth} {
		var m strings.Builder
		for i := range depth {
			fmt.Fprintf(&m, "Content-Type: multipart/mixed; boundary=%070d\n\n--%070d\n", i, i)
		}
		m.WriteString("\n" + strings.Repeat(fmt.Sprintf("--%070d\n", 999), 20000))
		msg := m.String()
		b.Run(fmt.Sprintf("depth%d", depth), func(b *testing.B) {
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				if _, err := Parse(strings.NewReader(msg)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	root, err := Parse(bytes.NewReader(mail(100 << 10)))
	if err != nil {
		b.Fatal(err)
	}
	data, err := root.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var p Part
		if err := p.UnmarshalBinary(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAddressList(b *testing.B) {
	list := strings.Repeat(`"Public, Joe" <joe@example.com>, `, 100)
	b.SetBytes(int64(len(list)))
	b.ReportAllocs()
	for b.Loop() {
		ParseAddressList(list)
	}
}
