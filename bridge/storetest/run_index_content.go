package storetest

import (
	"errors"
	"fmt"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// headers live as long as their message is in some folder.
func (s *indexSuite) headers() {
	entry := func(uid uint32, id bridge.MessageID) bridge.Entry {
		e := entryOf(uid)
		e.ID = id
		return e
	}
	all := []bridge.MessageID{"moved", "gone", "stays", "empty", "replaced", "never"}
	want := func(want map[bridge.MessageID]string) {
		s.Helper()
		got := map[bridge.MessageID]string{}
		s.must(s.Index.Headers(s.ctx(), all, nil, func(id bridge.MessageID, block []byte) error {
			got[id] = string(block)
			return nil
		}))
		s.same("headers", got, want)
		clear(got)
		s.must(s.Index.HasHeaders(s.ctx(), all, func(id bridge.MessageID) error {
			got[id] = want[id]
			return nil
		}))
		s.same("which have headers", got, want)
	}
	want(map[bridge.MessageID]string{})
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf("a", 9), Put: []bridge.Entry{
		entry(1, "moved"), entry(2, "gone"), entry(3, "stays"), entry(4, "empty"), entry(5, "replaced")}}))
	s.must(s.Index.PutHeaders(s.ctx(), map[bridge.MessageID][]byte{
		"moved": []byte("A: 1\r\n\r\n"), "gone": []byte("B: 2\r\n"), "stays": {0, 0xff, '\n'}, "empty": nil, "replaced": []byte("old")}))
	s.must(s.Index.PutHeaders(s.ctx(), map[bridge.MessageID][]byte{"replaced": []byte("new")}))
	s.must(s.Index.PutHeaders(s.ctx(), nil))
	s.must(s.Index.Apply(s.ctx(),
		bridge.FolderUpdate{State: stateOf("a", 9), Expunged: []bridge.Expunged{{UID: 1, ModSeq: 300}, {UID: 2, ModSeq: 300}}},
		bridge.FolderUpdate{State: stateOf("b", 9), Put: []bridge.Entry{entry(1, "moved")}}))
	s.twice(func() {
		want(map[bridge.MessageID]string{"moved": "A: 1\r\n\r\n", "stays": "\x00\xff\n", "empty": "", "replaced": "new"})
	})
	// Of some fields alone: others may be there or not.
	const long = "Received: by x\r\n\tfor y\r\nSubject: s\r\nX-Odd: o\r\nFrom: a\r\nsubject: t\r\n\r\n"
	s.must(s.Index.PutHeaders(s.ctx(), map[bridge.MessageID][]byte{"stays": []byte(long), "empty": nil}))
	for _, fields := range [][]string{{"FROM", "Subject", "cc"}, {"From", "X-Odd"}, {"From"}, nil} {
		got := map[bridge.MessageID]string{}
		s.must(s.Index.Headers(s.ctx(), []bridge.MessageID{"stays", "empty"}, fields, func(id bridge.MessageID, block []byte) error {
			got[id] = string(block)
			if fields != nil && len(block) > 0 {
				got[id] = string(mimepart.Fields(block, fields, false))
			}
			return nil
		}))
		want := map[bridge.MessageID]string{"stays": long, "empty": ""}
		if fields != nil {
			want["stays"] = string(mimepart.Fields([]byte(long), fields, false))
		}
		s.same(fmt.Sprintf("fields %q", fields), got, want)
	}
	s.must(s.Index.PutFolders(s.ctx(), nil, []bridge.FolderID{"a"}))
	want(map[bridge.MessageID]string{"moved": "A: 1\r\n\r\n"})
}

// structures live as long as their message is in some folder.
func (s *indexSuite) structures() {
	part := func(size int64) *mimepart.Part {
		return &mimepart.Part{
			Body: 20, End: size, Lines: 3, Type: "multipart", Subtype: "mixed", Encoding: "7bit",
			Params:   []mimepart.Param{{Name: "boundary", Value: "x"}},
			Envelope: &mimepart.Envelope{Subject: "s", Empty: mimepart.FieldDate | mimepart.FieldMessageID, From: []mimepart.Address{{Mailbox: "m", Host: "h"}}},
			Children: []*mimepart.Part{{Header: 30, Body: 40, End: size - 10, Type: "TEXT", Subtype: "plain", Encoding: "8BIT"}},
		}
	}
	has := func(id bridge.MessageID, want bool) {
		s.Helper()
		found := false
		s.must(s.Index.Structures(s.ctx(), []bridge.MessageID{"unknown", id, "none"}, func(got bridge.MessageID, p *mimepart.Part) error {
			s.same("a structure", got, id)
			s.same("structure of "+string(id)+" among others", p, part(int64(len(id))*100))
			found = true
			return nil
		}))
		s.same("there is a structure of "+string(id), found, want)
		p, err := s.Index.Structure(s.ctx(), id)
		if !want {
			if !errors.Is(err, bridge.ErrNotFound) {
				s.Errorf("structure of %s: %v, %v; want ErrNotFound", id, p, err)
			}
			return
		}
		s.must(err)
		s.same("structure of "+string(id), p, part(int64(len(id))*100))
	}
	put := func(ids ...bridge.MessageID) {
		m := map[bridge.MessageID]*mimepart.Part{}
		for _, id := range ids {
			m[id] = part(int64(len(id)) * 100)
		}
		s.must(s.Index.PutStructures(s.ctx(), m))
	}
	entry := func(uid uint32, id bridge.MessageID) bridge.Entry {
		e := entryOf(uid)
		e.ID = id
		return e
	}
	has("moved", false)
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf("a", 9),
		Put: []bridge.Entry{entry(1, "moved"), entry(2, "gone"), entry(3, "stays"), entry(4, "STAYS")}}))
	put("moved", "gone", "stays", "dropped")
	s.must(s.Index.PutStructures(s.ctx(), map[bridge.MessageID]*mimepart.Part{"dropped": nil, "never": nil}))
	s.must(s.Index.PutStructures(s.ctx(), nil))
	s.must(s.Index.Apply(s.ctx(),
		bridge.FolderUpdate{State: stateOf("a", 9), Expunged: []bridge.Expunged{{UID: 1, ModSeq: 300}, {UID: 2, ModSeq: 300}}},
		bridge.FolderUpdate{State: stateOf("b", 9), Put: []bridge.Entry{entry(1, "moved")}}))
	s.twice(func() {
		has("moved", true)
		has("gone", false)
		has("stays", true)
		has("STAYS", false)
		has("dropped", false)
	})
	// In two folders for a while: the target learned of a move before the source.
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf("b", 9), Put: []bridge.Entry{entry(2, "stays")}}))
	s.must(s.Index.PutFolders(s.ctx(), nil, []bridge.FolderID{"a"}))
	s.twice(func() { has("stays", true) })
	s.must(s.Index.PutFolders(s.ctx(), nil, []bridge.FolderID{"b"}))
	s.twice(func() { has("stays", false); has("moved", false) })
}

func (s *indexSuite) subscriptions() {
	got, err := s.Index.Subscriptions(s.ctx())
	if err != nil || len(got) != 0 {
		s.Errorf("of an empty index: %v, %v", got, err)
	}
	for _, step := range []struct {
		name string
		on   bool
	}{{"INBOX", true}, {"Büro/日本", true}, {"büro/日本", false}, {"INBOX", false}, {"it's \"odd\"", true}, {"", true}} {
		s.must(s.Index.SetSubscription(s.ctx(), step.name, step.on))
	}
	s.twice(func() {
		got, err := s.Index.Subscriptions(s.ctx())
		s.must(err)
		s.same("subscriptions", got, map[string]bool{"INBOX": false, "Büro/日本": true, "büro/日本": false, "it's \"odd\"": true, "": true})
	})
}

func (s *indexSuite) sent() {
	s.must(s.Index.RecordSent(s.ctx(), "<a@x>", indexTime))
	s.must(s.Index.RecordSent(s.ctx(), "<b@x>", indexTime))
	s.must(s.Index.RecordSent(s.ctx(), "<b@x>", indexTime.Add(time.Hour)))
	s.must(s.Index.RecordSent(s.ctx(), "<b@x>", indexTime.Add(time.Minute)))
	s.twice(func() {
		for _, c := range []struct {
			id    string
			since time.Duration
			want  bool
		}{
			{"<a@x>", -time.Hour, true}, {"<a@x>", 0, true}, {"<a@x>", time.Second, false},
			{"<b@x>", time.Hour, true}, {"<b@x>", time.Hour + time.Second, false},
			{"<A@x>", 0, false}, {"", 0, false},
		} {
			got, err := s.Index.WasSent(s.ctx(), c.id, indexTime.Add(c.since))
			s.must(err)
			if got != c.want {
				s.Errorf("WasSent(%s, %v) = %t, want %t", c.id, c.since, got, c.want)
			}
		}
	})
}
