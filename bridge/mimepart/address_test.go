package mimepart

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseAddressList(t *testing.T) {
	one := func(name, mailbox, host string) []Address {
		return []Address{{Name: name, Mailbox: mailbox, Host: host}}
	}
	tests := []struct {
		name, in string
		want     []Address
	}{
		{"empty", "", nil},
		{"white space and commas", " , ,\t", nil},
		{"plain", "a@b.c", one("", "a", "b.c")},
		{"angle", "Joe Q. Public <a@b>", one("Joe Q. Public", "a", "b")},
		{"no space before angle", "Joe<a@b>", one("Joe", "a", "b")},
		{"quoted name", `"Public, \"Joe\"" <a@b>`, one(`Public, "Joe"`, "a", "b")},
		{"name with quoted part", `Joe "the one" Public <a@b>`, one("Joe the one Public", "a", "b")},
		{"name is an address", "x@y.z <a@b>", one("x@y.z", "a", "b")},
		{"comment as name", "a@b (Joe (senior) P)", one("Joe (senior) P", "a", "b")},
		{"comments everywhere", "(1)a(2)@(3)b(4)", one("4", "a", "b")},
		{"comment before the address", "(c) a@b, (d)<e@f>, z@z (Zoe)", []Address{{Mailbox: "a", Host: "b"}, {Mailbox: "e", Host: "f"}, {Name: "Zoe", Mailbox: "z", Host: "z"}}},
		{"name before comment", "Joe <a@b> (x)", one("Joe", "a", "b")},
		{"encoded words", "=?utf-8?q?a,b?= =?utf-8?q?<c>?= <a@b>", one("=?utf-8?q?a,b?= =?utf-8?q?<c>?=", "a", "b")},
		{"no encoded word", "=?x,y <a@b>", []Address{{Mailbox: "=?x", Host: MissingHost}, {Name: "y", Mailbox: "a", Host: "b"}}},
		{"8-bit name", "J\xf6rg <a@b>", one("J\xf6rg", "a", "b")},
		{"UTF-8 address", "jörg@bücher.example", one("", "jörg", "bücher.example")},
		{"route", "<@r1,@r2:a@b>", []Address{{Route: "@r1,@r2", Mailbox: "a", Host: "b"}}},
		{"quoted local part", `"a b\"@c"@d`, one("", `a b"@c`, "d")},
		{"quoted local part in angle", `X <"a,b"@d>`, one("X", "a,b", "d")},
		{"domain literal", "a@[1.2.3.4], b@[IPv6:::1]", []Address{{Mailbox: "a", Host: "[1.2.3.4]"}, {Mailbox: "b", Host: "[IPv6:::1]"}}},
		{"spaces in the address", "a . b @ c . d", one("", "a.b", "c.d")},
		{"spaces in angle", "< a @ b >", one("", "a", "b")},
		{"two at signs", "a@b@c", one("", "a@b", "c")},
		{"no host", "root", one("", "root", MissingHost)},
		{"no host in angle", "Root <root>", one("Root", "root", MissingHost)},
		{"no mailbox", "<@b>", one("", MissingMailbox, "b")},
		{"host empty", "a@", one("", "a", MissingHost)},
		{"empty angle", "Nobody <>", one("Nobody", MissingMailbox, MissingHost)},
		{"empty quotes", `""`, one("", MissingMailbox, MissingHost)},
		{"two angles", "<<a@b>>", one("", "a", "b")},
		{"angle not closed", "Joe <a@b, c@d", []Address{{Name: "Joe", Mailbox: "a", Host: "b"}, {Mailbox: "c", Host: "d"}}},
		{"quote not closed", `"Joe <a@b>, c@d`, []Address{{Name: `"Joe`, Mailbox: "a", Host: "b"}, {Mailbox: "c", Host: "d"}}},
		{"comment not closed", "a@b (x, c@d", []Address{{Name: "(x", Mailbox: "a", Host: "b"}, {Mailbox: "c", Host: "d"}}},
		{"name without angle", "Joe Public a@b", one("Joe Public", "a", "b")},
		{"name after address", "a@b Joe", one("Joe", "a", "b")},
		{"comma forgotten", "X <a@b> Y <c@d>", []Address{{Name: "X", Mailbox: "a", Host: "b"}, {Name: "Y", Mailbox: "c", Host: "d"}}},
		{"only spaces between", "a@b c@d", []Address{{Mailbox: "a", Host: "b"}, {Mailbox: "c", Host: "d"}}},
		{"angle and bare", "<a@b> c@d", []Address{{Mailbox: "a", Host: "b"}, {Mailbox: "c", Host: "d"}}},
		{"semicolons", "a@b; c@d;", []Address{{Mailbox: "a", Host: "b"}, {Mailbox: "c", Host: "d"}}},
		{"comma in a bare name", "Doe, John <a@b>", []Address{{Mailbox: "Doe", Host: MissingHost}, {Name: "John", Mailbox: "a", Host: "b"}}},
		{"groups", "g one: a@b, X <c@d>;, g2:;", []Address{{Mailbox: "g one"}, {Mailbox: "a", Host: "b"}, {Name: "X", Mailbox: "c", Host: "d"}, {},
			{Mailbox: "g2"}, {}}},
		{"group not closed", "undisclosed-recipients:", []Address{{Mailbox: "undisclosed-recipients"}, {}}},
		{"group quoted", `"a, b": c@d;`, []Address{{Mailbox: "a, b"}, {Mailbox: "c", Host: "d"}, {}}},
		{"group without name", ":a@b;", one("", "a", "b")},
		{"group in a group", "g: h: a@b;;", []Address{{Mailbox: "g"}, {Name: "h:", Mailbox: "a", Host: "b"}, {}}},
		{"at signs alone", "@@@, @", []Address{{Mailbox: "@@", Host: MissingHost}, {Mailbox: MissingMailbox, Host: MissingHost}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ParseAddressList(tt.in); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s\ngot  %+v\nwant %+v", tt.in, got, tt.want)
			}
		})
	}
}

// hostile pieces, repeated, make a careless parser look at the same text again
// and again; with so much of them it would not end.
var hostile = []string{`"`, `"q" `, "(", "()", "=?", "=?a?b?", "=?a?b?c?=", "<", "<a@", "@[", "[", "a@b ", "a:", ":", `"a\`, ",", ";", "; a=", "a <b", "*0*=", " "}

func TestParseAddressListLinear(t *testing.T) {
	for _, first := range hostile {
		for _, second := range hostile {
			in := strings.Repeat(first, 20_000/len(first)) + "x@y" + strings.Repeat(second, 20_000/len(second))
			if list := ParseAddressList(in); len(list) > maxAddresses+2 {
				t.Errorf("%q, %q: %d addresses", first, second, len(list))
			}
		}
	}
}

func TestParseHostileFields(t *testing.T) {
	for _, piece := range hostile {
		value := strings.Repeat(piece, 200_000/len(piece))
		for _, name := range []string{"Content-Type", "Content-Type: multipart/mixed; boundary=", "Content-Disposition", "Content-Language",
			"Content-Transfer-Encoding", "Subject", "To"} {
			msg := name + ": " + value + "\n\nx"
			root := parseString(t, msg)
			checkTree(t, []byte(msg), root)
			if n := len(root.Params) + len(root.DispParams) + len(root.Language); n > maxParams+1 {
				t.Errorf("%s of %q: %d parameters", name, piece, n)
			}
			root.FileName()
		}
	}
}

func FuzzAddressList(f *testing.F) {
	f.Add(`g: "a" <b@c> (d), <@r:e@f>;, =?utf-8?q?x?= <g@[h]>`)
	f.Add(`"a <b@c`)
	f.Add(`"" ""@"": :"",;`)
	f.Fuzz(func(t *testing.T, s string) {
		depth := 0
		for _, a := range ParseAddressList(s) {
			switch {
			case a == Address{}:
				depth--
			case a.Mailbox == "":
				t.Errorf("no mailbox: %+v", a)
			case a.Host == "":
				depth++
			}
			if depth < 0 || depth > 1 {
				t.Fatalf("groups do not match in %+v", ParseAddressList(s))
			}
		}
		if depth != 0 {
			t.Errorf("group not closed in %+v", ParseAddressList(s))
		}
	})
}

func TestParseHeader(t *testing.T) {
	header := "Date: Mon, 1 Jan 2024\r\n 00:00:00 +0000\r\nSubject:  a\r\n\tb \r\nSUBJECT: other\r\nFrom : F <f@x>\r\nTo: a@x,\r\n b@x\r\n" +
		"To: c@x\r\nSender:\r\nMessage-Id: <1@x>\r\nIn-Reply-To: <0@x>\r\nBcc: d@x\r\n\r\nCc: e@x\r\n"
	want := &Envelope{
		Date: "Mon, 1 Jan 2024 00:00:00 +0000", Subject: "a\tb", MessageID: "<1@x>", InReplyTo: "<0@x>",
		From: []Address{{Name: "F", Mailbox: "f", Host: "x"}},
		To:   []Address{{Mailbox: "a", Host: "x"}, {Mailbox: "b", Host: "x"}, {Mailbox: "c", Host: "x"}},
		Bcc:  []Address{{Mailbox: "d", Host: "x"}},
	}
	for name, h := range map[string]string{"CRLF": header, "LF": strings.ReplaceAll(header, "\r\n", "\n")} {
		if got := ParseHeader([]byte(h)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
