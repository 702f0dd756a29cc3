package bridge_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

func section(s string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(s), 0, int64(len(s)))
}

// letterFrom is an envelope without more.
func letterFrom(from string, rcpts ...string) bridge.Submission {
	env := bridge.Submission{From: from}
	for _, r := range rcpts {
		env.Recipients = append(env.Recipients, bridge.Recipient{Address: r})
	}
	return env
}

func TestSend(t *testing.T) {
	const head = "Date: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <a@b>\r\n"
	tests := []struct {
		name  string
		from  string
		rcpts []string
		msg   string
		want  error
		sees  []string // in the header that the service gets
		hides []string
	}{
		{"plain", "user@example.com", []string{"x@example.org"},
			head + "From: user@example.com\r\nTo: x@example.org\r\n\r\nhi\r\n", nil, []string{"To: x@example.org"}, []string{"Bcc"}},
		{"blind copy", "user@example.com", []string{"x@example.org", "y@example.org"},
			head + "From: user@example.com\r\nTo: x@example.org\r\n\r\nhi\r\n", nil, []string{"Bcc: y@example.org"}, nil},
		{"header names others", "user@example.com", []string{"x@example.org"},
			head + "From: user@example.com\r\nTo: x@example.org, z@example.org\r\n\r\nhi\r\n", nil, []string{"To: x@example.org\r\n"}, nil},
		{"other spelling of the sender", "USER@Example.com", []string{"x@example.org"},
			head + "From: Me <user@example.com>\r\nTo: x@example.org\r\n\r\nhi\r\n", nil, nil, nil},
		{"send as", "team@example.com", []string{"x@example.org"},
			head + "From: team@example.com\r\nTo: x@example.org\r\n\r\nhi\r\n", nil, []string{"From: team@example.com"}, nil},
		{"null sender", "", []string{"x@example.org"},
			head + "From: user@example.com\r\nTo: x@example.org\r\n\r\nhi\r\n", nil, nil, nil},
		{"no header at all", "user@example.com", []string{"x@example.org"},
			"just text\r\n", nil, []string{"From: user@example.com", "Message-ID: <", "Date: "}, nil},
		{"8-bit text of no kind", "user@example.com", []string{"x@example.org"},
			head + "From: user@example.com\r\nTo: x@example.org\r\n\r\n\xc3\xa4\r\n", nil, []string{"charset=utf-8", "Transfer-Encoding: 8bit", "MIME-Version: 1.0"}, nil},
		{"octets", "user@example.com", []string{"x@example.org"},
			head + "From: user@example.com\r\nTo: x@example.org\r\nContent-Type: image/x\r\n\r\n\x00", nil, []string{"Content-Transfer-Encoding: base64"}, nil},
		{"mailbox file", "user@example.com", []string{"x@example.org"},
			"From user@example.com Mon Mar  2 10:00:00 2026\r\nFrom: user@example.com\r\n\r\nhi\r\n", nil,
			[]string{"X-Mail2graph-Line: From user", "To: undisclosed-recipients:;", "Bcc: x@example.org"}, []string{"\r\n\r\nFrom:"}},
		{"no empty line", "user@example.com", []string{"x@example.org"},
			"From: user@example.com\r\nSubject: scan\r\nsee attached \xe4\r\n", nil, []string{"charset=windows-1252"}, []string{"see attached"}},
		{"nothing at all", "user@example.com", []string{"x@example.org"}, "", nil, []string{"From: user@example.com", "Message-ID: <", "Date: "}, nil},
		{"foreign envelope sender", "boss@example.com", []string{"x@example.org"},
			head + "From: user@example.com\r\n\r\nhi\r\n", bridge.ErrDenied, nil, nil},
		{"foreign From", "user@example.com", []string{"x@example.org"},
			head + "From: boss@example.com\r\n\r\nhi\r\n", bridge.ErrDenied, nil, nil},
		{"foreign Sender", "user@example.com", []string{"x@example.org"},
			head + "From: user@example.com\r\nSender: boss@example.com\r\n\r\nhi\r\n", bridge.ErrDenied, nil, nil},
		{"second From", "user@example.com", []string{"x@example.org"},
			head + "From: user@example.com\r\nFrom: boss@example.com\r\n\r\nhi\r\n", bridge.ErrDenied, nil, nil},
		{"unusable recipient", "user@example.com", []string{"nobody"},
			head + "From: user@example.com\r\n\r\nhi\r\n", bridge.ErrInvalid, nil, nil},
		{"no recipient", "user@example.com", nil,
			head + "From: user@example.com\r\n\r\nhi\r\n", bridge.ErrInvalid, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, storetest.Options{SendAs: []string{"team@example.com"}}, bridge.MailboxOptions{}, func(r *rig) {
				a := bridge.NewAccount("login", r.Mailbox, "user@example.com", "team@example.com")
				_, err := a.Send(r.ctx(), letterFrom(tt.from, tt.rcpts...), section(tt.msg))
				if !errors.Is(err, tt.want) {
					r.t.Fatalf("got %v, want %v", err, tt.want)
				}
				out := r.store.Sent()
				if tt.want != nil {
					if len(out) != 0 {
						r.t.Error("refused, but sent")
					}
					return
				}
				if len(out) != 1 {
					r.t.Fatalf("%d messages sent", len(out))
				}
				head, _, _ := bytes.Cut(out[0].MIME, []byte("\r\n\r\n"))
				for _, s := range tt.sees {
					if !strings.Contains(string(head)+"\r\n", s) {
						r.t.Errorf("header lacks %q:\n%s", s, head)
					}
				}
				for _, s := range tt.hides {
					if strings.Contains(string(head), s) {
						r.t.Errorf("header has %q:\n%s", s, head)
					}
				}
			})
		})
	}
}

// TestSentCopyIsNotDoubled files a client's copy of what it just sent.
func TestSentCopyIsNotDoubled(t *testing.T) {
	const msg = "From: user@example.com\r\nTo: x@example.org\r\nMessage-ID: <once@example.com>\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\n\r\nhi\r\n"
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		a := bridge.NewAccount("login", r.Mailbox, "user@example.com")
		if _, err := a.Send(r.ctx(), letterFrom("user@example.com", "x@example.org"), section(msg)); err != nil {
			t.Fatal(err)
		}
		f := r.folder("Sent Items")
		uid, err := f.Append(r.ctx(), strings.NewReader(msg), int64(len(msg)), bridge.AppendOptions{Flags: bridge.FlagSeen})
		if err != nil || uid != 1 {
			t.Fatalf("Append: %d, %v", uid, err)
		}
		if n := len(r.store.Contents(r.store.Folder(bridge.RoleSent))); n != 1 {
			t.Errorf("%d copies in Sent Items", n)
		}
		// Another message is filed, and so is the same one once its sending is long ago.
		other := strings.Replace(msg, "once@", "twice@", 1)
		if uid, err = f.Append(r.ctx(), strings.NewReader(other), int64(len(other)), bridge.AppendOptions{}); err != nil || uid != 2 {
			t.Errorf("Append of another: %d, %v", uid, err)
		}
		time.Sleep(25 * time.Hour)
		if uid, err = f.Append(r.ctx(), strings.NewReader(msg), int64(len(msg)), bridge.AppendOptions{}); err != nil || uid != 3 {
			t.Errorf("Append a day later: %d, %v", uid, err)
		}
	})
}

// TestDraftOfSentIsNotDoubled: a client files its copy in two steps.
func TestDraftOfSentIsNotDoubled(t *testing.T) {
	const msg = "From: user@example.com\r\nTo: x@example.org\r\nMessage-ID: <once@example.com>\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\n\r\nhi\r\n"
	for _, move := range []bool{false, true} {
		bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
			a := bridge.NewAccount("login", r.Mailbox, "user@example.com")
			if _, err := a.Send(r.ctx(), letterFrom("user@example.com", "x@example.org"), section(msg)); err != nil {
				t.Fatal(err)
			}
			drafts, archive, sent := r.folder("Drafts"), r.folder("Archive"), r.folder("Sent Items")
			file := func(f *bridge.Folder, text string) uint32 {
				uid, err := f.Append(r.ctx(), strings.NewReader(text), int64(len(text)), bridge.AppendOptions{Flags: bridge.FlagSeen})
				if err != nil {
					t.Fatal(err)
				}
				return uid
			}
			first := file(drafts, msg)
			other := file(drafts, strings.Replace(msg, "once@", "twice@", 1))
			pairs, err := drafts.Transfer(r.ctx(), []uint32{first, other}, sent, move, nil)
			if want := []bridge.UIDPair{{From: first, To: 1}, {From: other, To: 2}}; err != nil || !slices.Equal(pairs, want) {
				t.Errorf("move=%t: %v, %v; want %v", move, pairs, err, want)
			}
			r.sync(drafts)
			r.sync(sent)
			r.expect(sent, "1:S 2:SR")
			if want := map[bool]int{false: 2, true: 0}[move]; drafts.Snapshot().Len() != want {
				t.Errorf("move=%t: %d drafts stay, want %d", move, drafts.Snapshot().Len(), want)
			}
			if want := map[bool]int{false: 0, true: 1}[move]; len(r.store.Contents(r.store.Folder(bridge.RoleTrash))) != want {
				t.Errorf("move=%t: not %d in Deleted Items", move, want)
			}
			// What is no draft may be mail to oneself.
			pairs, err = archive.Transfer(r.ctx(), []uint32{file(archive, msg)}, sent, move, nil)
			if want := []bridge.UIDPair{{From: 1, To: 3}}; err != nil || !slices.Equal(pairs, want) {
				t.Errorf("move=%t of another message: %v, %v; want %v", move, pairs, err, want)
			}
		})
	}
}
