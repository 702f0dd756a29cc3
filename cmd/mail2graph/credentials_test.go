package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mail2graph/graphstore/graphsim"
)

// TestSecretRotatesWhileServing: a secret ends while a program reads mail; when
// the file has the new one the same session goes on.
func TestSecretRotatesWhileServing(t *testing.T) {
	b := newBed(t)
	b.fill(4)
	file := filepath.Join(t.TempDir(), "secret")
	put := func(secret string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(demoSecret)
	app := b.cfg.Apps["demo"]
	app.ClientSecret, app.ClientSecretFile = "", file
	b.cfg.Apps["demo"] = app
	b.start()
	s := b.login()
	s.ok("SELECT INBOX")
	s.ok("FETCH 1 (BODY.PEEK[])")

	b.app(graphsim.App{Secret: "the next one"})
	b.sim.RevokeTokens(demoTenant, demoClient)
	for range 2 {
		s.no("UNAVAILABLE", "FETCH 2 (BODY.PEEK[])")
	}
	s.ok("FETCH 1 (BODY.PEEK[])") // from the cache
	put("the next one")
	s.ok("FETCH 2 (BODY.PEEK[])")

	// In time: both are good for a while, and nobody sees a refusal.
	put("the third one")
	b.app(graphsim.App{Secret: "the third one"})
	b.sim.RevokeTokens(demoTenant, demoClient)
	s.ok("FETCH 3 (BODY.PEEK[])")
	if n := strings.Count(b.log.String(), "no token for Graph"); n != 1 {
		t.Errorf("%d refusals in the log, want 1:\n%s", n, b.log)
	}
	for _, secret := range []string{demoSecret, "the next one", "the third one"} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log has a secret:\n%s", b.log)
		}
	}
}
