package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"mail2graph/bridge"
)

// Folders implements bridge.FolderLister.
func (m *Memory) Folders(ctx context.Context) ([]bridge.FolderInfo, error) {
	late, err := m.begin(ctx, Folders)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	total, unread := map[bridge.FolderID]int{}, map[bridge.FolderID]int{}
	for _, msg := range m.messages {
		total[msg.Folder]++
		if !msg.Read {
			unread[msg.Folder]++
		}
	}
	var list []bridge.FolderInfo
	var walk func(parent bridge.FolderID)
	walk = func(parent bridge.FolderID) {
		for _, id := range m.order {
			if f := m.folders[id]; f.Parent == parent {
				info := f.FolderInfo
				info.Total, info.Unread = total[id], unread[id]
				list = append(list, info)
				walk(id)
			}
		}
	}
	walk("")
	return list, late
}

// CreateFolder implements bridge.FolderWriter.
func (m *Memory) CreateFolder(ctx context.Context, parent bridge.FolderID, name string) (bridge.FolderInfo, error) {
	late, err := m.begin(ctx, CreateFolder)
	if err != nil {
		return bridge.FolderInfo{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkName("", parent, name); err != nil {
		return bridge.FolderInfo{}, fmt.Errorf("create folder %q: %w", name, err)
	}
	info := m.newFolder(parent, name).FolderInfo
	if late != nil {
		return bridge.FolderInfo{}, late
	}
	return info, nil
}

// RenameFolder implements bridge.FolderWriter.
func (m *Memory) RenameFolder(ctx context.Context, id bridge.FolderID, name string) error {
	late, err := m.begin(ctx, RenameFolder)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.ownFolder(id)
	if err == nil {
		err = m.checkName(id, f.Parent, name)
	}
	if err != nil {
		return fmt.Errorf("rename folder to %q: %w", name, err)
	}
	f.Name = name
	return late
}

// MoveFolder implements bridge.FolderWriter.
func (m *Memory) MoveFolder(ctx context.Context, id, parent bridge.FolderID) error {
	late, err := m.begin(ctx, MoveFolder)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.ownFolder(id)
	if err == nil {
		err = m.checkName(id, parent, f.Name)
	}
	if err == nil && m.below(parent, id) {
		err = bridge.ErrInvalid
	}
	if err != nil {
		return fmt.Errorf("move folder: %w", err)
	}
	f.Parent = parent
	return late
}

// DeleteFolder implements bridge.FolderWriter: the folder goes below Deleted
// Items; a folder that is there already goes for good.
func (m *Memory) DeleteFolder(ctx context.Context, id bridge.FolderID) error {
	late, err := m.begin(ctx, DeleteFolder)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.ownFolder(id)
	if err != nil {
		return fmt.Errorf("delete folder: %w", err)
	}
	trash := m.role(bridge.RoleTrash).ID
	if m.below(id, trash) {
		m.dropFolder(f)
		return late
	}
	name := f.Name
	for n := 1; m.checkName(id, trash, f.Name) != nil; n++ {
		f.Name = fmt.Sprintf("%s%d", name, n)
	}
	f.Parent = trash
	return late
}

// ownFolder returns a folder that a user may change. The caller holds mu.
func (m *Memory) ownFolder(id bridge.FolderID) (*folder, error) {
	f := m.folders[id]
	switch {
	case f == nil:
		return nil, bridge.ErrNotFound
	case f.standard:
		return nil, bridge.ErrDenied
	}
	return f, nil
}

// checkName says whether folder id may be called name below parent. The caller
// holds mu.
func (m *Memory) checkName(id, parent bridge.FolderID, name string) error {
	if name == "" || utf8.RuneCountInString(name) > 255 {
		return bridge.ErrInvalid
	}
	if parent != "" && m.folders[parent] == nil {
		return bridge.ErrNotFound
	}
	for _, f := range m.folders {
		if f.ID != id && f.Parent == parent && !f.hidden && strings.EqualFold(f.Name, name) {
			return bridge.ErrExists
		}
	}
	return nil
}

// below reports whether id is top or a folder under it. The caller holds mu.
func (m *Memory) below(id, top bridge.FolderID) bool {
	for id != "" {
		if id == top {
			return true
		}
		id = m.folders[id].Parent
	}
	return false
}

// dropFolder removes a folder with all below it. The caller holds mu.
func (m *Memory) dropFolder(f *folder) {
	for _, child := range slices.Clone(m.order) {
		if c := m.folders[child]; c != nil && c.Parent == f.ID {
			m.dropFolder(c)
		}
	}
	for id, msg := range m.messages {
		if msg.Folder == f.ID {
			delete(m.messages, id)
		}
	}
	delete(m.folders, f.ID)
	m.order = slices.DeleteFunc(m.order, func(id bridge.FolderID) bool { return id == f.ID })
}

// Usage implements bridge.UsageTeller.
func (m *Memory) Usage(ctx context.Context) (int64, error) {
	late, err := m.begin(ctx, Usage)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	total := int64(0)
	for _, msg := range m.messages {
		total += int64(len(msg.mime))
	}
	return total, late
}
