package imapsrv

import (
	"slices"
	"strings"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// systemFlags are the flags of RFC 3501 §2.3.2 except \Recent, which is the
// session's.
var systemFlags = []struct {
	name string
	flag bridge.Flags
}{
	{`\Answered`, bridge.FlagAnswered},
	{`\Flagged`, bridge.FlagFlagged},
	{`\Deleted`, bridge.FlagDeleted},
	{`\Seen`, bridge.FlagSeen},
	{`\Draft`, bridge.FlagDraft},
}

// forwarded is the keyword with a flag of its own.
const forwarded = "$Forwarded"

// flags appends the flags of a message as this session sees them.
func (v *view) flags(list []string, row *bridge.Row) []string {
	for _, f := range systemFlags {
		if row.Flags&f.flag != 0 {
			list = append(list, f.name)
		}
	}
	if v.isRecent(row.UID) {
		list = append(list, `\Recent`)
	}
	if row.Flags&bridge.FlagForwarded != 0 || len(row.Categories) > 0 {
		list = append(list, row.Keywords()...)
	}
	return list
}

// permanentFlags are those that every folder has and STORE changes for good: all
// but \Recent.
var permanentFlags = []string{`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`, forwarded}

// writeDefined tells the flags of the folder: FLAGS, and PERMANENTFLAGS with the
// same and `\*`, as new keywords are welcome: they become categories (RFC 3501
// §7.2.6, §7.1).
func (c *conn) writeDefined() {
	defined := append(slices.Clone(permanentFlags), c.view.keywords...)
	c.w.Flags(defined)
	permanent := wire.CodePermanentFlags(defined, true)
	if c.view.readOnly {
		permanent = wire.CodePermanentFlags(nil, false)
	}
	c.w.Untagged(wire.OK, permanent, "Flags that can be changed")
}

// define tells FLAGS once more before the flags of a message, if it has a keyword
// that the client did not hear of: some know keywords by their place in that list.
func (c *conn) define(row *bridge.Row) {
	if len(row.Categories) == 0 || !c.view.addKeywords(row) {
		return
	}
	c.view.addKeywordsOf(c.view.folder.Snapshot()) // one list for all that is new
	c.writeDefined()
}

// addKeywordsOf notes the keywords in use among the messages of snap.
func (v *view) addKeywordsOf(snap *bridge.Snapshot) {
	var last []string
	for i := range snap.Len() {
		row := snap.At(i)
		if len(row.Categories) > 0 && !slices.Equal(row.Categories, last) {
			v.addKeywords(row)
			last = row.Categories
		}
	}
}

// addKeywords notes the keywords of a message and reports whether one was new,
// which does not depend on letter case (RFC 3501 §2.3.2).
func (v *view) addKeywords(row *bridge.Row) (isNew bool) {
	for _, k := range row.Keywords() {
		if v.spellings[k] || strings.EqualFold(k, forwarded) {
			continue
		}
		if v.spellings == nil {
			v.spellings = make(map[string]bool)
		}
		v.spellings[k] = true
		if !slices.ContainsFunc(v.keywords, func(known string) bool { return strings.EqualFold(known, k) }) {
			v.keywords, isNew = append(v.keywords, k), true
		}
	}
	if isNew {
		slices.Sort(v.keywords)
	}
	return isNew
}

// parseFlags divides flags as a client gives them. System flags that do not
// exist here are passed over, as PERMANENTFLAGS announced.
func parseFlags(names []string) (flags bridge.Flags, keywords []string) {
next:
	for _, n := range names {
		if strings.EqualFold(n, forwarded) {
			flags |= bridge.FlagForwarded
			continue
		}
		for _, f := range systemFlags {
			if strings.EqualFold(n, f.name) {
				flags |= f.flag
				continue next
			}
		}
		if !strings.HasPrefix(n, `\`) && !slices.Contains(keywords, n) {
			keywords = append(keywords, n)
		}
	}
	return flags, keywords
}
