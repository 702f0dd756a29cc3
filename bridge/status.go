package bridge

import (
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/outbox"
)

// MailboxStatus is how a mailbox stands at a moment: numbers for metrics, and
// errors for the people who look after it. Nothing in it is of a message.
type MailboxStatus struct {
	Name, Address string
	Since         time.Time // it is open
	Folders       int
	Synced        int            // folders whose first sync is complete
	Watched       []FolderStatus // those that are polled: INBOX first, then by name
	LastSync      time.Time      // the latest of any folder; zero: none yet
	TreeError     error          // why the folder list could not be read; nil: it could
	Cache         mimecache.Stats
	IndexSize     int64 // octets on disk
	Outbox        map[outbox.State]int
	Oldest        time.Time // of the messages in the outbox; zero: there is none
	Sent          Tally
}

// FolderStatus is how the synchronisation of a folder stands.
type FolderStatus struct {
	Name        string
	Role        Role
	Synced      bool
	LastSync    time.Time     // last successful round of this run; zero: none yet
	Interval    time.Duration // between rounds, as it is polled now
	Failures    int           // rounds failed in a row
	Err         error         // the last of them; nil: the last round succeeded
	Done, Total int           // of a first sync under way
}

// Tally counts what became of messages since the start.
type Tally struct {
	Sent     int64 // taken by the service
	Refused  int64 // refused while the client waited, who was told
	Deferred int64 // attempts that failed and are to be repeated
	Returned int64 // given up, with a report to the sender
	Failed   int64 // given up, and the sender could not be told
}

// tally is a Tally that is being counted.
type tally struct{ sent, refused, deferred, returned, failed atomic.Int64 }

func (t *tally) read() Tally {
	return Tally{Sent: t.sent.Load(), Refused: t.refused.Load(), Deferred: t.deferred.Load(), Returned: t.returned.Load(), Failed: t.failed.Load()}
}

// Status tells of every mailbox, by name. It asks nobody and waits for nothing.
func (b *Bridge) Status() []MailboxStatus {
	b.mu.RLock()
	mailboxes, addresses, dirs := maps.Clone(b.mailboxes), maps.Clone(b.addresses), maps.Clone(b.dirs)
	b.mu.RUnlock()
	out := make([]MailboxStatus, 0, len(mailboxes))
	for _, name := range sortedKeys(mailboxes) {
		s := mailboxes[name].status()
		s.Address = addresses[name]
		s.IndexSize = indexSize(dirs[name])
		s.Outbox, s.Oldest = b.outbox.Standing(addresses[name])
		out = append(out, s)
	}
	return out
}

// indexSize is the size of the index with what SQLite keeps beside it. An index
// that lies elsewhere has none.
func indexSize(dir string) (sum int64) {
	for _, ending := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(dir, IndexFile+ending)); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

func (m *Mailbox) status() MailboxStatus {
	s := MailboxStatus{Name: m.opts.Name, Since: m.since, Cache: m.cache.Stats(), Sent: m.tally.read()}
	m.mu.Lock()
	s.TreeError = m.treeErr
	folders := maps.Clone(m.names)
	m.mu.Unlock()
	s.Folders = len(folders)
	var rest []FolderStatus
	for _, name := range sortedKeys(folders) {
		f, watched := folders[name].status()
		if f.Synced {
			s.Synced++
		}
		if f.LastSync.After(s.LastSync) {
			s.LastSync = f.LastSync
		}
		switch {
		case !watched:
		case f.Role == RoleInbox:
			s.Watched = append(s.Watched, f)
		default:
			rest = append(rest, f)
		}
	}
	s.Watched = append(s.Watched, rest...)
	return s
}

// status tells of a folder, and whether it is polled at present.
func (f *Folder) status() (s FolderStatus, watched bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s = FolderStatus{
		Name: f.name, Role: f.state.Role, Synced: f.state.Synced, LastSync: f.syncedAt, Interval: f.interval(),
		Failures: f.failures, Err: f.syncErr, Done: int(f.progress.done.Load()), Total: int(f.progress.total.Load()),
	}
	return s, !f.gone && s.Interval > 0
}
