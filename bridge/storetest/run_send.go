package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"mail2graph/bridge"
)

func (s *suite) outgoing(mime []byte, rcpts ...string) bridge.Outgoing {
	s.Helper()
	return bridge.Outgoing{From: s.Address, Recipients: rcpts, MIME: section(mime), Parts: s.parts(mime)}
}

// sendNow sends a message in the two steps and returns the draft's id.
func (s *suite) sendNow(out bridge.Outgoing) bridge.MessageID {
	s.Helper()
	id, err := s.Store.CreateDraft(s.ctx(), out)
	s.must(err)
	receipt, err := s.Store.SendDraft(s.ctx(), id)
	s.must(err)
	if receipt.RequestID == "" {
		s.Error("no request id in the receipt")
	}
	return id
}

// find waits for a message in a folder by its subject, and wants exactly one.
func (s *suite) find(folder bridge.FolderID, subject string) bridge.MessageInfo {
	s.Helper()
	var found []bridge.MessageInfo
	s.eventually(subject, func() error {
		found = nil
		err := s.Store.List(s.ctx(), folder, func(page []bridge.MessageInfo) error {
			for _, m := range page {
				if m.Subject == subject {
					found = append(found, m)
				}
			}
			return nil
		})
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%d messages of this subject, want 1", len(found))
		}
		return err
	})
	return found[0]
}

// send: a message to oneself arrives once, a copy is in Sent Items, no draft
// stays, and who got a blind copy is told to nobody.
func (s *suite) send() {
	inbox, sent := s.roleFolder(bridge.RoleInbox).ID, s.roleFolder(bridge.RoleSent).ID
	for name, m := range map[string]sample{
		"plain":      {text: "Hello\n"},
		"non-ASCII":  {text: "Schöne Grüße\n", encodings: [2]string{"quoted-printable"}},
		"attachment": {file: []byte{0, 1, 0xff}, fileName: "data.bin"},
	} {
		s.sub(name, func(s *suite) {
			m.subject = s.unique("Prüfung " + name)
			m.from, m.to = s.Address, s.Address
			m.extra = "Bcc: hidden@example.org\r\n"
			mime := m.bytes()
			s.draftsUnchanged(func() {
				id := s.sendNow(s.outgoing(mime, s.Address, "hidden@example.org"))
				if copied := s.find(sent, m.subject); copied.ID != id {
					s.Errorf("the copy in Sent Items has id %q, the draft had %q", copied.ID, id)
				}
			})
			got := s.find(inbox, m.subject)
			if got.Read || got.Draft || len(got.Bcc) > 0 {
				s.Errorf("arrived read %t, draft %t, bcc %v", got.Read, got.Draft, got.Bcc)
			}
			arrived := s.read(got.ID)
			if bytes.Contains(bytes.ToLower(arrived), []byte("hidden@example.org")) {
				s.Error("the arrived message names a blind recipient")
			}
			s.sameContent(arrived, mime)
			if got := s.find(sent, m.subject); got.Draft {
				s.Error("the copy in Sent Items is a draft")
			}
		})
	}
}

// sendAgain: what a caller who lost the answers does sends a message once. Two
// messages that differ in nothing but their marker are two.
func (s *suite) sendAgain() {
	inbox, sent := s.roleFolder(bridge.RoleInbox).ID, s.roleFolder(bridge.RoleSent).ID
	m := sample{subject: s.unique("once"), from: s.Address, to: s.Address, text: "Hello\n"}
	m.extra = "Message-ID: <" + markerOf(s.unique("id")) + "@example.com>\r\n"
	out := s.outgoing(m.bytes(), s.Address)
	s.draftsUnchanged(func() {
		out.Marker = markerOf(s.unique("first"))
		id, err := s.Store.CreateDraft(s.ctx(), out)
		s.must(err)
		s.expectState(id, bridge.DraftWaits)
		messageID := out.Parts.Envelope.MessageID
		s.expectMarked(out.Marker, messageID, bridge.RoleDrafts, id)
		s.expectMarked(out.Marker+"2", messageID, bridge.RoleDrafts)
		s.expectMarked(out.Marker, messageID, bridge.RoleSent)
		out.Again = true
		again, err := s.Store.CreateDraft(s.ctx(), out)
		s.must(err)
		if again != id {
			s.expectState(id, bridge.DraftGone) // it was removed, for the new one
		}
		_, err = s.Store.SendDraft(s.ctx(), again)
		s.must(err)
		s.eventually("the sent draft", func() error {
			state, err := s.Store.DraftState(s.ctx(), again)
			if err == nil && state != bridge.DraftSent {
				err = fmt.Errorf("state %v of a draft that was sent", state)
			}
			return err
		})
		if _, err = s.Store.SendDraft(s.ctx(), again); err == nil {
			s.Error("a draft was sent twice")
		}
		s.find(sent, m.subject)
		s.find(inbox, m.subject)
		s.expectMarked(out.Marker, messageID, bridge.RoleSent, again)
		s.expectMarked(out.Marker, messageID, bridge.RoleDrafts)

		out.Marker = markerOf(s.unique("second")) // the first one's draft must not be taken for it
		other := s.sendNow(out)
		if other == again {
			s.Error("two messages have one id")
		}
	})
	s.expectState(s.goneMessage(s.scratch()), bridge.DraftGone)
	if _, err := s.Store.SendDraft(s.ctx(), s.goneMessage(s.scratch())); !errors.Is(err, bridge.ErrNotFound) {
		s.Errorf("SendDraft of a message that is gone: %v, want ErrNotFound", err)
	}
}

func (s *suite) expectMarked(marker, messageID string, in bridge.Role, want ...bridge.MessageID) {
	s.Helper()
	got, err := s.Store.Marked(s.ctx(), marker, messageID, in)
	s.must(err)
	if !slices.Equal(got, want) {
		s.Errorf("marked with %s in %s: %q, want %q", marker, in, got, want)
	}
}

func (s *suite) expectState(id bridge.MessageID, want bridge.DraftState) {
	s.Helper()
	got, err := s.Store.DraftState(s.ctx(), id)
	s.must(err)
	if got != want {
		s.Errorf("draft state %v, want %v", got, want)
	}
}

// markerOf makes a marker of a unique text.
func markerOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// sendRefused: wrong recipients and senders.
func (s *suite) sendRefused() {
	sent := s.roleFolder(bridge.RoleSent).ID
	before := s.ids(sent)
	s.draftsUnchanged(func() {
		_, err := s.Store.CreateDraft(s.ctx(), s.outgoing(sample{from: s.Address}.bytes()))
		s.wants("CreateDraft without recipients", err, bridge.ErrInvalid)
		foreign := s.outgoing(sample{from: "stranger@example.net"}.bytes(), s.Address)
		foreign.From = "stranger@example.net"
		id, err := s.Store.CreateDraft(s.ctx(), foreign)
		if err == nil {
			_, err = s.Store.SendDraft(s.ctx(), id)
			s.expectState(id, bridge.DraftWaits)
			s.must(s.Store.Delete(s.ctx(), []bridge.MessageID{id}, bridge.DisposePermanent)[0])
		}
		s.wants("sending as a stranger", err, bridge.ErrDenied)
	})
	if after := s.ids(sent); !slices.Equal(before, after) {
		s.Errorf("Sent Items has %d messages, before %d", len(after), len(before))
	}
}

// cancelled: a context that has ended ends every method, with its error and
// without effect.
func (s *suite) cancelled() {
	folder := s.scratch()
	ids := s.putMany(folder, 2)
	mime := sample{subject: "cancelled", from: s.Address}.bytes()
	ctx, cancel := context.WithCancel(s.ctx())
	cancel()
	st := s.Store
	calls := map[string]func() error{
		"Folders":      func() error { _, err := st.Folders(ctx); return err },
		"CreateFolder": func() error { _, err := st.CreateFolder(ctx, folder, "never"); return err },
		"RenameFolder": func() error { return st.RenameFolder(ctx, folder, "never") },
		"MoveFolder":   func() error { return st.MoveFolder(ctx, folder, s.roleFolder(bridge.RoleInbox).ID) },
		"DeleteFolder": func() error { return st.DeleteFolder(ctx, folder) },
		"List":         func() error { return st.List(ctx, folder, func([]bridge.MessageInfo) error { return nil }) },
		"Delta": func() error {
			_, err := st.Delta(ctx, folder, "", func([]bridge.Change) error { return nil })
			return err
		},
		"Messages": func() error { _, err := st.Messages(ctx, ids); return err },
		"MIME": func() error {
			r, err := st.MIME(ctx, ids[0])
			if err == nil {
				defer r.Close()
				_, err = io.ReadAll(r)
			}
			return err
		},
		"SetFlags": func() error {
			return errors.Join(st.SetFlags(ctx, []bridge.FlagUpdate{{ID: ids[0], Read: ptr(true)}})...)
		},
		"Move":        func() error { return st.Move(ctx, ids[:1], s.roleFolder(bridge.RoleInbox).ID)[0].Err },
		"Copy":        func() error { return st.Copy(ctx, ids[:1], folder)[0].Err },
		"Delete":      func() error { return st.Delete(ctx, ids[:1], bridge.DisposePermanent)[0] },
		"Append":      func() error { _, err := st.Append(ctx, s.newMessage(folder, mime)); return err },
		"CreateDraft": func() error { _, err := st.CreateDraft(ctx, s.outgoing(mime, s.Address)); return err },
		"SendDraft":   func() error { _, err := st.SendDraft(ctx, ids[0]); return err },
		"DraftState":  func() error { _, err := st.DraftState(ctx, ids[0]); return err },
		"Marked":      func() error { _, err := st.Marked(ctx, "M", "<x@y>", bridge.RoleSent); return err },
	}
	for name, call := range calls {
		s.wants(name, call(), context.Canceled)
	}
	s.contains(folder, ids)
}

// concurrent: all methods may be called at once.
func (s *suite) concurrent() {
	folder, other := s.scratch(), s.scratch()
	const workers = 6
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() { errs[w] = s.work(folder, other, fmt.Sprintf("worker %d", w)) })
	}
	wg.Wait()
	s.must(errors.Join(errs...))
	if got := len(s.ids(other)); got != workers {
		s.Errorf("%d messages were moved, want %d", got, workers)
	}
	s.contains(folder, nil)
}

// work does with messages of its own what a session does.
func (s *suite) work(folder, other bridge.FolderID, name string) error {
	mime := sample{subject: name}.bytes()
	info, err := s.Store.Append(s.ctx(), s.newMessage(folder, mime))
	if err != nil {
		return err
	}
	ids := []bridge.MessageID{info.ID}
	copied := s.Store.Copy(s.ctx(), ids, folder)[0]
	_, delta := s.Store.Delta(s.ctx(), folder, "", func([]bridge.Change) error { return nil })
	r, err := s.Store.MIME(s.ctx(), info.ID)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err == nil && !strings.Contains(string(b), name) {
		err = fmt.Errorf("%s read another message", name)
	}
	return errors.Join(err, copied.Err, delta,
		s.Store.SetFlags(s.ctx(), []bridge.FlagUpdate{{ID: info.ID, Read: ptr(true)}})[0],
		s.Store.Move(s.ctx(), ids, other)[0].Err,
		s.Store.Delete(s.ctx(), []bridge.MessageID{copied.ID}, bridge.DisposePermanent)[0])
}
