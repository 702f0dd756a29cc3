package doctor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/graphstore"
	"mail2graph/graphstore/graphsim"
)

const (
	tenant  = "contoso.example"
	client  = "66666666-7777-8888-9999-000000000000"
	secret  = "a~secret"
	address = "support@contoso.example"
	other   = "director@contoso.example"
)

// bench is a configuration that works, over a simulator, for a test to spoil.
type bench struct {
	t       *testing.T
	dir     string
	sim     *graphsim.Running
	box     *graphsim.Mailbox
	values  map[string]string // keys of [app.main] and state_dir
	mailbox string            // further keys of [mailbox.support]
	tables  string            // further tables
	opts    Options
	tweak   func(d *doctor)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), sim: graphsim.NewTest(t, graphsim.Options{Seed: 1})}
	var err error
	if b.box, err = b.sim.AddMailbox(address, graphsim.MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err = b.sim.AddMailbox(other, graphsim.MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	b.app(graphsim.App{})
	ca := filepath.Join(b.dir, "ca.pem")
	b.write("ca.pem", b.sim.CAPEM)
	b.values = map[string]string{
		"state_dir": filepath.Join(b.dir, "state"), "tenant_id": tenant, "client_id": client, "client_secret": secret,
		"authority_host": b.sim.URL, "graph_endpoint": b.sim.URL, "ca_file": ca, "proxy": "",
	}
	if err := os.Mkdir(b.values["state_dir"], 0o700); err != nil {
		t.Fatal(err)
	}
	b.opts = Options{
		Timeout: 5 * time.Second,
		Open: func(_ string, a bridge.AppConfig) (*graphstore.Client, error) {
			return open(a, graphstore.Secret(a.TenantID, a.ClientID, func() (string, error) {
				secret, err := a.ReadSecret()
				return string(secret), err
			}))
		},
		OpenUser: func(cfg *bridge.Config, mailbox string) (*graphstore.Client, error) {
			m := cfg.Mailboxes[mailbox]
			a := cfg.Apps[m.App]
			return open(a, graphstore.OnBehalfOf(graphstore.SignIn{TenantID: a.TenantID, ClientID: a.ClientID, User: m.User,
				Shared: m.User != m.Address, File: cfg.SignInFile(mailbox), Hint: "mail2graph login " + mailbox}))
		},
	}
	return b
}

func open(a bridge.AppConfig, c graphstore.Credential) (*graphstore.Client, error) {
	return graphstore.New(graphstore.Options{
		Credential: c, AuthorityHost: string(a.AuthorityHost), GraphEndpoint: string(a.GraphEndpoint), CAFile: a.CAFile, Proxy: string(a.Proxy),
	})
}

func (b *bench) app(a graphsim.App) {
	a.Tenant, a.ClientID = tenant, client
	if a.Secret == "" {
		a.Secret = secret
	}
	if a.Roles == nil {
		a.Roles = []string{"Mail.ReadWrite", "Mail.Send"}
	}
	b.sim.AddApp(a)
}

func (b *bench) write(name string, text []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) run() *Report {
	b.t.Helper()
	hash, err := bridge.HashPassword("x")
	if err != nil {
		b.t.Fatal(err)
	}
	var c strings.Builder
	fmt.Fprintf(&c, "state_dir = %q\n[app.main]\n", b.values["state_dir"])
	for key, value := range b.values {
		if key != "state_dir" && value != "" {
			fmt.Fprintf(&c, "%s = %q\n", key, value)
		}
	}
	fmt.Fprintf(&c, "[mailbox.support]\naddress = %q\napp = \"main\"\n%s\n[login.support]\npassword_hash = %q\nmailbox = \"support\"\n", address, b.mailbox, hash)
	c.WriteString(b.tables)
	b.write("config.toml", []byte(c.String()))
	b.opts.Config = filepath.Join(b.dir, "config.toml")
	d := newDoctor(b.opts)
	d.doors = doors{open: func(context.Context, string) error { return nil }, units: func() []string { return nil }}
	if b.tweak != nil {
		b.tweak(d)
	}
	return d.examine(b.t.Context())
}

// closedPort is an address of this host at which nobody listens.
func closedPort(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// noNames answers every question of DNS with "no such name" (RFC 1035 §4.1.1).
func noNames() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			for {
				var n uint16
				if binary.Read(theirs, binary.BigEndian, &n) != nil {
					return
				}
				msg := make([]byte, n)
				if _, err := io.ReadFull(theirs, msg); err != nil {
					return
				}
				msg[2], msg[3] = msg[2]|0x80, 0x83 // an answer, recursion available, NXDOMAIN
				if binary.Write(theirs, binary.BigEndian, n) != nil {
					return
				}
				if _, err := theirs.Write(msg); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// standIn answers every request in the same way, with the simulator's trust.
func standIn(b *bench, h http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	b.t.Cleanup(s.Close)
	pem := fmt.Appendf(slices.Clone(b.sim.CAPEM), "%s", certPEM(s))
	b.write("ca.pem", pem)
	return s.URL
}

// certPEM is the certificate of a test server, which signs itself.
func certPEM(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func printed(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		Print(&b, f)
	}
	return b.String()
}

// TestHealthy goes through everything, with mail and with a mailbox that is denied.
func TestHealthy(t *testing.T) {
	b := newBench(t)
	b.app(graphsim.App{Roles: []string{}, ExchangeRoles: []string{"Mail.ReadWrite", "Mail.Send"}, AllowMailboxes: []string{address}})
	b.opts.ExpectDenied, b.opts.SendTo = []string{other}, "x@example.org"
	r := b.run()
	var checks []string
	for _, f := range r.Findings {
		if f.Status != OK {
			t.Errorf("%+v", f)
		}
		checks = append(checks, f.Check)
	}
	want := []string{"config", "state", "space", "outbox", "index", "listen", "listen", "connect", "tls", "http", "clock", "expiry", "token", "roles",
		"reach", "read", "write", "send", "throttling", "denied"}
	if !slices.Equal(checks, want) {
		t.Errorf("checks %q,\nwant %q", checks, want)
	}
	sent := b.sim.Deliveries()
	if len(sent) != 1 || sent[0].Mailbox != address || !slices.Equal(sent[0].Recipients, []string{"x@example.org"}) {
		t.Errorf("sent: %+v", sent)
	}
	b.sim.ResetLog()
	b.opts.SendTo = ""
	if r := b.run(); !r.OK || len(b.sim.Deliveries()) != 1 {
		t.Errorf("without --send-to: %d messages sent\n%s", len(b.sim.Deliveries())-1, printed(r))
	}
}

// TestPermissions: what the token holds is compared with what the configuration uses.
func TestPermissions(t *testing.T) {
	for _, tc := range []struct {
		name    string
		roles   []string
		mailbox string
		login   string
		want    string
		skip    bool // whether the right to send is left out
	}{
		{"as used", []string{"Mail.ReadWrite", "Mail.Send"}, "", "", "Mail.ReadWrite, Mail.Send; granted in Entra", false},
		{"with more", []string{"Mail.ReadWrite", "Mail.Send", "User.Read.All"}, "", "", "; in it but not used here: User.Read.All", false},
		{"none", []string{}, "", "", "do not show here; used but not in it: Mail.ReadWrite, Mail.Send", false},
		{"import", []string{"Mail.ReadWrite", "Mail.Send", "Mail-Advanced.ReadWrite.All"}, "import_mime = true\n", "", "Mail.Send, Mail-Advanced.ReadWrite.All; granted", false},
		{"no import", []string{"Mail.ReadWrite", "Mail.Send"}, "import_mime = true\n", "", "used but not in it: Mail-Advanced.ReadWrite.All", false},
		{"nobody sends", []string{"Mail.ReadWrite"}, "", "read_only = true\n", "Mail.ReadWrite; granted", true},
		{"nobody sends by SMTP", []string{"Mail.ReadWrite"}, "", "protocols = [\"imap\"]\n", "Mail.ReadWrite; granted", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.app(graphsim.App{Roles: tc.roles, ExchangeRoles: []string{"Mail.ReadWrite", "Mail.Send"}})
			b.mailbox, b.tables = tc.mailbox, tc.login
			r := b.run()
			for _, f := range r.Findings {
				if f.Check == "roles" && (f.Status != OK || !strings.Contains(f.Got, tc.want)) {
					t.Errorf("%s: %s, want %q", f.Status, f.Got, tc.want)
				}
				if f.Check == "send" && (f.Status == Skip) != tc.skip {
					t.Errorf("send: %s %s", f.Status, f.Got)
				}
			}
		})
	}
}

// TestRunningService: an index that is in use is a good one.
func TestRunningService(t *testing.T) {
	b := newBench(t)
	path := filepath.Join((&bridge.Config{StateDir: b.values["state_dir"]}).MailboxDir(address), bridge.IndexFile)
	x, err := index.Open(t.Context(), path, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.tweak = func(d *doctor) { d.doors.open = func(context.Context, string) error { return syscall.EADDRINUSE } }
	r := b.run()
	if !r.OK || !strings.Contains(printed(r), "a running mail2graph has it open") || !strings.Contains(printed(r), "in use; a running mail2graph has state_dir open") {
		t.Errorf("while it is in use:\n%s", printed(r))
	}
	b.tweak = nil
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if r := b.run(); !r.OK || !strings.Contains(printed(r), "whole, 0 folder(s)") {
		t.Errorf("afterwards:\n%s", printed(r))
	}
}

// TestSocketUnits: ports that systemd opens are no fault while the service is not there.
func TestSocketUnits(t *testing.T) {
	b := newBench(t)
	b.tweak = func(d *doctor) {
		d.doors.open = func(_ context.Context, addr string) error { return syscall.EADDRINUSE }
		d.doors.units = func() []string { return []string{"/etc/systemd/system/mail2graph-imap.socket"} }
	}
	if r := b.run(); !r.OK || !strings.Contains(printed(r), "left to systemd") {
		t.Errorf("with socket units:\n%s", printed(r))
	}
}

// TestRealDoors opens an address, and meets one that is taken.
func TestRealDoors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := realDoors()
	if err := d.open(t.Context(), ln.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(ListenCure(err), "another program") {
		t.Errorf("an address that is taken: %v", err)
	}
	ln.Close()
	if err := d.open(t.Context(), ln.Addr().String()); err != nil {
		t.Errorf("a free one: %v", err)
	}
	if err := d.open(t.Context(), "192.0.2.1:1143"); !errors.Is(err, syscall.EADDRNOTAVAIL) || !strings.Contains(ListenCure(err), "no interface") {
		t.Errorf("another host's: %v", err)
	}
}

// TestOtherOwner: root must not leave files in the service's directory.
func TestOtherOwner(t *testing.T) {
	b := newBench(t)
	b.tweak = func(d *doctor) {
		d.disk.euid = func() int { return 0 }
		d.disk.owner = func(fs.FileInfo) (int, bool) { return 990, true }
		d.disk.write = func(string) error { t.Error("a file was made"); return nil }
	}
	r := b.run()
	if !r.OK || !strings.Contains(printed(r), "belongs to user 990") {
		t.Errorf("root in another's directory:\n%s", printed(r))
	}
}

func TestTryFile(t *testing.T) {
	dir := t.TempDir()
	if err := tryFile(dir); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := tryFile(filepath.Join(dir, "missing")); err == nil {
		t.Error("a file was made in a directory that is not there")
	}
}

func TestJSON(t *testing.T) {
	b := newBench(t)
	b.app(graphsim.App{SecretExpired: true})
	r := b.run()
	var text bytes.Buffer
	if err := JSON(&text, r); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.OK || !slices.Equal(back.Findings, r.Findings) {
		t.Errorf("read back: %+v", back)
	}
	if want := fmt.Sprintf("%d ok, 0 to look at, 1 failed, %d skipped", back.Count(OK), back.Count(Skip)); Summary(r) != want {
		t.Errorf("summary %q, want %q", Summary(r), want)
	}
}

// TestPrintIsClean: what a service answers does not reach the terminal as it is.
func TestPrintIsClean(t *testing.T) {
	var b strings.Builder
	Print(&b, Finding{Check: "token", Status: Fail, Tried: "ask", Got: "\x1b[2J\u009b1mred\r", Cure: "do\x07"})
	if strings.ContainsAny(b.String(), "\x1b\u009b\r\x07") {
		t.Errorf("%q", b.String())
	}
}

// delegated makes the mailbox one on behalf of a user, who signs in unless he is "".
func (b *bench) delegated(who string, scopes ...string) {
	b.t.Helper()
	b.sim.AddApp(graphsim.App{Tenant: tenant, ClientID: client, Public: true, Roles: []string{}, Delegated: scopes})
	b.sim.AddUser(graphsim.User{Tenant: tenant, Name: address})
	b.sim.AddUser(graphsim.User{Tenant: tenant, Name: other})
	b.values["client_secret"] = ""
	b.mailbox = "access = \"on-behalf-of-user\"\n"
	if who == "" {
		return
	}
	if who != address {
		b.mailbox += fmt.Sprintf("user = %q\n", who)
	}
	file := (&bridge.Config{StateDir: b.values["state_dir"]}).SignInFile("support")
	err := graphstore.SignInWithCode(b.t.Context(), graphstore.Options{AuthorityHost: b.sim.URL, GraphEndpoint: b.sim.URL, CAs: b.sim.CAPEM},
		graphstore.SignIn{TenantID: tenant, ClientID: client, User: who, Shared: who != address, File: file},
		func(c graphstore.DeviceCode) {
			if err := b.sim.Approve(c.Code, who); err != nil {
				b.t.Error(err)
			}
		})
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestDelegated goes through everything on behalf of a user.
func TestDelegated(t *testing.T) {
	b := newBench(t)
	b.delegated(address, "Mail.ReadWrite", "Mail.Send")
	r := b.run()
	if r.Count(OK) != len(r.Findings) || !strings.Contains(printed(r), "on behalf of "+address) {
		t.Errorf("on behalf of a user:\n%s", printed(r))
	}
}
