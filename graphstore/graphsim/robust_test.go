package graphsim

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// oddMail is mail that parsers stumble over.
var oddMail = map[string]string{
	"empty":              "",
	"only a line end":    "\r\n",
	"no header":          "just text\r\nwithout a header\r\n",
	"no body":            "Subject: x\r\n",
	"binary":             string([]byte{0, 255, 254, 13, 10, 13, 10, 0, 1, 2}),
	"raw 8-bit header":   "Subject: Gr\xfc\xdfe\r\nFrom: J\xf6rg <j@x.example>\r\n\r\nx",
	"bad words":          "Subject: =?utf-8?b?%%%?= =?nope?q?x?=\r\n\r\nx",
	"bad addresses":      "To: <<>>, , a@, \"open, undisclosed-recipients:;\r\nFrom: @@\r\n\r\nx",
	"bad date":           "Date: yesterday\r\n\r\nx",
	"open multipart":     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx",
	"empty multipart":    "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
	"no boundary":        "Content-Type: multipart/mixed\r\n\r\n--b\r\n",
	"bad content type":   "Content-Type: ;;;=\r\n\r\nx",
	"self-nesting":       "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", 200),
	"deep messages":      strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 500),
	"bad base64":         "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!QUJD===\r\n@@\r\n",
	"bad quoted":         "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ=\r\n==\r\n",
	"unknown charset":    "Content-Type: text/plain; charset=martian\r\n\r\n\xff\xfe",
	"long line":          "Subject: " + strings.Repeat("x", 200_000) + "\r\n\r\n" + strings.Repeat("y", 300_000),
	"continuation first": " folded before anything\r\nSubject: x\r\n\r\nx",
	"huge header":        strings.Repeat("X-A: b\r\n", 100_000) + "\r\nx",
}

// exercise reads a message in every way there is.
func exercise(c *client, mb *Mailbox, raw []byte) {
	c.t.Helper()
	id, err := mb.Deliver(raw, DeliverOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.s.SetModes(Modes{})
	c.want(200, "GET", "/messages/"+id+"?$select=subject,from,sender,toRecipients,replyTo,body,bodyPreview,internetMessageHeaders,hasAttachments,conversationId,sentDateTime&"+
		"$expand=attachments,singleValueExtendedProperties($filter=id eq 'String 0x007D' or id eq 'Integer 0x0E07')", nil)
	r := c.want(200, "GET", "/messages/"+id+"/$value", nil)
	if !bytes.Equal(r.text, raw) {
		c.t.Errorf("$value differs: %d bytes, want %d", len(r.text), len(raw))
	}
	c.s.SetModes(Modes{Reencode: true})
	c.want(200, "GET", "/messages/"+id+"/$value", nil)
	if err := mb.SetSubject(id, "changed"); err != nil {
		c.t.Fatal(err)
	}
	if got, err := mb.MIME(id); err != nil || !strings.Contains(string(got), "Subject: changed\r\n") {
		c.t.Errorf("rebuilt: %v %.200q", err, got)
	}
	if err := mb.DeleteMessage(id); err != nil {
		c.t.Fatal(err)
	}
}

func TestOddMail(t *testing.T) {
	for name, raw := range oddMail {
		t.Run(name, func(t *testing.T) {
			c, mb := newClient(t, Options{})
			exercise(c, mb, []byte(raw))
			c.do("POST", "/sendMail", b64([]byte(raw)))
		})
	}
}

func TestTestdataMail(t *testing.T) {
	c, mb := newClient(t, Options{})
	err := fs.WalkDir(os.DirFS("testdata"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".eml") {
			return err
		}
		raw, err := os.ReadFile("testdata/" + path)
		if err != nil {
			return err
		}
		exercise(c, mb, raw)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzMail(f *testing.F) {
	for name, raw := range oddMail {
		if len(raw) < 10_000 && !strings.Contains(name, "deep") {
			f.Add([]byte(raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, mb := newClient(t, Options{})
		exercise(c, mb, raw)
	})
}

// generated is content that costs nothing until it is read.
type generated int64

func (g generated) Size() int64 { return int64(g) }

func (g generated) Open() io.Reader {
	return io.LimitReader(strings.NewReader(strings.Repeat("x", int(min(int64(g), 1<<20)))), int64(g))
}

// filled is a mailbox with n messages in its inbox, without content in memory.
func filled(tb testing.TB, n int) (*Server, *Mailbox) {
	tb.Helper()
	s := New(Options{Open: true, Modes: Modes{NoGzip: true}})
	mb, err := s.AddMailbox(anna, MailboxOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		meta := &Meta{Subject: fmt.Sprint("message ", i), From: Address{"Carl", "carl@outside.example"}, MessageID: fmt.Sprintf("<%d@x>", i), Preview: "text"}
		if _, err := mb.DeliverContent(generated(10_000), DeliverOptions{Meta: meta, Received: start.Add(time.Duration(i) * time.Second)}); err != nil {
			tb.Fatal(err)
		}
	}
	return s, mb
}

func TestLargeFolder(t *testing.T) {
	s, mb := filled(t, 100_000)
	c := &client{t: t, s: s, immutable: true}
	r := c.want(200, "GET", "/mailFolders/inbox/messages?$top=1000&$skip=99500&$select=subject", nil)
	equal(t, "last rows", len(r.rows()), 500)
	rows, last := c.walk(deltaPath+"?$select=id", "Prefer", "odata.maxpagesize=1000")
	equal(t, "delta rows", len(rows), 100_000)
	link := last.str("@odata/deltaLink")
	c.deliver(mb, "new")
	equal(t, "rows", len(c.want(200, "GET", link, nil).rows()), 1)
}

// BenchmarkDeltaPoll asks a folder of 100,000 messages for the one that is new.
func BenchmarkDeltaPoll(b *testing.B) {
	s, mb := filled(b, 100_000)
	c := &client{t: b, s: s, immutable: true}
	_, last := c.walk(deltaPath+"?$select=id", "Prefer", "odata.maxpagesize=1000")
	link := last.str("@odata/deltaLink")
	for b.Loop() {
		c.deliver(mb, "new")
		last = c.want(200, "GET", link, nil)
		link = last.str("@odata/deltaLink")
	}
}

func BenchmarkListPage(b *testing.B) {
	s, _ := filled(b, 20_000)
	c := &client{s: s, t: nil}
	for b.Loop() {
		benchGet(b, c, "/v1.0/users/"+anna+"/mailFolders/inbox/messages?$top=1000&$skip=10000&$select=subject,from,toRecipients,isRead,isDraft,flag,categories,receivedDateTime,internetMessageId&$expand=singleValueExtendedProperties($filter=id%20eq%20'Integer%200x0E08'%20or%20id%20eq%20'Integer%200x1081')")
	}
}

func benchGet(b *testing.B, c *client, target string) {
	w := httptest.NewRecorder()
	c.s.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	if w.Code != 200 {
		b.Fatal(w.Body)
	}
}
