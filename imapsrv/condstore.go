package imapsrv

import (
	"slices"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// CONDSTORE and QRESYNC (RFC 7162). A view's told.ModSeq is the mod-sequence up
// to which the client knows everything of the folder: flags, expunges, arrivals.

// enableCondStore makes every FETCH response that nobody asked for tell UID and
// mod-sequence from now on (RFC 7162 §3.1, §3.2.4). A client with a folder
// selected learns the mod-sequence that it stands at.
func (c *conn) enableCondStore() {
	if c.condStore {
		return
	}
	c.condStore = true
	if c.view != nil {
		c.writeModSeq()
	}
}

// writeModSeq tells the mod-sequence from which on the client would have to
// resynchronise.
func (c *conn) writeModSeq() {
	c.modSeqDue = false
	c.w.Untagged(wire.OK, wire.CodeHighestModSeq(c.view.told.ModSeq), "Highest mod-sequence")
}

// withModSeq adds HIGHESTMODSEQ to the answer of a command that is due to tell
// it: after expunges, which carry none themselves (RFC 7162 §3.2.7), and while
// expunges are held back, so that a client does not take the mod-sequences of
// later flags for a sign that it has missed nothing (§3.2, §6).
func (c *conn) withModSeq(a answer) answer {
	switch {
	case !c.modSeqDue:
	case c.view == nil || c.closing || a.cond == answered:
		c.modSeqDue = false
	case a.code == "" && (a.cond == "" || a.cond == wire.OK):
		c.modSeqDue = false
		a.code = wire.CodeHighestModSeq(c.view.told.ModSeq)
	default:
		c.writeModSeq()
	}
	return a
}

// isNews reports whether the client, who was told before, has to hear of now.
func (c *conn) isNews(before, now *bridge.Row) bool {
	return !sameFlags(before, now) || c.condStore && before.ModSeq != now.ModSeq
}

// unchangedSince returns the test of STORE with UNCHANGEDSINCE (RFC 7162
// §3.1.3). A message that did change passes if the client was told its state
// of that time, and of what it wants to add or remove nothing has changed since
// (§3.1.12).
func (v *view) unchangedSince(since uint64, op bridge.FlagOp, flags bridge.Flags, keywords []string) func(*bridge.Row) bool {
	words := foldedWords(keywords)
	affected := func(r *bridge.Row) (bridge.Flags, []string) {
		have := foldedWords(r.Keywords())
		have = slices.DeleteFunc(have, func(w string) bool { return !slices.Contains(words, w) })
		slices.Sort(have)
		return r.Flags & flags, slices.Compact(have)
	}
	return func(now *bridge.Row) bool {
		if now.ModSeq <= since {
			return true
		}
		pos, ok := v.told.Find(now.UID)
		if op == bridge.FlagsReplace || !ok || v.row(pos).ModSeq > since {
			return false
		}
		flagsBefore, wordsBefore := affected(v.row(pos))
		flagsNow, wordsNow := affected(now)
		return flagsBefore == flagsNow && slices.Equal(wordsBefore, wordsNow)
	}
}

// modifiedAnswer adds what a STORE left alone to its answer; it may be a NO
// already (RFC 7162 §3.1.3).
func modifiedAnswer(a answer, nums []uint32) answer {
	if len(nums) == 0 {
		return a
	}
	a.code = wire.CodeModified(wire.Numbers(nums))
	if a.cond != wire.NO {
		a.text = "Some of the messages were changed meanwhile, and are as they were"
	}
	return a
}

// changedSince leaves the messages with a mod-sequence above since (RFC 7162 §3.1.4.1).
func (f *fetcher) changedSince(set positions, since uint64) positions {
	var out positions
	for pos := range set.all() {
		if f.current(pos).ModSeq > since {
			out = out.with(pos)
		}
	}
	return out
}

// highestModSeq is the highest mod-sequence among messages of snap.
func highestModSeq(snap *bridge.Snapshot, uids []uint32) uint64 {
	highest := uint64(0)
	for _, uid := range uids {
		if row := snap.Row(uid); row != nil {
			highest = max(highest, row.ModSeq)
		}
	}
	return highest
}

// hasNumbers reports whether a search names sequence numbers: then nothing may
// be expunged even if it is UID SEARCH (RFC 7162 §3.2.10.2).
func hasNumbers(k *bridge.SearchKey) bool {
	if k.Op == bridge.SearchSeqs {
		return true
	}
	for i := range k.Keys {
		if hasNumbers(&k.Keys[i]) {
			return true
		}
	}
	return false
}
