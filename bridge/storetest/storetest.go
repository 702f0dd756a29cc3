package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// Fixture is a Store to be tested, with what its surroundings can do.
type Fixture struct {
	Store bridge.Store
	// Address is the mailbox's own: what is sent to it arrives in its Inbox.
	Address string
	// Outside acts on the mailbox past the Store: it may implement any of
	// Deliverer, Changer and Expirer. Tests that need one it does not have are
	// done by means of the Store, or skipped.
	Outside any
	// Patience is how long a change may take to show; 0: it shows at once.
	Patience time.Duration
	// Messages is how many messages the tests of lists make, enough for several
	// pages; default 45, more than two batches of Graph.
	Messages int
}

// Deliverer puts a message into a folder, its octets as they are.
type Deliverer interface {
	Deliver(to bridge.FolderID, mime []byte, o DeliverOptions) bridge.MessageID
}

// Changer changes messages as another program does.
type Changer interface {
	SetRead(id bridge.MessageID, on bool)
	SetFlagged(id bridge.MessageID, on bool)
	SetCategories(id bridge.MessageID, categories ...string)
	MoveMessage(id bridge.MessageID, to bridge.FolderID)
	Remove(id bridge.MessageID)
}

// Expirer makes the service forget all delta links.
type Expirer interface{ ExpireDelta() }

var (
	_ Deliverer = (*Memory)(nil)
	_ Changer   = (*Memory)(nil)
	_ Expirer   = (*Memory)(nil)
)

// Run checks that a Store keeps the contract of bridge.Store. open is called
// for every group of tests; it may return the same mailbox each time: tests
// work in folders of their own, which they remove, and leave sent mail behind.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	groups := []struct {
		name string
		run  func(s *suite)
	}{
		{"Folders", (*suite).folders},
		{"FolderChanges", (*suite).folderChanges},
		{"DefaultFolders", (*suite).defaultFolders},
		{"List", (*suite).list},
		{"DeltaRounds", (*suite).deltaRounds},
		{"DeltaMoves", (*suite).deltaMoves},
		{"DeltaExpires", (*suite).deltaExpires},
		{"Messages", (*suite).messages},
		{"MIME", (*suite).mime},
		{"SetFlags", (*suite).setFlags},
		{"SetFlagsMany", (*suite).setFlagsMany},
		{"Move", (*suite).move},
		{"Copy", (*suite).copy},
		{"Delete", (*suite).delete},
		{"Append", (*suite).append},
		{"AppendProperties", (*suite).appendProperties},
		{"AppendDraft", (*suite).appendDraft},
		{"AppendRefused", (*suite).appendRefused},
		{"Send", (*suite).send},
		{"SendAgain", (*suite).sendAgain},
		{"SendRefused", (*suite).sendRefused},
		{"Cancelled", (*suite).cancelled},
		{"Concurrent", (*suite).concurrent},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			f := open(t)
			if f.Messages == 0 {
				f.Messages = 45
			}
			g.run(&suite{T: t, Fixture: f})
		})
	}
}

// suite is one group of tests with its fixture.
type suite struct {
	*testing.T
	Fixture
	made int
}

func (s *suite) ctx() context.Context { return s.T.Context() }

// sub runs a named case on the same mailbox.
func (s *suite) sub(name string, run func(s *suite)) {
	s.T.Run(name, func(t *testing.T) { run(&suite{T: t, Fixture: s.Fixture}) })
}

// unique returns a text that no other test run used.
func (s *suite) unique(text string) string {
	s.made++
	return fmt.Sprintf("%s %s-%d", text, strconv.FormatInt(time.Now().UnixNano(), 36), s.made)
}

// must ends the test on an error.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// wants checks for one of the errors of package bridge.
func (s *suite) wants(op string, got, want error) {
	s.Helper()
	if !errors.Is(got, want) {
		s.Errorf("%s: error %v, want %v", op, got, want)
	}
}

// eventually tries until check is content or patience ends.
func (s *suite) eventually(what string, check func() error) {
	s.Helper()
	deadline := time.Now().Add(s.Patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if !time.Now().Before(deadline) {
			s.Fatalf("%s: %v", what, err)
		}
		select {
		case <-time.After(time.Second):
		case <-s.ctx().Done():
			s.Fatal(s.ctx().Err())
		}
	}
}

// scratch makes a folder that goes when the test ends.
func (s *suite) scratch() bridge.FolderID {
	s.Helper()
	f, err := s.Store.CreateFolder(s.ctx(), "", s.unique("storetest"))
	s.must(err)
	s.Cleanup(func() {
		// Twice: to Deleted Items, and out of it.
		ctx := context.WithoutCancel(s.ctx())
		for range 2 {
			if err := s.Store.DeleteFolder(ctx, f.ID); err != nil && !errors.Is(err, bridge.ErrNotFound) {
				s.Logf("removing the test folder: %v", err)
			}
		}
	})
	return f.ID
}

// goneFolder returns the id of a folder that was.
func (s *suite) goneFolder() bridge.FolderID {
	s.Helper()
	f, err := s.Store.CreateFolder(s.ctx(), "", s.unique("storetest gone"))
	for i := 0; err == nil; i++ {
		if i == 3 {
			s.Fatal("DeleteFolder succeeds again and again")
		}
		err = s.Store.DeleteFolder(s.ctx(), f.ID)
	}
	s.wants("DeleteFolder of a folder that is gone", err, bridge.ErrNotFound)
	return f.ID
}

// goneMessage returns the id of a message that was.
func (s *suite) goneMessage(folder bridge.FolderID) bridge.MessageID {
	s.Helper()
	id := s.put(folder, sample{subject: s.unique("gone")}.bytes())
	for range 2 {
		s.must(s.Store.Delete(s.ctx(), []bridge.MessageID{id}, bridge.DisposePermanent)[0])
	}
	return id
}

// put puts a message into a folder: from outside if possible.
func (s *suite) put(folder bridge.FolderID, mime []byte) bridge.MessageID {
	s.Helper()
	if d, ok := s.Outside.(Deliverer); ok {
		return d.Deliver(folder, mime, DeliverOptions{})
	}
	info, err := s.Store.Append(s.ctx(), s.newMessage(folder, mime))
	s.must(err)
	return info.ID
}

// putMany puts n different messages.
func (s *suite) putMany(folder bridge.FolderID, n int) []bridge.MessageID {
	s.Helper()
	var ids []bridge.MessageID
	for i := range n {
		ids = append(ids, s.put(folder, sample{subject: fmt.Sprintf("message %d", i)}.bytes()))
	}
	return ids
}

// newMessage is what Append takes.
func (s *suite) newMessage(folder bridge.FolderID, mime []byte) bridge.NewMessage {
	s.Helper()
	return bridge.NewMessage{Folder: folder, MIME: section(mime), Parts: s.parts(mime)}
}

func section(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

func (s *suite) parts(mime []byte) *mimepart.Part {
	s.Helper()
	p, err := mimepart.Parse(bytes.NewReader(mime))
	s.must(err)
	return p
}

// info returns what the store knows of one message.
func (s *suite) info(id bridge.MessageID) bridge.MessageInfo {
	s.Helper()
	list, err := s.Store.Messages(s.ctx(), []bridge.MessageID{id})
	s.must(err)
	if len(list) != 1 || list[0].ID != id {
		s.Fatalf("Messages(%q): %d rows: %+v", id, len(list), list)
	}
	return list[0]
}

// read returns a message's MIME.
func (s *suite) read(id bridge.MessageID) []byte {
	s.Helper()
	r, err := s.Store.MIME(s.ctx(), id)
	s.must(err)
	defer r.Close()
	b, err := io.ReadAll(r)
	s.must(err)
	return b
}

// ids returns the ids in a folder as List has them, sorted, each once.
func (s *suite) ids(folder bridge.FolderID) []bridge.MessageID {
	s.Helper()
	var ids []bridge.MessageID
	s.must(s.Store.List(s.ctx(), folder, func(page []bridge.MessageInfo) error {
		for _, m := range page {
			ids = append(ids, m.ID)
		}
		return nil
	}))
	slices.Sort(ids)
	return slices.Compact(ids)
}

// contains waits until a folder has exactly the messages of want.
func (s *suite) contains(folder bridge.FolderID, want []bridge.MessageID) {
	s.Helper()
	want = slices.Sorted(slices.Values(want))
	s.eventually("messages in the folder", func() error {
		if got := s.ids(folder); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}

// roleFolder returns the folder with a role.
func (s *suite) roleFolder(r bridge.Role) bridge.FolderInfo {
	s.Helper()
	list, err := s.Store.Folders(s.ctx())
	s.must(err)
	for _, f := range list {
		if f.Role == r {
			return f
		}
	}
	s.Fatalf("no folder with role %q", r)
	return bridge.FolderInfo{}
}
