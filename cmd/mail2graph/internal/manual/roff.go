package manual

import (
	"fmt"
	"strings"
)

// Flag is one flag of a command.
type Flag struct{ Name, Kind, Text, Default string }

// Command is one command of a manual page.
type Command struct {
	Name, Args, Summary string
	Flags               []Flag
}

// Page is what a manual page is made of.
type Page struct {
	Name, Version, Summary string
	Commands               []Command
	Topics                 []string // Markdown
}

// Roff writes the page in the man macros, section 8 (man(7)).
func Roff(p Page) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 8 \"\" \"%s\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(p.Name), escape(p.Version), p.Name, escape(p.Summary))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I COMMAND\n.RI [ flags ]\n.SH COMMANDS\n", p.Name)
	for _, c := range p.Commands {
		fmt.Fprintf(&b, ".SS %s\n%s.\n", escape(strings.TrimSpace(c.Name+" "+c.Args)), escape(c.Summary))
		for _, f := range c.Flags {
			fmt.Fprintf(&b, ".TP\n.BI \\-\\-%s", escape(f.Name))
			if f.Kind != "" {
				fmt.Fprintf(&b, " \" %s\"", escape(f.Kind))
			}
			fmt.Fprintf(&b, "\n%s", line(f.Text))
			if f.Default != "" {
				fmt.Fprintf(&b, " (default %s)", escape(f.Default))
			}
			b.WriteString("\n")
		}
	}
	for _, markdown := range p.Topics {
		topic(&b, markdown)
	}
	return b.String()
}

// topic writes one help text as a section.
func topic(b *strings.Builder, markdown string) {
	for _, block := range blocks(markdown) {
		switch block.kind {
		case heading:
			macro := ".SS"
			if strings.HasPrefix(block.lines[0], "# ") {
				macro = ".SH"
			}
			fmt.Fprintf(b, "%s %s\n", macro, escape(inline(strings.TrimLeft(block.lines[0], "# "))))
		case table:
			asItIs(b, columns(block.lines))
		case verbatim:
			asItIs(b, block.lines)
		default:
			for _, p := range paragraphs(block.lines) {
				p.roff(b)
			}
		}
	}
}

func asItIs(b *strings.Builder, lines []string) {
	b.WriteString(".PP\n.nf\n")
	for _, l := range lines {
		b.WriteString(line(l) + "\n")
	}
	b.WriteString(".fi\n")
}

// roff writes a paragraph, or an item of a list.
func (p paragraph) roff(b *strings.Builder) {
	switch {
	case p.text == "":
		return
	case p.mark == "":
		b.WriteString(".PP\n")
	case p.mark == "- ":
		b.WriteString(".IP \\(bu 2\n")
	default:
		b.WriteString(".IP " + strings.TrimSpace(p.mark) + " 3\n")
	}
	b.WriteString(line(p.text) + "\n")
}

// line escapes a line of text: none may look like a request.
func line(s string) string {
	s = escape(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// escape writes characters that roff takes for something else.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "–", `\(en`, "→", `\(->`).Replace(s)
}
