package imapsrv

import (
	"context"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// expunge is EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1). The
// EXPUNGE responses come from the view that moves on after it.
func (c *conn) expunge(ctx context.Context, cmd *wire.Command) (answer, error) {
	if c.view.readOnly {
		return answer{}, errReadOnly
	}
	if !cmd.UID {
		return answer{}, c.expungeDeleted(ctx, nil)
	}
	set := c.view.resolveUIDs(cmd.Args.(*wire.Expunge).Set)
	return answer{}, c.expungeDeleted(ctx, set.uids(c.view.told))
}

// expungeDeleted removes messages marked \Deleted: those among uids, or with
// nil all of the folder.
func (c *conn) expungeDeleted(ctx context.Context, uids []uint32) error {
	f := c.view.folder
	snap := f.Snapshot()
	var marked []uint32
	consider := func(r *bridge.Row) {
		if r != nil && r.Flags&bridge.FlagDeleted != 0 {
			marked = append(marked, r.UID)
		}
	}
	if uids == nil {
		for i := range snap.Len() {
			consider(snap.At(i))
		}
	}
	for _, uid := range uids {
		consider(snap.Row(uid))
	}
	if len(marked) == 0 {
		return nil
	}
	return c.order(ctx, "Expunged", len(marked), func(ctx context.Context, p bridge.Progress) error {
		failed, err := f.Expunge(ctx, marked, p)
		return inPart("not expunged", failed, len(marked), err)
	})
}
