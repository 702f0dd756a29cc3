package main

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
)

// submitRaw hands in a text octet by octet, which net/smtp would change, and returns the answer
// to it or to the first command that was refused.
func (b *bed) submitRaw(from string, rcpts []string, text string) (code int, answer string) {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.smtp)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	c := textproto.NewConn(conn)
	commands := []string{"", "EHLO client", "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+bedUser+"\x00"+bedPassword)),
		"MAIL FROM:<" + from + "> SMTPUTF8"}
	for _, r := range rcpts {
		commands = append(commands, "RCPT TO:<"+r+">")
	}
	text = strings.ReplaceAll("\r\n"+text, "\r\n.", "\r\n..")[2:]
	if !strings.HasSuffix(text, "\r\n") && text != "" {
		text += "\r\n"
	}
	for _, command := range append(commands, "DATA", text+".") {
		if command != "" {
			_ = c.PrintfLine("%s", command) // the answer shows it
		}
		code, answer, err = c.ReadResponse(0)
		if err != nil && code == 0 {
			b.t.Fatalf("%.80q: %v", command, err)
		}
		if code >= 400 {
			return code, answer
		}
	}
	return code, answer
}

// TestOddSubmissions hands in what programs, devices and attackers write: the envelope gets it,
// nobody else, and it says what its author meant.
func TestOddSubmissions(t *testing.T) {
	const from = "From: User <" + bedUser + ">\r\n"
	a, ab := []string{"a@example.org"}, []string{"a@example.org", "b@example.org"}
	big := "Content-Type: application/octet-stream; name=big.bin\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 50_000) // above what goes as MIME
	large := func(part string) string {
		return "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" + part + "\r\n--m\r\n" + big + "--m--\r\n"
	}
	for _, m := range []struct {
		name  string
		rcpts []string
		text  string
		want  []string // in what is delivered; "!x": not in it
	}{
		{"resent", a, from + "To: other@example.net\r\nResent-To: a@example.org, z@example.net\r\nResent-Bcc: q@example.net\r\n\r\nx\r\n",
			[]string{"To: undisclosed-recipients:;", "X-Mail2graph-Resent-To: a@example.org", "!\r\nResent-To", "!q@example.net"}},
		{"groups", ab, from + "To: Team: a@example.org, B <b@example.org>;, Others:c@example.net;\r\n\r\nx\r\n", []string{`To: a@example.org, "B" <b@example.org>`}},
		{"empty fields", a, from + "To:\r\nCc: \r\nBcc:\r\n\r\nx\r\n", []string{"To: undisclosed-recipients:;", "!Cc:"}},
		{"encoded names", a, from + "To: =?utf-8?q?J=C3=B6rg=2C_x=40y?= <a@example.org>, =?utf-8?q?evil=40example.net?=\r\n\r\nx\r\n", []string{"<a@example.org>\r\n"}},
		{"an encoded address", a, from + "To: =?utf-8?q?A_=3Ca=40example.org=3E?=\r\n\r\nx\r\n", nil},
		{"line ends in an encoded name", a, from + "To: =?utf-8?q?a=0D=0ABcc:_evil@example.net=0D=0A?= <a@example.org>, b@example.net\r\n\r\nx\r\n", []string{"!\nBcc"}},
		{"beyond ASCII", []string{"jörg@bücher.example"}, from + "To: jörg@bücher.example\r\nSubject: ü\r\n\r\nü\r\n", []string{"To: jörg@", "Content-Type: text/plain; charset=utf-8"}},
		{"A-labels and U-labels", []string{"j@bücher.example"}, from + "To: j@xn--bcher-kva.example\r\n\r\nx\r\n", []string{"To: j@xn--bcher-kva.example", "!Bcc"}},
		{"plus and percent", []string{"a+b=c%d@example.org"}, from + "To: <@relay.example:a+b=c%d@example.org>\r\n\r\nx\r\n", []string{"\r\nTo: a+b=c%d@example.org\r\n"}},
		{"needless quotes", []string{`"a.b"@example.org`}, from + "To: a.b@example.org\r\n\r\nx\r\n", []string{"To: a.b@example.org"}},
		{"one address in three forms", []string{"a@example.org", "A@EXAMPLE.org", "a@example.org"}, from + "To: a@example.org\r\n\r\nx\r\n", nil},
		{"fields twice", ab, from + "To: a@example.org\r\nto: b@example.org\r\nTO : c@example.net\r\n\r\nx\r\n", []string{"\r\nTo: a@example.org, b@example.org\r\n"}},
		{"long fields", a, from + "To: a@example.org\r\nReferences: " + strings.Repeat("<0123456789@example.org>\r\n ", 3000) + "<e@x>\r\nSubject: " + strings.Repeat("long ", 4000) + "\r\n\r\nx\r\n",
			[]string{" <e@x>\r\n", strings.Repeat("long ", 100)}},
		{"Bcc of the program", ab, from + "To: a@example.org\r\nBcc: b@example.org, d@example.net\r\n\r\nx\r\n", []string{"To: a@example.org", "!Bcc", "!d@example.net", "!b@example.org"}},
		{"Bcc alone", a, from + "Bcc: a@example.org\r\n\r\nx\r\n", []string{"To: undisclosed-recipients:;", "!a@example.org"}},
		{"fields that others deliver by", a, "Return-Path: <x@example.net>\r\nDelivered-To: z@example.net\r\nApparently-To: z@example.net\r\n" + from + "To: a@example.org\r\n\r\nx\r\n", nil},
		{"two authors", a, "From: User <" + bedUser + ">, Two <" + bedUser + ">\r\nTo: a@example.org\r\n\r\nx\r\n", nil},
		{"no empty line", a, from + "To: a@example.org\r\nSubject: x\r\nHello you,\r\nthis is: the text\r\n\r\nmore\r\n", []string{"\r\n\r\nHello you,\r\nthis is: the text\r\n\r\nmore\r\n"}},
		{"header alone", a, from + "To: a@example.org\r\nSubject: x\r\n", []string{"Subject: x\r\n", "\r\n\r\n"}},
		{"nothing", a, "", []string{"From: " + bedUser, "To: undisclosed-recipients:;", "Date: ", "Message-ID: <"}},
		{"text alone", a, "\r\njust text\r\n", []string{"From: " + bedUser, "\r\n\r\njust text\r\n"}},
		{"no header", a, "just text\r\nBcc: evil@example.net\r\n", []string{"just text"}},
		{"NUL", a, from + "To: a@example.org\r\nSubject: n\x00ul\r\n\r\nx\x00y\r\n", []string{"Subject: n ul", "eAB5DQo="}},
		{"bare CR", a, from + "To: a@example.org\r\nSubject: b\rBcc: evil@example.net\r\r\n\r\nx\ry\r\n\rz\r\n", []string{"Subject: b Bcc: evil@example.net", "x\r\ny\r\n\r\nz\r\n"}},
		{"dots", a, from + "To: a@example.org\r\n\r\n.\r\n..\r\n.x\r\n\n.\n\r\nend\r\n", []string{"\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n\r\nend\r\n"}},
		{"8-bit header", a, "From: J\xf6rg <" + bedUser + ">\r\nTo: M\xfcller <a@example.org>\r\nSubject: Gr\xfc\xdfe\r\n\r\nGr\xfc\xdfe\r\n",
			[]string{"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "charset=windows-1252", "Gr\xfc\xdfe"}},
		{"mbox", a, "From user@example.com Thu Jan  1 00:00:00 2026\r\n" + from + "To: a@example.org\r\n\r\nx\r\n", []string{"X-Mail2graph-Line: From user"}},
		{"format=flowed", a, from + "To: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; format=flowed; delsp=yes\r\n\r\nx \r\ny\r\n-- \r\nsig\r\n", []string{"format=flowed; delsp=yes", "x \r\ny\r\n-- \r\nsig\r\n"}},
		{"an invitation", a, from + "To: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\n", []string{"method=REQUEST", "BEGIN:VCALENDAR"}},
		{"X- fields and receipts", a, from + "To: a@example.org\r\nX-1: 1\r\nX-2: 2\r\nX-3: 3\r\nX-4: 4\r\nX-5: 5\r\nX-6: 6\r\nReply-To: r@example.net\r\nDisposition-Notification-To: " + bedUser + "\r\n\r\nx\r\n",
			[]string{"X-6: 6", "Reply-To: r@example.net", "Disposition-Notification-To: "}},

		{"large, an invitation", a, from + "To: a@example.org\r\n" + large("Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"),
			[]string{"Content-Type: text/calendar", base64.StdEncoding.EncodeToString([]byte("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"))}},
		{"large, a message inside", a, from + "To: a@example.org\r\n" + large("Content-Type: message/rfc822\r\n\r\nTo: evil@example.net\r\nBcc: evil@example.net\r\nSubject: inner\r\n\r\nx\r\n"), []string{"inner.eml"}},
		{"large, winmail.dat", a, from + "To: a@example.org\r\n" + large("Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+IgEA\r\n"), []string{"winmail.dat", "eJ8+IgEA"}},
		{"large, Bcc and strangers", ab, from + "To: a@example.org\r\nCc: no@example.net\r\nBcc: d@example.net\r\nResent-To: e@example.net\r\n" + large("\r\nx\r\n"), []string{"To: <a@example.org>", "!BCC", "!b@example.org"}},
		{"large, signed by a server", a, "DKIM-Signature: v=1; a=rsa-sha256; b=x\r\n" + from + "To: a@example.org\r\nSubject: signed\r\n" + large("\r\nx\r\n"), []string{"Subject: signed", "!DKIM"}},
		{"large text", a, from + "To: a@example.org\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + strings.Repeat("Zeile ü\r\n", 400_000) + "the end\r\n", []string{"Zeile =C3=BC"}},
	} {
		t.Run(m.name, func(t *testing.T) {
			b := newBed(t)
			b.cfg.SMTP.FirstAttempt = bridge.Duration(time.Minute)
			b.start()
			if code, answer := b.submitRaw(bedUser, m.rcpts, m.text); code != 250 || !strings.HasPrefix(answer, "2.6.0") {
				t.Fatal(code, answer)
			}
			d := b.sim.Deliveries()
			if len(d) != 1 {
				t.Fatalf("delivered %d times", len(d))
			}
			want := map[string]int{}
			for _, r := range m.rcpts {
				want[strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(r, `"`, ""), "j@bücher", "j@xn--bcher-kva"))] = 1
			}
			got := map[string]int{}
			tally(got, d[0].Recipients...)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("delivered to %v, want %v", got, want)
			}
			text := string(d[0].MIME)
			for _, w := range m.want {
				w, not := strings.CutPrefix(w, "!")
				if strings.Contains(text, w) == not {
					t.Errorf("%q: there %t, in\n%.2000s", w, not, text)
				}
			}
			if n := strings.Count(strings.ToLower("\n"+text[:strings.Index(text, "\r\n\r\n")+2]), "\nfrom:"); n != 1 {
				t.Errorf("%d From fields", n)
			}
		})
	}
}

// TestRefusedSubmissions: what cannot be sent as it was meant is refused with a reason, and
// nobody gets it.
func TestRefusedSubmissions(t *testing.T) {
	b := newBed(t).start()
	a := []string{"a@example.org"}
	signed := "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 50_000) +
		"--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--s--\r\n"
	for _, m := range []struct {
		name, from string
		rcpts      []string
		text, want string
	}{
		{"a foreign author among two", bedUser, a, "From: " + bedUser + ", x@example.net\r\nTo: a@example.org\r\n\r\nx\r\n", "550 5.7.1 This login may not send as <x@example.net> (From)"},
		{"a second From", bedUser, a, "From: " + bedUser + "\r\nFrom: x@example.net\r\nTo: a@example.org\r\n\r\nx\r\n", "550 5.7.1 This login may not send as <x@example.net> (From)"},
		{"a foreign Sender", bedUser, a, "From: " + bedUser + "\r\nSender: x@example.net\r\n\r\nx\r\n", "550 5.7.1 This login may not send as <x@example.net> (Sender)"},
		{"a foreign envelope", "x@example.net", a, "", "550 5.7.1 "},
		{"null sender, foreign From", "", a, "From: x@example.net\r\n\r\nx\r\n", "550 5.7.1 "},
		{"an address with a space", bedUser, []string{`"john doe"@example.org`}, "", "553 5.1.3 Not an address that Exchange Online takes"},
		{"two at", bedUser, []string{`"a@b"@example.org`}, "", "553 5.1.3 "},
		{"a large signed message", bedUser, a, "From: " + bedUser + "\r\nTo: a@example.org\r\n" + signed, "552 5.3.4 a signed message of"},
	} {
		t.Run(m.name, func(t *testing.T) {
			code, answer := b.submitRaw(m.from, m.rcpts, m.text)
			if got := fmt.Sprintf("%d %s", code, answer); !strings.HasPrefix(got, m.want) {
				t.Errorf("got %q, want %q", got, m.want)
			}
		})
	}
	if d := b.sim.Deliveries(); len(d) > 0 || len(b.box.Messages("drafts")) > 0 {
		t.Errorf("delivered %d, drafts %d", len(d), len(b.box.Messages("drafts")))
	}
	if slices.Contains(strings.Split(b.log.String(), " "), "level=ERROR") {
		t.Errorf("an error in the log:\n%s", b.log)
	}
}
