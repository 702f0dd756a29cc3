//go:build unix

package logging

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mail2graph/bridge"
)

// TestLevels: each part has its own level, and a change reaches loggers that exist.
func TestLevels(t *testing.T) {
	c := bridge.LogConfig{Level: bridge.LevelInfo, Format: bridge.FormatText, Levels: bridge.LogLevels{Graph: bridge.LevelDebug, IMAP: bridge.LevelError}}
	var out bytes.Buffer
	h, levels, err := New(c, &out)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(h)
	graph, imap := log.With("part", "graph").With("mailbox", "m"), log.With("proto", "imap")
	say := func() string {
		out.Reset()
		for name, l := range map[string]*slog.Logger{"main": log, "graph": graph, "imap": imap} {
			l.Debug(name + "-debug")
			l.Warn(name + "-warn")
		}
		return out.String()
	}
	check := func(want string) {
		t.Helper()
		text := say()
		for _, line := range []string{"main-debug", "main-warn", "graph-debug", "graph-warn", "imap-debug", "imap-warn"} {
			if got := strings.Contains(text, "msg="+line); got != strings.Contains(want, line) {
				t.Errorf("%s: shown %t", line, got)
			}
		}
	}
	check("main-warn graph-debug graph-warn")
	c.Level, c.Levels = bridge.LevelDebug, bridge.LogLevels{Graph: bridge.LevelError}
	levels.Set(c)
	check("main-debug main-warn imap-debug imap-warn")
}

// journald takes datagrams.
func journald(t *testing.T) (socket string, conn *net.UnixConn) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return socket, conn
}

// parse reads a datagram of the native protocol.
func parse(t *testing.T, b []byte) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			t.Fatalf("no end of line in %q", b)
		}
		if name, value, plain := strings.Cut(string(line), "="); plain {
			fields[name], b = value, rest
			continue
		}
		n := binary.LittleEndian.Uint64(rest)
		fields[string(line)] = string(rest[8 : 8+n])
		if rest[8+n] != '\n' {
			t.Fatalf("%q does not end", line)
		}
		b = rest[8+n+1:]
	}
	return fields
}

func TestJournal(t *testing.T) {
	socket, conn := journald(t)
	var rest bytes.Buffer
	j, err := dialJournal(socket, &rest)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(j).With("part", "graph")
	log.Error("graph request", "request-id", "7d3f", "took", 2, "error", errors.New("two\nlines"), "secret", bridge.Secret("hunter2"))
	buf := make([]byte, 256<<10)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	got := parse(t, buf[:n])
	want := map[string]string{
		"MESSAGE":  `graph request part=graph request-id=7d3f took=2 error="two\nlines" secret=<secret>`,
		"PRIORITY": "3", "SYSLOG_IDENTIFIER": "mail2graph",
		"M2G_PART": "graph", "M2G_REQUEST_ID": "7d3f", "M2G_TOOK": "2", "M2G_ERROR": "two\nlines", "M2G_SECRET": "<secret>",
	}
	if len(got) != len(want) {
		t.Errorf("fields %q", got)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}

	log.Info("panic", "stack", strings.Repeat("x\n", maxField))
	if n, err = conn.Read(buf); err != nil || len(parse(t, buf[:n])["M2G_STACK"]) > maxField+3 {
		t.Errorf("a long field: %d octets, %v", n, err)
	}

	conn.Close() // journald is away
	log.Warn("still heard")
	if got, want := rest.String(), "<4>still heard part=graph\n"; got != want {
		t.Errorf("standard error got %q, want %q", got, want)
	}
}

// TestAuto: the journal is used where standard error leads to it and not where it
// only did for the parent.
func TestAuto(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	own := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	for stream, want := range map[string]bool{own: true, "": false, "1:2": false, own + "0": false} {
		if got := isJournal(f, stream); got != want {
			t.Errorf("JOURNAL_STREAM=%q: %t, want %t", stream, got, want)
		}
	}
	if isJournal(new(bytes.Buffer), own) {
		t.Error("a buffer is no journal")
	}
}
