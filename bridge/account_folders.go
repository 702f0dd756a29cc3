package bridge

import (
	"context"
	"fmt"
	"strings"
)

// OthersPrefix stands before the names of further mailboxes of a login (RFC 2342):
// "Other Users/sales/INBOX" is the INBOX of [mailbox.sales].
const OthersPrefix = "Other Users" + Separator

// place finds the mailbox that a folder name belongs to, and the name in it: "" for
// the mailbox as such. A name below OthersPrefix that leads nowhere has no mailbox.
func (a *Account) place(name string) (m *Mailbox, inner string) {
	rest, found := strings.CutPrefix(name+Separator, OthersPrefix)
	if len(a.Others) == 0 || !found {
		return a.Mailbox, name
	}
	rest = strings.TrimSuffix(rest, Separator)
	first, inner, _ := strings.Cut(rest, Separator)
	for _, o := range a.Others {
		if o.Name() == first {
			return o, strings.TrimSuffix(inner, Separator)
		}
	}
	return nil, ""
}

// within is place for what needs a folder, or a name for one.
func (a *Account) within(name string) (*Mailbox, string, error) {
	m, inner := a.place(name)
	if m == nil || inner == "" && m != a.Mailbox {
		return nil, "", fmt.Errorf("folder %q: %w", name, ErrNotFound)
	}
	return m, inner, nil
}

// Folder returns the live folder of an IMAP name as Mailbox.Folder does, wherever it is.
func (a *Account) Folder(ctx context.Context, name string) (*Folder, error) {
	m, inner, err := a.within(name)
	if err != nil {
		return nil, err
	}
	return m.Folder(ctx, inner)
}

// FolderName is the name under which this account knows a folder.
func (a *Account) FolderName(f *Folder) string {
	for _, o := range a.Others {
		if f.m == o {
			return a.prefix(o) + f.Name()
		}
	}
	return f.Name()
}

// Entry describes a folder as Tree does, without asking the service.
func (a *Account) Entry(f *Folder) FolderEntry {
	e := f.entry()
	if f.m != a.Mailbox {
		e.Name, e.Role = a.FolderName(f), RoleNone
		e.Subscribed = a.Mailbox.isSubscribed(e.Name)
	}
	return e
}

func (a *Account) prefix(other *Mailbox) string { return OthersPrefix + other.Name() + Separator }

// Tree lists the folders of all mailboxes, its own first. The roles of folders are told
// of its own mailbox alone. One of the others that cannot be read is listed without
// folders.
func (a *Account) Tree(ctx context.Context) ([]FolderEntry, error) {
	own, err := a.Mailbox.Tree(ctx)
	if err != nil || len(a.Others) == 0 {
		return own, err
	}
	entries := make([]FolderEntry, 0, 2*len(own))
	for _, e := range own {
		if !strings.HasPrefix(e.Name+Separator, OthersPrefix) { // would hide, or be taken for, the others
			entries = append(entries, e)
		}
	}
	root := strings.TrimSuffix(OthersPrefix, Separator)
	entries = append(entries, FolderEntry{Name: root, NoSelect: true, HasChildren: true, Subscribed: a.Mailbox.isSubscribed(root)})
	for _, o := range a.Others {
		folders, err := o.Tree(ctx)
		if err != nil {
			o.log.Warn("folders of a further mailbox not listed", "login", a.Name, "error", err)
		}
		name := OthersPrefix + o.Name()
		entries = append(entries, FolderEntry{Name: name, NoSelect: true, HasChildren: len(folders) > 0, Subscribed: a.Mailbox.isSubscribed(name)})
		for _, e := range folders {
			e.Name, e.Role = a.prefix(o)+e.Name, RoleNone
			e.Subscribed = a.Mailbox.isSubscribed(e.Name)
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// Subscribed lists what LSUB shows, as Mailbox.Subscribed does for one mailbox. The
// subscriptions to folders of all mailboxes are kept with its own.
func (a *Account) Subscribed(ctx context.Context) ([]FolderEntry, error) {
	if len(a.Others) == 0 {
		return a.Mailbox.Subscribed(ctx)
	}
	all, err := a.Tree(ctx)
	if err != nil {
		return nil, err
	}
	return a.Mailbox.subscribedOf(all), nil
}

// Subscribe records or takes back a subscription; the name need not exist.
func (a *Account) Subscribe(ctx context.Context, name string, on bool) error {
	if m, inner := a.place(name); m != nil && m != a.Mailbox && inner != "" {
		name = a.prefix(m) + canonical(inner)
	}
	return a.Mailbox.Subscribe(ctx, name, on)
}

// full is the name of a folder of one of the account's mailboxes as Tree has it.
func (a *Account) full(m *Mailbox, inner string) string {
	if m == a.Mailbox {
		return inner
	}
	return a.prefix(m) + inner
}

// Create makes a folder as Mailbox.Create does. It is for the client to subscribe it:
// other than the folders that were there, those made here begin without a subscription,
// if their name did not have one (RFC 3501 §6.3.3, §6.3.6).
func (a *Account) Create(ctx context.Context, name string) error {
	m, inner := a.place(name)
	if m == nil || inner == "" && m != a.Mailbox {
		return fmt.Errorf("create folder %q: mailboxes are made by the operator: %w", name, ErrDenied)
	}
	if err := m.refreshTree(ctx, freshFor); err != nil {
		return fmt.Errorf("create folder %q: %w", name, err)
	}
	missing := m.missing(inner)
	if err := m.Create(ctx, inner); err != nil {
		return err
	}
	for _, made := range missing {
		if err := a.Mailbox.leaveUnsubscribed(ctx, a.full(m, made)); err != nil {
			return fmt.Errorf("folder %q was created: %w", name, err)
		}
	}
	return nil
}

// Delete removes a folder as Mailbox.Delete does.
func (a *Account) Delete(ctx context.Context, name string) error {
	m, inner, err := a.within(name)
	if err != nil {
		return err
	}
	return m.Delete(ctx, inner)
}

// Rename renames a folder as Mailbox.Rename does, within one mailbox (ErrInvalid). What
// was unsubscribed is so under its new name.
func (a *Account) Rename(ctx context.Context, from, to string) error {
	m, inner, err := a.within(from)
	if err != nil {
		return err
	}
	target, name := a.place(to)
	if target != m || name == "" && m != a.Mailbox {
		return fmt.Errorf("rename folder %q to %q: a folder stays in its mailbox: %w", from, to, ErrInvalid)
	}
	if err := m.Rename(ctx, inner, name); err != nil {
		return err
	}
	old, now := a.full(m, canonical(inner)), a.full(m, composed(canonical(name)))
	for _, rest := range a.Mailbox.unsubscribedFrom(old) {
		if err := a.Mailbox.leaveUnsubscribed(ctx, now+rest); err != nil {
			return fmt.Errorf("folder %q was renamed: %w", from, err)
		}
	}
	return nil
}
