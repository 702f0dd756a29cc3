package main

import (
	"bufio"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestCrowd opens 10,000 connections, or as many as this system lets one process have,
// to both ports, says nothing, and keeps them. Who works goes on working; newcomers
// are told that it is full; and when the crowd has gone all is as before.
func TestCrowd(t *testing.T) {
	b := newBed(t)
	b.fill(3)
	b.start()
	worker := b.login()
	worker.ok("SELECT INBOX")
	before := runtime.NumGoroutine()

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := 10_000
	if room := (int(limit.Cur) - 500) / 2; room < n { // both ends are in this process
		n = room
	}
	if n < 600 {
		t.Skipf("this system lets a process have %d files", limit.Cur)
	}
	crowd := make([]net.Conn, n)
	var dial sync.WaitGroup
	slots := make(chan struct{}, 64)
	var mu sync.Mutex
	welcome := map[string]int{}
	for i := range crowd {
		slots <- struct{}{}
		dial.Go(func() {
			defer func() { <-slots }()
			address := b.imap
			if i%2 == 1 {
				address = b.smtp
			}
			c, err := net.DialTimeout("tcp", address, 30*time.Second)
			if err != nil {
				t.Errorf("connection %d: %v", i, err)
				return
			}
			crowd[i] = c
			c.SetReadDeadline(time.Now().Add(patience))
			line, err := bufio.NewReader(c).ReadString('\n')
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				line = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			welcome[strings.Join(strings.Fields(line + " . .")[:2], " ")]++
		})
		if t.Failed() {
			break
		}
	}
	dial.Wait()
	t.Logf("%d connections: %v, %d goroutines more", n, welcome, runtime.NumGoroutine()-before)
	if welcome["* OK"] > 500 || welcome["* OK"] == 0 || welcome["* BYE"] == 0 {
		t.Errorf("IMAP welcomed %d and sent %d away, its limit is 500", welcome["* OK"], welcome["* BYE"])
	}
	if more := runtime.NumGoroutine() - before; more > 6000 {
		t.Errorf("%d goroutines for those that are not served", more)
	}
	worker.ok("NOOP")
	if lines := worker.ok("UID FETCH 1:3 BODY.PEEK[]").with("FETCH"); len(lines) != 3 {
		t.Errorf("%d messages while the crowd waits, want 3", len(lines))
	}
	for _, c := range crowd {
		if c != nil {
			c.Close()
		}
	}
	b.settle(before + 50)
	b.login().ok("STATUS INBOX (MESSAGES)")
}

// settle waits until no more than so many goroutines run.
func (b *bed) settle(most int) {
	b.t.Helper()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > most; {
		if time.Now().After(end) {
			b.t.Fatalf("%d goroutines still run", runtime.NumGoroutine())
		}
		pause(20 * time.Millisecond)
	}
}
