package wire

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// base64Name is the alphabet of modified UTF-7: "," for "/", no padding.
// Strict refuses stray bits at the end, so a name has one form only.
var base64Name = base64.NewEncoding(
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,",
).WithPadding(base64.NoPadding).Strict()

// EncodeMailbox returns the modified UTF-7 form of a UTF-8 name (RFC 3501 §5.1.3):
// "Entwürfe & mehr" ↔ "Entw&APw-rfe &- mehr".
func EncodeMailbox(name string) string {
	if !needsEncoding(name) {
		return name
	}
	var out []byte
	for i := 0; i < len(name); {
		c := name[i]
		if direct(c) {
			out = append(out, c)
			if c == '&' {
				out = append(out, '-')
			}
			i++
			continue
		}
		start := i
		for i < len(name) && !direct(name[i]) {
			i++
		}
		out = append(out, '&')
		out = base64Name.AppendEncode(out, utf16BE(name[start:i]))
		out = append(out, '-')
	}
	return string(out)
}

// direct reports whether an octet stands for itself (or is the shift itself).
func direct(c byte) bool { return 0x20 <= c && c <= 0x7e }

func needsEncoding(s string) bool {
	for i := range len(s) {
		if !direct(s[i]) || s[i] == '&' {
			return true
		}
	}
	return false
}

func utf16BE(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return b
}

// DecodeMailbox undoes EncodeMailbox. Names that are not valid modified UTF-7
// are returned as they are, so clients that send plain UTF-8 are understood.
func DecodeMailbox(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	var out strings.Builder
	for rest := s; ; {
		plain, shifted, found := strings.Cut(rest, "&")
		for i := range len(plain) {
			if !direct(plain[i]) {
				return s
			}
		}
		out.WriteString(plain)
		if !found {
			return out.String()
		}
		code, after, closed := strings.Cut(shifted, "-")
		if !closed {
			return s
		}
		rest = after
		if code == "" {
			out.WriteByte('&')
			continue
		}
		text, ok := decodeShifted(code)
		// Two runs in a row are one that was cut in the middle.
		if !ok || strings.HasPrefix(after, "&") && !strings.HasPrefix(after, "&-") {
			return s
		}
		out.WriteString(text)
	}
}

// decodeShifted decodes what stands between "&" and "-".
func decodeShifted(code string) (string, bool) {
	if strings.ContainsAny(code, "\r\n") { // the decoder would pass over them
		return "", false
	}
	b, err := base64Name.DecodeString(code)
	if err != nil || len(b) == 0 || len(b)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	runes := utf16.Decode(units)
	for _, r := range runes {
		if r < utf8.RuneSelf && direct(byte(r)) {
			return "", false // printable ASCII must stand for itself
		}
	}
	text := string(runes)
	if strings.ContainsRune(text, utf8.RuneError) && !containsUnit(units, utf8.RuneError) {
		return "", false // a surrogate alone
	}
	return text, true
}

func containsUnit(units []uint16, u uint16) bool {
	for _, v := range units {
		if v == u {
			return true
		}
	}
	return false
}
