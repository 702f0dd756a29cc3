package imapsrv

import (
	"context"
	"slices"
	"strings"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// store is STORE (RFC 3501 §6.4.6). The client gets the flags as the service
// then has them; with .SILENT only where they are not what it must expect. With
// UNCHANGEDSINCE it is conditional for each message (RFC 7162 §3.1.3). Messages that
// somebody else expunged need no flags: that is no failure (RFC 2180 §4.2.1 for
// .SILENT; Dovecot answers OK without it, too), unless the client set a condition
// (RFC 7162 §3.1.3, example with NO).
func (c *conn) store(ctx context.Context, cmd *wire.Command) (answer, error) {
	args, v := cmd.Args.(*wire.Store), c.view
	if v.readOnly {
		return answer{}, errReadOnly
	}
	lenient := cmd.UID || args.UnchangedSince == nil
	set, err := v.resolve(args.Set, cmd.UID)
	if err != nil {
		return answer{}, err
	}
	uids, missing := v.present(set)
	if len(uids) == 0 {
		return ifMissing(missing, lenient)
	}
	flags, keywords := parseFlags(args.Flags)
	var modified []uint32
	err = c.order(ctx, "Set flags of", len(uids), func(ctx context.Context, p bridge.Progress) (err error) {
		var failed []uint32
		if args.UnchangedSince == nil {
			failed, err = v.folder.SetFlags(ctx, uids, args.Op, flags, keywords, p)
		} else {
			modified, failed, err = v.folder.SetFlagsIf(ctx, uids, args.Op, flags, keywords,
				v.unchangedSince(*args.UnchangedSince, args.Op, flags, keywords), p)
		}
		return inPart("not changed", failed, len(uids), err)
	})
	now := v.folder.Snapshot()
	var refused []uint32 // modified, as the client numbers them
	for pos := range set.all() {
		row, before := now.Row(v.told.At(pos).UID), v.row(pos)
		if row == nil {
			continue
		}
		_, other := slices.BinarySearch(modified, row.UID)
		if other && cmd.UID {
			refused = append(refused, row.UID)
		} else if other {
			refused = append(refused, uint32(pos+1))
		}
		expected := args.Silent && err == nil && !other && isResult(before, row, args.Op, flags, keywords)
		v.learn(row)
		switch {
		case !expected:
			c.writeFlags(pos, row, cmd.UID)
		case args.UnchangedSince != nil, c.condStore && row.ModSeq != before.ModSeq:
			c.writeStored(pos, row)
		}
	}
	if err != nil {
		return answer{}, err
	}
	return modifiedAnswer(asAnswer(ifMissing(missing, lenient)), refused), nil
}

// isResult reports whether after is what a client expects that applied an
// operation to before.
func isResult(before, after *bridge.Row, op bridge.FlagOp, flags bridge.Flags, keywords []string) bool {
	want, words := before.Flags, foldedWords(before.Keywords())
	given := foldedWords(keywords)
	switch op {
	case bridge.FlagsReplace:
		want, words = flags, given
	case bridge.FlagsAdd:
		want, words = want|flags, append(words, given...)
	case bridge.FlagsRemove:
		want &^= flags
		words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(given, w) })
	}
	slices.Sort(words)
	have := foldedWords(after.Keywords())
	slices.Sort(have)
	return after.Flags == want && slices.Equal(slices.Compact(words), have)
}

// foldedWords is a list of keywords to compare, without $Forwarded, which is a
// flag here.
func foldedWords(words []string) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		if w = strings.ToLower(w); w != strings.ToLower(forwarded) {
			out = append(out, w)
		}
	}
	return out
}
