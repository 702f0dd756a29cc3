package bridge

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Login is what a user name with the right password opens.
type Login struct {
	Name    string   // NAME of the [login.NAME] table
	Mailbox string   // NAME of the [mailbox.NAME] table
	Others  []string // further ones, seen below "Other Users"
	Senders []string // addresses it may send as; the mailbox's own is the first

	Protocols []Protocol // what it may speak
	ReadOnly  bool       // it changes nothing

	HeaderRecipients HeaderRecipients
	SentCopy         SentCopy
	Trace            bool // its conversations are logged
	LargeSigned      LargeSigned
	ForceFrom        bool // whoever a message says it is from, it is from the mailbox

	limits SendLimits // of the mailbox
}

// Logins checks user names and passwords. Its methods may be called concurrently.
//
// Legacy programs log in every few seconds, and a hash is made to be slow. So a
// password that was right is remembered for a while, as an HMAC under a key that
// never leaves this process.
type Logins struct {
	users map[string]*user // by folded user name; fixed
	all   []*user          // the same, in a fixed order
	key   [sha256.Size]byte
	slots chan struct{} // bounds the hashes computed at once, each of many MiB
	slow  *slowdown
	nets  []TrustedNetwork // the smallest first; fixed
}

// user is one login with the password that was last right.
type user struct {
	login Login
	hash  string
	from  []Network // where it may come from; nil: everywhere

	// mu guards what follows.
	mu    sync.Mutex
	known [sha256.Size]byte
	until time.Time            // known counts until then; zero: nothing is known
	homes map[string]time.Time // hosts that knew the password, and when; at most maxHomes
}

// rememberFor is how long after its last use a right password needs no hash.
const rememberFor = 10 * time.Minute

// Hosts from which a login came are not locked out by what others do with its name.
const (
	homeFor  = 30 * 24 * time.Hour
	maxHomes = 32
)

// NewLogins makes the logins of a loaded configuration.
func NewLogins(logins map[string]LoginConfig, mailboxes map[string]MailboxConfig) *Logins {
	l := &Logins{
		users: make(map[string]*user, len(logins)),
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
		slow:  &slowdown{},
	}
	rand.Read(l.key[:]) // never fails: crypto/rand since Go 1.24
	for _, name := range sortedKeys(logins) {
		cfg := logins[name]
		u := &user{
			login: Login{
				Name:    name,
				Mailbox: cfg.Mailbox,
				Others:  cfg.Mailboxes,
				Senders: slices.Concat([]string{mailboxes[cfg.Mailbox].Address}, cfg.SendAs),

				HeaderRecipients: cfg.HeaderRecipients, SentCopy: cfg.SentCopy, LargeSigned: cfg.LargeSigned,
				ForceFrom: bool(cfg.ForceFrom), limits: mailboxes[cfg.Mailbox].SendLimits,

				ReadOnly: bool(cfg.ReadOnly), Trace: bool(cfg.Trace),
			},
			hash:  string(cfg.PasswordHash),
			from:  cfg.AllowFrom,
			homes: map[string]time.Time{},
		}
		for _, p := range []Protocol{IMAP, SMTP} {
			if cfg.Speaks(p) {
				u.login.Protocols = append(u.login.Protocols, p)
			}
		}
		username := cfg.Username
		if username == "" {
			username = name
		}
		l.users[foldUser(username)] = u
		l.all = append(l.all, u)
	}
	return l
}

// Check returns the login of name, without regard to letter case. A wrong
// password, an unknown name and an address that the login may not come from give
// ErrAuth after the same work. After failures from an address, checks for that
// address (the host of remote, "ip:port") wait longer and longer; after many from
// one address, or with one name, ErrLocked is the answer for a while, whether the
// name exists or not. Neither holds for a password that was right a short time ago:
// one program with an old password does not hold up the others on its host. When
// ctx ends first, its error is returned.
func (l *Logins) Check(ctx context.Context, name, password, remote string) (*Login, error) {
	u := l.users[foldUser(name)]
	host := remoteKey(remote)
	var where error
	if u != nil && u.from != nil && !inNetworks(u.from, remote) {
		u, where = nil, fmt.Errorf("%w: this login may not come from %s (allow_from)", ErrAuth, host)
	}
	mac := l.mac(u, password)
	if u != nil && u.recall(mac) {
		return u.copyLogin(), nil
	}
	if err := l.slow.locked(host, foldUser(name), u != nil && u.isHome(host)); err != nil {
		return nil, err
	}
	if err := l.slow.wait(ctx, host); err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	right := CheckPassword(l.hashFor(u, name), password)
	<-l.slots
	if u == nil || !right {
		l.slow.failed(host, foldUser(name))
		if where != nil {
			return nil, where
		}
		return nil, ErrAuth
	}
	u.remember(mac, host)
	return u.copyLogin(), nil
}

// hashFor gives an unknown user the hash of some known one, always the same,
// so that time does not tell which names exist.
func (l *Logins) hashFor(u *user, name string) string {
	if u != nil {
		return u.hash
	}
	if len(l.all) == 0 {
		return ""
	}
	h := hmac.New(sha256.New, l.key[:])
	h.Write([]byte(foldUser(name)))
	n := binary.BigEndian.Uint64(h.Sum(nil))
	return l.all[n%uint64(len(l.all))].hash
}

// mac binds a password to its login.
func (l *Logins) mac(u *user, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, l.key[:])
	if u != nil {
		h.Write([]byte(u.login.Name))
	}
	h.Write([]byte{0})
	h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}

// recall reports whether the password of mac was right lately.
func (u *user) recall(mac [sha256.Size]byte) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	if !now.Before(u.until) || !hmac.Equal(mac[:], u.known[:]) {
		return false
	}
	u.until = now.Add(rememberFor)
	return true
}

// remember notes a right password and the host it came from.
func (u *user) remember(mac [sha256.Size]byte, host string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.known, u.until = mac, time.Now().Add(rememberFor)
	u.homes[host] = time.Now()
	if len(u.homes) > maxHomes {
		delete(u.homes, slices.MinFunc(slices.Collect(maps.Keys(u.homes)), func(a, b string) int {
			return u.homes[a].Compare(u.homes[b])
		}))
	}
}

// isHome reports whether the password came from host lately.
func (u *user) isHome(host string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	at, ok := u.homes[host]
	return ok && time.Since(at) < homeFor
}

func (u *user) knownHomes() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.homes)
}

func (u *user) copyLogin() *Login {
	login := u.login
	login.Senders = slices.Clone(login.Senders)
	return &login
}
