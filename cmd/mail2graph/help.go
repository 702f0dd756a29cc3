package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/term"

	"mail2graph/cmd/mail2graph/internal/manual"
)

// version prints what was built from what.
func version(_ context.Context, flags *flag.FlagSet, args []string, std streams) error {
	if err := parse(flags, args); err != nil {
		return err
	}
	_, err := fmt.Fprintf(std.out, "mail2graph %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion is the version of the module, or the commit it was built from.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(v, s.Value[:min(12, len(s.Value))]) {
			v += " " + s.Value
		}
	}
	return v
}

//go:embed help/*.md
var helpFiles embed.FS

// topics are the names of the help texts.
func topics() []string {
	entries, err := helpFiles.ReadDir("help")
	if err != nil {
		panic(err) // embedded: it is there or the build is broken
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".md"))
	}
	return names
}

// help prints a topic: plain in a terminal, and into a pipe or a file as the Markdown
// that it is, which reads well too.
func help(_ context.Context, flags *flag.FlagSet, args []string, std streams) error {
	man := flags.Bool("man", false, "print all of it as a manual page: mail2graph help --man | man -l -")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err.Error()}
	}
	switch {
	case *man && flags.NArg() == 0:
		page, err := manPage()
		if err == nil {
			_, err = io.WriteString(std.out, page)
		}
		return err
	case flags.NArg() == 0:
		usage(std.out)
		return nil
	case *man || flags.NArg() > 1 || !slices.Contains(topics(), flags.Arg(0)):
		return usageError{"topics are " + strings.Join(topics(), ", ")}
	}
	text, err := topicText(flags.Arg(0))
	if err != nil {
		return err
	}
	if f, ok := std.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		text = manual.Plain(text)
	}
	_, err = io.WriteString(std.out, text)
	return err
}

func topicText(name string) (string, error) {
	text, err := helpFiles.ReadFile("help/" + name + ".md")
	return string(text), err
}

// manPage is everything that help knows.
func manPage() (string, error) {
	p := manual.Page{Name: "mail2graph", Version: "mail2graph " + buildVersion(), Summary: "IMAP and SMTP for mailboxes in Exchange Online"}
	for _, c := range commands() {
		m := manual.Command{Name: c.name, Args: c.args, Summary: c.summary}
		flagsOf(c).VisitAll(func(f *flag.Flag) {
			kind, text := flag.UnquoteUsage(f)
			m.Flags = append(m.Flags, manual.Flag{Name: f.Name, Kind: kind, Text: text, Default: f.DefValue})
		})
		p.Commands = append(p.Commands, m)
	}
	for _, name := range topics() {
		text, err := topicText(name)
		if err != nil {
			return "", err
		}
		p.Topics = append(p.Topics, text)
	}
	return manual.Roff(p), nil
}
