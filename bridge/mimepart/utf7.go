package mimepart

import (
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// utf7Encoding reads UTF-7 (RFC 2152), which old mail has and no library does.
// It only decodes.
type utf7Encoding struct{}

func (utf7Encoding) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: &utf7Decoder{}}
}

func (utf7Encoding) NewEncoder() *encoding.Encoder { return encoding.Nop.NewEncoder() }

// utf7Decoder keeps what an incomplete character of a base64 run has so far.
type utf7Decoder struct {
	inRun bool
	empty bool // the run has no character yet: "+-" is "+"
	bits  uint32
	n     uint   // number of bits
	high  uint16 // first half of a surrogate pair, 0 if none
}

func (d *utf7Decoder) Reset() { *d = utf7Decoder{} }

func (d *utf7Decoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if nDst+2*utf8.UTFMax > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		c := src[nSrc]
		nSrc++
		v := int8(-1)
		if d.inRun {
			v = base64Value[c]
		}
		switch {
		case v >= 0:
			d.empty = false
			d.bits, d.n = d.bits<<6|uint32(v), d.n+6
			if d.n >= 16 {
				d.n -= 16
				nDst += d.unit(dst[nDst:], uint16(d.bits>>d.n))
			}
		case d.inRun && c == '-':
			if d.empty {
				nDst += copy(dst[nDst:], "+")
			}
			d.inRun = false
		case c == '+':
			*d = utf7Decoder{inRun: true, empty: true}
		default:
			d.inRun = false
			nDst += utf8.EncodeRune(dst[nDst:], rune(c))
		}
	}
	return nDst, nSrc, nil
}

// unit takes one UTF-16 code unit.
func (d *utf7Decoder) unit(dst []byte, u uint16) int {
	r := rune(u)
	if d.high != 0 {
		r = utf16.DecodeRune(rune(d.high), r)
		d.high = 0
	} else if u >= 0xd800 && u < 0xdc00 {
		d.high = u
		return 0
	}
	return utf8.EncodeRune(dst, r)
}
