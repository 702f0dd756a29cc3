package bridge

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Separator stands between the levels of an IMAP folder name.
const Separator = "/"

// slash stands for a "/" inside a folder's own name: U+2215, DIVISION SLASH,
// looks alike and every client can show and type it back.
const slash = "∕"

const inbox = "INBOX"

// FolderEntry is one line of LIST. Name is the IMAP name as UTF-8: "INBOX",
// "INBOX/Work", "Sent Items".
type FolderEntry struct {
	Name        string
	Role        Role
	HasChildren bool
	NoSelect    bool // a subscribed name without a folder
	Subscribed  bool
}

// Tree lists the folders, INBOX first and otherwise by name. The service is
// asked when the last answer is older than a minute; while it is away the last
// answer serves.
func (m *Mailbox) Tree(ctx context.Context) ([]FolderEntry, error) {
	if err := m.refreshTree(ctx, treeAge); err != nil {
		m.mu.Lock()
		known := len(m.folders) > 0
		m.mu.Unlock()
		if !known {
			return nil, err
		}
		// The last one serves; that it is not read any more is in the log.
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	entries := make([]FolderEntry, 0, len(m.names))
	parents := map[FolderID]bool{}
	for _, f := range m.names {
		parents[f.info().Parent] = true
	}
	for name, f := range m.names {
		info := f.info()
		entries = append(entries, FolderEntry{
			Name: name, Role: info.Role, HasChildren: parents[info.ID], Subscribed: m.subscribed(name),
		})
	}
	sortEntries(entries)
	return entries, nil
}

// entry describes the folder as Tree does, from what is known of it now.
func (f *Folder) entry() FolderEntry {
	info := f.info()
	e := FolderEntry{Name: f.Name(), Role: info.Role}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	e.Subscribed = f.m.subscribed(e.Name)
	for _, other := range f.m.names {
		e.HasChildren = e.HasChildren || other.info().Parent == info.ID
	}
	return e
}

func sortEntries(entries []FolderEntry) {
	sort.Slice(entries, func(i, j int) bool {
		a, b := entries[i].Name, entries[j].Name
		if ai, bi := inInbox(a), inInbox(b); ai != bi {
			return ai
		}
		return a < b
	})
}

func inInbox(name string) bool { return name == inbox || strings.HasPrefix(name, inbox+Separator) }

// Subscribed lists what LSUB shows: folders that nobody unsubscribed (Exchange
// has no subscriptions, so a new client shall see all folders), and subscribed
// names without a folder, which RFC 3501 §6.3.6 keeps.
func (m *Mailbox) Subscribed(ctx context.Context) ([]FolderEntry, error) {
	all, err := m.Tree(ctx)
	if err != nil {
		return nil, err
	}
	entries := m.subscribedOf(all)
	sortEntries(entries)
	return entries, nil
}

// subscribedOf selects among all folders that there are, and adds the subscribed names
// without one.
func (m *Mailbox) subscribedOf(all []FolderEntry) []FolderEntry {
	entries := make([]FolderEntry, 0, len(all))
	exists := map[string]bool{}
	for _, e := range all {
		exists[e.Name] = true
		if e.Subscribed {
			entries = append(entries, e)
		}
	}
	var missing []FolderEntry
	m.mu.Lock()
	for name, on := range m.subs {
		if on && !exists[name] {
			missing = append(missing, FolderEntry{Name: name, NoSelect: true, Subscribed: true})
		}
	}
	m.mu.Unlock()
	sortEntries(missing)
	return append(entries, missing...)
}

func (m *Mailbox) isSubscribed(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.subscribed(name)
}

// subscribed needs m.mu.
func (m *Mailbox) subscribed(name string) bool {
	on, set := m.subs[name]
	return on || !set
}

// leaveUnsubscribed takes the subscription that every folder has from a name for
// which nobody asked for one.
func (m *Mailbox) leaveUnsubscribed(ctx context.Context, name string) error {
	m.mu.Lock()
	_, set := m.subs[name]
	m.mu.Unlock()
	if set {
		return nil
	}
	return m.Subscribe(ctx, name, false)
}

// unsubscribedFrom lists the names at and below a name that were unsubscribed, without
// it: "", "/2025".
func (m *Mailbox) unsubscribedFrom(name string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rests []string
	for n, on := range m.subs {
		if rest, ok := strings.CutPrefix(n, name); ok && !on && (rest == "" || strings.HasPrefix(rest, Separator)) {
			rests = append(rests, rest)
		}
	}
	return rests
}

// Subscribe records or takes back a subscription; the name need not exist.
func (m *Mailbox) Subscribe(ctx context.Context, name string, on bool) error {
	name = canonical(name)
	if err := m.index.SetSubscription(ctx, name, on); err != nil {
		return fmt.Errorf("store subscription of %q: %w", name, err)
	}
	m.mu.Lock()
	m.subs[name] = on
	m.mu.Unlock()
	return nil
}

// Folder returns the live folder of an IMAP name (INBOX in any letter case), or
// ErrNotFound. For an unknown name the folder list is refreshed once.
func (m *Mailbox) Folder(ctx context.Context, name string) (*Folder, error) {
	name = canonical(name)
	if f := m.find(name); f != nil {
		return f, nil
	}
	if err := m.refreshTree(ctx, freshFor); err != nil {
		return nil, fmt.Errorf("look for folder %q: %w", name, err)
	}
	if f := m.find(name); f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("folder %q: %w", name, ErrNotFound)
}

// find looks for a name as it is, for somebody else may have made a folder so,
// and then as a client should have written it.
func (m *Mailbox) find(name string) *Folder {
	if f := m.lookup(name); f != nil {
		return f
	}
	return m.lookup(composed(name))
}

// composed is a name in the normal form that Net-Unicode demands (RFC 5198 §3,
// RFC 9051 §5.1): "é" as one character, which programs on a Mac write as two.
func composed(name string) string { return norm.NFC.String(name) }

func (m *Mailbox) lookup(name string) *Folder {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.names[name]
}

// byRole returns the folder of a role, or ErrNotFound.
func (m *Mailbox) byRole(ctx context.Context, r Role) (*Folder, error) {
	for {
		for _, f := range m.live() {
			if f.info().Role == r {
				return f, nil
			}
		}
		m.mu.Lock()
		fresh := time.Since(m.treeAt) < freshFor
		m.mu.Unlock()
		if fresh {
			return nil, fmt.Errorf("folder for %s: %w", r, ErrNotFound)
		}
		if err := m.refreshTree(ctx, freshFor); err != nil {
			return nil, err
		}
	}
}

// canonical writes a name in its one form: INBOX in capitals, no separator at the end.
func canonical(name string) string {
	name = strings.TrimSuffix(name, Separator)
	head, rest, deeper := strings.Cut(name, Separator)
	if !strings.EqualFold(head, inbox) {
		return name
	}
	if deeper {
		return inbox + Separator + rest
	}
	return inbox
}

// refreshTree reads the folder list unless the last one is younger than age.
func (m *Mailbox) refreshTree(ctx context.Context, age time.Duration) error {
	m.mu.Lock()
	fresh := !m.treeAt.IsZero() && time.Since(m.treeAt) < age
	m.mu.Unlock()
	if fresh {
		return nil
	}
	_, err := m.treeRun.do(ctx, &m.tasks, struct{}{}, m.readTree)
	return err
}

// rereadTree reads the folder list after a change of our own.
func (m *Mailbox) rereadTree(ctx context.Context) error {
	_, err := m.treeRun.anew(ctx, &m.tasks, struct{}{}, m.readTree)
	return err
}

func (m *Mailbox) readTree(ctx context.Context) (struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	infos, err := m.store.Folders(ctx)
	if err != nil {
		err = fmt.Errorf("list folders: %w", err)
	} else {
		err = m.setTree(ctx, infos)
	}
	m.mu.Lock()
	before := m.treeErr
	m.treeErr = err
	m.mu.Unlock()
	switch { // begin and end of a failure, not each attempt
	case err == nil && before != nil:
		m.log.Info("folder list read again")
	case err != nil && before == nil && m.tasks.ctx.Err() == nil:
		m.log.Warn("folder list not read", "error", err)
	}
	return struct{}{}, err
}

// setTree takes over the service's folder list: durable first, then visible.
func (m *Mailbox) setTree(ctx context.Context, infos []FolderInfo) error {
	m.mu.Lock()
	known := make(map[FolderID]*Folder, len(m.folders))
	for id, f := range m.folders {
		known[id] = f
	}
	m.mu.Unlock()

	next := make(map[FolderID]*Folder, len(infos))
	var put []FolderState
	for _, info := range infos {
		f := known[info.ID]
		if f == nil {
			validity, err := m.index.NewUIDValidity(ctx)
			if err != nil {
				return fmt.Errorf("folder %q: %w", info.Name, err)
			}
			f = newFolder(m, FolderState{FolderInfo: info, UIDValidity: validity, UIDNext: 1, ModSeq: 1})
			put = append(put, f.stateNow())
		} else if st, changed := f.describe(info); changed {
			put = append(put, st)
		}
		next[info.ID] = f
	}
	var lost []FolderID
	for id, f := range known {
		if next[id] == nil {
			lost = append(lost, id)
			f.setGone()
		}
	}
	if len(put)+len(lost) > 0 {
		if err := m.index.PutFolders(ctx, put, lost); err != nil {
			return fmt.Errorf("store folder list: %w", err)
		}
	}
	m.mu.Lock()
	m.folders, m.names, m.treeAt = next, nameFolders(next), time.Now()
	m.mu.Unlock()
	m.poke()
	return nil
}

// nameFolders gives every folder its IMAP name and returns them by it.
func nameFolders(folders map[FolderID]*Folder) map[string]*Folder {
	children := map[FolderID][]*Folder{}
	for _, f := range folders {
		p := f.info().Parent
		if folders[p] == nil {
			p = "" // a parent that is not listed, such as a hidden one
		}
		children[p] = append(children[p], f)
	}
	names := make(map[string]*Folder, len(folders))
	var walk func(parent FolderID, prefix string)
	walk = func(parent FolderID, prefix string) {
		list := children[parent]
		// In the order of ids, so that a collision is settled the same way each time.
		sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
		for _, f := range list {
			name := prefix + levelName(f.info().Name)
			if f.info().Role == RoleInbox {
				name = inbox
			}
			unique := name
			for k := 2; names[unique] != nil || (strings.EqualFold(unique, inbox) && f.info().Role != RoleInbox); k++ {
				unique = fmt.Sprintf("%s (%d)", name, k)
			}
			names[unique] = f
			f.setName(unique)
			walk(f.id, unique+Separator)
		}
	}
	walk("", "")
	return names
}

// levelName makes a display name usable as one level of an IMAP name.
func levelName(display string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r == '/':
			return []rune(slash)[0]
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, display)
	if strings.TrimSpace(s) == "" {
		return "_"
	}
	return s
}
