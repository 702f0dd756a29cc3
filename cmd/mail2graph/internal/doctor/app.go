package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// app goes the way of one app: network, token, rights, mailboxes.
func (d *doctor) app(ctx context.Context, name string) {
	a := d.cfg.Apps[name]
	subject := "app " + name
	boxes := d.mailboxesOf(name)
	if len(boxes) == 0 {
		d.skip("app", subject, "no mailbox uses it")
		return
	}
	login := a.ManagedIdentity != "" || d.service(ctx, name, "login", d.loginEndpoint(a))
	graph := d.service(ctx, name, "graph", d.graphEndpoint(a, d.cfg.Mailboxes[boxes[0]].Address))
	if !login {
		d.skip("token", subject, "needs the login service")
		d.skipMailboxes(boxes, "a token")
		return
	}
	boxes, users := d.parted(boxes)
	for _, box := range users {
		d.user(ctx, box, graph)
	}
	if len(boxes) == 0 {
		return
	}
	d.expiry(name, a)
	var needs []string
	for _, box := range boxes {
		needs = append(needs, d.needs(box)...)
	}
	client, claims, ok := d.token(ctx, name, a, needs)
	if !ok {
		d.skipMailboxes(boxes, "a token")
		return
	}
	if !graph {
		d.skipMailboxes(boxes, "Graph")
		return
	}
	for _, box := range boxes {
		d.mailbox(ctx, client, claims, box)
	}
	for _, address := range d.ExpectDenied {
		d.denied(ctx, client, claims, name, address)
	}
	client.Close()
}

func (d *doctor) skipMailboxes(boxes []string, needs string) {
	for _, box := range boxes {
		d.skip("reach", "mailbox "+box, "needs "+needs)
	}
	for _, address := range d.ExpectDenied {
		d.skip("denied", address, "needs "+needs)
	}
}

// rights are what the token tells of them; known is false where it tells nothing.
type rights struct {
	known bool
	roles []string
	user  string // on whose behalf; "": the app's own
}

func (r rights) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return slices.ContainsFunc(r.roles, func(role string) bool { return strings.EqualFold(role, n) })
	})
}

// token asks for one and reads the rights in it; needs are those that are used.
func (d *doctor) token(ctx context.Context, name string, a bridge.AppConfig, needs []string) (*graphstore.Client, rights, bool) {
	f := Finding{Check: "token", Subject: "app " + name, Status: OK, Tried: "ask the login service for a token"}
	client, err := d.Open(name, a)
	if err != nil {
		f.Status, f.Got, f.Cure = Fail, err.Error(), "correct the credential of [app."+name+"]"
		d.add(f)
		return nil, rights{}, false
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	claims, readable, err := client.Claims(ctx)
	if err != nil {
		f.answer(err)
		f.Got, f.Cure = tokenCure(err, f, name)
		d.add(f)
		client.Close()
		return nil, rights{}, false
	}
	f.Got = "granted"
	if readable && claims.Expires.Unix() > 0 {
		f.Got += fmt.Sprintf(", good for %v", claims.Expires.Sub(d.Now()).Round(time.Minute))
	}
	d.add(f)
	r := rights{known: readable, roles: append(claims.Roles, claims.Scopes...)}
	d.roles(name, r, needs)
	return client, r, true
}

// tokenCure parts what graphstore says of an AADSTS number into what is wrong and
// what to do.
func tokenCure(err error, f Finding, app string) (got, cure string) {
	e, ok := errors.AsType[*graphstore.Error](err)
	if !ok {
		return f.Got, "try again"
	}
	if problem, todo, ok := strings.Cut(e.Message, "; "); ok && strings.HasPrefix(f.Code, "AADSTS") {
		return strings.TrimSpace(fmt.Sprintf("%d %s %s", e.Status, e.Code, problem)), todo + " ([app." + app + "])"
	}
	switch {
	case strings.HasPrefix(f.Code, "AADSTS") && errors.Is(err, bridge.ErrCredentials):
		return f.Got, "see https://login.microsoftonline.com/error?code=" + strings.TrimPrefix(f.Code, "AADSTS")
	case errors.Is(err, bridge.ErrCredentials):
		return f.Got, "check the credential of [app." + app + "]"
	}
	return f.Got, "the login service does not do it for the moment: try again, see the service health page, and look at any proxy in between"
}

// roles reports the permissions in the token. Those that Exchange grants are not
// in it (RBAC for Applications), so their absence proves nothing.
func (d *doctor) roles(app string, r rights, needs []string) {
	f := Finding{Check: "roles", Subject: "app " + app, Status: OK, Tried: "read the permissions in the token"}
	defer func() { d.add(f) }()
	wide := r.has("Mail.ReadWrite", "Mail.Read", "Mail.Send", "Mail.ReadBasic.All")
	switch {
	case !r.known:
		f.Got = "the token cannot be read, which is no fault"
	case len(r.roles) == 0:
		f.Got = "none; rights granted in Exchange (RBAC for Applications) do not show here"
	default:
		f.Got = strings.Join(r.roles, ", ")
	}
	if r.known {
		f.Got += r.compared(needs)
	}
	if r.known && wide {
		f.Got += "; granted in Entra for every mailbox, unless an application access policy limits it"
		if len(d.ExpectDenied) == 0 {
			f.Got += " (--expect-denied ADDRESS tests that)"
		}
	}
}
