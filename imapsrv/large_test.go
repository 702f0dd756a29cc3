package imapsrv

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// BenchmarkLargeFolder is a folder of 100,000 messages: SELECT after a restart, the
// memory of a session that has it selected, both ends of its connection included,
// FETCH of all flags and how long its first response takes, and what looks at all
// messages: how long, and how much more memory is in use at its end.
func BenchmarkLargeFolder(b *testing.B) {
	const messages, sessions = 100_000, 50
	r := newRig(b)
	r.mem = storetest.NewMemory(storetest.Options{PageSize: 500})
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range messages {
		r.mem.Deliver(r.mem.Folder(bridge.RoleInbox), letter(i, fmt.Sprintf("Message %d", i), 0),
			storetest.DeliverOptions{Received: base.Add(time.Duration(i) * time.Minute)})
	}
	var conn net.Conn
	var rd *bufio.Reader
	var dial func() (net.Conn, *bufio.Reader)
	open := func() (shut func()) {
		r.start(b)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		served := make(chan error, 1)
		go func() { served <- New(Options{Login: r.login}).Serve(ctx, l) }()
		dial = func() (net.Conn, *bufio.Reader) {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			rd := bufio.NewReader(conn)
			run(b, conn, rd, "LOGIN demo demo")
			return conn, rd
		}
		conn, rd = dial()
		return func() { conn.Close(); cancel(); <-served; r.stop(b) }
	}
	shut := open()
	defer func() { shut() }()
	run(b, conn, rd, "SELECT INBOX") // the first sync
	b.Run("select after a restart", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			shut()
			shut = open()
			b.StartTimer()
			run(b, conn, rd, "SELECT INBOX")
		}
	})
	b.Run("sessions", func(b *testing.B) {
		before := heap()
		for range sessions {
			conn, rd := dial()
			defer conn.Close()
			run(b, conn, rd, "SELECT INBOX")
		}
		per := float64(heap()-before) / sessions
		for b.Loop() { // what is reported is no time
			run(b, conn, rd, "NOOP")
		}
		b.ReportMetric(per, "octets/session")
	})
	b.Run("flags", func(b *testing.B) {
		b.ReportAllocs()
		first := time.Duration(0)
		for b.Loop() {
			begun := time.Now()
			fmt.Fprintf(conn, "t UID FETCH 1:* (FLAGS)\r\n")
			rd.Peek(1)
			first += time.Since(begun)
			if n := answers(b, rd, "UID FETCH"); n != messages {
				b.Fatalf("got %d responses, want %d", n, messages)
			}
		}
		b.ReportMetric(float64(messages*b.N)/b.Elapsed().Seconds(), "responses/s")
		b.ReportMetric(float64(first.Microseconds())/float64(b.N), "µs-to-first")
	})
	for _, bench := range benchCommands[len(benchCommands)-6:] {
		if strings.Contains(bench.command, "BODY") { // nobody has read the texts
			continue
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			before := heap()
			begun := time.Now()
			run(b, conn, rd, bench.command)
			first, kept := time.Since(begun), heap()-before
			for b.Loop() {
				run(b, conn, rd, bench.command)
			}
			b.ReportMetric(float64(first.Milliseconds()), "ms-at-first")
			b.ReportMetric(float64(kept), "octets-kept")
		})
	}
}

// heap is the memory in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
