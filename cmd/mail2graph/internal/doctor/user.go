package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// parted divides the mailboxes of an app: those that it opens itself, and those
// on behalf of a user.
func (d *doctor) parted(boxes []string) (itself, users []string) {
	for _, box := range boxes {
		if d.cfg.Mailboxes[box].Access == bridge.AccessUser {
			users = append(users, box)
		} else {
			itself = append(itself, box)
		}
	}
	return itself, users
}

// user tries a mailbox on behalf of its user. Its token comes of a sign-in of its
// own; asking for one renews that, as the service does.
func (d *doctor) user(ctx context.Context, name string, graph bool) {
	m := d.cfg.Mailboxes[name]
	subject := "mailbox " + name
	f := Finding{Check: "token", Subject: subject, Status: OK, Tried: "ask for a token on behalf of " + m.User}
	client, err := d.OpenUser(d.cfg, name)
	if err != nil {
		f.Status, f.Got, f.Cure = Fail, err.Error(), "correct [app."+m.App+"]"
		d.add(f)
		d.skip("reach", subject, "needs a token")
		return
	}
	defer client.Close()
	claims, readable, err := d.userClaims(ctx, client)
	if err != nil {
		f.answer(err)
		f.Got, f.Cure = tokenCure(err, f, m.App)
		if graphstore.SignInDue(err) {
			f.Cure = "sign in again: mail2graph login " + name + " --config " + d.Config
		}
		d.add(f)
		d.skip("reach", subject, "needs a token")
		return
	}
	f.Got = "granted"
	if readable {
		f.Got = fmt.Sprintf("granted, good for %v, with %s%s", claims.Expires.Sub(d.Now()).Round(time.Minute), strings.Join(claims.Scopes, ", "),
			rights{roles: claims.Scopes}.compared(d.needs(name)))
	}
	d.add(f)
	if !graph {
		d.skip("reach", subject, "needs Graph")
		return
	}
	d.mailbox(ctx, client, rights{known: readable, roles: claims.Scopes, user: m.User}, name)
}

func (d *doctor) userClaims(ctx context.Context, client *graphstore.Client) (graphstore.Claims, bool, error) {
	ctx, cancel := d.limited(ctx)
	defer cancel()
	return client.Claims(ctx)
}

// userGrantCure is grantCure for a mailbox on behalf of a user.
func (p patient) userGrantCure(permission string) string {
	shared := permission
	if !strings.EqualFold(p.rights.user, p.address) {
		shared += ".Shared"
	}
	if slices.Contains(p.rights.roles, shared) {
		return fmt.Sprintf("give %s the rights in Exchange: full access to %s (Add-MailboxPermission), and to send as it (Add-RecipientPermission)",
			p.rights.user, p.address)
	}
	return fmt.Sprintf("add the delegated permission %s to the app, with consent, and sign in again", shared)
}
