package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"mail2graph/bridge"
)

// draftsUnchanged runs do and checks that it left nothing in Drafts.
func (s *suite) draftsUnchanged(do func()) {
	s.Helper()
	drafts := s.roleFolder(bridge.RoleDrafts).ID
	before := s.ids(drafts)
	do()
	s.eventually("drafts", func() error {
		if after := s.ids(drafts); !slices.Equal(before, after) {
			return fmt.Errorf("%d messages, before %d", len(after), len(before))
		}
		return nil
	})
}

// append: messages of many forms are filed, not as drafts, and read back.
func (s *suite) append() {
	folder := s.scratch()
	big := bytes.Repeat([]byte("0123456789\r\n\x00\xff"), 20_000)
	for name, m := range map[string]sample{
		"plain":           {subject: "plain"},
		"subject":         {subject: "Grüße aus Köln: 5 €, 日本語"},
		"no subject":      {},
		"8bit text":       {subject: "eight", text: "Schöne Grüße\n日本語\n"},
		"quoted":          {subject: "qp", text: "a=b\nSchöne Grüße\n", encodings: [2]string{"quoted-printable"}},
		"alternative":     {subject: "html", text: "Hello\n", html: "<html><body><p>Hello</p></body></html>"},
		"attachment":      {subject: "file", file: []byte{0, 1, 2, '\r', '\n', 0xff}, fileName: "data.bin"},
		"odd file name":   {subject: "file", file: []byte("x"), fileName: "Übersicht 2026.txt"},
		"large file":      {subject: "file", file: big, fileName: "large.bin"},
		"file and html":   {subject: "both", text: "Hello\n", html: "<p>Hello</p>", file: []byte("x"), fileName: "x.txt"},
		"empty file":      {subject: "empty", file: []byte{}, fileName: "empty.txt"},
		"foreign headers": {subject: "headers", extra: "X-Mailer: test\r\nReceived: from a by b; Mon, 02 Nov 2026 10:00:00 +0100\r\nX-Very-Long: " + string(bytes.Repeat([]byte("long "), 100)) + "\r\n"},
	} {
		s.sub(name, func(s *suite) {
			mime := m.bytes()
			var info bridge.MessageInfo
			s.draftsUnchanged(func() {
				var err error
				info, err = s.Store.Append(s.ctx(), s.newMessage(folder, mime))
				s.must(err)
			})
			if info.ID == "" || info.Folder != folder || info.Draft || info.Subject != m.subject {
				s.Errorf("appended as %+v", info)
			}
			if got := s.info(info.ID); got.Draft || got.Folder != folder {
				s.Errorf("listed as draft %t in %q", got.Draft, got.Folder)
			}
			s.sameContent(s.read(info.ID), mime)
		})
	}
}

// appendProperties: date, flags, verb and categories are kept, and delta tells
// of the message.
func (s *suite) appendProperties() {
	folder := s.scratch()
	m := s.open(folder)
	var all []bridge.MessageID
	for _, c := range []struct {
		name string
		n    bridge.NewMessage
		want string
	}{
		{"nothing", bridge.NewMessage{}, `false false 0 []`},
		{"read", bridge.NewMessage{Read: true}, `true false 0 []`},
		{"flagged", bridge.NewMessage{Flagged: true}, `false true 0 []`},
		{"answered", bridge.NewMessage{Verb: bridge.VerbReply}, `false false 1 []`},
		{"forwarded", bridge.NewMessage{Verb: bridge.VerbForward, Read: true}, `true false 2 []`},
		{"categories", bridge.NewMessage{Categories: []string{"Büro", "a b"}}, `false false 0 ["Büro" "a b"]`},
		{"all", bridge.NewMessage{Read: true, Flagged: true, Verb: bridge.VerbReply, Categories: []string{"x"}}, `true true 1 ["x"]`},
	} {
		s.sub(c.name, func(s *suite) {
			mime := sample{subject: "properties " + c.name, id: s.unique("p")[2:] + "@example.net"}.bytes()
			base := s.newMessage(folder, mime)
			c.n.Folder, c.n.MIME, c.n.Parts = base.Folder, base.MIME, base.Parts
			c.n.Received = time.Date(2019, 5, 6, 7, 8, 9, 0, time.FixedZone("", 2*60*60))
			info, err := s.Store.Append(s.ctx(), c.n)
			s.must(err)
			all = append(all, info.ID)
			s.eventually("flags", func() error { return equal("flags", s.flags(info.ID), c.want) })
			listed := s.info(info.ID)
			for _, got := range []bridge.MessageInfo{info, listed} {
				if !got.Received.Equal(c.n.Received) || got.Received.Location() != time.UTC {
					s.Errorf("Received: got %v, want %v in UTC", got.Received, c.n.Received)
				}
				if want := time.Date(2026, 11, 2, 9, 20, 30, 0, time.UTC); !got.Sent.Equal(want) {
					s.Errorf("Sent: got %v, want %v", got.Sent, want)
				}
			}
			if info.InternetMessageID != listed.InternetMessageID || !bytes.Contains(mime, []byte(info.InternetMessageID)) {
				s.Errorf("Message-ID: %q, listed %q", info.InternetMessageID, listed.InternetMessageID)
			}
		})
	}
	m.shows("appended messages in delta", all, nil)

	before := time.Now().Add(-5 * time.Minute)
	info, err := s.Store.Append(s.ctx(), s.newMessage(folder, sample{subject: "now"}.bytes()))
	s.must(err)
	if info.Received.Before(before) || info.Received.After(time.Now().Add(5*time.Minute)) {
		s.Errorf("Received without a date: %v, want about now", info.Received)
	}
}

// appendDraft: a draft is filed as one, in any folder, and nowhere else.
func (s *suite) appendDraft() {
	folder := s.scratch()
	mime := sample{subject: "Entwurf für später", file: []byte("x"), fileName: "x.txt"}.bytes()
	n := s.newMessage(folder, mime)
	n.Draft, n.Read, n.Flagged = true, true, true
	var info bridge.MessageInfo
	s.draftsUnchanged(func() {
		var err error
		info, err = s.Store.Append(s.ctx(), n)
		s.must(err)
	})
	got := s.info(info.ID)
	if !info.Draft || !got.Draft || got.Folder != folder || got.Subject != "Entwurf für später" {
		s.Errorf("draft: got %+v", got)
	}
	s.eventually("flags", func() error { return equal("flags", s.flags(info.ID), "true true 0 []") })
	s.sameContent(s.read(info.ID), mime)

	drafts := s.roleFolder(bridge.RoleDrafts).ID
	n = s.newMessage(drafts, mime)
	n.Draft = true
	info, err := s.Store.Append(s.ctx(), n)
	s.must(err)
	if !slices.Contains(s.ids(drafts), info.ID) {
		s.Error("a draft for Drafts is not there")
	}
	s.must(s.Store.Delete(s.ctx(), []bridge.MessageID{info.ID}, bridge.DisposePermanent)[0])
}

var errDisk = errors.New("disk")

// brokenReader fails in the middle.
type brokenReader struct{ b []byte }

func (r brokenReader) ReadAt(p []byte, off int64) (int, error) {
	half := int64(len(r.b) / 2)
	if off >= half {
		return 0, errDisk
	}
	n := copy(p, r.b[off:half])
	if n < len(p) {
		return n, errDisk
	}
	return n, nil
}

// appendRefused: after an error nothing stays behind.
func (s *suite) appendRefused() {
	folder := s.scratch()
	mime := sample{subject: "refused"}.bytes()
	for _, draft := range []bool{false, true} {
		s.draftsUnchanged(func() {
			n := s.newMessage(s.goneFolder(), mime)
			n.Draft = draft
			_, err := s.Store.Append(s.ctx(), n)
			s.wants("Append to a folder that is gone", err, bridge.ErrNotFound)

			n = s.newMessage(folder, mime)
			n.Draft = draft
			n.MIME = io.NewSectionReader(brokenReader{mime}, 0, int64(len(mime)))
			_, err = s.Store.Append(s.ctx(), n)
			s.wants("Append of what cannot be read", err, errDisk)
		})
	}
	s.contains(folder, nil)
}
