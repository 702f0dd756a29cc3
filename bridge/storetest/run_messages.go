package storetest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"mail2graph/bridge"
)

// messages: what is known of single messages; unknown ids are left out.
func (s *suite) messages() {
	folder := s.scratch()
	list, err := s.Store.Messages(s.ctx(), nil)
	if len(list) != 0 || err != nil {
		s.Errorf("Messages of nothing: %v, %v", list, err)
	}
	gone := s.goneMessage(folder)
	ids := s.putMany(folder, s.Fixture.Messages)
	list, err = s.Store.Messages(s.ctx(), slices.Insert(slices.Clone(ids), 7, gone))
	s.must(err)
	var got []bridge.MessageID
	for _, m := range list {
		got = append(got, m.ID)
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(ids)); !slices.Equal(got, want) {
		s.Errorf("Messages: got %d ids %q, want %d: %q", len(got), got, len(want), want)
	}

	id := s.put(folder, sample{
		subject: "Größe: 5 €", id: "full@example.net",
		extra: "Cc: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>, \"Doe, Jane\" <jane@example.org>\r\n" +
			"Reply-To: desk@example.net\r\nIn-Reply-To: <first@example.net>\r\nReferences: <zero@example.net> <first@example.net>\r\n",
		file: []byte("x"), fileName: "x.bin",
	}.bytes())
	m := s.info(id)
	for _, c := range []struct{ field, got, want string }{
		{"Subject", m.Subject, "Größe: 5 €"},
		{"Folder", string(m.Folder), string(folder)},
		{"From", fmt.Sprint(m.From), "[{Ann Example ann@example.net}]"},
		{"To", fmt.Sprint(m.To), "[{Bob Example bob@example.org}]"},
		{"Cc", fmt.Sprint(m.Cc), "[{Jörg joerg@example.org} {Doe, Jane jane@example.org}]"},
		{"InternetMessageID", m.InternetMessageID, "<full@example.net>"},
		{"Sent", m.Sent.Format(time.RFC3339), "2026-11-02T09:20:30Z"},
		{"Draft", fmt.Sprint(m.Draft), "false"},
		{"HasAttachments", fmt.Sprint(m.HasAttachments), "true"},
		{"Verb", fmt.Sprint(m.Verb), fmt.Sprint(bridge.VerbNone)},
	} {
		if c.got != c.want {
			s.Errorf("%s: got %q, want %q", c.field, c.got, c.want)
		}
	}
	if m.Received.IsZero() || m.Received.Location() != time.UTC || m.Received.Nanosecond() != 0 {
		s.Errorf("Received %v: want a time in UTC, in whole seconds", m.Received)
	}
}

// mime: the text of a message, streamed.
func (s *suite) mime() {
	folder := s.scratch()
	big := bytes.Repeat([]byte{0, 1, 2, 0xfe, 0xff, '\r', '\n'}, 50_000)
	for name, m := range map[string]sample{
		"plain":            {subject: "plain"},
		"non-ASCII":        {subject: "Grüße", text: "Schöne Grüße\n", encodings: [2]string{"quoted-printable"}},
		"alternative":      {subject: "html", html: "<p>Hello</p>", encodings: [2]string{"quoted-printable", "quoted-printable"}},
		"large attachment": {subject: "big", file: big, fileName: "big.bin"},
	} {
		s.sub(name, func(s *suite) {
			want := m.bytes()
			id := s.put(folder, want)
			s.sameContent(s.read(id), want)
			r, err := s.Store.MIME(s.ctx(), id)
			s.must(err)
			defer r.Close()
			if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
				s.Errorf("first octets: %v", err)
			}
		})
	}
	r, err := s.Store.MIME(s.ctx(), s.goneMessage(folder))
	if err == nil {
		_, err = io.ReadAll(r)
		r.Close()
	}
	s.wants("MIME of a message that is gone", err, bridge.ErrNotFound)
}

// flags is the part of a message that SetFlags changes.
func (s *suite) flags(id bridge.MessageID) string {
	s.Helper()
	m := s.info(id)
	return fmt.Sprintf("%t %t %d %q", m.Read, m.Flagged, m.Verb, m.Categories)
}

func ptr[T any](v T) *T { return &v }

// setFlags: every member alone, the others stay.
func (s *suite) setFlags() {
	id := s.put(s.scratch(), sample{subject: "flags"}.bytes())
	steps := []struct {
		name string
		u    bridge.FlagUpdate
		want string
	}{
		{"read", bridge.FlagUpdate{Read: ptr(true)}, `true false 0 []`},
		{"flagged", bridge.FlagUpdate{Flagged: ptr(true)}, `true true 0 []`},
		{"reply", bridge.FlagUpdate{Verb: ptr(bridge.VerbReply)}, `true true 1 []`},
		{"categories", bridge.FlagUpdate{Categories: &[]string{"Büro", "Blue category"}}, `true true 1 ["Büro" "Blue category"]`},
		{"nothing", bridge.FlagUpdate{}, `true true 1 ["Büro" "Blue category"]`},
		{"unread", bridge.FlagUpdate{Read: ptr(false)}, `false true 1 ["Büro" "Blue category"]`},
		{"forward", bridge.FlagUpdate{Verb: ptr(bridge.VerbForward)}, `false true 2 ["Büro" "Blue category"]`},
		{"other categories", bridge.FlagUpdate{Categories: &[]string{"x"}}, `false true 2 ["x"]`},
		{"unflagged", bridge.FlagUpdate{Flagged: ptr(false)}, `false false 2 ["x"]`},
		{"no verb", bridge.FlagUpdate{Verb: ptr(bridge.VerbNone)}, `false false 0 ["x"]`},
		{"no categories", bridge.FlagUpdate{Categories: &[]string{}}, `false false 0 []`},
		{"all", bridge.FlagUpdate{Read: ptr(true), Flagged: ptr(true), Verb: ptr(bridge.VerbReply), Categories: &[]string{"y"}}, `true true 1 ["y"]`},
	}
	for _, step := range steps {
		step.u.ID = id
		if errs := s.Store.SetFlags(s.ctx(), []bridge.FlagUpdate{step.u}); len(errs) != 1 || errs[0] != nil {
			s.Fatalf("%s: %v", step.name, errs)
		}
		s.eventually(step.name, func() error { return equal("flags", s.flags(id), step.want) })
	}
}

// setFlagsMany: one result for each, in order; later updates win.
func (s *suite) setFlagsMany() {
	folder := s.scratch()
	if errs := s.Store.SetFlags(s.ctx(), nil); len(errs) != 0 {
		s.Errorf("SetFlags of nothing: %v", errs)
	}
	ids := s.putMany(folder, s.Fixture.Messages)
	gone := s.goneMessage(folder)
	var updates []bridge.FlagUpdate
	for i, id := range ids {
		if i == 7 {
			updates = append(updates, bridge.FlagUpdate{ID: gone, Read: ptr(true)})
		}
		updates = append(updates, bridge.FlagUpdate{ID: id, Flagged: ptr(false)}, bridge.FlagUpdate{ID: id, Read: ptr(true), Flagged: ptr(true)})
	}
	errs := s.Store.SetFlags(s.ctx(), updates)
	if len(errs) != len(updates) {
		s.Fatalf("%d results, want %d", len(errs), len(updates))
	}
	for i, err := range errs {
		if updates[i].ID == gone {
			s.wants("SetFlags of a message that is gone", err, bridge.ErrNotFound)
		} else if err != nil {
			s.Errorf("update %d: %v", i, err)
		}
	}
	for _, id := range ids {
		s.eventually("flags", func() error { return equal("flags", s.flags(id), "true true 0 []") })
	}
}

// move: ids stay, results in order.
func (s *suite) move() {
	from, to := s.scratch(), s.scratch()
	ids := s.putMany(from, s.Fixture.Messages)
	gone := s.goneMessage(from)
	asked := slices.Insert(slices.Clone(ids), 5, gone)
	s.relocated(s.Store.Move(s.ctx(), asked, to), asked, gone)
	s.contains(to, ids)
	s.contains(from, nil)
	if got := s.info(ids[0]); got.Folder != to {
		s.Errorf("folder after the move: %q, want %q", got.Folder, to)
	}
	s.wants("Move to a folder that is gone", s.Store.Move(s.ctx(), ids[:1], s.goneFolder())[0].Err, bridge.ErrNotFound)
	s.contains(to, ids)
}

// relocated checks the results of a move: each id but the one that is gone.
func (s *suite) relocated(got []bridge.Relocated, asked []bridge.MessageID, gone bridge.MessageID) {
	s.Helper()
	if len(got) != len(asked) {
		s.Fatalf("%d results, want %d", len(got), len(asked))
	}
	for i, r := range got {
		switch {
		case asked[i] == gone:
			s.wants("Move of a message that is gone", r.Err, bridge.ErrNotFound)
		case r.Err != nil || r.ID != asked[i]:
			s.Errorf("result %d: %q, %v; want %q", i, r.ID, r.Err, asked[i])
		}
	}
}

// copy: new ids in the order of the old, the content and the flags the same.
func (s *suite) copy() {
	from, to := s.scratch(), s.scratch()
	ids := s.putMany(from, s.Fixture.Messages)
	s.must(s.Store.SetFlags(s.ctx(), []bridge.FlagUpdate{{ID: ids[1], Read: ptr(true), Categories: &[]string{"kept"}}})[0])
	gone := s.goneMessage(from)
	asked := slices.Insert(slices.Clone(ids), 5, gone)
	var copies []bridge.MessageID
	for i, r := range s.Store.Copy(s.ctx(), asked, to) {
		if asked[i] == gone {
			s.wants("Copy of a message that is gone", r.Err, bridge.ErrNotFound)
			continue
		}
		if r.Err != nil || r.ID == "" || slices.Contains(ids, r.ID) {
			s.Fatalf("result %d: %q, %v; want a new id", i, r.ID, r.Err)
		}
		copies = append(copies, r.ID)
	}
	s.contains(from, ids)
	s.contains(to, copies)
	for i, id := range copies {
		if got, want := s.info(id).Subject, fmt.Sprintf("message %d", i); got != want {
			s.Errorf("copy %d: subject %q, want %q", i, got, want)
		}
	}
	if got, want := s.flags(copies[1]), `true false 0 ["kept"]`; got != want {
		s.Errorf("flags of a copy: %s, want %s", got, want)
	}
	s.sameContent(s.read(copies[2]), s.read(ids[2]))
	s.wants("Copy to a folder that is gone", s.Store.Copy(s.ctx(), ids[:1], s.goneFolder())[0].Err, bridge.ErrNotFound)
}

// delete: both ways, and what is gone already counts as done.
func (s *suite) delete() {
	for name, how := range map[string]bridge.Disposal{"delete": bridge.DisposeDelete, "permanent": bridge.DisposePermanent} {
		s.sub(name, func(s *suite) {
			folder := s.scratch()
			ids := s.putMany(folder, s.Fixture.Messages)
			asked := slices.Insert(slices.Clone(ids[1:]), 3, s.goneMessage(folder))
			errs := s.Store.Delete(s.ctx(), asked, how)
			if len(errs) != len(asked) {
				s.Fatalf("%d results, want %d", len(errs), len(asked))
			}
			for i, err := range errs {
				if err != nil {
					s.Errorf("message %d: %v", i, err)
				}
			}
			s.contains(folder, ids[:1])
		})
	}
}
