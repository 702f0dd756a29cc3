package index

import (
	"bytes"
	"compress/flate"
	"strings"
	"testing"
)

// A record gives back its block, whether it was written by this version or by one that
// put no fields in front, and the fields alone where they are all that is wanted.
func TestHeaderRecords(t *testing.T) {
	var p headerPacker
	p.deflate, _ = flate.NewWriter(&p.buf, flate.BestSpeed)
	const listed = "From: a\r\nSubject: b\r\n"
	for _, block := range []string{"", "\r\n", listed + "\r\n", "Received: x\r\n" + listed + "\r\n", "\a\x00\xff", "To: " + strings.Repeat("x", maxPlain) + "\r\n\r\n"} {
		packed, err := p.pack([]byte(block))
		if err != nil {
			t.Fatal(err)
		}
		p.buf.Reset()
		p.deflate.Reset(&p.buf)
		p.deflate.Write([]byte(block))
		p.deflate.Close()
		for name, record := range map[string][]byte{"new": packed, "old": bytes.Clone(p.buf.Bytes())} {
			for _, plain := range []bool{false, true} {
				u := headerUnpacker{plain: plain}
				u.inflate = flate.NewReader(&u.src)
				want := block
				if plain && name == "new" && strings.HasPrefix(block, "Received") {
					want = listed + "\r\n"
				}
				if plain && name == "new" && block == "\a\x00\xff" {
					want = "\r\n"
				}
				if got, err := u.unpack(record); err != nil || string(got) != want {
					t.Errorf("%s record of %.20q, plain %t: got %.20q, %v, want %.20q", name, block, plain, got, err, want)
				}
			}
		}
		for n := range packed { // cut off: an error, or less, but no panic
			u := headerUnpacker{inflate: flate.NewReader(&bytes.Reader{})}
			u.unpack(packed[:n])
		}
	}
}
