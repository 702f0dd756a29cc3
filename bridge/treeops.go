package bridge

import (
	"context"
	"fmt"
	"strings"
)

// Create makes a folder and those missing above it; a "/" at the end is ignored
// (RFC 3501 §6.3.3). ErrExists, ErrInvalid.
func (m *Mailbox) Create(ctx context.Context, name string) error {
	name = composed(canonical(name))
	if err := checkName(name); err != nil {
		return err
	}
	if err := m.refreshTree(ctx, freshFor); err != nil {
		return fmt.Errorf("create folder %q: %w", name, err)
	}
	if m.lookup(name) != nil {
		return fmt.Errorf("create folder %q: %w", name, ErrExists)
	}
	_, err := m.ensure(ctx, name)
	return err
}

// missing lists the names that Create would make for a name, outermost first, going
// by the tree as it was last read.
func (m *Mailbox) missing(name string) []string {
	var names []string
	path := ""
	for level := range strings.SplitSeq(composed(canonical(name)), Separator) {
		path += level
		if m.lookup(path) == nil {
			names = append(names, path)
		}
		path += Separator
	}
	return names
}

// ensure returns the id of a folder, making it and those above it as needed.
func (m *Mailbox) ensure(ctx context.Context, name string) (FolderID, error) {
	var parent FolderID
	levels := strings.Split(name, Separator)
	made := false
	defer func() {
		if made {
			m.forgetTree()
		}
	}()
	for i, level := range levels {
		path := strings.Join(levels[:i+1], Separator)
		if f := m.lookup(path); f != nil && !made {
			parent = f.id
			continue
		}
		info, err := m.store.CreateFolder(ctx, parent, level)
		if err != nil {
			return "", fmt.Errorf("create folder %q: %w", path, err)
		}
		made, parent = true, info.ID
	}
	if made {
		if err := m.rereadTree(ctx); err != nil {
			return "", fmt.Errorf("folder %q was created, but not read back: %w", name, err)
		}
	}
	return parent, nil
}

func checkName(name string) error {
	for level := range strings.SplitSeq(name, Separator) {
		if strings.TrimSpace(level) == "" {
			return fmt.Errorf("folder name %q has an empty level: %w", name, ErrInvalid)
		}
		if levelName(level) != level { // RFC 9051 §5.1
			return fmt.Errorf("folder name %q has a control character or a line separator: %w", name, ErrInvalid)
		}
	}
	return nil
}

// forgetTree makes the next look at the tree ask the service; for the paths on
// which rereadTree did not succeed.
func (m *Mailbox) forgetTree() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.treeAt = m.treeAt.Add(-treeAge)
}

// Delete removes a folder and its messages: it goes below Deleted Items, or for
// good if it is there already. ErrNotFound; ErrDenied for INBOX and the other
// default folders; ErrInvalid while it has folders below it.
func (m *Mailbox) Delete(ctx context.Context, name string) error {
	f, err := m.Folder(ctx, name)
	if err != nil {
		return err
	}
	if err := m.refreshTree(ctx, freshFor); err != nil {
		return fmt.Errorf("delete folder %q: %w", name, err)
	}
	info := f.info()
	if info.Role != RoleNone {
		return fmt.Errorf("delete folder %q: a default folder of the mailbox: %w", name, ErrDenied)
	}
	for _, other := range m.live() {
		if other.info().Parent == info.ID {
			return fmt.Errorf("delete folder %q: it has folders below it, delete those first: %w", name, ErrInvalid)
		}
	}
	if err := m.store.DeleteFolder(ctx, info.ID); err != nil && !gone(err) {
		return fmt.Errorf("delete folder %q: %w", name, err)
	}
	return m.rereadTree(ctx)
}

// Rename gives a folder another name, place or both; UIDs stay. Renaming INBOX
// moves its messages into a new folder (RFC 3501 §6.3.5).
func (m *Mailbox) Rename(ctx context.Context, from, to string) error {
	from, to = canonical(from), composed(canonical(to))
	if err := checkName(to); err != nil {
		return err
	}
	f, err := m.Folder(ctx, from)
	if err != nil {
		return err
	}
	if err := m.refreshTree(ctx, freshFor); err != nil {
		return fmt.Errorf("rename folder %q: %w", from, err)
	}
	if m.lookup(to) != nil {
		return fmt.Errorf("rename folder %q to %q: %w", from, to, ErrExists)
	}
	switch info := f.info(); {
	case info.Role == RoleInbox:
		return m.renameInbox(ctx, f, to)
	case info.Role != RoleNone:
		return fmt.Errorf("rename folder %q: a default folder of the mailbox: %w", from, ErrDenied)
	case strings.HasPrefix(to, from+Separator):
		return fmt.Errorf("rename folder %q to %q, below itself: %w", from, to, ErrInvalid)
	default:
		return m.renameFolder(ctx, info, from, to)
	}
}

func (m *Mailbox) renameInbox(ctx context.Context, f *Folder, to string) error {
	if _, err := m.ensure(ctx, to); err != nil {
		return err
	}
	dest, err := m.Folder(ctx, to)
	if err != nil {
		return err
	}
	if err := f.Sync(ctx); err != nil {
		return err
	}
	_, err = f.Transfer(ctx, f.Snapshot().UIDs(), dest, true, nil)
	return err
}

// renameFolder is two calls where the parent changes; the second one's failure
// takes the first back.
func (m *Mailbox) renameFolder(ctx context.Context, info FolderInfo, from, to string) error {
	parentName, level := "", to
	if i := strings.LastIndex(to, Separator); i >= 0 {
		parentName, level = to[:i], to[i+1:]
	}
	parent := FolderID("")
	if parentName != "" {
		var err error
		if parent, err = m.ensure(ctx, parentName); err != nil {
			return err
		}
	}
	defer m.forgetTree() // whatever happened, look
	moved := parent != info.Parent
	if moved {
		if err := m.store.MoveFolder(ctx, info.ID, parent); err != nil {
			return fmt.Errorf("move folder %q below %q: %w", from, parentName, err)
		}
	}
	if level != levelName(info.Name) {
		if err := m.store.RenameFolder(ctx, info.ID, level); err != nil {
			err = fmt.Errorf("rename folder %q to %q: %w", from, to, err)
			if moved {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackLimit)
				defer cancel()
				if back := m.store.MoveFolder(ctx, info.ID, info.Parent); back != nil {
					err = fmt.Errorf("%w; moving it back: %w", err, back)
				}
			}
			return err
		}
	}
	return m.rereadTree(ctx)
}
