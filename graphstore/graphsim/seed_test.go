package graphsim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image/png"
	"io"
	"math"
	"mime"
	mimemultipart "mime/multipart"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// seededFolders fills a mailbox and returns it with the views of all its messages.
func seeded(t testing.TB, o SeedOptions) (*Mailbox, []MessageView) {
	t.Helper()
	mb, err := New(Options{}).AddMailbox("demo@example.com", MailboxOptions{DisplayName: "Demo User"})
	if err != nil {
		t.Fatal(err)
	}
	if err := Seed(mb, o); err != nil {
		t.Fatal(err)
	}
	var all []MessageView
	for _, f := range mb.Folders() {
		all = append(all, mb.Messages(f.ID)...)
	}
	return mb, all
}

// contentOf is what a message was delivered with.
func contentOf(t *testing.T, mb *Mailbox, id string) (c Content) {
	t.Helper()
	if err := mb.onMessage(id, func(m *message) { c = m.content }); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSeedGolden(t *testing.T) {
	mb, all := seeded(t, SeedOptions{Messages: 300, Seed: 1})
	if len(all) != 300 {
		t.Fatalf("got %d messages, want 300", len(all))
	}
	sum := sha256.New()
	for _, v := range all {
		fmt.Fprintln(sum, v.Folder.Path, v.Received, v.Read, v.Draft, v.Flag, v.Categories, v.Verb, v.Meta)
		if _, err := io.Copy(sum, contentOf(t, mb, v.ID).Open()); err != nil {
			t.Fatal(err)
		}
	}
	// A change of the seeded mail on purpose changes this sum, nothing else may.
	const want = "06e6dd50c7922ce93d47aaa9d8c140e4b261cbfa5dfd1b9c9903b1983daae5fe"
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want {
		t.Errorf("sum of the mailbox = %s, want %s", got, want)
	}
}

// TestSeedMessages reads every message with the standard library and compares
// with what the listing was told.
func TestSeedMessages(t *testing.T) {
	mb, all := seeded(t, SeedOptions{Messages: 1200, Seed: 7, MaxAttachment: 60_000})
	seen := make(map[string]bool)
	for _, v := range all {
		content := contentOf(t, mb, v.ID)
		raw, err := io.ReadAll(content.Open())
		if err != nil {
			t.Fatalf("%q: %v", v.Meta.Subject, err)
		}
		if content.Size() != int64(len(raw)) {
			t.Errorf("%q: size %d, but %d bytes", v.Meta.Subject, content.Size(), len(raw))
		}
		if bytes.Contains(bytes.ReplaceAll(raw, []byte("\r\n"), nil), []byte("\n")) {
			t.Errorf("%q: has a bare LF", v.Meta.Subject)
		}
		checkHeaderLines(t, v, raw)
		msg, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%q: %v", v.Meta.Subject, err)
			continue
		}
		if err := readEntity(mail.Header(msg.Header), msg.Body, seen, 0); err != nil {
			t.Errorf("%q: %v", v.Meta.Subject, err)
		}
		compareMeta(t, v.Meta, (&message{content: Bytes(raw)}).info())
	}
	for _, want := range []string{
		"text/plain us-ascii 7bit", "text/plain utf-8 base64", "text/plain utf-8 8bit", "text/plain utf-8 quoted-printable",
		"text/plain iso-8859-1 quoted-printable", "text/plain iso-2022-jp 7bit", "text/plain gb2312 base64", "text/plain koi8-r 8bit",
		"text/plain windows-1252 8bit", "text/plain iso-8859-7 base64", "text/html utf-8 base64", "text/calendar utf-8 8bit",
		"multipart/related", "multipart/digest", "multipart/report", "multipart/signed", "multipart/alternative", "multipart/mixed",
		"message/rfc822", "message/delivery-status", "image/png", "application/pdf", "application/zip", "application/pkcs7-signature",
	} {
		if !slices.ContainsFunc(sortedKeys(seen), func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no part is %s; there are %q", want, sortedKeys(seen))
		}
	}
}

func checkHeaderLines(t *testing.T, v MessageView, raw []byte) {
	t.Helper()
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > 200 || !isASCII(string(line)) {
			t.Errorf("%q: header line %q is too long or not ASCII", v.Meta.Subject, line)
		}
	}
}

// readEntity walks the structure, decodes every leaf and notes what it met in seen.
func readEntity(h mail.Header, body io.Reader, seen map[string]bool, depth int) error {
	ctype, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type %q: %w", h.Get("Content-Type"), err)
	}
	if d := h.Get("Content-Disposition"); d != "" {
		if _, _, err := mime.ParseMediaType(d); err != nil {
			return fmt.Errorf("Content-Disposition %q: %w", d, err)
		}
	}
	seen[strings.TrimSpace(ctype+" "+params["charset"]+" "+h.Get("Content-Transfer-Encoding"))] = true
	if strings.HasPrefix(ctype, "multipart/") {
		r := mimemultipart.NewReader(body, params["boundary"])
		for {
			part, err := r.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", ctype, err)
			}
			inner := mail.Header(part.Header)
			if inner.Get("Content-Type") == "" && ctype == "multipart/digest" {
				inner = mail.Header{"Content-Type": {"message/rfc822"}}
			}
			if err := readEntity(inner, part, seen, depth+1); err != nil {
				return fmt.Errorf("%s: %w", ctype, err)
			}
		}
	}
	if ctype == "message/rfc822" {
		msg, err := mail.ReadMessage(body)
		if err != nil {
			return fmt.Errorf("%s: %w", ctype, err)
		}
		return readEntity(msg.Header, msg.Body, seen, depth+1)
	}
	return readLeaf(ctype, h, body)
}

func readLeaf(ctype string, h mail.Header, body io.Reader) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if h.Get("Content-Transfer-Encoding") == "base64" {
		if raw, err = base64.StdEncoding.DecodeString(string(bytes.ReplaceAll(raw, []byte("\r\n"), nil))); err != nil {
			return fmt.Errorf("%s: %w", ctype, err)
		}
	}
	switch ctype {
	case "image/png":
		_, err = png.Decode(bytes.NewReader(raw))
	case "application/pdf":
		if !bytes.HasPrefix(raw, []byte("%PDF-")) || !bytes.HasSuffix(raw, []byte("%%EOF\n")) {
			err = fmt.Errorf("%s: begins %.10q", ctype, raw)
		}
	}
	return err
}

// compareMeta checks the listing against what the simulator reads from the bytes.
func compareMeta(t *testing.T, got Meta, want *Meta) {
	t.Helper()
	if got.Class == "IPM.Schedule.Meeting.Request" {
		want.Class = got.Class // told apart by its OData type
	}
	want.Preview = got.Preview
	want.Sender, got.Sender = Address{}, Address{}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", *want) {
		t.Errorf("listing says %+v\nmessage says %+v", got, *want)
	}
}

func TestSeedVariety(t *testing.T) {
	mb, all := seeded(t, SeedOptions{Messages: 600, Seed: 3})
	var read, flagged, complete, tagged, answered, drafts, high, big, attached int
	subjects := make(map[string]bool)
	for _, v := range all {
		read += count(v.Read)
		flagged += count(v.Flag == "flagged")
		complete += count(v.Flag == "complete")
		tagged += count(len(v.Categories) > 0)
		answered += count(v.Verb == 102)
		drafts += count(v.Draft)
		high += count(v.Meta.Importance == "high")
		big += count(contentOf(t, mb, v.ID).Size() > 1_000_000)
		attached += count(v.Meta.HasAttachments)
		subjects[v.Meta.Subject] = true
	}
	for _, c := range []struct {
		name            string
		got, least, top int
	}{
		{"read", read, 300, 595}, {"flagged", flagged, 10, 100}, {"complete", complete, 1, 60}, {"with categories", tagged, 20, 150},
		{"answered", answered, 20, 300}, {"drafts", drafts, 1, 60}, {"important", high, 1, 60}, {"over 1 MB", big, 3, 60},
		{"with attachments", attached, 60, 400}, {"different subjects", len(subjects), 250, 600},
	} {
		if c.got < c.least || c.got > c.top {
			t.Errorf("%s: got %d, want %d to %d", c.name, c.got, c.least, c.top)
		}
	}
	for _, path := range []string{
		"Projects/Aurora/2026/Quarter 3/Minutes/Steering committee", "AC/DC/Live & loud", "Entwürfe 2025/Überweisungen", "日本支社/議事録",
		"Inbox", "Sent Items", "Drafts", "Junk Email", "Deleted Items", "Archive", "Inbox/Newsletters",
	} {
		if !slices.ContainsFunc(all, func(v MessageView) bool { return v.Folder.Path == path }) {
			t.Errorf("no message in %s", path)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestSeedConversations follows In-Reply-To to the message it names.
func TestSeedConversations(t *testing.T) {
	_, all := seeded(t, SeedOptions{Messages: 400, Seed: 5})
	byID := make(map[string]MessageView)
	for _, v := range all {
		if byID[v.Meta.MessageID].ID != "" {
			t.Errorf("Message-ID %s is used twice", v.Meta.MessageID)
		}
		byID[v.Meta.MessageID] = v
	}
	answers := 0
	for _, v := range all {
		if v.Meta.InReplyTo == "" {
			continue
		}
		answers++
		parent, ok := byID[v.Meta.InReplyTo]
		switch {
		case !ok:
			t.Errorf("%q answers %s, which does not exist", v.Meta.Subject, v.Meta.InReplyTo)
		case !parent.Meta.Sent.Before(v.Meta.Sent):
			t.Errorf("%q is older than what it answers", v.Meta.Subject)
		case !strings.HasSuffix(v.Meta.References, v.Meta.InReplyTo):
			t.Errorf("References %q do not end in %q", v.Meta.References, v.Meta.InReplyTo)
		case strings.TrimPrefix(v.Meta.Subject, "Re: ") != strings.TrimPrefix(parent.Meta.Subject, "Re: "):
			t.Errorf("%q answers %q", v.Meta.Subject, parent.Meta.Subject)
		}
	}
	if answers < 50 {
		t.Errorf("got %d answers, want at least 50", answers)
	}
}

func TestSeedOneFolder(t *testing.T) {
	mb, _ := seeded(t, SeedOptions{Messages: 50, Folder: "inbox"})
	if got := len(mb.Messages("inbox")); got != 50 {
		t.Errorf("got %d messages in the inbox, want 50", got)
	}
	if v := mb.Messages("inbox"); !slices.IsSortedFunc(v, func(a, b MessageView) int { return a.Received.Compare(b.Received) }) {
		t.Error("messages did not arrive in order")
	}
}

// TestBlobReading reads the same bytes whatever the sizes of the reads.
func TestBlobReading(t *testing.T) {
	for _, b := range []*blob{
		{head: []byte("head"), fill: 1000, tail: []byte("tail"), seed: 5}, {fill: 777, log: true}, {head: []byte("only")}, {},
		{fill: 57}, {fill: 58}, {fill: 56},
	} {
		want, err := io.ReadAll(b.open())
		if err != nil || int64(len(want)) != b.size() {
			t.Fatalf("got %d bytes, %v; want %d", len(want), err, b.size())
		}
		for name, wrapped := range map[string]func(io.Reader) io.Reader{"one byte": iotest.OneByteReader, "half": iotest.HalfReader} {
			if got, err := io.ReadAll(wrapped(b.open())); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: other bytes, %v", name, err)
			}
		}
		encoded, err := io.ReadAll(&base64Lines{src: b.open()})
		if err != nil || int64(len(encoded)) != b.encodedSize() {
			t.Errorf("encoded: got %d bytes, %v; want %d", len(encoded), err, b.encodedSize())
		}
		if got := looseBase64(encoded); !bytes.Equal(got, want) {
			t.Errorf("does not decode to what was encoded")
		}
	}
}

func TestDiceAreStable(t *testing.T) {
	d := rollFor(42, 1, 7)
	got := []int{d.upTo(1000), d.upTo(1000), d.between(5, 9), d.upTo(math.MaxInt32)}
	want := []int{552, 292, 9, 1097405059}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func BenchmarkSeed10000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mb, err := New(Options{}).AddMailbox("demo@example.com", MailboxOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if err := Seed(mb, SeedOptions{Messages: 10_000, Folder: "inbox"}); err != nil {
			b.Fatal(err)
		}
	}
}
