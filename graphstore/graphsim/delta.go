package graphsim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// deltaOptions are the options of the first request of a delta; the tokens carry them (api/message-delta).
type deltaOptions struct {
	Select string    `json:"s,omitempty"`
	Type   string    `json:"t,omitempty"`
	After  time.Time `json:"a,omitzero"`
	Attach bool      `json:"x,omitempty"`
	Top    int       `json:"n,omitempty"`
}

// deltaToken is what a deltaLink says: everything after Seq is new.
type deltaToken struct {
	Folder     uint64 `json:"f"`
	Seq        uint64 `json:"q"`
	Generation int    `json:"g"`
	deltaOptions
}

// walk is a round that has more than one page.
type walk struct {
	token deltaToken // of the deltaLink at its end
	rows  []deltaRow
}

// deltaRow is a row that is written when its page is asked for.
type deltaRow struct {
	num, entry uint64
	removed    bool
	partial    bool
}

// walkCache keeps unfinished rounds; the oldest fall out (§6.4).
type walkCache struct {
	byID map[uint64]*walk
	ids  []uint64
	next uint64
}

const maxWalks = 500

func (w *walkCache) add(k *walk) uint64 {
	if w.byID == nil {
		w.byID = map[uint64]*walk{}
	}
	w.next++
	w.byID[w.next] = k
	w.ids = append(w.ids, w.next)
	if len(w.ids) > maxWalks {
		delete(w.byID, w.ids[0])
		w.ids = w.ids[1:]
	}
	return w.next
}

func errSyncState(have, highest int) *apiError {
	return fail(http.StatusGone, "SyncStateNotFound", "The sync state generation is not found; generation=%d;[highest=%d][%d].", have, highest, highest)
}

func errSyncToken() *apiError {
	return fail(http.StatusBadRequest, "SyncStateInvalid", "The sync state is not valid.")
}

// messageDelta is api/message-delta, §6.
func messageDelta(c *call) (*reply, *apiError) {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return nil, err
	}
	switch token := c.option("$deltatoken"); {
	case c.option("$skiptoken") != "":
		return c.deltaPage(f, c.option("$skiptoken"))
	case token != "" && token != "latest": // latest does not work for messages (§6.1): the full list
		var t deltaToken
		if !c.srv.openToken(token, &t) || t.Folder != f.num {
			return nil, errSyncToken()
		}
		if t.Generation != f.generation || t.Seq < f.logStart {
			return nil, errSyncState(t.Generation, f.generation)
		}
		return c.round(f, t)
	}
	return c.firstRound(f)
}

// firstRound lists the whole folder.
func (c *call) firstRound(f *folder) (*reply, *apiError) {
	o, err := c.deltaOptions()
	if err != nil {
		return nil, err
	}
	end := f.logEnd(c.srv.modes.DeltaLag)
	young := map[uint64]bool{}
	for _, ch := range f.between(end, f.mb.change) {
		if ch.kind == changeAdded {
			young[ch.num] = true
		}
	}
	k := &walk{token: deltaToken{f.num, end, f.generation, o}}
	for i := range f.msgs {
		m := f.msgs[len(f.msgs)-1-i]
		if c.srv.modes.DeltaOldestFirst {
			m = f.msgs[i]
		}
		if !young[m.num] && o.covers(m) {
			k.rows = append(k.rows, deltaRow{num: m.num, entry: m.entry})
		}
	}
	if !o.After.IsZero() && len(k.rows) > 5000 { // graph/delta-query-messages
		k.rows = k.rows[:5000]
	}
	return c.startWalk(k)
}

// covers reports whether a message is within the filter of the first request.
func (o *deltaOptions) covers(m *message) bool {
	return o.After.IsZero() || !m.received.Before(o.After)
}

// deltaOptions reads the options of a first request.
func (c *call) deltaOptions() (deltaOptions, *apiError) {
	o := deltaOptions{Select: c.option("$select"), Type: strings.ToLower(c.query.Get("changeType"))}
	if _, err := selected(o.Select); err != nil {
		return o, err
	}
	x, err := parseExpand(c.option("$expand"))
	switch {
	case err != nil:
		return o, err
	case len(x.props) > 0 || x.multi: // docs#2270
		return o, fail(http.StatusInternalServerError, "InternalServerError", "Value cannot be null.\r\nParameter name: type")
	case c.option("$search") != "":
		return o, errBadRequest("$search is not supported with change tracking.")
	case o.Type != "" && !oneOf(o.Type, "created", "updated", "deleted"):
		return o, errBadRequest("Invalid value '%s' for changeType.", o.Type)
	}
	o.Attach = x.attachments
	if text := c.option("$orderby"); text != "" && !strings.EqualFold(strings.Join(strings.Fields(text), " "), "receivedDateTime desc") {
		return o, errBadRequest("$orderby is not supported with change tracking.")
	}
	if text := strings.TrimSpace(c.option("$filter")); text != "" {
		fields := strings.Fields(text)
		if len(fields) != 3 || !strings.EqualFold(fields[0], "receivedDateTime") || !oneOf(fields[1], "ge", "gt") {
			return o, errBadRequest("The filter is not supported with change tracking.")
		}
		t, terr := parseTime(fields[2])
		if terr != nil {
			return o, errBadRequest("Invalid filter clause: %v", terr)
		}
		if strings.EqualFold(fields[1], "gt") {
			t = t.Add(time.Second)
		}
		o.After = t
	}
	o.Top, err = c.number("$top", 0)
	return o, err
}

// round reports what has changed since a token.
func (c *call) round(f *folder, t deltaToken) (*reply, *apiError) {
	end := max(f.logEnd(c.srv.modes.DeltaLag), t.Seq)
	k := &walk{token: t}
	k.token.Seq = end
	k.rows = append(f.replay(t.Seq, c.srv.modes.DeltaReplay), c.changes(f, t, end)...)
	return c.startWalk(k)
}

// replay are rows that the client knows already (§6.2).
func (f *folder) replay(seq uint64, n int) []deltaRow {
	var rows []deltaRow
	old := f.between(0, seq)
	for i := len(old) - 1; i >= 0 && len(rows) < n; i-- {
		if m := f.mb.byNum[old[i].num]; m != nil && m.folder == f {
			rows = append(rows, deltaRow{num: m.num, entry: m.entry})
		}
	}
	return rows
}

// fold is what the log says about one item between two rounds.
type fold struct {
	num, entry uint64
	known      bool // present at the beginning
	removed    bool // at least once
	kinds      [changeRemoved + 1]bool
	after      bool // changed after it came back
}

// changes folds the log into one row per item. With immutable ids an item that was moved out and back is reported
// as removed only, until it changes again (docs#21752, §6.3); with default ids it comes back under another id.
func (c *call) changes(f *folder, t deltaToken, end uint64) []deltaRow {
	type key struct{ num, entry uint64 }
	folds := map[key]*fold{}
	var list []*fold
	immutable := c.immutable()
	for _, ch := range f.between(t.Seq, end) {
		k := key{num: ch.num}
		if !immutable {
			k.entry = ch.entry
		}
		d := folds[k]
		if d == nil {
			d = &fold{num: ch.num, entry: ch.entry, known: ch.kind != changeAdded}
			folds[k] = d
			list = append(list, d)
		}
		d.entry = ch.entry
		d.kinds[ch.kind] = true
		d.removed = d.removed || ch.kind == changeRemoved
		d.after = d.removed && ch.kind != changeRemoved && ch.kind != changeAdded
	}
	var rows []deltaRow
	for _, d := range list {
		if row, ok := c.foldRow(f, t, d, immutable); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// foldRow decides what to say about an item.
func (c *call) foldRow(f *folder, t deltaToken, d *fold, immutable bool) (deltaRow, bool) {
	modes := &c.srv.modes
	m := f.mb.byNum[d.num]
	present := m != nil && m.folder == f && (immutable || m.entry == d.entry)
	row := deltaRow{num: d.num, entry: d.entry}
	switch {
	case present && d.known && d.removed && !d.after && !modes.KeepReturned:
		row.removed = true
	case !present:
		row.removed = true
		if !d.known {
			return row, false // came and went
		}
	}
	kind := "updated"
	switch {
	case row.removed:
		kind = "deleted"
	case !d.known:
		kind = "created"
	case modes.QuietExtended && d.only(changeExt):
		return row, false
	case modes.PartialRows && d.only(changeRead):
		row.partial = true
	}
	if t.Type != "" && t.Type != kind || !row.removed && !t.covers(m) {
		return row, false
	}
	return row, true
}

// only reports whether nothing but one kind of change took place.
func (d *fold) only(kind changeKind) bool {
	for k, seen := range d.kinds {
		if seen != (changeKind(k) == kind) {
			return false
		}
	}
	return true
}

// startWalk writes the first page of a round.
func (c *call) startWalk(k *walk) (*reply, *apiError) {
	if c.srv.modes.EmptyPages || len(k.rows) > c.deltaSize(k) {
		return c.walkPage(k, c.srv.walks.add(k), 0, c.srv.modes.EmptyPages)
	}
	return c.walkPage(k, 0, 0, false)
}

// deltaSize is the page size: Prefer odata.maxpagesize, else $top of the first request, else 10 (§18a).
func (c *call) deltaSize(k *walk) int {
	n, err := strconv.Atoi(c.prefer("odata.maxpagesize"))
	if err != nil || n <= 0 {
		n = 10
		if k.token.Top > 0 {
			n = k.token.Top
		}
	}
	limit := 1000
	if m := c.srv.modes.MaxPage; m > 0 {
		limit = min(limit, m)
	}
	return min(n, limit)
}

// skipToken names a place in a walk.
type skipToken struct {
	Walk       uint64 `json:"w"`
	Pos        int    `json:"p"`
	Generation int    `json:"g"`
	Full       bool   `json:"e,omitempty"` // an empty page went before
}

// deltaPage writes a later page. The generation may have moved on while the client was paging (docs#2162).
func (c *call) deltaPage(f *folder, text string) (*reply, *apiError) {
	var t skipToken
	if !c.srv.openToken(text, &t) {
		return nil, errSyncToken()
	}
	k := c.srv.walks.byID[t.Walk]
	if k == nil || t.Generation != f.generation || k.token.Folder != f.num {
		return nil, errSyncState(t.Generation, f.generation)
	}
	return c.walkPage(k, t.Walk, t.Pos, c.srv.modes.EmptyPages && !t.Full)
}

// walkPage writes the page at pos; empty leaves its rows to the next one.
func (c *call) walkPage(k *walk, id uint64, pos int, empty bool) (*reply, *apiError) {
	end := min(pos+c.deltaSize(k), len(k.rows))
	if empty {
		end = pos
	}
	props, err := selected(k.token.Select)
	if err != nil {
		return nil, err
	}
	x := &expansion{attachments: k.token.Attach}
	rows := []object{}
	for _, r := range k.rows[pos:end] {
		if o := c.deltaObject(r, props, x); o != nil {
			rows = append(rows, o)
		}
	}
	o := object{{"@odata.context", c.metadata(c.collection("messages"))}, {"value", rows}}
	if end < len(k.rows) || empty {
		t := skipToken{id, end, k.token.Generation, empty}
		return ok(o.add("@odata.nextLink", c.deltaLink("$skiptoken", t))), nil
	}
	return ok(o.add("@odata.deltaLink", c.deltaLink("$deltatoken", k.token))), nil
}

// deltaObject writes a row; nil when the item has gone since the round began, which the next round will tell.
func (c *call) deltaObject(r deltaRow, props []property, x *expansion) object {
	if r.removed {
		id := encodeID(c.mb.id, kindMessage, r.entry, r.num)
		if c.immutable() {
			id = encodeID(c.mb.id, kindImmutable, r.num, 0)
		}
		return object{{"@odata.type", "#microsoft.graph.message"}, {"id", id}, {"@removed", object{{"reason", "deleted"}}}}
	}
	m := c.mb.byNum[r.num]
	if m == nil || m.folder == nil || m.folder.num != c.walkFolder() {
		return nil
	}
	if r.partial {
		return object{{"@odata.type", "#microsoft.graph.message"}, {"@odata.etag", `W/"` + changeKey(m.mb.id, m.key) + `"`},
			{"id", m.id(c.immutable())}, {"parentFolderId", m.folder.id()}, {"isRead", m.read}}
	}
	o := c.row(m, props, x)
	if m.odataType == "" {
		o = append(object{{"@odata.type", "#microsoft.graph.message"}}, o...)
	}
	return o
}

// walkFolder is the number of the folder in the path.
func (c *call) walkFolder() uint64 {
	f, err := c.mb.pathFolder(c.folder)
	if err != nil {
		return 0
	}
	return f.num
}

// deltaLink is a link to go on from, in the form of the service: keys in parentheses, the token alone.
func (c *call) deltaLink(name string, token any) string {
	path := c.usersPath() + "/mailFolders/delta"
	if c.folder != "" {
		path = c.usersPath() + "/mailFolders('" + url.PathEscape(c.folder) + "')/messages/delta"
	}
	return c.base + "/" + c.version + "/" + path + "?" + name + "=" + url.QueryEscape(c.srv.sealToken(token))
}

// sealToken writes a token with a signature, so that a mangled one is noticed.
func (s *Server) sealToken(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("graphsim: " + err.Error())
	}
	sig := s.sign(string(text))[:9]
	return base64.RawURLEncoding.EncodeToString(append(sig, text...))
}

func (s *Server) openToken(token string, v any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 9 || string(s.sign(string(raw[9:]))[:9]) != string(raw[:9]) {
		return false
	}
	return json.Unmarshal(raw[9:], v) == nil
}
