package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// IndexFixture is an empty bridge.Index to be tested.
type IndexFixture struct {
	Index bridge.Index
	// Reopen closes the index and opens it again; nil: not possible here.
	Reopen func() bridge.Index
}

// RunIndex checks that an Index keeps the contract of bridge.Index. open is
// called for every group of tests and returns an empty index, which it closes
// when the test ends.
func RunIndex(t *testing.T, open func(t *testing.T) IndexFixture) {
	groups := []struct {
		name string
		run  func(s *indexSuite)
	}{
		{"Folders", (*indexSuite).folders},
		{"Counters", (*indexSuite).counters},
		{"UIDValidity", (*indexSuite).uidValidity},
		{"Rows", (*indexSuite).rows},
		{"Details", (*indexSuite).details},
		{"Expunged", (*indexSuite).expunged},
		{"Staged", (*indexSuite).staged},
		{"Atomic", (*indexSuite).atomic},
		{"Forget", (*indexSuite).forget},
		{"Structures", (*indexSuite).structures},
		{"Headers", (*indexSuite).headers},
		{"Subscriptions", (*indexSuite).subscriptions},
		{"Sent", (*indexSuite).sent},
		{"Cancelled", (*indexSuite).cancelled},
		{"Reentrant", (*indexSuite).reentrant},
		{"Concurrent", (*indexSuite).concurrent},
		{"Closed", (*indexSuite).closed},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) { g.run(&indexSuite{t, open(t)}) })
	}
}

type indexSuite struct {
	*testing.T
	IndexFixture
}

func (s *indexSuite) ctx() context.Context { return s.T.Context() }

func (s *indexSuite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *indexSuite) same(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// twice runs check on the index as it is, and once more after a restart.
func (s *indexSuite) twice(check func()) {
	s.Helper()
	check()
	if s.Reopen != nil && !s.Failed() {
		s.Index = s.Reopen()
		check()
	}
}

var indexTime = time.Date(2026, 11, 2, 9, 20, 30, 0, time.UTC)

func stateOf(id bridge.FolderID, uidNext uint32) bridge.FolderState {
	return bridge.FolderState{FolderInfo: bridge.FolderInfo{ID: id, Name: string(id)}, UIDValidity: 7, UIDNext: uidNext}
}

func entryOf(uid uint32) bridge.Entry {
	return bridge.Entry{Row: bridge.Row{
		UID: uid, ID: bridge.MessageID(fmt.Sprintf("AAkALg%d=", uid)), ModSeq: uint64(uid) + 100, Received: indexTime, Size: int64(uid) * 10,
		Saved: indexTime.Unix() + int64(uid),
	}}
}

func (s *indexSuite) readRows(folder bridge.FolderID) []bridge.Row {
	s.Helper()
	var rows []bridge.Row
	s.must(s.Index.Rows(s.ctx(), folder, func(r bridge.Row) error { rows = append(rows, r); return nil }))
	return rows
}

func (s *indexSuite) uids(folder bridge.FolderID) string {
	s.Helper()
	var list []string
	for _, r := range s.readRows(folder) {
		list = append(list, fmt.Sprint(r.UID))
	}
	return strings.Join(list, " ")
}

func (s *indexSuite) states() map[bridge.FolderID]bridge.FolderState {
	s.Helper()
	list, err := s.Index.Folders(s.ctx())
	s.must(err)
	m := map[bridge.FolderID]bridge.FolderState{}
	for _, f := range list {
		m[f.ID] = f
	}
	if len(m) != len(list) {
		s.Errorf("%d states of %d folders", len(list), len(m))
	}
	return m
}

// folders: states are kept as a whole, by case-sensitive id.
func (s *indexSuite) folders() {
	s.same("folders of an empty index", s.states(), map[bridge.FolderID]bridge.FolderState{})
	full := bridge.FolderState{
		FolderInfo:  bridge.FolderInfo{ID: "AAMkA=", Parent: "AAMkP=", Name: "Büro / \"x\" 'y' \x00", Role: bridge.RoleInbox, Total: 5, Unread: 3},
		UIDValidity: 4_294_967_295, UIDNext: 4_294_967_294, ModSeq: 1 << 62, RecentUID: 4_000_000_000,
		DeltaLink: "https://graph.microsoft.com/v1.0/x?$deltatoken=" + strings.Repeat("z", 2000), Synced: true, FullCheck: indexTime, ToldUID: 6,
	}
	other := stateOf("AAMka=", 1)
	s.must(s.Index.PutFolders(s.ctx(), []bridge.FolderState{full, other}, nil))
	want := map[bridge.FolderID]bridge.FolderState{full.ID: full, other.ID: other}
	s.twice(func() { s.same("folders", s.states(), want) })

	other.Name, other.Parent, other.Role, other.Total = "renamed", "AAMkA=", bridge.RoleSent, 9
	s.must(s.Index.PutFolders(s.ctx(), []bridge.FolderState{other}, []bridge.FolderID{full.ID, "never seen"}))
	want = map[bridge.FolderID]bridge.FolderState{other.ID: other}
	s.twice(func() { s.same("folders after a change", s.states(), want) })

	other.UIDNext, other.DeltaLink, other.Synced = 5, "next", true
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: other}))
	want[other.ID] = other
	s.twice(func() { s.same("state written by Apply", s.states(), want) })
}

// counters: UIDNext and ModSeq never fall while UIDVALIDITY stays, and no
// message gets a UID that would be given again.
func (s *indexSuite) counters() {
	state := stateOf("f", 10)
	state.ModSeq = 20
	s.must(s.Index.PutFolders(s.ctx(), []bridge.FolderState{state}, nil))
	older := stateOf("f", 5)
	older.ModSeq = 7
	s.must(s.Index.PutFolders(s.ctx(), []bridge.FolderState{older}, nil))
	if got := s.states()["f"]; got.UIDNext != 10 || got.ModSeq != 20 {
		s.Errorf("after an older state: uidnext %d, modseq %d; want 10, 20", got.UIDNext, got.ModSeq)
	}
	older.UIDValidity++
	s.must(s.Index.PutFolders(s.ctx(), []bridge.FolderState{older}, nil))
	if got := s.states()["f"]; got.UIDNext != 5 || got.ModSeq != 7 {
		s.Errorf("after a new uidvalidity: uidnext %d, modseq %d; want 5, 7", got.UIDNext, got.ModSeq)
	}
	for _, uid := range []uint32{0, 10, 11} {
		err := s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: stateOf("g", 10), Put: []bridge.Entry{entryOf(uid)}})
		if !errors.Is(err, bridge.ErrInvalid) {
			s.Errorf("UID %d with uidnext 10: error %v, want ErrInvalid", uid, err)
		}
	}
}

// uidValidity: always greater, never below the clock.
func (s *indexSuite) uidValidity() {
	now := time.Now().Unix()
	var last uint32
	s.twice(func() {
		for range 20 {
			v, err := s.Index.NewUIDValidity(s.ctx())
			s.must(err)
			if v <= last || int64(v) < now {
				s.Fatalf("got %d after %d, at second %d", v, last, now)
			}
			last = v
		}
	})
}

// rows: every field comes back, in the order of UIDs.
func (s *indexSuite) rows() {
	s.same("rows of an unknown folder", s.readRows("f"), []bridge.Row(nil))
	var u bridge.FolderUpdate
	u.State = stateOf("f", 4_294_967_295)
	for i, categories := range [][]string{nil, {"a"}, {"a", "b"}, {"a,b"}, {"a\x00b"}, {""}, {"", ""}, {"Büro", "日本語"}, {strings.Repeat("x", 300)}, {"a", "b"}} {
		e := entryOf(uint32(1000 - 7*i))
		e.Categories = categories
		e.Flags = bridge.Flags(i)
		e.SizeExact = i%2 == 1
		u.Put = append(u.Put, e)
	}
	extreme := entryOf(4_294_967_294)
	extreme.ModSeq, extreme.Size, extreme.Flags = 1<<63-1, 1<<40, 0xff
	unknown := entryOf(1)
	unknown.Received, unknown.ID = time.Time{}, "aaKaLG1="
	u.Put = append(u.Put, extreme, unknown)
	s.must(s.Index.Apply(s.ctx(), u))

	var want []bridge.Row
	for _, e := range u.Put {
		want = append(want, e.Row)
	}
	slices.SortFunc(want, func(a, b bridge.Row) int { return int(int64(a.UID) - int64(b.UID)) })
	s.twice(func() { s.same("rows", s.readRows("f"), want) })

	want[1].Flags, want[1].Categories, want[1].ModSeq = bridge.FlagSeen|bridge.FlagDeleted, nil, 5000
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: u.State, Put: []bridge.Entry{{Row: want[1]}}}))
	s.twice(func() { s.same("rows after a change", s.readRows("f"), want) })

	stop := errors.New("stop")
	n := 0
	err := s.Index.Rows(s.ctx(), "f", func(bridge.Row) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		s.Errorf("a failing yield: %v after %d calls", err, n)
	}
}

// detailOf makes a Detail with something in every field.
func detailOf(uid uint32) *bridge.Detail {
	text := func(name string) string { return fmt.Sprintf("%s %d \xff\r\n ü \"", name, uid) }
	a := func(name string) []mimepart.Address {
		return []mimepart.Address{{Mailbox: text(name)}, {Name: "n", Route: "@r", Mailbox: "m", Host: "h"}, {}}
	}
	return &bridge.Detail{
		Envelope: mimepart.Envelope{
			Date: text("date"), Subject: text("subject"), From: a("from"), Sender: a("sender"), ReplyTo: a("reply"),
			To: a("to"), Cc: a("cc"), Bcc: a("bcc"), InReplyTo: text("irt"), MessageID: text("id"),
			Empty: mimepart.TextFields(uid % 16),
		},
		Sent: indexTime, References: text("references"), Class: text("class"), ConversationID: text("conversation"),
		Preview: text("preview"), HasAttachments: uid%2 == 0, Fingerprint: text("fingerprint"),
	}
}

// details: those asked for, in order; they stay when a row changes alone.
func (s *indexSuite) details() {
	const n = 2000
	u := bridge.FolderUpdate{State: stateOf("f", n+1)}
	for uid := uint32(1); uid <= n; uid++ {
		e := entryOf(uid)
		switch {
		case uid == 3:
			e.Detail = &bridge.Detail{}
		case uid != 5:
			e.Detail = detailOf(uid)
		}
		u.Put = append(u.Put, e)
	}
	s.must(s.Index.Apply(s.ctx(), u))
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: u.State, Put: []bridge.Entry{entryOf(7)}}))

	ask := func(uids ...uint32) map[uint32]*bridge.Detail {
		got, last := map[uint32]*bridge.Detail{}, uint32(0)
		s.must(s.Index.Details(s.ctx(), "f", uids, func(uid uint32, d *bridge.Detail) error {
			if uid <= last {
				s.Errorf("uid %d after %d", uid, last)
			}
			last, got[uid] = uid, d
			return nil
		}))
		return got
	}
	s.twice(func() {
		s.same("no details", ask(), map[uint32]*bridge.Detail{})
		s.same("some details", ask(3, 4, 5, 7, 1999, 5000), map[uint32]*bridge.Detail{
			3: {}, 4: detailOf(4), 7: detailOf(7), 1999: detailOf(1999),
		})
		all := make([]uint32, 0, n)
		for uid := uint32(1); uid <= n; uid++ {
			all = append(all, uid)
		}
		got := ask(all...)
		if len(got) != n-1 {
			s.Errorf("%d details, want %d", len(got), n-1)
		}
		for _, uid := range []uint32{1, 511, 512, 513, 1024, n} {
			s.same("details", got[uid], detailOf(uid))
		}
	})
	s.must(s.Index.Details(s.ctx(), "unknown", []uint32{1}, func(uint32, *bridge.Detail) error {
		s.Error("details of an unknown folder")
		return nil
	}))
	stop := errors.New("stop")
	if err := s.Index.Details(s.ctx(), "f", []uint32{1, 2}, func(uint32, *bridge.Detail) error { return stop }); !errors.Is(err, stop) {
		s.Errorf("a failing yield: %v", err)
	}
}

// expunged: what went and when; nothing else of it is left.
func (s *indexSuite) expunged() {
	u := bridge.FolderUpdate{State: stateOf("f", 10)}
	for uid := uint32(1); uid < 10; uid++ {
		e := entryOf(uid)
		e.Detail = detailOf(uid)
		u.Put = append(u.Put, e)
	}
	s.must(s.Index.Apply(s.ctx(), u))
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: u.State, Expunged: []bridge.Expunged{{UID: 8, ModSeq: 200}, {UID: 2, ModSeq: 200}}}))
	s.must(s.Index.Apply(s.ctx(), bridge.FolderUpdate{State: u.State, Expunged: []bridge.Expunged{{UID: 4, ModSeq: 201}, {UID: 2, ModSeq: 201}}}))
	s.twice(func() {
		for since, want := range map[uint64][]bridge.Expunged{
			0:         {{UID: 2, ModSeq: 200}, {UID: 4, ModSeq: 201}, {UID: 8, ModSeq: 200}},
			199:       {{UID: 2, ModSeq: 200}, {UID: 4, ModSeq: 201}, {UID: 8, ModSeq: 200}},
			200:       {{UID: 4, ModSeq: 201}},
			201:       nil,
			1<<64 - 1: nil,
		} {
			got, err := s.Index.Expunged(s.ctx(), "f", since)
			s.must(err)
			s.same(fmt.Sprintf("expunged since %d", since), got, want)
		}
		s.same("uids left", s.uids("f"), "1 3 5 6 7 9")
		s.must(s.Index.Details(s.ctx(), "f", []uint32{2, 4, 8}, func(uid uint32, _ *bridge.Detail) error {
			s.Errorf("details of uid %d are left", uid)
			return nil
		}))
	})
	if got, err := s.Index.Expunged(s.ctx(), "unknown", 0); err != nil || len(got) != 0 {
		s.Errorf("expunged of an unknown folder: %v, %v", got, err)
	}
}
