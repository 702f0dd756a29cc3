package graphstore

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"mail2graph/bridge/mimepart"
	"mail2graph/graphstore/graphsim"
)

// apart describes a message taken apart: the body's part type, then the files.
func apart(t *testing.T, text string) (string, *draft) {
	t.Helper()
	text = strings.ReplaceAll(text, "\n", "\r\n")
	src, root := parsed(t, text)
	d, err := takeApart(src, root)
	if err != nil {
		t.Fatal(err)
	}
	out := "no body"
	if d.body != nil {
		out = strings.ToLower(d.body.Type + "/" + d.body.Subtype)
	}
	for _, f := range d.files {
		b, err := io.ReadAll(f.open())
		if err != nil {
			t.Fatal(err)
		}
		inline := ""
		if f.inline {
			inline = " inline " + f.contentID
		}
		out += fmt.Sprintf("\n%s %s%s %d", f.name, f.mediaType, inline, len(b))
	}
	return out, d
}

func TestTakeApart(t *testing.T) {
	multi := func(subtype, boundary string, parts ...string) string {
		s := "Content-Type: multipart/" + subtype + "; boundary=" + boundary + "\n\n"
		for _, p := range parts {
			s += "--" + boundary + "\n" + p + "\n"
		}
		return s + "--" + boundary + "--\n"
	}
	plain, html := "Content-Type: text/plain\n\nplain", "Content-Type: text/html\n\n<p>html</p>"
	image := "Content-Type: image/png\nContent-ID: <pic@x>\nContent-Transfer-Encoding: base64\n\nAAEC"
	cases := []struct{ name, text, want string }{
		{"text", plain + "\n", "text/plain"},
		{"no header at all", "\nhello\n", "text/plain"},
		{"empty", "", "text/plain"},
		{"alternative", multi("alternative", "a", plain, html), "text/html"},
		{"alternative without html", multi("alternative", "a", plain, "Content-Type: text/enriched\n\nx"), "text/plain\npart-1.bin text/enriched 1"},
		{"meeting request", multi("alternative", "a", plain, html, "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR"),
			"text/html\npart-1.ics text/calendar 15"},
		{"html with picture", multi("mixed", "m", multi("alternative", "a", plain, multi("related", "r", html, image)),
			"Content-Type: application/pdf; name=\"a b.pdf\"\nContent-Disposition: attachment\n\nPDF"),
			"text/html\npart-1.png image/png inline pic@x 3\na b.pdf application/pdf 3"},
		{"second text", multi("mixed", "m", plain, "Content-Type: text/plain\n\nfooter"), "text/plain\npart-1.txt text/plain 6"},
		{"text as attachment first", multi("mixed", "m", "Content-Type: text/plain; name=log.txt\nContent-Disposition: attachment\n\nlog", plain),
			"text/plain\nlog.txt text/plain 3"},
		{"message inside", multi("mixed", "m", plain, "Content-Type: message/rfc822\n\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe/x?=\n\ninner"),
			"text/plain\nGrüße-x.eml message/rfc822 47"},
		{"signed", "From: a@b.example\n" + multi("signed; protocol=\"application/pkcs7-signature\"", "s", plain,
			"Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\nAAEC"),
			"text/plain\nsmime.p7m multipart/signed 259"},
		{"encrypted", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nAAEC\n",
			"no body\nsmime.p7m application/pkcs7-mime 3"},
		{"pgp", multi("encrypted; protocol=\"application/pgp-encrypted\"", "e", "Content-Type: application/pgp-encrypted\n\nVersion: 1",
			"Content-Type: application/octet-stream; name=encrypted.asc\n\nPGP"),
			"no body\npart-1.asc application/pgp-encrypted 10\nencrypted.asc application/octet-stream 3"},
		{"report", multi("report; report-type=delivery-status", "r", plain, "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x",
			"Content-Type: text/rfc822-headers\n\nSubject: x"),
			"text/plain\npart-1.txt message/delivery-status 21\npart-2.txt text/rfc822-headers 10"},
		{"path in a name", "Content-Type: application/pdf; name=\"..\\\\..\\\\evil/../a.pdf\"\n\nx\n", "no body\na.pdf application/pdf 3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := apart(t, c.text); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestSignedEntityIsKept: the signed octets can still be verified.
func TestSignedEntityIsKept(t *testing.T) {
	text := "From: a@b.example\nContent-Type: multipart/signed; boundary=s\n\n--s\nContent-Type: text/plain\n\nsigned \n--s\nContent-Type: application/pkcs7-signature\n\nxx\n--s--\n"
	_, d := apart(t, text)
	got, err := io.ReadAll(d.files[0].open())
	if err != nil || string(got) != strings.ReplaceAll(text, "\n", "\r\n") {
		t.Errorf("entity %q, %v", got, err)
	}
}

func TestDraftJSON(t *testing.T) {
	_, d := apart(t, "From: =?iso-8859-1?q?J=F6rg?= <j@x.example>\nTo: Team: a@x.example, \"B, b\" <b@x.example>;, undisclosed:;\nCc: broken\n"+
		"Subject: =?utf-8?b?R3LDvMOfZQ==?=\nX-Priority: 5 (lowest)\nMessage-ID: <1@x.example>\nIn-Reply-To: <0@x.example>\n"+
		"Date: Mon, 02 Nov 2026 10:20:30 +0100\nX-A: 1\nX-B: 2\nX-C: 3\nX-D: 4\nX-E: 5\nX-F: 6\nReceived: from a\n"+
		"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\x01 <b>\n")
	m, cut, err := d.message(textLimit)
	if err != nil || cut {
		t.Fatal(cut, err)
	}
	m.SetInternetMessageHeaders(d.xHeaders())
	m.SetSingleValueExtendedProperties(d.filing(time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))))
	f := &fake{}
	st := f.store(t)
	k, err := st.call(st.user.Messages().ToPostRequestInformation(t.Context(), m, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(k.body, &got); err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]string{
		"subject":           `"Grüße"`,
		"body":              `{"content":"Grüße \u003cb\u003e\r\n","contentType":"text"}`,
		"from":              `{"emailAddress":{"address":"j@x.example","name":"Jörg"}}`,
		"toRecipients":      `[{"emailAddress":{"address":"a@x.example"}},{"emailAddress":{"address":"b@x.example","name":"B, b"}}]`,
		"ccRecipients":      `[{"emailAddress":{"address":"broken"}}]`,
		"bccRecipients":     `[]`,
		"importance":        `"low"`,
		"internetMessageId": `"\u003c1@x.example\u003e"`,
	} {
		b, _ := json.Marshal(got[member])
		if string(b) != want {
			t.Errorf("%s: got %s, want %s", member, b, want)
		}
	}
	if n := len(got["internetMessageHeaders"].([]any)); n != maxXHeaders {
		t.Errorf("%d headers, want %d", n, maxXHeaders)
	}
	props := map[string]string{}
	for _, p := range got["singleValueExtendedProperties"].([]any) {
		p := p.(map[string]any)
		props[p["id"].(string)] = p["value"].(string)
	}
	if props[propDelivery] != "2026-01-02T02:04:05Z" || props[propSubmit] != "2026-11-02T09:20:30Z" || props[propInReplyTo] != "<0@x.example>" ||
		!strings.HasPrefix(props[propHeaders], "From: =?iso-8859-1?q?J=F6rg?=") || !strings.Contains(props[propHeaders], "Received: from a") {
		t.Errorf("properties %q", props)
	}
}

// TestLongText: text that does not fit into a request is cut, and complete as a
// file.
func TestLongText(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	text := "Subject: log\r\nContent-Type: text/html\r\n\r\n" + strings.Repeat("<p>one \"line\" of a long log, äöü</p>\r\n", 150_000)
	info, err := s.store.Append(t.Context(), s.filed(t, text))
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.box.Message(string(info.ID))
	if err != nil || v.Attachments != 1 || v.Draft {
		t.Errorf("%+v, %v, want one attachment", v, err)
	}
	for _, e := range s.Requests() {
		if e.BodySize > 4<<20 {
			t.Errorf("%s has a body of %d octets", e.Route, e.BodySize)
		}
	}
}

// TestAppendCorpus files mail of every kind; none of it may be refused, end as
// a draft or leave something behind.
func TestAppendCorpus(t *testing.T) {
	const corpus = "../../shared/corpus"
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus here")
	}
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	n := 0
	err := filepath.WalkDir(corpus, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".eml" || n >= 150 {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		info, err := s.store.Append(t.Context(), s.filed(t, string(b)))
		if err != nil || info.Draft || info.ID == "" {
			t.Errorf("%s: %+v, %v", filepath.Base(path), info, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(s.box.Messages("sentitems")); got != n || len(s.box.Messages("drafts")) != 0 {
		t.Errorf("%d messages filed of %d, %d drafts", got, n, len(s.box.Messages("drafts")))
	}
	t.Logf("%d messages", n)
}

func FuzzTakeApart(f *testing.F) {
	f.Add([]byte(letter("x", 10)))
	f.Add([]byte("Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\n--a--"))
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := mimepart.Parse(strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := takeApart(strings.NewReader(string(b)), root)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{textLimit, 3} {
			m, _, err := d.message(limit)
			if err != nil {
				t.Fatal(err)
			}
			m.SetInternetMessageHeaders(d.xHeaders())
			m.SetSingleValueExtendedProperties(d.filing(time.Time{}))
			if m.GetBody().GetContent() == nil || m.GetImportance() == nil || *m.GetImportance() > models.HIGH_IMPORTANCE {
				t.Error("incomplete message")
			}
		}
		for _, file := range d.files {
			if file.name == "" || strings.ContainsAny(file.name, "/\\\r\n\x00") {
				t.Errorf("file name %q", file.name)
			}
			if _, err := io.Copy(io.Discard, file.open()); err != nil {
				t.Error(err)
			}
		}
	})
}
