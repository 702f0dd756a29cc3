package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"mail2graph/bridge/disk"
)

// Put stores a message of size octets durably and returns it as the caller's to
// send: nobody else does before its Defer. ID, State, Received, Size and Sum
// are filled in. ErrNoSpace: it was not stored.
func (s *Spool) Put(ctx context.Context, r Record, text io.Reader, size int64) (*Message, error) {
	m, err := s.put(ctx, r, text, size)
	if disk.IsFull(err) {
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	if err != nil {
		return nil, fmt.Errorf("put into the outbox: %w", err)
	}
	return m, nil
}

func (s *Spool) put(ctx context.Context, r Record, text io.Reader, size int64) (*Message, error) {
	if err := s.reserve(size); err != nil {
		return nil, err
	}
	defer s.unreserve(size)
	now := time.Now()
	r = r.clone()
	r.ID, r.State, r.Received, r.Size = newID(now), Active, now.UTC().Truncate(time.Second), size
	sum := sha256.New()
	text = io.TeeReader(&interruptible{ctx, io.LimitReader(text, size)}, sum)
	if err := s.store(&r, text, func() { r.Sum = hex.EncodeToString(sum.Sum(nil)) }); err != nil {
		for _, dir := range []string{dirIncoming, dirQueue} {
			for _, ext := range []string{extRecord, extMessage} {
				_ = os.Remove(s.path(dir, r.ID+ext))
			}
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	it := &item{id: r.ID, box: s.box(r.Mailbox), state: Active, at: -1}
	s.items[r.ID] = it
	return &Message{Record: r, spool: s, item: it}, nil
}

// store writes both files and commits them.
func (s *Spool) store(r *Record, text io.Reader, written func()) error {
	msg := s.path(dirIncoming, r.ID+extMessage)
	if err := s.writeSynced(msg, func(f *os.File) error {
		n, err := io.Copy(f, text)
		if err == nil && n != r.Size {
			err = fmt.Errorf("%d of %d octets: %w", n, r.Size, io.ErrUnexpectedEOF)
		}
		return err
	}); err != nil {
		return err
	}
	written()
	env, err := s.writeRecord(r)
	if err != nil {
		return err
	}
	if err := os.Rename(msg, s.path(dirQueue, r.ID+extMessage)); err != nil {
		return err
	}
	return s.commit(env, r.ID)
}

// writeRecord writes a record below incoming.
func (s *Spool) writeRecord(r *Record) (path string, err error) {
	b, err := r.encode()
	if err != nil {
		return "", err
	}
	path = s.path(dirIncoming, r.ID+extRecord)
	return path, s.writeSynced(path, func(f *os.File) error {
		_, err := f.Write(b)
		return err
	})
}

// commit puts a written record in its place.
func (s *Spool) commit(env, id string) error {
	if err := os.Rename(env, s.path(dirQueue, id+extRecord)); err != nil {
		return err
	}
	return disk.SyncDir(s.path(dirQueue))
}

// reserve refuses a message that would leave too little room.
func (s *Spool) reserve(size int64) error {
	free, err := s.o.FreeSpace(s.dir)
	if errors.Is(err, errors.ErrUnsupported) { // a full disk shows when it is full
		free, err = math.MaxInt64, nil
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	if free-s.writing-size < s.o.Reserve {
		return fmt.Errorf("%d octets are free and %d are to be kept: %w", free, s.o.Reserve, ErrNoSpace)
	}
	s.writing += size
	return nil
}

func (s *Spool) unreserve(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing -= size
}

// writeSynced makes a new file, or replaces a half-written one, and syncs it.
func (s *Spool) writeSynced(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := adopt(s.dir, path); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// interruptible ends reading with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (i *interruptible) Read(p []byte) (int, error) {
	if err := context.Cause(i.ctx); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
