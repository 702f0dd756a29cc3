package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

const sharedAddress = "shared@example.com"

// newDelegatedBed is a simulator with a user, a shared mailbox, an app that acts
// on his behalf, and a configuration file for both mailboxes.
func newDelegatedBed(t *testing.T) (sim *graphsim.Running, config string) {
	t.Helper()
	sim = graphsim.NewTest(t, graphsim.Options{Seed: 1, Modes: graphsim.Modes{SingleUseRefresh: true}})
	for _, address := range []string{bedUser, sharedAddress} {
		box, err := sim.AddMailbox(address, graphsim.MailboxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if _, err := box.Deliver(bedMail(i), graphsim.DeliverOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	sim.AddApp(graphsim.App{Tenant: demoTenant, ClientID: demoClient, Public: true,
		Delegated: []string{"Mail.ReadWrite", "Mail.Send", "Mail.ReadWrite.Shared", "Mail.Send.Shared"}})
	sim.AddUser(graphsim.User{Tenant: demoTenant, Name: bedUser, Mailboxes: []string{sharedAddress}})
	hash, err := bridge.HashPassword(bedPassword)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := fmt.Sprintf(`state_dir = "state"
[imap]
listen = ["127.0.0.1:0"]
[smtp]
listen = []
[app.users]
tenant_id = %q
client_id = %q
authority_host = %q
graph_endpoint = %[3]q
ca_file = "ca.pem"
[mailbox.own]
address = %q
app = "users"
access = "on-behalf-of-user"
poll = "0"
[mailbox.shared]
address = %q
app = "users"
access = "on-behalf-of-user"
user = %[4]q
poll = "0"
[login.own]
mailbox = "own"
password_hash = %[6]q
[login.shared]
mailbox = "shared"
password_hash = %[6]q
`, demoTenant, demoClient, sim.URL, bedUser, sharedAddress, hash)
	config = filepath.Join(dir, "mail2graph.toml")
	for name, content := range map[string][]byte{config: []byte(text), filepath.Join(dir, "ca.pem"): sim.CAPEM} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sim, config
}

var (
	shownCode   = regexp.MustCompile(`enter the code:\n\n  (\S+)\n`)
	listeningAt = regexp.MustCompile(`msg=listening proto=imap addr=(\S+)`)
)

// signInBy runs login for a mailbox; do is what the user does with the code.
func signInBy(t *testing.T, config, mailbox string, do func(code string) error) (*process, int) {
	t.Helper()
	p := launch(t, "login", mailbox, "--config", config)
	text := p.out.await(t, "the code", shownCode.MatchString)
	if err := do(shownCode.FindStringSubmatch(text)[1]); err != nil {
		t.Fatal(err)
	}
	code := <-p.code
	p.code <- code
	return p, code
}

// serveConfig starts serve and returns it with the address of IMAP.
func serveConfig(t *testing.T, config string) (*process, string) {
	t.Helper()
	p := launch(t, "serve", "--config", config)
	text := p.err.await(t, "the listener", listeningAt.MatchString)
	return p, listeningAt.FindStringSubmatch(text)[1]
}

// TestOnBehalfOfUser goes from nothing to reading mail over IMAP: no sign-in,
// sign-in while the service runs, restart, refresh, revocation, another sign-in.
func TestOnBehalfOfUser(t *testing.T) {
	sim, config := newDelegatedBed(t)
	approve := func(mailbox string) {
		t.Helper()
		p, code := signInBy(t, config, mailbox, func(code string) error { return sim.Approve(code, bedUser) })
		if code != exitOK || !strings.Contains(p.out.String(), bedUser+" has signed in") {
			t.Fatalf("login: %d\n%s%s", code, p.out, p.err)
		}
	}
	p, addr := serveConfig(t, config)
	open := func(user string) *session {
		t.Helper()
		s := (&bed{t: t, imap: addr}).connect()
		s.ok("LOGIN %s %q", user, bedPassword)
		return s
	}
	p.err.awaitText(t, "a new sign-in is due: mail2graph login own")
	own := open("own")
	own.no("UNAVAILABLE", "SELECT INBOX")

	approve("own")
	own.ok("SELECT INBOX")
	if a := own.ok("FETCH 1 (BODY.PEEK[])"); len(a.with("This is message")) == 0 {
		t.Errorf("FETCH: %v", a.lines)
	}
	open("shared").no("UNAVAILABLE", "SELECT INBOX")
	approve("shared")
	open("shared").ok("SELECT INBOX")
	if code := p.end(t); code != exitOK {
		t.Errorf("serve ended with %d:\n%s", code, p.err)
	}

	p, addr = serveConfig(t, config)
	sim.RevokeTokens(demoTenant, demoClient)
	for _, user := range []string{"own", "shared"} {
		s := open(user)
		s.ok("SELECT INBOX")
		if a := s.ok("FETCH 2 (BODY.PEEK[])"); len(a.with("This is message")) == 0 {
			t.Errorf("FETCH of %s after a restart: %v", user, a.lines)
		}
	}

	sim.RevokeSignIns(demoTenant, bedUser)
	sim.RevokeTokens(demoTenant, demoClient)
	own = open("own")
	own.ok("SELECT INBOX") // from the index
	own.no("UNAVAILABLE", "FETCH 3 (BODY.PEEK[])")
	own.no("UNAVAILABLE", "FETCH 3 (BODY.PEEK[])")
	if n := strings.Count(p.err.String(), "a new sign-in is due: mail2graph login own"); n != 1 {
		t.Errorf("%d lines about a sign-in, want 1:\n%s", n, p.err)
	}
	approve("own")
	own.ok("FETCH 3 (BODY.PEEK[])")
	if code := p.end(t); code != exitOK {
		t.Errorf("serve ended with %d:\n%s", code, p.err)
	}
	for _, secret := range []string{"0.", "eyJ"} { // of refresh and access tokens
		if strings.Contains(p.err.String(), `"`+secret) {
			t.Errorf("the log has a token:\n%s", p.err)
		}
	}
}

// TestDoctorOnBehalfOfUser: doctor names the sign-in that is due, then finds all well.
func TestDoctorOnBehalfOfUser(t *testing.T) {
	sim, config := newDelegatedBed(t)
	doctor := func() string {
		t.Helper()
		_, out, errText := runWith(strings.NewReader(""), "doctor", "--config", config)
		return out + errText
	}
	if got := doctor(); !strings.Contains(got, "mail2graph login own --config "+config) || !strings.Contains(got, "mail2graph login shared") {
		t.Errorf("without a sign-in:\n%s", got)
	}
	for _, mailbox := range []string{"own", "shared"} {
		if _, code := signInBy(t, config, mailbox, func(code string) error { return sim.Approve(code, bedUser) }); code != exitOK {
			t.Fatalf("login %s: %d", mailbox, code)
		}
	}
	got := doctor()
	if strings.Contains(got, "mail2graph login") || !strings.Contains(got, "Mail.ReadWrite.Shared") || strings.Contains(got, "application permission") {
		t.Errorf("signed in:\n%s", got)
	}
	sim.AddUser(graphsim.User{Tenant: demoTenant, Name: bedUser})
	if got := doctor(); !strings.Contains(got, "full access to "+sharedAddress) {
		t.Errorf("without rights in Exchange:\n%s", got)
	}
}

// TestLoginFails: what went wrong is said in words, and the status is 1.
func TestLoginFails(t *testing.T) {
	sim, config := newDelegatedBed(t)
	for _, tt := range []struct {
		name string
		do   func(code string) error
		want string
	}{
		{"declined", sim.Decline, "no sign-in: AADSTS65004: the user declined to consent"},
		{"expired", sim.ExpireCode, "no sign-in: AADSTS70019: the code has expired"},
		{"other user", func(code string) error {
			sim.AddUser(graphsim.User{Tenant: demoTenant, Name: "other@example.com"})
			return sim.Approve(code, "other@example.com")
		}, "other@example.com has signed in, expected was " + bedUser},
	} {
		p, code := signInBy(t, config, "own", tt.do)
		if code != exitFailure || !strings.Contains(p.err.String(), tt.want) {
			t.Errorf("%s: %d %s, want %q", tt.name, code, p.err, tt.want)
		}
	}
	sim.AddApp(graphsim.App{Tenant: demoTenant, ClientID: demoClient, Secret: demoSecret})
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"login", "own", "--config", config}, exitFailure, "does not allow public client flows"},
		{[]string{"login", "none", "--config", config}, exitUsage, "those on behalf of a user are: own, shared"},
		{[]string{"login", "--config", config}, exitUsage, "MAILBOX is missing"},
		{[]string{"login", "own"}, exitUsage, "--config FILE is missing"},
		{[]string{"login", "support", "--config", "../../config.example.toml"}, exitFailure, "no mailbox of the configuration has access"},
	} {
		code, _, errText := runWith(strings.NewReader(""), tt.args...)
		if code != tt.code || !strings.Contains(errText, tt.want) {
			t.Errorf("%q: %d %s, want %d with %q", tt.args, code, errText, tt.code, tt.want)
		}
	}
}
