package imapsrv

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// traveller is a client that keeps a folder's messages while it is away, and
// learns what it missed by QRESYNC alone (RFC 7162 §6). It names messages by UID.
type traveller struct {
	t      *testing.T
	srv    *Server
	ctx    context.Context
	name   string
	folder string
	wire   *mirror // for its connection; nil while away

	validity string
	modSeq   uint64 // of what it knows of
	upTo     uint32 // the last UID that it asked for
	cache    map[uint32]cached

	seen, code uint64   // mod-sequences of the present command: highest of FETCH, HIGHESTMODSEQ
	silent     []string // what the present STORE does: sign and flag
	met        tally
	told       map[uint32]bool // UIDs that VANISHED named
	history    *history        // nil: it agrees with nobody
}

// cached is a message as a traveller knows it.
type cached struct {
	flags  []string
	modSeq uint64
}

// act comes, does something, or goes without a word.
func (v *traveller) act(rnd *rand.Rand) {
	switch {
	case v.wire == nil && rnd.IntN(3) > 0: // stays away
	case v.wire == nil:
		v.come(rnd)
	case rnd.IntN(6) == 0:
		v.leave()
	default:
		v.command(rnd)
	}
}

func (v *traveller) leave() {
	if v.wire != nil {
		v.wire.conn.Close()
		<-v.wire.ended
		v.wire = nil
	}
}

// come connects and resynchronises.
func (v *traveller) come(rnd *rand.Rand) {
	v.wire = newMirror(v.t, v.srv, v.ctx, v.name)
	v.run("LOGIN demo demo")
	v.run("ENABLE QRESYNC")
	if v.validity == "" {
		v.cache, v.told = map[uint32]cached{}, map[uint32]bool{}
		v.run("SELECT " + v.folder)
	} else {
		v.resync(rnd)
	}
	v.run(fmt.Sprintf("UID FETCH %d:* (FLAGS MODSEQ)", v.upTo+1))
}

// resync asks for what it missed.
func (v *traveller) resync(rnd *rand.Rand) {
	v.met["resync"]++
	before, told := maps.Clone(v.cache), maps.Clone(v.told)
	known := v.known(rnd)
	v.run(fmt.Sprintf("SELECT %s (QRESYNC (%s %d%s))", v.folder, v.validity, v.modSeq, known))
	for uid, msg := range v.cache {
		if old, ok := before[uid]; ok && old.modSeq != msg.modSeq {
			v.met["resync of changed messages"]++
		}
	}
	for _, line := range v.wire.log {
		m := vanished.FindStringSubmatch(strings.TrimPrefix(line, "S: "))
		if m != nil && slices.ContainsFunc(numbersOf(m[1]), func(uid int) bool { return told[uint32(uid)] }) {
			v.met["resync with a log that forgot"]++ // told again
		}
	}
}

// known is what QRESYNC may tell of the messages known, or not.
func (v *traveller) known(rnd *rand.Rand) string {
	if v.upTo == 0 || rnd.IntN(3) == 0 {
		return ""
	}
	text := fmt.Sprintf(" 1:%d", v.upTo)
	var nums, uids []string
	for i, uid := range slices.Sorted(maps.Keys(v.cache)) {
		if rnd.IntN(3) == 0 {
			nums, uids = append(nums, strconv.Itoa(i+1)), append(uids, strconv.Itoa(int(uid)))
		}
	}
	if len(nums) > 0 && rnd.IntN(2) == 0 {
		text += fmt.Sprintf(" (%s %s)", strings.Join(nums, ","), strings.Join(uids, ","))
	}
	return text
}

// command does something at random; those with numbers hold expunges back.
func (v *traveller) command(rnd *rand.Rand) {
	uids := fmt.Sprintf("%d:%d", rnd.IntN(30)+1, rnd.IntN(30)+1)
	flag := []string{`\Seen`, `\Flagged`, `\Deleted`, "Work"}[rnd.IntN(4)]
	sign := []string{"+", "-"}[rnd.IntN(2)]
	since := fmt.Sprintf("(UNCHANGEDSINCE %d) ", v.modSeq-min(v.modSeq, uint64(rnd.IntN(4))))
	store := func(what, condition, silent string) string {
		v.silent = []string{sign, flag}
		return fmt.Sprintf("%s %s%sFLAGS%s (%s)", what, condition, sign, silent, flag)
	}
	switch rnd.IntN(11) {
	case 0:
		v.run("NOOP")
	case 1:
		v.run("FETCH 1 (UID)")
	case 2:
		v.run("SEARCH UNSEEN")
	case 3:
		v.run("UID FETCH " + uids + " (FLAGS)")
	case 4:
		v.run(store("STORE 1", "", ".SILENT"))
	case 5:
		v.run(store("UID STORE "+uids, "", ".SILENT"))
	case 6:
		v.run(store("UID STORE "+uids, since, ".SILENT"))
	case 7:
		v.run(store("UID STORE "+uids, since, ""))
	case 8:
		v.run("EXPUNGE")
	case 9:
		v.run("UID MOVE " + uids + " " + randomFolders[rnd.IntN(2)])
	case 10:
		v.run(fmt.Sprintf("UID FETCH 1:%d (FLAGS) (CHANGEDSINCE %d VANISHED)", max(v.upTo, 1), max(v.modSeq, 1)))
	}
}

// run carries out a command, and notes the mod-sequence as RFC 7162 §6 says.
func (v *traveller) run(command string) {
	v.wire.send(command)
	v.seen, v.code = 0, 0
	for {
		line := v.wire.line()
		v.take(line)
		if strings.HasPrefix(line, v.wire.tagged()) {
			break
		}
	}
	switch {
	case v.code > 0:
		v.modSeq = v.code
	case v.seen > v.modSeq:
		v.modSeq = v.seen
	}
	v.silent = nil
	if strings.HasPrefix(command, fmt.Sprintf("UID FETCH %d:*", v.upTo+1)) {
		for uid := range v.cache {
			v.upTo = max(v.upTo, uid)
		}
	}
	for uid := range v.cache { // news of messages not asked for yet: they are read with the others
		if uid > v.upTo {
			delete(v.cache, uid)
		}
	}
}

var (
	vanished   = regexp.MustCompile(`^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)$`)
	modSeqItem = regexp.MustCompile(`MODSEQ \((\d+)\)`)
	modSeqCode = regexp.MustCompile(`\[HIGHESTMODSEQ (\d+)\]`)
	uidsValid  = regexp.MustCompile(`\[UIDVALIDITY (\d+)\]`)
)

// take lets one response change what the traveller knows.
func (v *traveller) take(line string) {
	v.met.note(line)
	if strings.Contains(line, "SERVERBUG") {
		v.wire.fail("not understood")
	}
	if m := modSeqCode.FindStringSubmatch(line); m != nil {
		v.code, _ = strconv.ParseUint(m[1], 10, 64)
	}
	if m := uidsValid.FindStringSubmatch(line); m != nil {
		v.validity = m[1]
	}
	if m := vanished.FindStringSubmatch(line); m != nil {
		for _, uid := range numbersOf(m[1]) {
			delete(v.cache, uint32(uid))
			v.told[uint32(uid)] = true
		}
	}
	f := numbered.FindStringSubmatch(line)
	switch {
	case f == nil:
		return
	case f[2] == "EXPUNGE":
		v.wire.fail("EXPUNGE instead of VANISHED")
	case f[2] != "FETCH":
		return
	}
	v.takeFetch(f[3])
}

func (v *traveller) takeFetch(items string) {
	u := uidItem.FindStringSubmatch(items)
	if u == nil {
		v.wire.fail("FETCH without UID")
	}
	n, _ := strconv.Atoi(u[1])
	msg, known := v.cache[uint32(n)]
	before := msg
	m := modSeqItem.FindStringSubmatch(items)
	if m != nil {
		msg.modSeq, _ = strconv.ParseUint(m[1], 10, 64)
		v.seen = max(v.seen, msg.modSeq)
	}
	fl := flagsItem.FindStringSubmatch(items)
	switch {
	case fl != nil:
		msg.flags = slices.DeleteFunc(strings.Fields(fl[1]), func(f string) bool { return f == `\Recent` })
		slices.Sort(msg.flags)
	case m != nil && v.silent == nil:
		v.wire.fail("a mod-sequence without flags")
	case m != nil:
		msg.flags = slices.DeleteFunc(slices.Clone(msg.flags), func(f string) bool { return f == v.silent[1] })
		if v.silent[0] == "+" {
			msg.flags = append(msg.flags, v.silent[1])
		}
		slices.Sort(msg.flags)
	}
	switch {
	case known && msg.modSeq < before.modSeq:
		v.wire.fail("the mod-sequence of UID %d fell from %d to %d", n, before.modSeq, msg.modSeq)
	case known && m != nil && msg.modSeq == before.modSeq && !slices.Equal(msg.flags, before.flags):
		v.wire.fail("the flags of UID %d changed from %q to %q, and not its mod-sequence %d", n, before.flags, msg.flags, msg.modSeq)
	}
	if v.history != nil && fl != nil {
		v.history.state(v.wire, v.folder, uint32(n), number(modSeqItem, items), msg.flags)
	}
	if known || fl != nil {
		v.cache[uint32(n)] = msg
	}
}

// compare resynchronises a last time, and compares with what a client sees that
// knows nothing.
func (v *traveller) compare(rnd *rand.Rand) {
	v.leave()
	v.come(rnd)
	v.run("NOOP")
	fresh := &traveller{t: v.t, srv: v.srv, ctx: v.ctx, name: v.name + "'s witness", folder: v.folder, met: tally{}}
	fresh.come(rnd)
	defer fresh.leave()
	defer v.leave()
	if got, want := v.list(), fresh.list(); got != want {
		v.wire.fail("after QRESYNC the client has\n%sthe folder has\n%s", got, want)
	}
	if v.modSeq != fresh.modSeq {
		v.wire.fail("the client is at mod-sequence %d, the folder at %d", v.modSeq, fresh.modSeq)
	}
}

func (v *traveller) list() string {
	var b strings.Builder
	for _, uid := range slices.Sorted(maps.Keys(v.cache)) {
		fmt.Fprintf(&b, "\t%d %q %d\n", uid, v.cache[uid].flags, v.cache[uid].modSeq)
	}
	return b.String()
}
