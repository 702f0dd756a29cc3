package graphstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"mail2graph/bridge"
)

// SetFlags patches read state, flag, last verb and categories (page
// api/message-update): all of them stay free after 2026-12-31, content does not.
func (s *Store) SetFlags(ctx context.Context, updates []bridge.FlagUpdate) []error {
	calls := make([]*call, len(updates))
	key := make([]string, len(updates))
	for i := range updates {
		key[i] = string(updates[i].ID)
		k, err := s.patchMessage(ctx, updates[i].ID, patch(&updates[i]))
		if err != nil {
			return failAll(len(updates), err)
		}
		calls[i] = k
	}
	return errorsOf("set flags", s.batch(ctx, calls, key))
}

// patch is the body that changes what u speaks of.
func patch(u *bridge.FlagUpdate) models.Messageable {
	m := newMessage()
	m.SetIsRead(u.Read)
	if u.Flagged != nil {
		m.SetFlag(followup(*u.Flagged))
	}
	if u.Categories != nil {
		list := *u.Categories
		if list == nil {
			list = []string{} // "[]" clears, a missing member does not
		}
		m.SetCategories(list)
	}
	if u.Verb != nil {
		m.SetSingleValueExtendedProperties(verbProperties(*u.Verb))
	}
	return m
}

func followup(flagged bool) models.FollowupFlagable {
	status := models.NOTFLAGGED_FOLLOWUPFLAGSTATUS
	if flagged {
		status = models.FLAGGED_FOLLOWUPFLAGSTATUS
	}
	f := models.NewFollowupFlag()
	f.SetFlagStatus(&status)
	return f
}

// verbProperties sets the last verb, and the icon that Outlook shows for it.
func verbProperties(v bridge.Verb) []models.SingleValueLegacyExtendedPropertyable {
	verb, icon := 0, -1
	switch v {
	case bridge.VerbReply:
		verb, icon = verbReply, iconReplied
	case bridge.VerbForward:
		verb, icon = verbForward, iconForwarded
	}
	return []models.SingleValueLegacyExtendedPropertyable{
		property(propVerb, strconv.Itoa(verb)), property(propIcon, strconv.Itoa(icon))}
}

func property(id, value string) models.SingleValueLegacyExtendedPropertyable {
	p := models.NewSingleValueLegacyExtendedProperty()
	p.SetId(&id)
	p.SetValue(&value)
	return p
}

// Move moves messages (page api/message-move). Where an answer was lost it asks
// where the message is, and where one came without an id whether the old one is valid.
func (s *Store) Move(ctx context.Context, ids []bridge.MessageID, to bridge.FolderID) []bridge.Relocated {
	calls := make([]*call, len(ids))
	for i, id := range ids {
		var err error
		if calls[i], err = s.moveMessage(ctx, id, to); err != nil {
			return relocateNone(ids, err)
		}
	}
	out := s.carryOut(ctx, ids, calls, func(lost []int, _ []bridge.Relocated) (map[int]bridge.Relocated, error) {
		return s.moved(ctx, ids, lost, to)
	})
	for i := range out {
		out[i].Err = wrap("move message", out[i].Err)
	}
	s.keepIDs(ctx, ids, out)
	return out
}

// keepIDs completes answers to moves that came without an id: it is the old one if
// that still names a message, as it does where ids are immutable.
func (s *Store) keepIDs(ctx context.Context, ids []bridge.MessageID, out []bridge.Relocated) {
	var ask []bridge.MessageID
	for i, r := range out {
		if r.Err == nil && r.ID == "" {
			ask = append(ask, ids[i])
		}
	}
	if len(ask) == 0 {
		return
	}
	found, err := s.Messages(ctx, ask)
	if err != nil {
		s.log.DebugContext(ctx, "moved messages not looked up", "error", err)
		return
	}
	valid := map[bridge.MessageID]bool{}
	for _, m := range found {
		valid[m.ID] = true
	}
	for i := range out {
		if out[i].Err == nil && out[i].ID == "" && valid[ids[i]] {
			out[i].ID = ids[i]
		}
	}
}

// folderID resolves a well-known name; an id is returned as it is.
func (s *Store) folderID(ctx context.Context, id bridge.FolderID) (bridge.FolderID, error) {
	k, err := s.getFolder(ctx, id, []string{"id"})
	if err != nil {
		return "", err
	}
	r, err := s.send(ctx, k)
	if err != nil {
		return "", err
	}
	f, err := decode[wireFolder](k, r)
	if err != nil {
		return "", err
	}
	return bridge.FolderID(f.ID), nil
}

// Copy copies messages (page api/message-copy). A copy has a new id, so that a
// lost answer is looked up by what is new in the target. One that is not found there is
// ordered again: that the service makes it later than it is looked for is not known of Graph.
func (s *Store) Copy(ctx context.Context, ids []bridge.MessageID, to bridge.FolderID) []bridge.Relocated {
	started := time.Now()
	calls := make([]*call, len(ids))
	for i, id := range ids {
		var err error
		if calls[i], err = s.copyMessage(ctx, id, to); err != nil {
			return relocateNone(ids, err)
		}
	}
	out := s.carryOut(ctx, ids, calls, func(lost []int, done []bridge.Relocated) (map[int]bridge.Relocated, error) {
		return s.copied(ctx, ids, lost, done, to, started)
	})
	for i := range out {
		if out[i].ID == ids[i] { // the copy has another one
			out[i].ID = ""
		}
		out[i].Err = wrap("copy message", out[i].Err)
	}
	return out
}

// relocated reads the answer to a move or copy: the message with its id in the
// target, "" where it is not told.
func (s *Store) relocated(ctx context.Context, id bridge.MessageID, o outcome) bridge.Relocated {
	if o.err != nil {
		return bridge.Relocated{ID: id, Err: o.err}
	}
	var m wireMessage
	if err := json.Unmarshal(o.reply.body, &m); err != nil || m.ID == "" {
		s.log.DebugContext(ctx, "graph gave no id for a moved or copied message", "request_id", o.reply.requestID)
		return bridge.Relocated{}
	}
	return bridge.Relocated{ID: bridge.MessageID(m.ID)}
}

// permanentDeletion remembers whether the cloud has permanentDelete: it exists
// in the global one alone (page api/message-permanentdelete).
type permanentDeletion struct{ missing atomic.Bool }

// Delete removes messages (pages api/message-delete and
// api/message-permanentdelete).
func (s *Store) Delete(ctx context.Context, ids []bridge.MessageID, how bridge.Disposal) []error {
	permanent := how == bridge.DisposePermanent && !s.c.permanent.missing.Load()
	out := s.remove(ctx, ids, permanent)
	if !permanent {
		return errorsOf("delete message", out)
	}
	var again []int
	for i := range out {
		if lacksAction(out[i].err) {
			again = append(again, i)
		}
	}
	if again = s.stillThere(ctx, ids, again, out); len(again) > 0 {
		s.c.permanent.missing.Store(true)
		s.log.InfoContext(ctx, "no permanent deletion in this cloud, plain deletion is used", "error", out[again[0]].err)
		rest := make([]bridge.MessageID, len(again))
		for n, i := range again {
			rest[n] = ids[i]
		}
		for n, o := range s.remove(ctx, rest, false) {
			out[again[n]] = o
		}
	}
	return errorsOf("delete message", out)
}

// stillThere leaves of some messages, by index, those that exist: an answer without a
// code does not tell an unknown action from a message that is gone, which is deleted.
func (s *Store) stillThere(ctx context.Context, ids []bridge.MessageID, some []int, out []outcome) (there []int) {
	ask := make([]bridge.MessageID, len(some))
	for n, i := range some {
		ask[n] = ids[i]
	}
	found, err := s.Messages(ctx, ask)
	if err != nil {
		return some
	}
	for n, i := range some {
		if slices.ContainsFunc(found, func(m bridge.MessageInfo) bool { return m.ID == ask[n] }) {
			there = append(there, i)
		} else {
			out[i].err = nil
		}
	}
	return there
}

// remove deletes; what is gone already counts as deleted.
func (s *Store) remove(ctx context.Context, ids []bridge.MessageID, permanent bool) []outcome {
	calls := make([]*call, len(ids))
	for i, id := range ids {
		var err error
		if permanent {
			calls[i], err = s.call(s.message(id).PermanentDelete().ToPostRequestInformation(ctx, nil))
		} else {
			calls[i], err = s.deleteMessage(ctx, id)
		}
		if err != nil {
			out := make([]outcome, len(ids))
			for n := range out {
				out[n].err = err
			}
			return out
		}
		calls[i].once = false
	}
	out := s.batch(ctx, calls, texts(ids))
	for i := range out {
		if hasCode(out[i].err, "ErrorItemNotFound") || !permanent && errors.Is(out[i].err, bridge.ErrNotFound) {
			out[i].err = nil
		}
	}
	return out
}

// lacksAction tells an unknown action from a message that is gone: both may be
// 404, but a gone message has ErrorItemNotFound.
func lacksAction(err error) bool {
	var e *Error
	if !errors.As(err, &e) || hasCode(err, "ErrorItemNotFound") {
		return false
	}
	switch e.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest:
		return !errors.Is(err, bridge.ErrNoMailbox) || hasCode(err, "ResourceNotFound")
	}
	return false
}

func texts(ids []bridge.MessageID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

func errorsOf(op string, out []outcome) []error {
	errs := make([]error, len(out))
	for i := range out {
		errs[i] = wrap(op, out[i].err)
	}
	return errs
}

func failAll(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func relocateNone(ids []bridge.MessageID, err error) []bridge.Relocated {
	out := make([]bridge.Relocated, len(ids))
	for i, id := range ids {
		out[i] = bridge.Relocated{ID: id, Err: fmt.Errorf("move or copy: %w", err)}
	}
	return out
}
