package imapsrv

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// logIn logs in, enables what the session has, and selects a folder.
func (m *mirror) logIn(folder string) {
	m.run("LOGIN demo demo")
	const deflate = "COMPRESS=DEFLATE"
	words := strings.Fields(m.enables)
	if slices.Contains(words, deflate) {
		m.compress()
	}
	if words = slices.DeleteFunc(words, func(w string) bool { return w == deflate }); len(words) > 0 {
		m.run("ENABLE " + strings.Join(words, " "))
	}
	m.run("SELECT " + folder)
}

// has reports whether the session has enabled something.
func (m *mirror) has(capability string) bool {
	return slices.Contains(strings.Fields(m.enables), capability)
}

// act does something at random.
func (m *mirror) act(rnd *rand.Rand) {
	n := len(m.list)
	switch {
	case n == 0 && rnd.IntN(2) == 0:
		m.run("NOOP")
	case rnd.IntN(3) == 0:
		m.actAtLength(rnd)
	default:
		commands := m.commands(rnd)
		m.run(commands[rnd.IntN(len(commands))])
	}
}

// commands are those of one line.
func (m *mirror) commands(rnd *rand.Rand) []string {
	n := max(len(m.list), 1)
	set := func() string { return fmt.Sprintf("%d:%d", rnd.IntN(n)+1, rnd.IntN(n)+1) }
	uids := func() string { return fmt.Sprintf("%d:%d", rnd.IntN(40)+1, rnd.IntN(40)+1) }
	folder := func() string { return randomFolders[rnd.IntN(2)] }
	flag := []string{`\Seen`, `\Flagged`, `\Deleted`, "Work", `\Answered`, `\Draft`}[rnd.IntN(6)]
	sign := []string{"+", "-"}[rnd.IntN(2)]
	silent := []string{"", ".SILENT"}[rnd.IntN(2)]
	return []string{
		"NOOP", "NOOP", "CHECK",
		"FETCH " + set() + " (FLAGS UID)", "UID FETCH " + uids() + " (FLAGS)", "FETCH " + set() + " (UID)",
		"FETCH " + set() + " (UID ENVELOPE)", "FETCH " + set() + " (BODY[TEXT])", "UID FETCH " + uids() + " (RFC822.SIZE PREVIEW SAVEDATE)",
		"FETCH " + set() + " ALL", "UID FETCH 1:* (FLAGS) (PARTIAL -1:-3)",
		"STORE " + set() + " " + sign + "FLAGS" + silent + " (" + flag + ")",
		"UID STORE " + uids() + " " + sign + "FLAGS" + silent + " (" + flag + ")",
		"STORE " + set() + " FLAGS (" + flag + ")",
		"SEARCH UNSEEN", "UID SEARCH DELETED", "SEARCH 1:* NOT DELETED", "SEARCH RETURN (MIN MAX COUNT) SEEN",
		"SORT (REVERSE ARRIVAL) UTF-8 UNDELETED", "UID SORT (SUBJECT) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
		"SEARCH TEXT message", "UID SEARCH SUBJECT appended",
		"EXPUNGE", "UID EXPUNGE " + uids(),
		"COPY " + set() + " Work", "UID COPY " + uids() + " INBOX", "UID MOVE " + uids() + " Work", "MOVE " + set() + " INBOX",
		"STATUS " + folder() + " (MESSAGES UNSEEN UIDNEXT DELETED SIZE)", `LIST "" * RETURN (STATUS (MESSAGES UIDNEXT))`, `LSUB "" *`,
		"SELECT " + folder(), "EXAMINE " + folder(),
		"UID FETCH " + uids() + " (EMAILID THREADID BINARY.SIZE[1] BINARY.PEEK[1])", "FETCH " + set() + " (INTERNALDATE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.9>)",
		"SEARCH RETURN (PARTIAL 1:3) UNSEEN", "UID SEARCH RETURN (PARTIAL -1:-3 COUNT) ALL", "SEARCH YOUNGER 5 NOT OLDER 60",
		"SORT RETURN (MIN MAX COUNT) (DISPLAYFROM) UTF-8 ALL", "UID SORT (DISPLAYTO REVERSE SIZE) UTF-8 SEEN",
		"STATUS " + folder() + " (RECENT MAILBOXID UIDVALIDITY)", `LIST (SUBSCRIBED) "" ("INBOX" "W*") RETURN (CHILDREN SPECIAL-USE)`,
		"SUBSCRIBE " + folder(), "NAMESPACE", "ID NIL", "CAPABILITY",
	}
}

// actAtLength does what takes more than a line.
func (m *mirror) actAtLength(rnd *rand.Rand) {
	n := len(m.list)
	flag := []string{"SEEN", "UNSEEN", "DELETED", "FLAGGED", "KEYWORD Work"}[rnd.IntN(5)]
	text := letter(1000+m.tag, "appended", 0)
	literal := fmt.Sprintf("{%d+}\r\n%s", len(text), text)
	switch rnd.IntN(11) {
	case 0, 1:
		m.consistent()
	case 2:
		m.send("IDLE")
		m.until("+ ")
		time.Sleep(time.Duration(rnd.IntN(8)) * time.Second)
		m.write("DONE\r\n")
		m.until(m.tagged())
		m.learnUIDs()
	case 3:
		m.run("APPEND INBOX (\\Seen) " + literal)
	case 4:
		m.run("APPEND Work " + literal + " (\\Flagged) " + literal)
	case 5: // what "$" stands for goes while it is used
		m.run("UID SEARCH RETURN (SAVE) " + flag)
		m.run([]string{"FETCH $ (UID FLAGS)", "UID STORE $ +FLAGS (Work)", "STORE $ -FLAGS (\\Seen)", "UID MOVE $ Work", "UID COPY $ INBOX", "UID EXPUNGE $"}[rnd.IntN(6)])
	case 6:
		if n > 0 && !m.readOnly {
			m.run(fmt.Sprintf("REPLACE %d %s (\\Seen) %s", rnd.IntN(n)+1, randomFolders[rnd.IntN(2)], literal))
		}
	case 7:
		folder := m.folder
		m.run([]string{"CLOSE", "UNSELECT"}[rnd.IntN(2)])
		m.run("CREATE Temp/" + fmt.Sprint(m.tag))
		m.run("DELETE Temp/" + fmt.Sprint(m.tag-1))
		m.run("SELECT " + folder)
	case 8: // those who have it selected see the same folder under another name
		m.run("RENAME Work Arbeit")
		m.run("STATUS Arbeit (MESSAGES UIDNEXT)")
		m.run("RENAME Arbeit Work")
	case 9:
		if n > 0 && !m.readOnly {
			m.run(fmt.Sprintf("UID REPLACE * %s (\\Seen) %s", randomFolders[rnd.IntN(2)], literal))
		}
	case 10:
		folder := m.folder
		m.unauthenticate()
		m.logIn(folder)
	}
}

// consistent compares what the session was told with what it gets when it asks,
// and with what searches find.
func (m *mirror) consistent() {
	time.Sleep(1100 * time.Millisecond)
	m.run("NOOP")
	if len(m.list) == 0 {
		return
	}
	before := slices.Clone(m.list)
	m.run("FETCH 1:* (UID FLAGS)")
	if len(m.list) != len(before) {
		m.fail("FETCH changed the number of messages from %d to %d", len(before), len(m.list))
	}
	for i, b := range before {
		if b.flags != nil && !slices.Equal(b.flags, m.list[i].flags) {
			m.fail("message %d was told to have %q, and has %q", i+1, b.flags, m.list[i].flags)
		}
		if i > 0 && m.list[i].uid <= m.list[i-1].uid {
			m.fail("UIDs do not ascend at message %d", i+1)
		}
	}
	for key, flag := range map[string]string{"SEEN": `\Seen`, "DELETED": `\Deleted`, "FLAGGED": `\Flagged`, "ANSWERED": `\Answered`, "DRAFT": `\Draft`, "KEYWORD Work": "Work"} {
		var want []int
		for i, msg := range m.list {
			if slices.Contains(msg.flags, flag) {
				want = append(want, i+1)
			}
		}
		if got := m.found(m.run("SEARCH " + key)); !slices.Equal(got, want) {
			m.fail("SEARCH %s found %v, with the flag are %v", key, got, want)
		}
	}
}
