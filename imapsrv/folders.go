package imapsrv

import (
	"context"
	"errors"
	"strings"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// create is CREATE (RFC 3501 §6.3.3). The special uses are those of the
// service's own folders, and no folder that a client makes can get one (RFC 6154
// §3); so CREATE-SPECIAL-USE is not announced.
func (c *conn) create(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.Mailbox)
	if len(args.Use) > 0 {
		return answer{}, no(wire.CodeUseAttr, "Exchange Online gives special uses to its own folders alone")
	}
	err := c.call(ctx, 1, func(ctx context.Context) error {
		return c.account.Create(ctx, args.Name)
	})
	if err != nil {
		return answer{}, err
	}
	f, err := c.folder(ctx, args.Name)
	if err != nil { // made, and taken away by somebody else
		return answer{}, nil
	}
	c.writeNormalised(f, args.Name)
	return answer{code: wire.CodeMailboxID(f.ObjectID())}, nil // RFC 8474 §4.1
}

// remove is DELETE (RFC 3501 §6.3.4). A client that deletes its selected
// folder has none selected afterwards.
func (c *conn) remove(ctx context.Context, cmd *wire.Command) (answer, error) {
	name := cmd.Args.(*wire.Mailbox).Name
	if strings.EqualFold(name, "INBOX") {
		return answer{}, no(wire.CodeCannot, "INBOX cannot be deleted")
	}
	f, err := c.folder(ctx, name)
	if err != nil {
		return answer{}, err
	}
	canonical := c.account.FolderName(f)
	err = c.call(ctx, 1, func(ctx context.Context) error {
		return c.account.Delete(ctx, name)
	})
	switch {
	case errors.Is(err, bridge.ErrInvalid):
		return answer{}, no(wire.CodeHasChildren, "The folder cannot be deleted while it has folders below it")
	case err != nil:
		return answer{}, err
	}
	c.writeDeleted(canonical, name)
	if c.view != nil && c.view.folder == f {
		c.deselect()
		c.w.Untagged(wire.OK, wire.CodeClosed, "The selected folder was deleted")
	}
	return answer{}, nil
}

// rename is RENAME (RFC 3501 §6.3.5).
func (c *conn) rename(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.Rename)
	n := 1
	if c.view != nil && strings.EqualFold(args.From, "INBOX") {
		n += c.view.told.Len()
	}
	f, err := c.folder(ctx, args.From)
	if err != nil {
		return answer{}, err
	}
	from := c.account.FolderName(f)
	err = c.call(ctx, n, func(ctx context.Context) error {
		return c.account.Rename(ctx, args.From, args.To)
	})
	if err != nil {
		return answer{}, err
	}
	return answer{}, c.writeRenamed(ctx, f, from, args.To)
}

// subscribe is SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7).
func (c *conn) subscribe(ctx context.Context, cmd *wire.Command) (answer, error) {
	return answer{}, c.call(ctx, 1, func(ctx context.Context) error {
		return c.account.Subscribe(ctx, cmd.Args.(*wire.Mailbox).Name, cmd.Name == "SUBSCRIBE")
	})
}

// namespace is NAMESPACE (RFC 2342): the user's own folders, and those of further
// mailboxes if the login has any.
func (c *conn) namespace(context.Context, *wire.Command) (answer, error) {
	var others []wire.Namespace
	if len(c.account.Others) > 0 {
		others = []wire.Namespace{{Prefix: bridge.OthersPrefix, Delim: separator}}
	}
	c.w.Namespaces([]wire.Namespace{{Prefix: "", Delim: separator}}, others, nil)
	return answer{}, nil
}

// status is STATUS (RFC 3501 §6.3.10).
func (c *conn) status(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.Status)
	f, err := c.folder(ctx, args.Mailbox)
	if err != nil {
		return answer{}, err
	}
	if err := c.sync(ctx, f, true); err != nil {
		return answer{}, err
	}
	items, err := c.statusItems(ctx, f, args.Items)
	if err != nil {
		return answer{}, err
	}
	c.w.Status(args.Mailbox, items)
	return answer{}, nil
}

// statusItems finds the values of STATUS items of a folder that is up to date.
func (c *conn) statusItems(ctx context.Context, f *bridge.Folder, names []string) ([]wire.StatusItem, error) {
	snap := f.Snapshot()
	items := make([]wire.StatusItem, 0, len(names))
	for _, name := range names {
		if name == "MAILBOXID" { // RFC 8474 §4.3
			items = append(items, wire.StatusItem{Name: name, ID: f.ObjectID()})
			continue
		}
		n, err := c.count(ctx, f, snap, name)
		if err != nil {
			return nil, err
		}
		items = append(items, wire.StatusItem{Name: name, Value: n})
	}
	return items, nil
}

// count finds the value of one STATUS item.
func (c *conn) count(ctx context.Context, f *bridge.Folder, snap *bridge.Snapshot, item string) (uint64, error) {
	switch item {
	case "MESSAGES":
		return uint64(snap.Len()), nil
	case "UIDNEXT":
		return uint64(snap.UIDNext), nil
	case "HIGHESTMODSEQ": // RFC 7162 §3.1.7
		return snap.ModSeq, nil
	case "UIDVALIDITY":
		return uint64(f.UIDValidity()), nil
	case "DELETED", "DELETED-STORAGE": // RFC 9051 §6.3.11, RFC 9208 §4.1.4: in octets
		messages, octets := deleted(snap)
		if item == "DELETED" {
			return messages, nil
		}
		return octets, nil
	case "UNSEEN":
		n := uint64(0)
		for i := range snap.Len() {
			if snap.At(i).Flags&bridge.FlagSeen == 0 {
				n++
			}
		}
		return n, nil
	case "APPENDLIMIT": // RFC 7889 §3.2, the same for every folder
		return uint64(c.opts.MaxAppend), nil
	case "SIZE":
		// RFC 8438: not less than the sum of RFC822.SIZE, to which estimates keep.
		n := uint64(0)
		for i := range snap.Len() {
			n += uint64(max(snap.At(i).Size, 0))
		}
		return n, nil
	case "RECENT":
		// Only looks: the messages stay \Recent for the next SELECT.
		first, err := f.ClaimRecent(ctx, snap, true)
		if err != nil || first == 0 {
			return 0, err
		}
		pos, _ := snap.Find(first)
		n := snap.Len() - pos
		if c.view != nil && c.view.folder == f && !c.view.readOnly {
			n += c.view.countRecent()
		}
		return uint64(n), nil
	}
	return 0, bad("Unknown STATUS item")
}

// deleted counts what EXPUNGE would remove.
func deleted(snap *bridge.Snapshot) (messages, octets uint64) {
	for i := range snap.Len() {
		if r := snap.At(i); r.Flags&bridge.FlagDeleted != 0 {
			messages++
			octets += uint64(max(r.Size, 0))
		}
	}
	return messages, octets
}
