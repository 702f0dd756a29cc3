package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"mail2graph/bridge"
)

// exactBit marks an exact size in the flags column, above bridge.Flags.
const exactBit = 1 << 8

// Apply implements bridge.Index. It refuses a UID that is not below the
// folder's UIDNext: the next message would get it again.
func (x *Index) Apply(ctx context.Context, updates ...bridge.FolderUpdate) error {
	return x.update(ctx, "apply", func(inner context.Context, tx *sql.Tx) error {
		a := applier{
			x: x, tx: tx, caller: ctx,
			folder:      tx.StmtContext(inner, x.put.folder),
			message:     tx.StmtContext(inner, x.put.message),
			detail:      tx.StmtContext(inner, x.put.detail),
			dropMessage: tx.StmtContext(inner, x.put.dropMessage),
			dropDetail:  tx.StmtContext(inner, x.put.dropDetail),
			expunged:    tx.StmtContext(inner, x.put.expunged),
			structure:   tx.StmtContext(inner, x.put.structure),
			header:      tx.StmtContext(inner, x.put.header),
		}
		for i := range updates {
			if err := a.apply(inner, &updates[i]); err != nil {
				return fmt.Errorf("folder %s: %w", updates[i].State.ID, err)
			}
		}
		return a.dropStructures(inner)
	})
}

// applier is one Apply: the statements bound to its transaction.
type applier struct {
	x      *Index
	tx     *sql.Tx
	caller context.Context // of the caller of Apply: asked now and then

	folder, message, detail, dropMessage, dropDetail, expunged, structure, header *sql.Stmt

	gone []goneMessage
	buf  []byte
	n    int
}

type goneMessage struct {
	id   string
	hash int64
}

func (a *applier) apply(ctx context.Context, u *bridge.FolderUpdate) error {
	num, err := storeFolder(ctx, a.folder, &u.State)
	if err != nil {
		return err
	}
	for i := range u.Put {
		if err := a.put(ctx, num, u.State.UIDNext, &u.Put[i]); err != nil {
			return fmt.Errorf("put uid %d: %w", u.Put[i].UID, err)
		}
	}
	for _, e := range u.Expunged {
		if err := a.expunge(ctx, num, e); err != nil {
			return fmt.Errorf("expunge uid %d: %w", e.UID, err)
		}
	}
	if len(u.Expunged) == 0 {
		return nil
	}
	return a.prune(ctx, num)
}

// alive asks the caller's context every few hundred messages.
func (a *applier) alive() error {
	if a.n++; a.n%256 == 0 {
		return a.caller.Err()
	}
	return nil
}

func (a *applier) put(ctx context.Context, num int64, uidNext uint32, e *bridge.Entry) error {
	if err := a.alive(); err != nil {
		return err
	}
	if e.UID == 0 || e.UID >= uidNext {
		return fmt.Errorf("not between 1 and uidnext %d: %w", uidNext, bridge.ErrInvalid)
	}
	flags := int64(e.Flags)
	if e.SizeExact {
		flags |= exactBit
	}
	k := key(num, e.UID)
	if _, err := a.message.ExecContext(ctx, k, string(e.ID), hash(e.ID), int64(e.ModSeq), flags,
		e.Received.Unix(), e.Size, encodeCategories(e.Categories), e.Saved); err != nil {
		return err
	}
	if e.Detail == nil {
		return nil
	}
	a.buf = encodeDetail(a.buf[:0], e.Detail)
	_, err := a.detail.ExecContext(ctx, k, a.buf)
	return err
}

// expunge removes a message and remembers its UID. A UID that is gone already
// keeps its first mod-sequence.
func (a *applier) expunge(ctx context.Context, num int64, e bridge.Expunged) error {
	if err := a.alive(); err != nil {
		return err
	}
	k := key(num, e.UID)
	var g goneMessage
	err := a.dropMessage.QueryRowContext(ctx, k).Scan(&g.id, &g.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	a.gone = append(a.gone, g)
	if _, err := a.dropDetail.ExecContext(ctx, k); err != nil {
		return err
	}
	_, err = a.expunged.ExecContext(ctx, num, int64(e.ModSeq), e.UID)
	return err
}

// dropStructures forgets the structures and header blocks of messages that are
// in no folder any more; after all updates, so that a move keeps them.
func (a *applier) dropStructures(ctx context.Context) error {
	for _, g := range a.gone {
		if _, err := a.structure.ExecContext(ctx, g.hash, g.id); err != nil {
			return fmt.Errorf("drop structure: %w", err)
		}
		if _, err := a.header.ExecContext(ctx, g.hash, g.id); err != nil {
			return fmt.Errorf("drop header: %w", err)
		}
	}
	return nil
}

// prune keeps the number of remembered UIDs within the limit, with a tenth of
// it as slack so that it seldom has work to do.
func (a *applier) prune(ctx context.Context, num int64) error {
	limit := a.x.opts.MaxExpunged
	var over bool
	if err := a.tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM expunged WHERE folder = ? LIMIT 1 OFFSET ?)",
		num, limit+limit/10).Scan(&over); err != nil || !over {
		return err
	}
	var last int64
	if err := a.tx.QueryRowContext(ctx, "SELECT modseq FROM expunged WHERE folder = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
		num, limit).Scan(&last); err != nil {
		return err
	}
	if _, err := a.tx.ExecContext(ctx, "DELETE FROM expunged WHERE folder = ? AND modseq <= ?", num, last); err != nil {
		return err
	}
	_, err := a.tx.ExecContext(ctx, "UPDATE folder SET forgotten = ? WHERE num = ?", last, num)
	return err
}
