package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mail2graph/bridge/envelope"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/outbox"
)

// Protocol is what a login speaks.
type Protocol string

// The protocols.
const (
	IMAP Protocol = "imap"
	SMTP Protocol = "smtp"
)

// Options are the parts that a Bridge is made of.
type Options struct {
	// OpenStore returns the Store of a configured mailbox; it makes no request.
	OpenStore func(name string, m MailboxConfig) (Store, error)
	// OpenIndex opens the index of a mailbox, a file at path or what stands for it.
	OpenIndex func(ctx context.Context, name, path string) (Index, error)
	// OutboxReserve is the free space, in octets, that messages in the outbox leave
	// on the disk; 0: outbox.DefaultReserve.
	OutboxReserve int64
	Logger        *slog.Logger // nil: none
}

// Bridge holds the mailboxes and logins of one configuration.
type Bridge struct {
	log    *slog.Logger
	opts   Options
	logins atomic.Pointer[Logins]
	outbox *outbox.Spool
	direct bool // new messages do not go through the outbox

	imapLogins, smtpLogins loginTally

	// mu guards what follows: mailboxes can be added while others are served.
	mu        sync.RWMutex
	mailboxes map[string]*Mailbox
	addresses map[string]string  // of the mailboxes, by name
	apps      map[string]string  // that reach them by themselves, by name of the mailbox
	dirs      map[string]string  // where their state lies
	senders   map[string]*sender // by name of the mailbox
	closers   []func() error
	launch    func(name string) // runs an added mailbox; nil while Run is not running
	closed    bool
}

// New opens the state of every mailbox. Close it after Run.
func New(ctx context.Context, cfg *Config, o Options) (*Bridge, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Bridge{
		log: o.Logger, opts: o,
		mailboxes: map[string]*Mailbox{}, addresses: map[string]string{}, apps: map[string]string{}, dirs: map[string]string{}, senders: map[string]*sender{},
	}
	b.logins.Store(NewLogins(cfg.Logins, cfg.Mailboxes).trust(cfg.SMTP.Trusted))
	var err error
	if b.outbox, err = outbox.Open(filepath.Join(cfg.StateDir, OutboxDir), outbox.Options{Logger: o.Logger.With("part", "outbox"), Reserve: o.OutboxReserve, Wait: 5 * time.Second}); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.outbox.Close)
	for _, name := range sortedKeys(cfg.Mailboxes) {
		if err := b.open(ctx, cfg, name); err != nil {
			return nil, errors.Join(fmt.Errorf("mailbox %s: %w", name, err), b.Close())
		}
	}
	b.reportOutbox()
	return b, nil
}

// OutboxDir is the directory of the outbox below the state directory.
const OutboxDir = "outbox"

// reportOutbox tells what waits from an earlier run.
func (b *Bridge) reportOutbox() {
	if n := b.outbox.Len(); n > 0 {
		b.log.Info("messages in the outbox", "count", n)
	}
	if n := b.outbox.Corrupt(); n > 0 {
		b.log.Warn("damaged files of the outbox lie in its folder corrupt, see 'mail2graph help queue'", "count", n)
	}
	for _, address := range b.outbox.Mailboxes() {
		known := false
		for _, s := range b.senders {
			known = known || s.address == address
		}
		if !known {
			b.log.Warn("messages wait for a mailbox that is not configured any more", "address", address)
		}
	}
}

// open makes one mailbox. Its state lies below the name of its address, so
// that a table that is renamed keeps its UIDs.
func (b *Bridge) open(ctx context.Context, cfg *Config, name string) error {
	o, mc := b.opts, cfg.Mailboxes[name]
	dir := cfg.MailboxDir(mc.Address)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make state directory: %w", err)
	}
	index, err := o.OpenIndex(ctx, name, filepath.Join(dir, IndexFile))
	if err != nil {
		return err
	}
	b.closers = append(b.closers, index.Close)
	cache, err := mimecache.Open(filepath.Join(dir, "mime"), int64(cfg.Cache.MaxSize), o.Logger.With("mailbox", name))
	if err != nil {
		return fmt.Errorf("open cache: %w", err)
	}
	b.closers = append(b.closers, cache.Close)
	store, err := o.OpenStore(name, mc)
	if err != nil {
		return err
	}
	m, err := NewMailbox(ctx, MailboxOptions{
		Name: name, Store: store, Index: index, Cache: cache, Logger: o.Logger,
		Expunge: mc.Expunge, AppendSigned: mc.AppendSigned, ExactSizes: mc.Sizes == SizesExact, ExactHeaders: mc.Headers == HeadersExact,
		FastSearch: mc.Search == SearchFast,
		IdlePoll:   time.Duration(mc.IdlePoll), Poll: time.Duration(mc.Poll), Quota: int64(mc.Quota),
	})
	if err != nil {
		return err
	}
	b.mailboxes[name] = m
	b.addresses[name], b.dirs[name] = mc.Address, dir
	if mc.Access != AccessUser {
		b.apps[name] = mc.App
	}
	b.senders[name] = newSender(m, mc, b.outbox, cfg.SMTP)
	b.direct = cfg.SMTP.Delivery == DeliveryDirect
	return nil
}

// IndexFile is the name of a mailbox's index in its MailboxDir.
const IndexFile = "index.sqlite"

// MailboxDir is the directory below StateDir that holds the state of the mailbox
// with this address.
func (c *Config) MailboxDir(address string) string {
	return filepath.Join(c.StateDir, "mailboxes", stateName(address))
}

// stateName makes a directory name of an address: "user@example.com" stays
// readable, whatever could lead elsewhere becomes a hash.
func stateName(address string) string {
	address = strings.ToLower(address)
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', strings.ContainsRune("@._-+", r):
			return r
		}
		return '_'
	}, address)
	if plain == address && plain != "" && !strings.HasPrefix(plain, ".") && len(plain) < 200 {
		return plain
	}
	sum := sha256.Sum256([]byte(address))
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// Add opens a mailbox of cfg that this Bridge does not have yet, and runs it if the
// others run. What cfg says besides is not looked at.
func (b *Bridge) Add(ctx context.Context, cfg *Config, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return fmt.Errorf("mailbox %s: the bridge is closed: %w", name, ErrUnavailable)
	case b.mailboxes[name] != nil:
		return fmt.Errorf("mailbox %s: %w", name, ErrExists)
	}
	before := len(b.closers)
	if err := b.open(ctx, cfg, name); err != nil {
		return errors.Join(fmt.Errorf("mailbox %s: %w", name, err), b.closeFrom(before))
	}
	if b.launch != nil {
		b.launch(name)
	}
	return nil
}

// Run keeps all mailboxes in step with the service and sends what is in the
// outbox until ctx ends, then waits for all work to end.
func (b *Bridge) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	b.mu.Lock()
	b.launch = func(name string) {
		m, s := b.mailboxes[name], b.senders[name]
		wg.Go(func() { m.Run(ctx) })
		wg.Go(func() { s.run(ctx) })
	}
	for name := range b.mailboxes {
		b.launch(name)
	}
	b.mu.Unlock()
	wg.Go(func() { b.outbox.ServeOrders(ctx) })
	<-ctx.Done()
	b.mu.Lock()
	b.launch = nil
	b.mu.Unlock()
	wg.Wait()
	return nil
}

// Close closes indexes and caches, after Run has returned.
func (b *Bridge) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.closeFrom(0)
}

// closeFrom closes what was opened last, down to the n-th; the caller holds mu.
func (b *Bridge) closeFrom(n int) error {
	var errs []error
	for i := len(b.closers) - 1; i >= n; i-- {
		errs = append(errs, b.closers[i]())
	}
	b.closers = b.closers[:n]
	return errors.Join(errs...)
}

// Mailbox returns a mailbox by its name in the configuration, or nil.
func (b *Bridge) Mailbox(name string) *Mailbox {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.mailboxes[name]
}

// SetLogins replaces the logins and [smtp.trusted] by those of another configuration. Who is logged
// in stays so; what is known of guessing is kept. A login for a mailbox that this
// Bridge does not have is refused.
func (b *Bridge) SetLogins(cfg *Config) {
	n, old := NewLogins(cfg.Logins, cfg.Mailboxes), b.logins.Load()
	n.slow = old.slow
	for name, u := range n.users {
		if was := old.users[name]; was != nil && was.hash == u.hash {
			u.homes = was.knownHomes()
		}
	}
	b.logins.Store(n)
}

// Ping asks the index of every mailbox, to learn whether this process still works.
// It asks nobody else.
func (b *Bridge) Ping(ctx context.Context) error {
	b.mu.RLock()
	mailboxes := maps.Clone(b.mailboxes)
	b.mu.RUnlock()
	for _, name := range sortedKeys(mailboxes) {
		if _, err := mailboxes[name].index.Folders(ctx); err != nil {
			return fmt.Errorf("mailbox %s: %w", name, err)
		}
	}
	return nil
}

// Login checks a password and returns what it opens; ErrAuth if it is wrong,
// ErrLocked after too many that were, ErrDenied for a protocol that the login may not
// speak. It asks only this host: a login works while the service is away. The answer
// is slowed down after failures from the same remote address ("ip:port").
func (b *Bridge) Login(ctx context.Context, p Protocol, user, password, remote string) (a *Account, err error) {
	defer func() { b.countLogin(p, remote, err) }()
	l, err := b.logins.Load().Check(ctx, user, password, remote)
	if err != nil {
		return nil, fmt.Errorf("%s login %q from %s: %w", p, user, remote, err)
	}
	if !slices.Contains(l.Protocols, p) {
		return nil, fmt.Errorf("%s login %q from %s: %w: its protocols, read_only or send_only exclude %s", p, user, remote, ErrDenied, p)
	}
	return b.account(l)
}

// Trusted returns the account of a program that needs no password to send because
// of its address ("ip:port"); ErrAuth: it does.
func (b *Bridge) Trusted(remote string) (*Account, error) {
	l := b.logins.Load().trusted(remote)
	if l == nil {
		return nil, fmt.Errorf("%s is not in [smtp.trusted]: %w", remote, ErrAuth)
	}
	return b.account(l)
}

// account opens what a login may have.
func (b *Bridge) account(l *Login) (*Account, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	m := b.mailboxes[l.Mailbox]
	if m == nil {
		return nil, fmt.Errorf("login %q: its mailbox %q is not configured: %w", l.Name, l.Mailbox, ErrDenied)
	}
	a := &Account{
		Name: l.Name, Mailbox: m, ReadOnly: l.ReadOnly, Trace: l.Trace, senders: l.Senders,
		policy: envelope.Policy(l.HeaderRecipients), forceFrom: l.ForceFrom, largeSigned: l.LargeSigned,
		limits: l.limits,
	}
	for _, name := range l.Others {
		if other := b.mailboxes[name]; other != nil { // else a reload could not open it, and said so
			a.Others = append(a.Others, other)
		}
	}
	if l.SentCopy != SentKeep {
		a.sentCopy = string(l.SentCopy)
	}
	if !b.direct {
		a.sender = b.senders[l.Mailbox]
	}
	a.paths = b.paths(l)
	return a, nil
}

// paths are the mailboxes of those whom a login may send as and whom the
// application of its own mailbox reaches by itself; the caller holds mu.
func (b *Bridge) paths(l *Login) map[string]path {
	paths := map[string]path{}
	app := b.apps[l.Mailbox]
	for name, address := range b.addresses {
		if app == "" || b.apps[name] != app || name == l.Mailbox || !slices.ContainsFunc(l.Senders, func(s string) bool { return strings.EqualFold(s, address) }) {
			continue
		}
		p := path{mailbox: b.mailboxes[name]}
		if !b.direct {
			p.sender = b.senders[name]
		}
		paths[strings.ToLower(address)] = p
	}
	return paths
}
