package imapsrv

import (
	"context"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// selectFolder is SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2). Whatever was
// selected before is not any more, even when this fails.
func (c *conn) selectFolder(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.Mailbox)
	if args.QResync != nil && !c.qresync {
		return answer{}, errNoQResync
	}
	if c.view != nil { // RFC 7162 §3.2.11: what follows is of the new folder
		c.deselect()
		c.w.Untagged(wire.OK, wire.CodeClosed, "The folder selected before is closed")
	}
	f, err := c.folder(ctx, args.Name)
	if err != nil {
		return answer{}, err
	}
	if err := c.sync(ctx, f, true); err != nil {
		return answer{}, err
	}
	v := &view{folder: f, readOnly: cmd.Name == "EXAMINE" || c.account.ReadOnly, told: f.Snapshot()}
	if err := c.claimRecent(ctx, v, v.told); err != nil {
		return answer{}, err
	}
	missed, err := v.missedBy(ctx, args.QResync)
	if err != nil {
		return answer{}, err
	}
	v.watch = f.Watch(false)
	c.view = v
	c.describe(v)
	if c.rev2 {
		c.writeEntry(f, args.Name)
	}
	c.writeMissed(missed)
	if v.readOnly {
		return answer{code: wire.CodeReadOnly}, nil
	}
	return answer{code: wire.CodeReadWrite}, nil
}

// describe writes the untagged responses of SELECT.
func (c *conn) describe(v *view) {
	v.addKeywordsOf(v.told)
	c.writeDefined()
	c.w.Exists(uint32(v.told.Len()))
	c.writeRecent(v)
	if pos := firstUnseen(v.told); pos >= 0 && !c.rev2 {
		c.w.Untagged(wire.OK, wire.CodeUnseen(uint32(pos+1)), "First message without \\Seen")
	}
	c.w.Untagged(wire.OK, wire.CodeUIDValidity(v.folder.UIDValidity()), "UIDs are valid")
	c.w.Untagged(wire.OK, wire.CodeUIDNext(v.told.UIDNext), "Next UID")
	c.w.Untagged(wire.OK, wire.CodeMailboxID(v.folder.ObjectID()), "Identifier of the folder") // RFC 8474 §4.2
	c.w.Untagged(wire.OK, wire.CodeHighestModSeq(v.told.ModSeq), "Highest mod-sequence")       // RFC 7162 §3.1.2.1
}

// firstUnseen is the position of the first message without \Seen, or -1.
func firstUnseen(snap *bridge.Snapshot) int {
	for i := range snap.Len() {
		if snap.At(i).Flags&bridge.FlagSeen == 0 {
			return i
		}
	}
	return -1
}

// folder finds a folder by name.
func (c *conn) folder(ctx context.Context, name string) (f *bridge.Folder, err error) {
	err = c.call(ctx, 0, func(ctx context.Context) (err error) {
		f, err = c.account.Folder(ctx, name)
		return err
	})
	return f, err
}

// target finds the folder that a command writes to.
func (c *conn) target(ctx context.Context, name string) (*bridge.Folder, error) {
	if c.account.ReadOnly {
		return nil, errReadOnlyLogin
	}
	f, err := c.folder(ctx, name)
	if err != nil {
		return nil, &targetError{err}
	}
	return f, nil
}

// check is CHECK (RFC 3501 §6.4.1): a NOOP with a claim to completeness.
func (c *conn) check(ctx context.Context, _ *wire.Command) (answer, error) {
	return answer{}, c.sync(ctx, c.view.folder, true)
}

// closeFolder is CLOSE (RFC 3501 §6.4.2): it expunges without a word, but not
// after EXAMINE. If that fails the folder stays selected, so that the client
// learns of it and can try again.
func (c *conn) closeFolder(ctx context.Context, _ *wire.Command) (answer, error) {
	if !c.view.readOnly {
		if err := c.expungeDeleted(ctx, nil); err != nil {
			return answer{}, err
		}
	}
	c.deselect()
	return answer{}, nil
}

// unselect is UNSELECT (RFC 3691): CLOSE without expunging.
func (c *conn) unselect(context.Context, *wire.Command) (answer, error) {
	c.deselect()
	return answer{}, nil
}

// errReadOnly is for commands that change messages after EXAMINE.
var errReadOnly = no(wire.CodeReadOnly, "The folder is open read-only; use SELECT")

// errReadOnlyLogin is for commands that change anything, from a login that may not.
var errReadOnlyLogin = no(wire.CodeNoPerm, "This user name may only read")
