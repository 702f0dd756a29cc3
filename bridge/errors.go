package bridge

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of failure that cross a package border. graphstore translates
// Graph's answers into them once; imapsrv and smtpsrv translate them once into
// response codes. Test with errors.Is; the wrapping text names operation and
// object and is for the log only.
var (
	// ErrAuth: user name or password of a local login are wrong.
	ErrAuth = errors.New("login refused")
	// ErrLocked: after too many wrong passwords no more are looked at for a while.
	ErrLocked = errors.New("locked after too many failures")
	// ErrCredentials: Entra or Graph refuses the application's own credentials.
	ErrCredentials = errors.New("credentials of the application refused")
	// ErrDenied: the application or the login has no right to do this.
	ErrDenied = errors.New("access denied")
	// ErrSendAs: Exchange does not let the mailbox send as the message's From; it is an
	// ErrDenied.
	ErrSendAs = fmt.Errorf("no right to send as this sender: %w", ErrDenied)
	// ErrNoMailbox: Exchange Online knows no such mailbox, or it is not usable yet.
	ErrNoMailbox = errors.New("no such mailbox")
	// ErrNotFound: the folder or message does not exist (any more).
	ErrNotFound = errors.New("not found")
	// ErrExists: a folder of that name exists already.
	ErrExists = errors.New("exists already")
	// ErrInvalid: the service or the bridge cannot carry out such a request.
	ErrInvalid = errors.New("invalid request")
	// ErrOutside: To or Cc of a message names whom its envelope does not, and the login
	// wants no such message; it is an ErrInvalid.
	ErrOutside = fmt.Errorf("recipients outside of the envelope: %w", ErrInvalid)
	// ErrTooLarge: the message is larger than a limit allows.
	ErrTooLarge = errors.New("too large")
	// ErrQuota: the mailbox in Exchange Online is full.
	ErrQuota = errors.New("mailbox full")
	// ErrNoSpace: the disk of this host is full.
	ErrNoSpace = errors.New("no space left on this host")
	// ErrUnavailable: the service cannot be reached or fails for the moment.
	ErrUnavailable = errors.New("service unavailable")
	// ErrResync: a delta link is no longer valid; the walk begins anew with an
	// empty link. Only ChangeLister.Delta returns it.
	ErrResync = errors.New("delta link expired")
)

// RetryError says that the service asked for patience (429, 503 with
// Retry-After) for longer than the caller's context allowed to wait.
type RetryError struct {
	After time.Duration // from the moment of the answer; 0 if the service gave none
	Err   error         // what the service answered; may be nil
}

func (e *RetryError) Error() string {
	s := fmt.Sprintf("throttled, retry after %v", e.After)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *RetryError) Unwrap() error { return e.Err }

// RecipientsError says that the service refuses a message because of the number
// of its recipients.
type RecipientsError struct{ Err error }

func (e *RecipientsError) Error() string { return "too many recipients: " + e.Err.Error() }

func (e *RecipientsError) Unwrap() error { return e.Err }

// Refusal is an error with the words in which the sender of a message is told
// about it.
type Refusal struct {
	Reply string // one line of ASCII
	Err   error
}

func (e *Refusal) Error() string { return e.Err.Error() }

func (e *Refusal) Unwrap() error { return e.Err }
