package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mail2graph/bridge/mimecache"
)

// Limits of time for work that no client's context bounds.
const (
	roundLimit     = 3 * time.Minute  // one delta round
	firstSyncLimit = 2 * time.Hour    // the first walk of a folder
	treeAge        = time.Minute      // a LIST may be this old
	freshFor       = time.Second      // a poll this young serves others too
	fullCheckEvery = 24 * time.Hour   // a complete id list catches what delta lost
	echoFor        = 10 * time.Minute // a delta row for our own change comes within
	sentWindow     = 24 * time.Hour   // an APPEND to Sent this long after sending is the same message
)

// MailboxOptions are the operator's choices and the parts a Mailbox is made of.
type MailboxOptions struct {
	Name         string // the table's name, for logs
	Store        Store
	Index        Index
	Cache        *mimecache.Cache
	Logger       *slog.Logger  // nil: none
	Expunge      ExpungePolicy // "": trash
	AppendSigned AppendPolicy  // "": rebuild
	ExactSizes   bool          // read the MIME before telling RFC822.SIZE
	ExactHeaders bool          // read the MIME for header fields too
	FastSearch   bool          // let the service's search say which texts to read
	IdlePoll     time.Duration // between polls while somebody IDLEs; 0: 5 s
	Poll         time.Duration // between polls of INBOX otherwise; 0: none
	Quota        int64         // octets that the mailbox may have; 0: not known
}

// Mailbox is the one live object of a configured mailbox, shared by all
// sessions. Run must be running for polls and first syncs to happen.
type Mailbox struct {
	opts  MailboxOptions
	store Store
	index Index
	cache *mimecache.Cache
	log   *slog.Logger

	tasks      tasks
	fetches    flights[MessageID, struct{}]
	unreadable unreadable
	lazy       lazy
	wake       chan struct{} // capacity 1: the poller looks at its list again

	since time.Time // made
	tally tally     // of messages to be sent

	treeRun  flights[struct{}, struct{}] // one refresh at a time
	nextTree time.Time                   // of learnTree; the poller's alone

	usageTeller UsageTeller // nil: the store is none
	usageRun    flights[struct{}, int64]

	mu      sync.Mutex // guards the fields below
	folders map[FolderID]*Folder
	names   map[string]*Folder // by IMAP name
	treeAt  time.Time          // of the last successful refresh
	treeErr error              // of the last refresh
	subs    map[string]bool
	usage   usage
}

// NewMailbox makes a Mailbox from its index; it asks the service nothing yet.
func NewMailbox(ctx context.Context, o MailboxOptions) (*Mailbox, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.IdlePoll <= 0 {
		o.IdlePoll = 5 * time.Second
	}
	if o.Expunge == "" {
		o.Expunge = ExpungeTrash
	}
	m := &Mailbox{
		opts: o, store: o.Store, index: o.Index, cache: o.Cache,
		log:     o.Logger.With("part", "sync", "mailbox", o.Name),
		wake:    make(chan struct{}, 1),
		since:   time.Now(),
		folders: map[FolderID]*Folder{},
	}
	m.usageTeller, _ = o.Store.(UsageTeller)
	m.tasks.init()
	states, err := m.index.Folders(ctx)
	if err != nil {
		return nil, fmt.Errorf("read folders of the index: %w", err)
	}
	if m.subs, err = m.index.Subscriptions(ctx); err != nil {
		return nil, fmt.Errorf("read subscriptions of the index: %w", err)
	}
	for _, st := range states {
		m.folders[st.ID] = newFolder(m, st)
	}
	m.names = nameFolders(m.folders)
	return m, nil
}

// Run polls the service until ctx ends, then waits for all work of the mailbox
// to end, writes what is still to be written and returns nil.
func (m *Mailbox) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, m.tasks.cancel)
	defer stop()
	m.poll(ctx)
	m.tasks.wait()
	// The context is over, but what was learned shall be kept.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	m.flushLazy(ctx)
	for _, f := range m.live() {
		if err := f.saveLink(ctx); err != nil {
			f.log.Warn("delta link not stored", "error", err)
		}
	}
	return nil
}

// Name is the mailbox's name in the configuration.
func (m *Mailbox) Name() string { return m.opts.Name }

// poll runs the rounds that are due, one timer for all folders.
func (m *Mailbox) poll(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-timer.C:
		}
		m.learnTree()
		now := time.Now()
		next := now.Add(time.Minute)
		for _, f := range m.live() {
			f.order.expire(now)
			due, want := f.nextPoll(now)
			if !want {
				continue
			}
			if !due.After(now) {
				f.startRound(WithBackground(m.tasks.ctx))
				continue // its end wakes us
			}
			if due.Before(next) {
				next = due
			}
		}
		if at, waits := m.lazy.due(); waits && !at.After(now) {
			m.flushLazy(ctx)
		} else if waits && at.Before(next) {
			next = at
		}
		timer.Reset(time.Until(next))
	}
}

// learnTree reads the folder list of a mailbox that was never seen, so that its
// INBOX is ready before the first client is.
func (m *Mailbox) learnTree() {
	m.mu.Lock()
	unknown := len(m.folders) == 0
	m.mu.Unlock()
	if !unknown || m.opts.Poll == 0 || time.Now().Before(m.nextTree) {
		return
	}
	m.nextTree = time.Now().Add(treeAge)
	m.tasks.start(func() {
		_ = m.refreshTree(WithBackground(m.tasks.ctx), treeAge) // a failure is in the log
	})
}

// poke makes the poller look at its list again.
func (m *Mailbox) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *Mailbox) live() []*Folder {
	m.mu.Lock()
	defer m.mu.Unlock()
	fs := make([]*Folder, 0, len(m.folders))
	for _, f := range m.folders {
		fs = append(fs, f)
	}
	return fs
}

// gone reports that an error means the thing is not there any more.
func gone(err error) bool { return errors.Is(err, ErrNotFound) }
