package graphsim

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listMessages is api/user-list-messages and api/mailfolder-list-messages.
func listMessages(c *call) (*reply, *apiError) {
	q, err := c.parseQuery()
	if err != nil {
		return nil, err
	}
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	p := c.page(q, src)
	o := object{{"@odata.context", c.metadata(c.collection("messages"))}}
	if c.option("$count") == "true" && q.search == nil {
		o = o.add("@odata.count", p.count(q))
	}
	rows := make([]object, len(p.rows))
	for i, m := range p.rows {
		rows[i] = c.row(m, q.props, q.expand)
	}
	o = o.add("value", rows)
	if p.next != "" {
		o = o.add("@odata.nextLink", p.next)
	}
	return ok(o), nil
}

// collection is the part of a context URL that names a collection of the path's mailbox or folder.
func (c *call) collection(name string) string {
	if c.folder == "" {
		return "/" + name
	}
	return "/mailFolders('" + url.PathEscape(c.folder) + "')/" + name
}

// messageSource is a folder or, for /messages, all that a user can see, newest first.
type messageSource struct {
	list []*message // oldest first when folder is set, else newest first
	asc  bool
}

// at is the i-th message, newest first.
func (s messageSource) at(i int) *message {
	if s.asc {
		return s.list[len(s.list)-1-i]
	}
	return s.list[i]
}

// source is what the path lists.
func (c *call) source() (messageSource, *apiError) {
	if c.folder != "" {
		f, err := c.mb.pathFolder(c.folder)
		if err != nil {
			return messageSource{}, err
		}
		return messageSource{f.msgs, true}, nil
	}
	return messageSource{c.mb.everything(), false}, nil
}

// everything is what /messages lists: all folders that a user can see.
func (mb *Mailbox) everything() []*message {
	if mb.allAt == mb.change {
		return mb.all
	}
	mb.all, mb.allAt = nil, mb.change
	for _, f := range mb.folders {
		if f.within(mb.root) {
			mb.all = append(mb.all, f.msgs...)
		}
	}
	slices.SortFunc(mb.all, func(a, b *message) int { return -older(a, b) })
	return mb.all
}

// page is one page of a list and the link to the next.
type page struct {
	rows []*message
	next string
	src  messageSource
}

// page cuts a page. With a filter, $skip of a nextLink counts the items passed over, hits or not (api/user-list-
// messages), so it may exceed the page size; $skiptoken marks a link as our own.
func (c *call) page(q *query, src messageSource) page {
	p := page{src: src}
	if c.emptyPage() {
		p.next = c.link(q.skip, "e")
		return p
	}
	n := len(src.list)
	if q.search != nil {
		c.fill(&p, q, q.search.hits(src))
		return p
	}
	if len(q.order) > 0 && !newestFirst(q.order) {
		list := make([]*message, 0, n)
		for i := range n {
			if m := src.at(i); q.matches(m) {
				list = append(list, m)
			}
		}
		c.fill(&p, q, sorted(list, q.order))
		return p
	}
	own := strings.HasPrefix(c.option("$skiptoken"), "p") || strings.HasPrefix(c.option("$skiptoken"), "ep")
	i, skip := 0, q.skip
	if q.filter == nil || own {
		i, skip = min(q.skip, n), 0
	}
	for ; i < n && len(p.rows) < q.top; i++ {
		if m := src.at(i); q.filter == nil || q.matches(m) {
			if skip > 0 {
				skip--
				continue
			}
			p.rows = append(p.rows, m)
		}
	}
	if i < n {
		mark := ""
		if q.filter != nil {
			mark = "p"
		}
		p.next = c.link(i, mark)
	}
	return p
}

// newestFirst reports whether an order is that of the source.
func newestFirst(keys []orderKey) bool {
	return len(keys) == 1 && keys[0] == orderKey{"receiveddatetime", true}
}

// fill cuts a page out of a finished list.
func (c *call) fill(p *page, q *query, list []*message) {
	from := min(q.skip, len(list))
	to := min(from+q.top, len(list))
	p.rows = list[from:to]
	if to < len(list) {
		p.next = c.link(to, "")
	}
}

// emptyPage reports whether this request gets an empty page first (Modes.EmptyPages).
func (c *call) emptyPage() bool {
	return c.srv.modes.EmptyPages && !strings.HasPrefix(c.option("$skiptoken"), "e")
}

// link is the URL of this request with another position. After an empty page mark begins with 'e'.
func (c *call) link(skip int, mark string) string {
	query := url.Values{}
	for k, v := range c.query {
		query[k] = v
	}
	if old := c.option("$skiptoken"); mark == "e" && old != "" {
		mark += old
	}
	query.Set("$skip", strconv.Itoa(skip))
	query.Del("$skiptoken")
	if mark != "" {
		query.Set("$skiptoken", mark)
	}
	return c.base + "/" + c.version + c.path + "?" + encodeQuery(query)
}

// encodeQuery writes a query with the $ of system options in clear, as the service does, and blanks as %20.
func encodeQuery(q url.Values) string {
	s := strings.ReplaceAll(q.Encode(), "%24", "$")
	return strings.ReplaceAll(s, "+", "%20")
}

// count is the number of all hits.
func (p *page) count(q *query) int {
	if q.filter == nil {
		return len(p.src.list)
	}
	n := 0
	for _, m := range p.src.list {
		if q.matches(m) {
			n++
		}
	}
	return n
}

// countMessages is /messages/$count: a plain number (graph/query-parameters).
func countMessages(c *call) (*reply, *apiError) {
	q, err := c.parseQuery()
	if err != nil {
		return nil, err
	}
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	p := page{src: src}
	return plain(strconv.Itoa(p.count(q))), nil
}
