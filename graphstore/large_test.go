package graphstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/graphstore/graphsim"
)

// octets makes n of them, which say when one is missing.
func octets(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b) // it never fails
	return b
}

func inLines(b []byte) string {
	var out strings.Builder
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(b)), 76) {
		out.Write(line)
		out.WriteString("\r\n")
	}
	return out.String()
}

func outgoingOf(t *testing.T, text string) bridge.Outgoing {
	t.Helper()
	out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}, Marker: "M1"}
	out.MIME, out.Parts = parsed(t, text)
	return out
}

// contents describes the leaves of a delivered message: type, name, Content-ID and
// what is in them.
func contents(t *testing.T, mime []byte) map[string]string {
	t.Helper()
	src := bytes.NewReader(mime)
	root, err := mimepart.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	var walk func(p *mimepart.Part)
	walk = func(p *mimepart.Part) {
		if p.IsMultipart() {
			for _, c := range p.Children {
				walk(c)
			}
			return
		}
		b, err := io.ReadAll(p.Open(src))
		if err != nil {
			t.Fatal(err)
		}
		name := p.FileName()
		if name == "" {
			name = strings.ToLower(p.Type + "/" + p.Subtype)
		}
		out[name] = fmt.Sprintf("%s %x", strings.Trim(p.ID, "<>"), sha256.Sum256(b))
	}
	walk(root)
	return out
}

// TestLargeKeepsMeaning: what a message above the request limit loses is its form
// alone. Every file arrives byte for byte, with its name and its place in the text.
func TestLargeKeepsMeaning(t *testing.T) {
	inner := "From: a@example.org\r\nSubject: inside\r\nDKIM-Signature: v=1; a=b\r\n\r\n8-bit \xc3\xa4 and trailing blanks  \r\n"
	invite := "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
	files := map[string]struct {
		header string
		data   []byte
	}{
		"pic.png":       {"Content-Type: image/png; name=pic.png\r\nContent-ID: <pic@x>\r\nContent-Disposition: inline; filename=pic.png", octets(1, 50_000)},
		"Übersicht.pdf": {"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''%C3%9Cbersicht.pdf", octets(2, 100_000)},
		"naïve.txt":     {"Content-Type: application/octet-stream; name=\"=?iso-8859-1?q?na=EFve.txt?=\"\r\nContent-Disposition: attachment", octets(3, 10)},
		"日本語.bin":       {"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename*0*=utf-8''%E6%97%A5; filename*1*=%E6%9C%AC%E8%AA%9E.bin", octets(4, 3_300_000)},
		"between.bin":   {"Content-Type: application/octet-stream; name=between.bin\r\nContent-Disposition: attachment", octets(5, 3_000_000)},
		"huge.bin":      {"Content-Type: application/octet-stream; name=huge.bin\r\nContent-Disposition: attachment", octets(6, 12_345_678)},
	}
	part := func(name string) string {
		f := files[name]
		return f.header + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inLines(f.data)
	}
	text := "From: " + simAddress + "\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?gro=C3=9F?=\r\nMessage-ID: <x@example.com>\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n" +
		"--a\r\nContent-Type: text/plain\r\n\r\nplain\r\n" +
		"--a\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>Gr\xfc\xdfe <img src=\"cid:pic@x\"></p>\r\n--r\r\n" + part("pic.png") + "--r--\r\n" +
		"--a\r\nContent-Type: text/calendar; method=REQUEST; name=invite.ics\r\n\r\n" + invite + "--a--\r\n" +
		"--m\r\nContent-Type: message/rfc822; name=inside.eml\r\n\r\n" + inner + "\r\n"
	for _, name := range []string{"Übersicht.pdf", "naïve.txt", "日本語.bin", "between.bin", "huge.bin"} {
		text += "--m\r\n" + part(name)
	}
	text += "--m--\r\n"
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	if err := sendNow(t, s.store, outgoingOf(t, text)); err != nil {
		t.Fatal(err)
	}
	d := s.Deliveries()
	if len(d) != 1 {
		t.Fatalf("delivered %d times", len(d))
	}
	if !bytes.Contains(d[0].MIME, []byte("Gr=C3=BC=C3=9Fe")) || !bytes.Contains(d[0].MIME, []byte("cid:pic@x")) {
		t.Error("the html is another one")
	}
	got := contents(t, d[0].MIME)
	for name, f := range files {
		want := fmt.Sprintf(" %x", sha256.Sum256(f.data))
		if name == "pic.png" {
			want = "pic@x" + want
		}
		if got[name] != want {
			t.Errorf("%s: got %q, want %q; there are %q", name, got[name], want, got)
		}
	}
	for name, data := range map[string]string{"inside.eml": inner, "invite.ics": strings.TrimSuffix(invite, "\r\n")} {
		if want := fmt.Sprintf(" %x", sha256.Sum256([]byte(data))); got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	for _, e := range s.Requests() {
		if e.BodySize > 4<<20 {
			t.Errorf("%s has a body of %d octets", e.Route, e.BodySize)
		}
	}
}

// TestLargeKeepsFields: what programs along the way act upon is in the header of a
// message that was built anew.
func TestLargeKeepsFields(t *testing.T) {
	kept := []string{"Auto-Submitted: auto-replied", "Precedence: bulk", "List-Id: <list.example.com>", "List-Unsubscribe: <mailto:off@example.com>",
		"Sensitivity: private", "Reply-To: <r1@example.org>", "Importance: high", "X-One: 1", "X-Five: Gr\xc3\xbc\xc3\x9fe"}
	text := "From: " + simAddress + "\r\nTo: bob@example.org\r\n" + strings.Join(kept, "\r\n") + "\r\nReferences: <1@example.org>\r\n <2@example.org>\r\n" +
		"In-Reply-To: <2@example.org>\r\nDisposition-Notification-To: " + simAddress + "\r\nReturn-Receipt-To: " + simAddress + "\r\n" +
		"Content-Type: application/octet-stream; name=f.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inLines(octets(1, 3_500_000))
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	if err := sendNow(t, s.store, outgoingOf(t, text)); err != nil || len(s.Deliveries()) != 1 {
		t.Fatal(err, len(s.Deliveries()))
	}
	m, err := mail.ReadMessage(bytes.NewReader(s.Deliveries()[0].MIME))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(kept, "References: <1@example.org> <2@example.org>", "In-Reply-To: <2@example.org>",
		"Disposition-Notification-To: <"+simAddress+">", "Return-Receipt-To: <"+simAddress+">") {
		name, want, _ := strings.Cut(f, ": ")
		if got := mimepart.DecodeHeader(m.Header.Get(name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestLargeShowsPictures: a picture that the text shows stays in it, wherever in the
// message it is.
func TestLargeShowsPictures(t *testing.T) {
	big := "Content-Type: application/octet-stream; name=f.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inLines(octets(1, 3_500_000))
	picture := "Content-Type: image/png; name=pic.png\r\nContent-ID: <a%b&c@x>\r\nContent-Transfer-Encoding: base64\r\n"
	page := "Content-Type: text/html\r\n\r\n<img src=3D\"CID:a%25b&amp;c@x\">\r\n"
	for name, m := range map[string]struct {
		subtype, text, disposition string
		inline                     bool
	}{
		"related":                {"related", page, "", true},
		"related, no reference":  {"related", "Content-Type: text/html\r\n\r\n<p>\r\n", "", true},
		"related, an attachment": {"related", page, "attachment", true},
		"mixed":                  {"mixed", page, "inline", true},
		"mixed, an attachment":   {"mixed", page, "attachment", true},
		"not shown":              {"mixed", "Content-Type: text/html\r\n\r\nsee cid:a\r\n", "inline", false},
		"plain text":             {"mixed", "Content-Type: text/plain\r\n\r\ncid:a%b&c@x\r\n", "inline", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := picture
			if m.disposition != "" {
				p += "Content-Disposition: " + m.disposition + "\r\n"
			}
			text := "From: " + simAddress + "\r\nTo: bob@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" +
				"Content-Type: multipart/" + m.subtype + "; boundary=r\r\n\r\n--r\r\n" + strings.Replace(m.text, "=3D", "=", 1) + "--r\r\n" + p + "\r\nAAEC\r\n--r--\r\n--m\r\n" + big + "--m--\r\n"
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			if err := sendNow(t, s.store, outgoingOf(t, text)); err != nil || len(s.Deliveries()) != 1 {
				t.Fatal(err, len(s.Deliveries()))
			}
			got := string(s.Deliveries()[0].MIME)
			_, after, _ := strings.Cut(got, "Content-Type: image/png")
			after, _, _ = strings.Cut(after, "\r\n\r\n")
			if inline := strings.Contains(after, "Content-Disposition: inline"); inline != m.inline || !strings.Contains(after, "Content-ID: <a%b&c@x>") {
				t.Errorf("inline %t, want %t:\n%s", inline, m.inline, after)
			}
		})
	}
}

// TestUploadResumes: a chunk whose answer is lost costs that chunk, not the file.
func TestUploadResumes(t *testing.T) {
	const chunks = 4
	data := octets(1, chunks*chunkSize-7)
	text := "From: " + simAddress + "\r\nTo: bob@example.org\r\nContent-Type: application/octet-stream; name=f.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inLines(data)
	for name, f := range map[string]struct {
		fault graphsim.Fault
		puts  int // that are made
		opens int // sessions
	}{
		"first is lost":             {graphsim.Fault{Reset: graphsim.ResetBefore}, chunks + 1, 1},
		"answer to the first":       {graphsim.Fault{Reset: graphsim.ResetAfter}, chunks, 1},
		"third is lost":             {graphsim.Fault{Skip: 2, Reset: graphsim.ResetBefore}, chunks + 1, 1},
		"third is lost twice":       {graphsim.Fault{Skip: 2, Count: 2, Reset: graphsim.ResetBefore}, chunks + 2, 1},
		"a gateway after the third": {graphsim.Fault{Skip: 2, Status: 502, HTML: true, After: true}, chunks, 1},
		"busy at the second":        {graphsim.Fault{Skip: 1, Status: 503, Code: "ErrorServerBusy"}, chunks + 1, 1},
		"last is lost":              {graphsim.Fault{Skip: chunks - 1, Reset: graphsim.ResetBefore}, chunks + 1, 1},
		"answer to the last":        {graphsim.Fault{Skip: chunks - 1, Reset: graphsim.ResetAfter}, chunks, 1},
		"third again and again":     {graphsim.Fault{Skip: 2, Count: chunkTries, Reset: graphsim.ResetBefore}, 2 + chunkTries + chunks, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			fault := f.fault
			fault.Method, fault.Route, fault.Count = "PUT", "/upload", max(fault.Count, 1)
			id := s.AddFault(fault)
			if err := sendNow(t, s.store, outgoingOf(t, text)); err != nil {
				t.Fatal(err)
			}
			if n := s.FaultApplied(id); n != fault.Count {
				t.Fatalf("the fault was met %d times", n)
			}
			d := s.Deliveries()
			if len(d) != 1 {
				t.Fatalf("delivered %d times", len(d))
			}
			if got, want := contents(t, d[0].MIME)["f.bin"], fmt.Sprintf(" %x", sha256.Sum256(data)); got != want {
				t.Errorf("another content: %s, want %s", got, want)
			}
			puts, opens := 0, 0
			for _, e := range s.Requests() {
				switch {
				case e.Route == "PUT /upload":
					puts++
				case strings.HasSuffix(e.Route, "/createUploadSession"):
					opens++
				}
			}
			if puts != f.puts || opens != f.opens {
				t.Errorf("%d chunks in %d sessions, want %d in %d", puts, opens, f.puts, f.opens)
			}
		})
	}
}

// TestKeepSigned: what lies in the form of a message goes out in that form or, as
// the operator chooses, not at all; a DKIM signature counts only on request.
func TestKeepSigned(t *testing.T) {
	signature := "Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
	body := func(n int) string {
		return "Content-Type: application/octet-stream; name=f.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inLines(octets(1, n))
	}
	head := "From: " + simAddress + "\r\nTo: bob@example.org\r\nMIME-Version: 1.0\r\n"
	never := func(bridge.Outgoing) bool { return false }
	signed := func(o bridge.Outgoing) bool { return o.KeepSigned }
	dkim := func(o bridge.Outgoing) bool { return o.KeepDKIM }
	for name, m := range map[string]struct {
		text func(n int) string
		kept func(bridge.Outgoing) bool
	}{
		"plain":      {func(n int) string { return head + body(n) }, never},
		"attachment": {func(n int) string { return head + strings.Replace(body(n), "f.bin", "smime.p7s", 1) }, never},
		"S/MIME": {func(n int) string {
			return head + "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n" + body(n) + "--s\r\n" + signature + "--s--\r\n"
		}, signed},
		"S/MIME inside": {func(n int) string {
			return head + "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n" +
				body(n) + "--s\r\n" + signature + "--s--\r\n--m\r\n\r\nfooter\r\n--m--\r\n"
		}, signed},
		"opaque": {func(n int) string { return head + strings.Replace(body(n), "octet-stream", "pkcs7-mime", 1) }, signed},
		"OpenPGP": {func(n int) string {
			return head + "Content-Type: multipart/encrypted; boundary=e\r\n\r\n--e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--e\r\n" + body(n) + "--e--\r\n"
		}, signed},
		"DKIM": {func(n int) string { return "DKIM-Signature: v=1; a=rsa-sha256\r\n" + head + body(n) }, dkim},
	} {
		for _, n := range []int{100, 2_200_000, 4_000_000} { // MIME, MIME if nothing else goes, in pieces
			for policy, out := range map[string]bridge.Outgoing{"refuse": {KeepSigned: true}, "strict": {KeepSigned: true, KeepDKIM: true}, "send": {}} {
				t.Run(fmt.Sprintf("%s of %d, %s", name, n, policy), func(t *testing.T) {
					s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
					text, keep := m.text(n), m.kept(out)
					o := outgoingOf(t, text)
					o.KeepSigned, o.KeepDKIM = out.KeepSigned, out.KeepDKIM
					err := sendNow(t, s.store, o)
					if keep && n > 3_000_000 {
						if _, told := errors.AsType[*bridge.Refusal](err); !told || !errors.Is(err, bridge.ErrTooLarge) || len(s.Deliveries())+len(s.box.Messages("drafts")) > 0 {
							t.Errorf("%v, want a refusal in words and nothing left", err)
						}
						return
					}
					if err != nil || len(s.Deliveries()) != 1 {
						t.Fatalf("%v, delivered %d times", err, len(s.Deliveries()))
					}
					got := s.Deliveries()[0].MIME
					if (n == 100 || keep && n < 3_000_000) && !bytes.Contains(got, []byte(text)) {
						t.Error("it was changed")
					}
					if n > 3_000_000 && bytes.Contains(got, []byte("DKIM-Signature")) {
						t.Error("the DKIM signature of another text stays")
					}
				})
			}
		}
	}
}
