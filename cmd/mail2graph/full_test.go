//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mail2graph/graphstore/graphsim"
)

// smallDisk puts the state of a bed on a file system of its own, in namespaces
// of this test where the system lets it.
func (b *killBed) smallDisk(size string) {
	b.t.Helper()
	state := filepath.Join(b.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		b.t.Skipf("no file system can be mounted here: %v", err)
	}
	b.t.Cleanup(func() {
		if err := syscall.Unmount(state, syscall.MNT_DETACH); err != nil {
			b.t.Error(err)
		}
	})
}

// TestDiskFills kills the daemon while clients submit, the service fails and the
// disk of the outbox is full again and again, past what it keeps free: whatever
// was answered with 250 is delivered once, what was refused not at all.
func TestDiskFills(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	b := newKillBed(t, 4)
	// Twice the room that the outbox leaves free, so that it is checked as well.
	b.smallDisk("140m")
	b.sim.SetLimits(graphsim.Limits{UploadBytes: -1})
	b.badDay()
	b.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var filling sync.WaitGroup
	filling.Go(func() { b.fillDisk(ctx) })
	all := b.submitAll(ctx, stop, 8)
	filling.Wait()
	b.heal()
	b.drain()
	b.end(syscall.SIGTERM)
	codes := map[int]int{}
	for _, s := range all {
		codes[s.code]++
	}
	t.Logf("answers %v", codes)
	if codes[452] == 0 {
		t.Error("no message was refused for want of room")
	}
	b.check(all)
}

// fillDisk takes all the room that there is, for a moment, and again.
func (b *killBed) fillDisk(ctx context.Context) {
	rnd := rand.New(rand.NewPCG(3, 3))
	name := filepath.Join(b.dir, "state", "ballast")
	for ctx.Err() == nil {
		// What another program on that disk may do: no reserve helps then.
		_ = exec.CommandContext(ctx, "dd", "if=/dev/zero", "of="+name, "bs=64k").Run()
		pause(time.Duration(100+rnd.IntN(700)) * time.Millisecond)
		_ = os.Remove(name)
		pause(time.Duration(100+rnd.IntN(500)) * time.Millisecond)
	}
}

// TestStartOnFullDisk: a daemon that starts while the disk is full shows what it knows
// and refuses changes and mail; once there is room it does all by itself.
func TestStartOnFullDisk(t *testing.T) {
	b := newKillBed(t, 1)
	b.smallDisk("140m")
	box := b.sim.Mailbox(b.users[0])
	deliver := func(subject string) {
		t.Helper()
		if _, err := box.Deliver([]byte("From: a@example.org\r\nSubject: "+subject+"\r\n\r\ntext\r\n"), graphsim.DeliverOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	// ask logs in and gives one command to the INBOX.
	ask := func(command string) answer {
		t.Helper()
		c, err := dialTalk(b.imap)
		if err != nil {
			t.Fatal(err)
		}
		defer c.conn.Close()
		var a answer
		for _, cmd := range []string{"LOGIN " + b.users[0] + " secret", "SELECT INBOX", command} {
			if a, err = c.cmd(cmd); err != nil {
				t.Fatalf("%s: %v", cmd, err)
			}
			if !strings.HasPrefix(a.status, "OK") && cmd != command {
				t.Fatalf("%s: %s\n%s", cmd, a.status, b.tail())
			}
		}
		return a
	}
	deliver("known")
	b.start()
	if a := ask("FETCH 1 ENVELOPE"); len(a.with("known")) != 1 {
		t.Fatalf("at first: %q %s", a.lines, a.status)
	}
	b.end(syscall.SIGTERM)
	ballast := filepath.Join(b.dir, "state", "ballast")
	// dd takes what is left, and says that it is all.
	_ = exec.Command("dd", "if=/dev/zero", "of="+ballast, "bs=4k").Run()
	deliver("unseen")
	b.start()
	if a := ask("FETCH 1 ENVELOPE"); len(a.with("known")) != 1 || !strings.HasPrefix(a.status, "OK") {
		t.Errorf("on a full disk: %q %s", a.lines, a.status)
	}
	if a := ask(`STORE 1 +FLAGS (\Deleted)`); !strings.HasPrefix(a.status, "NO") {
		t.Errorf("a change on a full disk: %s", a.status)
	}
	if code := b.submit(b.users[0], []string{"b@example.org"}, "Subject: x\r\n\r\ny\r\n"); code != 452 {
		t.Errorf("mail on a full disk: %d, want 452", code)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; pause(100 * time.Millisecond) {
		a := ask("FETCH 1:* ENVELOPE")
		if len(a.with("unseen")) == 1 && len(a.with("known")) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("with room again: %q %s\n%s", a.lines, a.status, b.tail())
		}
	}
	if a := ask(`STORE 1 +FLAGS (\Deleted)`); !strings.HasPrefix(a.status, "OK") {
		t.Errorf("a change with room again: %s", a.status)
	}
	if code := b.submit(b.users[0], []string{"b@example.org"}, "Subject: x\r\n\r\ny\r\n"); code != 250 {
		t.Errorf("mail with room again: %d, want 250", code)
	}
	b.end(syscall.SIGTERM)
	if text := b.tail(); !strings.Contains(text, "no longer read-only") {
		t.Errorf("the log does not tell:\n%s", text)
	}
}
