package storetest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
)

// sample is a message to be written; the zero value is complete.
type sample struct {
	subject   string
	from, to  string // addresses; with defaults
	extra     string // further header lines, each with CRLF
	html      string // with it the text gets an alternative
	text      string // with "\n"
	id        string // Message-ID without brackets
	file      []byte // an attachment
	fileName  string
	encodings [2]string // of text and html: "8bit" (default) or "quoted-printable"
}

// sampleDate is the Date field of samples.
const sampleDate = "Mon, 02 Nov 2026 10:20:30 +0100"

func (m sample) bytes() []byte {
	or := func(s, def string) string {
		if s == "" {
			return def
		}
		return s
	}
	m.text = or(m.text, "Hello,\nthis is the text.\n")
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: Ann Example <%s>\r\nTo: Bob Example <%s>\r\nSubject: %s\r\nDate: %s\r\n",
		or(m.from, "ann@example.net"), or(m.to, "bob@example.org"), mime.QEncoding.Encode("utf-8", m.subject), sampleDate)
	if m.id != "" {
		fmt.Fprintf(&b, "Message-ID: <%s>\r\n", m.id)
	}
	b.WriteString(m.extra + "MIME-Version: 1.0\r\n")
	if m.file == nil {
		m.writeText(&b)
		return b.Bytes()
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=\"outer=_1\"\r\n\r\n--outer=_1\r\n")
	m.writeText(&b)
	fmt.Fprintf(&b, "\r\n--outer=_1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: %s\r\n\r\n", mime.FormatMediaType("attachment", map[string]string{"filename": m.fileName}))
	for enc := base64.StdEncoding.EncodeToString(m.file); enc != ""; {
		n := min(76, len(enc))
		b.WriteString(enc[:n] + "\r\n")
		enc = enc[n:]
	}
	b.WriteString("--outer=_1--\r\n")
	return b.Bytes()
}

func (m sample) writeText(b *bytes.Buffer) {
	if m.html == "" {
		writeLeaf(b, "text/plain", m.text, m.encodings[0])
		return
	}
	b.WriteString("Content-Type: multipart/alternative; boundary=\"inner=_1\"\r\n\r\n--inner=_1\r\n")
	writeLeaf(b, "text/plain", m.text, m.encodings[0])
	b.WriteString("\r\n--inner=_1\r\n")
	writeLeaf(b, "text/html", m.html, m.encodings[1])
	b.WriteString("\r\n--inner=_1--\r\n")
}

func writeLeaf(b *bytes.Buffer, mediaType, text, encoding string) {
	if encoding == "" {
		encoding = "8bit"
	}
	fmt.Fprintf(b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n", mediaType, encoding)
	text = strings.ReplaceAll(text, "\n", "\r\n")
	if encoding == "8bit" {
		b.WriteString(text)
		return
	}
	w := quotedprintable.NewWriter(b)
	io.WriteString(w, text)
	w.Close()
}

// digest is what must be the same in a message that a store has built anew.
type digest struct {
	subject, from, to string
	text              string // without white space at its ends
	files             []string
}

func (d digest) String() string {
	return fmt.Sprintf("subject %q from %q to %q text %q files %q", d.subject, d.from, d.to, d.text, d.files)
}

// digestOf reads a message with the standard library alone: storetest judges
// stores that use package mimepart.
func digestOf(b []byte) (digest, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		return digest{}, fmt.Errorf("no message: %w: %.200q", err, b)
	}
	var d digest
	if d.subject, err = words.DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return d, fmt.Errorf("subject: %w", err)
	}
	for _, a := range addresses(msg.Header.Get("From")) {
		d.from += a.Address
	}
	for _, a := range addresses(msg.Header.Get("To")) {
		d.to += a.Address
	}
	err = d.walk(textproto.MIMEHeader(msg.Header), msg.Body)
	slices.Sort(d.files)
	return d, err
}

func (d *digest) walk(h textproto.MIMEHeader, body io.Reader) error {
	mediaType, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if strings.HasPrefix(mediaType, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = d.walk(p.Header, p)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", mediaType, err)
			}
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("%s: %w", mediaType, err)
	}
	disposition, dparams, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	name := dparams["filename"]
	if name == "" {
		name = params["name"]
	}
	switch {
	case disposition == "attachment" || name != "":
		name, _ = words.DecodeHeader(name)
		d.files = append(d.files, fmt.Sprintf("%s %x", name, b))
	case (mediaType == "text/plain" || mediaType == "") && d.text == "":
		d.text = strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
	}
	return nil
}

// sameContent compares a message with its original.
func (s *suite) sameContent(got, want []byte) {
	s.Helper()
	w, err := digestOf(want)
	s.must(err)
	g, err := digestOf(got)
	if err != nil {
		s.Errorf("read back: %v", err)
		return
	}
	if g.String() != w.String() {
		s.Errorf("read back:\n got %.1000v\nwant %.1000v", g, w)
	}
}
