package bridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Thread is a message with the answers to it. UID 0 stands for a message that
// is not there; only the first of a thread can be one.
type Thread struct {
	UID      uint32
	Children []*Thread
}

// threaded is a message, or a place for one that others refer to, while threads
// are made.
type threaded struct {
	uid   uint32 // 0: a dummy
	sent  int64  // seconds since 1970
	base  string // base subject as it compares
	reply bool

	parent   *threaded
	answers  int         // that have this as their parent
	children []*threaded // once all parents are known
	merged   bool        // into another thread: not a root any more
}

// ThreadBySubject is the algorithm ORDEREDSUBJECT (RFC 5256 §3). All it needs is
// in the index: the service is not asked.
func (f *Folder) ThreadBySubject(ctx context.Context, snap *Snapshot, uids []uint32) ([]*Thread, error) {
	list, _, err := f.threadable(ctx, snap, uids, SortSubject, SortDate)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b *threaded) int { return cmp.Or(strings.Compare(a.base, b.base), bySent(a, b)) })
	var roots []*threaded
	for _, m := range list {
		if k := len(roots) - 1; k >= 0 && roots[k].base == m.base {
			roots[k].children = append(roots[k].children, m)
			continue
		}
		roots = append(roots, m)
	}
	slices.SortFunc(roots, bySent)
	return threadsOf(roots), nil
}

// ThreadByReferences is the algorithm REFERENCES (RFC 5256 §3). All it needs is in
// the index: the service is not asked.
func (f *Folder) ThreadByReferences(ctx context.Context, snap *Snapshot, uids []uint32) ([]*Thread, error) {
	list, keys, err := f.threadable(ctx, snap, uids, SortSubject, SortDate, sortReferences)
	if err != nil {
		return nil, err
	}
	t := threader{byID: make(map[string]*threaded, len(list))}
	for i, m := range list {
		t.add(m, keys[2][i].text)
	}
	roots := t.pruned()
	for _, r := range roots { // (4)
		if r.uid == 0 {
			slices.SortFunc(r.children, bySent)
		}
	}
	slices.SortFunc(roots, bySent)
	roots = gathered(roots)
	return threadsOf(sortedThreads(roots)), nil
}

// threadable returns messages that are in no thread yet, and their keys; the first two
// criteria are SortSubject and SortDate.
func (f *Folder) threadable(ctx context.Context, snap *Snapshot, uids []uint32, by ...SortBy) ([]*threaded, [][]sortKey, error) {
	uids = snap.known(uids)
	keys, err := f.orderBy(ctx, snap, uids, by)
	if err != nil {
		return nil, nil, fmt.Errorf("thread folder %s: %w", f.Name(), err)
	}
	all, list := make([]threaded, len(uids)), make([]*threaded, len(uids))
	for i, uid := range uids {
		all[i].set(uid, keys[0][i], keys[1][i])
		list[i] = &all[i]
	}
	return list, keys, nil
}

func (m *threaded) set(uid uint32, subject, sent sortKey) {
	m.uid, m.sent, m.base, m.reply = uid, sent.number, subject.text, subject.number == 1
}

// bySent compares sent dates, and the order in the mailbox where they are
// equal. A dummy stands for its first child.
func bySent(a, b *threaded) int {
	a, b = a.first(), b.first()
	return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.uid, b.uid))
}

// first is the message, or the first child of a dummy.
func (m *threaded) first() *threaded {
	if m.uid == 0 && len(m.children) > 0 {
		return m.children[0]
	}
	return m
}

// threader links messages by their references: step (1) of REFERENCES.
type threader struct {
	byID map[string]*threaded
	all  []*threaded // dummies too
}

// referenceKey is what threads by references are made of: the message's identifier,
// which may be missing, and those that it refers to, each with ">" after it.
func referenceKey(d *Detail) string {
	var key strings.Builder
	if ids := messageIDs(d.Envelope.MessageID); len(ids) > 0 {
		key.WriteString(ids[0])
	}
	key.WriteByte('>')
	refs := messageIDs(d.References)
	if len(refs) == 0 {
		if refs = messageIDs(d.Envelope.InReplyTo); len(refs) > 1 {
			refs = refs[:1]
		}
	}
	for _, id := range refs {
		key.WriteString(id)
		key.WriteByte('>')
	}
	return key.String()
}

// add links one message by its referenceKey; they come in the order of the mailbox.
func (t *threader) add(m *threaded, key string) {
	own, refs, _ := strings.Cut(key, ">")
	if own != "" {
		switch have := t.byID[own]; {
		case have == nil:
			t.byID[own] = m
			t.all = append(t.all, m)
		case have.uid == 0: // others referred to it before it came
			m.parent, m.answers = have.parent, have.answers
			*have = *m
			m = have
		default: // the ID belongs to the first message that has it
			t.all = append(t.all, m)
		}
	} else {
		t.all = append(t.all, m)
	}
	var last *threaded
	for refs != "" { // (A)
		var id string
		id, refs, _ = strings.Cut(refs, ">")
		r := t.byID[id]
		if r == nil {
			r = &threaded{}
			t.byID[id] = r
			t.all = append(t.all, r)
		}
		if last != nil && r.parent == nil {
			r.answer(last)
		}
		last = r
	}
	if m.parent != nil { // (B)
		m.parent.answers--
		m.parent = nil
	}
	if last != nil {
		m.answer(last)
	}
}

// answer makes m a child of parent unless that would be a loop.
func (m *threaded) answer(parent *threaded) {
	if m == parent {
		return
	}
	if m.answers > 0 { // else nobody descends from it
		for p := parent; p != nil; p = p.parent {
			if p == m {
				return
			}
		}
	}
	m.parent = parent
	parent.answers++
}

// pruned gathers the messages without parents, and takes the dummies out of the
// trees: steps (2) and (3). It takes no recursion, as what messages refer to may
// be a chain of any length.
func (t *threader) pruned() []*threaded {
	var roots []*threaded
	for _, m := range t.all {
		if m.parent == nil {
			roots = append(roots, m)
		} else {
			m.parent.children = append(m.parent.children, m)
		}
	}
	order := slices.Clone(roots) // parents before children
	for i := 0; i < len(order); i++ {
		order = append(order, order[i].children...)
	}
	for _, m := range slices.Backward(order) {
		m.children = withoutDummies(m.children)
	}
	out := roots[:0]
	for _, r := range roots {
		switch {
		case r.uid != 0 || len(r.children) > 1:
			out = append(out, r)
		case len(r.children) == 1:
			out = append(out, r.children[0])
		}
	}
	return out
}

// withoutDummies puts the children of dummies in their place.
func withoutDummies(list []*threaded) []*threaded {
	if !slices.ContainsFunc(list, func(m *threaded) bool { return m.uid == 0 }) {
		return list
	}
	var out []*threaded
	for _, m := range list {
		if m.uid != 0 {
			out = append(out, m)
		} else {
			out = append(out, m.children...)
		}
	}
	return out
}

// gathered merges threads with the same subject: step (5).
func gathered(roots []*threaded) []*threaded {
	table := map[string]*threaded{}
	for _, m := range roots { // (B)
		subject := m.first().base
		have := table[subject]
		switch {
		case subject == "":
		case have == nil, have.uid != 0 && (m.uid == 0 || have.reply && !m.reply):
			table[subject] = m
		}
	}
	var added []*threaded
	for _, m := range roots { // (C)
		subject := m.first().base
		have := table[subject]
		if subject == "" || have == m || m.merged {
			continue
		}
		m.merged = true
		switch {
		case have.uid == 0 && m.uid == 0:
			have.children = append(have.children, m.children...)
		case have.uid == 0, m.reply && !have.reply:
			have.children = append(have.children, m)
		default:
			have.merged = true
			dummy := &threaded{children: []*threaded{have, m}}
			table[subject] = dummy
			added = append(added, dummy)
		}
	}
	out := added
	for _, m := range roots {
		if !m.merged {
			out = append(out, m)
		}
	}
	return out
}

// sortedThreads sorts every set of siblings by sent date: step (6).
func sortedThreads(roots []*threaded) []*threaded {
	order := slices.Clone(roots)
	for i := 0; i < len(order); i++ {
		order = append(order, order[i].children...)
	}
	for _, m := range slices.Backward(order) {
		slices.SortFunc(m.children, bySent)
	}
	slices.SortFunc(roots, bySent)
	return roots
}

func threadsOf(list []*threaded) []*Thread {
	var out []*Thread
	for _, m := range list {
		out = append(out, &Thread{UID: m.uid, Children: threadsOf(m.children)})
	}
	return out
}

// messageIDs takes the message identifiers out of a field, quotes undone so that
// <"a"@b> is <a@b> (RFC 5256 §3).
func messageIDs(field string) []string {
	var ids []string
	for {
		start := strings.IndexByte(field, '<')
		if start < 0 {
			return ids
		}
		field = field[start+1:]
		end := strings.IndexAny(field, "<>")
		if end < 0 {
			return ids
		}
		if field[end] == '<' {
			continue
		}
		if id := unquoted(field[:end]); strings.Contains(id, "@") {
			ids = append(ids, id)
		}
		field = field[end+1:]
	}
}

// unquoted removes quotes, the backslashes inside them, and white space that
// folding left.
func unquoted(id string) string {
	if !strings.ContainsAny(id, "\"\\ \t\r\n") {
		return id
	}
	var b strings.Builder
	for i := 0; i < len(id); i++ {
		switch c := id[i]; {
		case c == '\\' && i+1 < len(id):
			i++
			b.WriteByte(id[i])
		case c != '"' && !isSpace(rune(c)):
			b.WriteByte(c)
		}
	}
	return b.String()
}
