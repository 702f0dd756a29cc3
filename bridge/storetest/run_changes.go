package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"mail2graph/bridge"
)

// list: every message comes, in pages, as Messages tells it too.
func (s *suite) list() {
	folder := s.scratch()
	s.contains(folder, nil)
	want := s.putMany(folder, s.Fixture.Messages)
	s.contains(folder, want)
	err := s.Store.List(s.ctx(), folder, func(page []bridge.MessageInfo) error {
		for _, m := range page {
			if m.Folder != folder {
				s.Errorf("message %q lies in %q, want %q", m.Subject, m.Folder, folder)
			}
			if i := slices.Index(want, m.ID); i >= 0 && m.Subject != fmt.Sprintf("message %d", i) {
				s.Errorf("subject of message %d: %q", i, m.Subject)
			}
		}
		return nil
	})
	s.must(err)

	stop := errors.New("stop")
	calls := 0
	err = s.Store.List(s.ctx(), folder, func([]bridge.MessageInfo) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		s.Errorf("List with a failing yield: %v after %d calls, want its error after 1", err, calls)
	}
	s.listFrom(folder, want)
	err = s.Store.List(s.ctx(), s.goneFolder(), func([]bridge.MessageInfo) error { return nil })
	s.wants("List of a folder that is gone", err, bridge.ErrNotFound)
}

// listFrom: a listing that is broken off after each page goes on at its place.
func (s *suite) listFrom(folder bridge.FolderID, want []bridge.MessageID) {
	stop := errors.New("stop")
	seen := map[bridge.MessageID]bool{}
	place := ""
	for range 100 {
		next := ""
		err := s.Store.ListFrom(s.ctx(), folder, place, func(page []bridge.MessageInfo, n string) error {
			for _, m := range page {
				seen[m.ID] = true
			}
			next = n
			return stop
		})
		if !errors.Is(err, stop) {
			s.Fatalf("ListFrom %q with a failing yield: %v", place, err)
		}
		if place = next; place == "" {
			break
		}
	}
	for i, id := range want {
		if !seen[id] {
			s.Errorf("message %d was in no page", i)
		}
	}
	err := s.Store.ListFrom(s.ctx(), folder, "no place", func([]bridge.MessageInfo, string) error { return nil })
	s.wants("ListFrom a place that never was", err, bridge.ErrResync)
}

// mirror is a folder as a bridge keeps it: fed by delta rounds alone.
type mirror struct {
	s      *suite
	folder bridge.FolderID
	link   string
	rows   map[bridge.MessageID]bridge.MessageInfo
}

// open makes a mirror by a first walk.
func (s *suite) open(folder bridge.FolderID) *mirror {
	s.Helper()
	m := &mirror{s: s, folder: folder}
	m.walk()
	return m
}

func (m *mirror) walk() {
	m.s.Helper()
	m.link, m.rows = "", map[bridge.MessageID]bridge.MessageInfo{}
	m.s.must(m.round())
	if m.link == "" {
		m.s.Fatal("Delta returned no link")
	}
}

// round runs Delta and merges its rows: partial ones into what is known,
// removals after asking the store.
func (m *mirror) round() error {
	m.s.Helper()
	var removed []bridge.MessageID
	next, err := m.s.Store.Delta(m.s.ctx(), m.folder, m.link, func(page []bridge.Change) error {
		for _, c := range page {
			if c.Removed {
				removed = append(removed, c.ID)
				continue
			}
			m.merge(c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.link = next
	return m.verify(removed)
}

func (m *mirror) merge(c bridge.Change) {
	row := m.rows[c.ID]
	row.ID = c.ID
	if c.Read != nil {
		row.Read = *c.Read
	}
	if c.Flagged != nil {
		row.Flagged = *c.Flagged
	}
	if c.Categories != nil {
		row.Categories = *c.Categories
	}
	if c.Draft != nil {
		row.Draft = *c.Draft
	}
	m.rows[c.ID] = row
}

func (m *mirror) verify(removed []bridge.MessageID) error {
	if len(removed) == 0 {
		return nil
	}
	list, err := m.s.Store.Messages(m.s.ctx(), removed)
	if err != nil {
		return err
	}
	here := map[bridge.MessageID]bool{}
	for _, info := range list {
		here[info.ID] = info.Folder == m.folder
	}
	for _, id := range removed {
		if !here[id] {
			delete(m.rows, id)
		}
	}
	return nil
}

// shows runs rounds until the mirror has exactly these messages and check,
// if not nil, is content.
func (m *mirror) shows(what string, want []bridge.MessageID, check func() error) {
	m.s.Helper()
	m.s.eventually(what, func() error {
		m.s.must(m.round())
		got := slices.Sorted(maps.Keys(m.rows))
		if w := slices.Sorted(slices.Values(want)); !slices.Equal(got, w) {
			return fmt.Errorf("messages %q, want %q", got, w)
		}
		if check == nil {
			return nil
		}
		return check()
	})
}

// changer returns who changes messages: somebody else if possible.
func (s *suite) changer() Changer {
	if c, ok := s.Outside.(Changer); ok {
		return c
	}
	return storeChanger{s}
}

// storeChanger changes messages by means of the store under test.
type storeChanger struct{ s *suite }

func (c storeChanger) update(u bridge.FlagUpdate) {
	c.s.Helper()
	c.s.must(c.s.Store.SetFlags(c.s.ctx(), []bridge.FlagUpdate{u})[0])
}

func (c storeChanger) SetRead(id bridge.MessageID, on bool) {
	c.update(bridge.FlagUpdate{ID: id, Read: &on})
}

func (c storeChanger) SetFlagged(id bridge.MessageID, on bool) {
	c.update(bridge.FlagUpdate{ID: id, Flagged: &on})
}

func (c storeChanger) SetCategories(id bridge.MessageID, categories ...string) {
	c.update(bridge.FlagUpdate{ID: id, Categories: &categories})
}

func (c storeChanger) MoveMessage(id bridge.MessageID, to bridge.FolderID) {
	c.s.Helper()
	c.s.must(c.s.Store.Move(c.s.ctx(), []bridge.MessageID{id}, to)[0].Err)
}

func (c storeChanger) Remove(id bridge.MessageID) {
	c.s.Helper()
	c.s.must(c.s.Store.Delete(c.s.ctx(), []bridge.MessageID{id}, bridge.DisposePermanent)[0])
}

// deltaRounds: a mirror that is fed by rounds alone stays equal to the folder.
func (s *suite) deltaRounds() {
	folder, c := s.scratch(), s.changer()
	empty := s.open(folder)
	ids := s.putMany(folder, s.Fixture.Messages)
	empty.shows("messages after a walk of an empty folder", ids, nil)
	m := s.open(folder)
	m.shows("nothing new", ids, nil)

	added := s.put(folder, sample{subject: "new"}.bytes())
	ids = append(ids, added)
	m.shows("new message", ids, nil)

	c.SetRead(ids[0], true)
	m.shows("read", ids, func() error { return equal("Read", m.rows[ids[0]].Read, true) })
	c.SetFlagged(ids[1], true)
	m.shows("flagged", ids, func() error { return equal("Flagged", m.rows[ids[1]].Flagged, true) })
	c.SetCategories(ids[2], "Büro", "Blue category")
	m.shows("categories", ids, func() error {
		return equal("Categories", fmt.Sprint(m.rows[ids[2]].Categories), "[Büro Blue category]")
	})
	c.SetRead(ids[1], true)
	m.shows("read after flagged", ids, func() error {
		row := m.rows[ids[1]]
		return equal("Read and Flagged", [2]bool{row.Read, row.Flagged}, [2]bool{true, true})
	})
	c.SetRead(ids[0], false)
	c.SetFlagged(ids[1], false)
	c.SetCategories(ids[2])
	m.shows("all cleared", ids, func() error {
		return equal("flags", fmt.Sprint(m.rows[ids[0]].Read, m.rows[ids[1]].Flagged, len(m.rows[ids[2]].Categories)), "false false 0")
	})
	c.Remove(ids[3])
	ids = slices.Delete(ids, 3, 4)
	m.shows("removed", ids, nil)

	stop := errors.New("stop")
	if _, err := s.Store.Delta(s.ctx(), folder, "", func([]bridge.Change) error { return stop }); !errors.Is(err, stop) {
		s.Errorf("Delta with a failing yield: %v, want its error", err)
	}
	_, err := s.Store.Delta(s.ctx(), s.goneFolder(), "", func([]bridge.Change) error { return nil })
	s.wants("Delta of a folder that is gone", err, bridge.ErrNotFound)
}

func equal[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

// deltaMoves: a message keeps its id from folder to folder, and one that went
// out and came back is not lost to who verifies removals.
func (s *suite) deltaMoves() {
	a, b, c := s.scratch(), s.scratch(), s.changer()
	ids := s.putMany(a, 3)
	ma, mb := s.open(a), s.open(b)
	c.MoveMessage(ids[0], b)
	ma.shows("source", ids[1:], nil)
	mb.shows("target", ids[:1], nil)
	c.MoveMessage(ids[0], a)
	ma.shows("back in the source", ids, nil)
	mb.shows("target without it", nil, nil)
	c.MoveMessage(ids[1], b)
	c.MoveMessage(ids[1], a)
	ma.shows("out and back between two rounds", ids, nil)
	c.SetFlagged(ids[1], true)
	ma.shows("flagged after its return", ids, func() error { return equal("Flagged", ma.rows[ids[1]].Flagged, true) })
	if got := s.info(ids[1]); got.Folder != a {
		s.Errorf("folder after the return: %q, want %q", got.Folder, a)
	}
}

// deltaExpires: an old link is refused, and an empty one begins anew.
func (s *suite) deltaExpires() {
	e, ok := s.Outside.(Expirer)
	if !ok {
		s.Skip("nobody here can expire delta links")
	}
	folder := s.scratch()
	ids := s.putMany(folder, 3)
	m := s.open(folder)
	e.ExpireDelta()
	s.wants("Delta with an expired link", m.round(), bridge.ErrResync)
	m.walk()
	m.shows("after a new walk", ids, nil)
}
