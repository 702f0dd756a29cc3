package bridge_test

import (
	"context"
	"errors"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/storetest"
)

// TestSetLogins looks at what a password opens before and after a change. A right
// password gives ErrDenied here: the bridge of this test has no mailboxes.
func TestSetLogins(t *testing.T) {
	hash := func(password string) bridge.PasswordHash {
		h, err := bridge.HashPassword(password)
		if err != nil {
			t.Fatal(err)
		}
		return bridge.PasswordHash(h)
	}
	cfg := &bridge.Config{Logins: map[string]bridge.LoginConfig{"old": {PasswordHash: hash("first")}, "stays": {PasswordHash: hash("first")}}}
	cfg.StateDir = t.TempDir()
	b, err := bridge.New(t.Context(), cfg, bridge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	defer b.Close()
	try := func(user, password string, want error) {
		t.Helper()
		if _, err := b.Login(t.Context(), bridge.IMAP, user, password, "pipe"); !errors.Is(err, want) {
			t.Errorf("%s with %q: %v, want %v", user, password, err, want)
		}
	}
	try("old", "first", bridge.ErrDenied)
	try("stays", "first", bridge.ErrDenied)
	b.SetLogins(&bridge.Config{Logins: map[string]bridge.LoginConfig{"new": {PasswordHash: hash("first")}, "stays": {PasswordHash: hash("second")}}})
	try("new", "first", bridge.ErrDenied)
	try("stays", "second", bridge.ErrDenied)
	try("stays", "first", bridge.ErrAuth)
	try("old", "first", bridge.ErrAuth)
}

// TestAdd adds mailboxes before, while and after a bridge runs.
func TestAdd(t *testing.T) {
	hash, err := bridge.HashPassword("x")
	if err != nil {
		t.Fatal(err)
	}
	var storeErr error
	opened := 0
	cfg := bridge.Defaults()
	cfg.StateDir = t.TempDir()
	b, err := bridge.New(t.Context(), cfg, bridge.Options{
		OpenStore: func(string, bridge.MailboxConfig) (bridge.Store, error) {
			opened++
			return storetest.NewMemory(storetest.Options{}), storeErr
		},
		OpenIndex: func(ctx context.Context, _, path string) (bridge.Index, error) {
			return index.Open(ctx, path, index.Options{})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mailbox := func(address string) bridge.MailboxConfig {
		m := bridge.DefaultMailbox()
		m.Address, m.Poll = address, 0
		return m
	}
	cfg.Mailboxes = map[string]bridge.MailboxConfig{"a": mailbox("a@x"), "b": mailbox("b@x"), "same": mailbox("b@x"), "c": mailbox("c@x")}
	cfg.Logins = map[string]bridge.LoginConfig{"a": {PasswordHash: bridge.PasswordHash(hash), Mailbox: "a"}, "b": {PasswordHash: bridge.PasswordHash(hash), Mailbox: "b"}}
	b.SetLogins(cfg)
	add := func(name string, want error) {
		t.Helper()
		if err := b.Add(t.Context(), cfg, name); !errors.Is(err, want) {
			t.Errorf("add %s: %v, want %v", name, err, want)
		}
	}
	storeErr = errors.New("no store")
	add("a", storeErr)
	storeErr = nil
	add("a", nil) // what the failure had opened was closed
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	add("b", nil)
	add("b", bridge.ErrExists)
	add("same", index.ErrInUse)
	for _, name := range []string{"a", "b"} {
		if _, err := b.Login(ctx, bridge.IMAP, name, "x", "pipe"); err != nil {
			t.Errorf("login %s: %v", name, err)
		}
	}
	if b.Mailbox("b") == nil || b.Mailbox("same") != nil || b.Ping(ctx) != nil || opened != 3 {
		t.Errorf("after adding: %v, %v, %v, %d stores", b.Mailbox("b"), b.Mailbox("same"), b.Ping(ctx), opened)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	add("c", bridge.ErrUnavailable)
}
