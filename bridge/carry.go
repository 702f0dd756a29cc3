package bridge

import (
	"context"
	"fmt"
	"io"
)

// carry copies or moves messages into a folder of another mailbox, for which Graph has
// no call: the text is read here and filed there, as APPEND does. Text, flags, keywords
// and INTERNALDATE are kept. What Exchange knows besides is not: conversation, follow-up
// dates, and whatever the rendering as MIME leaves out.
//
// A copy is of all messages or of none (RFC 3501 §6.4.7). A move goes message by
// message: each is in one place at any time, or for a moment in both.
func (f *Folder) carry(ctx context.Context, rows []*Row, dest *Folder, move bool, progress Progress) (pairs []UIDPair, err error) {
	var made []uint32
	for i, row := range rows {
		progress.tell(i, len(rows))
		uid, err := f.carryOne(ctx, row, dest)
		switch {
		case err == nil:
		case gone(err) && !dest.Gone():
			continue // nobody has it any more
		case move:
			return pairs, err
		default:
			return nil, dest.takeBack(ctx, made, err)
		}
		made = append(made, uid)
		if move {
			if err := f.leave(ctx, row, dest, uid); err != nil {
				return pairs, err
			}
		}
		pairs = append(pairs, UIDPair{From: row.UID, To: uid})
	}
	return pairs, nil
}

// carryOne files a message of f in dest.
func (f *Folder) carryOne(ctx context.Context, row *Row, dest *Folder) (uint32, error) {
	c, err := f.m.text(ctx, row.ID)
	if err != nil {
		return 0, fmt.Errorf("text of message %d of folder %s: %w", row.UID, f.Name(), err)
	}
	defer c.Close()
	if c.StandIn {
		return 0, fmt.Errorf("message %d of folder %s has no text that could be filed elsewhere: %w", row.UID, f.Name(), ErrInvalid)
	}
	u, err := dest.Receive(ctx, io.NewSectionReader(c, 0, c.Size), c.Size, AppendOptions{
		Flags: row.Flags, Keywords: row.Keywords(), Date: row.Received,
	})
	if err != nil {
		return 0, err
	}
	defer u.Close()
	return dest.file(ctx, u.entry, u.spool, u.root, u.opts)
}

// leave removes what was moved, so that it stays recoverable: its other copy is not the
// same item. Where it cannot be removed the other copy is taken back.
func (f *Folder) leave(ctx context.Context, row *Row, dest *Folder, uid uint32) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackLimit)
	defer cancel()
	left, err := f.remove(ctx, []uint32{row.UID}, func(ctx context.Context, ids []MessageID) ([]error, error) {
		return f.m.store.Delete(ctx, ids, DisposeDelete), nil
	})
	if len(left) > 0 {
		return dest.takeBack(ctx, []uint32{uid}, err)
	}
	return nil
}
