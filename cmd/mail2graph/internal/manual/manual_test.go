package manual

import (
	"strings"
	"testing"
)

const sample = "# topic: a `code` and **strong** word\n\nText that `goes\non` over lines, see [the page](https://example.org/x).\n\n" +
	"- one item\n  goes on\n- .dot at the start\n1. first\n\n    verbatim `as is` \\ -\n\n| | what |\n|---|---|\n| a | " +
	"words that are so many that they cannot stand on one line of a terminal of eighty columns |\n"

func TestPlain(t *testing.T) {
	want := "TOPIC: A CODE AND STRONG WORD\n\nText that goes on over lines, see the page (https://example.org/x).\n\n" +
		"- one item goes on\n- .dot at the start\n1. first\n\n    verbatim `as is` \\ -\n\n   what\n" +
		"a  words that are so many that they cannot stand on one line of a terminal of\n   eighty columns\n"
	if got := Plain(sample); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestRoff: what a line begins with is no request, and what roff would take for its own
// is escaped.
func TestRoff(t *testing.T) {
	got := Roff(Page{Name: "x", Version: "x 1", Summary: "y", Topics: []string{sample, "# t: t\n\n'quote\n\n.PP\n"},
		Commands: []Command{{"c", "ARG", "does", []Flag{{"f", "FILE", "the file", "a-b"}}}}})
	for _, want := range []string{
		".TH X 8 ", ".SS c ARG\ndoes.\n.TP\n.BI \\-\\-f \" FILE\"\nthe file (default a\\-b)\n", "\n.SH topic: a code and strong word\n",
		"\n.IP \\(bu 2\n\\&.dot at the start\n", "\n.IP 1. 3\nfirst\n", "\n.nf\n    verbatim `as is` \\e \\-\n", "\n\\&'quote\n", "\n\\&.PP\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q:\n%s", want, got)
		}
	}
}
