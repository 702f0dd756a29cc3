package bridge

import (
	"errors"
	"sync/atomic"
)

// LoginCount counts the outcomes of login attempts since the start.
type LoginCount struct {
	OK     uint64 // let in
	Wrong  uint64 // wrong password, unknown name, or an address it may not come from
	Denied uint64 // a right password, for what the login may not do
	Locked uint64 // not looked at, after too many failures
}

// LoginCounts are the attempts by protocol, and who is slowed down or locked now.
type LoginCounts struct {
	IMAP, SMTP LoginCount

	SlowedAddresses int
	LockedAddresses int
	LockedNames     int
}

// loginTally is LoginCount as it is counted.
type loginTally struct{ ok, wrong, denied, locked atomic.Uint64 }

func (t *loginTally) add(err error) {
	switch {
	case err == nil:
		t.ok.Add(1)
	case errors.Is(err, ErrLocked):
		t.locked.Add(1)
	case errors.Is(err, ErrAuth):
		t.wrong.Add(1)
	case errors.Is(err, ErrDenied):
		t.denied.Add(1)
	}
}

func (t *loginTally) read() LoginCount {
	return LoginCount{OK: t.ok.Load(), Wrong: t.wrong.Load(), Denied: t.denied.Load(), Locked: t.locked.Load()}
}

// LoginCounts returns what became of all attempts to log in, but for those of the
// self-check.
func (b *Bridge) LoginCounts() LoginCounts {
	c := LoginCounts{IMAP: b.imapLogins.read(), SMTP: b.smtpLogins.read()}
	c.SlowedAddresses, c.LockedAddresses, c.LockedNames = b.logins.Load().slow.counts()
	return c
}

// countLogin counts one attempt. What comes over a pipe is the self-check.
func (b *Bridge) countLogin(p Protocol, remote string, err error) {
	switch {
	case remote == "pipe":
	case p == SMTP:
		b.smtpLogins.add(err)
	default:
		b.imapLogins.add(err)
	}
}
