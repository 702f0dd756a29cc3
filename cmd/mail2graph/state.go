package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/statedir"
)

// stateActions are the words after state.
var stateActions = []string{"check", "backup", "restore"}

// state checks what is kept in state_dir, copies it, and puts a copy back.
func state(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error {
	config := flags.String("config", "", "the configuration `FILE`")
	to := flags.String("to", "", "backup: the new `DIR` that the copy goes to")
	from := flags.String("from", "", "restore: the `DIR` of a backup")
	replace := flags.Bool("replace", false, "restore: move aside what is there")
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{"which action? Allowed are " + strings.Join(stateActions, ", ")}
	}
	action := args[0]
	if !slices.Contains(stateActions, action) {
		return usageError{fmt.Sprintf("unknown action %q, allowed are %s", action, strings.Join(stateActions, ", "))}
	}
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	switch {
	case *config == "":
		return usageError{"--config FILE is missing"}
	case (action == "backup") != (*to != ""):
		return usageError{"--to DIR belongs to backup, and backup needs it"}
	case (action == "restore") != (*from != ""):
		return usageError{"--from DIR belongs to restore, and restore needs it"}
	case *replace && action != "restore":
		return usageError{"--replace belongs to restore"}
	}
	cfg, err := bridge.LoadConfig(*config)
	if err != nil {
		return fmt.Errorf("the configuration has to be mended:\n%w", err)
	}
	switch action {
	case "check":
		return stateCheck(ctx, cfg, std.out)
	case "backup":
		c, err := statedir.Backup(ctx, cfg, *to, buildVersion(), time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "%s: %d mailbox(es), %d message(s) of the outbox, %d sign-in(s). Keep it as safe as state_dir itself.\n",
			*to, len(c.Mailboxes), c.Messages, c.SignIns)
		return nil
	}
	return stateRestore(ctx, cfg, *from, *replace, std.out)
}

func stateCheck(ctx context.Context, cfg *bridge.Config, out io.Writer) error {
	all, err := statedir.Check(ctx, cfg)
	bad := 0
	for _, f := range all {
		mark := "ok  "
		if f.Bad {
			mark = "BAD "
			bad++
		}
		fmt.Fprintf(out, "%s %s: %s\n", mark, f.What, f.Text)
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of %d are not as they should be; mail2graph help recovery says what to do", bad, len(all))
	}
	return err
}

// restoreRemark is what an operator has to know before he restores an index.
const restoreRemark = `Mail itself is in Exchange Online and needs no backup. An index that is
restored keeps the UIDs of all messages that it knows; those that arrived after the backup get
new UIDs, so programs see them as new. Starting without an index gives every message a new
UIDVALIDITY and UID instead, so programs download everything again. If the index that is there
still opens, keep it; else say --replace, and it is moved aside`

func stateRestore(ctx context.Context, cfg *bridge.Config, from string, replace bool, out io.Writer) error {
	r, err := statedir.Restore(ctx, cfg, from, replace, time.Now())
	if errors.Is(err, statedir.ErrExists) {
		return fmt.Errorf("%w\n%s", err, restoreRemark)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "restored from the backup of %s:\n", r.Made.Local().Format(time.DateTime))
	for _, name := range r.Mailboxes {
		x := r.Indexes[name]
		fmt.Fprintf(out, "  %s: %d folder(s), %d message(s)", name, x.Folders, x.Messages)
		if x.Guessed > 0 {
			fmt.Fprintf(out, "; UIDs of %d folder(s) go on after a gap", x.Guessed)
		}
		if x.Renewed > 0 {
			fmt.Fprintf(out, "; %d folder(s) have a new UIDVALIDITY, programs download them again", x.Renewed)
		}
		if x.Aside != "" {
			fmt.Fprintf(out, "; what was there is now %s", x.Aside)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "  outbox: %d message(s), all held: look at them with 'mail2graph queue list', then release or delete them\n", r.Messages)
	fmt.Fprintf(out, "  sign-ins: %d restored, %d that are there kept\n", r.SignIns, r.Kept)
	return nil
}
