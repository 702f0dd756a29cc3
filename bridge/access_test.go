package bridge_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/storetest"
)

// TestLoginRights: what a login may speak, see and change, and how attempts are counted.
func TestLoginRights(t *testing.T) {
	hash, err := bridge.HashPassword("x")
	if err != nil {
		t.Fatal(err)
	}
	cfg := bridge.Defaults()
	cfg.StateDir = t.TempDir()
	cfg.Mailboxes, cfg.Logins = map[string]bridge.MailboxConfig{}, map[string]bridge.LoginConfig{}
	for _, name := range []string{"support", "sales"} {
		m := bridge.DefaultMailbox()
		m.Address, m.Poll = name+"@example.com", 0
		cfg.Mailboxes[name] = m
	}
	login := func(name string, set func(*bridge.LoginConfig)) {
		l := bridge.DefaultLogin()
		l.PasswordHash, l.Mailbox = bridge.PasswordHash(hash), "support"
		set(&l)
		cfg.Logins[name] = l
	}
	login("all", func(l *bridge.LoginConfig) { l.Mailboxes = []string{"sales"} })
	login("reader", func(l *bridge.LoginConfig) { l.ReadOnly = true })
	login("sender", func(l *bridge.LoginConfig) { l.SendOnly = true })
	login("mua", func(l *bridge.LoginConfig) { l.Protocols = []bridge.Protocol{bridge.IMAP} })
	login("elsewhere", func(l *bridge.LoginConfig) { l.AllowFrom = make([]bridge.Network, 1) })
	b, err := bridge.New(t.Context(), cfg, bridge.Options{
		OpenStore: func(string, bridge.MailboxConfig) (bridge.Store, error) {
			return storetest.NewMemory(storetest.Options{}), nil
		},
		OpenIndex: func(ctx context.Context, _, path string) (bridge.Index, error) {
			return index.Open(ctx, path, index.Options{})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, tc := range []struct {
		user string
		imap error
		smtp error
	}{
		{"all", nil, nil},
		{"reader", nil, bridge.ErrDenied},
		{"sender", bridge.ErrDenied, nil},
		{"mua", nil, bridge.ErrDenied},
		{"elsewhere", bridge.ErrAuth, bridge.ErrAuth},
		{"nobody", bridge.ErrAuth, bridge.ErrAuth},
	} {
		for p, want := range map[bridge.Protocol]error{bridge.IMAP: tc.imap, bridge.SMTP: tc.smtp} {
			a, err := b.Login(t.Context(), p, tc.user, "x", "198.51.100.1"+strings.Repeat("0", len(tc.user)%2)+":1")
			if !errors.Is(err, want) {
				t.Errorf("%s over %s: %v, want %v", tc.user, p, err, want)
			}
			if err == nil && (a.ReadOnly != (tc.user == "reader") || (len(a.Others) == 1) != (tc.user == "all")) {
				t.Errorf("%s over %s: read-only %v, %d other mailboxes", tc.user, p, a.ReadOnly, len(a.Others))
			}
		}
	}
	got, want := b.LoginCounts(), bridge.LoginCounts{
		IMAP: bridge.LoginCount{OK: 3, Wrong: 2, Denied: 1}, SMTP: bridge.LoginCount{OK: 2, Wrong: 2, Denied: 2},
	}
	got.SlowedAddresses = 0
	if got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if _, err := b.Login(t.Context(), bridge.IMAP, "all", "x", "pipe"); err != nil || b.LoginCounts().IMAP != want.IMAP {
		t.Errorf("the self-check is counted: %+v, %v", b.LoginCounts(), err)
	}
}
