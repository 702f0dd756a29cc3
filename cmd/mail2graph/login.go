package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// login signs a user in for a mailbox that is opened on his behalf.
func login(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error {
	browser := flags.Bool("browser", false, "sign in with a browser on this host instead of a code")
	mailbox := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		mailbox, args = args[0], args[1:]
	}
	cfg, _, err := configFlag(flags, args)
	if err != nil {
		return err
	}
	m, err := userMailbox(cfg, mailbox)
	if err != nil {
		return err
	}
	app := cfg.Apps[m.App]
	s := signIn(cfg, mailbox)
	fmt.Fprintf(std.out, "Mailbox %s (%s): sign in as %s.\n\n", mailbox, m.Address, s.User)
	if *browser {
		err = graphstore.SignInWithBrowser(ctx, appOptions(app, nil), s, func(page string) error {
			fmt.Fprintf(std.out, "A browser on this host should show this page; open it there if not:\n\n  %s\n\nWaiting ...\n", page)
			openBrowser(page)
			return nil
		})
	} else {
		err = graphstore.SignInWithCode(ctx, appOptions(app, nil), s, func(c graphstore.DeviceCode) {
			fmt.Fprintf(std.out, "Open this page in a browser, on any device:\n\n  %s\n\nand enter the code:\n\n  %s\n\nThe code is good until %s. Waiting ...\n",
				c.URL, c.Code, c.Expires.Local().Format(time.TimeOnly))
		})
	}
	if e, ok := errors.AsType[*graphstore.Error](err); ok && errors.Is(err, bridge.ErrCredentials) {
		return fmt.Errorf("no sign-in: %s", e.Message)
	}
	if err != nil {
		return fmt.Errorf("no sign-in: %w", err)
	}
	fmt.Fprintf(std.out, "\n%s has signed in. A running mail2graph uses it at once; it is kept in\n%s\n", s.User, s.File)
	return nil
}

// userMailbox finds a mailbox that is opened on behalf of a user.
func userMailbox(cfg *bridge.Config, name string) (bridge.MailboxConfig, error) {
	var names []string
	for _, n := range sortedNames(cfg.Mailboxes) {
		if cfg.Mailboxes[n].Access == bridge.AccessUser {
			names = append(names, n)
		}
	}
	m, ok := cfg.Mailboxes[name]
	switch {
	case ok && m.Access == bridge.AccessUser:
		return m, nil
	case len(names) == 0:
		return m, fmt.Errorf("no mailbox of the configuration has access = %q", bridge.AccessUser)
	case name == "":
		return m, usageError{"MAILBOX is missing, a NAME of [mailbox.NAME]: " + strings.Join(names, ", ")}
	case ok:
		return m, fmt.Errorf("mailbox %s is opened by the application itself; those on behalf of a user are: %s", name, strings.Join(names, ", "))
	}
	return m, usageError{fmt.Sprintf("no [mailbox.%s]; those on behalf of a user are: %s", name, strings.Join(names, ", "))}
}

// openBrowser tries to show a page; where nothing does, the user has its address.
func openBrowser(page string) {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	}
	cmd := exec.Command(name, page)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // it ends when it has handed the page over
	}
}
