package graphsim

import (
	"slices"
	"sort"
	"time"
)

// changeKind says what happened to a message.
type changeKind uint8

const (
	changeAdded   changeKind = iota
	changeRead               // the read state alone
	changeState              // flag, categories, importance
	changeExt                // extended properties alone
	changeContent            // subject, body, recipients, attachments
	changeRemoved
)

// change is one entry of a folder's log. It names the message by its numbers, so that a log keeps no content alive.
type change struct {
	seq   uint64
	num   uint64
	entry uint64 // of the default id at that time
	kind  changeKind
	at    time.Time
}

// maxLog is the length from which a log drops its older half, if the folder is not itself of that order.
const maxLog = 20_000

// note appends to the log.
func (f *folder) note(m *message, kind changeKind) {
	f.mb.change++
	f.log = append(f.log, change{f.mb.change, m.num, m.entry, kind, f.mb.srv.now()})
	if n := len(f.log); n > maxLog && n > 4*len(f.msgs) {
		// The oldest tokens fall out of a cache of limited size (graph/delta-query-overview).
		f.log = slices.Clone(f.log[n/2:])
		f.logStart = f.log[0].seq
	}
}

// logEnd is the last sequence number that a round may report: everything, or what is older than the lag.
func (f *folder) logEnd(lag time.Duration) uint64 {
	if lag <= 0 {
		return f.mb.change
	}
	before := f.mb.srv.now().Add(-lag)
	i := sort.Search(len(f.log), func(i int) bool { return f.log[i].at.After(before) })
	if i == 0 {
		return 0
	}
	return f.log[i-1].seq
}

// between returns the entries after from up to and including to.
func (f *folder) between(from, to uint64) []change {
	i := sort.Search(len(f.log), func(i int) bool { return f.log[i].seq > from })
	j := sort.Search(len(f.log), func(i int) bool { return f.log[i].seq > to })
	return f.log[i:max(i, j)]
}
