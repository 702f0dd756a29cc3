package graphsim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// folder is a mail folder with what its deltas need. Everything is guarded by the server's mutex.
type folder struct {
	mb        *Mailbox
	num       uint64
	name      string
	wellKnown string
	parent    *folder
	children  []*folder
	hidden    bool
	search    bool
	class     string // 0x3613

	msgs        []*message // oldest first, by received time and number
	unread      int
	bytes       int64
	items       int // things that are no messages: counted, not listed (check C12)
	nextArticle int

	created, modified, committed time.Time // 0x3007, 0x3008, 0x670a
	ext                          map[string]extValue

	log        []change // of messages, ascending
	logStart   uint64   // tokens from before this are expired
	generation int      // of the delta tokens

	addedAt, changedAt, countedAt uint64 // for mailFolders/delta
}

// folderGone remembers a folder that was removed, for mailFolders/delta.
type folderGone struct{ seq, num, added uint64 }

// addFolder makes a folder below p.
func (mb *Mailbox) addFolder(p *folder, name, wellKnown string) *folder {
	now := mb.srv.now()
	f := &folder{
		mb: mb, num: mb.number(), name: name, wellKnown: wellKnown, parent: p, class: "IPF.Note",
		nextArticle: 1, created: now, modified: now, committed: now, generation: 100,
	}
	mb.change++
	f.addedAt, f.changedAt, f.countedAt = mb.change, mb.change, mb.change
	mb.folders[f.num] = f
	if wellKnown != "" {
		mb.known[wellKnown] = f
	}
	if p != nil {
		p.children = append(p.children, f)
		p.touch(true)
	}
	return f
}

// touch notes a change of the folder itself (own) or of its counts.
func (f *folder) touch(own bool) {
	f.mb.change++
	f.committed = f.mb.srv.now()
	f.countedAt = f.mb.change
	if own {
		f.modified, f.changedAt = f.committed, f.mb.change
	}
}

// child finds a child by name; names are unique among siblings without regard to case (check C9).
func (f *folder) child(name string) *folder {
	for _, c := range f.children {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

// sortedChildren are the children by name, the order of listings.
func (f *folder) sortedChildren() []*folder {
	return slices.SortedFunc(slices.Values(f.children), func(a, b *folder) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)), cmp.Compare(a.num, b.num))
	})
}

// within reports whether f is p or below it.
func (f *folder) within(p *folder) bool {
	for ; f != nil; f = f.parent {
		if f == p {
			return true
		}
	}
	return false
}

// moveTo puts f below p; the id stays.
func (f *folder) moveTo(p *folder) {
	old := f.parent
	old.children = slices.DeleteFunc(old.children, func(c *folder) bool { return c == f })
	p.children = append(p.children, f)
	f.parent = p
	old.touch(true)
	p.touch(true)
	f.touch(true)
}

// freeName is name, or name with a number when a child has it already.
func (f *folder) freeName(name string) string {
	try := name
	for n := 1; f.child(try) != nil; n++ {
		try = name + strconv.Itoa(n)
	}
	return try
}

// destroyFolder removes f and all below it.
func (mb *Mailbox) destroyFolder(f *folder) {
	for _, c := range slices.Clone(f.children) {
		mb.destroyFolder(c)
	}
	for _, m := range slices.Clone(f.msgs) {
		m.remove()
	}
	if p := f.parent; p != nil {
		p.children = slices.DeleteFunc(p.children, func(c *folder) bool { return c == f })
		p.touch(true)
	}
	delete(mb.folders, f.num)
	if f.wellKnown != "" {
		delete(mb.known, f.wellKnown)
	}
	mb.change++
	mb.gone = append(mb.gone, folderGone{mb.change, f.num, f.addedAt})
}

// findFolder resolves a well-known name, an id, or a path of display names from below the root.
func (mb *Mailbox) findFolder(name string) *folder {
	if f := mb.known[strings.ToLower(name)]; f != nil {
		return f
	}
	if guid, kind, a, _, ok := decodeID(name); ok && kind == kindFolder && string(guid) == string(appendGUID(nil, mb.id)) {
		return mb.folders[a]
	}
	f := mb.root
	for _, part := range strings.Split(name, "/") {
		c := f.child(part)
		if c == nil && f == mb.root {
			c = mb.known[strings.ToLower(part)]
		}
		if c == nil {
			return nil
		}
		f = c
	}
	return f
}

// pathFolder resolves what stands for a folder in a request path or as a destination: a well-known name or an id.
// Any other name is malformed, and a known name that this mailbox does not have is not found (§3, §4.2).
func (mb *Mailbox) pathFolder(name string) (*folder, *apiError) {
	lower := strings.ToLower(name)
	if f := mb.known[lower]; f != nil {
		return f, nil
	}
	if wellKnownNames[lower] {
		return nil, errItemNotFound()
	}
	guid, kind, a, _, ok := decodeID(name)
	if !ok || kind != kindFolder {
		return nil, errMalformedID()
	}
	f := mb.folders[a]
	if f == nil || string(guid) != string(appendGUID(nil, mb.id)) {
		return nil, errItemNotFound()
	}
	return f, nil
}

// special reports whether f is one of the mailbox's own folders, which can be neither deleted nor moved (§4.5).
func (f *folder) special() bool { return f.wellKnown != "" }

func (f *folder) path() string {
	if f.parent == nil || f.parent.parent == nil {
		return f.name
	}
	return f.parent.path() + "/" + f.name
}

func (f *folder) view() FolderView {
	return FolderView{
		ID: f.id(), Name: f.name, Path: f.path(), WellKnown: f.wellKnown,
		Total: len(f.msgs) + f.items, Unread: f.unread, Hidden: f.hidden, Search: f.search,
	}
}
