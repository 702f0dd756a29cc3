package imapsrv

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// benchMessages is how many small messages the benchmarks read at a time.
const benchMessages = 10_000

// benchCommands are what is measured, in messages a second.
var benchCommands = []struct{ name, command string }{
	{"flags", "UID FETCH 1:* (FLAGS)"},
	{"envelopes", "UID FETCH 1:* (FLAGS ENVELOPE INTERNALDATE RFC822.SIZE)"},
	{"header fields", "UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)])"},
	{"texts", "UID FETCH 1:* (BODY.PEEK[])"},
	{"structures", "UID FETCH 1:* (BODYSTRUCTURE)"},
	{"header fields of cached texts", "UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)])"},
	{"search flags", "UID SEARCH UNSEEN"},
	{"search subject", `UID SEARCH SUBJECT "age 99"`},
	{"search text", `UID SEARCH BODY "message 99"`},
	{"sort by date", "UID SORT (DATE) UTF-8 ALL"},
	{"sort by subject", "UID SORT (SUBJECT) UTF-8 ALL"},
	{"threads", "UID THREAD REFERENCES UTF-8 ALL"},
}

// BenchmarkServer measures this server over loopback, with a mailbox in memory.
func BenchmarkServer(b *testing.B) {
	r := newRig(b)
	for i := range benchMessages {
		r.mem.Deliver(r.mem.Folder(bridge.RoleInbox), letter(i, fmt.Sprintf("Message %d", i), 0), storetest.DeliverOptions{})
	}
	r.start(b)
	defer r.stop(b)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	served := make(chan error, 1)
	go func() { served <- New(Options{Login: r.login}).Serve(ctx, l) }()
	defer func() { cancel(); <-served }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	rd := bufio.NewReaderSize(conn, 1<<20)
	run(b, conn, rd, "LOGIN demo demo")
	measure(b, conn, rd, os.Getpid())
}

// BenchmarkDovecot measures Dovecot with the same messages in a Maildir, where it
// is installed: what BenchmarkServer is to be compared with in the same run.
func BenchmarkDovecot(b *testing.B) {
	const imap = "/usr/lib/dovecot/imap"
	if _, err := os.Stat(imap); err != nil {
		b.Skip("Dovecot is not installed")
	}
	dir, id := b.TempDir(), os.Getuid()
	if id == 0 {
		id = 65534 // it reads no mail as root
	}
	cur := filepath.Join(dir, "Maildir", "cur")
	for _, name := range []string{cur, filepath.Join(dir, "Maildir", "new"), filepath.Join(dir, "Maildir", "tmp")} {
		if err := os.MkdirAll(name, 0o700); err != nil {
			b.Fatal(err)
		}
	}
	for i := range benchMessages {
		name := filepath.Join(cur, fmt.Sprintf("%d.M%dP1.host:2,", 946684800+i, i))
		if err := os.WriteFile(name, letter(i, fmt.Sprintf("Message %d", i), 0), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	conf := filepath.Join(dir, "dovecot.conf")
	text := fmt.Sprintf("mail_location = maildir:%s/Maildir\nssl = no\nlog_path = %s/log\nprotocols = imap\nmail_uid = %d\nmail_gid = %d\nfirst_valid_uid = 1\n", dir, dir, id, id)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	if os.Getuid() == 0 {
		own(b, dir, id)
	}
	cmd := exec.CommandContext(b.Context(), imap, "-c", conf)
	cmd.Env = append(os.Environ(), "USER=nobody", "HOME="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	measure(b, in, bufio.NewReaderSize(out, 1<<20), cmd.Process.Pid)
}

// own gives a directory, what is in it and what is above it below the system's
// temporary directory to a user.
func own(b *testing.B, dir string, id int) {
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, id, id)
	})
	for up := filepath.Dir(dir); err == nil && strings.HasPrefix(up, os.TempDir()+"/"); up = filepath.Dir(up) {
		err = os.Chmod(up, 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// measure runs the commands on a session that is logged in. The time that the server
// takes of the processors, that of the process pid, tells more than the time
// that passes where other programs run; ours includes that of the client.
func measure(b *testing.B, w io.Writer, rd *bufio.Reader, pid int) {
	run(b, w, rd, "SELECT INBOX")
	for _, bench := range benchCommands {
		run(b, w, rd, bench.command) // caches fill
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(pid)
			for b.Loop() {
				n := run(b, w, rd, bench.command)
				if strings.Contains(bench.command, "FETCH") && n != benchMessages {
					b.Fatalf("got %d responses, want %d", n, benchMessages)
				}
			}
			b.ReportMetric(float64(benchMessages*b.N)/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64((cpuTime(pid)-before).Nanoseconds())/float64(benchMessages*b.N), "cpu-ns/message")
		})
	}
}

// cpuTime is how long a process was at work, as Linux tells; 0 elsewhere.
func cpuTime(pid int) (sum time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range threads {
		var ns int64
		text, _ := os.ReadFile(path)
		fmt.Sscan(string(text), &ns)
		sum += time.Duration(ns)
	}
	return sum
}

// run runs one command and counts the FETCH responses.
func run(b *testing.B, w io.Writer, rd *bufio.Reader, text string) int {
	b.Helper()
	if _, err := fmt.Fprintf(w, "t %s\r\n", text); err != nil {
		b.Fatal(err)
	}
	return answers(b, rd, text)
}

// answers reads to the tagged response of a command and counts the FETCH responses.
func answers(b *testing.B, rd *bufio.Reader, text string) int {
	b.Helper()
	n, inside := 0, false // of a line that is longer than the buffer
	for {
		line, err := rd.ReadSlice('\n')
		begins := !inside
		inside = err == bufio.ErrBufferFull
		switch {
		case err != nil && !inside:
			b.Fatal(err)
		case inside || !begins:
		case bytes.HasPrefix(line, []byte("t ")):
			if !bytes.HasPrefix(line, []byte("t OK")) {
				b.Fatalf("%s: %s", text, line)
			}
			return n
		case bytes.HasPrefix(line, []byte("* ")) && bytes.Contains(line, []byte(" FETCH (")):
			n++
		}
	}
}
