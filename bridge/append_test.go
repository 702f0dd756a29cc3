package bridge_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestAppendOfWhatLosesItsStructure: with the operator's choice signed and encrypted
// mail and reports become drafts, nothing else does; the client reads back its own
// octets, date and flags all the same.
func TestAppendOfWhatLosesItsStructure(t *testing.T) {
	part := func(ct string) string { return "--b\r\nContent-Type: " + ct + "\r\n\r\nx\r\n" }
	for ct, loses := range map[string]bool{
		"multipart/signed; boundary=b":           true,
		"multipart/encrypted; boundary=b":        true,
		"Multipart/Report; boundary=b":           true,
		"application/pkcs7-mime; name=smime.p7m": true,
		"multipart/mixed; boundary=b":            false,
		"multipart/alternative; boundary=b":      false,
		"text/plain":                             false,
		"multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/signed; boundary=b": true,
		"multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n" +
			"Content-Type: multipart/signed; boundary=b": false,
	} {
		for _, policy := range []bridge.AppendPolicy{"", bridge.AppendRebuild, bridge.AppendDraft} {
			bubble(t, storetest.Options{}, bridge.MailboxOptions{AppendSigned: policy}, func(r *rig) {
				f := r.folder("Archive")
				text := "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: " + ct + "\r\n\r\n" + part("text/plain") + part("application/octet-stream") + "--b--\r\n"
				date := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
				uid, err := f.Append(r.ctx(), strings.NewReader(text), int64(len(text)), bridge.AppendOptions{
					Flags: bridge.FlagSeen | bridge.FlagFlagged, Keywords: []string{"kw"}, Date: date})
				if err != nil {
					t.Fatal(err)
				}
				want := "SF"
				if loses && policy == bridge.AppendDraft {
					want = "SFR"
				}
				check := func(when string) {
					t.Helper()
					if got := show(f.Snapshot()); got != fmt.Sprintf("%d:%s{kw}", uid, want) {
						t.Errorf("%q with %q, %s: %s, want %s", ct, policy, when, got, want)
					}
					if row := f.Snapshot().Row(uid); !row.Received.Equal(date) || row.Size != int64(len(text)) {
						t.Errorf("%q, %s: date %v, size %d", ct, when, row.Received, row.Size)
					}
					if got, _, err := r.read(f, uid); got != text || err != nil {
						t.Errorf("%q, %s: read back, %v:\n%s", ct, when, err, got)
					}
				}
				check("at once")
				r.sync(f)
				check("after a round")
			})
		}
	}
}

func TestAppend(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		date := time.Date(2020, 5, 6, 7, 8, 9, 0, time.FixedZone("", 7200))
		f, err := r.Folder(r.ctx(), "Archive")
		if err != nil {
			t.Fatal(err)
		}
		uid, err := f.Append(r.ctx(), bytes.NewReader(mail(1)), int64(len(mail(1))), bridge.AppendOptions{
			Flags: bridge.FlagSeen | bridge.FlagAnswered, Keywords: []string{"$Forwarded", "todo"}, Date: date,
		})
		if err != nil || uid != 1 {
			t.Fatalf("Append: %d, %v", uid, err)
		}
		for range 2 {
			r.expect(f, "1:SAW{todo}")
			if row := f.Snapshot().At(0); !row.Received.Equal(date) || row.Size != int64(len(mail(1))) {
				t.Errorf("received %v, size %d", row.Received, row.Size)
			}
			r.sync(f)
		}
		c, err := f.Content(r.ctx(), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got, _ := io.ReadAll(io.NewSectionReader(c, 0, c.Size)); !bytes.Equal(got, mail(1)) {
			t.Errorf("read back %q", got)
		}
		if got := r.store.Calls(storetest.MIME); got != 0 {
			t.Errorf("reading back cost %d requests", got)
		}
		if got := r.store.Contents(r.store.Folder(bridge.RoleArchive))[0]; got.Draft {
			t.Error("the appended message is a draft")
		}
		_, err = f.Append(r.ctx(), bytes.NewReader(mail(1)[:20]), 40, bridge.AppendOptions{})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a short message: %v", err)
		}
	})
}
