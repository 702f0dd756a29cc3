package smtpsrv

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"mail2graph/bridge"

	"github.com/emersion/go-smtp"
)

// What the line of a command becomes before go-smtp sees it. go-smtp v0.25.1 takes
// "QUIT " and a TAB between words for unknown commands, refuses addresses without
// domain whoever they are for, addresses of an unknown ORCPT type and sizes of 4 GiB,
// and reads an initial response before it looks at the mechanism. So conn reads MAIL
// and RCPT itself; go-smtp keeps the order of commands and gets a stand-in.
const (
	standInMail = "MAIL FROM:<>\r\n"
	standInRcpt = "RCPT TO:<r@invalid>\r\n"
)

// pathCommand is a MAIL or RCPT as it was read.
type pathCommand struct {
	address string // "" is the null path
	params  params
	err     *smtp.SMTPError // the address or a parameter cannot be used
}

// params are the ESMTP parameters of both commands.
type params struct {
	size       int64
	body       string // in capitals
	utf8       bool
	envelopeID string
	returnFull bool
	notify     string // "NEVER", or a list of the others
	original   string // ORCPT, "rfc822;user@example.com", decoded
}

// forwarded returns the line that go-smtp gets for a command, nil for none.
func (c *conn) forwarded(verb, arg string, line []byte) []byte {
	switch verb {
	case "":
		return line
	case "MAIL":
		c.path = c.readPath("FROM", arg, mailParam)
		return []byte(standInMail)
	case "RCPT":
		c.path = c.readPath("TO", arg, rcptParam)
		return []byte(standInRcpt)
	case "HELO", "EHLO":
		arg = printable(arg)
	case "AUTH":
		words := strings.Fields(arg)
		if len(words) > 2 {
			c.reply("501 5.5.4 Syntax: AUTH mechanism [initial-response]")
			return nil
		}
		if len(words) > 0 && !known(words[0]) {
			arg = words[0] // what follows is nothing that could be understood
		}
	}
	return []byte(strings.TrimSpace(verb+" "+arg) + "\r\n")
}

// printable is the name of a client as a reply can repeat it. Programs say all
// kinds of things here, and RFC 5321 §4.1.4 lets nobody refuse mail for it.
func printable(name string) string {
	name, _, _ = strings.Cut(name, " ")
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, name)
	return name[:min(len(name), 255)]
}

// readPath reads what follows MAIL or RCPT: RFC 5321 §4.1.2, and the forms of old
// programs: white space after the colon, no angle brackets, a source route (which is
// passed over, appendix C).
func (c *conn) readPath(keyword, arg string, param func(*params, string, string) *smtp.SMTPError) *pathCommand {
	p := &pathCommand{}
	word, rest, found := strings.Cut(arg, ":")
	if !found || !strings.EqualFold(strings.TrimSpace(word), keyword) {
		p.err = refuse(501, 5, 5, 2, "Syntax: "+keyword+":<address>")
		return p
	}
	address, rest, ok := cutPath(strings.TrimLeft(rest, " \t"))
	if !ok {
		p.err = refuse(501, 5, 5, 2, "Syntax: "+keyword+":<address>")
		return p
	}
	p.address = address
	seen := map[string]bool{}
	for _, word := range strings.Fields(rest) {
		name, value, _ := strings.Cut(word, "=")
		name = strings.ToUpper(name)
		if seen[name] {
			p.err = refuse(501, 5, 5, 4, "Parameter given twice: "+printable(name))
			return p
		}
		seen[name] = true
		if !c.dsn && (name == "RET" || name == "ENVID" || name == "NOTIFY" || name == "ORCPT") {
			name = "" // as if there was no such thing
		}
		if p.err = param(&p.params, name, value); p.err != nil {
			return p
		}
	}
	return p
}

// cutPath takes a path off the start of s, without brackets, route and the
// quotes of a local part.
func cutPath(s string) (address, rest string, ok bool) {
	s, bracket := strings.CutPrefix(s, "<")
	if bracket {
		s = strings.TrimLeft(s, " \t")
	}
	if strings.HasPrefix(s, "@") {
		_, s, ok = strings.Cut(s, ":")
		if !ok {
			return "", "", false
		}
	}
	var b strings.Builder
	quoted := strings.HasPrefix(s, `"`)
	i := 0
	if quoted {
		for i = 1; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' {
				i++
			}
			if i < len(s) {
				b.WriteByte(s[i])
			}
		}
		if i++; i > len(s) {
			return "", "", false
		}
	}
	end := len(s)
	if n := strings.IndexAny(s[i:], "> \t"); n >= 0 {
		end = i + n
	}
	b.WriteString(s[i:end])
	rest = s[end:]
	if bracket {
		rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), ">")
		return b.String(), rest, ok
	}
	return b.String(), rest, b.Len() > 0 && !strings.HasPrefix(rest, ">")
}

// mailParam reads one parameter of MAIL.
func mailParam(p *params, name, value string) *smtp.SMTPError {
	malformed := refuse(501, 5, 5, 4, "Malformed parameter "+name)
	switch name {
	case "SIZE": // RFC 1870 §4: up to 20 digits
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return malformed
		}
		p.size = int64(min(n, 1<<62))
	case "BODY":
		p.body = strings.ToUpper(value)
		if p.body != "7BIT" && p.body != "8BITMIME" && p.body != "BINARYMIME" {
			return malformed
		}
	case "SMTPUTF8":
		if value != "" {
			return malformed
		}
		p.utf8 = true
	case "RET":
		p.returnFull = strings.EqualFold(value, "FULL")
		if !p.returnFull && !strings.EqualFold(value, "HDRS") {
			return malformed
		}
	case "ENVID":
		id, ok := decodeXtext(value)
		if !ok || id == "" || len(value) > 100 { // RFC 3461 §4.4
			return malformed
		}
		p.envelopeID = id
	case "AUTH": // RFC 4954 §5: nobody here is trusted to say it
		if _, ok := decodeXtext(value); !ok || value == "" {
			return malformed
		}
	default:
		return refuse(555, 5, 5, 4, "Unknown parameter of MAIL")
	}
	return nil
}

// rcptParam reads one parameter of RCPT.
func rcptParam(p *params, name, value string) *smtp.SMTPError {
	malformed := refuse(501, 5, 5, 4, "Malformed parameter "+name)
	switch name {
	case "NOTIFY": // RFC 3461 §4.1
		p.notify = strings.ToUpper(value)
		words := strings.Split(p.notify, ",")
		seen := map[string]bool{}
		for _, w := range words {
			switch {
			case seen[w], w == "NEVER" && len(words) > 1, w != "NEVER" && w != "SUCCESS" && w != "FAILURE" && w != "DELAY":
				return malformed
			}
			seen[w] = true
		}
	case "ORCPT": // RFC 3461 §4.2, RFC 6533 §3
		kind, address, _ := strings.Cut(value, ";")
		decode := decodeXtext
		if strings.EqualFold(kind, "utf-8") {
			decode = decodeUTF8Xtext
		}
		address, ok := decode(address)
		if !ok || address == "" || kind == "" || kind != printable(kind) || len(value) > 500 {
			return malformed
		}
		p.original = kind + ";" + address
	default:
		return refuse(555, 5, 5, 4, "Unknown parameter of RCPT")
	}
	return nil
}

// decodeXtext decodes RFC 3461 §4's xtext, "+2B" for "+"; what it stands for is
// printable too, since it ends up in a header field.
func decodeXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c = byte(n)
			i += 2
		} else if c == '=' {
			return "", false
		}
		if c < ' ' || c > '~' {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// decodeUTF8Xtext decodes utf-8-addr-xtext and utf-8-addr-unitext of RFC 6533
// §3, "\x{E4}" for "ä".
func decodeUTF8Xtext(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		before, rest, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			break
		}
		rest, ok := strings.CutPrefix(rest, "x{")
		digits, rest, closed := strings.Cut(rest, "}")
		n, err := strconv.ParseUint(digits, 16, 21)
		if !ok || !closed || err != nil || !utf8.ValidRune(rune(n)) {
			return "", false
		}
		b.WriteRune(rune(n))
		s = rest
	}
	text := b.String()
	return text, utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// checkAddress admits what Exchange Online and a header field can hold: local
// part and domain, both without anything that needs quotes (RFC 5321 §4.1.2). It
// returns the address with its domain in ASCII where that says all (RFC 5891).
func checkAddress(address string, utf8 bool) (string, *smtp.SMTPError) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 || len(address) > 320 {
		return "", errAddress
	}
	if strings.ContainsFunc(address, func(r rune) bool { return r >= 0x80 }) {
		if !utf8 {
			return "", errNeedsUTF8
		}
		plain, err := bridge.InternationalAddress(address)
		if err != nil {
			return "", errAddressUTF8
		}
		address = plain
		at = strings.LastIndexByte(address, '@')
	}
	for i := range len(address) {
		switch c := address[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', i == at, c >= 0x80:
		case i < at && strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) >= 0:
		case i > at && strings.IndexByte("-._[]:", c) >= 0:
		default:
			return "", errAddress
		}
	}
	return address, nil
}

func refuse(code, class, subject, detail int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}
