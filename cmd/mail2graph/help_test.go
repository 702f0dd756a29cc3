package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mail2graph/cmd/mail2graph/internal/manual"
)

// TestTopics: those that an operator is promised are there, each is short, is called for
// by others only under its name, and reads well in a terminal.
func TestTopics(t *testing.T) {
	for _, name := range []string{"config", "setup", "clients", "imap", "smtp", "limits", "errors", "security", "recovery", "upgrade"} {
		if !slices.Contains(topics(), name) {
			t.Errorf("no topic %s", name)
		}
	}
	mentioned := regexp.MustCompile(`mail2graph help ([a-z]+)`)
	for _, name := range topics() {
		text, err := topicText(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text, "\n"); n > 60 {
			t.Errorf("%s has %d lines, more than two screens", name, n)
		}
		for _, m := range mentioned.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(topics(), m[1]) {
				t.Errorf("%s refers to the topic %s, which is not there", name, m[1])
			}
		}
		for line := range strings.Lines(manual.Plain(text)) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case strings.HasPrefix(line, "    "): // as it is
			case strings.Contains(line, "**"), strings.Contains(line, "`"), strings.HasPrefix(line, "|"), strings.HasPrefix(line, "#"):
				t.Errorf("%s shows marks in a terminal: %s", name, line)
			case utf8.RuneCountInString(line) > 84: // a word of a table may stick out
				t.Errorf("%s has a line of %d characters: %s", name, utf8.RuneCountInString(line), line)
			}
		}
	}
}

// TestCommandsAreDescribed: summary, -h, and a text for each flag.
func TestCommandsAreDescribed(t *testing.T) {
	for _, c := range commands() {
		if c.summary == "" {
			t.Errorf("%s has no summary", c.name)
		}
		code, out, errText := runWith(strings.NewReader(""), c.name, "-h")
		if code != 0 || errText != "" || !strings.HasPrefix(out, "usage: mail2graph "+c.name) {
			t.Errorf("%s -h: status %d, %s%s", c.name, code, out, errText)
		}
		flagsOf(c).VisitAll(func(f *flag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s is not described", c.name, f.Name)
			}
		})
	}
}

// TestManPage: groff takes it without a warning, and everything is in it.
func TestManPage(t *testing.T) {
	code, page, errText := runWith(strings.NewReader(""), "help", "--man")
	if code != 0 || errText != "" || !strings.HasPrefix(page, ".TH MAIL2GRAPH 8 ") {
		t.Fatalf("status %d, %.100s%s", code, page, errText)
	}
	for _, c := range commands() {
		if !strings.Contains(page, "\n.SS "+c.name) {
			t.Errorf("the command %s is missing", c.name)
		}
	}
	for _, name := range topics() {
		if !strings.Contains(page, "\n.SH "+name+":") {
			t.Errorf("the topic %s is missing", name)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("no groff to read it")
	}
	cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", "-k", "-z")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%.2000s", err, out)
	}
}

// completionShell looks for a shell to try, and for what teaches it.
func completionShell(t *testing.T, name string) (shell, script string) {
	t.Helper()
	shell, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s to try it", name)
	}
	code, script, errText := runWith(strings.NewReader(""), "completion", name)
	if code != 0 || errText != "" {
		t.Fatalf("status %d, %s", code, errText)
	}
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return shell, file
}

// TestCompletion lets the shells complete as a user would.
func TestCompletion(t *testing.T) {
	if code, _, errText := runWith(strings.NewReader(""), "completion", "cmd"); code != 2 || !strings.Contains(errText, "bash, zsh, fish") || !strings.Contains(errText, "mail2graph help completion") {
		t.Errorf("another shell: status %d, %s", code, errText)
	}
	_, text, _ := runWith(strings.NewReader(""), "help", "completion")
	for _, s := range shells {
		if !strings.Contains(text, "mail2graph completion "+s) {
			t.Errorf("the topic completion does not say how %s is taught", s)
		}
	}
	all := map[string]string{
		"mail2graph do":              "doctor",
		"mail2graph queue re":        "release retry",
		"mail2graph help sec":        "security",
		"mail2graph doctor --exp":    "--expect-denied",
		"mail2graph state restore -": "--config --from --replace --to",
		"mail2graph nonsense x":      "",
	}
	run := func(t *testing.T, cmd *exec.Cmd) string {
		t.Helper()
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil || errs.Len() > 0 {
			t.Fatalf("%v %s", err, errs.String())
		}
		return out.String()
	}
	t.Run("bash", func(t *testing.T) {
		shell, script := completionShell(t, "bash")
		for line, want := range all {
			last := len(strings.Fields(line)) - 1
			got := strings.Fields(run(t, exec.Command(shell, "--norc", "-c",
				fmt.Sprintf("source %s\nCOMP_WORDS=(%s) COMP_CWORD=%d\n_mail2graph\necho ${COMPREPLY[@]}", script, line, last))))
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %q, want %q", line, got, want)
			}
		}
	})
	t.Run("fish", func(t *testing.T) {
		shell, script := completionShell(t, "fish")
		for line, want := range all {
			cmd := exec.Command(shell, "--no-config", "-c", fmt.Sprintf("source %s; complete -C '%s'", script, line))
			cmd.Dir = t.TempDir() // no file there could be meant
			cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
			var got []string
			for l := range strings.Lines(run(t, cmd)) {
				word, _, _ := strings.Cut(strings.TrimSpace(l), "\t")
				got = append(got, word)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %q, want %q", line, got, want)
			}
		}
	})
	t.Run("zsh", completeZsh)
}

// completeZsh types into zsh at a terminal: its completion works nowhere else.
func completeZsh(t *testing.T) {
	shell, script := completionShell(t, "zsh")
	dir := t.TempDir()
	// Ctrl-O writes down the line as it is and begins a new one.
	for name, text := range map[string]string{
		".zshrc": "unsetopt beep\nsource " + script + "\nbindkey '^I' complete-word\n" +
			"note() { print -r -- \"$BUFFER\" >>lines; BUFFER=; }\nzle -N note\nbindkey '^O' note\nPS1='go '\n",
		"type": "zmodload zsh/zpty\nzpty z 'exec zsh -d -i'\nzpty -r -m z out '*go *'\n" +
			"while IFS= read -r line; do zpty -w -n z \"$line\"$'\\t\\x0f'; done\nzpty -w -n z $'exit\\n'\n" +
			"while zpty -r z more; do out+=$more; done\nprint -r -- $out\n",
		"a file": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := [][2]string{
		{"mail2graph do", "mail2graph doctor"},
		{"mail2graph queue rel", "mail2graph queue release"},
		{"mail2graph queue re", "mail2graph queue re"}, // two go on from there
		{"mail2graph help sec", "mail2graph help security"},
		{"mail2graph doctor --exp", "mail2graph doctor --expect-denied"},
		{"mail2graph state restore --fr", "mail2graph state restore --from"},
		{"mail2graph serve --config a", `mail2graph serve --config a\ file`},
		{"mail2graph nonsense x", "mail2graph nonsense x"},
	}
	var typed strings.Builder
	for _, l := range lines {
		fmt.Fprintln(&typed, l[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, "-f", "type")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(typed.String())
	cmd.Env = append(os.Environ(), "ZDOTDIR="+dir, "TERM=dumb")
	screen, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%q", err, screen)
	}
	noted, err := os.ReadFile(filepath.Join(dir, "lines"))
	if err != nil {
		t.Fatalf("%v\n%q", err, screen)
	}
	got := strings.Split(strings.TrimSuffix(string(noted), "\n"), "\n")
	if len(got) != len(lines) {
		t.Fatalf("%q\n%q", got, screen)
	}
	for i, l := range lines {
		if strings.TrimRight(got[i], " ") != l[1] {
			t.Errorf("%s: %q, want %q", l[0], got[i], l[1])
		}
	}
}
