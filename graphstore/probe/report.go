package probe

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Markdown writes the report for people: a table of verdicts, then each check with its
// requests and answers.
func Markdown(w io.Writer, r *Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# How Graph behaves for %s\n\nBegun %s. %d as assumed, %d differ, %d noted, %d unclear, %d need a person.\n\n",
		r.Mailbox, r.Began.Format(time.RFC3339), r.Count(Assumed), r.Count(Differs), r.Count(Noted), r.Count(Unclear), r.Count(ByHand))
	for _, left := range r.Left {
		fmt.Fprintf(&b, "**Not removed:** %s\n\n", left)
	}
	b.WriteString("| check | question | verdict |\n|---|---|---|\n")
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.ID, c.Title, c.Verdict)
	}
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "\n## %s %s\n\n- assumed: %s\n- verdict: **%s**\n", c.ID, c.Title, c.Assumes, c.Verdict)
		if c.Found != "" {
			fmt.Fprintf(&b, "- found: %s\n", c.Found)
		}
		if c.Todo != "" {
			fmt.Fprintf(&b, "- to do by hand: %s\n", c.Todo)
		}
		if len(c.Steps) > 0 {
			b.WriteString("\n")
		}
		for _, s := range c.Steps {
			fmt.Fprintf(&b, "    %s\n        %s (%v)", s.Sent, s, s.Took)
			if s.Message != "" {
				fmt.Fprintf(&b, " %q", s.Message)
			}
			b.WriteString("\n")
			for _, name := range slices.SortedFunc(maps.Keys(s.Headers), cmp.Compare[string]) {
				fmt.Fprintf(&b, "        %s: %s\n", name, s.Headers[name])
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
