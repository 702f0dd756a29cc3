package imapsrv

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mail2graph/bridge"
)

// overseer is a session that looks at both folders before and after a command of
// another one, and compares them with what the command must have done, and with
// what the service has.
type overseer struct {
	*mirror
	rig *rig
}

// look is a folder as a client sees it that comes anew.
type look struct {
	validity string
	uidNext  uint32
	modSeq   uint64
	messages map[uint32]looked // by UID
}

// looked is a message with what a command can change, and what searches ask for.
type looked struct {
	id       string   // the number in its Message-ID
	flags    []string // sorted, without \Recent
	modSeq   uint64
	received time.Time
	size     int
	subject  string
}

func (l look) uids() []uint32 { return slices.Sorted(maps.Keys(l.messages)) }

var (
	uidNextCode  = regexp.MustCompile(`\[UIDNEXT (\d+)\]`)
	receivedItem = regexp.MustCompile(`INTERNALDATE "([^"]*)"`)
	sizeItem     = regexp.MustCompile(`RFC822\.SIZE (\d+)`)
	subjectItem  = regexp.MustCompile(`ENVELOPE \("[^"]*" "([^"]*)"`)
)

// number reads the only group of the first line that matches; 0: none does.
func number(re *regexp.Regexp, lines ...string) uint64 {
	for _, line := range lines {
		if m := re.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseUint(m[1], 10, 64)
			return n
		}
	}
	return 0
}

// look opens a folder and reads all of it.
func (o *overseer) look(folder string) look {
	lines := o.run("EXAMINE " + folder)
	l := look{modSeq: number(modSeqCode, lines...), uidNext: uint32(number(uidNextCode, lines...)), messages: map[uint32]looked{}}
	l.validity = fmt.Sprint(number(uidsValid, lines...))
	if len(o.list) > 0 {
		lines = o.run("UID FETCH 1:* (FLAGS MODSEQ INTERNALDATE RFC822.SIZE ENVELOPE)")
	}
	for _, line := range lines {
		u := number(uidItem, line)
		if u == 0 || !strings.Contains(line, " FETCH (") {
			continue
		}
		m := looked{modSeq: number(modSeqItem, line), size: int(number(sizeItem, line))}
		if id := messageID.FindStringSubmatch(line); id != nil {
			m.id = id[1]
		}
		if s := subjectItem.FindStringSubmatch(line); s != nil {
			m.subject = s[1]
		}
		if at := receivedItem.FindStringSubmatch(line); at != nil {
			m.received, _ = time.Parse("_2-Jan-2006 15:04:05 -0700", at[1])
		}
		m.flags = flagsIn(line)
		l.messages[uint32(u)] = m
	}
	if len(l.messages) != len(o.list) {
		o.fail("%s has %d messages, told of %d", folder, len(l.messages), len(o.list))
	}
	return l
}

// flagsIn are the flags of a FETCH response, sorted, without \Recent.
func flagsIn(line string) []string {
	fl := flagsItem.FindStringSubmatch(line)
	if fl == nil {
		return nil
	}
	flags := slices.DeleteFunc(strings.Fields(fl[1]), func(f string) bool { return f == `\Recent` })
	slices.Sort(flags)
	return flags
}

// watch lets a session give an order, and compares what happened with what the
// order says.
func (o *overseer) watch(m *mirror, rnd *rand.Rand) {
	time.Sleep(1100 * time.Millisecond) // the next command asks the service
	m.run("NOOP")
	before := map[string]look{}
	for _, folder := range randomFolders {
		before[folder] = o.look(folder)
		o.agrees(folder, before[folder])
		o.counts(folder, before[folder])
	}
	o.sees(m, before[m.folder])
	w := m.order(rnd, before)
	if w == nil {
		return
	}
	lines := m.run(w.command)
	tagged := strings.TrimPrefix(m.log[slices.IndexFunc(m.log, func(l string) bool { return strings.HasPrefix(l, "S: "+w.tag) })], "S: "+w.tag)
	m.met["order: "+w.kind]++
	switch {
	case w.refused != strings.HasPrefix(tagged, "NO "):
		m.fail("answered %q, to be refused: %v", tagged, w.refused)
	case w.answer != nil:
		w.answer(m, lines, tagged)
	}
	w.place(m, append(lines, tagged))
	for _, folder := range randomFolders {
		o.happened(m, folder, before[folder], w.after[folder], o.look(folder))
	}
	if m.folder == "" {
		m.run("SELECT " + w.folder)
	}
	m.run("NOOP")
	o.sees(m, o.look(m.folder))
}

// agrees compares a folder with what the service has.
func (o *overseer) agrees(folder string, l look) {
	describe := func(id string, flags []string) string { // \Deleted and \Draft the service does not know
		known := slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == `\Deleted` || f == `\Draft` })
		return fmt.Sprint(id, known)
	}
	var want, got []string
	for _, m := range o.rig.mem.Contents(o.rig.folder(o.t, folder)) {
		flags := slices.Clone(m.Categories)
		for flag, on := range map[string]bool{`\Seen`: m.Read, `\Flagged`: m.Flagged, `\Answered`: m.Verb == bridge.VerbReply} {
			if on {
				flags = append(flags, flag)
			}
		}
		slices.Sort(flags)
		id, _, _ := strings.Cut(strings.Trim(m.InternetMessageID, "<>"), "@")
		want = append(want, describe(id, flags))
	}
	for _, m := range l.messages {
		got = append(got, describe(m.id, m.flags))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		o.fail("%s shows %v, the service has %v", folder, got, want)
	}
}

// counts compares STATUS with the folder.
func (o *overseer) counts(folder string, l look) {
	want := map[string]uint64{"MESSAGES": uint64(len(l.messages)), "UIDNEXT": uint64(l.uidNext), "HIGHESTMODSEQ": l.modSeq, "UNSEEN": 0, "DELETED": 0, "SIZE": 0}
	for _, m := range l.messages {
		want["SIZE"] += uint64(m.size)
		if !slices.Contains(m.flags, `\Seen`) {
			want["UNSEEN"]++
		}
		if slices.Contains(m.flags, `\Deleted`) {
			want["DELETED"]++
		}
	}
	lines := o.run("STATUS " + folder + " (MESSAGES UIDNEXT UNSEEN DELETED SIZE HIGHESTMODSEQ)")
	for item, n := range want {
		if got := number(regexp.MustCompile(`[( ]`+item+` (\d+)`), lines...); got != n {
			o.fail("STATUS tells %s %d, %s has %d", item, got, folder, n)
		}
	}
}

// sees compares what a session was told with the folder.
func (o *overseer) sees(m *mirror, l look) {
	uids := l.uids()
	if len(m.list) != len(uids) {
		m.fail("told of %d messages, %s has %d", len(m.list), m.folder, len(uids))
	}
	for i, msg := range m.list {
		if msg.uid != 0 && msg.uid != uids[i] {
			m.fail("told that message %d has UID %d, it has %d", i+1, msg.uid, uids[i])
		}
		told := slices.DeleteFunc(slices.Clone(msg.flags), func(f string) bool { return f == `\Recent` })
		if msg.flags != nil && !slices.Equal(told, l.messages[uids[i]].flags) {
			m.fail("told that message %d has %q, it has %q", i+1, told, l.messages[uids[i]].flags)
		}
	}
}

// happened compares a folder after a command with what it had to become.
func (o *overseer) happened(m *mirror, folder string, before look, want map[uint32]looked, after look) {
	if after.validity != before.validity {
		m.fail("UIDVALIDITY of %s changed from %s to %s", folder, before.validity, after.validity)
	}
	changed := len(want) != len(before.messages)
	for uid, msg := range want {
		got, ok := after.messages[uid]
		if !ok {
			m.fail("UID %d of %s is not there", uid, folder)
		}
		if got.id != msg.id || !slices.Equal(got.flags, msg.flags) || !got.received.Equal(msg.received) {
			m.fail("UID %d of %s is %+v, want %+v", uid, folder, got, msg)
		}
		old, known := before.messages[uid]
		same := known && slices.Equal(old.flags, msg.flags)
		changed = changed || !same
		switch {
		case !known && uid < before.uidNext:
			m.fail("new UID %d of %s is below UIDNEXT, which was %d", uid, folder, before.uidNext)
		case same && got.modSeq != old.modSeq:
			m.fail("UID %d of %s did not change, its mod-sequence did, from %d to %d", uid, folder, old.modSeq, got.modSeq)
		case !same && got.modSeq <= before.modSeq:
			m.fail("UID %d of %s changed and has mod-sequence %d, HIGHESTMODSEQ was %d", uid, folder, got.modSeq, before.modSeq)
		case got.modSeq > after.modSeq || uid >= after.uidNext:
			m.fail("UID %d of %s has mod-sequence %d, HIGHESTMODSEQ is %d and UIDNEXT %d", uid, folder, got.modSeq, after.modSeq, after.uidNext)
		}
	}
	for uid := range after.messages {
		if _, ok := want[uid]; !ok {
			m.fail("UID %d of %s is there, and should not be", uid, folder)
		}
	}
	if after.modSeq < before.modSeq || changed && after.modSeq == before.modSeq {
		m.fail("HIGHESTMODSEQ of %s was %d, and after a change is %d", folder, before.modSeq, after.modSeq)
	}
	if after.uidNext < before.uidNext {
		m.fail("UIDNEXT of %s fell from %d to %d", folder, before.uidNext, after.uidNext)
	}
}
