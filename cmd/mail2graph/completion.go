package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// shells are those that completion knows.
var shells = []string{"bash", "zsh", "fish"}

// firstWords are what may come first after a command.
func firstWords(command string) []string {
	switch command {
	case "queue":
		return queueActions
	case "state":
		return stateActions
	case "service":
		return []string{"print", "install"}
	case "help":
		return topics()
	case "completion":
		return shells
	}
	return nil
}

// completion prints the commands that teach a shell to complete mail2graph's.
func completion(_ context.Context, flags *flag.FlagSet, args []string, std streams) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err.Error()}
	}
	if flags.NArg() != 1 || !slices.Contains(shells, flags.Arg(0)) {
		return usageError{"which shell? Allowed are " + strings.Join(shells, ", ") + "; mail2graph help completion says where its text goes"}
	}
	switch flags.Arg(0) {
	case "bash":
		completeBash(std.out)
	case "zsh":
		// Without a .zshrc that does it the completion system is not there yet.
		fmt.Fprintln(std.out, "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -D; }")
		fmt.Fprintln(std.out, "autoload -Uz +X bashcompinit && bashcompinit")
		completeBash(std.out)
	case "fish":
		completeFish(std.out)
	}
	return nil
}

// flagsOf asks a command for its flags. -h keeps it from doing anything else.
func flagsOf(c command) *flag.FlagSet {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	_ = c.run(context.Background(), flags, []string{"-h"}, streams{strings.NewReader(""), io.Discard, io.Discard}) // flag.ErrHelp
	return flags
}

// completeBash writes a function for bash, which zsh understands too. What comes after
// a flag is left to the shell: it knows files, and how to quote their names.
func completeBash(w io.Writer) {
	var names, valued []string
	for _, c := range commands() {
		flagsOf(c).VisitAll(func(f *flag.Flag) {
			if kind, _ := flag.UnquoteUsage(f); kind != "" && !slices.Contains(valued, "--"+f.Name) {
				valued = append(valued, "--"+f.Name)
			}
		})
	}
	fmt.Fprintf(w, "_mail2graph() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"+
		"\tcase $prev in\n\t%s) COMPREPLY=(); return ;;\n\tesac\n"+
		"\tlocal words=\"\"\n\tcase ${COMP_WORDS[1]} in\n", strings.Join(valued, " | "))
	for _, c := range commands() {
		names = append(names, c.name)
		words := slices.Clone(firstWords(c.name))
		flagsOf(c).VisitAll(func(f *flag.Flag) { words = append(words, "--"+f.Name) })
		fmt.Fprintf(w, "\t%s) words=\"%s\" ;;\n", c.name, strings.Join(words, " "))
	}
	fmt.Fprintf(w, "\tesac\n\t[ \"$COMP_CWORD\" -eq 1 ] && words=\"%s\"\n"+
		"\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _mail2graph mail2graph\n", strings.Join(names, " "))
}

// completeFish writes one line a word.
func completeFish(w io.Writer) {
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }
	for _, c := range commands() {
		fmt.Fprintf(w, "complete -c mail2graph -n __fish_use_subcommand -f -a %s -d %s\n", c.name, quote(c.summary))
		if words := firstWords(c.name); words != nil {
			fmt.Fprintf(w, "complete -c mail2graph -n '__fish_seen_subcommand_from %s' -f -a %s\n", c.name, quote(strings.Join(words, " ")))
		}
		flagsOf(c).VisitAll(func(f *flag.Flag) {
			kind, text := flag.UnquoteUsage(f)
			takes := " -r"
			if kind == "" {
				takes = ""
			}
			fmt.Fprintf(w, "complete -c mail2graph -n '__fish_seen_subcommand_from %s' -l %s%s -d %s\n", c.name, f.Name, takes, quote(text))
		})
	}
}
