package bridge

import (
	"context"
	"errors"
	"io"

	"mail2graph/bridge/mimepart"
)

// Outgoing is a message to be sent to exactly Recipients: the bridge has
// already made its To, Cc and Bcc header fields name just those, and given it a
// Message-ID if it had none.
type Outgoing struct {
	From       string            // envelope sender, "" for the null sender
	Recipients []string          // without duplicates
	MIME       *io.SectionReader // the whole message, from offset 0
	Parts      *mimepart.Part    // the part index of MIME

	// Marker is a word of letters and digits that no other message has; the draft
	// carries it. "": the draft need not be found again.
	Marker string
	// Again says that an earlier CreateDraft with this Marker may have been carried
	// out although no answer came.
	Again bool
	// KeepSigned refuses (ErrTooLarge) what is signed or encrypted by S/MIME or OpenPGP
	// where it could only be sent in another form; KeepDKIM what has a DKIM signature.
	KeepSigned, KeepDKIM bool
}

// mayHaveHappened reports whether the request that failed with err may have been
// carried out. A Store's error says so by a method Uncertain; one that does not
// is uncertain unless its kind excludes it, and then said is false.
func mayHaveHappened(err error) (may, said bool) {
	if e, ok := errors.AsType[interface {
		error
		Uncertain() bool
	}](err); ok {
		return e.Uncertain(), true
	}
	if _, throttled := errors.AsType[*RetryError](err); throttled {
		return false, false
	}
	for _, kind := range []error{ErrCredentials, ErrNotFound, ErrDenied, ErrNoMailbox, ErrInvalid, ErrTooLarge, ErrQuota} {
		if errors.Is(err, kind) {
			return false, false
		}
	}
	return true, false
}

// Receipt tells where a message was taken.
type Receipt struct {
	RequestID string // Graph's request-id of the accepting answer; "" if that was lost
	QueueID   string // of the outbox; "" if the message did not go through it
	Queued    bool   // it waits in the outbox: the service has not taken it yet
}

// DraftState is what became of a draft that was to be sent.
type DraftState int

// The states of a draft.
const (
	DraftWaits DraftState = iota // it is still a draft
	DraftSent                    // it was sent, or is being sent
	// DraftGone: there is no message of that id. So it is for a while after it was
	// sent, until the copy appears in Sent Items, and for ever if somebody deleted it.
	DraftGone
)

// Sender sends mail from the mailbox in two steps, so that after a lost answer
// or a crash the draft's id tells whether the message went out. The error of a
// request that may have been carried out has a method Uncertain() bool that says so.
type Sender interface {
	// CreateDraft files m as a draft that SendDraft can send. With m.Again it returns
	// what an earlier call left behind if that is whole, and else removes it. On error
	// nothing stays behind, as far as the service can be reached. ErrTooLarge, ErrQuota,
	// ErrInvalid: bad recipients or content, a *RecipientsError: too many; ErrDenied.
	CreateDraft(ctx context.Context, m Outgoing) (MessageID, error)
	// SendDraft returns once the service has accepted the message: 202 and nothing
	// else is success. ErrDenied: the mailbox may not send as From; ErrInvalid: bad
	// recipients; ErrTooLarge; ErrNotFound: there is no such draft, perhaps since it
	// was sent. After any other error DraftState tells whether it went out.
	SendDraft(ctx context.Context, id MessageID) (Receipt, error)
	// DraftState looks once; DraftSent is final.
	DraftState(ctx context.Context, id MessageID) (DraftState, error)
	// Marked returns the messages with a marker in the drafts (RoleDrafts) or among
	// the copies of what was sent (RoleSent). messageID is theirs, "" if unknown. It
	// never returns one whose marker was not seen.
	Marked(ctx context.Context, marker, messageID string, in Role) ([]MessageID, error)
}
