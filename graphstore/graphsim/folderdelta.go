package graphsim

import (
	"cmp"
	"slices"
)

// folderToken is the deltaLink of mailFolders/delta.
type folderToken struct {
	Seq        uint64 `json:"q"`
	Generation int    `json:"g"`
	Select     string `json:"s,omitempty"`
	Pos        int    `json:"p,omitempty"` // rows of the round from From already given
	From       uint64 `json:"b,omitempty"`
	Paging     bool   `json:"m,omitempty"`
}

// folderDelta is api/mailfolder-delta: all folders of the mailbox in one stream. odata.maxpagesize has no meaning here
// (§6.1), $top is the page size.
func folderDelta(c *call) (*reply, *apiError) {
	t := folderToken{Generation: c.mb.foldGen, Select: c.option("$select")}
	text := c.option("$deltatoken")
	if text == "" {
		text = c.option("$skiptoken")
	}
	if text != "" && text != "latest" {
		t = folderToken{}
		if !c.srv.openToken(text, &t) {
			return nil, errSyncToken()
		}
		if t.Generation != c.mb.foldGen {
			return nil, errSyncState(t.Generation, c.mb.foldGen)
		}
	}
	want, err := checkFolderSelect(t.Select)
	if err != nil {
		return nil, err
	}
	from, end := t.Seq, c.mb.change
	if t.Paging {
		from, end = t.From, t.Seq
	}
	rows := c.folderRows(from, end, want)
	size, err := c.pageSize(100, 1000)
	if err != nil {
		return nil, err
	}
	to := min(t.Pos+size, len(rows))
	o := object{{"@odata.context", c.metadata("/mailFolders")}, {"value", rows[min(t.Pos, to):to]}}
	if to < len(rows) {
		next := folderToken{Seq: end, Generation: t.Generation, Select: t.Select, Pos: to, From: from, Paging: true}
		return ok(o.add("@odata.nextLink", c.deltaLink("$skiptoken", next))), nil
	}
	return ok(o.add("@odata.deltaLink", c.deltaLink("$deltatoken", folderToken{Seq: end, Generation: t.Generation, Select: t.Select}))), nil
}

// folderRows are the folders that changed after from and up to end, then those that went.
func (c *call) folderRows(from, end uint64, want map[string]bool) []object {
	var list []*folder
	for _, f := range c.mb.folders {
		at := f.changedAt
		if c.srv.modes.FolderDeltaCounts {
			at = max(at, f.countedAt)
		}
		if f != c.mb.root && f.within(c.mb.root) && !f.hidden && at > from && f.addedAt <= end {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *folder) int { return cmp.Compare(a.num, b.num) })
	rows := []object{}
	for _, f := range list {
		rows = append(rows, c.folderObject(f, want, nil))
	}
	for _, g := range c.mb.gone {
		if g.seq > from && g.seq <= end && g.added <= from {
			rows = append(rows, object{{"@odata.type", "#microsoft.graph.mailFolder"},
				{"id", encodeID(c.mb.id, kindFolder, g.num, 0)}, {"@removed", object{{"reason", "deleted"}}}})
		}
	}
	return rows
}
