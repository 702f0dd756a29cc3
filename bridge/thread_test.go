package bridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge/mimepart"
)

// threadOf threads messages given as "id subject < refs", "-" for no id.
func threadOf(lines ...string) []*Thread {
	t := threader{byID: map[string]*threaded{}}
	for i, line := range lines {
		id, rest, _ := strings.Cut(line, " ")
		subject, refs, _ := strings.Cut(rest, " < ")
		field := func(ids string) string {
			var out []string
			for _, id := range strings.Fields(ids) {
				out = append(out, "<"+id+"@x>")
			}
			return strings.Join(out, " ")
		}
		row := &Row{UID: uint32(i + 1), Received: time.Unix(int64(i), 0)}
		d := &Detail{Envelope: mimepart.Envelope{Subject: subject}, References: field(refs)}
		if id != "-" {
			d.Envelope.MessageID = field(id)
		}
		m := new(threaded)
		m.set(row.UID, keyOf(row, d, SortSubject), keyOf(row, d, SortDate))
		t.add(m, referenceKey(d))
	}
	return threadsOf(sortedThreads(gathered(t.pruned())))
}

func showThreads(list []*Thread) string {
	var b strings.Builder
	for _, t := range list {
		fmt.Fprintf(&b, "(%d%s)", t.UID, showThreads(t.Children))
	}
	return b.String()
}

// TestThreadByReferences goes through the steps of RFC 5256 §3; messages are
// numbered by line, and sent in that order.
func TestThreadByReferences(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"a chain", []string{"a A", "b B < a", "c C < a b"}, "(1(2(3)))"},
		{"siblings", []string{"a A", "b B < a", "c C < a"}, "(1(2)(3))"},
		{"the answer first", []string{"b B < a", "a A"}, "(2(1))"},
		{"a dummy between is taken out", []string{"a A", "c C < a b"}, "(1(2))"},
		{"a dummy as root with one child", []string{"b B < a"}, "(1)"},
		{"a dummy as root with two", []string{"b B < a", "c C < a"}, "(0(1)(2))"},
		{"dummies in a row", []string{"d D < a b c", "e E < a b"}, "(0(1)(2))"},
		{"refers to itself", []string{"a A < a"}, "(1)"},
		{"a loop of two", []string{"a A < b", "b B < a"}, "(2(1))"},
		{"a loop within one field", []string{"c C < a b a"}, "(1)"},
		{"a loop of three", []string{"a A < c", "b B < a", "c C < b"}, "(3(1(2)))"},
		{"the same ID twice", []string{"a A", "a Again", "b B < a"}, "(1(3))(2)"},
		{"no ID", []string{"- A", "- B < a"}, "(1)(2)"},
		{"truncated references are put right", []string{"c C < a b", "b B", "a A"}, "(2(1))(3)"},
		{"a second parent does not count", []string{"a A", "b B < a", "c C < x b"}, "(1(2(3)))"},
		{"by subject, reply after", []string{"a Plan", "b Re: plan"}, "(1(2))"},
		{"by subject, reply before", []string{"a Re: Plan", "b plan"}, "(2(1))"},
		{"by subject, both replies", []string{"a Re: Plan", "b Fwd: plan"}, "(0(1)(2))"},
		{"by subject, three alike", []string{"a Plan", "b plan", "c PLAN"}, "(0(1)(2)(3))"},
		{"by subject, two dummies", []string{"a Plan < x", "b P < x", "c Plan < y", "d P < y"}, "(0(1)(2)(3)(4))"},
		{"by subject, into a dummy", []string{"z Plan", "a Plan < x", "b P < x"}, "(0(1)(2)(3))"},
		{"no subject, not gathered", []string{"a ", "b ", "c Re:"}, "(1)(2)(3)"},
	} {
		if got := showThreads(threadOf(test.lines...)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestLongThreads has chains that must cost neither much time nor much stack: what
// took the square of their length would not end before go test loses patience.
func TestLongThreads(t *testing.T) {
	const n = 100_000
	var forth, back, far []string
	for i := range n {
		forth = append(forth, fmt.Sprintf("m%d S%d < m%d", i, i, i-1))
		back = append(back, fmt.Sprintf("m%d S%d < m%d", n-i, i, n-i-1))
		far = append(far, fmt.Sprint("x", i))
	}
	for name, lines := range map[string][]string{
		"forth": forth, "back": back, "one field": {"a A < " + strings.Join(far, " ")},
	} {
		count, todo := 0, threadOf(lines...)
		for ; len(todo) > 0; count++ {
			last := todo[len(todo)-1]
			todo = append(todo[:len(todo)-1], last.Children...)
		}
		if count != len(lines) {
			t.Errorf("%s: %d messages of %d", name, count, len(lines))
		}
	}
}

func TestMessageIDs(t *testing.T) {
	for _, test := range []struct {
		field string
		want  []string
	}{
		{"", nil},
		{"<a@b>", []string{"a@b"}},
		{"<a@b><c@d>\r\n\t<e@f>", []string{"a@b", "c@d", "e@f"}},
		{`<"01KF8JCEOCBS0045PS"@xxx.yyy.com>`, []string{"01KF8JCEOCBS0045PS@xxx.yyy.com"}},
		{`<"a\"b"@x>`, []string{`a"b@x`}},
		{"Your message of <today> by Ann <ann <a@b>", []string{"a@b"}},
		{"<a@b", nil},
		{"<a@\r\n b>", []string{"a@b"}},
	} {
		if got := messageIDs(test.field); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.field, got, test.want)
		}
	}
}
