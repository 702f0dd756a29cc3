package imapsrv

import (
	"context"
	"errors"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// copy is COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851), with and without UID.
func (c *conn) copy(ctx context.Context, cmd *wire.Command) (answer, error) {
	args, v := cmd.Args.(*wire.Copy), c.view
	move := cmd.Name == "MOVE"
	if move && v.readOnly {
		return answer{}, errReadOnly
	}
	set, err := v.resolve(args.Set, cmd.UID)
	if err != nil {
		return answer{}, err
	}
	dest, err := c.target(ctx, args.Mailbox)
	if err != nil {
		return answer{}, err
	}
	uids, missing := v.present(set)
	if len(uids) == 0 {
		return ifMissing(missing, cmd.UID)
	}
	var pairs []bridge.UIDPair
	verb, undone := "Copied", "not copied"
	if move {
		verb, undone = "Moved", "not moved"
	}
	err = c.order(ctx, verb, len(uids), func(ctx context.Context, p bridge.Progress) (err error) {
		pairs, err = v.folder.Transfer(ctx, uids, dest, move, p)
		return err
	})
	code := wire.CodeCopyUID(dest.UIDValidity(), pairs)
	if move && code != "" {
		// RFC 6851 §4.3: before the EXPUNGE responses, which report writes.
		c.w.Untagged(wire.OK, code, "Moved")
		code = ""
	}
	switch {
	case errors.Is(err, bridge.ErrNotFound) && !dest.Gone():
		missing += len(uids) - len(pairs)
	case err != nil:
		return answer{}, &targetError{inPart(undone, notIn(uids, pairs), len(uids), err)}
	}
	a, err := ifMissing(missing, cmd.UID)
	if a.code == "" {
		a.code = code
	}
	return a, err
}

// notIn are the UIDs that are in no pair.
func notIn(uids []uint32, pairs []bridge.UIDPair) (left []uint32) {
	done := make(map[uint32]bool, len(pairs))
	for _, p := range pairs {
		done[p.From] = true
	}
	for _, uid := range uids {
		if !done[uid] {
			left = append(left, uid)
		}
	}
	return left
}

// present lists the UIDs at the positions that the folder still has, and how
// many have gone, unknown to the client.
func (v *view) present(set positions) (uids []uint32, missing int) {
	now := v.folder.Snapshot()
	for _, uid := range set.uids(v.told) {
		if now == v.told || now.Row(uid) != nil {
			uids = append(uids, uid)
		} else {
			missing++
		}
	}
	return uids, missing
}

// ifMissing is the answer when messages were expunged by somebody else (RFC
// 5530, EXPUNGEISSUED; RFC 2180 §4). For UID commands they simply do not exist
// any more, which is no failure (RFC 3501 §6.4.8); others may be as lenient.
func ifMissing(missing int, lenient bool) (answer, error) {
	const text = "Some of the messages no longer exist"
	switch {
	case missing == 0:
		return answer{}, nil
	case lenient:
		return answer{wire.OK, wire.CodeExpungeIssued, text}, nil
	}
	return answer{}, no(wire.CodeExpungeIssued, text)
}
