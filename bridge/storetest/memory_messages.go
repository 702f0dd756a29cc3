package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"mail2graph/bridge"
)

// Messages implements bridge.MessageReader.
func (m *Memory) Messages(ctx context.Context, ids []bridge.MessageID) ([]bridge.MessageInfo, error) {
	late, err := m.begin(ctx, Messages)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []bridge.MessageInfo
	for _, id := range ids {
		if msg := m.messages[id]; msg != nil {
			list = append(list, msg.info())
		}
	}
	if late != nil {
		return nil, late
	}
	return list, nil
}

// MIME implements bridge.MessageReader. A Fault with After fails from the
// stream's Read.
func (m *Memory) MIME(ctx context.Context, id bridge.MessageID) (io.ReadCloser, error) {
	fault, err := m.enter(ctx, MIME)
	if err != nil {
		return nil, err
	}
	if fault != nil && !fault.Late && fault.After == 0 {
		return nil, fault.Err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	msg := m.messages[id]
	if msg == nil {
		return nil, fmt.Errorf("mime of message: %w", bridge.ErrNotFound)
	}
	s := &stream{ctx: ctx, rest: msg.mime}
	if fault != nil {
		s.err = fault.Err
		if !fault.Late {
			s.rest = s.rest[:min(fault.After, len(s.rest))]
		}
	}
	return s, nil
}

// stream reads octets that never change: a message's content is replaced, not
// written to.
type stream struct {
	ctx  context.Context
	rest []byte
	err  error // instead of io.EOF; nil for none
}

func (s *stream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *stream) Close() error { return nil }

// each runs do for n items and returns their errors; it is how the methods
// that change many messages treat a fault and the end of the context.
func (m *Memory) each(ctx context.Context, method Method, n int, do func(i int) error) []error {
	errs := make([]error, n)
	fault, err := m.enter(ctx, method)
	for i := range errs {
		switch {
		case err != nil:
			errs[i] = err
		case fault.at(i):
			errs[i] = fault.Err
		case ctx.Err() != nil:
			errs[i] = ctx.Err()
		default:
			m.mu.Lock()
			errs[i] = do(i)
			m.mu.Unlock()
			if fault != nil && fault.Late && fault.Err != nil {
				errs[i] = lostAnswer{fault.Err}
			}
		}
	}
	return errs
}

// SetFlags implements bridge.MessageWriter.
func (m *Memory) SetFlags(ctx context.Context, updates []bridge.FlagUpdate) []error {
	return m.each(ctx, SetFlags, len(updates), func(i int) error {
		u := updates[i]
		msg := m.messages[u.ID]
		if msg == nil {
			return fmt.Errorf("set flags: %w", bridge.ErrNotFound)
		}
		m.update(msg, u)
		return nil
	})
}

// update changes flags and notes what delta tells of it. The caller holds mu.
func (m *Memory) update(msg *message, u bridge.FlagUpdate) {
	f := m.folders[msg.Folder]
	kind, any := readChanged, false
	if u.Read != nil && msg.Read != *u.Read {
		msg.Read, any = *u.Read, true
	}
	if u.Flagged != nil && msg.Flagged != *u.Flagged {
		msg.Flagged, any, kind = *u.Flagged, true, changed
	}
	if u.Categories != nil && !slices.Equal(msg.Categories, *u.Categories) {
		msg.Categories, any, kind = slices.Clone(*u.Categories), true, changed
	}
	if u.Verb != nil && msg.Verb != *u.Verb {
		msg.Verb = *u.Verb
		if !m.opts.SilentVerbs {
			any, kind = true, changed
		}
	}
	if any {
		m.note(f, msg.ID, kind)
	}
}

// Move implements bridge.MessageWriter.
func (m *Memory) Move(ctx context.Context, ids []bridge.MessageID, to bridge.FolderID) []bridge.Relocated {
	return m.relocate(ctx, Move, ids, to, func(msg *message, target *folder) bridge.MessageID {
		m.move(msg, target)
		return msg.ID
	})
}

// Copy implements bridge.MessageWriter.
func (m *Memory) Copy(ctx context.Context, ids []bridge.MessageID, to bridge.FolderID) []bridge.Relocated {
	return m.relocate(ctx, Copy, ids, to, func(msg *message, target *folder) bridge.MessageID {
		c := &message{MessageInfo: msg.info(), mime: msg.mime}
		c.ID = bridge.MessageID(m.newID("AAMkM"))
		c.Folder = target.ID
		m.insert(c)
		return c.ID
	})
}

func (m *Memory) relocate(ctx context.Context, method Method, ids []bridge.MessageID, to bridge.FolderID, do func(*message, *folder) bridge.MessageID) []bridge.Relocated {
	out := make([]bridge.Relocated, len(ids))
	errs := m.each(ctx, method, len(ids), func(i int) error {
		msg, target := m.messages[ids[i]], m.folders[to]
		if msg == nil || target == nil {
			return fmt.Errorf("%s message: %w", method, bridge.ErrNotFound)
		}
		out[i].ID = do(msg, target)
		return nil
	})
	for i, err := range errs {
		if err != nil {
			out[i] = bridge.Relocated{Err: err}
		}
	}
	return out
}

// Delete implements bridge.MessageWriter. DisposeDelete moves to Deleted Items,
// and from there out of the visible tree.
func (m *Memory) Delete(ctx context.Context, ids []bridge.MessageID, how bridge.Disposal) []error {
	return m.each(ctx, Delete, len(ids), func(i int) error {
		msg := m.messages[ids[i]]
		if msg == nil {
			return nil
		}
		trash := m.role(bridge.RoleTrash)
		switch {
		case how == bridge.DisposePermanent:
			m.purge(msg)
		case m.below(msg.Folder, trash.ID):
			m.move(msg, m.folders[recoverable])
		default:
			m.move(msg, trash)
		}
		return nil
	})
}

// Append implements bridge.MessageWriter; the octets are kept.
func (m *Memory) Append(ctx context.Context, n bridge.NewMessage) (bridge.MessageInfo, error) {
	late, err := m.begin(ctx, Append)
	if err != nil {
		return bridge.MessageInfo{}, err
	}
	mime, err := m.content(n.MIME)
	if err != nil {
		return bridge.MessageInfo{}, fmt.Errorf("append: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return bridge.MessageInfo{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.folders[n.Folder] == nil {
		return bridge.MessageInfo{}, fmt.Errorf("append: %w", bridge.ErrNotFound)
	}
	if m.opts.Quota > 0 && m.used()+int64(len(mime)) > m.opts.Quota {
		return bridge.MessageInfo{}, fmt.Errorf("append: %w", bridge.ErrQuota)
	}
	msg := m.file(n.Folder, mime, DeliverOptions{
		Received: n.Received, Read: n.Read, Flagged: n.Flagged, Draft: n.Draft || n.RatherDraft,
		Verb: n.Verb, Categories: n.Categories,
	})
	if late != nil {
		return bridge.MessageInfo{}, late
	}
	return msg.info(), nil
}

// content reads a message that a caller hands in.
func (m *Memory) content(r *io.SectionReader) ([]byte, error) {
	if r == nil || r.Size() == 0 {
		return nil, fmt.Errorf("empty message: %w", bridge.ErrInvalid)
	}
	if m.opts.MaxSize > 0 && r.Size() > m.opts.MaxSize {
		return nil, bridge.ErrTooLarge
	}
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// used is the size of all messages. The caller holds mu.
func (m *Memory) used() (sum int64) {
	for _, msg := range m.messages {
		sum += int64(len(msg.mime))
	}
	return sum
}

// file makes a message of mime, which is kept. The caller holds mu.
func (m *Memory) file(to bridge.FolderID, mime []byte, o DeliverOptions) *message {
	msg := &message{MessageInfo: describe(mime), mime: bytes.Clone(mime)}
	msg.ID = bridge.MessageID(m.newID("AAMkM"))
	msg.Folder = to
	msg.Read, msg.Flagged, msg.Draft, msg.Verb = o.Read, o.Flagged, o.Draft, o.Verb
	msg.Categories = slices.Clone(o.Categories)
	msg.Received = seconds(o.Received)
	if msg.Received.IsZero() {
		msg.Received = m.now()
	}
	if o.Class != "" {
		msg.Class = o.Class
	}
	m.insert(msg)
	return msg
}
