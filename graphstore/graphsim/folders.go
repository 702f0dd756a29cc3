package graphsim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// folderProps are the properties of res/mailfolder, and sizeInBytes, which the service sends in v1.0 (§19).
var folderProps = []struct {
	name  string
	value func(*folder) any
}{
	{"displayName", func(f *folder) any { return f.name }},
	{"parentFolderId", func(f *folder) any { return f.parentID() }},
	{"childFolderCount", func(f *folder) any { return f.visibleChildren() }},
	{"unreadItemCount", func(f *folder) any { return f.unread }},
	{"totalItemCount", func(f *folder) any { return len(f.msgs) + f.items }},
	{"sizeInBytes", func(f *folder) any { return f.bytes }},
	{"isHidden", func(f *folder) any { return f.hidden }},
}

func (f *folder) parentID() string {
	if f.parent == nil {
		return encodeID(f.mb.id, kindFolder, 0, 0)
	}
	return f.parent.id()
}

func (f *folder) visibleChildren() int {
	n := 0
	for _, c := range f.children {
		if !c.hidden {
			n++
		}
	}
	return n
}

// checkFolderSelect reports an unknown property. wellKnownName exists in beta only (§4.1).
func checkFolderSelect(sel string) (map[string]bool, *apiError) {
	if strings.TrimSpace(sel) == "" {
		return nil, nil
	}
	want := map[string]bool{}
	for name := range strings.SplitSeq(sel, ",") {
		name = strings.TrimSpace(name)
		lower := strings.ToLower(name)
		known := lower == "id" || lower == "*" || lower == "childfolders" || lower == "messages" || navigation[lower]
		for _, p := range folderProps {
			known = known || strings.ToLower(p.name) == lower
		}
		if !known {
			return nil, errProperty(name, "mailFolder")
		}
		want[lower] = true
	}
	if want["*"] {
		return nil, nil
	}
	return want, nil
}

// folderObject writes a folder.
func (c *call) folderObject(f *folder, want map[string]bool, x *expansion) object {
	var o object
	if f.search {
		o = o.add("@odata.type", "#microsoft.graph.mailSearchFolder")
	}
	o = o.add("id", f.id())
	for _, p := range folderProps {
		if want == nil || want[strings.ToLower(p.name)] {
			o = o.add(p.name, p.value(f))
		}
	}
	if f.search && want == nil {
		o = o.add("isSupported", true).add("includeNestedFolders", true).add("sourceFolderIds", []string{f.mb.root.id()}).add("filterQuery", "isRead eq false")
	}
	if x != nil {
		if list := extObjects(x.props, f.extProperty); len(list) > 0 {
			o = o.add("singleValueExtendedProperties", list)
		}
		if x.children {
			list := []object{}
			for _, k := range f.sortedChildren() {
				if !k.hidden {
					list = append(list, c.folderObject(k, nil, nil))
				}
			}
			o = o.add("childFolders", list)
		}
	}
	return o
}

// children are the folders that the path lists, after includeHiddenFolders and $filter.
func (c *call) children() ([]*folder, *apiError) {
	parent := c.mb.root
	if c.folder != "" {
		var err *apiError
		if parent, err = c.mb.pathFolder(c.folder); err != nil {
			return nil, err
		}
	}
	flt, err := parseFilter(c.option("$filter"), func(p string) bool { return folderFilterable[p] != nil })
	if err != nil {
		return nil, err
	}
	hidden := strings.EqualFold(c.query.Get("includeHiddenFolders"), "true")
	var out []*folder
	for _, f := range parent.sortedChildren() {
		if (hidden || !f.hidden) && flt.match(func(p string) any { return folderFilterable[p](f) }) {
			out = append(out, f)
		}
	}
	return out, nil
}

var folderFilterable = map[string]func(*folder) any{
	"displayname":      func(f *folder) any { return f.name },
	"id":               func(f *folder) any { return f.id() },
	"totalitemcount":   func(f *folder) any { return float64(len(f.msgs) + f.items) },
	"unreaditemcount":  func(f *folder) any { return float64(f.unread) },
	"childfoldercount": func(f *folder) any { return float64(f.visibleChildren()) },
	"ishidden":         func(f *folder) any { return f.hidden },
}

// listFolders is api/user-list-mailfolders and api/mailfolder-list-childfolders: direct children, pages of 10.
func listFolders(c *call) (*reply, *apiError) {
	want, err := checkFolderSelect(c.option("$select"))
	if err != nil {
		return nil, err
	}
	x, err := parseExpand(c.option("$expand"))
	if err != nil {
		return nil, err
	}
	list, err := c.children()
	if err != nil {
		return nil, err
	}
	top, err := c.pageSize(10, 1000)
	if err != nil {
		return nil, err
	}
	skip, err := c.number("$skip", 0)
	if err != nil {
		return nil, err
	}
	o := object{{"@odata.context", c.metadata(c.folderCollection())}}
	if c.option("$count") == "true" {
		o = o.add("@odata.count", len(list))
	}
	if c.emptyPage() {
		return ok(o.add("value", []object{}).add("@odata.nextLink", c.link(skip, "e"))), nil
	}
	from := min(skip, len(list))
	to := min(from+top, len(list))
	rows := []object{}
	for _, f := range list[from:to] {
		rows = append(rows, c.folderObject(f, want, x))
	}
	o = o.add("value", rows)
	if to < len(list) {
		o = o.add("@odata.nextLink", c.link(to, ""))
	}
	return ok(o), nil
}

func (c *call) folderCollection() string {
	if c.folder == "" {
		return "/mailFolders"
	}
	return "/mailFolders('" + url.PathEscape(c.folder) + "')/childFolders"
}

func countFolders(c *call) (*reply, *apiError) {
	list, err := c.children()
	if err != nil {
		return nil, err
	}
	return plain(strconv.Itoa(len(list))), nil
}

// getFolder is api/mailfolder-get.
func getFolder(c *call) (*reply, *apiError) {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	want, err := checkFolderSelect(c.option("$select"))
	if err != nil {
		return nil, err
	}
	x, err := parseExpand(c.option("$expand"))
	if err != nil {
		return nil, err
	}
	return ok(c.withContext("/mailFolders/$entity", c.folderObject(f, want, x))), nil
}

func (c *call) withContext(rest string, o object) object {
	return append(object{{"@odata.context", c.metadata(rest)}}, o...)
}

// folderBody is what creating and changing a folder takes.
type folderBody struct {
	DisplayName *string         `json:"displayName"`
	IsHidden    *bool           `json:"isHidden"`
	Ext         []extBody       `json:"singleValueExtendedProperties"`
	Type        json.RawMessage `json:"@odata.type"`
}

// checkName applies the rules for display names (check C9).
func checkName(name *string) *apiError {
	switch {
	case name == nil || strings.TrimSpace(*name) == "":
		return fail(http.StatusBadRequest, "ErrorInvalidProperty", "The folder name cannot be empty.")
	case utf8.RuneCountInString(*name) > 255:
		return fail(http.StatusBadRequest, "ErrorFolderNameTooLong", "The folder name is too long.")
	}
	return nil
}

// createFolder is api/user-post-mailfolders and api/mailfolder-post-childfolders.
func createFolder(c *call) (*reply, *apiError) {
	parent := c.mb.root
	if c.folder != "" {
		var err *apiError
		if parent, err = c.mb.pathFolder(c.folder); err != nil {
			return nil, err
		}
	}
	var body folderBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := checkName(body.DisplayName); err != nil {
		return nil, err
	}
	ext, err := parseExtBody(body.Ext)
	if err != nil {
		return nil, err
	}
	if parent.child(*body.DisplayName) != nil {
		return nil, errFolderExists()
	}
	f := c.mb.addFolder(parent, *body.DisplayName, "")
	f.hidden = body.IsHidden != nil && *body.IsHidden
	f.ext = ext
	return created(c.withContext("/mailFolders/$entity", c.folderObject(f, nil, nil))).
		set("Location", c.base+"/"+c.version+"/"+c.usersPath()+"/mailFolders('"+f.id()+"')"), nil
}

// updateFolder is api/mailfolder-update: the name; isHidden only at creation.
func updateFolder(c *call) (*reply, *apiError) {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	var body folderBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	ext, err := parseExtBody(body.Ext)
	if err != nil {
		return nil, err
	}
	if body.DisplayName != nil {
		if err := checkName(body.DisplayName); err != nil {
			return nil, err
		}
		if f.special() {
			return nil, fail(http.StatusForbidden, "ErrorRenameDistinguishedFolder", "Distinguished folders cannot be renamed.")
		}
		if other := f.parent.child(*body.DisplayName); other != nil && other != f {
			return nil, errFolderExists()
		}
		f.name = *body.DisplayName
	}
	for k, v := range ext {
		if f.ext == nil {
			f.ext = map[string]extValue{}
		}
		f.ext[k] = v
	}
	f.touch(true)
	return ok(c.withContext("/mailFolders/$entity", c.folderObject(f, nil, nil))), nil
}

// deleteFolder is api/mailfolder-delete: into Deleted Items, or for good when it is there already (check C10).
func deleteFolder(c *call) (*reply, *apiError) {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	if f.special() {
		return nil, fail(http.StatusForbidden, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.")
	}
	trash := c.mb.known["deleteditems"]
	if f.within(trash) || f.search {
		c.mb.destroyFolder(f)
		return noContent(), nil
	}
	f.name = trash.freeName(f.name)
	f.moveTo(trash)
	return noContent(), nil
}

// purgeFolder is api/mailfolder-permanentdelete.
func purgeFolder(c *call) (*reply, *apiError) {
	if c.srv.modes.NoPermanentDelete {
		return nil, errNoSegment("permanentDelete")
	}
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	if f.special() {
		return nil, fail(http.StatusForbidden, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.")
	}
	c.mb.destroyFolder(f)
	return noContent(), nil
}

func errNoSegment(name string) *apiError {
	return fail(http.StatusNotFound, "ResourceNotFound", "Resource not found for the segment '%s'.", name)
}

// destination reads {"destinationId": …}.
func (c *call) destination() (*folder, *apiError) {
	var body struct {
		DestinationID *string `json:"destinationId"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if body.DestinationID == nil {
		return nil, fail(http.StatusBadRequest, "ErrorInvalidRequest", "The parameter destinationId is missing.")
	}
	return c.mb.pathFolder(*body.DestinationID)
}

// moveFolder is api/mailfolder-move.
func moveFolder(c *call) (*reply, *apiError) {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	to, err := c.destination()
	if err != nil {
		return nil, err
	}
	switch other := to.child(f.name); {
	case f.special():
		return nil, fail(http.StatusForbidden, "ErrorMoveDistinguishedFolder", "Distinguished folders cannot be moved.")
	case to.within(f):
		return nil, fail(http.StatusBadRequest, "ErrorMoveCopyFailed", "The folder cannot be moved into itself.")
	case other != nil && other != f:
		return nil, errFolderExists()
	}
	f.moveTo(to)
	return ok(c.withContext("/mailFolders/$entity", c.folderObject(f, nil, nil))), nil
}

// copyFolder is api/mailfolder-copy: the folder, its messages and all below it.
func copyFolder(c *call) (*reply, *apiError) {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	to, err := c.destination()
	switch {
	case err != nil:
		return nil, err
	case to.within(f):
		return nil, fail(http.StatusBadRequest, "ErrorMoveCopyFailed", "The folder cannot be copied into itself.")
	case to.child(f.name) != nil:
		return nil, errFolderExists()
	}
	n := c.mb.copyTree(f, to)
	return ok(c.withContext("/mailFolders/$entity", c.folderObject(n, nil, nil))), nil
}

func (mb *Mailbox) copyTree(f, to *folder) *folder {
	n := mb.addFolder(to, f.name, "")
	n.hidden, n.class = f.hidden, f.class
	for _, m := range slices.Clone(f.msgs) {
		m.copyTo(n)
	}
	for _, c := range slices.Clone(f.children) {
		mb.copyTree(c, n)
	}
	return n
}
