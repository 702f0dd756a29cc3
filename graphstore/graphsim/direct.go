package graphsim

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrNotFound is returned by the direct methods of Mailbox when a message or folder does not exist.
var ErrNotFound = errors.New("no such item")

// MessageView is the state of a message, for assertions.
type MessageView struct {
	ID          string     `json:"id"`        // immutable
	DefaultID   string     `json:"defaultId"` // changes on a move
	ChangeKey   string     `json:"changeKey"`
	Folder      FolderView `json:"folder"`
	Meta        Meta       `json:"meta"`
	Received    time.Time  `json:"received"`
	Read        bool       `json:"read"`
	Draft       bool       `json:"draft"`
	Flag        string     `json:"flag"` // "notFlagged", "flagged", "complete"
	Categories  []string   `json:"categories"`
	Article     int        `json:"article"`     // 0x0e23, 0 when not given out
	Verb        int        `json:"verb"`        // 0x1081, 0 when unset
	Size        int64      `json:"size"`        // 0x0e08
	Attachments int        `json:"attachments"` // including inline ones; Messages does not open generated content for it
}

// FolderView is the state of a folder, for assertions.
type FolderView struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Path      string `json:"path"`                // display names from below the root, with "/"
	WellKnown string `json:"wellKnown,omitempty"` // "" for folders that users made
	Total     int    `json:"total"`
	Unread    int    `json:"unread"`
	Hidden    bool   `json:"hidden,omitempty"`
	Search    bool   `json:"search,omitempty"`
}

// Deliver puts a message into the mailbox and returns its immutable id.
func (mb *Mailbox) Deliver(mime []byte, o DeliverOptions) (string, error) {
	return mb.DeliverContent(Bytes(mime), o)
}

// DeliverContent is Deliver for content that is made on demand; with o.Meta it is not even opened.
func (mb *Mailbox) DeliverContent(c Content, o DeliverOptions) (string, error) {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	if o.Folder == "" {
		o.Folder = "inbox"
	}
	f := mb.findFolder(o.Folder)
	if f == nil {
		return "", fmt.Errorf("folder %s: %w", o.Folder, ErrNotFound)
	}
	m := mb.deliver(f, c, o)
	return m.id(true), nil
}

// CreateFolder makes a folder below parent (a well-known name, an id, a path, or "" for the root) and returns its id.
func (mb *Mailbox) CreateFolder(parent, name string) (string, error) {
	return mb.createFolder(parent, name, false)
}

// CreateSearchFolder makes a search folder; its messages live elsewhere.
func (mb *Mailbox) CreateSearchFolder(parent, name string) (string, error) {
	return mb.createFolder(parent, name, true)
}

func (mb *Mailbox) createFolder(parent, name string, search bool) (string, error) {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	if parent == "" {
		parent = "msgfolderroot"
	}
	p := mb.findFolder(parent)
	if p == nil {
		return "", fmt.Errorf("folder %s: %w", parent, ErrNotFound)
	}
	if p.child(name) != nil {
		return "", fmt.Errorf("folder %s exists", name)
	}
	f := mb.addFolder(p, name, "")
	f.search = search
	return f.id(), nil
}

// RenameFolder gives a folder another display name.
func (mb *Mailbox) RenameFolder(where, name string) error {
	return mb.onFolder(where, func(f *folder) error {
		f.name = name
		f.touch(true)
		return nil
	})
}

// MoveFolder puts a folder below another parent.
func (mb *Mailbox) MoveFolder(name, parent string) error {
	return mb.onFolder(name, func(f *folder) error {
		p := mb.findFolder(parent)
		if p == nil || p.within(f) {
			return fmt.Errorf("folder %s: %w", parent, ErrNotFound)
		}
		f.moveTo(p)
		return nil
	})
}

// DeleteFolder removes a folder with everything in it, without a way back.
func (mb *Mailbox) DeleteFolder(name string) error {
	return mb.onFolder(name, func(f *folder) error { mb.destroyFolder(f); return nil })
}

// Folder returns a folder by well-known name, id or path.
func (mb *Mailbox) Folder(name string) (FolderView, error) {
	var v FolderView
	err := mb.onFolder(name, func(f *folder) error { v = f.view(); return nil })
	return v, err
}

// Folders returns all folders below the root, parents before children.
func (mb *Mailbox) Folders() []FolderView {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	var out []FolderView
	var walk func(f *folder)
	walk = func(f *folder) {
		for _, c := range f.sortedChildren() {
			out = append(out, c.view())
			walk(c)
		}
	}
	walk(mb.root)
	return out
}

// Messages returns what a folder holds, oldest first. It is nil when the folder does not exist.
func (mb *Mailbox) Messages(name string) []MessageView {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	mb.srv.settle()
	f := mb.findFolder(name)
	if f == nil {
		return nil
	}
	out := make([]MessageView, 0, len(f.msgs))
	for _, m := range f.msgs {
		out = append(out, m.view())
	}
	return out
}

// Message returns one message by either form of its id.
func (mb *Mailbox) Message(id string) (MessageView, error) {
	var v MessageView
	err := mb.onMessage(id, func(m *message) { v = m.view(); v.Attachments = len(m.attachmentList()) })
	return v, err
}

// MIME returns the bytes that $value would give now.
func (mb *Mailbox) MIME(id string) ([]byte, error) {
	var c Content
	if err := mb.onMessage(id, func(m *message) { c = m.mime() }); err != nil {
		return nil, err
	}
	return io.ReadAll(c.Open())
}

// SetRead marks a message read or unread.
func (mb *Mailbox) SetRead(id string, read bool) error {
	return mb.onMessage(id, func(m *message) { m.setRead(read) })
}

// SetFlag sets the follow-up flag: "notFlagged", "flagged" or "complete".
func (mb *Mailbox) SetFlag(id, status string) error {
	return mb.onMessage(id, func(m *message) { m.flag.Status = status; m.touch(changeState) })
}

// SetCategories replaces the categories.
func (mb *Mailbox) SetCategories(id string, names ...string) error {
	return mb.onMessage(id, func(m *message) { m.categories = names; m.touch(changeState) })
}

// SetVerb sets the last verb (0x1081): 102 reply, 103 reply to all, 104 forward.
func (mb *Mailbox) SetVerb(id string, verb int) error {
	return mb.onMessage(id, func(m *message) {
		m.setExt("Integer 0x1081", fmt.Sprint(verb))
		m.touch(changeState)
	})
}

// SetSubject changes content, as a user editing the message in Outlook would, whether it is a draft or not.
func (mb *Mailbox) SetSubject(id, subject string) error {
	return mb.onMessage(id, func(m *message) {
		m.materialise()
		m.meta.Subject = subject
		m.touch(changeContent)
	})
}

// FailValue makes $value of one message fail, or work again.
func (mb *Mailbox) FailValue(id string, fail bool) error {
	return mb.onMessage(id, func(m *message) { m.failValue = fail })
}

// MoveMessage moves a message to another folder, which changes its default id and article number.
func (mb *Mailbox) MoveMessage(id, to string) error {
	return mb.intoFolder(id, to, func(m *message, f *folder) { m.moveTo(f) })
}

// CopyMessage copies a message and returns the immutable id of the copy.
func (mb *Mailbox) CopyMessage(id, to string) (string, error) {
	var out string
	err := mb.intoFolder(id, to, func(m *message, f *folder) { out = m.copyTo(f).id(true) })
	return out, err
}

// MoveOutAndBack moves a message to another folder and at once back, the case of §6.3.
func (mb *Mailbox) MoveOutAndBack(id, via string) error {
	return mb.intoFolder(id, via, func(m *message, f *folder) {
		home := m.folder
		m.moveTo(f)
		m.moveTo(home)
	})
}

// DeleteMessage removes a message for good.
func (mb *Mailbox) DeleteMessage(id string) error {
	return mb.onMessage(id, func(m *message) { m.remove() })
}

// ExpireDelta makes all delta and paging tokens of a folder invalid ("" means all folders and the folder list).
func (mb *Mailbox) ExpireDelta(name string) error {
	if name != "" {
		return mb.onFolder(name, func(f *folder) error { f.generation++; return nil })
	}
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	mb.foldGen++
	for _, f := range mb.folders {
		f.generation++
	}
	return nil
}

func (mb *Mailbox) onFolder(name string, fn func(*folder) error) error {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	mb.srv.settle()
	f := mb.findFolder(name)
	if f == nil {
		return fmt.Errorf("folder %s: %w", name, ErrNotFound)
	}
	return fn(f)
}

func (mb *Mailbox) onMessage(id string, fn func(*message)) error {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	mb.srv.settle()
	m, _ := mb.findMessage(id)
	if m == nil {
		return fmt.Errorf("message %s: %w", id, ErrNotFound)
	}
	fn(m)
	return nil
}

func (mb *Mailbox) intoFolder(id, to string, fn func(*message, *folder)) error {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	mb.srv.settle()
	m, _ := mb.findMessage(id)
	f := mb.findFolder(to)
	switch {
	case m == nil:
		return fmt.Errorf("message %s: %w", id, ErrNotFound)
	case f == nil:
		return fmt.Errorf("folder %s: %w", to, ErrNotFound)
	}
	fn(m, f)
	return nil
}
