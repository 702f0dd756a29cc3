package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mail2graph/graphstore/graphsim"
)

// lastTalk is an IMAP connection to a daemon that may end at any moment.
type lastTalk struct {
	conn net.Conn
	r    *bufio.Reader
	n    int
}

var errNotOK = errors.New("the answer is not OK")

func dialKilled(addr, user string) (*lastTalk, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	c := &lastTalk{conn: conn, r: bufio.NewReader(conn)}
	if _, err := c.r.ReadString('\n'); err != nil {
		conn.Close()
		return nil, err
	}
	if _, err := c.do("LOGIN %s secret", user); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// do sends a command and returns all that was said, with errNotOK for NO and BAD and
// another error when no answer came.
func (c *lastTalk) do(format string, args ...any) (string, error) {
	c.n++
	tag := fmt.Sprintf("t%d ", c.n)
	_ = c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c.conn, tag+fmt.Sprintf(format, args...)+"\r\n"); err != nil {
		return "", err
	}
	var said strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return said.String(), err
		}
		said.WriteString(line)
		if rest, ok := strings.CutPrefix(line, tag); ok {
			if !strings.HasPrefix(rest, "OK") {
				return said.String(), fmt.Errorf("%w: %s", errNotOK, rest)
			}
			return said.String(), nil
		}
	}
}

// filed is what a client knows of a message of its own.
type filed struct {
	folder  string
	uid     string
	flags   []string // those that were acknowledged
	unsure  bool     // an order about it was not answered: only that it is not lost, or doubled, is known
	mayLack bool     // it may not be there at all
}

// mailer is a client that files, flags, moves and deletes messages of its own.
type mailer struct {
	bed  *killBed
	user string
	rnd  *rand.Rand
	name string
	n    int

	mine       map[string]*filed // by Message-ID
	validities map[string]string // by folder
	names      map[string]string // "folder UIDVALIDITY UID" → Message-ID, for ever
	answered   atomic.Int64      // orders
}

var killFolders = []string{"INBOX", "Archive"}

// run works until ctx ends; it connects anew whenever the daemon is gone.
func (m *mailer) run(ctx context.Context) {
	for ctx.Err() == nil {
		c, err := dialKilled(m.bed.imap, m.user)
		if err != nil {
			pause(20 * time.Millisecond)
			continue
		}
		for err == nil && ctx.Err() == nil {
			if err = m.step(c); errors.Is(err, errNotOK) {
				err = nil
			}
		}
		c.conn.Close()
	}
}

// step gives one order and notes what came of it.
func (m *mailer) step(c *lastTalk) error {
	var sure []string
	for id, f := range m.mine {
		if !f.unsure {
			sure = append(sure, id)
		}
	}
	slices.Sort(sure) // so that the seed decides
	if len(sure) < 3 || m.rnd.IntN(3) == 0 {
		return m.append(c)
	}
	id := sure[m.rnd.IntN(len(sure))]
	f := m.mine[id]
	if _, err := c.do("SELECT %s", f.folder); err != nil {
		return err
	}
	f.unsure = true // until the answer is here
	switch m.rnd.IntN(4) {
	case 0, 1:
		flag := []string{`\Flagged`, `\Seen`, `\Answered`, `\Deleted`, "Blue"}[m.rnd.IntN(5)]
		_, err := c.do("UID STORE %s +FLAGS (%s)", f.uid, flag)
		if err == nil {
			f.flags, f.unsure = append(f.flags, flag), false
			m.answered.Add(1)
		}
		return err
	case 2:
		to := killFolders[m.rnd.IntN(2)]
		if to == f.folder {
			f.unsure = false
			return nil
		}
		said, err := c.do("UID MOVE %s %s", f.uid, to)
		if err != nil {
			return err
		}
		if found := regexp.MustCompile(`\[COPYUID (\d+) \d+ (\d+)\]`).FindStringSubmatch(said); found != nil {
			f.folder, f.uid, f.unsure = to, found[2], false
			f.flags = slices.DeleteFunc(f.flags, func(s string) bool { return s == `\Deleted` }) // a mark for its place
			m.note(to, found[1], found[2], id)
			m.answered.Add(1)
		}
		return nil
	default:
		f.mayLack = true
		if _, err := c.do("UID STORE %s +FLAGS.SILENT (\\Deleted)", f.uid); err != nil {
			return err
		}
		if _, err := c.do("UID EXPUNGE %s", f.uid); err != nil {
			return err
		}
		delete(m.mine, id)
		m.answered.Add(1)
		return nil
	}
}

func (m *mailer) append(c *lastTalk) error {
	m.n++
	id := fmt.Sprintf("%s.%d@example.com", m.name, m.n)
	text := "From: a@example.com\r\nMessage-ID: <" + id + ">\r\nSubject: " + id + "\r\n\r\ntext\r\n"
	f := &filed{folder: killFolders[m.rnd.IntN(2)], unsure: true, mayLack: true}
	m.mine[id] = f
	said, err := c.do("APPEND %s {%d+}\r\n%s", f.folder, len(text), text)
	if found := regexp.MustCompile(`\[APPENDUID (\d+) (\d+)\]`).FindStringSubmatch(said); err == nil && found != nil {
		f.uid, f.unsure, f.mayLack = found[2], false, false
		m.note(f.folder, found[1], f.uid, id)
		m.answered.Add(1)
	}
	return err
}

// note remembers whom a UID names, for ever.
func (m *mailer) note(folder, validity, uid, id string) {
	if old := m.validities[folder]; old != "" && old != validity {
		m.bed.t.Errorf("UIDVALIDITY of %s was %s and is %s", folder, old, validity)
	}
	m.validities[folder] = validity
	key := folder + " " + validity + " " + uid
	if old := m.names[key]; old != "" && old != id {
		m.bed.t.Errorf("UID %s names %s and %s", key, old, id)
	}
	m.names[key] = id
}

var fetchedMine = regexp.MustCompile(`\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) BODY\[HEADER\.FIELDS \(MESSAGE-ID\)\] \{\d+\}\r\nMessage-ID: <([^>]*)>`)

// check compares the folders with what this client was told.
func (m *mailer) check() {
	t := m.bed.t
	t.Helper()
	c, err := dialKilled(m.bed.imap, m.user)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	type place struct{ folder, uid, flags string }
	there := map[string][]place{}
	for _, folder := range killFolders {
		said, err := c.do("EXAMINE %s", folder)
		if err != nil {
			t.Fatal(err)
		}
		validity := regexp.MustCompile(`UIDVALIDITY (\d+)`).FindStringSubmatch(said)[1]
		said, err = c.do("FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
		if err != nil && !strings.Contains(said, "BAD") { // the folder may be empty
			t.Fatal(err)
		}
		for _, row := range fetchedMine.FindAllStringSubmatch(said, -1) {
			there[row[3]] = append(there[row[3]], place{folder, row[1], row[2]})
			m.note(folder, validity, row[1], row[3])
		}
	}
	for id, places := range there {
		if len(places) > 1 {
			t.Errorf("%s is there %d times: %v", id, len(places), places)
		}
		if f := m.mine[id]; f == nil && strings.HasPrefix(id, m.name+".") {
			t.Errorf("%s was deleted and is in %v", id, places)
		}
	}
	for id, f := range m.mine {
		places := there[id]
		switch {
		case len(places) == 0 && !f.mayLack:
			t.Errorf("%s is lost; it was UID %s of %s", id, f.uid, f.folder)
		case len(places) == 0 || f.unsure:
		case places[0].folder != f.folder || places[0].uid != f.uid:
			t.Errorf("%s is in %v, it was UID %s of %s", id, places[0], f.uid, f.folder)
		default:
			for _, flag := range f.flags {
				if !slices.Contains(strings.Fields(places[0].flags), flag) {
					t.Errorf("%s has lost the flag %s: %s", id, flag, places[0].flags)
				}
			}
		}
	}
}

// TestIMAPKills kills the daemon again and again while clients file, flag, move and
// delete: UIDs name what they named, UIDVALIDITY stays, and nothing that was
// acknowledged is lost, doubled or undone.
func TestIMAPKills(t *testing.T) {
	kills := killCount(t, 12)
	b := newKillBed(t, 2)
	for _, f := range []graphsim.Fault{
		{Method: "POST", Probability: 0.03, Reset: graphsim.ResetAfter},
		{Method: "POST", Probability: 0.03, Reset: graphsim.ResetBefore},
		{Probability: 0.02, Status: 503, Code: "ErrorServerBusy"},
		{Method: "PATCH", Probability: 0.03, Status: 412, Code: "ErrorIrresolvableConflict"},
	} {
		b.sim.AddFault(f)
	}
	b.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	var mailers []*mailer
	for i := range 4 {
		m := &mailer{bed: b, user: b.users[i%2], name: fmt.Sprint("m", i), rnd: rand.New(rand.NewPCG(uint64(i), 3)),
			mine: map[string]*filed{}, validities: map[string]string{}, names: map[string]string{}}
		mailers = append(mailers, m)
		clients.Go(func() { m.run(ctx) })
	}
	answered := func() (n int64) {
		for _, m := range mailers {
			n += m.answered.Load()
		}
		return n
	}
	b.killAgain(kills, 700*time.Millisecond, func() bool { return answered() >= 10 })
	stop()
	clients.Wait()
	b.heal()
	messages := 0
	for _, m := range mailers {
		m.check()
		messages += len(m.mine)
	}
	b.end(syscall.SIGTERM)
	t.Logf("%d orders were acknowledged, %d messages are there", answered(), messages)
	if answered() < 10 {
		t.Error("hardly anything was acknowledged")
	}
}
