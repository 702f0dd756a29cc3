package storetest

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
)

var (
	_ bridge.Store       = (*Memory)(nil)
	_ bridge.UsageTeller = (*Memory)(nil)
)

// Options shape a Memory; the zero value is a small, healthy mailbox.
type Options struct {
	// Address is the mailbox's own: mail sent to it arrives in its Inbox.
	// Default "user@example.com".
	Address string
	// SendAs are further addresses that the mailbox may send from.
	SendAs []string
	// Names are the display names of the default folders; missing ones are in English.
	Names map[bridge.Role]string
	// NoArchive leaves the archive folder out: it exists only after its first use.
	NoArchive bool
	// PageSize is the number of rows in a page of List and Delta; default 100.
	PageSize int
	// MostFound bounds the results of FindText; 0: all.
	MostFound int
	// FullRows makes a change of the read state give a complete row; by
	// default it gives a row with the read state alone.
	FullRows bool
	// SilentVerbs keeps a change of the last verb out of delta rounds.
	SilentVerbs bool
	// Replay repeats the rows of each delta round in the next one, and every
	// row twice within its round.
	Replay bool
	// Forgetful answers each delta round as if it were the first: with all there
	// is, and with nothing of what went.
	Forgetful bool
	// NoArticleNumbers leaves MessageInfo.ArticleNumber 0.
	NoArticleNumbers bool
	// MaxSize is the size above which Append and CreateDraft return ErrTooLarge; 0: none.
	MaxSize int64
	// Quota is the sum of sizes above which Append returns ErrQuota; 0: none.
	Quota int64
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// German returns the display names of the default folders of a German mailbox.
func German() map[bridge.Role]string {
	return map[bridge.Role]string{
		bridge.RoleInbox:   "Posteingang",
		bridge.RoleArchive: "Archiv",
		bridge.RoleDrafts:  "Entwürfe",
		bridge.RoleJunk:    "Junk-E-Mail",
		bridge.RoleSent:    "Gesendete Elemente",
		bridge.RoleTrash:   "Gelöschte Elemente",
	}
}

// Memory is a mailbox in memory. As a bridge.Store it counts its calls and can
// be told to fail; its further methods act as somebody else does who uses the
// same mailbox, are not counted, never fail, and panic on an id that does not
// exist. It starts no goroutine and never sleeps.
type Memory struct {
	opts Options

	mu       sync.Mutex // guards everything below
	folders  map[bridge.FolderID]*folder
	order    []bridge.FolderID // of creation
	messages map[bridge.MessageID]*message
	lastID   uint64
	seq      int64 // of the last event in any folder
	// epoch is raised by ExpireDelta: links of earlier epochs are refused.
	epoch  int
	listed int // pages of List and ListFrom that were given out
	sent   []SentMessage
	drafts map[bridge.MessageID]bridge.Outgoing // of CreateDraft, without MIME
	calls  map[Method]int
	faults map[Method][]Fault
	holds  map[Method]*hold
}

type folder struct {
	bridge.FolderInfo
	standard bool // made by the service: cannot be renamed, moved, deleted
	hidden   bool // not in the visible tree
	log      []event
	articles int64
	sorted   []*message // as in returns them; nil when it must be made anew
}

type message struct {
	bridge.MessageInfo
	mime    []byte
	marker  string // of CreateDraft
	arrived int64  // seq of its coming into the folder
}

type eventKind int

const (
	came eventKind = iota
	left
	changed
	readChanged // of the read state alone
)

type event struct {
	seq  int64
	id   bridge.MessageID
	kind eventKind
}

// The service's folders outside the visible tree, and one that has no role.
const (
	recoverable bridge.FolderID = "AAMkRecoverableItemsDeletions="
	outbox      bridge.Role     = "outbox"
)

var standardFolders = []struct {
	role bridge.Role
	name string
}{
	{bridge.RoleInbox, "Inbox"},
	{bridge.RoleDrafts, "Drafts"},
	{bridge.RoleSent, "Sent Items"},
	{bridge.RoleTrash, "Deleted Items"},
	{bridge.RoleJunk, "Junk Email"},
	{bridge.RoleArchive, "Archive"},
	{outbox, "Outbox"},
}

// NewMemory returns a mailbox with the default folders (one for each role, and
// "Outbox", which has none) and no messages.
func NewMemory(opts Options) *Memory {
	if opts.Address == "" {
		opts.Address = "user@example.com"
	}
	if opts.PageSize <= 0 {
		opts.PageSize = 100
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	m := &Memory{
		opts:     opts,
		folders:  make(map[bridge.FolderID]*folder),
		messages: make(map[bridge.MessageID]*message),
		drafts:   make(map[bridge.MessageID]bridge.Outgoing),
		calls:    make(map[Method]int),
		faults:   make(map[Method][]Fault),
		holds:    make(map[Method]*hold),
	}
	for _, s := range standardFolders {
		if s.role == bridge.RoleArchive && opts.NoArchive {
			continue
		}
		name := s.name
		if n := opts.Names[s.role]; n != "" {
			name = n
		}
		f := m.newFolder("", name)
		f.standard = true
		if s.role != outbox {
			f.Role = s.role
		}
	}
	m.folders[recoverable] = &folder{
		FolderInfo: bridge.FolderInfo{ID: recoverable, Name: "Deletions"},
		standard:   true, hidden: true,
	}
	return m
}

// Address returns the mailbox's own address.
func (m *Memory) Address() string { return m.opts.Address }

// newID returns an opaque id. Base64 of a counter: some ids differ in letter
// case alone, as those of the service may. The caller holds mu.
func (m *Memory) newID(prefix string) string {
	m.lastID++
	var b [9]byte
	binary.BigEndian.PutUint64(b[:8], m.lastID)
	return prefix + base64.URLEncoding.EncodeToString(b[:])
}

func (m *Memory) newFolder(parent bridge.FolderID, name string) *folder {
	f := &folder{FolderInfo: bridge.FolderInfo{
		ID: bridge.FolderID(m.newID("AAMkF")), Parent: parent, Name: name,
	}}
	m.folders[f.ID] = f
	m.order = append(m.order, f.ID)
	return f
}

// role returns the folder with a role, or nil. The caller holds mu.
func (m *Memory) role(r bridge.Role) *folder {
	for _, id := range m.order {
		if m.folders[id].Role == r {
			return m.folders[id]
		}
	}
	return nil
}

// note logs what delta will tell of a message. The caller holds mu.
func (m *Memory) note(f *folder, id bridge.MessageID, kind eventKind) {
	m.seq++
	f.log = append(f.log, event{m.seq, id, kind})
	if kind == came || kind == left {
		f.sorted = nil
	}
}

// insert files msg, whose ID and Folder are set. The caller holds mu.
func (m *Memory) insert(msg *message) {
	f := m.folders[msg.Folder]
	m.messages[msg.ID] = msg
	m.place(msg, f)
}

// place is the coming of a message into a folder. The caller holds mu.
func (m *Memory) place(msg *message, f *folder) {
	msg.Folder = f.ID
	f.articles++
	msg.ArticleNumber = f.articles
	if m.opts.NoArticleNumbers {
		msg.ArticleNumber = 0
	}
	m.note(f, msg.ID, came)
	msg.arrived = m.seq
}

// move takes a message to another folder; its id stays. A move to where it is
// does nothing. The caller holds mu.
func (m *Memory) move(msg *message, to *folder) {
	if msg.Folder == to.ID {
		return
	}
	m.note(m.folders[msg.Folder], msg.ID, left)
	m.place(msg, to)
}

// purge removes a message for good. The caller holds mu.
func (m *Memory) purge(msg *message) {
	m.note(m.folders[msg.Folder], msg.ID, left)
	delete(m.messages, msg.ID)
}

// in returns the messages of a folder, newest received first, as the service
// lists them. The caller holds mu and does not change the slice.
func (m *Memory) in(id bridge.FolderID) []*message {
	f := m.folders[id]
	if f == nil {
		return nil
	}
	if f.sorted == nil {
		f.sorted = []*message{}
		for _, msg := range m.messages {
			if msg.Folder == id {
				f.sorted = append(f.sorted, msg)
			}
		}
		sortMessages(f.sorted)
	}
	return f.sorted
}

// seconds is t as the service reports times.
func seconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// now returns the time of the mailbox's clock.
func (m *Memory) now() time.Time { return seconds(m.opts.Now()) }

func sameAddress(a, b string) bool { return strings.EqualFold(a, b) }
