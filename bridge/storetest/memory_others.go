package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"mail2graph/bridge"
)

// DeliverOptions are the properties of a message that is not in its MIME.
type DeliverOptions struct {
	Received   time.Time // zero: now
	Read       bool
	Flagged    bool
	Draft      bool
	Verb       bridge.Verb
	Categories []string
	Class      string // "" for what the MIME suggests
}

// Folder returns the folder with a role; "" if there is none.
func (m *Memory) Folder(r bridge.Role) bridge.FolderID {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.role(r); f != nil {
		return f.ID
	}
	return ""
}

// Deliver puts a message into a folder.
func (m *Memory) Deliver(to bridge.FolderID, mime []byte, o DeliverOptions) bridge.MessageID {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mustFolder(to)
	return m.file(to, mime, o).ID
}

// Contents returns the messages of a folder, newest received first.
func (m *Memory) Contents(id bridge.FolderID) []bridge.MessageInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []bridge.MessageInfo
	for _, msg := range m.in(id) {
		list = append(list, msg.info())
	}
	return list
}

// Octets returns the MIME of a message.
func (m *Memory) Octets(id bridge.MessageID) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.mustMessage(id).mime)
}

// SetRead changes the read state of a message.
func (m *Memory) SetRead(id bridge.MessageID, on bool) {
	m.change(bridge.FlagUpdate{ID: id, Read: &on})
}

// SetFlagged changes the flag of a message.
func (m *Memory) SetFlagged(id bridge.MessageID, on bool) {
	m.change(bridge.FlagUpdate{ID: id, Flagged: &on})
}

// SetCategories replaces the categories of a message.
func (m *Memory) SetCategories(id bridge.MessageID, categories ...string) {
	m.change(bridge.FlagUpdate{ID: id, Categories: &categories})
}

// SetVerb changes the last verb of a message, as answering it in Outlook does.
func (m *Memory) SetVerb(id bridge.MessageID, v bridge.Verb) {
	m.change(bridge.FlagUpdate{ID: id, Verb: &v})
}

func (m *Memory) change(u bridge.FlagUpdate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.update(m.mustMessage(u.ID), u)
}

// Rewrite gives a message new content and keeps the rest, as saving a draft in
// Outlook does; delta tells it as a complete row.
func (m *Memory) Rewrite(id bridge.MessageID, mime []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg := m.mustMessage(id)
	info := describe(mime)
	info.ID, info.Folder, info.ArticleNumber = msg.ID, msg.Folder, msg.ArticleNumber
	info.Read, info.Flagged, info.Draft, info.Verb = msg.Read, msg.Flagged, msg.Draft, msg.Verb
	info.Categories, info.Received = msg.Categories, msg.Received
	msg.MessageInfo, msg.mime = info, bytes.Clone(mime)
	m.note(m.folders[msg.Folder], id, changed)
}

// Remove deletes a message for good.
func (m *Memory) Remove(id bridge.MessageID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.purge(m.mustMessage(id))
}

// MoveMessage moves a message; its id stays.
func (m *Memory) MoveMessage(id bridge.MessageID, to bridge.FolderID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.move(m.mustMessage(id), m.mustFolder(to))
}

// AddFolder makes a folder; a parent of "" is the root. It panics if the name
// is taken.
func (m *Memory) AddFolder(parent bridge.FolderID, name string) bridge.FolderID {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkName("", parent, name); err != nil {
		panic(fmt.Sprintf("storetest: add folder %q: %v", name, err))
	}
	return m.newFolder(parent, name).ID
}

// RemoveFolder deletes a folder, and all in it and below it, for good.
func (m *Memory) RemoveFolder(id bridge.FolderID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropFolder(m.mustFolder(id))
}

// ExpireDelta makes the service forget all delta links given so far.
func (m *Memory) ExpireDelta() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
}

// Lose removes a message from a folder without any trace in delta: what a full
// check must find.
func (m *Memory) Lose(id bridge.MessageID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.folders[m.mustMessage(id).Folder]
	delete(m.messages, id)
	f.log = slices.DeleteFunc(f.log, func(e event) bool { return e.id == id })
	f.sorted = nil
}

func (m *Memory) mustMessage(id bridge.MessageID) *message {
	msg := m.messages[id]
	if msg == nil {
		panic(fmt.Sprintf("storetest: no message %q", id))
	}
	return msg
}

func (m *Memory) mustFolder(id bridge.FolderID) *folder {
	f := m.folders[id]
	if f == nil {
		panic(fmt.Sprintf("storetest: no folder %q", id))
	}
	return f
}
