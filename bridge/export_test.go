package bridge

import (
	"context"
	"time"
)

// SnapshotPair returns a snapshot of size rows and one in which the middle row
// has changed.
func SnapshotPair(size int) (before, after *Snapshot) {
	rows := make([]Row, size)
	for i := range rows {
		rows[i] = Row{UID: uint32(i + 1), ModSeq: 1}
	}
	next := uint32(size + 1)
	before = new(Snapshot).with(rows, nil, next, 1)
	return before, before.with([]Row{{UID: next / 2, ModSeq: 2}}, nil, next, 2)
}

// NewAccount makes an Account without a login.
func NewAccount(name string, m *Mailbox, senders ...string) *Account {
	return &Account{Name: name, Mailbox: m, senders: senders}
}

// Asked is asked, for tests from outside.
var Asked = asked

// SetSubject gives a message another subject without a word to sessions, as the raw
// envelope of a text that was read does.
func (f *Folder) SetSubject(ctx context.Context, uid uint32, subject string) error {
	details, err := f.details(ctx, []uint32{uid})
	if err != nil {
		return err
	}
	_, err = f.commit(ctx, func(snap *Snapshot) batch {
		d := *details[uid]
		d.Envelope.Subject = subject
		return batch{quiet: []Entry{{Row: *snap.Row(uid), Detail: &d}}}
	})
	return err
}

// ForgetOrder drops what was kept of sorting.
func (f *Folder) ForgetOrder() { f.order.expire(time.Now().Add(2 * orderLife)) }

// SyncAgain is Sync for somebody who does not wait until a round may be run again.
func (f *Folder) SyncAgain(ctx context.Context) error {
	f.mu.Lock()
	f.roundEnd = time.Time{}
	f.mu.Unlock()
	return f.Sync(ctx)
}
