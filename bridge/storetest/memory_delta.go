package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"mail2graph/bridge"
)

// List implements bridge.ChangeLister. Like the service it pages by position,
// newest first: what comes or goes meanwhile shifts the rows.
func (m *Memory) List(ctx context.Context, id bridge.FolderID, yield func([]bridge.MessageInfo) error) error {
	return m.ListFrom(ctx, id, "", func(page []bridge.MessageInfo, _ string) error {
		if len(page) == 0 {
			return nil
		}
		return yield(page)
	})
}

// ListFrom implements bridge.ChangeLister. A place is "p/<epoch>/<page>".
func (m *Memory) ListFrom(ctx context.Context, id bridge.FolderID, place string, yield func([]bridge.MessageInfo, string) error) error {
	fault, err := m.enter(ctx, List)
	if err != nil {
		return err
	}
	m.mu.Lock()
	now := m.epoch
	m.mu.Unlock()
	first, epoch := 0, now
	if place != "" {
		if _, err := fmt.Sscanf(place, "p/%d/%d", &epoch, &first); err != nil || epoch != now {
			return fmt.Errorf("list from %q: %w", place, bridge.ErrResync)
		}
	}
	for page := first; ; page++ {
		if fault.at(page - first) {
			return fault.Err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := m.listPage(id, page)
		if err != nil {
			return err
		}
		next := fmt.Sprintf("p/%d/%d", now, page+1)
		if len(rows) < m.opts.PageSize {
			next = ""
		}
		if err := yield(rows, next); err != nil {
			return err
		}
		if next == "" {
			return fault.end()
		}
	}
}

func (m *Memory) listPage(id bridge.FolderID, page int) ([]bridge.MessageInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.folders[id] == nil {
		return nil, fmt.Errorf("list folder: %w", bridge.ErrNotFound)
	}
	list := m.in(id)
	first := min(page*m.opts.PageSize, len(list))
	last := min(first+m.opts.PageSize, len(list))
	m.listed++
	rows := make([]bridge.MessageInfo, 0, last-first)
	for _, msg := range list[first:last] {
		rows = append(rows, msg.info())
	}
	return rows, nil
}

// ListedPages returns how many pages List and ListFrom have given out so far.
func (m *Memory) ListedPages() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.listed
}

// Delta implements bridge.ChangeLister.
func (m *Memory) Delta(ctx context.Context, id bridge.FolderID, link string, yield func([]bridge.Change) error) (string, error) {
	fault, err := m.enter(ctx, Delta)
	if err != nil {
		return "", err
	}
	rows, next, err := m.round(id, link)
	if err != nil {
		return "", fmt.Errorf("delta: %w", err)
	}
	for page := 0; len(rows) > 0; page++ {
		if fault.at(page) {
			return "", fault.Err
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n := min(len(rows), m.opts.PageSize)
		if err := yield(slices.Clip(rows[:n])); err != nil {
			return "", err
		}
		rows = rows[n:]
	}
	if err := fault.end(); err != nil {
		return "", err
	}
	return next, nil
}

// deltaLink is what a link says: "m/<epoch>/<from>/<since>/<folder>". A round
// tells events after since; with Options.Replay those after from again.
const linkFormat = "m/%d/%d/%d/%s"

// round returns the rows of a delta round and the next link.
func (m *Memory) round(id bridge.FolderID, link string) ([]bridge.Change, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.folders[id]
	if f == nil {
		return nil, "", bridge.ErrNotFound
	}
	if link == "" || m.opts.Forgetful {
		var rows []bridge.Change
		for _, msg := range m.in(id) {
			rows = append(rows, completeRow(msg))
		}
		return rows, fmt.Sprintf(linkFormat, m.epoch, m.seq, m.seq, id), nil
	}
	var epoch int
	var from, since int64
	var of bridge.FolderID
	if _, err := fmt.Sscanf(link, linkFormat, &epoch, &from, &since, &of); err != nil || epoch != m.epoch || of != id {
		return nil, "", bridge.ErrResync
	}
	next := fmt.Sprintf(linkFormat, m.epoch, since, m.seq, id)
	rows := m.changes(f, since, m.seq)
	if m.opts.Replay {
		rows = slices.Concat(m.changes(f, from, since), rows, rows)
	}
	return rows, next, nil
}

// changes folds the events after one point up to another into rows, which tell
// of the present. The caller holds mu.
func (m *Memory) changes(f *folder, after, upTo int64) []bridge.Change {
	at := func(e event, s int64) int { return cmp.Compare(e.seq, s) }
	first, _ := slices.BinarySearchFunc(f.log, after+1, at)
	end, _ := slices.BinarySearchFunc(f.log, upTo+1, at)
	type summary struct {
		known   bool      // was there before the round
		gone    bool      // left at least once
		change  bool      // changed since it last came
		changed eventKind // the greatest of these changes
	}
	sums := make(map[bridge.MessageID]*summary)
	var order []bridge.MessageID
	for _, e := range f.log[first:end] {
		s := sums[e.id]
		if s == nil {
			s = &summary{known: e.kind != came}
			sums[e.id] = s
			order = append(order, e.id)
		}
		switch e.kind {
		case came:
			s.change = false
		case left:
			s.gone, s.change = true, false
		case changed:
			s.change, s.changed = true, changed
		case readChanged:
			if !s.change {
				s.change, s.changed = true, readChanged
			}
		}
	}
	var rows []bridge.Change
	for _, id := range order {
		s := sums[id]
		msg := m.messages[id]
		here := msg != nil && msg.Folder == f.ID
		// Out and back between two rounds: told as removed, and as present only
		// if it changed after its return (graph-reference.md §6.3).
		if !here && !s.known {
			continue // came and went: the difference between two states is nothing
		}
		if !here || s.known && s.gone {
			rows = append(rows, bridge.Change{ID: id, Removed: true})
		}
		if !here || s.known && s.gone && !s.change {
			continue
		}
		if s.known && s.change && s.changed == readChanged && !m.opts.FullRows {
			read := msg.Read
			rows = append(rows, bridge.Change{ID: id, Read: &read})
			continue
		}
		rows = append(rows, completeRow(msg))
	}
	return rows
}

func completeRow(msg *message) bridge.Change {
	info := msg.info()
	return bridge.Change{
		ID: info.ID, Read: &info.Read, Flagged: &info.Flagged,
		Categories: &info.Categories, Draft: &info.Draft, Complete: true,
	}
}

// info returns a copy that the caller may keep.
func (msg *message) info() bridge.MessageInfo {
	i := msg.MessageInfo
	i.Categories = slices.Clone(i.Categories)
	return i
}

func sortMessages(list []*message) {
	slices.SortFunc(list, func(a, b *message) int {
		if c := b.Received.Compare(a.Received); c != 0 {
			return c
		}
		return cmp.Compare(b.arrived, a.arrived)
	})
}
