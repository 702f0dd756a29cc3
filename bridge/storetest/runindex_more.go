package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// atomic: of an Apply that fails nothing is seen.
func (s *indexSuite) atomic() {
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf("f", 5), Put: []bridge.Entry{entryOf(1), entryOf(2)}}))
	err := s.Index.Apply(s.ctx(),
		bridge.FolderUpdate{State: stateOf("f", 9), Put: []bridge.Entry{entryOf(5)}, Expunged: []bridge.Expunged{{UID: 1, ModSeq: 300}}},
		bridge.FolderUpdate{State: stateOf("new", 9), Put: []bridge.Entry{entryOf(9)}})
	if !errors.Is(err, bridge.ErrInvalid) {
		s.Errorf("a UID that is not below uidnext: %v, want ErrInvalid", err)
	}
	s.twice(func() {
		s.same("uids", s.uids("f"), "1 2")
		states := s.states()
		if len(states) != 1 || states["f"].UIDNext != 5 {
			s.Errorf("states after a failed Apply: %+v", states)
		}
	})
}

// forget: a folder that is gone leaves nothing, not even when it comes back.
func (s *indexSuite) forget() {
	for _, id := range []bridge.FolderID{"a", "b"} {
		e := entryOf(1)
		e.ID += bridge.MessageID(id)
		e.Detail = detailOf(1)
		gone := entryOf(2)
		gone.ID += bridge.MessageID(id)
		s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf(id, 5), Put: []bridge.Entry{e, gone},
			Expunged: []bridge.Expunged{{UID: 2, ModSeq: 300}}}))
	}
	s.must(s.Index.PutFolders(s.ctx(), nil, []bridge.FolderID{"b"}))
	s.must(s.Index.PutFolders(s.ctx(), []bridge.FolderState{stateOf("b", 1), stateOf("c", 1)}, nil))
	s.twice(func() {
		for id, want := range map[bridge.FolderID]string{"a": "1", "b": "", "c": ""} {
			s.same("uids of "+string(id), s.uids(id), want)
			n := 0
			s.must(s.Index.Details(s.ctx(), id, []uint32{1, 2}, func(uint32, *bridge.Detail) error { n++; return nil }))
			expunged, err := s.Index.Expunged(s.ctx(), id, 0)
			s.must(err)
			if wantN := len(want); n != wantN || len(expunged) != wantN {
				s.Errorf("folder %s: %d details, %d expunged; want %d of each", id, n, len(expunged), wantN)
			}
		}
	})
}

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

// cancelled: a context that has ended ends every method without effect.
func (s *indexSuite) cancelled() {
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf("f", 5), Put: []bridge.Entry{entryOf(1)}}))
	ctx, cancel := context.WithCancel(s.ctx())
	cancel()
	x := s.Index
	for name, call := range map[string]func() error{
		"Folders":        func() error { _, err := x.Folders(ctx); return err },
		"NewUIDValidity": func() error { _, err := x.NewUIDValidity(ctx); return err },
		"PutFolders":     func() error { return x.PutFolders(ctx, nil, []bridge.FolderID{"f"}) },
		"Apply": func() error {
			return x.Apply(ctx, bridge.FolderUpdate{State: stateOf("f", 5), Expunged: []bridge.Expunged{{UID: 1, ModSeq: 9}}})
		},
		"Rows":      func() error { return x.Rows(ctx, "f", func(bridge.Row) error { return nil }) },
		"Details":   func() error { return x.Details(ctx, "f", []uint32{1}, nil) },
		"Expunged":  func() error { _, err := x.Expunged(ctx, "f", 0); return err },
		"Structure": func() error { _, err := x.Structure(ctx, "x"); return err },
		"Headers": func() error {
			return x.Headers(ctx, []bridge.MessageID{"x"}, nil, func(bridge.MessageID, []byte) error { return nil })
		},
		"PutHeaders":      func() error { return x.PutHeaders(ctx, map[bridge.MessageID][]byte{"x": nil}) },
		"Subscriptions":   func() error { _, err := x.Subscriptions(ctx); return err },
		"SetSubscription": func() error { return x.SetSubscription(ctx, "x", true) },
		"RecordSent":      func() error { return x.RecordSent(ctx, "x", indexTime) },
		"WasSent":         func() error { _, err := x.WasSent(ctx, "x", indexTime); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			s.Errorf("%s: error %v, want %v", name, err, context.Canceled)
		}
	}
	s.same("uids", s.uids("f"), "1")
}

// reentrant: a callback may use the index.
func (s *indexSuite) reentrant() {
	u := bridge.FolderUpdate{State: stateOf("f", 50)}
	for uid := uint32(1); uid < 50; uid++ {
		e := entryOf(uid)
		e.Detail = detailOf(uid)
		u.Put = append(u.Put, e)
	}
	s.must(s.Index.Apply(s.ctx(), u))
	n := 0
	s.must(s.Index.Rows(s.ctx(), "f", func(r bridge.Row) error {
		return s.Index.Details(s.ctx(), "f", []uint32{r.UID}, func(uid uint32, _ *bridge.Detail) error {
			n++
			return s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: u.State, Expunged: []bridge.Expunged{{UID: uid, ModSeq: 500}}})
		})
	}))
	s.same("rows seen by one who removes them", n, 49)
	s.same("uids left", s.uids("f"), "")
}

// concurrent: each transaction is seen as a whole or not at all.
func (s *indexSuite) concurrent() {
	const writers, rounds, size = 3, 8, 20
	done := make(chan struct{})
	var write, read sync.WaitGroup
	errs := make([]error, 2*writers)
	for w := range writers {
		id := bridge.FolderID(fmt.Sprintf("f%d", w))
		write.Go(func() { errs[w] = s.writeRounds(id, rounds, size) })
		read.Go(func() { errs[writers+w] = s.watchRounds(id, size, done) })
	}
	write.Wait()
	close(done)
	read.Wait()
	s.must(errors.Join(errs...))
	for w := range writers {
		if got := len(s.readRows(bridge.FolderID(fmt.Sprintf("f%d", w)))); got != size {
			s.Errorf("folder %d: %d rows, want %d", w, got, size)
		}
	}
}

// writeRounds replaces all messages of a folder again and again.
func (s *indexSuite) writeRounds(id bridge.FolderID, rounds, size uint32) error {
	for round := range rounds {
		first := 1 + round*size
		u := bridge.FolderUpdate{State: stateOf(id, first+size)}
		for i := range size {
			u.Put = append(u.Put, entryOf(first+i))
			if round > 0 {
				u.Expunged = append(u.Expunged, bridge.Expunged{UID: first + i - size, ModSeq: uint64(first)})
			}
		}
		if err := s.Index.Apply(s.ctx(), u); err != nil {
			return err
		}
		if _, err := s.Index.NewUIDValidity(s.ctx()); err != nil {
			return err
		}
	}
	return nil
}

// watchRounds reads until done and wants whole rounds.
func (s *indexSuite) watchRounds(id bridge.FolderID, size uint32, done <-chan struct{}) error {
	for {
		var uids []uint32
		if err := s.Index.Rows(s.ctx(), id, func(r bridge.Row) error { uids = append(uids, r.UID); return nil }); err != nil {
			return err
		}
		if n := uint32(len(uids)); n != 0 && (n != size || uids[0]%size != 1 || uids[n-1] != uids[0]+size-1) {
			return fmt.Errorf("folder %s: part of a transaction is seen: %d", id, uids)
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}

// closed: Close may be called twice; then nothing works, and nothing hangs.
func (s *indexSuite) closed() {
	s.must(s.Index.Close())
	s.must(s.Index.Close())
	if _, err := s.Index.Folders(s.ctx()); err == nil {
		s.Error("Folders after Close: no error")
	}
	if err := s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf("f", 1)}); err == nil || strings.Contains(err.Error(), "panic") {
		s.Errorf("Apply after Close: %v", err)
	}
}

// staged: pages of a first listing outlive a restart, in order of arrival and with
// the place of the next, until they are given up.
func (s *indexSuite) staged() {
	at := func(id string, second, article int64) bridge.Staged {
		e := entryOf(1)
		e.UID, e.ModSeq, e.ID, e.Received, e.Detail = 0, 0, bridge.MessageID(id), time.Unix(second, 0).UTC(), detailOf(7)
		return bridge.Staged{Entry: e, Article: article}
	}
	read := func(folder bridge.FolderID) string {
		var words []string
		place, err := s.Index.Staged(s.ctx(), folder, func(m bridge.Staged) error {
			s.same("details", m.Detail, detailOf(7))
			words = append(words, fmt.Sprint(m.ID, m.Article, m.Flags, m.Categories, m.Size))
			return nil
		})
		s.must(err)
		return place + "|" + strings.Join(words, " ")
	}
	line := func(ms ...bridge.Staged) string {
		var words []string
		for _, m := range ms {
			words = append(words, fmt.Sprint(m.ID, m.Article, m.Flags, m.Categories, m.Size))
		}
		return strings.Join(words, " ")
	}
	s.must(s.Index.PutFolders(s.ctx(), []bridge.FolderState{stateOf("f", 1), stateOf("g", 1)}, nil))
	s.same("nothing", read("f"), "|")
	late, tie1, tie2, early := at("late", 30, 1), at("a", 20, 3), at("b", 20, 2), at("early", 10, 9)
	s.must(s.Index.Stage(s.ctx(), "f", []bridge.Staged{late, tie1, early}, "page 2"))
	s.must(s.Index.Stage(s.ctx(), "g", []bridge.Staged{late}, "other"))
	early.Flags = bridge.FlagFlagged
	s.must(s.Index.Stage(s.ctx(), "f", []bridge.Staged{tie2, early}, "page 3"))
	s.must(s.Index.Stage(s.ctx(), "f", nil, "page 4"))
	s.twice(func() { s.same("staged", read("f"), "page 4|"+line(early, tie2, tie1, late)) })
	s.must(s.Index.Unstage(s.ctx(), "f"))
	s.twice(func() {
		s.same("unstaged", read("f"), "|")
		s.same("of another folder", read("g"), "other|"+line(late))
	})
	s.must(s.Index.PutFolders(s.ctx(), nil, []bridge.FolderID{"g"}))
	s.same("of a folder that is gone", read("g"), "|")
	late.Detail = nil
	if err := s.Index.Stage(s.ctx(), "f", []bridge.Staged{late}, "x"); !errors.Is(err, bridge.ErrInvalid) {
		s.Errorf("staged without details: %v", err)
	}
}
