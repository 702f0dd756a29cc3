package imapsrv

import (
	"context"
	"errors"
	"strings"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// IMAP4rev2 (RFC 9051) beside IMAP4rev1. Most of it, and all that only adds, is
// there for everybody: what it took over from extensions, CLOSED, HASCHILDREN,
// STATUS with DELETED and SIZE. A client that enables it also gets
//
//   - names and strings in UTF-8 (§4.3, §5.1), parameters decoded (§7.5.2);
//   - ESEARCH in place of SEARCH responses (§6.4.4);
//   - LIST with SELECT (§6.3.2), and with OLDNAME where a name is not what the
//     client said or no longer what it was (§6.3.9.7);
//   - the UID with each FETCH response that it did not ask for (§7.5.2);
//   - neither RECENT and UNSEEN nor \Recent, and leaves the messages \Recent for
//     a client of IMAP4rev1 (appendix E, items 11 and 12).
//
// What it took away (CHECK, LSUB, RFC822, SEARCH NEW) goes on working.

// enableRev2 is ENABLE IMAP4rev2 (RFC 9051 §6.3.1, appendix A).
func (c *conn) enableRev2() {
	c.rev2 = true
	c.setDialect()
	if c.view != nil {
		c.view.recent = nil
	}
}

// setDialect says to reader and writer what the client has enabled.
func (c *conn) setDialect() {
	d := wire.Rev1
	switch {
	case c.rev2:
		d = wire.Rev2
	case c.utf8:
		d = wire.UTF8
	}
	c.w.SetDialect(d)
	c.r.SetUTF8(d != wire.Rev1)
}

// claimRecent makes new messages \Recent where there is such a thing.
func (c *conn) claimRecent(ctx context.Context, v *view, snap *bridge.Snapshot) error {
	if c.rev2 {
		return nil
	}
	return v.claim(ctx, snap)
}

func (c *conn) writeRecent(v *view) {
	if !c.rev2 {
		c.w.Recent(uint32(v.countRecent()))
	}
}

// writeSearch answers SEARCH without RETURN.
func (c *conn) writeSearch(cmd *wire.Command, nums []uint32, modSeq uint64) {
	switch {
	case c.rev2:
		c.w.ESearch(&wire.ESearch{Tag: cmd.Tag, UID: cmd.UID, Nums: nums, ModSeq: modSeq})
	case modSeq > 0:
		c.w.SearchModSeq(nums, modSeq)
	default:
		c.w.Search(nums)
	}
}

// writeEntry tells the client of one folder by LIST. said is the name that the
// client used for it, which is told where it is another one.
func (c *conn) writeEntry(f *bridge.Folder, said string) {
	e := c.account.Entry(f)
	c.w.ListEntry(&wire.ListEntry{Attrs: attributes(e), Delim: separator, Name: e.Name, OldName: otherName(said, e.Name)})
}

// otherName is what the client said, if that is not the folder's name; a
// separator at its end is none of it (RFC 9051 §6.3.4).
func otherName(said, name string) string {
	if said = strings.TrimSuffix(said, string(separator)); said == name {
		return ""
	}
	return said
}

// writeNormalised tells a client that named a folder otherwise than the server
// does which folder that is.
func (c *conn) writeNormalised(f *bridge.Folder, said string) {
	if c.rev2 && otherName(said, c.account.FolderName(f)) != "" {
		c.writeEntry(f, said)
	}
}

// writeDeleted is the same for a folder that is no more.
func (c *conn) writeDeleted(name, said string) {
	if old := otherName(said, name); c.rev2 && old != "" {
		c.w.ListEntry(&wire.ListEntry{Attrs: []string{`\NonExistent`}, Delim: separator, Name: name, OldName: old})
	}
}

// writeRenamed tells what a folder is called now that was called old. INBOX keeps
// its name, only its messages are in another folder (RFC 9051 §6.3.6): the one
// that the client named.
func (c *conn) writeRenamed(ctx context.Context, f *bridge.Folder, old, said string) error {
	if !c.rev2 {
		return nil
	}
	if c.account.FolderName(f) != old {
		c.writeEntry(f, old)
	}
	f, err := c.folder(ctx, said)
	switch {
	case errors.Is(err, bridge.ErrNotFound): // renamed again by somebody else
		return nil
	case err != nil:
		return err
	}
	c.writeNormalised(f, said)
	return nil
}
