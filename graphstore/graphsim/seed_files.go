package graphsim

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"io"
	"strings"
	"time"
)

// pngImage draws a small picture of two colours and some stripes. The pixels are
// stored and not compressed, since what compress/flate makes of them may differ
// from one release of Go to the next.
func pngImage(d *dice) []byte {
	width, height := d.between(16, 40), d.between(12, 24)
	from, to, stripe := d.next(), d.next(), d.between(2, 6)
	var raw bytes.Buffer
	for y := range height {
		raw.WriteByte(0) // no filter
		for x := range width {
			c := from
			if (x+y)/stripe%2 == 1 {
				c = to
			}
			raw.Write([]byte{byte(c), byte(c >> 8), byte(c >> 16)})
		}
	}
	var z bytes.Buffer // zlib with one stored block (RFC 1950, RFC 1951 §3.2.4)
	z.Write([]byte{0x78, 0x01, 0x01})
	n := uint16(raw.Len())
	z.Write(binary.LittleEndian.AppendUint16(nil, n))
	z.Write(binary.LittleEndian.AppendUint16(nil, ^n))
	z.Write(raw.Bytes())
	z.Write(binary.BigEndian.AppendUint32(nil, adler32.Checksum(raw.Bytes())))

	head := binary.BigEndian.AppendUint32(nil, uint32(width))
	head = binary.BigEndian.AppendUint32(head, uint32(height))
	head = append(head, 8, 2, 0, 0, 0) // 8 bits, true colour
	out := []byte("\x89PNG\r\n\x1a\n")
	for _, chunk := range []struct {
		name string
		data []byte
	}{{"IHDR", head}, {"IDAT", z.Bytes()}, {"IEND", nil}} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(chunk.data)))
		body := append([]byte(chunk.name), chunk.data...)
		out = append(out, body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	}
	return out
}

// pdfFile is a document of one page that viewers open; fill bytes of noise stand
// in an object that no page uses, as a scanned picture would.
func pdfFile(title string, lines []string, fill int64, seed uint64) *blob {
	var content strings.Builder
	fmt.Fprintf(&content, "BT /F1 16 Tf 60 780 Td (%s) Tj /F1 10 Tf", pdfText(title))
	for _, line := range lines {
		fmt.Fprintf(&content, " 0 -18 Td (%s) Tj", pdfText(line))
	}
	content.WriteString(" ET")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", content.Len(), content.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	head := []byte("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, 0, len(objects)+1)
	for i, o := range objects {
		offsets = append(offsets, len(head))
		head = fmt.Appendf(head, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	offsets = append(offsets, len(head))
	head = fmt.Appendf(head, "6 0 obj\n<< /Length %d >>\nstream\n", fill)
	tail := []byte("\nendstream\nendobj\n")
	start := int64(len(head)) + fill + int64(len(tail))
	tail = append(tail, "xref\n0 7\n0000000000 65535 f \n"...)
	for _, o := range offsets {
		tail = fmt.Appendf(tail, "%010d 00000 n \n", o)
	}
	tail = fmt.Appendf(tail, "trailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", start)
	return &blob{head: head, fill: fill, seed: seed, tail: tail}
}

// pdfText makes s safe between parentheses; letters beyond ASCII become question marks.
func pdfText(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 126 || strings.ContainsRune(`()\`, r) {
			return '?'
		}
		return r
	}, s)
}

// zipFile packs one text without compressing it, for the reason of pngImage.
func zipFile(when time.Time, name, text string) *blob {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: when})
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic("pack " + name + " in memory: " + err.Error())
	}
	return &blob{head: buf.Bytes()}
}

// signature looks like a detached PKCS #7 signature from far away: a DER sequence of the right length.
func signature(seed uint64, size int) *blob {
	head := []byte{0x30, 0x82, byte(size >> 8), byte(size), 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}
	return &blob{head: head, fill: int64(size - len(head) + 4), seed: seed}
}

// table is a text of comma-separated values, as exports from other programs are.
func table(d *dice, rows int) string {
	var b strings.Builder
	b.WriteString("date;article;quantity;price\r\n")
	for range rows {
		fmt.Fprintf(&b, "2026-%02d-%02d;%s;%d;%d.%02d\r\n", d.between(1, 12), d.between(1, 28),
			pick(d, fillers["product"]), d.between(1, 400), d.between(1, 900), d.upTo(100))
	}
	return b.String()
}
