package mimepart

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decoder returns what turns text of a charset into UTF-8. Text that says it
// is US-ASCII or UTF-8, or names no charset that is known, is read as UTF-8,
// and every octet that cannot be as windows-1252: this is what such text is.
func decoder(charset string) transform.Transformer {
	if enc := findEncoding(charset); enc != nil {
		return enc.NewDecoder()
	}
	return utf8OrLatin{}
}

func findEncoding(charset string) encoding.Encoding {
	name := strings.ToLower(strings.Trim(charset, " \t\r\n\"'"))
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return nil
	case "hz-gb-2312", "hz":
		return simplifiedchinese.HZGB2312 // a browser refuses it, mail has it
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM) // RFC 2781 §4.3
	case "utf-7", "unicode-1-1-utf-7":
		return utf7Encoding{}
	}
	for _, n := range []string{name, alias(name)} {
		if enc, err := htmlindex.Get(n); err == nil && enc != encoding.Replacement {
			if canonical, _ := htmlindex.Name(enc); canonical == "utf-8" {
				return nil
			}
			return enc
		}
		if enc, err := ianaindex.MIME.Encoding(n); err == nil && enc != nil {
			return enc
		}
	}
	return nil
}

// alias turns what programs of old called their code pages into known names.
func alias(name string) string {
	digits := strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz-_")
	switch digits {
	case "932":
		return "shift_jis"
	case "936":
		return "gbk"
	case "949":
		return "euc-kr"
	case "950":
		return "big5"
	case "1250", "1251", "1252", "1253", "1254", "1255", "1256", "1257", "1258":
		return "windows-" + digits
	case "437", "850", "852", "855", "858", "860", "862", "863", "865", "866":
		return "ibm" + digits
	}
	if rest, ok := strings.CutPrefix(name, "iso"); ok && strings.HasPrefix(rest, "8859") {
		return "iso-" + rest
	}
	return name
}

// toUTF8 decodes a whole text.
func toUTF8(charset string, text []byte) string {
	d := decoder(charset)
	if _, plain := d.(utf8OrLatin); plain && utf8.Valid(text) {
		return string(text)
	}
	out, _, err := transform.Bytes(d, text)
	if err != nil {
		out, _, _ = transform.Bytes(utf8OrLatin{}, text)
	}
	return string(out)
}

// utf8OrLatin passes UTF-8 through and reads other octets as windows-1252.
type utf8OrLatin struct{ transform.NopResetter }

func (utf8OrLatin) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		r, size := rune(src[nSrc]), 1
		if r >= utf8.RuneSelf {
			if !atEOF && !utf8.FullRune(src[nSrc:]) {
				return nDst, nSrc, transform.ErrShortSrc
			}
			if r, size = utf8.DecodeRune(src[nSrc:]); r == utf8.RuneError && size == 1 {
				r = charmap.Windows1252.DecodeByte(src[nSrc])
			}
		}
		if nDst+utf8.RuneLen(r) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += size
	}
	return nDst, nSrc, nil
}
