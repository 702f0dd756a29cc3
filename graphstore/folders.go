package graphstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

// wireFolder is a row of a folder list (page res/mailfolder).
type wireFolder struct {
	Type             string    `json:"@odata.type"`
	ID               string    `json:"id"`
	DisplayName      string    `json:"displayName"`
	ParentFolderID   string    `json:"parentFolderId"`
	ChildFolderCount *looseInt `json:"childFolderCount"` // nil: not told
	TotalItemCount   looseInt  `json:"totalItemCount"`
	UnreadItemCount  looseInt  `json:"unreadItemCount"`
	IsHidden         bool      `json:"isHidden"`
	SizeInBytes      *looseInt `json:"sizeInBytes"` // see Usage
}

func (f *wireFolder) isSearch() bool {
	return strings.HasSuffix(strings.ToLower(f.Type), "mailsearchfolder")
}

type wellKnownName struct {
	name string
	role bridge.Role
}

// wellKnown are the names of res/mailfolder that have a role, and the root. The
// archive may not exist before its first use; it stands last, so that its 404
// ends no chain early.
var wellKnown = []wellKnownName{
	{"msgfolderroot", bridge.RoleNone},
	{"inbox", bridge.RoleInbox},
	{"drafts", bridge.RoleDrafts},
	{"sentitems", bridge.RoleSent},
	{"deleteditems", bridge.RoleTrash},
	{"junkemail", bridge.RoleJunk},
	{"archive", bridge.RoleArchive},
}

// landmarks are the folders found by their well-known names.
type landmarks struct {
	root     bridge.FolderID
	roles    map[bridge.FolderID]bridge.Role
	nameless bool // no name is known, not even that of the root
}

// Folders walks the tree: v1.0 lists one level at a time and has no
// wellKnownName (pages api/user-list-mailfolders, api/mailfolder-list-childfolders).
func (s *Store) Folders(ctx context.Context) ([]bridge.FolderInfo, error) {
	marks, err := s.findLandmarks(ctx)
	if err != nil {
		return nil, err
	}
	var tree []bridge.FolderInfo
	err = s.walkFolders(ctx, marks, folderSelect, func(f *wireFolder) { tree = append(tree, marks.info(f)) })
	if err != nil {
		return nil, err
	}
	return tree, nil
}

// Usage implements bridge.UsageTeller by the sizes of the folders. v1.0 does not
// declare sizeInBytes, so that it cannot be selected; but where nothing is
// selected the service sends it.
func (s *Store) Usage(ctx context.Context) (int64, error) {
	marks, err := s.findLandmarks(ctx)
	if err != nil {
		return 0, fmt.Errorf("sizes of folders: %w", err)
	}
	total, told := int64(0), false
	err = s.walkFolders(ctx, marks, nil, func(f *wireFolder) {
		if f.SizeInBytes != nil {
			told = true
			total += max(int64(*f.SizeInBytes), 0)
		}
	})
	if err == nil && !told {
		err = fmt.Errorf("the service does not tell: %w", bridge.ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("sizes of folders: %w", err)
	}
	return total, nil
}

// walkFolders calls yield for every folder, parents first.
func (s *Store) walkFolders(ctx context.Context, marks *landmarks, sel []string, yield func(*wireFolder)) error {
	level, err := s.rootChildren(ctx, sel)
	if err != nil {
		return err
	}
	if marks.nameless {
		s.findByName(ctx, marks, level)
	}
	level = marks.topLevel(level)
	seen := map[string]bool{string(marks.root): true}
	for len(level) > 0 {
		var parents []string
		unsure := map[string]bool{}
		for i := range level {
			f := &level[i]
			if seen[f.ID] || f.ID == "" || f.isSearch() || f.IsHidden {
				continue
			}
			seen[f.ID] = true
			yield(f)
			if f.ChildFolderCount == nil || *f.ChildFolderCount > 0 {
				parents = append(parents, f.ID)
				unsure[f.ID] = f.ChildFolderCount == nil
			}
		}
		if level, err = s.children(ctx, parents, unsure, sel); err != nil {
			return err
		}
	}
	return nil
}

const folderPage = 250

var folderSelect = []string{"id", "displayName", "parentFolderId", "childFolderCount", "totalItemCount", "unreadItemCount", "isHidden"}

func (m *landmarks) info(f *wireFolder) bridge.FolderInfo {
	in := bridge.FolderInfo{
		ID:     bridge.FolderID(f.ID),
		Parent: bridge.FolderID(f.ParentFolderID),
		Name:   f.DisplayName,
		Role:   m.roles[bridge.FolderID(f.ID)],
		Total:  int(f.TotalItemCount),
		Unread: int(f.UnreadItemCount),
	}
	if in.Parent == m.root {
		in.Parent = ""
	}
	return in
}

// topLevel keeps the rows that are children of the root, as children does below.
// Where none names it, the list itself is believed.
func (m *landmarks) topLevel(rows []wireFolder) []wireFolder {
	var out []wireFolder
	for _, f := range rows {
		if f.ParentFolderID == "" || bridge.FolderID(f.ParentFolderID) == m.root {
			out = append(out, f)
		}
	}
	if out == nil {
		out = rows
	}
	for i := range out {
		out[i].ParentFolderID = string(m.root)
	}
	return out
}

// findLandmarks asks for every well-known folder in one batch.
func (s *Store) findLandmarks(ctx context.Context) (*landmarks, error) {
	marks, byID := s.places.known()
	calls := make([]*call, len(marks))
	for i, w := range marks {
		var err error
		if calls[i], err = s.getFolder(ctx, bridge.FolderID(w.name), []string{"id"}); err != nil {
			return nil, err
		}
	}
	m := &landmarks{roles: map[bridge.FolderID]bridge.Role{}}
	out := s.batch(ctx, calls, nil)
	if m.nameless = !slices.ContainsFunc(out, func(o outcome) bool { return !unknownName(o.err) }); m.nameless {
		return m, nil
	}
	for i, o := range out {
		if errors.Is(o.err, bridge.ErrNotFound) || byID && unknownName(o.err) {
			continue // not created yet
		}
		if o.err != nil {
			return nil, fmt.Errorf("%s: %w", marks[i].name, o.err)
		}
		f, err := decode[wireFolder](calls[i], o.reply)
		if err != nil {
			return nil, err
		}
		if w := marks[i]; w.role == bridge.RoleNone {
			m.root = bridge.FolderID(f.ID)
		} else if f.ID != "" {
			m.roles[bridge.FolderID(f.ID)] = w.role
		}
	}
	return m, nil
}

func (s *Store) getFolder(ctx context.Context, id bridge.FolderID, sel []string) (*call, error) {
	return s.call(s.folder(id).ToGetRequestInformation(ctx,
		&users.ItemMailFoldersMailFolderItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMailFoldersMailFolderItemRequestBuilderGetQueryParameters{Select: sel}}))
}

// rootChildren lists the folders at the top, and may be others.
func (s *Store) rootChildren(ctx context.Context, sel []string) ([]wireFolder, error) {
	k, err := s.call(s.user.MailFolders().ToGetRequestInformation(ctx,
		&users.ItemMailFoldersRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMailFoldersRequestBuilderGetQueryParameters{Select: sel, Top: ptr(int32(folderPage))}}))
	if err != nil {
		return nil, err
	}
	return s.folderPages(ctx, k, nil)
}

// children lists the folders below parents, in their order. A parent that is
// gone meanwhile has none; a row that names another parent is not one of its
// (DavMail drops them too), one that names none is. An unsure parent, which did not
// tell how many it has, has none where the service knows no children at all.
func (s *Store) children(ctx context.Context, parents []string, unsure map[string]bool, sel []string) ([]wireFolder, error) {
	calls := make([]*call, len(parents))
	for i, id := range parents {
		var err error
		calls[i], err = s.call(s.folder(bridge.FolderID(id)).ChildFolders().ToGetRequestInformation(ctx,
			&users.ItemMailFoldersItemChildFoldersRequestBuilderGetRequestConfiguration{
				QueryParameters: &users.ItemMailFoldersItemChildFoldersRequestBuilderGetQueryParameters{Select: sel, Top: ptr(int32(folderPage))}}))
		if err != nil {
			return nil, err
		}
	}
	var all []wireFolder
	for i, o := range s.batch(ctx, calls, nil) {
		if errors.Is(o.err, bridge.ErrNotFound) || unsure[parents[i]] && lacksAction(o.err) {
			continue
		}
		if o.err != nil {
			return nil, o.err
		}
		rows, err := s.folderPages(ctx, calls[i], o.reply)
		if err != nil {
			return nil, err
		}
		for _, f := range rows {
			if f.ParentFolderID = cmp.Or(f.ParentFolderID, parents[i]); f.ParentFolderID == parents[i] {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// folderPages reads a list of folders to its end; first is the answer to k if
// there is one already.
func (s *Store) folderPages(ctx context.Context, k *call, first *reply) ([]wireFolder, error) {
	var rows []wireFolder
	r := first
	for range walkLimit {
		if r == nil {
			var err error
			if r, err = s.send(ctx, k); err != nil {
				return nil, err
			}
		}
		p, err := decode[page[wireFolder]](k, r)
		if err != nil {
			return nil, err
		}
		rows = append(rows, p.Value...)
		if p.NextLink == "" {
			return rows, nil
		}
		if k, err = s.linkCall(p.NextLink, k.route); err != nil {
			return nil, err
		}
		r = nil
	}
	return nil, errEndless
}

// CreateFolder posts a folder (pages api/user-post-mailfolders and
// api/mailfolder-post-childfolders). After a lost answer it looks for a folder of
// that name before it says anything.
func (s *Store) CreateFolder(ctx context.Context, parent bridge.FolderID, name string) (bridge.FolderInfo, error) {
	body := newFolder(name)
	body.SetIsHidden(ptr(false))
	var k *call
	var err error
	if parent == "" {
		k, err = s.call(s.user.MailFolders().ToPostRequestInformation(ctx, body, nil))
	} else {
		k, err = s.call(s.folder(parent).ChildFolders().ToPostRequestInformation(ctx, body, nil))
	}
	if err != nil {
		return bridge.FolderInfo{}, err
	}
	f, err := s.createFolder(ctx, k)
	lost := isUncertain(err)
	for try := 1; isUncertain(err) || lost && errors.Is(err, bridge.ErrExists); try++ {
		found, lookErr := s.lookForFolder(ctx, parent, name)
		if lookErr == nil && found != nil {
			f, err = found, nil
			break
		}
		if lookErr != nil || try == createTries {
			break
		}
		// A second folder of the name is no danger: there are none beside each other.
		f, err = s.createFolder(ctx, k)
	}
	if err != nil {
		return bridge.FolderInfo{}, fmt.Errorf("create folder: %w", err)
	}
	return bridge.FolderInfo{ID: bridge.FolderID(f.ID), Parent: parent, Name: cmp.Or(f.DisplayName, name),
		Total: int(f.TotalItemCount), Unread: int(f.UnreadItemCount)}, nil
}

// createFolder sends the creating request and reads the folder from its answer.
func (s *Store) createFolder(ctx context.Context, k *call) (*wireFolder, error) {
	r, err := s.send(ctx, k)
	if err != nil {
		return nil, err
	}
	var f wireFolder
	if err := json.Unmarshal(r.body, &f); err != nil || f.ID == "" {
		return nil, &Error{Op: k.op(), Status: r.status, RequestID: r.requestID,
			Message: "answer without a folder", kind: bridge.ErrUnavailable, uncertain: true}
	}
	return &f, nil
}

func newFolder(name string) *models.MailFolder {
	f := models.NewMailFolder()
	f.SetOdataType(nil)
	f.SetDisplayName(&name)
	return f
}

// lookForFolder finds out whether a creation whose answer was lost was carried
// out; nil if not.
func (s *Store) lookForFolder(ctx context.Context, parent bridge.FolderID, name string) (*wireFolder, error) {
	var rows []wireFolder
	var err error
	if parent == "" {
		rows, err = s.rootChildren(ctx, folderSelect)
	} else {
		rows, err = s.children(ctx, []string{string(parent)}, nil, folderSelect)
	}
	for i := range rows {
		if f := &rows[i]; f.DisplayName == name && !f.isSearch() {
			return f, nil
		}
	}
	return nil, err
}

// RenameFolder patches the display name (page api/mailfolder-update).
func (s *Store) RenameFolder(ctx context.Context, id bridge.FolderID, name string) error {
	body := newFolder(name)
	k, err := s.call(s.folder(id).ToPatchRequestInformation(ctx, body, nil))
	if err == nil {
		_, err = s.send(ctx, k)
	}
	return wrap("rename folder", err)
}

// MoveFolder moves a folder below another (page api/mailfolder-move).
func (s *Store) MoveFolder(ctx context.Context, id, parent bridge.FolderID) error {
	if parent == "" {
		parent = "msgfolderroot"
	}
	body := users.NewItemMailFoldersItemMovePostRequestBody()
	body.SetAdditionalData(destination(s.places.of(parent)))
	k, err := s.call(s.folder(id).Move().ToPostRequestInformation(ctx, body, nil))
	if err == nil {
		// The same order again leaves the folder where it is.
		k.once = false
		_, err = s.send(ctx, k)
	}
	return wrap("move folder", err)
}

// DeleteFolder deletes a folder, which puts it below Deleted Items (page
// api/mailfolder-delete). Default folders are refused.
func (s *Store) DeleteFolder(ctx context.Context, id bridge.FolderID) error {
	k, err := s.call(s.folder(id).ToDeleteRequestInformation(ctx, nil))
	if err == nil {
		_, err = s.send(ctx, k)
	}
	return wrap("delete folder", err)
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}

func ptr[T any](v T) *T { return &v }
