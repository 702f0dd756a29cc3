package imapsrv

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge/storetest"
)

// TestRandomSessions lets many sessions and somebody else change the same folders
// at random. Each session keeps a mirror that knows only what it was told; numbers,
// UIDs and flags must always fit, searches must find what has the flags that were
// told, and in the end every session must see what the service has. Others come
// and go, and learn what they missed by QRESYNC. Some orders are watched: both
// folders must become what the order says, and what the service has. In the
// middle the server starts anew.
//
// MAIL2GRAPH_RANDOM=10m goes on with further seeds for so long.
func TestRandomSessions(t *testing.T) {
	runs, steps := uint64(14), 300
	if testing.Short() {
		runs = 2
	}
	var until time.Time
	if text := os.Getenv("MAIL2GRAPH_RANDOM"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("MAIL2GRAPH_RANDOM: %v", err)
		}
		until = time.Now().Add(d)
	}
	met := tally{}
	for seed := uint64(0); seed < runs || time.Now().Before(until); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playRandomly(t, rand.New(rand.NewPCG(seed, 1)), steps, met) })
		})
	}
	met.check(t)
}

var randomFolders = []string{"INBOX", "Work"}

// sessionKinds are what the sessions have enabled.
var sessionKinds = []string{"", "", "", "CONDSTORE", "QRESYNC", "IMAP4rev2", "IMAP4rev2 QRESYNC", "UTF8=ACCEPT", "COMPRESS=DEFLATE CONDSTORE"}

func playRandomly(t *testing.T, rnd *rand.Rand, steps int, met tally) {
	r := newRig(t)
	if rnd.IntN(2) == 0 { // QRESYNC has to do without most of the log
		r.index.MaxExpunged = 1
	}
	r.addFolder(t, "Work")
	r.start(t)
	defer func() { r.stop(t) }()
	srv := New(Options{Login: r.login})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	history := newHistory(t)
	var sessions []*mirror
	newSession := func(name, kind string) *mirror {
		m := newMirror(t, srv, ctx, strings.TrimSpace(name+" "+kind))
		m.history, m.met, m.enables = history, met, kind
		sessions = append(sessions, m)
		m.logIn("INBOX")
		return m
	}
	leave := func() {
		for _, m := range sessions {
			m.conn.Close()
			<-m.ended
		}
		sessions = nil
	}
	defer func() { leave() }()
	over := &overseer{rig: r}
	come := func() {
		over.mirror = newSession("overseer", "")
		for i, kind := range sessionKinds {
			newSession(fmt.Sprint("session ", i+1), kind)
		}
	}
	come()
	world := &world{t: t, rig: r, rnd: rnd}
	travellers := make([]*traveller, 4)
	for i := range travellers {
		travellers[i] = &traveller{t: t, srv: srv, ctx: ctx, name: fmt.Sprint("traveller ", i+1), folder: randomFolders[i%2], met: met, history: history}
		defer travellers[i].leave()
	}
	for step := range steps {
		session := sessions[1+rnd.IntN(len(sessionKinds))]
		switch rnd.IntN(6) {
		case 0:
			world.act()
		case 1:
			travellers[rnd.IntN(len(travellers))].act(rnd)
		case 2:
			over.watch(session, rnd)
		default:
			session.act(rnd)
		}
		if step == steps/2 {
			leave()
			for _, v := range travellers {
				v.leave()
			}
			r.stop(t)
			r.start(t)
			history.recent = map[string]string{}
			come()
		}
		if rnd.IntN(5) == 0 {
			time.Sleep(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		}
	}
	for _, folder := range randomFolders {
		for _, m := range sessions[1:] {
			m.run("SELECT " + folder)
		}
		time.Sleep(2 * time.Second)
		for _, m := range sessions[1:] {
			m.compare(r.truth(t, folder))
		}
	}
	for _, v := range travellers {
		v.compare(rnd)
	}
}

// world is somebody else who uses the mailbox.
type world struct {
	t   *testing.T
	rig *rig
	rnd *rand.Rand
	n   int
}

func (w *world) act() {
	mem, folder := w.rig.mem, w.rig.folder(w.t, randomFolders[w.rnd.IntN(2)])
	if w.rnd.IntN(2) == 0 {
		w.n++
		mem.Deliver(folder, letter(w.n, "x", 0), storetest.DeliverOptions{Read: w.rnd.IntN(2) == 0})
		return
	}
	all := mem.Contents(folder)
	if len(all) == 0 {
		return
	}
	m := all[w.rnd.IntN(len(all))]
	switch w.rnd.IntN(4) {
	case 0:
		mem.SetRead(m.ID, !m.Read)
	case 1:
		mem.SetFlagged(m.ID, !m.Flagged)
	case 2:
		mem.Remove(m.ID)
	case 3:
		mem.MoveMessage(m.ID, w.rig.folder(w.t, randomFolders[w.rnd.IntN(2)]))
	}
}

// truth lists a folder's messages as the service has them.
func (r *rig) truth(t *testing.T, folder string) []string {
	var list []string
	for _, m := range r.mem.Contents(r.folder(t, folder)) {
		id, _, _ := strings.Cut(strings.Trim(m.InternetMessageID, "<>"), "@")
		list = append(list, fmt.Sprintf("%s seen=%v flagged=%v", id, m.Read, m.Flagged))
	}
	slices.Sort(list)
	return list
}

// mirror is a session's client with what it was told.
type mirror struct {
	t     *testing.T
	name  string
	conn  net.Conn
	rd    *bufio.Reader
	plain *bufio.Reader // below compression
	out   *bufio.Writer // below z
	z     *flate.Writer // nil: not compressed
	ended chan struct{}
	log   []string // of the last lines, to explain a failure
	tag   int
	known int // messages when the command was sent
	list  []mirrored

	enables  string // after each login
	folder   string // selected
	readOnly bool
	selects  int
	history  *history
	met      tally
}

// mirrored is one message; what was not told yet is 0 and nil.
type mirrored struct {
	uid   uint32
	flags []string
}

func newMirror(t *testing.T, srv *Server, ctx context.Context, name string) *mirror {
	near, far := net.Pipe()
	m := &mirror{t: t, name: name, conn: near, rd: bufio.NewReader(near), ended: make(chan struct{})}
	m.plain = m.rd
	go func() {
		defer close(m.ended)
		srv.serveConn(ctx, far)
	}()
	expect(t, m.rd, "* OK")
	return m
}

func (m *mirror) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s: %s after\n\t%s", m.name, fmt.Sprintf(format, args...),
		strings.Join(m.log[max(0, len(m.log)-25):], "\n\t"))
}

// compare brings the session up to date and compares it with the service.
func (m *mirror) compare(truth []string) {
	m.consistent()
	var list []string
	if len(m.list) > 0 {
		for _, line := range m.run("FETCH 1:* (FLAGS ENVELOPE)") {
			if id := messageID.FindStringSubmatch(line); id != nil {
				list = append(list, fmt.Sprintf("%s seen=%v flagged=%v", id[1],
					strings.Contains(line, `\Seen`), strings.Contains(line, `\Flagged`)))
			}
		}
	}
	for _, msg := range m.list {
		m.history.present(m, msg.uid)
	}
	slices.Sort(list)
	if !slices.Equal(list, truth) {
		m.fail("the client sees\n\t%s\nthe service has\n\t%s", strings.Join(list, "\n\t"), strings.Join(truth, "\n\t"))
	}
}

var messageID = regexp.MustCompile(`"<(\d+)@example\.org>"`)

func (m *mirror) tagged() string { return fmt.Sprintf("t%d ", m.tag) }

func (m *mirror) send(command string) {
	m.tag++
	m.known = len(m.list)
	if f := silentStore.FindStringSubmatch(command); f != nil && !m.readOnly {
		m.assume(f)
	}
	line := m.tagged() + command
	m.log = append(m.log, "C: "+line)
	switch word, rest, _ := strings.Cut(command, " "); word {
	case "SELECT", "EXAMINE":
		m.list, m.folder, m.readOnly = nil, rest, word == "EXAMINE"
		m.selects++
	case "UNSELECT", "CLOSE", "UNAUTHENTICATE":
		m.list, m.folder = nil, ""
	}
	m.write(line + "\r\n")
}

func (m *mirror) write(text string) {
	if m.z == nil {
		if _, err := io.WriteString(m.conn, text); err != nil {
			m.fail("write: %v", err)
		}
		return
	}
	_, err := io.WriteString(m.z, text)
	if err = errors.Join(err, m.z.Flush(), m.out.Flush()); err != nil {
		m.fail("write: %v", err)
	}
}

// compress is COMPRESS (RFC 4978).
func (m *mirror) compress() {
	m.run("COMPRESS DEFLATE")
	m.out = bufio.NewWriterSize(m.conn, 64<<10)
	m.z, _ = flate.NewWriter(m.out, flate.BestSpeed)
	m.rd = bufio.NewReader(flate.NewReader(m.plain))
}

// unauthenticate also ends compression (RFC 8437 §4.1).
func (m *mirror) unauthenticate() {
	m.run("UNAUTHENTICATE")
	if m.z == nil {
		return
	}
	if rest, err := io.ReadAll(m.rd); err != nil || len(rest) > 0 {
		m.fail("after UNAUTHENTICATE %q and %v", rest, err)
	}
	m.rd, m.z = m.plain, nil
}

var silentStore = regexp.MustCompile(`^(UID )?STORE (\d+):(\d+) ([+-])FLAGS\.SILENT \((.*)\)`)

// assume does to the mirror what a silent STORE is to do: only what turns out
// otherwise will be told.
func (m *mirror) assume(store []string) {
	a, _ := strconv.Atoi(store[2])
	b, _ := strconv.Atoi(store[3])
	for i := range m.list {
		msg := &m.list[i]
		n := i + 1
		if store[1] != "" {
			n = int(msg.uid)
		}
		switch {
		case n == 0: // may be meant: the flags are not known any more
			msg.flags = nil
		case n < min(a, b) || n > max(a, b) || msg.flags == nil:
		case store[4] == "+" && !slices.Contains(msg.flags, store[5]):
			msg.flags = append(slices.Clone(msg.flags), store[5])
			slices.Sort(msg.flags)
		case store[4] == "-":
			msg.flags = slices.DeleteFunc(slices.Clone(msg.flags), func(f string) bool { return f == store[5] })
		}
	}
}

// run carries out a command and returns its untagged responses.
func (m *mirror) run(command string) []string {
	m.send(command)
	lines := m.until(m.tagged())
	m.learnUIDs()
	return lines
}

// learnUIDs asks for the UIDs of new messages where VANISHED will name them.
func (m *mirror) learnUIDs() {
	i := slices.IndexFunc(m.list, func(msg mirrored) bool { return msg.uid == 0 })
	if i >= 0 && m.has("QRESYNC") {
		m.send(fmt.Sprintf("FETCH %d:* (UID)", i+1))
		m.until(m.tagged())
	}
}

// until reads and takes in lines up to the one with the prefix.
func (m *mirror) until(prefix string) (lines []string) {
	command, _, _ := strings.Cut(strings.TrimPrefix(m.log[len(m.log)-1], "C: "+m.tagged()), " ")
	for {
		line := m.line()
		if strings.HasPrefix(line, prefix) {
			if strings.Contains(line, " BAD ") && m.known > 0 || strings.Contains(line, "SERVERBUG") {
				m.fail("not understood")
			}
			return lines
		}
		lines = append(lines, line)
		m.take(command, line)
	}
}

// line reads one line with its literals, which are left out.
func (m *mirror) line() string {
	var whole string
	for {
		line, err := m.rd.ReadString('\n')
		if err != nil {
			m.fail("read: %v", err)
		}
		line = strings.TrimSuffix(line, "\r\n")
		whole += line
		l := literalAtEnd.FindStringSubmatch(line)
		if l == nil {
			break
		}
		n, _ := strconv.Atoi(l[1])
		if _, err := m.rd.Discard(n); err != nil {
			m.fail("read: %v", err)
		}
	}
	m.log = append(m.log, "S: "+whole)
	return whole
}

var literalAtEnd = regexp.MustCompile(`\{(\d+)\}$`)
