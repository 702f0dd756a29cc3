package bridge

import (
	"context"
	"fmt"
)

// intoSent carries out what of a transfer into Sent Items the service has done already:
// a draft of what was just sent through the bridge, brought there by a client that
// files its copy in two steps (APPEND to Drafts, then MOVE), would lie beside the
// service's own copy as a draft for ever. As with APPEND that copy takes its place; a
// moved draft is then deleted, recoverably, since a client may have changed it since.
//
// Of other messages nothing is known: one with a Message-ID that was sent may be the
// copy that came back to the sender, or one from Sent Items on its way home.
func (f *Folder) intoSent(ctx context.Context, uids []uint32, dest *Folder, move bool) (pairs []UIDPair, rest []uint32, err error) {
	drafts, _ := f.pick(uids, len(uids), func(r *Row) bool { return r.Flags&FlagUnsent != 0 })
	if len(drafts) == 0 {
		return nil, uids, nil
	}
	details, err := f.details(ctx, uidsOf(drafts))
	if err != nil {
		return nil, nil, err
	}
	done := map[uint32]bool{}
	for _, row := range drafts {
		d := details[row.UID]
		if d == nil {
			continue
		}
		own := AppendOptions{Flags: row.Flags &^ (FlagDraft | FlagUnsent), Keywords: row.Keywords()}
		uid, err := dest.sentCopy(ctx, d.Envelope.MessageID, own)
		if err != nil {
			return pairs, nil, err
		}
		if uid == 0 {
			continue
		}
		if move {
			_, err = f.remove(ctx, []uint32{row.UID}, func(ctx context.Context, ids []MessageID) ([]error, error) {
				return f.m.store.Delete(ctx, ids, DisposeDelete), nil
			})
			if err != nil {
				return pairs, nil, fmt.Errorf("move draft of a sent message: %w", err)
			}
		}
		done[row.UID] = true
		pairs = append(pairs, UIDPair{From: row.UID, To: uid})
	}
	for _, uid := range uids {
		if !done[uid] {
			rest = append(rest, uid)
		}
	}
	return pairs, rest, nil
}
