package bridge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"mail2graph/bridge/mimepart"
)

// searchChunk is how many messages share one read of details.
const searchChunk = 512

// Search returns the UIDs of snap's messages that match, ascending (RFC 3501
// §6.4.4). Flags, dates, sizes, addresses and subjects come from the index,
// other header fields from header blocks; BODY and TEXT need the message's text,
// which is fetched where the cache lacks it, unless the operator lets the service's
// own search say which messages are worth it. progress tells positions in snap.
func (f *Folder) Search(ctx context.Context, snap *Snapshot, key SearchKey, progress Progress) ([]uint32, error) {
	key = foldKey(key)
	var hits []uint32
	s := &searcher{f: f, ctx: ctx, now: time.Now(), progress: progress, total: snap.Len()}
	for from := 0; from < snap.Len(); from += searchChunk {
		to := min(from+searchChunk, snap.Len())
		s.tell(from)
		found, err := s.chunk(snap, from, to, key)
		if err != nil {
			return nil, fmt.Errorf("search in folder %s: %w", f.Name(), err)
		}
		hits = append(hits, found...)
	}
	return hits, nil
}

// foldKey prepares values for comparison without regard to case, and sets of UIDs for
// inRanges.
func foldKey(k SearchKey) SearchKey {
	switch k.Op {
	case SearchUIDs:
		k.Ranges = joined(k.Ranges, math.MaxUint32)
	case SearchHeader:
		k.Value = foldField(k.Value)
	case SearchBody, SearchText:
		k.Value = fold(k.Value)
	}
	if len(k.Keys) > 0 {
		keys := make([]SearchKey, len(k.Keys))
		for i := range k.Keys {
			keys[i] = foldKey(k.Keys[i])
		}
		k.Keys = keys
	}
	return k
}

func fold(s string) string { return strings.ToLower(s) }

// foldField is fold for header fields, where a line may break at any white
// space: a run of it is one space (RFC 5322 §2.2.3).
func foldField(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range strings.ToLower(s) {
		if blank := r == ' ' || r == '\t' || r == '\r' || r == '\n'; blank != space {
			space = blank
		} else if blank {
			continue
		}
		if space {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// verdict is the outcome of a key as far as the data at hand tell.
type verdict int

const (
	no verdict = iota
	yes
	unknown
)

func is(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// searcher evaluates keys with as little data as decides them: rows, then
// details, then header blocks, then text.
type searcher struct {
	f        *Folder
	ctx      context.Context
	now      time.Time
	progress Progress
	total    int
	blocks   bool                 // header blocks were prepared
	found    map[string]*textHits // of the service's search, by value
}

// tell gives progress that does not fall.
func (s *searcher) tell(done int) { s.progress.tell(done, s.total) }

// candidate is one message under examination; nil members are not read yet.
type candidate struct {
	row    *Row
	detail *Detail
	block  []byte // header fields other than those of the body
	parts  *mimepart.Part
	text   *Content
	err    error // of reading text
}

func (s *searcher) chunk(snap *Snapshot, from, to int, key SearchKey) ([]uint32, error) {
	open := map[uint32]*Row{}
	var ask, hits []uint32
	state := map[uint32]verdict{}
	for i := from; i < to; i++ {
		row := snap.At(i)
		v := s.eval(&candidate{row: row}, key)
		state[row.UID] = v
		if v == unknown {
			open[row.UID] = row
			ask = append(ask, row.UID)
		}
	}
	if len(ask) > 0 {
		if err := s.decide(snap, ask, open, state, key); err != nil {
			return nil, err
		}
	}
	for i := from; i < to; i++ {
		if uid := snap.At(i).UID; state[uid] == yes {
			hits = append(hits, uid)
		}
	}
	return hits, s.ctx.Err()
}

// decide looks closer at the messages of a chunk that their rows left open.
func (s *searcher) decide(snap *Snapshot, ask []uint32, open map[uint32]*Row, state map[uint32]verdict, key SearchKey) error {
	details, left, err := s.describe(ask, open, state, key)
	if err != nil {
		return err
	}
	blocks, err := s.headers(snap, left, key)
	if err != nil {
		return err
	}
	parts, err := s.f.Structures(s.ctx, left)
	if err != nil {
		return err
	}
	for i, uid := range left {
		c := &candidate{row: open[uid], detail: details[uid], block: blocks[uid], parts: parts[uid]}
		state[uid] = s.eval(c, key)
		if state[uid] != unknown {
			continue
		}
		s.readAhead(open, left[i+1:])
		if state[uid], err = s.examine(c, key); err != nil {
			return err
		}
		if pos, ok := snap.Find(uid); ok {
			s.tell(pos)
		}
	}
	return nil
}

// describe decides what Details decide, and returns them with the messages that are
// still open.
func (s *searcher) describe(ask []uint32, open map[uint32]*Row, state map[uint32]verdict, key SearchKey) (details map[uint32]*Detail, left []uint32, err error) {
	if !asksDetail(key) {
		return nil, ask, nil
	}
	if details, err = s.f.details(s.ctx, ask); err != nil {
		return nil, nil, err
	}
	for _, uid := range ask {
		c := &candidate{row: open[uid], detail: details[uid]}
		if c.detail == nil {
			state[uid] = no // expunged meanwhile
		} else if state[uid] = s.eval(c, key); state[uid] == unknown {
			left = append(left, uid)
		}
	}
	return details, left, nil
}

// readAhead has the texts fetched that come next.
func (s *searcher) readAhead(open map[uint32]*Row, next []uint32) {
	for _, uid := range next[:min(len(next), prefetchDepth)] {
		s.f.m.readAhead(open[uid].ID)
	}
}

// headers returns the blocks of messages if the key asks for fields that blocks
// have. What is missing is fetched once for all that the search may come to.
func (s *searcher) headers(snap *Snapshot, uids []uint32, key SearchKey) (map[uint32][]byte, error) {
	if len(uids) == 0 || !asksBlock(key) {
		return nil, nil
	}
	if !s.blocks {
		s.blocks = true
		all := uids
		if len(uids) > searchChunk/4 { // most of the folder, as it seems
			all = snap.UIDs()
		}
		if err := s.f.PrepareHeaders(s.ctx, all); err != nil {
			return nil, err
		}
	} else if err := s.f.PrepareHeaders(s.ctx, uids); err != nil {
		return nil, err
	}
	return s.f.HeaderBlocks(s.ctx, uids)
}

// asksDetail reports whether the Detail of a message may answer some part of a key.
func asksDetail(k SearchKey) bool {
	switch k.Op {
	case SearchThreadID, SearchSentBefore, SearchSentOn, SearchSentSince, SearchHeader:
		return true
	}
	return slices.ContainsFunc(k.Keys, asksDetail)
}

// asksBlock reports whether a header block may answer some part of a key.
func asksBlock(k SearchKey) bool {
	if k.Op == SearchHeader {
		return !fromText(k.Field)
	}
	return slices.ContainsFunc(k.Keys, asksBlock)
}

// examine decides with the text. A message that is gone or cannot be read matches
// nothing that needs its text.
func (s *searcher) examine(c *candidate, key SearchKey) (verdict, error) {
	text, err := s.f.ContentOf(s.ctx, c.row.UID, c.parts)
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalid):
		return no, nil
	default:
		return no, err
	}
	defer text.Close()
	c.text = text
	v := s.eval(c, key)
	return v, c.err
}

// eval is three-valued logic: what is unknown may be decided by more data.
func (s *searcher) eval(c *candidate, k SearchKey) verdict {
	r := c.row
	switch k.Op {
	case SearchAll:
		return yes
	case SearchAnd:
		return s.all(c, k.Keys)
	case SearchOr:
		return s.any(c, k.Keys)
	case SearchNot:
		return [...]verdict{no: yes, yes: no, unknown: unknown}[s.eval(c, k.Keys[0])]
	case SearchFlag:
		return is(r.Flags&k.Flag != 0)
	case SearchKeyword:
		return is(indexFold(r.Keywords(), k.Value) >= 0)
	case SearchUIDs:
		return is(inRanges(r.UID, k.Ranges))
	case SearchBefore:
		return is(day(r.Received.In(k.zone())).Before(k.Date))
	case SearchOn:
		return is(day(r.Received.In(k.zone())).Equal(k.Date))
	case SearchSince:
		return is(!day(r.Received.In(k.zone())).Before(k.Date))
	case SearchSavedBefore: // RFC 8514 §4.3
		return is(day(r.SaveDate().In(k.zone())).Before(k.Date))
	case SearchSavedOn:
		return is(day(r.SaveDate().In(k.zone())).Equal(k.Date))
	case SearchSavedSince:
		return is(!day(r.SaveDate().In(k.zone())).Before(k.Date))
	case SearchSaveDateSupported: // for every message
		return yes
	case SearchOlder: // RFC 5032 §3
		return is(!r.Received.After(s.ago(k.Size)))
	case SearchYounger:
		return is(!r.Received.Before(s.ago(k.Size)))
	case SearchLarger:
		return is(r.Size > k.Size)
	case SearchSmaller:
		return is(r.Size < k.Size)
	case SearchModSeq: // RFC 7162 §3.1.5
		return is(r.ModSeq >= k.ModSeq)
	case SearchEmailID: // RFC 8474 §6
		return is(r.EmailID() == k.Value)
	case SearchThreadID:
		if c.detail == nil {
			return unknown
		}
		return is(c.detail.ThreadID() == k.Value)
	case SearchSentBefore, SearchSentOn, SearchSentSince:
		return sent(c, k)
	case SearchHeader:
		return s.header(c, k)
	case SearchBody, SearchText:
		return s.inText(c, k)
	}
	return no // SearchSeqs and SearchRecent are resolved before
}

// ago is the time so many seconds before the search.
func (s *searcher) ago(seconds int64) time.Time {
	return s.now.Add(-time.Duration(seconds) * time.Second)
}

func (s *searcher) all(c *candidate, keys []SearchKey) verdict {
	out := yes
	for _, k := range keys {
		switch s.eval(c, k) {
		case no:
			return no
		case unknown:
			out = unknown
		}
	}
	return out
}

func (s *searcher) any(c *candidate, keys []SearchKey) verdict {
	out := no
	for _, k := range keys {
		switch s.eval(c, k) {
		case yes:
			return yes
		case unknown:
			out = unknown
		}
	}
	return out
}

// inRanges looks a UID up in ranges (ascending, without overlap): a set may have as many
// of them as a folder has messages.
func inRanges(uid uint32, ranges []UIDRange) bool {
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].Last >= uid })
	return i < len(ranges) && ranges[i].First <= uid
}

// SaveDate is when the message came into its folder, as far as it was seen: never
// earlier than it did (RFC 8514 §4.2).
func (r *Row) SaveDate() time.Time { return time.Unix(r.Saved, 0).UTC() }

func (k *SearchKey) zone() *time.Location {
	if k.Zone == nil {
		return time.UTC
	}
	return k.Zone
}
