package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"mail2graph/bridge/disk"
)

// Message is a message that its holder works on: nobody else sends or changes it
// until Defer, Hold, Fail or Remove ends that. Only the holder calls its methods,
// one at a time. He may change the Record; Save makes the changes last.
type Message struct {
	Record
	spool *Spool
	item  *item
}

// Content is the text of a message, open until Close.
type Content struct {
	*io.SectionReader
	f *os.File
}

// Close implements io.Closer.
func (c *Content) Close() error { return c.f.Close() }

// Open returns the octets of the message. When they are not those that were put in
// the message goes to the corrupt folder, and the error wraps ErrUnknown.
func (m *Message) Open() (*Content, error) {
	f, err := os.Open(m.spool.path(dirQueue, m.ID+extMessage))
	if err == nil {
		sum := sha256.New()
		n, err := io.Copy(sum, f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read message %s: %w", m.ID, err), f.Close())
		}
		if n == m.Size && hex.EncodeToString(sum.Sum(nil)) == m.Sum {
			return &Content{io.NewSectionReader(f, 0, n), f}, nil
		}
		_ = f.Close() // it was only read
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read message %s: %w", m.ID, err)
	}
	m.spool.setAside(m.ID, "the octets are not those of its record")
	m.spool.mu.Lock()
	m.spool.forget(m.item)
	m.spool.mu.Unlock()
	return nil, fmt.Errorf("message %s is damaged and was put aside: %w", m.ID, ErrUnknown)
}

// Save makes the Record last. When it fails the Record on disk is the old one.
func (m *Message) Save() error {
	env, err := m.spool.writeRecord(&m.Record)
	if err == nil {
		err = m.spool.commit(env, m.ID)
	}
	if disk.IsFull(err) {
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	if err != nil {
		return fmt.Errorf("save record %s: %w", m.ID, err)
	}
	return nil
}

// Defer ends the work on the message: it is due again at next. Should the disk
// refuse the record the message is due at next all the same, as long as the
// process lives.
func (m *Message) Defer(next time.Time, reason string) error { return m.end(Deferred, next, reason) }

// Hold ends the work on the message until an operator releases it.
func (m *Message) Hold(reason string) error { return m.end(Held, time.Time{}, reason) }

// Fail ends the work on a message that was given up; it stays for an operator.
func (m *Message) Fail(reason string) error { return m.end(Failed, time.Time{}, reason) }

// Doom ends the work on a message that must not be sent; it is due at next for the
// removal of what is left of it at the service.
func (m *Message) Doom(next time.Time, reason string) error { return m.end(Doomed, next, reason) }

func (m *Message) end(state State, next time.Time, reason string) error {
	m.State, m.Next, m.Reason = state, next.UTC(), clip(reason)
	err := m.Save()
	m.spool.mu.Lock()
	defer m.spool.mu.Unlock()
	m.spool.place(m.item, state, next)
	return err
}

// Remove ends the work on a message that is over. Should the disk refuse, the
// message is forgotten until the next Open.
func (m *Message) Remove() error {
	err := m.spool.remove(m.ID)
	m.spool.mu.Lock()
	defer m.spool.mu.Unlock()
	m.spool.forget(m.item)
	return err
}

// remove deletes the files of a message. What is interrupted is finished by the
// next Open.
func (s *Spool) remove(id string) error {
	gone := s.path(dirQueue, id+extGone)
	if err := os.Rename(s.path(dirQueue, id+extRecord), gone); err != nil {
		return fmt.Errorf("remove message %s: %w", id, err)
	}
	return s.finishRemoval(id)
}

func (s *Spool) finishRemoval(id string) error {
	for _, ext := range []string{extMessage, extGone} {
		if err := os.Remove(s.path(dirQueue, id+ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove message %s: %w", id, err)
		}
	}
	return nil
}

// Take returns the message of a mailbox that is due first, for the caller to work
// on; or nil and how long it is until one is due, less than 0 if none waits.
func (s *Spool) Take(mailbox string, now time.Time) (*Message, time.Duration, error) {
	for {
		s.mu.Lock()
		b := s.box(mailbox)
		if len(b.due) == 0 {
			s.mu.Unlock()
			return nil, -1, nil
		}
		it := b.due[0]
		if wait := it.next.Sub(now); wait > 0 {
			s.mu.Unlock()
			return nil, wait, nil
		}
		before := it.state
		s.place(it, Active, it.next)
		s.mu.Unlock()
		m, err := s.open(it)
		if err == nil {
			return m, 0, nil
		}
		if errors.Is(err, ErrUnknown) {
			continue
		}
		s.mu.Lock()
		s.place(it, before, now.Add(time.Minute))
		s.mu.Unlock()
		return nil, 0, err
	}
}

// Due reports whether something of a mailbox could be taken now.
func (s *Spool) Due(mailbox string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxes[mailbox]
	return b != nil && len(b.due) > 0 && !b.due[0].next.After(now)
}

// open reads the record of an item that the caller has made Active.
func (s *Spool) open(it *item) (*Message, error) {
	r, err := s.readRecord(it.id)
	if err == nil {
		return &Message{Record: *r, spool: s, item: it}, nil
	}
	if !errors.Is(err, errCorrupt) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.setAside(it.id, err.Error())
	s.mu.Lock()
	s.forget(it)
	s.mu.Unlock()
	return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
}

func (s *Spool) readRecord(id string) (*Record, error) { return readRecord(s.path(dirQueue), id) }

func readRecord(dir, id string) (*Record, error) {
	f, err := os.Open(dir + string(os.PathSeparator) + id + extRecord)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return nil, err
	}
	return decodeRecord(id, b)
}

// clip bounds the text of a reason.
func clip(s string) string {
	const limit = 1000
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
