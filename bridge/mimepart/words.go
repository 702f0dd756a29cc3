package mimepart

import "strings"

// DecodeHeader returns the text of an unstructured value, or of a display
// name: encoded words (RFC 2047) are decoded, also those that hold spaces or
// broken base64, or cut a character in two; raw 8-bit text is UTF-8, or else
// windows-1252.
func DecodeHeader(raw string) string {
	if !strings.Contains(raw, "=?") {
		return toUTF8("", []byte(raw))
	}
	var out strings.Builder
	var run wordRun
	sc := wordScanner{s: raw}
	from := 0 // of what is not written yet
	for {
		start := strings.Index(raw[sc.pos:], "=?")
		if start < 0 {
			break
		}
		start += sc.pos
		w, ok := sc.word(start)
		if !ok {
			continue
		}
		// White space between two words is no part of the text (RFC 2047 §6.2).
		if gap := raw[from:start]; !run.active || strings.Trim(gap, " \t\r\n") != "" {
			run.flush(&out)
			out.WriteString(toUTF8("", []byte(gap)))
		}
		run.add(&out, w)
		from = sc.pos
	}
	run.flush(&out)
	out.WriteString(toUTF8("", []byte(raw[from:])))
	return out.String()
}

// encodedWord is one =?charset?encoding?text?=, its text decoded to octets.
type encodedWord struct {
	charset string
	text    []byte
}

// wordRun collects neighbouring words of one charset, since programs cut
// between the octets of a character.
type wordRun struct {
	active bool
	encodedWord
}

func (r *wordRun) add(out *strings.Builder, w encodedWord) {
	if r.active && strings.EqualFold(r.charset, w.charset) {
		r.text = append(r.text, w.text...)
		return
	}
	r.flush(out)
	r.active, r.encodedWord = true, w
}

func (r *wordRun) flush(out *strings.Builder) {
	if r.active {
		out.WriteString(toUTF8(r.charset, r.text))
		r.active = false
	}
}

// wordScanner finds encoded words. It looks for the end of a word once only,
// however many beginnings precede it.
type wordScanner struct {
	s   string
	pos int // where to go on
	end int // of the last "?=" found, -1 if no more follow
}

// word reads the encoded word whose "=?" is at start, and moves pos after it;
// if there is none, pos moves after the "=?".
func (sc *wordScanner) word(start int) (encodedWord, bool) {
	const maxCharset = 100
	sc.pos = start + 2
	s := sc.s[sc.pos:]
	i := strings.IndexByte(s[:min(len(s), maxCharset)], '?')
	if i <= 0 || len(s) < i+3 || s[i+2] != '?' || strings.ContainsAny(s[:i], " \t\r\n=") {
		return encodedWord{}, false
	}
	charset, _, _ := strings.Cut(s[:i], "*") // language, RFC 2231 §5
	w := encodedWord{charset: charset}
	text := sc.pos + i + 3
	if sc.end >= 0 && sc.end < text {
		if n := strings.Index(sc.s[text:], "?="); n >= 0 {
			sc.end = text + n
		} else {
			sc.end = -1
		}
	}
	if sc.end < 0 {
		return encodedWord{}, false
	}
	switch s[i+1] {
	case 'B', 'b':
		w.text = decodeBase64(sc.s[text:sc.end])
	case 'Q', 'q':
		w.text = decodeQ(sc.s[text:sc.end])
	default:
		return encodedWord{}, false
	}
	sc.pos = sc.end + 2
	return w, true
}

// decodeQ undoes the "Q" encoding; "=" without two digits stays.
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(s) && hexValue[s[i+1]] >= 0 && hexValue[s[i+2]] >= 0:
			out = append(out, byte(hexValue[s[i+1]]<<4|hexValue[s[i+2]]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

func decodeBase64(s string) []byte {
	d := base64Decoder{}
	return d.chunk(make([]byte, 0, len(s)*3/4+3), []byte(s), true)
}
