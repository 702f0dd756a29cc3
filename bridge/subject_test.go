package bridge

import (
	"strings"
	"testing"
	"time"

	"mail2graph/bridge/mimepart"
)

func TestBaseSubject(t *testing.T) {
	for _, test := range []struct {
		field, base string
		reply       bool
	}{
		{"", "", false},
		{"hello", "hello", false},
		{"  a  b\t c\r\n d ", "a b c d", false},
		{"Re: hello", "hello", true},
		{"RE : re:FWD:fw: hello", "hello", true},
		{"Re[2]: hello", "hello", true},
		{"Fwd [x] : hello", "hello", true},
		{"Fwdx: hello", "Fwdx: hello", false},
		{"Re hello", "Re hello", false},
		{"Re:", "", true},
		{"[list] hello", "hello", false},
		{"[list] [other] Re: [list] hello", "hello", true},
		{"[a] [b]", "[b]", false},
		{"[list]", "[list]", false},
		{"Re: [list]", "[list]", true},
		{"[a[b] hello", "[a[b] hello", false},
		{"hello (fwd)", "hello", true},
		{"hello (FWD) (fwd)  ", "hello", true},
		{"hello(fwd)", "hello", true},
		{"(fwd)", "", true},
		{"[fwd: hello]", "hello", true},
		{"[Fwd: [Fwd: Re: hello (fwd)]]", "hello", true},
		{"[fwd:]", "", true},
		{"[fwd: hello", "[fwd: hello", false},
		{"=?utf-8?q?Re=3A_h=C3=A9llo?=", "héllo", true},
		{strings.Repeat("[a] ", 200_000) + "x", "x", false},
		{strings.Repeat("Re: ", 200_000) + "x", "x", true},
		{strings.Repeat("[a] ", 50_000) + strings.Repeat("Re: [b] ", 50_000) + "x (fwd)", "x", true},
	} {
		base, reply := baseSubject(test.field)
		if base != test.base || reply != test.reply {
			t.Errorf("%.40q: got %.40q, %v; want %q, %v", test.field, base, reply, test.base, test.reply)
		}
	}
}

// TestCasemap has groups of texts that the collation takes for equal, in
// ascending order.
func TestCasemap(t *testing.T) {
	groups := [][]string{{""}, {"Adam", "aDAM"}, {"Ärger", "ärger", "A\u0308rger"}, {"zoo", "ZOO", "ｚｏｏ"}, {"ß"}, {"Ωmega", "ωMEGA"}}
	for i, group := range groups {
		for _, s := range group {
			if casemap(s) != casemap(group[0]) {
				t.Errorf("%q and %q differ: %q, %q", s, group[0], casemap(s), casemap(group[0]))
			}
			if i > 0 && casemap(groups[i-1][0]) >= casemap(s) {
				t.Errorf("%q does not come before %q", groups[i-1][0], s)
			}
		}
	}
}

func TestParseDate(t *testing.T) {
	for _, test := range []struct{ field, want string }{
		{"Sun, 31 Dec 2000 16:01:33 -0800", "2001-01-01T00:01:33Z"},
		{"31 Dec 2000 16:01:33 PST", "2001-01-01T00:01:33Z"},
		{"Sun, 31 Dec 2000 16:01:33 +0000 (UTC)", "2000-12-31T16:01:33Z"},
		{"Sun, 31 Dec 2000 16:01:33 Nowhere/At-All", "2000-12-31T16:01:33Z"},
		{"31 Dec 2000 16:01:33 +9960", "2000-12-31T16:01:33Z"},
		{"31-Dec-2000 16:01", "2000-12-31T16:01:00Z"},
		{"31 December 2000 at noon", "2000-12-31T00:00:00Z"},
		{"31 Dec 2000 25:99", "2000-12-31T00:00:00Z"},
		{"31 dec 99 10:00:00", "1999-12-31T10:00:00Z"},
		{"1 Jan 01 nonsense", "2001-01-01T00:00:00Z"},
		{"1 Jan 101", "2001-01-01T00:00:00Z"},
		{"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06Z"}, // RFC 5322 §A.6.3
		{"(a) 2 (b (c)) Feb(d)2026 10 : 00 : 00 +0100 (e", "2026-02-02T09:00:00Z"},
		{"yesterday", ""},
		{"", ""},
		{"99 Jan 2001", ""},
	} {
		got := ""
		if at, ok := parseDate(test.field); ok {
			got = at.UTC().Format(time.RFC3339)
		}
		if got != test.want {
			t.Errorf("%q: got %s, want %s", test.field, got, test.want)
		}
	}
}

// TestSentDay holds that the day is the one written, whatever else is wrong with the field.
func TestSentDay(t *testing.T) {
	for field, want := range map[string]string{
		"Mon, 2 Feb 2026 23:00:00 -0800":     "2026-02-02",
		"Mon, 2 Feb 2026 01:00:00 +0900":     "2026-02-02",
		"Mon, 2 Feb 2026 10:00:00":           "2026-02-02",
		"2 feb 26 25:61 Nowhere":             "2026-02-02",
		"(x) 2 (y) Feb 2026 23:00:00 -08:00": "2026-02-02",
		"whenever":                           "2000-01-01",
	} {
		d := Detail{Sent: time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)}
		d.Envelope.Date = field
		if got := d.sentDay().Format(time.DateOnly); got != want {
			t.Errorf("%q: got %s, want %s", field, got, want)
		}
	}
}

// TestEmptyMessageID holds that a field without a value is there (RFC 3501 §6.4.4, HEADER).
func TestEmptyMessageID(t *testing.T) {
	for empty, want := range map[mimepart.TextFields]verdict{0: no, mimepart.FieldMessageID: yes} {
		c := &candidate{detail: &Detail{Envelope: mimepart.Envelope{Empty: empty}}}
		if got := (&searcher{}).header(c, SearchKey{Field: "Message-ID"}); got != want {
			t.Errorf("fields without a value %b: got %v, want %v", empty, got, want)
		}
	}
}
