package bridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge/mimepart"
)

// SortBy is a property that messages are sorted by.
type SortBy int

// The sort criteria of RFC 5256 §3 and RFC 5957 §3.
const (
	SortArrival SortBy = iota
	SortCc
	SortDate
	SortDisplayFrom
	SortDisplayTo
	SortFrom
	SortSize
	SortSubject
	SortTo
	sortReferences // nobody sorts by it: what threads are made of, see referenceKey
)

// SortCriterion is one of several; the first decides first.
type SortCriterion struct {
	By      SortBy
	Reverse bool
}

// Sort puts messages of snap (uids, ascending) in order (RFC 5256 §3). All it needs
// is in the index: the service is not asked.
func (f *Folder) Sort(ctx context.Context, snap *Snapshot, uids []uint32, criteria []SortCriterion) ([]uint32, error) {
	uids = snap.known(uids)
	by := make([]SortBy, len(criteria))
	for i, c := range criteria {
		by[i] = c.By
	}
	keys, err := f.orderBy(ctx, snap, uids, by)
	if err != nil {
		return nil, fmt.Errorf("sort folder %s: %w", f.Name(), err)
	}
	places := make([]int32, len(uids))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortFunc(places, func(a, b int32) int {
		for i, c := range criteria {
			n := keys[i][a].compare(&keys[i][b], c.By)
			if n != 0 && c.Reverse {
				return -n
			}
			if n != 0 {
				return n
			}
		}
		return cmp.Compare(a, b) // the mailbox's order
	})
	sorted := make([]uint32, len(places))
	for i, place := range places {
		sorted[i] = uids[place]
	}
	return sorted, nil
}

// known returns those of uids that the snapshot has.
func (s *Snapshot) known(uids []uint32) []uint32 {
	lacks := func(uid uint32) bool { _, ok := s.Find(uid); return !ok }
	if !slices.ContainsFunc(uids, lacks) {
		return uids
	}
	return slices.DeleteFunc(slices.Clone(uids), lacks)
}

// ofRow reports whether a message's Row tells its key.
func (by SortBy) ofRow() bool { return by == SortArrival || by == SortSize }

// sortKey is a number or a text, the other is empty; that of a subject has 1 as the
// number if it is the subject of a reply.
type sortKey struct {
	number int64
	text   string
}

func (k *sortKey) compare(other *sortKey, by SortBy) int {
	if by == SortDate || by.ofRow() {
		return cmp.Compare(k.number, other.number)
	}
	return strings.Compare(k.text, other.text)
}

// describeEach calls yield for every message of uids (ascending) in that order.
// One that has gone from the index since snap was taken has an empty Detail.
func (f *Folder) describeEach(ctx context.Context, snap *Snapshot, uids []uint32, yield func(*Row, *Detail)) error {
	next := 0
	upTo := func(uid uint32) {
		for ; next < len(uids) && uids[next] < uid; next++ {
			if row := snap.Row(uids[next]); row != nil {
				yield(row, &Detail{})
			}
		}
	}
	err := f.m.index.Details(ctx, f.id, uids, func(uid uint32, d *Detail) error {
		upTo(uid)
		if row := snap.Row(uid); row != nil && next < len(uids) && uids[next] == uid {
			yield(row, d)
			next++
		}
		return nil
	})
	upTo(1<<32 - 1)
	return err
}

// keyOf is what a message is sorted by; d may be nil for SortArrival and SortSize.
func keyOf(row *Row, d *Detail, by SortBy) sortKey {
	switch by {
	case SortArrival:
		return sortKey{number: row.Received.Unix()}
	case SortSize:
		return sortKey{number: row.Size}
	}
	e := &d.Envelope
	switch by {
	case SortDate:
		return sortKey{number: sentTime(row, d).Unix()}
	case SortSubject:
		base, reply := baseSubject(e.Subject)
		key := sortKey{text: casemap(base)}
		if reply {
			key.number = 1
		}
		return key
	case SortFrom:
		return mailboxKey(e.From)
	case SortTo:
		return mailboxKey(e.To)
	case SortCc:
		return mailboxKey(e.Cc)
	case SortDisplayFrom:
		return displayKey(e.From)
	case SortDisplayTo:
		return displayKey(e.To)
	case sortReferences:
		return sortKey{text: referenceKey(d)}
	}
	return sortKey{}
}

// mailboxKey is addr-mailbox of the first address (RFC 5256 §3).
func mailboxKey(list []mimepart.Address) sortKey {
	if len(list) == 0 {
		return sortKey{}
	}
	return sortKey{text: casemap(list[0].Mailbox)}
}

// displayKey is the name of the first address as a reader sees it, else the
// address; of a group its name (RFC 5957 §3).
func displayKey(list []mimepart.Address) sortKey {
	if len(list) == 0 {
		return sortKey{}
	}
	a := list[0]
	if name := strings.TrimSpace(mimepart.DecodeHeader(a.Name)); name != "" {
		return sortKey{text: casemap(name)}
	}
	if a.Host == "" {
		return sortKey{text: casemap(mimepart.DecodeHeader(a.Mailbox))}
	}
	return sortKey{text: casemap(a.Mailbox + "@" + a.Host)}
}

// sentTime is the sent date of RFC 5256 §2.2: the Date field in UTC, or
// INTERNALDATE if that tells none.
func sentTime(row *Row, d *Detail) time.Time {
	if t, ok := parseDate(d.Envelope.Date); ok {
		return t
	}
	return row.Received
}
