package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/textproto"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mail2graph/graphstore/graphsim"
)

// memoryVariable is how many clients TestMemory has, each with 50 MB; 20 for a night.
const memoryVariable = "MAIL2GRAPH_TEST_MEMORY"

// TestMemory lets clients hand in large messages at once and looks what the daemon
// needed at most. They arrive with the same octets.
func TestMemory(t *testing.T) {
	clients, size := 4, 12<<20
	if v := os.Getenv(memoryVariable); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		clients, size = n, 50<<20
	} else if testing.Short() {
		t.Skip("moves much data")
	}
	handInLarge(t, clients, size)
}

// TestLargest is one message of nearly 150 MiB, the largest that is taken; for a night.
func TestLargest(t *testing.T) {
	if os.Getenv(memoryVariable) == "" {
		t.Skip("moves much data: set " + memoryVariable)
	}
	handInLarge(t, 1, 114_000_000) // 156 MB in base64 with its line ends
}

// handInLarge has clients hand in a message each, with a file of so many octets, and compares
// what arrives, and what the daemon needed.
func handInLarge(t *testing.T, clients, size int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	b := newKillBed(t, 4)
	b.sim.SetLimits(graphsim.Limits{UploadBytes: -1, MessageSize: -1})
	b.start()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			if err := b.submitLarge(b.users[i%len(b.users)], i, size); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	b.drain()
	peak := b.peak()
	b.end(syscall.SIGTERM)
	t.Logf("%d clients with %d MiB each: %d MiB at most", clients, size>>20, peak>>20)
	if peak > 100<<20 {
		t.Errorf("the daemon needed %d MiB", peak>>20)
	}
	arrived := map[string]bool{}
	for _, d := range b.sim.Deliveries() {
		arrived[attachedSum(t, d.MIME)] = true
	}
	for i := range clients {
		sum := sha256.New()
		_, _ = io.CopyN(sum, largeData(i), int64(size)) // neither fails
		if !arrived[fmt.Sprintf("%x", sum.Sum(nil))] {
			t.Errorf("what client %d sent did not arrive as it was", i)
		}
	}
}

func largeData(i int) io.Reader { return rand.NewChaCha8([32]byte{byte(i), 1}) }

// submitLarge hands in a message with one file, without ever holding it.
func (b *killBed) submitLarge(user string, i, size int) error {
	conn, err := net.Dial("tcp", b.smtp)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Minute))
	c := textproto.NewConn(conn)
	step := func(code int, format string, args ...any) {
		if err != nil {
			return
		}
		if format != "" {
			err = c.PrintfLine(format, args...)
		}
		if err == nil {
			_, _, err = c.ReadResponse(code)
		}
	}
	step(220, "")
	step(250, "EHLO client")
	step(235, "AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00secret")))
	step(250, "MAIL FROM:<%s>", user)
	step(250, "RCPT TO:<x%d@example.org>", i)
	step(354, "DATA")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "From: %s\r\nTo: x%d@example.org\r\nContent-Type: application/octet-stream; name=big.bin\r\n"+
		"Content-Transfer-Encoding: base64\r\n\r\n", user, i)
	data, line := bufio.NewReader(io.LimitReader(largeData(i), int64(size))), make([]byte, 57)
	for {
		n, err := io.ReadFull(data, line)
		if n > 0 {
			fmt.Fprintf(w, "%s\r\n", base64.StdEncoding.EncodeToString(line[:n]))
		}
		if err != nil {
			break
		}
	}
	fmt.Fprint(w, ".\r\n")
	if err := w.Flush(); err != nil {
		return err
	}
	_, _, err = c.ReadResponse(250)
	return err
}

// peak is the largest resident size that the daemon ever had.
func (b *killBed) peak() int64 {
	b.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.daemon.Process.Pid))
	if err != nil {
		b.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(after, &kib); err != nil {
		b.t.Fatal(err)
	}
	return kib << 10
}

// attachedSum is the sum of the one file of a message.
func attachedSum(t *testing.T, mime []byte) string {
	t.Helper()
	_, after, found := strings.Cut(string(mime), "name=\"big.bin\"")
	_, text, _ := strings.Cut(after, "\r\n\r\n")
	text, _, _ = strings.Cut(text, "\r\n--")
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, "\r\n", ""))
	if err != nil || !found {
		t.Errorf("a message without its file: %v", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
