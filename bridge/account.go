package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge/envelope"
	"mail2graph/bridge/mimelines"
	"mail2graph/bridge/mimepart"
	"mail2graph/bridge/outbox"
)

// Account is what a login reaches.
type Account struct {
	Name    string   // the login's table name, for logs
	Mailbox *Mailbox // its own; shared by all accounts of the mailbox
	// Others are further mailboxes, of which it sees the folders below OthersPrefix.
	Others   []*Mailbox
	ReadOnly bool // nothing may be changed
	Trace    bool // the operator wants to see its conversations

	senders   []string // addresses it may send as, the mailbox's own first
	forceFrom bool     // whoever a message says it is from, it is from senders[0]
	policy    envelope.Policy
	sentCopy  string  // of outbox.Record
	sender    *sender // nil: messages do not go through the outbox
	// paths are other mailboxes of senders, by address in lower case.
	paths       map[string]path
	largeSigned LargeSigned
	limits      SendLimits
}

// MaxSize is the size of a message that the mailbox may send.
func (a *Account) MaxSize() int64 { return int64(a.limits.MaxMessageSize) }

// MaxRecipients is how many recipients a message may have; 0: any number. Without
// an outbox nobody could come back to the later parts of a message.
func (a *Account) MaxRecipients() int {
	if a.sender != nil {
		return 0
	}
	return int(a.limits.MaxRecipients)
}

// LoginName is Name, for those who know an Account by its methods.
func (a *Account) LoginName() string { return a.Name }

// Traced is Trace, for the same.
func (a *Account) Traced() bool { return a.Trace }

// Send sends a message to exactly the recipients of env, or stores it durably to
// be sent: then the receipt says Queued. The envelope sender and every address in
// the message's From and Sender must belong to the login (ErrDenied). ErrInvalid:
// a recipient that cannot be used, or none. After an error the message is not
// sent, by nobody and at no time, except where Account works without an outbox
// and the service answers no more (ErrUnavailable).
func (a *Account) Send(ctx context.Context, env Submission, msg *io.SectionReader) (Receipt, error) {
	head, err := envelope.Header(msg)
	if err == nil {
		msg, err = envelope.Separate(msg)
	}
	if err != nil {
		return Receipt{}, sendError(err)
	}
	authors, senders := envelope.Addresses(head)
	if err := a.checkSenders(env.From, authors, senders); err != nil {
		return Receipt{}, fmt.Errorf("send: %w", err)
	}
	if a.forceFrom && env.From != "" {
		env.From = a.senders[0]
	}
	lines, err := mimelines.Fit(msg, env.Binary)
	if err != nil {
		return Receipt{}, fmt.Errorf("send: %w", err)
	}
	author := a.fallbackFrom(env.From)
	out, err := envelope.Rewrite(lines.Message, env.Addresses(), envelope.Options{
		Policy: a.policy, From: author, ForceFrom: a.forceFrom, MessageID: newMessageID(author), Date: time.Now(),
	})
	if err != nil {
		return Receipt{}, sendError(err)
	}
	var receipt Receipt
	p := a.pathOf(authors, senders)
	if p.sender == nil {
		receipt, err = a.sendNow(ctx, p, env.From, out)
	} else {
		receipt, err = a.enqueue(ctx, p, env, out)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("send: %w", err)
	}
	a.tellMended(receipt, p, slices.Concat(out.Added, lines.Added), lines.Encoded, len(out.Removed))
	return receipt, nil
}

// tellMended logs what a message did not have and now has, for an operator who
// looks for a program that could do better.
func (a *Account) tellMended(r Receipt, p path, added []string, encoded, removed int) {
	if len(added)+encoded+removed == 0 {
		return
	}
	a.Mailbox.log.Info("message mended", "queue_id", r.QueueID, "login", a.Name,
		"added", strings.Join(added, ","), "encoded", encoded, "outside_envelope", removed)
}

// enqueue gives the message to the outbox.
func (a *Account) enqueue(ctx context.Context, p path, env Submission, out *envelope.Result) (Receipt, error) {
	head, err := envelope.Header(out.Message)
	if err != nil {
		return Receipt{}, err
	}
	r := outbox.Record{
		Login: a.Name, From: env.From, EnvelopeID: env.EnvelopeID, ReturnFull: env.ReturnFull,
		SentCopy: a.sentCopy, KeepSigned: a.largeSigned.keepsSigned(), KeepDKIM: a.largeSigned.keepsDKIM(), MessageID: mimepart.ParseHeader(head).MessageID,
	}
	asked := make(map[string]outbox.Recipient, len(env.Recipients))
	for _, rcpt := range slices.Backward(env.Recipients) { // of one that is named twice the first counts
		asked[rcpt.Address] = rcpt
	}
	for _, address := range out.Recipients {
		r.Recipients = append(r.Recipients, asked[address])
	}
	for _, address := range out.Trusted {
		r.Recipients = append(r.Recipients, outbox.Recipient{Address: address})
	}
	return p.sender.submit(ctx, r, out.Message)
}

// sendNow sends the message while the client waits.
func (a *Account) sendNow(ctx context.Context, p path, from string, out *envelope.Result) (Receipt, error) {
	root, err := mimepart.Parse(io.NewSectionReader(out.Message, 0, out.Message.Size()))
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := SendNow(ctx, p.mailbox.store, Outgoing{
		From: from, Recipients: out.Recipients, MIME: out.Message, Parts: root, Marker: rand.Text(),
		KeepSigned: a.largeSigned.keepsSigned(), KeepDKIM: a.largeSigned.keepsDKIM(),
	})
	if err != nil {
		if isRefusal(err) {
			p.mailbox.tally.refused.Add(1)
		}
		return Receipt{}, err
	}
	p.mailbox.tally.sent.Add(1)
	p.mailbox.sent(context.WithoutCancel(ctx), root.Envelope.MessageID)
	return receipt, nil
}

// fallbackFrom is the From of a message that has none (RFC 6409 §8.1): the
// envelope's sender, or the mailbox itself for the null sender.
func (a *Account) fallbackFrom(from string) string {
	if from == "" && len(a.senders) > 0 {
		return a.senders[0]
	}
	return from
}

// newMessageID makes a Message-ID in the sender's domain (RFC 5322 §3.6.4).
func newMessageID(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	if domain == "" {
		domain = "mail2graph.invalid"
	}
	return "<" + rand.Text() + "@" + domain + ">"
}

// sendError gives the domain's kinds to the errors of the envelope.
func sendError(err error) error {
	var rcpt *envelope.RecipientError
	var outside *envelope.OutsideError
	switch {
	case errors.As(err, &outside):
		return fmt.Errorf("send: %w: %w", ErrOutside, err)
	case errors.As(err, &rcpt), errors.Is(err, envelope.ErrNoRecipients):
		return fmt.Errorf("send: %w: %w", ErrInvalid, err)
	case errors.Is(err, envelope.ErrHeaderTooLarge):
		return fmt.Errorf("send: %w: %w", ErrTooLarge, err)
	}
	return fmt.Errorf("send: %w", err)
}

// sent remembers a message that went out, so that the client's own copy of it
// is not filed beside the service's. Failing to remember costs a double in
// Sent Items, not the mail.
func (m *Mailbox) sent(ctx context.Context, messageID string) {
	if messageID == "" {
		return
	}
	if err := m.index.RecordSent(ctx, messageID, time.Now()); err != nil {
		m.log.Warn("sent message not remembered", "error", err)
	}
}
