package imapsrv

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// watched is a command and what it must do.
type watched struct {
	kind, command string
	tag, folder   string // of the session
	refused       bool
	after         map[string]map[uint32]looked // folders, all but what is new
	added         []looked                     // to dest, in this order
	from          []uint32                     // that COPYUID must name for them; nil: APPENDUID
	dest          string
	answer        func(m *mirror, lines []string, tagged string)
}

// order makes an order at random. The session is up to date with its folder. nil:
// it has nothing to give one for.
func (m *mirror) order(rnd *rand.Rand, before map[string]look) *watched {
	w := &watched{tag: fmt.Sprintf("t%d ", m.tag+1), folder: m.folder, after: map[string]map[uint32]looked{}}
	for folder, l := range before {
		w.after[folder] = maps.Clone(l.messages)
	}
	l := before[m.folder]
	if rnd.IntN(6) == 0 {
		w.append(m, rnd, 2)
		return w
	}
	if len(l.messages) == 0 {
		return nil
	}
	uids := l.uids()
	i, j := rnd.IntN(len(uids)), rnd.IntN(len(uids))
	byUID, prefix := rnd.IntN(2) == 0, ""
	set := fmt.Sprintf("%d:%d", i+1, j+1)
	if byUID {
		prefix, set = "UID ", fmt.Sprintf("%d:%d", uids[i], uids[j])
	}
	chosen := uids[min(i, j) : max(i, j)+1]
	if rnd.IntN(5) == 0 { // by what a search saved
		k := modelKeys(l)[rnd.IntN(len(modelKeys(l)))]
		if k.reads() {
			return nil
		}
		m.run("SEARCH RETURN (SAVE) " + k.text)
		w.tag = fmt.Sprintf("t%d ", m.tag+1)
		set, chosen = "$", l.matching(k)
		if len(chosen) == 0 {
			return nil
		}
	}
	switch rnd.IntN(8) {
	case 0, 1:
		w.store(m, rnd, prefix, set, chosen, l)
	case 2:
		w.transfer(m, rnd, "COPY", prefix, set, chosen, l)
	case 3:
		w.transfer(m, rnd, "MOVE", prefix, set, chosen, l)
	case 4:
		w.expunge(m, rnd, set, chosen, byUID || set == "$")
	case 5:
		w.kind, w.command = "FETCH BODY", prefix+"FETCH "+set+" (UID FLAGS BODY[TEXT])"
		if !m.readOnly {
			w.setFlags(chosen, func(flags []string) []string { return with(flags, `\Seen`) })
		}
	case 6:
		w.search(m, rnd, byUID, l)
	case 7:
		n := rnd.IntN(len(uids))
		w.append(m, rnd, 1)
		target := fmt.Sprint(n + 1)
		if byUID {
			target = fmt.Sprint(uids[n])
		}
		w.kind, w.command = "REPLACE", prefix+"REPLACE "+target+strings.TrimPrefix(w.command, "APPEND")
		if w.refused = m.readOnly; w.refused {
			w.added, w.dest = nil, ""
			break
		}
		delete(w.after[m.folder], uids[n])
	}
	return w
}

func with(flags []string, more string) []string {
	if slices.Contains(flags, more) {
		return flags
	}
	flags = append(slices.Clone(flags), more)
	slices.Sort(flags)
	return flags
}

func without(flags []string, less string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == less })
}

func (w *watched) setFlags(uids []uint32, change func([]string) []string) {
	for _, uid := range uids {
		msg := w.after[w.folder][uid]
		msg.flags = change(msg.flags)
		w.after[w.folder][uid] = msg
	}
}

// store is STORE in its three forms, silent or not, conditional or not.
func (w *watched) store(m *mirror, rnd *rand.Rand, prefix, set string, uids []uint32, l look) {
	flag := []string{`\Seen`, `\Flagged`, `\Deleted`, "Work", `\Answered`, `\Draft`}[rnd.IntN(6)]
	form := rnd.IntN(3)
	change := []func([]string) []string{
		func([]string) []string { return []string{flag} },
		func(flags []string) []string { return with(flags, flag) },
		func(flags []string) []string { return without(flags, flag) },
	}[form]
	condition := ""
	if (m.has("CONDSTORE") || m.has("QRESYNC")) && rnd.IntN(2) == 0 {
		since := l.messages[uids[rnd.IntN(len(uids))]].modSeq
		condition = fmt.Sprintf("(UNCHANGEDSINCE %d) ", since)
		modified, numbers := map[uint32]bool{}, []int{}
		for i, uid := range l.uids() {
			if slices.Contains(uids, uid) && l.messages[uid].modSeq > since {
				modified[uid] = true
				n := i + 1
				if prefix != "" {
					n = int(uid)
				}
				numbers = append(numbers, n)
			}
		}
		uids = slices.DeleteFunc(slices.Clone(uids), func(uid uint32) bool { return modified[uid] })
		w.answer = func(m *mirror, _ []string, tagged string) {
			var got []int
			if found := modifiedCode.FindStringSubmatch(tagged); found != nil {
				got = numbersOf(found[1])
			}
			if slices.Sort(got); !m.readOnly && !slices.Equal(got, numbers) {
				m.fail("MODIFIED names %v, want %v", got, numbers)
			}
		}
	}
	silent := []string{"", ".SILENT"}[rnd.IntN(2)]
	if silent != "" && (condition != "" || form == 0 || set == "$") {
		silent = "" // what the session is to assume of these the mirror does not know
	}
	w.kind = "STORE"
	w.command = fmt.Sprintf("%sSTORE %s %s%sFLAGS%s (%s)", prefix, set, condition, []string{"", "+", "-"}[form], silent, flag)
	if w.refused = m.readOnly; !w.refused {
		w.setFlags(uids, change)
	}
}

var (
	modifiedCode = regexp.MustCompile(`\[MODIFIED ([\d:,]+)\]`)
	copyUIDCode  = regexp.MustCompile(`\[COPYUID \d+ ([\d:,]+) ([\d:,]+)\]`)
	appendedCode = regexp.MustCompile(`\[APPENDUID \d+ ([\d:,]+)\]`)
)

func (w *watched) transfer(m *mirror, rnd *rand.Rand, verb, prefix, set string, uids []uint32, l look) {
	dest := randomFolders[rnd.IntN(2)]
	w.kind, w.command = verb, fmt.Sprintf("%s%s %s %s", prefix, verb, set, dest)
	if w.refused = verb == "MOVE" && m.readOnly; w.refused {
		return
	}
	w.dest, w.from = dest, uids
	for _, uid := range uids {
		w.added = append(w.added, l.messages[uid])
		if verb == "MOVE" {
			delete(w.after[w.folder], uid)
		}
	}
}

// expunge is EXPUNGE, UID EXPUNGE and CLOSE.
func (w *watched) expunge(m *mirror, rnd *rand.Rand, set string, uids []uint32, byUID bool) {
	w.kind, w.command = "EXPUNGE", []string{"EXPUNGE", "EXPUNGE", "CLOSE"}[rnd.IntN(3)]
	among := slices.Collect(maps.Keys(w.after[w.folder]))
	if byUID {
		w.command, among = "UID EXPUNGE "+set, uids
	}
	if m.readOnly {
		w.refused = w.command != "CLOSE"
		return
	}
	for _, uid := range among {
		if slices.Contains(w.after[w.folder][uid].flags, `\Deleted`) {
			delete(w.after[w.folder], uid)
		}
	}
}

// append is APPEND of up to most messages.
func (w *watched) append(m *mirror, rnd *rand.Rand, most int) {
	w.kind, w.dest = "APPEND", randomFolders[rnd.IntN(2)]
	w.command = "APPEND " + w.dest
	for i := range 1 + rnd.IntN(most) {
		n := 100_000 + m.tag*10 + i
		text := letter(n, "appended", 0)
		flag := []string{`\Seen`, `\Flagged`, `\Deleted`, "Work", `\Answered`}[rnd.IntN(5)]
		msg := looked{id: fmt.Sprint(n), flags: []string{flag}, received: time.Date(2001, 2, 3, 4, 5, rnd.IntN(60), 0, time.UTC)}
		w.command += fmt.Sprintf(" (%s) %q {%d+}\r\n%s", flag, msg.received.Format("_2-Jan-2006 15:04:05 -0700"), len(text), text)
		w.added = append(w.added, msg)
	}
}

// place enters what is new where the answer says that it is.
func (w *watched) place(m *mirror, lines []string) {
	if len(w.added) == 0 {
		return
	}
	code, from := appendedCode, []int(nil)
	if w.from != nil {
		code = copyUIDCode
	}
	for _, line := range lines {
		found := code.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		to := numbersOf(found[len(found)-1])
		if w.from != nil {
			from = numbersOf(found[1])
		}
		if len(to) != len(w.added) || !slices.IsSorted(to) || w.from != nil && !equalNumbers(from, w.from) {
			m.fail("%s, want %d messages, from %v", found[0], len(w.added), w.from)
		}
		for i, msg := range w.added {
			w.after[w.dest][uint32(to[i])] = msg
		}
		return
	}
	m.fail("not told which UIDs the messages got")
}

func equalNumbers(got []int, want []uint32) bool {
	return slices.EqualFunc(got, want, func(a int, b uint32) bool { return a == int(b) })
}
