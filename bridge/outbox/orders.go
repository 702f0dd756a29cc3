package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Op is what an operator can do with messages.
type Op string

// The orders. Retry and Release make a message due now, from whatever state;
// Release also one that may have been sent already. Delete drops it.
const (
	OpRetry   Op = "retry"
	OpHold    Op = "hold"
	OpRelease Op = "release"
	OpDelete  Op = "delete"
)

// Result is what became of an order for one message; Err is "" for success.
type Result struct {
	ID  string `json:"id"`
	Err string `json:"err,omitempty"`
}

// List calls yield with the record of every message below dir, without regard to
// whether a process uses the spool, one after another in no order. Damaged records
// are left out; their count is returned.
func List(dir string, yield func(*Record) error) (damaged int, err error) {
	queue := filepath.Join(dir, dirQueue)
	var mu sync.Mutex // guards damaged and yield
	err = manyNames(queue, func(name string) error {
		id, ext := splitName(name)
		if ext != extRecord || !validID(id) {
			return nil
		}
		r, err := readRecord(queue, id)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, fs.ErrNotExist): // sent meanwhile
			return nil
		case errors.Is(err, errCorrupt):
			damaged++
			return nil
		case err != nil:
			return err
		}
		return yield(r)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // no message was ever put in
	}
	return damaged, err
}

// Show returns one record below dir and the octets of its message.
func Show(dir, id string) (*Record, *os.File, error) {
	if !validID(id) {
		return nil, nil, fmt.Errorf("%q: %w", id, ErrUnknown)
	}
	r, err := readRecord(filepath.Join(dir, dirQueue), id)
	if err == nil {
		var f *os.File
		if f, err = os.Open(filepath.Join(dir, dirQueue, id+extMessage)); err == nil {
			return r, f, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w", id, ErrUnknown)
	}
	return nil, nil, err
}

// Do carries out an order on messages that nobody works on.
func (s *Spool) Do(op Op, ids []string) []Result {
	out := make([]Result, len(ids))
	for i, id := range ids {
		out[i].ID = id
		if err := s.do(op, id); err != nil {
			out[i].Err = err.Error()
		}
	}
	return out
}

func (s *Spool) do(op Op, id string) error {
	m, err := s.claim(id)
	if err != nil {
		return err
	}
	was := m.State
	switch op {
	case OpRetry, OpRelease:
		if was == Doomed {
			err = errors.Join(errors.New("it was deleted"), m.Doom(m.Next, m.Reason))
			break
		}
		if was == Failed || op == OpRelease && m.Doubt {
			m.again(time.Now()) // with its whole time
		}
		err = m.Defer(time.Now(), m.Reason)
	case OpHold:
		err = m.Hold("held by an operator")
	case OpDelete:
		if (m.Draft != "" || m.Stray) && !m.Accepted {
			err = m.Doom(time.Now(), "deleted by an operator")
		} else {
			err = m.Remove()
		}
	default:
		err = errors.Join(fmt.Errorf("unknown order %q", op), m.end(was, m.Next, m.Reason))
	}
	if err == nil {
		s.log.Info("queue order", "order", op, "queue_id", id, "was", was)
	}
	return err
}

// claim makes a message the caller's.
func (s *Spool) claim(id string) (*Message, error) {
	s.mu.Lock()
	it := s.items[id]
	switch {
	case s.closed:
		s.mu.Unlock()
		return nil, os.ErrClosed
	case it == nil:
		s.mu.Unlock()
		return nil, ErrUnknown
	case it.state == Active:
		s.mu.Unlock()
		return nil, ErrBusy
	}
	state, next := it.state, it.next
	s.place(it, Active, next)
	s.mu.Unlock()
	m, err := s.open(it)
	if err != nil && !errors.Is(err, ErrUnknown) {
		s.mu.Lock()
		s.place(it, state, next)
		s.mu.Unlock()
	}
	return m, err
}

// order is the content of a file in the control directory.
type order struct {
	Op  Op       `json:"op"`
	IDs []string `json:"ids"`
}

// The life of an order: its giver renames it into place, the process that uses
// the spool takes it by another rename, and answers in a file of its own.
const (
	extOrder  = ".order"
	extTaken  = ".taken"
	extAnswer = ".answer"

	orderWait = 15 * time.Second // how long a giver waits
)

// ServeOrders carries out what other processes order until ctx ends.
func (s *Spool) ServeOrders(ctx context.Context) {
	s.clearControl()
	tick := time.NewTicker(s.o.OrderPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var names []string
		err := eachName(s.path(dirControl), func(name string) error {
			if strings.HasSuffix(name, extOrder) {
				names = append(names, strings.TrimSuffix(name, extOrder))
			}
			return nil
		})
		if err != nil {
			s.log.Warn("orders for the outbox not read", "error", err)
		}
		for _, name := range names {
			if err := s.serveOrder(name); err != nil {
				s.log.Warn("order for the outbox not carried out", "error", err)
			}
		}
	}
}

// clearControl removes what was left by a process that is gone.
func (s *Spool) clearControl() {
	_ = eachName(s.path(dirControl), func(name string) error {
		path := s.path(dirControl, name)
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > orderWait {
			_ = os.Remove(path) // what stays is removed the next time
		}
		return nil
	})
}

func (s *Spool) serveOrder(name string) error {
	taken := s.path(dirControl, name+extTaken)
	if err := os.Rename(s.path(dirControl, name+extOrder), taken); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // its giver took it back
		}
		return err
	}
	b, err := os.ReadFile(taken)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(b, &o); err != nil {
		return errors.Join(err, os.Remove(taken))
	}
	b, err = json.Marshal(s.Do(o.Op, o.IDs))
	if err != nil {
		return err
	}
	return errors.Join(place(s.path(dirControl, name+extAnswer), b), os.Remove(taken))
}

// place writes a file that appears whole or not at all.
func place(path string, b []byte) error {
	temp := path + ".tmp"
	err := os.WriteFile(temp, b, 0o600)
	if err == nil {
		err = adopt(filepath.Dir(path), temp)
	}
	if err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// Order carries out an order on the outbox in dir: by itself when no process uses
// the outbox, else through that process.
func Order(ctx context.Context, dir string, op Op, ids []string) ([]Result, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err // what root made here the daemon could not use
	}
	s, err := Open(dir, Options{})
	if err == nil {
		results := s.Do(op, ids)
		return results, s.Close()
	}
	if !errors.Is(err, ErrInUse) {
		return nil, err
	}
	b, err := json.Marshal(order{op, slices.Clone(ids)})
	if err != nil {
		return nil, err
	}
	base := filepath.Join(dir, dirControl, newID(time.Now()))
	if err := place(base+extOrder, b); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, orderWait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(base + extAnswer)
		if err == nil {
			var results []Result
			err = json.Unmarshal(b, &results)
			return results, errors.Join(err, os.Remove(base+extAnswer))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if os.Remove(base+extOrder) == nil {
				return nil, fmt.Errorf("the process that uses the outbox does not take orders: %w", ctx.Err())
			}
			return nil, fmt.Errorf("the order was taken, but not answered: %w", ctx.Err())
		}
	}
}
