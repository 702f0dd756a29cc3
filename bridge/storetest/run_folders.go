package storetest

import (
	"errors"
	"fmt"
	"slices"

	"mail2graph/bridge"
)

// folders: the tree is complete, in order, and its roles are told.
func (s *suite) folders() {
	parent := s.scratch()
	child, err := s.Store.CreateFolder(s.ctx(), parent, "child")
	s.must(err)
	grandchild, err := s.Store.CreateFolder(s.ctx(), child.ID, "grandchild")
	s.must(err)
	s.put(child.ID, sample{subject: "counted"}.bytes())

	list, err := s.Store.Folders(s.ctx())
	s.must(err)
	seen := map[bridge.FolderID]bridge.FolderInfo{}
	roles := map[bridge.Role]int{}
	for _, f := range list {
		if _, twice := seen[f.ID]; twice || f.ID == "" {
			s.Errorf("folder id %q: empty or twice", f.ID)
		}
		if _, known := seen[f.Parent]; f.Parent != "" && !known {
			s.Errorf("folder %q comes before its parent", f.Name)
		}
		seen[f.ID] = f
		roles[f.Role]++
	}
	for _, r := range []bridge.Role{bridge.RoleInbox, bridge.RoleDrafts, bridge.RoleSent, bridge.RoleTrash} {
		if roles[r] != 1 {
			s.Errorf("%d folders with role %q, want 1", roles[r], r)
		}
	}
	if seen[child.ID].Parent != parent || seen[grandchild.ID].Parent != child.ID {
		s.Errorf("parents of new folders: %q and %q, want %q and %q",
			seen[child.ID].Parent, seen[grandchild.ID].Parent, parent, child.ID)
	}
	if seen[parent].Parent != "" {
		s.Errorf("parent of a top folder: %q, want none", seen[parent].Parent)
	}
	s.eventually("count", func() error {
		list, err := s.Store.Folders(s.ctx())
		for _, f := range list {
			if f.ID == child.ID && f.Total != 1 {
				err = fmt.Errorf("the Total is %d, want 1", f.Total)
			}
		}
		return err
	})
	if teller, ok := s.Store.(bridge.UsageTeller); ok {
		s.eventually("usage", func() error {
			octets, err := teller.Usage(s.ctx())
			if err == nil && octets < int64(len(sample{subject: "counted"}.bytes())) {
				err = fmt.Errorf("the mailbox holds %d octets", octets)
			}
			return err
		})
	}
}

// named checks name and parent of a folder; a want of "" parent is the root.
func (s *suite) named(id bridge.FolderID, name string, parent bridge.FolderID) {
	s.Helper()
	s.eventually("folder "+name, func() error {
		list, err := s.Store.Folders(s.ctx())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(f bridge.FolderInfo) bool { return f.ID == id })
		if i < 0 {
			return errors.New("not listed")
		}
		if list[i].Name != name || list[i].Parent != parent {
			return fmt.Errorf("name %q below %q, want %q below %q", list[i].Name, list[i].Parent, name, parent)
		}
		return nil
	})
}

// folderChanges: create, rename, move and delete, and how they are refused.
func (s *suite) folderChanges() {
	top := s.scratch()
	gone := s.goneFolder()
	for _, name := range []string{"plain", "a/b", `back\slash`, "it's 100% \"quoted\" & <ä> + ü#?", "日本語", "Über"} {
		s.sub("create "+name, func(s *suite) {
			f, err := s.Store.CreateFolder(s.ctx(), top, name)
			s.must(err)
			if f.ID == "" || f.Name != name || f.Parent != top || f.Role != bridge.RoleNone {
				s.Errorf("created %+v", f)
			}
			s.named(f.ID, name, top)
			_, err = s.Store.CreateFolder(s.ctx(), top, name)
			s.wants("CreateFolder once more", err, bridge.ErrExists)
		})
	}
	a, err := s.Store.CreateFolder(s.ctx(), top, "first")
	s.must(err)
	b, err := s.Store.CreateFolder(s.ctx(), top, "second")
	s.must(err)
	kept := s.put(a.ID, sample{subject: "kept"}.bytes())

	s.must(s.Store.RenameFolder(s.ctx(), a.ID, "it's renamed / ü"))
	s.named(a.ID, "it's renamed / ü", top)
	s.wants("RenameFolder to a taken name", s.Store.RenameFolder(s.ctx(), a.ID, "second"), bridge.ErrExists)

	s.must(s.Store.MoveFolder(s.ctx(), a.ID, b.ID))
	s.named(a.ID, "it's renamed / ü", b.ID)
	s.contains(a.ID, []bridge.MessageID{kept})
	s.must(s.Store.MoveFolder(s.ctx(), a.ID, top))
	s.named(a.ID, "it's renamed / ü", top)

	toRoot, err := s.Store.CreateFolder(s.ctx(), top, s.unique("storetest to root"))
	s.must(err)
	s.must(s.Store.MoveFolder(s.ctx(), toRoot.ID, ""))
	s.named(toRoot.ID, toRoot.Name, "")
	s.must(s.Store.DeleteFolder(s.ctx(), toRoot.ID))

	s.must(s.Store.DeleteFolder(s.ctx(), a.ID))
	s.eventually("deleted folder", func() error {
		list, err := s.Store.Folders(s.ctx())
		for _, f := range list {
			if f.ID == a.ID && f.Parent == top {
				err = errors.New("still in its place")
			}
		}
		return err
	})

	_, err = s.Store.CreateFolder(s.ctx(), gone, "x")
	s.wants("CreateFolder below a folder that is gone", err, bridge.ErrNotFound)
	s.wants("RenameFolder of what is gone", s.Store.RenameFolder(s.ctx(), gone, "x"), bridge.ErrNotFound)
	s.wants("MoveFolder of what is gone", s.Store.MoveFolder(s.ctx(), gone, top), bridge.ErrNotFound)
	s.wants("MoveFolder to what is gone", s.Store.MoveFolder(s.ctx(), b.ID, gone), bridge.ErrNotFound)
}

// defaultFolders cannot be renamed, moved or deleted.
func (s *suite) defaultFolders() {
	top := s.scratch()
	for _, r := range []bridge.Role{bridge.RoleInbox, bridge.RoleSent, bridge.RoleTrash, bridge.RoleDrafts} {
		f := s.roleFolder(r)
		s.wants("RenameFolder "+f.Name, s.Store.RenameFolder(s.ctx(), f.ID, s.unique("storetest")), bridge.ErrDenied)
		s.wants("MoveFolder "+f.Name, s.Store.MoveFolder(s.ctx(), f.ID, top), bridge.ErrDenied)
		s.wants("DeleteFolder "+f.Name, s.Store.DeleteFolder(s.ctx(), f.ID), bridge.ErrDenied)
		s.named(f.ID, f.Name, f.Parent)
	}
}
