package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// The permissions of importMime, of an application and of a user (Graph: mailFolder:
// importMime, beta). Whether Exchange can grant the former too is not documented.
const (
	advanced     = "Mail-Advanced.ReadWrite.All"
	advancedUser = "Mail-Advanced.ReadWrite"
)

// needs are the permissions that the configuration uses for a mailbox. Those of a user
// for a shared mailbox have other names than those for his own.
func (d *doctor) needs(mailbox string) []string {
	m := d.cfg.Mailboxes[mailbox]
	shared := ""
	if m.Access == bridge.AccessUser && !strings.EqualFold(m.User, m.Address) {
		shared = ".Shared"
	}
	list := []string{"Mail.ReadWrite" + shared}
	if d.sends(mailbox) {
		list = append(list, "Mail.Send"+shared)
	}
	switch {
	case bool(m.ImportMIME) && m.Access == bridge.AccessUser:
		list = append(list, advancedUser+shared)
	case bool(m.ImportMIME):
		list = append(list, advanced)
	}
	return list
}

// sends reports whether somebody may send from the mailbox. One without any login is
// still being set up, and counts.
func (d *doctor) sends(mailbox string) bool {
	m := d.cfg.Mailboxes[mailbox]
	logins := 0
	for _, l := range d.cfg.Logins {
		own := l.Mailbox == mailbox
		if own {
			logins++
		}
		as := slices.ContainsFunc(l.SendAs, func(s string) bool { return strings.EqualFold(s, m.Address) })
		if (own || as) && l.Speaks(bridge.SMTP) {
			return true
		}
	}
	return logins == 0
}

// compared tells how the permissions in a token differ from those that are used. Those
// that are missing may come from Exchange, unless it is the token of a user.
func (r rights) compared(needs []string) string {
	var missing, unused []string
	for _, n := range needs {
		if !r.has(n) && !slices.Contains(missing, n) {
			missing = append(missing, n)
		}
	}
	for _, n := range r.roles {
		// openid and the like come with every sign-in.
		if strings.Contains(n, ".") && !slices.ContainsFunc(needs, func(m string) bool { return strings.EqualFold(m, n) }) {
			unused = append(unused, n)
		}
	}
	var text string
	if len(missing) > 0 {
		text = "; used but not in it: " + strings.Join(missing, ", ")
	}
	if len(unused) > 0 {
		text += "; in it but not used here: " + strings.Join(unused, ", ")
	}
	return text
}

// importing tries importMime where the configuration has it. Without it messages are
// filed in another way, so a refusal is no failure.
func (p patient) importing(ctx context.Context, store *graphstore.Store) {
	f := Finding{Check: "import", Subject: p.subject, Status: OK, Tried: "file a message by importMime (beta) and remove it", Got: "done"}
	ctx, cancel := p.limited(ctx)
	defer cancel()
	id, err := store.TryImport(ctx, draftSubject)
	f.RequestID = id
	if err != nil {
		f.answer(err)
		f.Status = Warn
		f.Got += "; messages are filed in the other way, see mail2graph help append"
		switch {
		case !errors.Is(err, bridge.ErrDenied) && !errors.Is(err, bridge.ErrCredentials):
			f.Cure = p.cure("import", err)
		case p.rights.user != "":
			f.Cure = fmt.Sprintf("take import_mime out: it needs the delegated permission %s, for which mail2graph login does not ask", advancedUser)
		default:
			f.Cure = fmt.Sprintf("grant the application permission %s in Entra, with admin consent, or take import_mime out", advanced)
		}
	}
	p.add(f)
}
