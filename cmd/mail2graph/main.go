// Command mail2graph lets mail programs that know IMAP and SMTP use mailboxes
// in Exchange Online through Microsoft Graph.
//
// The work is done in the packages beside it; here are flags, wiring, exit
// status and the help topics.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Exit statuses: 1 for what a command found or met, 2 for how it was called.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// command is one word after mail2graph.
type command struct {
	name, args, summary string
	run                 func(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error
}

// commands are listed in the order of the usage text.
func commands() []command {
	return []command{
		{"serve", "--config FILE", "serve the mailboxes of a configuration", serve},
		{"demo", "[flags]", "serve a simulated mailbox, without account or network", demo},
		{"check", "--config FILE", "check a configuration without starting anything", check},
		{"doctor", "--config FILE", "try everything that serve needs, and say what to do", diagnose},
		{"service", "print|install [flags]", "print or install the unit files of systemd", serviceUnits},
		{"setup", "[flags]", "print the commands that register the app and limit it to its mailboxes", setup},
		{"login", "MAILBOX --config FILE", "sign a user in, for a mailbox on his behalf", login},
		{"queue", "ACTION --config FILE [ID...]", "list, show, retry, hold, release, delete messages to be sent", queue},
		{"state", "ACTION --config FILE [flags]", "check, backup, restore: what is kept in state_dir", state},
		{"passwd", "", "read a password and print its hash", passwd},
		{"completion", "bash|zsh|fish", "print what teaches a shell to complete the commands", completion},
		{"version", "", "print the version", version},
		{"help", "[TOPIC] [--man]", "explain: " + strings.Join(topics(), ", "), help},
	}
}

// run carries out a command line and returns the exit status.
func run(ctx context.Context, args []string, std streams) int {
	if len(args) == 0 {
		usage(std.err)
		return exitUsage
	}
	name := args[0]
	if name == "-h" || name == "-help" || name == "--help" {
		usage(std.out)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == name {
			return runCommand(ctx, c, args[1:], std)
		}
	}
	fmt.Fprintf(std.err, "mail2graph: unknown command %q\n\n", name)
	usage(std.err)
	return exitUsage
}

func runCommand(ctx context.Context, c command, args []string, std streams) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // messages are printed below, once
	flags.Usage = func() {}
	err := c.run(ctx, flags, args, std)
	switch _, misused := errors.AsType[usageError](err); {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		commandUsage(std.out, c, flags)
		return exitOK
	case misused:
		fmt.Fprintf(std.err, "mail2graph %s: %v\n\n", c.name, err)
		commandUsage(std.err, c, flags)
		return exitUsage
	}
	fmt.Fprintf(std.err, "mail2graph %s: %v\n", c.name, err)
	return exitFailure
}

// parse reads flags; arguments beside them are a mistake.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err.Error()}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Sprintf("unexpected argument %q", flags.Arg(0))}
	}
	return nil
}

func usage(w io.Writer) {
	fmt.Fprint(w, "mail2graph: IMAP and SMTP for mailboxes in Exchange Online\n\nusage:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  mail2graph %-22s %s\n", strings.TrimSpace(c.name+" "+c.args), c.summary)
	}
	fmt.Fprint(w, "\nmail2graph COMMAND -h shows the flags of a command.\n")
}

func commandUsage(w io.Writer, c command, flags *flag.FlagSet) {
	fmt.Fprintf(w, "usage: mail2graph %s\n\n%s\n", strings.TrimSpace(c.name+" "+c.args), c.summary)
	flags.SetOutput(w)
	flags.VisitAll(func(f *flag.Flag) {
		kind, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s %s\n        %s", f.Name, kind, text)
		if f.DefValue != "" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}
