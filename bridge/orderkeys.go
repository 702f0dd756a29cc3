package bridge

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	orderOctets = 16 << 20         // bounds the keys that a folder keeps
	orderLife   = 10 * time.Minute // since somebody has sorted the folder
)

// orderKeys are what the messages of a folder are put in order by. They are made of
// what the index knows and kept for a while: who sorts a folder does it again.
type orderKeys struct {
	mu      sync.Mutex // guards the fields below
	columns map[SortBy]orderColumn
	changed uint64 // how often a Detail has changed
	used    time.Time
}

// orderColumn has the keys of messages (uids, ascending) by one criterion. Its
// slices are never changed.
type orderColumn struct {
	uids []uint32
	keys []sortKey
}

// fill copies the keys of uids (ascending) to keys and marks those that it lacks.
func (c orderColumn) fill(uids []uint32, keys []sortKey, lacks []bool) {
	have := 0
	for n, uid := range uids {
		for have < len(c.uids) && c.uids[have] < uid {
			have++
		}
		if have < len(c.uids) && c.uids[have] == uid {
			keys[n] = c.keys[have]
		} else {
			lacks[n] = true
		}
	}
}

// with returns the column with further keys, and without the messages that snap lacks
// if there are any.
func (c orderColumn) with(uids []uint32, keys []sortKey, snap *Snapshot) orderColumn {
	var out orderColumn
	out.grow(len(c.uids) + len(uids))
	for len(c.uids)+len(uids) > 0 {
		if len(uids) == 0 || len(c.uids) > 0 && c.uids[0] < uids[0] {
			out.add(c.uids[0], c.keys[0])
			c.uids, c.keys = c.uids[1:], c.keys[1:]
			continue
		}
		if len(c.uids) > 0 && c.uids[0] == uids[0] {
			c.uids, c.keys = c.uids[1:], c.keys[1:]
		}
		key := keys[0]
		key.text = strings.Clone(key.text) // all else that the index has of the message can go
		out.add(uids[0], key)
		uids, keys = uids[1:], keys[1:]
	}
	if len(out.uids) <= snap.Len() {
		return out
	}
	return out.only(func(uid uint32) bool { _, ok := snap.Find(uid); return ok })
}

// only returns the column of some messages.
func (c orderColumn) only(keep func(uid uint32) bool) orderColumn {
	var out orderColumn
	out.grow(len(c.uids))
	for i, uid := range c.uids {
		if keep(uid) {
			out.add(uid, c.keys[i])
		}
	}
	return out
}

func (c *orderColumn) grow(n int) {
	c.uids, c.keys = make([]uint32, 0, n), make([]sortKey, 0, n)
}

func (c *orderColumn) add(uid uint32, key sortKey) {
	c.uids, c.keys = append(c.uids, uid), append(c.keys, key)
}

// octets is about what the column takes.
func (c orderColumn) octets() int {
	n := len(c.uids) * (4 + 24)
	for i := range c.keys {
		n += len(c.keys[i].text)
	}
	return n
}

// begin returns the columns at hand, and what put needs to know.
func (o *orderKeys) begin(by []SortBy) (columns []orderColumn, changed uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used = time.Now()
	for _, b := range by {
		columns = append(columns, o.columns[b])
	}
	return columns, o.changed
}

// put keeps columns, unless a Detail has changed since begin or they are too large.
func (o *orderKeys) put(by []SortBy, columns []orderColumn, changed uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != changed {
		return
	}
	total := 0
	for b, c := range o.columns {
		if !slices.Contains(by, b) {
			total += c.octets()
		}
	}
	for i, b := range by {
		total += columns[i].octets()
		if total > orderOctets {
			o.columns = nil // what is asked for next may be something else
			return
		}
		if o.columns == nil {
			o.columns = map[SortBy]orderColumn{}
		}
		o.columns[b] = columns[i]
	}
}

// forget drops the keys of messages whose Detail has changed, ascending.
func (o *orderKeys) forget(uids []uint32) {
	if len(uids) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed++
	for b, c := range o.columns {
		o.columns[b] = c.only(func(uid uint32) bool { _, ok := slices.BinarySearch(uids, uid); return !ok })
	}
}

// expire drops what nobody uses.
func (o *orderKeys) expire(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.used) > orderLife {
		o.columns = nil
	}
}

// orderBy returns what messages of snap (uids, ascending) are put in order by: for
// each criterion a key for each message. The service is not asked.
func (f *Folder) orderBy(ctx context.Context, snap *Snapshot, uids []uint32, by []SortBy) ([][]sortKey, error) {
	out := make([][]sortKey, len(by))
	lacks := make([]bool, len(uids))
	var asked []SortBy // those that need a Detail
	var keys [][]sortKey
	for i, b := range by {
		out[i] = make([]sortKey, len(uids))
		if !b.ofRow() {
			asked, keys = append(asked, b), append(keys, out[i])
			continue
		}
		for n, uid := range uids {
			out[i][n] = keyOf(snap.Row(uid), nil, b)
		}
	}
	columns, changed := f.order.begin(asked)
	for i, c := range columns {
		c.fill(uids, keys[i], lacks)
	}
	var missing []uint32
	var places []int
	for n, lack := range lacks {
		if lack {
			missing, places = append(missing, uids[n]), append(places, n)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	fresh := make([][]sortKey, len(asked))
	next := 0
	err := f.describeEach(ctx, snap, missing, func(row *Row, d *Detail) {
		for i, b := range asked {
			key := keyOf(row, d, b)
			keys[i][places[next]] = key
			fresh[i] = append(fresh[i], key)
		}
		next++
	})
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		columns[i] = c.with(missing, fresh[i], snap)
	}
	f.order.put(asked, columns, changed)
	return out, nil
}
