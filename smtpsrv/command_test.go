package smtpsrv

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCutPath(t *testing.T) {
	for _, tc := range []struct {
		in, address, rest string
		ok                bool
	}{
		{"<a@b>", "a@b", "", true},
		{"<a@b> SIZE=1", "a@b", " SIZE=1", true},
		{"<>", "", "", true},
		{"<> BODY=7BIT", "", " BODY=7BIT", true},
		{"< a@b >", "a@b", "", true},
		{"a@b x", "a@b", " x", true},
		{"<@r,@s:a@b>", "a@b", "", true},
		{"@r:a@b", "a@b", "", true},
		{`<"a\" > b"@c> x`, `a" > b@c`, " x", true},
		{`<"">`, "", "", true},
		{"", "", "", false},
		{"<", "", "", false},
		{"<a@b", "", "", false},
		{"<a b@c>", "", "", false},
		{"a@b>", "", "", false},
		{"<@r>", "", "", false},
		{`<"a`, "", "", false},
		{`<"a\`, "", "", false},
		{"<<a@b>>", "<a@b", ">", true}, // refused by checkAddress
	} {
		address, rest, ok := cutPath(tc.in)
		if ok != tc.ok || ok && (address != tc.address || rest != tc.rest) {
			t.Errorf("%q: %q, %q, %v", tc.in, address, rest, ok)
		}
	}
}

// FuzzPath: what passes for an address can stand in a header field and between
// angle brackets as it is.
func FuzzPath(f *testing.F) {
	f.Add("FROM:<a@b> SIZE=1 BODY=8BITMIME ENVID=x+2B RET=FULL SMTPUTF8", true)
	f.Add("TO:<\"a b\"@c> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{E4}@b", false)
	f.Add("to: @r:\xc3\xa4@b\xc3\xbccher.example", true)
	f.Fuzz(func(t *testing.T, arg string, dsn bool) {
		c := &conn{dsn: dsn}
		for _, p := range []*pathCommand{c.readPath("FROM", arg, mailParam), c.readPath("TO", arg, rcptParam)} {
			if p.err != nil {
				if p.err.Code/100 != 5 || p.err.EnhancedCode[0] != 5 || strings.ContainsAny(p.err.Message, "\r\n") {
					t.Fatalf("%q: %+v", arg, p.err)
				}
				continue
			}
			if !dsn && (p.params.envelopeID != "" || p.params.notify != "" || p.params.original != "") {
				t.Fatalf("%q: DSN that is not offered: %+v", arg, p.params)
			}
			for _, text := range []string{p.params.envelopeID, p.params.notify, p.params.original} {
				if strings.ContainsAny(text, "\r\n\x00") {
					t.Fatalf("%q: %q", arg, text)
				}
			}
			address, err := checkAddress(p.address, true)
			if err != nil {
				continue
			}
			if !utf8.ValidString(address) || strings.ContainsAny(address, "\r\n\x00 \"<>(),;\\") || strings.Count(address, "@") != 1 {
				t.Fatalf("%q: address %q", arg, address)
			}
			if again, err := checkAddress(address, true); err != nil || again != address {
				t.Fatalf("%q: %q becomes %q, %v", arg, address, again, err)
			}
		}
	})
}
