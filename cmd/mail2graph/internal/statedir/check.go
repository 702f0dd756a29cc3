package statedir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/outbox"
)

// Finding is one thing that Check looked at.
type Finding struct {
	What string
	Text string
	Bad  bool
}

// Check reads all of the state, also while the daemon runs, and changes nothing.
func Check(ctx context.Context, cfg *bridge.Config) ([]Finding, error) {
	state := cfg.StateDir
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		return []Finding{{What: state, Text: "not there yet; the first start makes it"}}, nil
	}
	if err := ours(state); err != nil {
		return nil, err
	}
	mailboxes, err := mailboxDirs(state)
	if err != nil {
		return nil, err
	}
	configured := map[string]bool{}
	for _, m := range cfg.Mailboxes {
		configured[filepath.Base(cfg.MailboxDir(m.Address))] = true
	}
	var all []Finding
	for _, name := range mailboxes {
		f := Finding{What: "index of " + name}
		s, err := index.Inspect(ctx, filepath.Join(state, dirMailboxes, name, bridge.IndexFile), true)
		if err != nil {
			f.Text, f.Bad = err.Error(), true
		} else {
			f.Text = fmt.Sprintf("whole: format %d, %d folder(s), %d message(s), %d remembered as gone", s.Format, s.Folders, s.Messages, s.Expunged)
		}
		if !configured[name] {
			f.Text += "; no mailbox of the configuration uses it"
		}
		all = append(all, f)
	}
	f, err := checkOutbox(filepath.Join(state, bridge.OutboxDir))
	if err != nil {
		return all, err
	}
	all = append(all, f...)
	names, err := signIns(state)
	for _, name := range names {
		all = append(all, checkPrivate(filepath.Join(state, dirSignIn, name)))
	}
	return all, err
}

func checkOutbox(dir string) (all []Finding, err error) {
	h, err := outbox.Check(dir)
	if errors.Is(err, outbox.ErrNewer) {
		return []Finding{{What: "outbox", Text: err.Error(), Bad: true}}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, text := range h.Damaged {
		all = append(all, Finding{What: "outbox", Text: text, Bad: true})
	}
	text := fmt.Sprintf("%d message(s)", h.Messages)
	if h.Aside > 0 {
		text += fmt.Sprintf(", %d file(s) in its folder corrupt, see 'mail2graph help recovery'", h.Aside)
	}
	return append(all, Finding{What: "outbox", Text: text}), nil
}

// checkPrivate looks at a file with a sign-in, which is as good as a password.
func checkPrivate(path string) Finding {
	f := Finding{What: "sign-in " + filepath.Base(path), Text: "there"}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		f.Text, f.Bad = err.Error(), true
	case info.Mode().Perm()&0o077 != 0:
		f.Text, f.Bad = fmt.Sprintf("other users can read it (mode %#o): chmod 600 %s", info.Mode().Perm(), path), true
	}
	return f
}
