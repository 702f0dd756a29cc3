package imapsrv

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// modelKey is a key with what it is to find.
type modelKey struct {
	text  string
	match func(n int, uid uint32, m looked) bool // n is the sequence number
}

// reads reports whether a search reads texts. Then sizes, which were estimates, become
// exact, and are not those any more that the overseer saw.
func (k modelKey) reads() bool { return strings.HasPrefix(k.text, "BODY") }

// modelKeys are keys about the messages of a folder, which is not empty.
func modelKeys(l look) []modelKey {
	has := func(flag string) func(int, uint32, looked) bool {
		return func(_ int, _ uint32, m looked) bool { return slices.Contains(m.flags, flag) }
	}
	uids := l.uids()
	middle := uids[len(uids)/2]
	one := l.messages[middle]
	return []modelKey{
		{"ALL", func(int, uint32, looked) bool { return true }},
		{"SEEN", has(`\Seen`)},
		{"DELETED", has(`\Deleted`)},
		{"KEYWORD Work", has("Work")},
		{"NOT ANSWERED", func(_ int, _ uint32, m looked) bool { return !slices.Contains(m.flags, `\Answered`) }},
		{"OR FLAGGED DRAFT", func(_ int, _ uint32, m looked) bool {
			return slices.Contains(m.flags, `\Flagged`) || slices.Contains(m.flags, `\Draft`)
		}},
		{fmt.Sprintf("UID %d:* UNSEEN", middle), func(_ int, uid uint32, m looked) bool {
			return uid >= middle && !slices.Contains(m.flags, `\Seen`)
		}},
		{fmt.Sprintf("NOT 1:%d", len(uids)/2+1), func(n int, _ uint32, _ looked) bool { return n > len(uids)/2+1 }},
		{"SUBJECT PPEND", func(_ int, _ uint32, m looked) bool { return strings.Contains(m.subject, "append") }},
		{fmt.Sprintf("HEADER Message-ID <%s@", one.id), func(_ int, _ uint32, m looked) bool { return m.id == one.id }},
		{fmt.Sprintf(`BODY "This is message %s."`, one.id), func(_ int, _ uint32, m looked) bool { return m.id == one.id }},
		{fmt.Sprintf("LARGER %d", one.size), func(_ int, _ uint32, m looked) bool { return m.size > one.size }},
		{"BEFORE 1-Jan-2000", func(_ int, _ uint32, m looked) bool { return m.received.Year() < 2000 }},
		{"ON 3-Feb-2001", func(_ int, _ uint32, m looked) bool { return m.received.Format("2006-01-02") == "2001-02-03" }},
	}
}

// matching are the UIDs that a key finds.
func (l look) matching(k modelKey) (uids []uint32) {
	for i, uid := range l.uids() {
		if k.match(i+1, uid, l.messages[uid]) {
			uids = append(uids, uid)
		}
	}
	return uids
}

var anyNumber = regexp.MustCompile(`\d+`)

// search is SEARCH, SORT or THREAD, which change nothing and must find what fits.
func (w *watched) search(m *mirror, rnd *rand.Rand, byUID bool, l look) {
	k := modelKeys(l)[rnd.IntN(len(modelKeys(l)))]
	uids, all := l.matching(k), l.uids()
	name := func(uid uint32) int {
		if byUID {
			return int(uid)
		}
		n, _ := slices.BinarySearch(all, uid)
		return n + 1
	}
	numbers := func(uids []uint32) (nums []int) {
		for _, uid := range uids {
			nums = append(nums, name(uid))
		}
		return nums
	}
	prefix := ""
	if byUID {
		prefix = "UID "
	}
	verb, sorted := "SEARCH ", true
	want := numbers(uids)
	form := rnd.IntN(5)
	if form == 1 && k.reads() {
		form = 4
	}
	switch form {
	case 0:
		verb = "SORT (ARRIVAL) UTF-8 "
		slices.SortStableFunc(uids, func(a, b uint32) int { return l.messages[a].received.Compare(l.messages[b].received) })
		want, sorted = numbers(uids), false
	case 1:
		verb = "SORT (REVERSE SIZE SUBJECT) UTF-8 "
		slices.SortStableFunc(uids, func(a, b uint32) int {
			x, y := l.messages[a], l.messages[b]
			return cmp.Or(-cmp.Compare(x.size, y.size), cmp.Compare(x.subject, y.subject))
		})
		want, sorted = numbers(uids), false
	case 2:
		verb = []string{"THREAD REFERENCES UTF-8 ", "THREAD ORDEREDSUBJECT UTF-8 "}[rnd.IntN(2)]
	case 3:
		verb = "SEARCH RETURN (MIN MAX COUNT ALL) "
	}
	w.kind, w.command = strings.Fields(verb)[0], prefix+verb+k.text
	w.answer = func(m *mirror, lines []string, _ string) {
		got := resultOf(lines)
		if sorted {
			slices.Sort(got.all)
		}
		if !slices.Equal(got.all, want) {
			m.fail("found %v, want %v of %+v", got.all, want, l)
		}
		if got.count >= 0 && (got.count != len(want) || len(want) > 0 && (got.first != want[0] || got.last != want[len(want)-1])) {
			m.fail("found %d messages, from %d to %d, want %v", got.count, got.first, got.last, want)
		}
	}
}

// result is what SEARCH, SORT or THREAD found.
type result struct {
	all                []int
	count, first, last int // of ESEARCH with COUNT; else count is -1
}

var esearchCount = regexp.MustCompile(` MIN (\d+) MAX (\d+).* COUNT (\d+)`)

func resultOf(lines []string) result {
	r := result{count: -1}
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "* SEARCH"), strings.HasPrefix(line, "* SORT"), strings.HasPrefix(line, "* THREAD"):
			for _, n := range anyNumber.FindAllString(line, -1) {
				i, _ := strconv.Atoi(n)
				r.all = append(r.all, i)
			}
		case strings.HasPrefix(line, "* ESEARCH"):
			if all := esearchAll.FindStringSubmatch(line); all != nil {
				r.all = numbersOf(all[1])
			}
			if c := esearchCount.FindStringSubmatch(line); c != nil {
				r.first, _ = strconv.Atoi(c[1])
				r.last, _ = strconv.Atoi(c[2])
				r.count, _ = strconv.Atoi(c[3])
			}
		}
	}
	return r
}
