package imapsrv

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	numbered   = regexp.MustCompile(`^\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)`)
	uidItem    = regexp.MustCompile(`\bUID (\d+)`)
	flagsItem  = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
	esearchAll = regexp.MustCompile(` ALL ([\d:,]+)`)
)

// numbersOf lists the numbers of a set, or of a list.
func numbersOf(text string) (nums []int) {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		first, last, ok := strings.Cut(part, ":")
		if !ok {
			last = first
		}
		a, _ := strconv.Atoi(first)
		b, _ := strconv.Atoi(last)
		for n := a; n <= b; n++ {
			nums = append(nums, n)
		}
	}
	return nums
}

// found reads what SEARCH answered with, in the form that the session is to get.
func (m *mirror) found(lines []string) []int {
	for _, line := range lines {
		if nums, ok := strings.CutPrefix(line, "* SEARCH"); ok && !m.has("IMAP4rev2") {
			return numbersOf(nums)
		}
		if strings.HasPrefix(line, "* ESEARCH (TAG ") && m.has("IMAP4rev2") {
			if all := esearchAll.FindStringSubmatch(line); all != nil {
				return numbersOf(all[1])
			}
			return nil
		}
	}
	m.fail("no answer to SEARCH")
	return nil
}

// take lets one untagged response change the mirror.
func (m *mirror) take(command, line string) {
	m.met.note(line)
	numbersOnly := command == "FETCH" || command == "STORE" || command == "SEARCH" || command == "SORT" || command == "THREAD"
	if command == "SEARCH" && (strings.HasPrefix(line, "* SEARCH") || strings.HasPrefix(line, "* ESEARCH") && !strings.Contains(line, " UID")) {
		m.checkFound(line)
	}
	if m.has("IMAP4rev2") && (strings.HasPrefix(line, "* SEARCH") || strings.Contains(line, `\Recent`) || strings.HasSuffix(line, " RECENT")) {
		m.fail("not of IMAP4rev2: %s", line)
	}
	if v := vanished.FindStringSubmatch(line); v != nil {
		if !m.has("QRESYNC") || numbersOnly {
			m.fail("VANISHED during %s", command)
		}
		for _, uid := range numbersOf(v[1]) {
			m.vanish(uint32(uid))
		}
		return
	}
	f := numbered.FindStringSubmatch(line)
	if f == nil {
		return
	}
	n, _ := strconv.Atoi(f[1])
	switch f[2] {
	case "EXISTS":
		if n < len(m.list) {
			m.fail("EXISTS fell from %d to %d", len(m.list), n)
		}
		m.list = append(m.list, make([]mirrored, n-len(m.list))...)
		return
	case "EXPUNGE":
		if m.has("QRESYNC") || numbersOnly {
			m.fail("EXPUNGE during %s", command)
		}
	}
	if n < 1 || n > len(m.list) {
		m.fail("%s for message %d of %d", f[2], n, len(m.list))
	}
	if f[2] == "EXPUNGE" {
		m.history.gone(m.folder, m.list[n-1].uid)
		m.list = slices.Delete(m.list, n-1, n)
		return
	}
	m.takeFetch(command, n, f[3])
}

func (m *mirror) takeFetch(command string, n int, items string) {
	msg := &m.list[n-1]
	u, fl := uidItem.FindStringSubmatch(items), flagsItem.FindStringSubmatch(items)
	if u != nil {
		uid, _ := strconv.ParseUint(u[1], 10, 32)
		if msg.uid != 0 && msg.uid != uint32(uid) {
			m.fail("message %d had UID %d and has %d", n, msg.uid, uid)
		}
		msg.uid = uint32(uid)
		if id := messageID.FindStringSubmatch(items); id != nil {
			m.history.named(m, uint32(uid), id[1])
		}
	} else if command != "FETCH" && (m.has("IMAP4rev2") || m.has("CONDSTORE")) {
		m.fail("nobody asked for FETCH%s, and it has no UID", items)
	}
	if fl != nil {
		msg.flags = append([]string{}, strings.Fields(fl[1])...)
		slices.SortFunc(msg.flags, cmp.Compare[string])
		m.history.state(m, m.folder, msg.uid, number(modSeqItem, items), flagsIn(items))
		if slices.Contains(msg.flags, `\Recent`) && !m.readOnly {
			m.history.recentIn(m, msg.uid)
		}
	}
}

// vanish takes a message out by its UID. One that is not known came with the last
// EXISTS, and the client did not ask for it yet.
func (m *mirror) vanish(uid uint32) {
	m.history.gone(m.folder, uid)
	i := slices.IndexFunc(m.list, func(msg mirrored) bool { return msg.uid == uid })
	if i < 0 {
		i = slices.IndexFunc(m.list, func(msg mirrored) bool { return msg.uid == 0 })
	}
	if i < 0 {
		m.fail("VANISHED %d, which was not there", uid)
	}
	m.list = slices.Delete(m.list, i, i+1)
}

// checkFound looks whether numbers found exist.
func (m *mirror) checkFound(line string) {
	nums := strings.TrimPrefix(line, "* SEARCH")
	if strings.HasPrefix(line, "* ESEARCH") {
		all := esearchAll.FindStringSubmatch(line)
		if all == nil {
			return
		}
		nums = all[1]
	}
	for _, n := range numbersOf(nums) {
		if n < 1 || n > len(m.list) {
			m.fail("SEARCH returned message %d of %d", n, len(m.list))
		}
	}
}

// history is what all sessions together must agree in: a UID always means the
// same message, and never comes back once it went.
type history struct {
	t    *testing.T
	ids  map[string]map[uint32]string // by folder and UID
	away map[string]map[uint32]bool

	recent map[string]string // the session and its SELECT by folder and UID
	flags  map[string]string // by folder, UID and mod-sequence
}

func newHistory(t *testing.T) *history {
	h := &history{t: t, ids: map[string]map[uint32]string{}, away: map[string]map[uint32]bool{}, recent: map[string]string{}, flags: map[string]string{}}
	for _, folder := range randomFolders {
		h.ids[folder], h.away[folder] = map[uint32]string{}, map[uint32]bool{}
	}
	return h
}

func (h *history) named(m *mirror, uid uint32, id string) {
	if before := h.ids[m.folder][uid]; before != "" && before != id {
		m.fail("UID %d of %s was message %s, and is %s", uid, m.folder, before, id)
	}
	h.ids[m.folder][uid] = id
}

// recentIn: a message is \Recent in one session only (RFC 3501 §2.3.2).
func (h *history) recentIn(m *mirror, uid uint32) {
	if uid == 0 {
		return
	}
	key, session := fmt.Sprint(m.folder, " ", uid), fmt.Sprint(m.name, ", SELECT ", m.selects)
	if before, ok := h.recent[key]; ok && before != session {
		m.fail("UID %d of %s is \\Recent, and was in %s", uid, m.folder, before)
	}
	h.recent[key] = session
}

// state: who knows a message's mod-sequence knows its flags (RFC 7162 §3.1).
func (h *history) state(m *mirror, folder string, uid uint32, modSeq uint64, flags []string) {
	if uid == 0 || modSeq == 0 {
		return
	}
	key, now := fmt.Sprint(folder, " ", uid, " ", modSeq), fmt.Sprint(flags)
	if before, ok := h.flags[key]; ok && before != now {
		m.fail("UID %d of %s has %s, and with the same mod-sequence %d had %s", uid, folder, now, modSeq, before)
	}
	h.flags[key] = now
}

func (h *history) gone(folder string, uid uint32) {
	if uid != 0 {
		h.away[folder][uid] = true
	}
}

func (h *history) present(m *mirror, uid uint32) {
	if h.away[m.folder][uid] {
		m.fail("UID %d of %s was expunged, and is there again", uid, m.folder)
	}
}

// tally counts what the sessions met, so that the test cannot pass by meeting
// nothing.
type tally map[string]int

// mustMeet are beginnings and parts of responses.
var mustMeet = []string{
	"* SEARCH", "* ESEARCH", "* SORT", "* THREAD", "* STATUS", " EXPUNGE", "* VANISHED ", "* VANISHED (EARLIER)",
	"COPYUID", "MODSEQ (", "FLAGS (", "resync", "resync of changed messages", "resync with a log that forgot", "[MODIFIED ",
}

func (m tally) note(line string) {
	for _, part := range mustMeet {
		if strings.Contains(line, part) {
			m[part]++
		}
	}
}

func (m tally) check(t *testing.T) {
	for _, kind := range []string{"STORE", "COPY", "MOVE", "EXPUNGE", "APPEND", "REPLACE", "FETCH BODY", "SEARCH", "SORT", "THREAD"} {
		if m["order: "+kind] == 0 {
			t.Errorf("no order %s was watched", kind)
		}
	}
	for _, part := range mustMeet {
		if m[part] == 0 {
			t.Errorf("no session met %q: the test shows less than it says", part)
		}
	}
	t.Log("met:", m)
}
