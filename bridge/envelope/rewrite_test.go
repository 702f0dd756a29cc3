package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/mail"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mail2graph/bridge/mimepart"
)

func section(s string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(s), 0, int64(len(s)))
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// rewrite returns the whole new message.
func rewrite(t testing.TB, msg string, rcpts []string, o Options) (string, *Result) {
	t.Helper()
	res, err := Rewrite(section(msg), rcpts, o)
	if err != nil {
		t.Fatalf("Rewrite(%q, %q): %v", msg, rcpts, err)
	}
	b, err := io.ReadAll(res.Message)
	if err != nil || int64(len(b)) != res.Message.Size() {
		t.Fatalf("read %d octets of %d: %v", len(b), res.Message.Size(), err)
	}
	return string(b), res
}

// The header of each message ends with an empty line and "body" follows.
func TestRewrite(t *testing.T) {
	tests := []struct {
		name, header string
		rcpts        string
		policy       Policy
		want         string
	}{
		{"nothing to do", "From: f@x\nTo: A <a@x>, b@x (B)\nCC: c@x\nSubject: s\n", "A@X|c@x|b@x", "",
			"From: f@x\nTo: A <a@x>, b@x (B)\nCC: c@x\nSubject: s\n"},
		{"blind only", "Subject: s\n", "a@x|b@x", "", "Subject: s\nTo: undisclosed-recipients:;\nBcc: a@x, b@x\n"},
		{"blind beside To", "To: a@x\nSubject: s\n", "a@x|b@x", "", "To: a@x\nSubject: s\nBcc: b@x\n"},
		{"old Bcc", "Bcc: b@x, c@x\nTo: a@x\nBcc: d@x\n", "a@x|b@x", "", "To: a@x\nBcc: b@x\n"},
		{"outside address", "To: A <a@x>,\n =?utf-8?q?B=C3=B6?= <b@x>\nCc: c@x\nX: y\n", "a@x", "",
			"To: \"A\" <a@x>\nX-Mail2graph-To: A <a@x>,\n =?utf-8?q?B=C3=B6?= <b@x>\nX-Mail2graph-Cc: c@x\nX: y\n"},
		{"nobody left", "To: b@x\nX: y\n", "a@x", "", "To: undisclosed-recipients:;\nX-Mail2graph-To: b@x\nX: y\nBcc: a@x\n"},
		{"trust", "To: b@x\nBcc: d@x\n", "a@x", Trust, "To: b@x\nBcc: a@x\n"},
		{"undisclosed", "To: undisclosed-recipients:;\n", "a@x", "", "To: undisclosed-recipients:;\nBcc: a@x\n"},
		{"undisclosed without colon", "To: undisclosed recipients\n", "a@x", "",
			"To: undisclosed-recipients:;\nX-Mail2graph-To: undisclosed recipients\nBcc: a@x\n"},
		{"empty To", "To:\nCc: \n", "a@x", "", "To: undisclosed-recipients:;\nBcc: a@x\n"},
		{"group", "To: friends: a@x, B <b@x>;, c@x\n", "a@x|b@x|c@x", "",
			"To: a@x, \"B\" <b@x>, c@x\nX-Mail2graph-To: friends: a@x, B <b@x>;, c@x\n"},
		{"repeated fields", "To: a@x\nX: y\nTo: b@x\n", "a@x|b@x", "",
			"To: a@x, b@x\nX-Mail2graph-To: a@x\nX: y\nX-Mail2graph-To: b@x\n"},
		{"broken syntax", "To: A <a@x, \"b\n", "a@x", "", "To: \"A\" <a@x>\nX-Mail2graph-To: A <a@x, \"b\n"},
		{"broken but trusted", "To: A <a@x, <c@x>\n", "a@x", Trust, "To: \"A\" <a@x>, c@x\nX-Mail2graph-To: A <a@x, <c@x>\n"},
		{"comma in a bare name", "To: Doe, J <a@x>\n", "a@x", "", "To: \"J\" <a@x>\nX-Mail2graph-To: Doe, J <a@x>\n"},
		{"semicolons", "To: a@x; b@x\n", "a@x|b@x", "", "To: a@x, b@x\nX-Mail2graph-To: a@x; b@x\n"},
		{"space before the colon", "To : a@x\n", "a@x", "", "To: a@x\nX-Mail2graph-To: a@x\n"},
		{"source route", "To: <@r:a@x>\n", "a@x", "", "To: a@x\nX-Mail2graph-To: <@r:a@x>\n"},
		{"8-bit name", "To: J\xf6rg <a@x>\n", "a@x", "", "To: =?utf-8?q?J=C3=B6rg?= <a@x>\nX-Mail2graph-To: J\xf6rg <a@x>\n"},
		{"UTF-8 name", "To: Jörg <a@x>\n", "a@x", "", "To: Jörg <a@x>\n"},
		{"quoted local part", "To: \"a b\"@x\n", "\"A\\ b\"@x", "", "To: \"a b\"@x\nX-Mail2graph-To: \"a b\"@x\n"},
		{"international domain", "To: a@bücher.example\n", "a@XN--BCHER-KVA.example", "", "To: a@bücher.example\n"},
		{"international domain, blind", "X: y\n", "a@bücher.example|ä@bücher.example", "", "X: y\nTo: undisclosed-recipients:;\nBcc: a@xn--bcher-kva.example, ä@bücher.example\n"},
		{"resent", "Resent-To: r@x\nResent-CC: s@x\nResent-Bcc: t@x\nTo: a@x\n", "a@x|r@x", "",
			"X-Mail2graph-Resent-To: r@x\nX-Mail2graph-Resent-Cc: s@x\nTo: a@x\nBcc: r@x\n"},
		{"line that is no field", "From a@b Mon Jan 1\nTo: a@x\nnonsense\n more\nX: y\n", "a@x", "",
			"X-Mail2graph-Line: From a@b Mon Jan 1\nTo: a@x\nX-Mail2graph-Line: nonsense\n more\nX: y\n"},
		{"empty fold", "X: y\n \t\n z\nTo: a@x\n", "a@x", "", "X: y\n z\nTo: a@x\n"},
		{"empty header", "", "a@x", "", "To: undisclosed-recipients:;\nBcc: a@x\n"},
		{"NUL", "X: a\x00b\nTo: a@x\n", "a@x", "", "X: a b\nTo: a@x\n"},
		{"8-bit subject", "Subject: na\xefve \x80 5\nTo: a@x\n", "a@x", "", "Subject: =?utf-8?q?na=C3=AFve_=E2=82=AC_5?=\nTo: a@x\n"},
		{"UTF-8 subject", "Subject: naïve\nTo: a@x\n", "a@x", "", "Subject: naïve\nTo: a@x\n"},
		{"recipient twice", "To: a@x, A@x\n", "a@x|A@X", "", "To: a@x, A@x\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, eol := range []string{"\n", "\r\n"} {
				msg := strings.ReplaceAll(tt.header+"\nbody\n", "\n", eol)
				got, _ := rewrite(t, msg, strings.Split(tt.rcpts, "|"), Options{Policy: tt.policy})
				if want := strings.ReplaceAll(tt.want+"\nbody\n", "\n", eol); got != want {
					t.Errorf("got\n%q\nwant\n%q", got, want)
				}
			}
		})
	}
}

func TestRewriteIncomplete(t *testing.T) {
	tests := []struct{ name, msg, want string }{
		{"empty", "", "To: undisclosed-recipients:;\r\nBcc: a@x\r\n\r\n"},
		{"no header", "just text\r\nmore\r\n\r\nTo: b@x\r\n", "To: undisclosed-recipients:;\r\nBcc: a@x\r\n\r\njust text\r\nmore\r\n\r\nTo: b@x\r\n"},
		{"header without end", "To: a@x\r\nX: y", "To: a@x\r\nX: y\r\n\r\n"},
		{"header without empty line", "To: a@x\r\n", "To: a@x\r\n\r\n"},
		{"field after a CR", "Subject: s\rTo: b@x\r\nTo: a@x\r\n\r\n", "Subject: s To: b@x\r\nTo: a@x\r\n\r\n"},
		{"NUL in the body", "To: a@x\r\n\r\n\x00", "To: a@x\r\n\r\n\x00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := rewrite(t, tt.msg, []string{"a@x"}, Options{}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRewriteAddsWhatIsMissing(t *testing.T) {
	o := Options{
		Date:      time.Date(2026, 11, 3, 4, 5, 6, 0, time.FixedZone("", 3600)),
		MessageID: "<1@host>", From: "me@x",
	}
	all := "Date: Tue, 3 Nov 2026 04:05:06 +0100\nFrom: me@x\nMessage-ID: <1@host>\n"
	for msg, want := range map[string]string{
		"To: a@x\n":                                      "To: a@x\n" + all,
		"date:\nFROM: \nMessage-Id:\nTo: a@x\n":          "To: a@x\n" + all,
		"Date: x\nFrom: you@x\nMessage-Id: y\nTo: a@x\n": "Date: x\nFrom: you@x\nMessage-Id: y\nTo: a@x\n",
	} {
		if got, _ := rewrite(t, crlf(msg+"\n"), []string{"a@x"}, o); got != crlf(want+"\n") {
			t.Errorf("%q: got %q, want %q", msg, got, want)
		}
	}
}

func TestRewriteForcesFrom(t *testing.T) {
	o := Options{From: "me@x", ForceFrom: true}
	for msg, want := range map[string]string{
		"From: Boss <boss@x>\nSender: s@y\nTo: a@x\n": "X-Mail2graph-From: Boss <boss@x>\nX-Mail2graph-Sender: s@y\nTo: a@x\nFrom: me@x\n",
		"From: a@x\nFrom: b@x\nTo: a@x\n":             "X-Mail2graph-From: a@x\nX-Mail2graph-From: b@x\nTo: a@x\nFrom: me@x\n",
		"To: a@x\n":                                   "To: a@x\nFrom: me@x\n",
	} {
		if got, _ := rewrite(t, crlf(msg+"\n"), []string{"a@x"}, o); got != crlf(want+"\n") {
			t.Errorf("%q: got %q, want %q", msg, got, want)
		}
	}
}

// TestRewriteAuthors: what two readers could understand differently is written anew.
func TestRewriteAuthors(t *testing.T) {
	o := Options{From: "me@x"}
	for head, want := range map[string]string{
		"From: Me <me@x>\nSender: me@x\n":                "From: Me <me@x>\nSender: me@x\n",
		"From: \"boss@x\" <me@x>\n":                      "From: \"boss@x\" <me@x>\n",
		"From: boss@x <me@x>\n":                          "From: \"boss@x\" <me@x>\nX-Mail2graph-From: boss@x <me@x>\n",
		"From: J\xf6rg <me@x>\n":                         "From: =?utf-8?q?J=C3=B6rg?= <me@x>\nX-Mail2graph-From: J\xf6rg <me@x>\n",
		"From: g: me@x;\n":                               "From: me@x\nX-Mail2graph-From: g: me@x;\n",
		"From: g:;\n":                                    "X-Mail2graph-From: g:;\nFrom: me@x\n",
		"From: root\n":                                   "X-Mail2graph-From: root\nFrom: me@x\n",
		"From: me@x\nFrom: me@x, you@x\n":                "From: me@x, you@x\nX-Mail2graph-From: me@x\nX-Mail2graph-From: me@x, you@x\nSender: me@x\n",
		"From: you@x, me@x\n":                            "From: you@x, me@x\nSender: me@x\n",
		"From: you@x, me@x\nSender: you@x\n":             "From: you@x, me@x\nSender: you@x\n",
		"From: me@x\nSender: you@x, me@x\n":              "From: me@x\nSender: you@x\nX-Mail2graph-Sender: you@x, me@x\n",
		"From: me@x\nSender:\n":                          "From: me@x\n",
		"From: me@x\nSender: nobody\n":                   "From: me@x\nX-Mail2graph-Sender: nobody\n",
		"From : me@x\n":                                  "From: me@x\nX-Mail2graph-From: me@x\n",
		"From: <@relay:me@x>\n":                          "From: me@x\nX-Mail2graph-From: <@relay:me@x>\n",
		"From: me@x (boss@x)\n":                          "From: me@x (boss@x)\n",
		"From: <me@x> boss@x\n":                          "From: me@x, boss@x\nX-Mail2graph-From: <me@x> boss@x\nSender: me@x\n",
		"From: =?utf-8?q?boss=40x=2C?= <me@x>\n":         "From: =?utf-8?q?boss=40x=2C?= <me@x>\n",
		"From: me@x\n\t,\n you@x\nSender: Me\n <me@x>\n": "From: me@x\n\t,\n you@x\nSender: Me\n <me@x>\n",
	} {
		if got, _ := rewrite(t, crlf(head+"To: a@x\n\n"), []string{"a@x"}, o); strings.Replace(got, "To: a@x\r\n", "", 1) != crlf(want+"\n") {
			t.Errorf("%q: got %q, want %q", head, strings.Replace(got, "To: a@x\r\n", "", 1), crlf(want+"\n"))
		}
	}
}

func TestSeparate(t *testing.T) {
	for msg, want := range map[string]string{
		"Subject: x\n\ntext\n":                         "Subject: x\n\ntext\n",
		"Subject: x\ntext\nmore\n\nend\n":              "Subject: x\n\ntext\nmore\n\nend\n",
		"Subject: x\n y\ntext":                         "Subject: x\n y\n\ntext",
		"Subject: x\ntext\nNote: this\n":               "Subject: x\n\ntext\nNote: this\n",
		"Subject: x\nbroken line\nContent-Type: y\n\n": "Subject: x\nbroken line\nContent-Type: y\n\n",
		"Subject: x\nbroken line\nTO: y\n\n":           "Subject: x\nbroken line\nTO: y\n\n",
		"From a Mon Jan 1\nSubject: x\n\ntext\n":       "From a Mon Jan 1\nSubject: x\n\ntext\n",
		"From a Mon Jan 1\nSubject: x\ntext\n":         "From a Mon Jan 1\nSubject: x\n\ntext\n",
		"just text\n\nmore\n":                          "just text\n\nmore\n",
		"":                                             "",
	} {
		for _, eol := range []string{"\n", "\r\n"} {
			sep, err := Separate(section(strings.ReplaceAll(msg, "\n", eol)))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(sep)
			if got := string(b); err != nil || int64(len(b)) != sep.Size() || got != strings.ReplaceAll(want, "\n", eol) {
				t.Errorf("%q: got %q, %v, want %q", msg, got, err, want)
			}
		}
	}
}

func TestSame(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"a@x", "A@X", true}, {"a@bücher.example", "A@xn--bcher-kva.example", true}, {"\"a\"@x", "a@x", true},
		{"a@x", "b@x", false}, {"root", "ROOT", true}, {"a@x", "a", false}, {"", "", true},
	} {
		if Same(tc.a, tc.b) != tc.same {
			t.Errorf("%q and %q: %v", tc.a, tc.b, !tc.same)
		}
	}
}

func TestRewriteResult(t *testing.T) {
	_, res := rewrite(t, crlf("To: A <a@x>, b@x\nCc: c@x\n\n"), []string{"a@x", "D@x", "d@x"}, Options{})
	if got, want := fmt.Sprint(res.Recipients, res.Blind, res.Removed), "[a@x D@x] [D@x] [b@x c@x]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRewriteErrors(t *testing.T) {
	for _, r := range []string{"", "a", "@x", "a@", "a@x y", "a@x\r\nBcc: b@y", "a\r\n@x", "a@x>", "a@.", "a@[x", "\"\"@x",
		"a\x00@x", "\xff@x", strings.Repeat("a", 900) + "@x"} {
		var bad *RecipientError
		if _, err := Rewrite(section("\r\n"), []string{"ok@x", r}, Options{}); !errors.As(err, &bad) || bad.Address != r {
			t.Errorf("recipient %q: got %v", r, err)
		}
	}
	if _, err := Rewrite(section("\r\n"), nil, Options{}); !errors.Is(err, ErrNoRecipients) {
		t.Errorf("no recipients: got %v", err)
	}
	var outside *OutsideError
	_, err := Rewrite(section("To: a@x, b@x\r\nCc: c@x, local\r\n\r\n"), []string{"a@x"}, Options{Policy: Reject})
	if !errors.As(err, &outside) || !reflect.DeepEqual(outside.Addresses, []string{"b@x", "c@x"}) {
		t.Errorf("reject: got %v", err)
	}
	if _, err := Rewrite(section("To: a@x\r\nBcc: c@x\r\n\r\n"), []string{"a@x"}, Options{Policy: Reject}); err != nil {
		t.Errorf("reject with nobody outside: got %v", err)
	}
	if _, err := Rewrite(section(strings.Repeat("A: b\r\n", MaxHeader/6+1)), []string{"a@x"}, Options{}); !errors.Is(err, ErrHeaderTooLarge) {
		t.Errorf("large header: got %v", err)
	}
	broken := errors.New("broken")
	src := io.NewSectionReader(readerAt{iotest.ErrReader(broken)}, 0, 10)
	if _, err := Rewrite(src, []string{"a@x"}, Options{}); !errors.Is(err, broken) {
		t.Errorf("unreadable source: got %v", err)
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

func TestManyRecipients(t *testing.T) {
	var rcpts []string
	for i := range 5000 {
		rcpts = append(rcpts, fmt.Sprintf("%s%d@%s.example", strings.Repeat("n", i%60), i, strings.Repeat("d", 1+i%60)))
	}
	got, _ := rewrite(t, "Subject: s\r\n\r\n", rcpts, Options{})
	for line := range strings.SplitSeq(got, "\r\n") {
		if len(line) > 200 {
			t.Fatalf("line of %d octets", len(line))
		}
	}
	checkRecipients(t, got, rcpts)
	long := strings.Repeat("x", 700) + "@x"
	name := "To: " + strings.Repeat("Ö ", 400) + "<" + long + ">, \"" + strings.Repeat("q\\\"", 300) + "\" <a@x>, <b@y\r\n\r\n"
	got, _ = rewrite(t, name, []string{long, "a@x"}, Options{})
	head, _, _ := strings.Cut(got, "X-Mail2graph-To")
	for line := range strings.SplitSeq(head, "\r\n") {
		if len(line) > 998 {
			t.Errorf("line of %d octets", len(line))
		}
	}
	checkRecipients(t, got, []string{long, "a@x"})
}

// headerRecipients returns the keys of all addresses that net/mail finds, or
// false if it cannot read the message.
func headerRecipients(msg string) (map[string]bool, bool) {
	m, err := mail.ReadMessage(strings.NewReader(msg))
	if err != nil {
		return nil, false
	}
	keys := make(map[string]bool)
	for _, name := range []string{"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"} {
		for _, v := range m.Header[name] {
			list, err := strict.ParseList(v)
			if err != nil {
				return nil, false
			}
			for _, a := range list {
				at := strings.LastIndexByte(a.Address, '@')
				keys[address{a.Address[:at], a.Address[at+1:]}.key()] = true
			}
		}
	}
	return keys, true
}

func envelopeKeys(t testing.TB, rcpts []string) map[string]bool {
	keys := make(map[string]bool)
	for _, r := range rcpts {
		a, err := parseRecipient(r)
		if err != nil {
			t.Fatal(err)
		}
		keys[a.key()] = true
	}
	return keys
}

func checkRecipients(t testing.TB, msg string, rcpts []string) {
	t.Helper()
	got, ok := headerRecipients(msg)
	if want := envelopeKeys(t, rcpts); !ok || !maps.Equal(got, want) {
		t.Fatalf("header names %v (readable: %v), want %v in\n%q", slices.Sorted(maps.Keys(got)), ok, slices.Sorted(maps.Keys(want)), msg)
	}
}

// Random messages: whatever the header says, the result names the envelope,
// whether net/mail or mimepart reads it.
func TestRewriteProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	addr := func() string {
		return pick("a@x", "b@x", "C@Y.example", "d@bücher.example", "d@xn--bcher-kva.example", "\"q q\"@x", "e..f@x", "ä@x", "o'h@x")
	}
	item := func() string {
		a := addr()
		return pick(a, "<"+a+">", "N <"+a+">", "\"N, M\" <"+a+">", "=?utf-8?q?N=2C?= <"+a+">", a+" (N)", "g: "+a+", "+addr()+";", "N "+a,
			"<@r:"+a+">", "root", "<"+a, "\"x <"+a+">", "(c)"+a, "N M, "+a, ":;", "", "\xf6 <"+a+">", a+" "+addr())
	}
	for range 3000 {
		var head strings.Builder
		for range rnd.IntN(6) {
			name := pick("To", "Cc", "Bcc", "to", "TO ", "From", "FROM ", "Sender", "Resent-To", "Resent-Bcc", "Subject", "nonsense here", "X\r\n ")
			var items []string
			for range rnd.IntN(4) {
				items = append(items, item())
			}
			head.WriteString(name + ": " + strings.Join(items, pick(", ", ",\r\n ", ";", ",")) + "\r\n")
		}
		var rcpts []string
		for range 1 + rnd.IntN(4) {
			rcpts = append(rcpts, addr())
		}
		msg := head.String() + "\r\nTo: body@x\r\n"
		got, _ := rewrite(t, msg, rcpts, Options{From: "own@x"})
		checkRecipients(t, got, rcpts)
		checkAuthors(t, msg, got)
		checkStable(t, got, rcpts)
		if !strings.HasSuffix(got, "To: body@x\r\n") {
			t.Fatalf("body changed: %q", got)
		}
	}
}

// checkAuthors tests that net/mail finds no author in the result whom Addresses did
// not find in the message, so that the check of senders sees all of them; and that there is one.
func checkAuthors(t testing.TB, msg, got string) {
	t.Helper()
	header, err := Header(section(msg))
	if err != nil {
		t.Fatal(err)
	}
	from, sender := Addresses(header)
	known := map[string]bool{"own@x": true}
	for _, a := range slices.Concat(from, sender) {
		if parsed, err := parseRecipient(a); err == nil {
			known[parsed.key()] = true
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Header["From"]) != 1 || len(m.Header["Sender"]) > 1 {
		t.Fatalf("%d From, %d Sender in\n%q", len(m.Header["From"]), len(m.Header["Sender"]), got)
	}
	for _, v := range slices.Concat(m.Header["From"], m.Header["Sender"]) {
		list, err := strict.ParseList(v)
		if err != nil || len(list) == 0 {
			t.Fatalf("authors %q: %v", v, err)
		}
		for _, a := range list {
			at := strings.LastIndexByte(a.Address, '@')
			if !known[address{a.Address[:at], a.Address[at+1:]}.key()] {
				t.Fatalf("author %q is none of %v in\n%q", a.Address, known, msg)
			}
		}
	}
}

// checkStable tests that mimepart finds the envelope too, and that another
// pass over the result takes nobody out.
func checkStable(t testing.TB, msg string, rcpts []string) {
	t.Helper()
	checkParsed(t, msg, rcpts)
	again, res := rewrite(t, msg, rcpts, Options{})
	if len(res.Removed) > 0 {
		t.Fatalf("second pass removes %q", res.Removed)
	}
	checkRecipients(t, again, rcpts)
}

func FuzzRewrite(f *testing.F) {
	f.Add("To: A <a@x>, g: b@x;\r\nBcc: c@x\r\n\r\nbody", "a@x", "d@y")
	f.Add("To: a@x\n\t\n <b@x>\r\nCc: \"\x00\"@x\r\r\n\n", "b@x", "\"q q\"@x")
	f.Fuzz(func(t *testing.T, msg, r1, r2 string) {
		rcpts := []string{r1, r2}
		res, err := Rewrite(section(msg), rcpts, Options{Date: time.Unix(0, 0), MessageID: "<1@x>", From: "f@x"})
		if err != nil {
			var bad *RecipientError
			if !errors.As(err, &bad) {
				t.Fatal(err)
			}
			return
		}
		b, err := io.ReadAll(res.Message)
		if err != nil {
			t.Fatal(err)
		}
		got := string(b)
		if keys, ok := headerRecipients(got); ok && !maps.Equal(keys, envelopeKeys(t, rcpts)) {
			t.Fatalf("header names %v, want %v in\n%q", keys, envelopeKeys(t, rcpts), got)
		}
		checkParsed(t, got, rcpts)
		old, err := Header(section(msg))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(got, msg[len(old):]) {
			t.Fatalf("body changed: %q became %q", msg, got)
		}
	})
}

// checkParsed tests that mimepart finds exactly the envelope in the header.
func checkParsed(t testing.TB, msg string, rcpts []string) {
	t.Helper()
	header, err := Header(section(msg))
	if err != nil {
		t.Fatal(err)
	}
	e := mimepart.ParseHeader(header)
	keys := make(map[string]bool)
	for _, a := range slices.Concat(e.To, e.Cc, e.Bcc) {
		if a.Host != "" {
			keys[address{a.Mailbox, a.Host}.key()] = true
		}
	}
	if want := envelopeKeys(t, rcpts); !maps.Equal(keys, want) {
		t.Fatalf("mimepart finds %v, want %v in\n%q", slices.Sorted(maps.Keys(keys)), slices.Sorted(maps.Keys(want)), header)
	}
}

// Real mail with a foreign envelope: what is not the header stays.
func TestRewriteCorpus(t *testing.T) {
	const dir = "../../../shared/corpus"
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		rcpts := []string{"one@example.com", "two@example.com"}
		got, _ := rewrite(t, string(data), rcpts, Options{})
		checkParsed(t, got, rcpts)
		old, err := Header(bytes.NewReader(data))
		if err == nil && !strings.HasSuffix(got, string(data[len(old):])) {
			t.Errorf("%s: body changed", path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no corpus at " + dir)
	}
	if err != nil || n < 100 {
		t.Errorf("%d messages, error %v", n, err)
	}
}

func TestAddresses(t *testing.T) {
	from, sender := Addresses([]byte("From: A <a@x>, root\r\nFrom: g: b@Y;\r\nSender: \"s s\"@x\r\n\r\n"))
	if got, want := fmt.Sprintf("%q %q", from, sender), `["a@x" "root" "b@Y"] ["s s@x"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	long := strings.Repeat("A: b\r\n", mimepart.MaxHeader/5) + "From: late@x\r\n"
	if from, _ := Addresses([]byte(long)); !reflect.DeepEqual(from, []string{"late@x"}) {
		t.Errorf("long header: got %q", from)
	}
	if from, sender := Addresses(nil); from != nil || sender != nil {
		t.Errorf("no header: got %q, %q", from, sender)
	}
}

func TestReadAt(t *testing.T) {
	msg := "To: b@x\r\n\r\n" + strings.Repeat("0123456789", 100)
	want, res := rewrite(t, msg, []string{"a@x"}, Options{})
	for _, size := range []int{1, 7, 100, 2000} {
		for off := 0; off < len(want); off += 13 {
			buf := make([]byte, size)
			n, err := res.Message.ReadAt(buf, int64(off))
			if string(buf[:n]) != want[off:min(len(want), off+size)] || (n < size) != (err == io.EOF) {
				t.Fatalf("%d octets at %d: %q, %v", size, off, buf[:n], err)
			}
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	msg := "To: a@x, b@x\r\n" + strings.Repeat("X-Some: field of usual length, with some text\r\n", 30) + "\r\n" + strings.Repeat("x", 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Rewrite(section(msg), []string{"a@x", "c@x"}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
