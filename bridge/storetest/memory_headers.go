package storetest

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// block is what the transport recorded of a message: its header, with the
// content fields of the form in which it travelled (graph-reference §19). Drafts
// and sent mail have none.
func (m *Memory) block(msg *message) []byte {
	if msg.Draft || m.folders[msg.Folder].Role == bridge.RoleSent {
		return nil
	}
	var b []byte
	for f := range mimepart.HeaderFields(msg.mime) {
		if !f.Is("Content-Type") && !f.Is("Content-Transfer-Encoding") {
			b = append(b, f.Raw...)
		}
	}
	return append(b, "Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: binary\r\n"...)
}

// Headers implements bridge.HeaderReader.
func (m *Memory) Headers(ctx context.Context, ids []bridge.MessageID) (map[bridge.MessageID][]byte, error) {
	late, err := m.begin(ctx, Headers)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[bridge.MessageID][]byte{}
	for _, id := range ids {
		if msg := m.messages[id]; msg != nil {
			if b := m.block(msg); b != nil {
				out[id] = b
			}
		}
	}
	return out, late
}

// ListHeaders implements bridge.HeaderReader.
func (m *Memory) ListHeaders(ctx context.Context, id bridge.FolderID, yield func(map[bridge.MessageID][]byte) error) error {
	late, err := m.begin(ctx, ListHeaders)
	if err != nil {
		return err
	}
	m.mu.Lock()
	if m.folders[id] == nil {
		m.mu.Unlock()
		return bridge.ErrNotFound
	}
	out := map[bridge.MessageID][]byte{}
	for _, msg := range m.in(id) {
		if b := m.block(msg); b != nil {
			out[msg.ID] = b
		}
	}
	m.mu.Unlock()
	if err := yield(out); err != nil {
		return err
	}
	return late
}

// FindText implements bridge.TextFinder: on whole words of the octets, at most
// Options.MostFound of them.
func (m *Memory) FindText(ctx context.Context, id bridge.FolderID, phrase string) ([]bridge.MessageID, bool, error) {
	if _, err := m.begin(ctx, FindText); err != nil {
		return nil, false, err
	}
	words := wordsOf(phrase)
	if words == "  " {
		return nil, false, fmt.Errorf("search for %q: %w", phrase, bridge.ErrInvalid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.folders[id] == nil {
		return nil, false, fmt.Errorf("search: %w", bridge.ErrNotFound)
	}
	var found []bridge.MessageID
	for _, msg := range m.in(id) {
		if !strings.Contains(wordsOf(string(msg.mime)), words) {
			continue
		}
		if m.opts.MostFound > 0 && len(found) == m.opts.MostFound {
			return found, false, nil
		}
		found = append(found, msg.ID)
	}
	return found, true, nil
}

// wordsOf is a text reduced to words in lower case, a space around each.
func wordsOf(text string) string {
	return " " + strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ") + " "
}
