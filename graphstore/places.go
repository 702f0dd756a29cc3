package graphstore

import (
	"context"
	"errors"
	"strings"
	"sync"

	"mail2graph/bridge"
)

// places are the ids that stand for the well-known names where a service has no such
// names (res/mailfolder: every Graph has them). It is empty where it has.
type places struct {
	mu   sync.Mutex // guards ids
	ids  map[bridge.FolderID]bridge.FolderID
	told bool
}

// of gives the id for a well-known name that the service does not know; anything else
// is returned as it is.
func (p *places) of(id bridge.FolderID) bridge.FolderID {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.ids[id]; ok {
		return known
	}
	return id
}

// set files the ids, and reports whether they are the first.
func (p *places) set(ids map[bridge.FolderID]bridge.FolderID) (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, p.told = !p.told, true
	p.ids = ids
	return first
}

// known are the names to ask for: all, or those that have an id.
func (p *places) known() (names []wellKnownName, byID bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ids) == 0 {
		return wellKnown, false
	}
	for _, w := range wellKnown {
		if p.ids[bridge.FolderID(w.name)] != "" {
			names = append(names, w)
		}
	}
	return names, true
}

// unknownName reports whether an answer may mean that the service does not know a
// well-known name. Graph knows that of the inbox, unless the mailbox is not there.
func unknownName(err error) bool {
	return errors.Is(err, bridge.ErrNotFound) || errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrNoMailbox)
}

var separators = strings.NewReplacer(" ", "", "-", "")

// findByName completes landmarks by the English names of folders at the top:
// "Sent Items" is sentitems. Their ids are asked for from then on.
func (s *Store) findByName(ctx context.Context, m *landmarks, top []wireFolder) {
	ids := map[bridge.FolderID]bridge.FolderID{}
	for _, f := range top {
		if f.ParentFolderID != "" && m.root == "" {
			m.root = bridge.FolderID(f.ParentFolderID)
			ids["msgfolderroot"] = m.root
		}
		name := separators.Replace(strings.ToLower(f.DisplayName))
		for _, w := range wellKnown {
			if w.role != bridge.RoleNone && w.name == name && f.ID != "" {
				ids[bridge.FolderID(name)] = bridge.FolderID(f.ID)
				m.roles[bridge.FolderID(f.ID)] = w.role
			}
		}
	}
	if s.places.set(ids) {
		s.log.WarnContext(ctx, "graph does not know the well-known names of folders; folders are taken for what they are called in English",
			"found", len(m.roles), "inbox", ids["inbox"] != "")
	}
}
