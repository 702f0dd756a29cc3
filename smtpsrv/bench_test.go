package smtpsrv

import (
	"context"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/storetest"
)

// BenchmarkAccepted counts the messages of 10 kB that many clients get accepted:
// from the socket to both files and the directory on the disk, before each 250.
// Nothing is sent.
func BenchmarkAccepted(b *testing.B) {
	hash, err := bridge.HashPassword("secret")
	if err != nil {
		b.Fatal(err)
	}
	cfg := bridge.Defaults()
	cfg.StateDir, cfg.SMTP.FirstAttempt, cfg.SMTP.PerMinute = b.TempDir(), 0, 1
	m := bridge.DefaultMailbox()
	m.Address, m.Poll = "user@example.com", 0
	cfg.Mailboxes = map[string]bridge.MailboxConfig{"m": m}
	l := bridge.DefaultLogin()
	l.Username, l.PasswordHash, l.Mailbox = "user", bridge.PasswordHash(hash), "m"
	cfg.Logins = map[string]bridge.LoginConfig{"u": l}
	br, err := bridge.New(b.Context(), cfg, bridge.Options{
		OpenStore: func(string, bridge.MailboxConfig) (bridge.Store, error) {
			return storetest.NewMemory(storetest.Options{Address: m.Address}), nil
		},
		OpenIndex: func(ctx context.Context, _, path string) (bridge.Index, error) {
			return index.Open(ctx, path, index.Options{})
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer br.Close()
	srv := New(Options{
		Login: func(ctx context.Context, user, password, remote string) (Account, error) {
			a, err := br.Login(ctx, bridge.SMTP, user, password, remote)
			if err != nil {
				return nil, err
			}
			return a, nil
		},
		SpoolDir: b.TempDir(),
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	handIn(b, ln.Addr().String(), smtp.PlainAuth("", "user", "secret", "127.0.0.1"))
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}

// BenchmarkSink is the same against Postfix's smtp-sink, which writes nothing to disk,
// where it is installed: what the client and the network cost.
func BenchmarkSink(b *testing.B) {
	sink, err := exec.LookPath("smtp-sink")
	if err != nil {
		if sink, err = exec.LookPath("/usr/sbin/smtp-sink"); err != nil {
			b.Skip("smtp-sink is not installed (Debian: postfix)")
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") // for a port that is free
	if err != nil {
		b.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	cmd := exec.CommandContext(b.Context(), sink, "-u", "nobody", addr, "64")
	if os.Getuid() != 0 {
		cmd = exec.CommandContext(b.Context(), sink, addr, "64")
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for try := 0; ; try++ {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			break
		}
		if try == 500 {
			b.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.ResetTimer()
	handIn(b, addr, nil)
}

// BenchmarkOther is the same against any server that takes mail from here without a password,
// at the address ("ip:port") that MAIL2GRAPH_BENCH_SMTP says: .ci/queue_bench has Postfix there.
func BenchmarkOther(b *testing.B) {
	addr := os.Getenv("MAIL2GRAPH_BENCH_SMTP")
	if addr == "" {
		b.Skip("MAIL2GRAPH_BENCH_SMTP names no server")
	}
	handIn(b, addr, nil)
}

// handIn submits b.N messages over several connections.
func handIn(b *testing.B, addr string, auth smtp.Auth) {
	text := "From: user@example.com\r\nTo: a@example.org\r\nSubject: x\r\n\r\n" + strings.Repeat("line of the message\r\n", 500)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		c, err := smtp.Dial(addr)
		if err == nil && auth != nil {
			err = c.Auth(auth)
		}
		for err == nil && pb.Next() {
			err = submit(c, text)
		}
		if err != nil {
			b.Error(err)
			return
		}
		_ = c.Quit()
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func submit(c *smtp.Client, text string) error {
	if err := c.Mail("user@example.com"); err != nil {
		return err
	}
	if err := c.Rcpt("a@example.org"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return w.Close()
}
