package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mail2graph/bridge"
)

// SentMessage is what was sent.
type SentMessage struct {
	From       string
	Recipients []string
	MIME       []byte
}

// Sent returns the accepted messages, the oldest first.
func (m *Memory) Sent() []SentMessage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sent)
}

// CreateDraft implements bridge.Sender.
func (m *Memory) CreateDraft(ctx context.Context, out bridge.Outgoing) (bridge.MessageID, error) {
	late, err := m.begin(ctx, CreateDraft)
	if err != nil {
		return "", err
	}
	mime, err := m.content(out.MIME)
	if err == nil && len(out.Recipients) == 0 {
		err = fmt.Errorf("no recipients: %w", bridge.ErrInvalid)
	}
	if err != nil {
		return "", fmt.Errorf("create draft: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id := m.marked(out)
	if id == "" {
		id = m.file(m.role(bridge.RoleDrafts).ID, mime, DeliverOptions{Draft: true, Read: true}).ID
		m.messages[id].marker = out.Marker
		out.MIME, out.Parts = nil, nil
		m.drafts[id] = out
	}
	if late != nil {
		return "", late
	}
	return id, nil
}

// marked returns the draft that an earlier call left. The caller holds mu.
func (m *Memory) marked(out bridge.Outgoing) bridge.MessageID {
	if !out.Again {
		return ""
	}
	for id, d := range m.drafts {
		if msg := m.messages[id]; msg != nil && msg.Draft && d.Marker == out.Marker {
			return id
		}
	}
	return ""
}

// SendDraft implements bridge.Sender: the draft becomes the copy in Sent Items,
// and what names the mailbox's own address arrives, without Bcc, in its Inbox.
func (m *Memory) SendDraft(ctx context.Context, id bridge.MessageID) (bridge.Receipt, error) {
	late, err := m.begin(ctx, SendDraft)
	if err != nil {
		return bridge.Receipt{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	msg := m.messages[id]
	if msg == nil || !msg.Draft {
		return bridge.Receipt{}, fmt.Errorf("send draft: %w", bridge.ErrNotFound)
	}
	out := m.drafts[id]
	if err := m.checkEnvelope(out); err != nil {
		return bridge.Receipt{}, fmt.Errorf("send draft: %w", err)
	}
	delete(m.drafts, id)
	m.sent = append(m.sent, SentMessage{out.From, slices.Clone(out.Recipients), msg.mime})
	msg.Draft, msg.Read, msg.Received = false, true, m.now()
	m.move(msg, m.role(bridge.RoleSent))
	for _, rcpt := range out.Recipients {
		if sameAddress(rcpt, m.opts.Address) {
			m.file(m.role(bridge.RoleInbox).ID, withoutBcc(msg.mime), DeliverOptions{})
		}
	}
	if late != nil {
		return bridge.Receipt{}, late
	}
	return bridge.Receipt{RequestID: fmt.Sprintf("memory-%d", len(m.sent))}, nil
}

// DraftState implements bridge.Sender.
func (m *Memory) DraftState(ctx context.Context, id bridge.MessageID) (bridge.DraftState, error) {
	late, err := m.begin(ctx, DraftState)
	if err != nil || late != nil {
		return bridge.DraftWaits, errors.Join(err, late)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch msg := m.messages[id]; {
	case msg == nil:
		return bridge.DraftGone, nil
	case msg.Draft:
		return bridge.DraftWaits, nil
	}
	return bridge.DraftSent, nil
}

// Marked implements bridge.Sender.
func (m *Memory) Marked(ctx context.Context, marker, _ string, in bridge.Role) ([]bridge.MessageID, error) {
	late, err := m.begin(ctx, Marked)
	if err != nil || late != nil {
		return nil, errors.Join(err, late)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []bridge.MessageID
	for _, msg := range m.in(m.role(in).ID) {
		if marker != "" && msg.marker == marker {
			ids = append(ids, msg.ID)
		}
	}
	return ids, nil
}

// checkEnvelope is the service's judgement of sender and recipients.
func (m *Memory) checkEnvelope(out bridge.Outgoing) error {
	own := func(a string) bool { return sameAddress(a, out.From) }
	if out.From != "" && !own(m.opts.Address) && !slices.ContainsFunc(m.opts.SendAs, own) {
		return fmt.Errorf("from %s: %w", out.From, bridge.ErrDenied)
	}
	for _, rcpt := range out.Recipients {
		local, domain, ok := strings.Cut(rcpt, "@")
		if !ok || local == "" || domain == "" {
			return fmt.Errorf("recipient %q: %w", rcpt, bridge.ErrInvalid)
		}
	}
	return nil
}

// withoutBcc returns the message without its Bcc header fields.
func withoutBcc(mime []byte) []byte {
	out := make([]byte, 0, len(mime))
	dropping := false
	for rest := mime; len(rest) > 0; {
		line, after := cutLine(rest)
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return append(out, rest...)
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(line, []byte(":"))
			dropping = strings.EqualFold(strings.TrimSpace(string(name)), "Bcc")
		}
		if !dropping {
			out = append(out, line...)
		}
		rest = after
	}
	return out
}
