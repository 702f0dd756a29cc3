package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
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
