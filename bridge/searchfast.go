package bridge

import (
	"errors"
	"strings"
	"time"
	"unicode"

	"mail2graph/bridge/mimepart"
)

// With search = "fast" the service's own search says which messages may have a text
// (graph-reference §5.3). Those are read and looked at as always; the others count as
// having it not, without being read. It is approximate: the service knows words and
// not parts of words, no header fields but From and Subject, and no texts that it did
// not index. Texts in the cache, new messages, and those older than what the service
// lists are looked at in any case.

const searchLag = 15 * time.Minute // of the service's index behind arrivals

// textHits is what the service found for one value.
type textHits struct {
	ids   map[MessageID]bool
	since time.Time // messages received before were not searched; zero: all were
}

// byService is the verdict about a text that was not read.
func (s *searcher) byService(c *candidate, k SearchKey) verdict {
	if !s.f.m.opts.FastSearch {
		return unknown
	}
	hits := s.hits(k.Value)
	switch {
	case hits == nil, hits.ids[c.row.ID], c.row.Received.Before(hits.since),
		c.row.Received.After(s.now.Add(-searchLag)), s.f.m.cache.Has(string(c.row.ID)):
		return unknown
	case k.Op == SearchBody:
		return no
	case c.detail == nil:
		return unknown
	}
	return is(envelopeContains(&c.detail.Envelope, foldField(k.Value)))
}

// hits asks the service, once for each value; nil if it cannot tell.
func (s *searcher) hits(value string) *textHits {
	if h, asked := s.found[value]; asked {
		return h
	}
	if s.found == nil {
		s.found = map[string]*textHits{}
	}
	s.found[value] = nil
	if !strings.ContainsFunc(value, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return nil
	}
	ids, all, err := s.f.m.store.FindText(s.ctx, s.f.id, value)
	if err != nil {
		if s.ctx.Err() == nil && !errors.Is(err, ErrInvalid) {
			s.f.log.Warn("the service does not search, message texts are read instead", "error", err)
		}
		return nil
	}
	h := &textHits{ids: make(map[MessageID]bool, len(ids))}
	snap := s.f.Snapshot()
	for _, id := range ids {
		h.ids[id] = true
		if row := snap.Row(s.f.lookup(id)); row != nil && !all && (h.since.IsZero() || row.Received.Before(h.since)) {
			h.since = row.Received
		}
	}
	if !all && h.since.IsZero() {
		return nil
	}
	s.found[value] = h
	return h
}

// envelopeContains searches the header fields that listings tell.
func envelopeContains(e *mimepart.Envelope, value string) bool {
	for _, list := range [][]mimepart.Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		if addressesContain(list, value) {
			return true
		}
	}
	for _, text := range []string{mimepart.DecodeHeader(e.Subject), e.MessageID, e.InReplyTo} {
		if strings.Contains(foldField(text), value) {
			return true
		}
	}
	return false
}
