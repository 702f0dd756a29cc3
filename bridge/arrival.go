package bridge

import (
	"context"
	"time"
)

const (
	// arrivalTries and arrivalLimit bound the search for messages whose new ids the
	// service did not tell. Its delta may be late (graph-reference §6.2).
	arrivalTries = 4
	arrivalLimit = 15 * time.Second
)

// arrivals pairs messages that an order brought here, under ids that the service did
// not tell, with what rounds have entered from UID next on. details are those of rows
// in their old folder. Only what is certain is paired; the rest has no new UID (0) and
// is news like other mail: nothing is lost by that but its cached text and \Deleted.
func (f *Folder) arrivals(ctx context.Context, rows []*Row, details map[uint32]*Detail, next uint32) []UIDPair {
	if len(rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, arrivalLimit)
	defer cancel()
	found := map[uint32]uint32{}
	for try := 0; try < arrivalTries && len(found) < len(rows); try++ {
		if try > 0 {
			select {
			case <-time.After(freshFor):
			case <-ctx.Done():
			}
		}
		if _, err := f.rounds.anew(ctx, &f.m.tasks, struct{}{}, f.round); err != nil {
			f.log.Debug("moved or copied messages not looked for", "error", err)
			break
		}
		if err := f.matchArrivals(ctx, rows, details, next, found); err != nil {
			f.log.Warn("moved or copied messages not found again", "error", err)
			break
		}
	}
	pairs := make([]UIDPair, len(rows))
	for i, row := range rows {
		pairs[i] = UIDPair{From: row.UID, To: found[row.UID]}
	}
	return pairs
}

// matchArrivals finds rows among the messages from UID next on, by a Message-ID that
// one of them has and one of those, and gives them what the index alone knew.
func (f *Folder) matchArrivals(ctx context.Context, rows []*Row, details map[uint32]*Detail, next uint32, found map[uint32]uint32) error {
	wanted, unclear := map[string]*Row{}, map[string]bool{}
	for _, row := range rows {
		id := ""
		if d := details[row.UID]; d != nil {
			id = d.Envelope.MessageID
		}
		unclear[id] = id == "" || wanted[id] != nil
		wanted[id] = row
	}
	var fresh []uint32
	for _, uid := range f.Snapshot().UIDs() {
		if uid >= next {
			fresh = append(fresh, uid)
		}
	}
	came := map[string]uint32{}
	arrived, err := f.details(ctx, fresh)
	if err != nil {
		return err
	}
	for uid, d := range arrived {
		id := d.Envelope.MessageID
		unclear[id] = unclear[id] || came[id] != 0
		came[id] = uid
	}
	_, err = f.commit(ctx, func(snap *Snapshot) batch {
		var b batch
		clear(found)
		for id, row := range wanted {
			now := snap.Row(came[id])
			if unclear[id] || now == nil {
				continue
			}
			found[row.UID] = now.UID
			f.m.copyText(row.ID, now.ID)
			kept := *now
			kept.Flags |= row.Flags & (FlagDeleted | FlagAnswered | FlagForwarded)
			if !sameRow(now, &kept) {
				b.put = append(b.put, Entry{Row: kept})
			}
		}
		return b
	})
	return err
}
