package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"
	"testing/iotest"
)

// errWait is what a source says that has nothing more yet.
var errWait = errors.New("nothing more yet")

// pieces gives one piece after the other, and errWait whenever one is used up.
type pieces struct{ left [][]byte }

func (p *pieces) Read(b []byte) (int, error) {
	switch {
	case len(p.left) == 0:
		return 0, io.EOF
	case len(p.left[0]) == 0:
		p.left = p.left[1:]
		return 0, errWait
	}
	n := copy(b, p.left[0])
	p.left[0] = p.left[0][n:]
	return n, nil
}

// TestPartialFlush: zlib's partial flush leaves no boundary behind, and yet the
// command is complete when its octets have come.
func TestPartialFlush(t *testing.T) {
	commands := []struct{ text, compressed string }{
		{"a1 NOOP\r\n", "4a3454f0f3f70fe0e50208"},
		{"a2 UID FETCH 1:* (FLAGS)\r\n", "a0442385504f170537d710670f05432b2d050d371f47f7604d5e2e8000"},
		{"a3 UID FETCH 1:* (FLAGS)\r\n", "4a34c6250310"},
		{"a4 LOGOUT\r\n", "4089260a3efeeefea121bc5c0001"},
	}
	src := &pieces{}
	for _, c := range commands {
		b, err := hex.DecodeString(c.compressed)
		if err != nil {
			t.Fatal(err)
		}
		src.left = append(src.left, b)
	}
	z := newInflater(bufio.NewReader(src))
	for _, c := range commands {
		var got []byte
		buf := make([]byte, 7)
		for {
			n, err := z.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				if !errors.Is(err, errWait) {
					t.Fatal(err)
				}
				break
			}
		}
		if string(got) != c.text {
			t.Errorf("got %q, want %q before any more octets", got, c.text)
		}
	}
}

// samples are texts of several kinds.
func samples() map[string][]byte {
	rnd := rand.New(rand.NewSource(1))
	noise := make([]byte, 100_000)
	rnd.Read(noise)
	skewed := make([]byte, 200_000) // codes longer than the table has
	for i := range skewed {
		skewed[i] = byte(min(255, int(rnd.ExpFloat64()*12)))
	}
	return map[string][]byte{
		"nothing": nil,
		"command": []byte("a1 UID FETCH 1:* (UID FLAGS)\r\n"),
		"zeros":   make([]byte, 300_000),
		"noise":   noise,
		"skewed":  skewed,
		"text":    []byte(strings.Repeat("a1 UID FETCH 1:* (UID FLAGS)\r\na2 NOOP\r\n", 5000)),
		"far":     append(append(append([]byte{}, noise[:32768]...), noise[:32768]...), noise[:40000]...),
	}
}

func TestInflate(t *testing.T) {
	for name, text := range samples() {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 6, 9} {
			t.Run(fmt.Sprintf("%s %d", name, level), func(t *testing.T) {
				var packed bytes.Buffer
				w, err := flate.NewWriter(&packed, level)
				if err != nil {
					t.Fatal(err)
				}
				for rest := text; len(rest) > 0; {
					n := min(len(rest), 30_000)
					w.Write(rest[:n])
					w.Flush()
					rest = rest[n:]
				}
				w.Close()
				for how, src := range map[string]io.Reader{
					"whole":   bytes.NewReader(packed.Bytes()),
					"by one":  iotest.OneByteReader(bytes.NewReader(packed.Bytes())),
					"by half": iotest.HalfReader(bytes.NewReader(packed.Bytes())),
				} {
					got, err := io.ReadAll(newInflater(bufio.NewReader(src)))
					if err != nil || !bytes.Equal(got, text) {
						t.Errorf("%s: got %d octets, %v, want %d", how, len(got), err, len(text))
					}
				}
			})
		}
	}
}

func TestInflateErrors(t *testing.T) {
	for name, in := range map[string]string{
		"block of no kind":          "07",
		"stored size wrong":         "010100fffe41",
		"distance too far":          "4b040200",
		"invalid length symbol":     "1b03",
		"too many codes":            "fdffff",
		"no end of block":           "05e0810000000000",
		"repeat without a length":   "050000000000000000000000000000000000000000000000000000",
		"plain text after deflate?": "6120",
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, make([]byte, 400)...)
		_, theirs := io.ReadAll(flate.NewReader(bytes.NewReader(b)))
		_, ours := io.ReadAll(newInflater(bufio.NewReader(bytes.NewReader(b))))
		if corrupt := (flate.CorruptInputError)(0); errors.As(theirs, &corrupt) != errors.Is(ours, errDeflate) {
			t.Errorf("%s: got %v, compress/flate says %v", name, ours, theirs)
		}
	}
}

// FuzzInflate: what compress/flate understands, is understood the same, and
// nothing else does harm.
func FuzzInflate(f *testing.F) {
	for _, text := range []string{"", "a1 NOOP\r\na1 NOOP\r\n", strings.Repeat("abcdefgh ", 100)} {
		for _, level := range []int{0, 1, 9} {
			var packed bytes.Buffer
			w, _ := flate.NewWriter(&packed, level)
			io.WriteString(w, text)
			w.Flush()
			io.WriteString(w, text)
			w.Close()
			f.Add(packed.Bytes())
		}
	}
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, in []byte) {
		want, theirs := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), limit))
		got, ours := io.ReadAll(io.LimitReader(newInflater(bufio.NewReader(iotest.OneByteReader(bytes.NewReader(in)))), limit))
		if theirs == nil && (ours != nil || !bytes.Equal(got, want)) {
			t.Errorf("got %d octets, %v, want %d", len(got), ours, len(want))
		}
		if len(got) < limit && len(want) < limit && !bytes.HasPrefix(got, want[:min(len(want), len(got))]) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	text := []byte(strings.Repeat("Received: from mail.example.com (192.0.2.1) by mx with ESMTPS\r\nSubject: hello\r\n", 10_000))
	for i := range text {
		if i%7 == 0 {
			text[i] = byte('a' + i/7%23)
		}
	}
	packed := compressed(string(text))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := io.CopyN(io.Discard, newInflater(bufio.NewReader(bytes.NewReader(packed))), int64(len(text))); err != nil {
			b.Fatal(err)
		}
	}
}
