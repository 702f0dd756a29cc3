package graphstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"mail2graph/bridge"
)

// lostTries bounds how often an order is given whose answer is lost each time.
const lostTries = 3

// carryOut gives one order for each message, and follows up those whose answer was
// lost: look tells by index what became of them, and leaves out those that were not carried
// out, which are given again. Where look fails the order ends with what was lost.
func (s *Store) carryOut(ctx context.Context, ids []bridge.MessageID, calls []*call, look func(lost []int, done []bridge.Relocated) (map[int]bridge.Relocated, error)) []bridge.Relocated {
	out := make([]bridge.Relocated, len(ids))
	todo := make([]int, len(ids))
	for i := range todo {
		todo[i] = i
	}
	for try := 1; len(todo) > 0; try++ {
		some, key := make([]*call, len(todo)), make([]string, len(todo))
		for n, i := range todo {
			some[n], key[n] = calls[i], string(ids[i])
		}
		var lost []int
		for n, o := range s.batch(ctx, some, key) {
			i := todo[n]
			out[i] = s.relocated(ctx, ids[i], o)
			if isUncertain(o.err) {
				lost = append(lost, i)
			}
		}
		if len(lost) == 0 {
			break
		}
		found, err := look(lost, out)
		if err != nil {
			s.log.DebugContext(ctx, "orders without an answer not looked up", "orders", len(lost), "error", err)
			break
		}
		todo = todo[:0]
		for _, i := range lost {
			if r, ok := found[i]; ok {
				out[i] = r
			} else if try < lostTries {
				todo = append(todo, i)
			}
		}
	}
	return out
}

// moved tells which of some messages are in the folder to, or nowhere.
func (s *Store) moved(ctx context.Context, ids []bridge.MessageID, lost []int, to bridge.FolderID) (map[int]bridge.Relocated, error) {
	target, err := s.folderID(ctx, to)
	if err != nil {
		return nil, err
	}
	found := map[int]bridge.Relocated{}
	err = s.readSome(ctx, ids, lost, []string{"id", "parentFolderId"}, func(i int, m *wireMessage, err error) error {
		switch {
		case err != nil:
			found[i] = bridge.Relocated{ID: ids[i], Err: err}
		case bridge.FolderID(m.ParentFolderID) == target:
			found[i] = bridge.Relocated{ID: ids[i]}
		}
		return nil
	})
	return found, err
}

// copied tells which of some messages have a copy in the folder to that was made since
// started: the newest one with their Message-ID that is not the copy of another one. A message
// without Message-ID cannot be told; its copy stays uncertain.
func (s *Store) copied(ctx context.Context, ids []bridge.MessageID, lost []int, done []bridge.Relocated, to bridge.FolderID, started time.Time) (map[int]bridge.Relocated, error) {
	taken := slices.Clone(ids)
	for _, r := range done {
		if r.Err == nil && r.ID != "" {
			taken = append(taken, r.ID)
		}
	}
	found := map[int]bridge.Relocated{}
	err := s.readSome(ctx, ids, lost, []string{"id", "internetMessageId"}, func(i int, m *wireMessage, err error) error {
		if err != nil || m.InternetID == "" {
			found[i] = bridge.Relocated{ID: ids[i], Err: done[i].Err}
			return nil
		}
		id, err := s.newestWith(ctx, to, m.InternetID, started, taken...)
		if err != nil {
			return err
		}
		if id != "" {
			found[i] = bridge.Relocated{ID: id}
			taken = append(taken, id)
		}
		return nil
	})
	return found, err
}

// readSome reads properties of some messages, by index. each gets those that are
// there, and those that are not with ErrNotFound; any other failure ends it.
func (s *Store) readSome(ctx context.Context, ids []bridge.MessageID, some []int, properties []string, each func(i int, m *wireMessage, err error) error) error {
	calls := make([]*call, len(some))
	for n, i := range some {
		var err error
		if calls[n], err = s.getMessage(ctx, ids[i], properties, nil); err != nil {
			return err
		}
	}
	for n, o := range s.batch(ctx, calls, nil) {
		var m wireMessage
		err := o.err
		if err == nil {
			err = json.Unmarshal(o.reply.body, &m)
		}
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return err
		}
		if err := each(some[n], &m, err); err != nil {
			return err
		}
	}
	return nil
}
