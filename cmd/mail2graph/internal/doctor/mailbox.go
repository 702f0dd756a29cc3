package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/graphstore"
)

// draftSubject is that of the draft which is made and removed.
const draftSubject = "mail2graph doctor: a test of writing, can be deleted"

// mailbox tries what the bridge will do with one mailbox.
func (d *doctor) mailbox(ctx context.Context, client *graphstore.Client, r rights, name string) {
	address := d.cfg.Mailboxes[name].Address
	store := client.Mailbox(address)
	p := patient{d, "mailbox " + name, address, r}
	if !p.try(ctx, "reach", "open the inbox of "+address, store.TryReach) {
		for _, check := range []string{"read", "write", "send"} {
			d.skip(check, p.subject, "needs reach")
		}
		return
	}
	p.try(ctx, "read", "list a message", store.TryRead)
	p.try(ctx, "write", "make a draft and remove it", func(ctx context.Context) (string, error) {
		return store.TryWrite(ctx, draftSubject)
	})
	if d.cfg.Mailboxes[name].ImportMIME {
		p.importing(ctx, store)
	}
	switch {
	case !d.sends(name) && d.SendTo == "":
		d.skip("send", p.subject, "no login may send from it")
	case d.SendTo == "":
		p.try(ctx, "send", "submit a message without recipients, which goes to nobody", store.TrySend)
	default:
		p.try(ctx, "send", "send a message to "+d.SendTo, func(ctx context.Context) (string, error) {
			return d.send(ctx, store, address)
		})
	}
	f := Finding{Check: "throttling", Subject: p.subject, Status: OK, Tried: "look at the answers so far", Got: "no request was put off"}
	if until := store.Pause(); !until.IsZero() {
		f.Status, f.Got = Warn, "the service asked to slow down while these few requests were made"
		f.Cure = throttleCure
	}
	d.add(f)
}

const throttleCure = "wait; then look for other programs that use the same app registration with this mailbox (the limit of four requests at a time is shared), or give mail2graph a registration of its own"

// patient is a mailbox with what is known of it.
type patient struct {
	*doctor
	subject, address string
	rights           rights
}

func (p patient) try(ctx context.Context, check, tried string, do func(context.Context) (string, error)) bool {
	f := Finding{Check: check, Subject: p.subject, Status: OK, Tried: tried, Got: "done"}
	ctx, cancel := p.limited(ctx)
	defer cancel()
	id, err := do(ctx)
	f.RequestID = id
	if err != nil {
		f.answer(err)
		f.Cure = p.cure(check, err)
	}
	p.add(f)
	return err == nil
}

// cure says what to do about a refusal.
func (p patient) cure(check string, err error) string {
	var wait *bridge.RetryError
	e, _ := errors.AsType[*graphstore.Error](err)
	switch {
	case errors.As(err, &wait):
		return throttleCure
	case e != nil && strings.EqualFold(e.Code, "MailboxNotEnabledForRESTAPI"):
		return "the mailbox is on-premises, inactive or deleted: only mailboxes in Exchange Online can be used"
	case e != nil && strings.EqualFold(e.Code, "ErrorSendAsDenied"):
		return "give the mailbox the right to send as this address (Add-RecipientPermission)"
	case errors.Is(err, bridge.ErrNoMailbox):
		return "check address in [" + strings.Replace(p.subject, " ", ".", 1) + "]: no user of that name, no Exchange licence, or a mailbox that is still being made (up to 15 minutes)"
	case errors.Is(err, bridge.ErrDenied), errors.Is(err, bridge.ErrCredentials):
		return p.grantCure(check)
	case errors.Is(err, bridge.ErrQuota):
		return "the mailbox is full: make room in it"
	case e != nil && e.Status == 0:
		_, cure := networkCure(err, "Graph", "ca_file")
		return cure
	case errors.Is(err, bridge.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return "Graph, or a gateway before it, does not answer as it should for the moment: try again, see the service health page, and look at any proxy in between"
	}
	return "mail2graph help errors explains the codes"
}

// grantCure is for a refusal: it depends on whether the permission is there as such.
func (p patient) grantCure(check string) string {
	permission, role := "Mail.ReadWrite", []string{"Mail.ReadWrite"}
	switch check {
	case "send":
		permission, role = "Mail.Send", []string{"Mail.Send"}
	case "reach", "read":
		role = append(role, "Mail.Read")
	}
	if p.rights.user != "" {
		return p.userGrantCure(permission)
	}
	if p.rights.has(role...) {
		return fmt.Sprintf("the app has %s, but not for this mailbox: put %s into the group of the application access policy or of the scope; changes take 30 minutes to 2 hours", permission, p.address)
	}
	return fmt.Sprintf("grant %s: put %s into the group of the app's scope in Exchange, role \"Application %s\", or grant the application permission %s with admin consent; "+
		"mail2graph setup prints the commands, changes take 30 minutes to 2 hours", permission, p.address, permission, permission)
}

// denied holds that the app does not reach a mailbox that is none of its business.
func (d *doctor) denied(ctx context.Context, client *graphstore.Client, r rights, app, address string) {
	f := Finding{Check: "denied", Subject: "app " + app, Status: OK, Tried: "open the inbox of " + address + ", which must be refused"}
	defer func() { d.add(f) }()
	ctx, cancel := d.limited(ctx)
	defer cancel()
	id, err := client.Mailbox(address).TryReach(ctx)
	switch {
	case err == nil:
		f.Status, f.Got, f.RequestID = Fail, "it was opened", id
		f.Cure = "the scope in Exchange or the access policy takes this mailbox in: look at the members of its group"
		if r.has("Mail.ReadWrite", "Mail.Read") {
			f.Cure = "remove the permissions Mail.ReadWrite and Mail.Send granted in Entra, they reach every mailbox; the rights then come from the scope in Exchange (mail2graph setup prints both)"
		}
	case errors.Is(err, bridge.ErrDenied):
		f.answer(err)
		f.Status = OK
	default:
		f.answer(err)
		f.Status = Warn
		f.Got += "; this proves nothing"
		f.Cure = "name a mailbox that exists and that the app must not reach"
	}
}

// send sends a message that says what it is.
func (d *doctor) send(ctx context.Context, store *graphstore.Store, from string) (string, error) {
	now := d.Now()
	text := fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: mail2graph doctor: test of sending\r\nDate: %s\r\n"+
		"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"+
		"Somebody ran \"mail2graph doctor --send-to\". %s can send.\r\n", from, d.SendTo, now.Format(time.RFC1123Z), from)
	msg := io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))
	root, err := mimepart.Parse(io.NewSectionReader(msg, 0, msg.Size()))
	if err != nil {
		return "", err
	}
	receipt, err := bridge.SendNow(ctx, store, bridge.Outgoing{From: from, Recipients: []string{d.SendTo}, MIME: msg, Parts: root})
	return receipt.RequestID, err
}
