// Package manual shows the help texts, which are Markdown of a simple kind, in a
// terminal and as a manual page: headings, paragraphs, lists, tables, indented text,
// and within a line `code`, **strong** and [links](to).
package manual

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// width is what a line of a terminal has.
const width = 80

var (
	strong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	code   = regexp.MustCompile("`([^`]+)`")
	link   = regexp.MustCompile(`\[([^\]]+)\]\((\S+)\)`)
)

// inline takes the marks out of a line.
func inline(s string) string {
	s = link.ReplaceAllString(s, "$1 ($2)")
	s = strong.ReplaceAllString(s, "$1")
	return code.ReplaceAllString(s, "$1")
}

// Plain renders Markdown for a terminal.
func Plain(markdown string) string {
	var out strings.Builder
	for _, b := range blocks(markdown) {
		switch b.kind {
		case heading:
			text := inline(strings.TrimLeft(b.lines[0], "# "))
			if strings.HasPrefix(b.lines[0], "# ") {
				text = strings.ToUpper(text)
			}
			out.WriteString(text + "\n")
		case table:
			for _, line := range columns(b.lines) {
				out.WriteString(line + "\n")
			}
		case verbatim:
			for _, line := range b.lines {
				out.WriteString(line + "\n")
			}
		default:
			for _, para := range paragraphs(b.lines) {
				para.write(&out)
			}
		}
	}
	return out.String()
}

// paragraph is running text, or an item of a list with its mark: "- ", "2. ". One
// without text is an empty line.
type paragraph struct{ mark, text string }

var itemMark = regexp.MustCompile(`^(- |\d\. )`)

// paragraphs joins lines that belong together, and takes the marks out of them.
func paragraphs(lines []string) (all []paragraph) {
	open := false
	for _, line := range lines {
		mark := itemMark.FindString(line)
		switch text := strings.TrimSpace(line[len(mark):]); {
		case text == "":
			all, open = append(all, paragraph{}), false
		case mark != "" || !open:
			all, open = append(all, paragraph{mark, text}), true
		default:
			all[len(all)-1].text += " " + text
		}
	}
	for i := range all {
		all[i].text = inline(all[i].text)
	}
	return all
}

func (p paragraph) write(out *strings.Builder) {
	indent := strings.Repeat(" ", len(p.mark))
	for i, line := range wrap(p.text, width-1-len(p.mark)) {
		lead := indent
		if i == 0 {
			lead = p.mark
		}
		out.WriteString(lead + line + "\n")
	}
}

type kind int

const (
	text kind = iota
	heading
	table
	verbatim
)

// block is lines of one kind.
type block struct {
	kind  kind
	lines []string
}

func blocks(markdown string) (all []block) {
	blank := true
	for line := range strings.Lines(markdown) {
		line = strings.TrimRight(line, "\n")
		k := text
		last := len(all) - 1
		switch {
		case strings.HasPrefix(line, "#"):
			k = heading
		case strings.HasPrefix(line, "|"):
			k = table
		case strings.HasPrefix(line, "    ") && (blank || last >= 0 && all[last].kind == verbatim):
			k = verbatim
		}
		blank = line == ""
		if last >= 0 && all[last].kind == k && k != heading {
			all[last].lines = append(all[last].lines, line)
		} else {
			all = append(all, block{k, []string{line}})
		}
	}
	return all
}

// columns aligns the cells of a table; the last column takes as many lines as it needs.
func columns(lines []string) (out []string) {
	var rows [][]string
	var widths []int
	for _, line := range lines {
		if strings.Trim(line, "|-: ") == "" && strings.Contains(line, "-") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = inline(strings.TrimSpace(cells[i]))
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i]))
		}
		rows = append(rows, cells)
	}
	fit(widths)
	for _, row := range rows {
		if strings.Join(row, "") != "" { // a head without words
			out = append(out, cellLines(row, widths)...)
		}
	}
	return out
}

// fit narrows the widest columns until the table fits the terminal.
func fit(widths []int) {
	const gap, least = 2, 12
	for {
		total, widest := -gap, 0
		for i, w := range widths {
			total += w + gap
			if w > widths[widest] {
				widest = i
			}
		}
		if total < width || widths[widest] <= least {
			return
		}
		widths[widest]--
	}
}

// cellLines breaks the cells of a row into lines, beside each other.
func cellLines(row []string, widths []int) (lines []string) {
	broken := make([][]string, len(row))
	height := 0
	for i, cell := range row {
		broken[i] = wrap(cell, widths[i])
		height = max(height, len(broken[i]))
	}
	for n := range height {
		var line strings.Builder
		for i := range row {
			part := ""
			if n < len(broken[i]) {
				part = broken[i][n]
			}
			line.WriteString(part)
			if i+1 < len(row) {
				line.WriteString(strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(part), 0)+2))
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// wrap breaks text at spaces; a word that is too long stays whole.
func wrap(s string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
