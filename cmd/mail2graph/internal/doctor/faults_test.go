package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/outbox"
	"mail2graph/graphstore/graphsim"
)

// fault is a single one, with what the report must name. Each of text is in what
// came back or its code; each of cure in what to do.
type fault struct {
	name   string
	spoil  func(b *bench)
	status Status
	check  string
	text   []string
	cure   []string
}

func graphFault(f graphsim.Fault) func(*bench) {
	f.Route = "/users/{id}/mailFolders/{id}"
	return func(b *bench) { b.sim.AddFault(f) }
}

func set(key, value string) func(*bench) { return func(b *bench) { b.values[key] = value } }

var faults = []fault{
	{"wrong secret", set("client_secret", "another"), Fail, "token", []string{"AADSTS7000215"}, []string{"secret's value", "[app.main]"}},
	{"secret ends soon", set("client_secret_expires", time.Now().AddDate(0, 0, 10).Format(time.DateOnly)), Warn, "expiry", []string{"good until", " day(s)"}, []string{"new secret", "client_secret_expires"}},
	{"secret has ended by what is noted", set("client_secret_expires", "2026-01-01"), Fail, "expiry", []string{"ended on 2026-01-01"}, []string{"new secret"}},
	{"listeners' certificate ends soon", func(b *bench) { b.listeners(time.Now().Add(72*time.Hour), "mail.contoso.example") }, Warn, "expiry", []string{"good until", "2 day(s)"}, []string{"renew", "reload"}},
	{"listeners' certificate has ended", func(b *bench) { b.listeners(time.Now().Add(-72*time.Hour), "mail.contoso.example") }, Fail, "expiry", []string{"ended on"}, []string{"renew"}},
	{"listeners' certificate without a name", func(b *bench) { b.listeners(time.Now().AddDate(1, 0, 0)) }, Warn, "names", []string{"subjectAltName"}, []string{"issued anew"}},
	{"port in use", busy(syscall.EADDRINUSE), Fail, "listen", []string{"address already in use"}, []string{"ss -ltnp", "another port"}},
	{"port below 1024", busy(syscall.EACCES), Fail, "listen", []string{"permission denied"}, []string{"--sockets", "CAP_NET_BIND_SERVICE"}},
	{"address of another host", busy(syscall.EADDRNOTAVAIL), Fail, "listen", []string{"assign requested address"}, []string{"no interface"}},
	{"expired secret", func(b *bench) { b.app(graphsim.App{SecretExpired: true}) }, Fail, "token", []string{"AADSTS7000222", "expired"}, []string{"create a new one"}},
	{"wrong tenant", set("tenant_id", "fabrikam.example"), Fail, "token", []string{"AADSTS90002"}, []string{"tenant_id"}},
	{"wrong client id", set("client_id", "11111111-7777-8888-9999-000000000000"), Fail, "token", []string{"AADSTS700016"}, []string{"client_id"}},
	{"certificate not registered", func(b *bench) { b.app(graphsim.App{TokenError: 700027}) }, Fail, "token", []string{"AADSTS700027", "not registered"}, []string{"upload", "[app.main]"}},
	{"assertion out of its time", func(b *bench) { b.app(graphsim.App{TokenError: 700024}) }, Fail, "token", []string{"AADSTS700024"}, []string{"clock"}},
	{"no service principal", func(b *bench) { b.app(graphsim.App{TokenError: 7000229}) }, Fail, "token", []string{"AADSTS7000229"}, []string{"admin consent"}},
	{"consent missing", func(b *bench) { b.app(graphsim.App{TokenError: 65001}) }, Fail, "token", []string{"AADSTS65001"}, []string{"administrator"}},
	{"token requests throttled", func(b *bench) { b.app(graphsim.App{TokenError: 50196}) }, Fail, "token", []string{"AADSTS50196"}, []string{"pause"}},
	{"an AADSTS number that nobody explains", func(b *bench) { b.app(graphsim.App{TokenError: 5000811}) }, Fail, "token", []string{"AADSTS5000811"}, []string{"error?code=5000811"}},
	{"app disabled", func(b *bench) { b.app(graphsim.App{Disabled: true}) }, Fail, "token", []string{"AADSTS7000112", "disabled"}, []string{"enterprise application"}},
	{"conditional access", func(b *bench) { b.app(graphsim.App{TokenError: 53003}) }, Fail, "token", []string{"AADSTS53003"}, []string{"exclude"}},
	{"login service down", func(b *bench) { b.app(graphsim.App{TokenError: 90033}) }, Fail, "token", []string{"temporarily_unavailable"}, []string{"try again"}},
	{"no permissions", func(b *bench) { b.app(graphsim.App{Roles: []string{"User.Read.All"}}) }, Fail, "reach", []string{"403", "ErrorAccessDenied"}, []string{"grant Mail.ReadWrite", "mail2graph setup"}},
	{"no permissions, told with 401", func(b *bench) {
		b.app(graphsim.App{Roles: []string{"User.Read.All"}})
		b.sim.SetModes(graphsim.Modes{MissingRole401: true})
	}, Fail, "reach", []string{"401"}, []string{"grant Mail.ReadWrite", "mail2graph setup"}},
	{"reading alone", func(b *bench) { b.app(graphsim.App{Roles: []string{"Mail.Read", "Mail.Send"}}) }, Fail, "write", []string{"403"}, []string{"grant Mail.ReadWrite"}},
	{"no right to send", func(b *bench) { b.app(graphsim.App{Roles: []string{"Mail.ReadWrite"}}) }, Fail, "send", []string{"403"}, []string{"grant Mail.Send"}},
	{"no right to import", func(b *bench) { b.mailbox = "import_mime = true\n" }, Warn, "import", []string{"403", "filed in the other way"},
		[]string{"Mail-Advanced.ReadWrite.All", "admin consent", "import_mime"}},
	{"mailbox out of scope", func(b *bench) {
		b.app(graphsim.App{Roles: []string{}, ExchangeRoles: []string{"Mail.ReadWrite", "Mail.Send"}, AllowMailboxes: []string{other}})
	}, Fail, "reach", []string{"ErrorAccessDenied"}, []string{"Application Mail.ReadWrite", address}},
	{"mailbox denied by policy", func(b *bench) { b.app(graphsim.App{AllowMailboxes: []string{other}, Policy: true}) }, Fail, "reach",
		[]string{"ErrorAccessDenied"}, []string{"application access policy", address}},
	{"unknown mailbox", func(b *bench) { b.box.SetState(graphsim.StateInvalid) }, Fail, "reach", []string{"404", "ErrorInvalidUser"}, []string{"[mailbox.support]", "licence"}},
	{"on-premises mailbox", func(b *bench) { b.box.SetState(graphsim.StateOnPremises) }, Fail, "reach", []string{"MailboxNotEnabledForRESTAPI"}, []string{"on-premises"}},
	{"throttled for long", graphFault(graphsim.Fault{Status: 429, Code: "ApplicationThrottled", RetryAfter: "900"}), Fail, "reach", []string{"ApplicationThrottled", "15m"}, []string{"wait", "four requests"}},
	{"throttled for a moment", func(b *bench) {
		b.sim.AddFault(graphsim.Fault{Method: "GET", Route: "/users/{id}/messages", Status: 429, Code: "ApplicationThrottled", RetryAfter: "1", Count: 1})
	}, Warn, "throttling", []string{"slow down"}, []string{"wait", "four requests"}},
	{"gateway's page", func(b *bench) { b.values["graph_endpoint"] = standIn(b, page(http.StatusBadGateway)) }, Fail, "http", []string{"502", "text/html"}, []string{"gateway", "proxy"}},
	{"sign-in page before the login", func(b *bench) { b.values["authority_host"] = standIn(b, page(http.StatusOK)) }, Fail, "http", []string{"200", "text/html"}, []string{"sign-in page", "authority_host"}},
	{"Graph fails", graphFault(graphsim.Fault{Status: 503, Code: "ErrorServerBusy"}), Fail, "reach", []string{"503", "ErrorServerBusy"}, []string{"service health"}},
	{"unknown root", set("ca_file", ""), Fail, "tls", []string{"unknown authority"}, []string{"ca_file of [app.main]"}},
	{"certificate of another name", func(b *bench) {
		// The certificate of httptest is for addresses and example.com.
		b.values["graph_endpoint"] = strings.Replace(standIn(b, page(http.StatusOK)), "127.0.0.1", "localhost", 1)
	}, Fail, "tls", []string{"localhost"}, []string{"another name"}},
	{"no TLS there", func(b *bench) {
		s := httptest.NewServer(page(http.StatusOK))
		b.t.Cleanup(s.Close)
		b.values["graph_endpoint"] = "https://" + s.Listener.Addr().String()
	}, Fail, "tls", []string{"HTTP response to HTTPS"}, []string{"port"}},
	{"login's name unknown", func(b *bench) {
		b.values["authority_host"] = "https://login.contoso.example"
		b.tweak = func(d *doctor) { d.resolver = noNames() }
	}, Fail, "dns", []string{"login.contoso.example", "no such host"}, []string{"name servers"}},
	{"Graph's name unknown", func(b *bench) {
		b.values["graph_endpoint"] = "https://graph.contoso.example"
		b.tweak = func(d *doctor) { d.resolver = noNames() }
	}, Fail, "dns", []string{"graph.contoso.example", "no such host"}, []string{"name servers"}},
	{"login's port closed", func(b *bench) { b.values["authority_host"] = "https://" + closedPort(b.t) }, Fail, "connect", []string{"refused"}, []string{"firewall"}},
	{"Graph's port closed", func(b *bench) { b.values["graph_endpoint"] = "https://" + closedPort(b.t) }, Fail, "connect", []string{"refused"}, []string{"firewall"}},
	{"proxy's port closed", func(b *bench) { b.values["proxy"] = "http://" + closedPort(b.t) }, Fail, "connect", []string{"refused"}, []string{"proxy"}},
	{"proxy refuses", func(b *bench) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
		b.t.Cleanup(s.Close)
		b.values["proxy"] = s.URL
	}, Fail, "connect", []string{"Proxy Authentication Required"}, []string{"proxy", "password"}},
	{"nothing answers", func(b *bench) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() { ln.Close() })
		b.values["graph_endpoint"] = "https://" + ln.Addr().String()
		b.opts.Timeout = 300 * time.Millisecond
	}, Fail, "tls", []string{"nothing came within"}, []string{"firewall", "proxy"}},
	{"clock ahead", func(b *bench) {
		b.opts.Now = func() time.Time { return time.Now().Add(10*time.Minute + 30*time.Second) }
	}, Fail, "clock", []string{"10m", "ahead"}, []string{"clock"}},
	{"clock behind", func(b *bench) {
		b.opts.Now = func() time.Time { return time.Now().Add(-2*time.Minute - 30*time.Second) }
	}, Warn, "clock", []string{"2m", "behind"}, []string{"clock"}},
	{"state directory read-only", func(b *bench) {
		b.tweak = func(d *doctor) {
			d.disk.write = func(dir string) error { return &fs.PathError{Op: "open", Path: dir, Err: syscall.EROFS} }
		}
	}, Fail, "state", []string{"read-only file system"}, []string{"chown", "remounted"}},
	{"state directory is a file", func(b *bench) { b.write("file", nil); b.values["state_dir"] = filepath.Join(b.dir, "file") }, Fail, "state", []string{"is no directory"}, []string{"another state_dir"}},
	{"state directory below a file", func(b *bench) {
		b.write("file", nil)
		b.values["state_dir"] = filepath.Join(b.dir, "file", "state")
	}, Fail, "state", []string{"not a directory"}, []string{"state_dir"}},
	{"state directory open to all", func(b *bench) {
		if err := os.Chmod(b.values["state_dir"], 0o755); err != nil {
			b.t.Fatal(err)
		}
	}, Warn, "state", []string{"0755"}, []string{"chmod 700"}},
	{"disk full", func(b *bench) {
		b.tweak = func(d *doctor) { d.disk.space = func(string) (int64, error) { return 10 << 20, nil } }
	}, Fail, "space", []string{"10 MiB"}, []string{"make room"}},
	{"no inodes", func(b *bench) {
		b.tweak = func(d *doctor) { d.disk.space = func(string) (int64, error) { return 0, outbox.ErrNoInodes } }
	}, Fail, "space", []string{"no inodes"}, []string{"remove files", "df -i"}},
	{"disk nearly full", func(b *bench) {
		b.tweak = func(d *doctor) { d.disk.space = func(string) (int64, error) { return 500 << 20, nil } }
	}, Warn, "space", []string{"500 MiB"}, []string{"max_size"}},
	{"outbox with damaged files", func(b *bench) { b.spoilOutbox("queue") }, Warn, "outbox", []string{"damaged"}, []string{"corrupt"}},
	{"outbox put files aside", func(b *bench) { b.spoilOutbox("corrupt") }, Warn, "outbox", []string{"put aside"}, []string{"help recovery"}},
	{"index damaged", func(b *bench) { b.index(bytes.Repeat([]byte("SQLite format 3\x00damage"), 4096)) }, Fail, "index", []string{"index"}, []string{"restore a copy", "no mail is lost"}},
	{"index is something else", func(b *bench) { b.index([]byte("# notes\n")) }, Fail, "index", []string{"index"}, []string{"move", "no mail is lost"}},
	{"what must not be reached is", func(b *bench) { b.opts.ExpectDenied = []string{other} }, Fail, "denied", []string{"opened"}, []string{"remove the permissions", "Entra"}},
	{"scope too wide", func(b *bench) {
		b.app(graphsim.App{Roles: []string{}, ExchangeRoles: []string{"Mail.ReadWrite", "Mail.Send"}, AllowMailboxes: []string{address, other}})
		b.opts.ExpectDenied = []string{other}
	}, Fail, "denied", []string{"opened"}, []string{"members of its group"}},
	{"what must not be reached does not exist", func(b *bench) { b.opts.ExpectDenied = []string{"nobody@contoso.example"} }, Warn, "denied", []string{"ErrorInvalidUser", "proves nothing"}, []string{"exists"}},
	{"message refused", func(b *bench) {
		b.opts.SendTo = "x@example.org"
		b.sim.AddFault(graphsim.Fault{Route: "/users/{id}/messages/{id}/send", Status: 403, Code: "ErrorSendAsDenied"})
	}, Fail, "send", []string{"ErrorSendAsDenied"}, []string{"Add-RecipientPermission"}},
	{"nobody has signed in", func(b *bench) { b.delegated("", "Mail.ReadWrite", "Mail.Send") }, Fail, "token", []string{"nobody has signed in"}, []string{"mail2graph login support"}},
	{"sign-in has ended", func(b *bench) {
		b.delegated(address, "Mail.ReadWrite", "Mail.Send")
		b.sim.RevokeSignIns(tenant, address)
	}, Fail, "token", []string{"AADSTS"}, []string{"mail2graph login support"}},
	{"sign-in not used for long", userFault(700082), Fail, "token", []string{"AADSTS700082", "not used for long"}, []string{"mail2graph login support"}},
	{"sign-in expired", userFault(70008), Fail, "token", []string{"AADSTS70008", "expired"}, []string{"mail2graph login support"}},
	{"second factor asked for", userFault(50076), Fail, "token", []string{"AADSTS50076", "second factor"}, []string{"mail2graph login support"}},
	{"conditional access for the user", userFault(53003), Fail, "token", []string{"AADSTS53003", "conditional access"}, []string{"exclude", "--browser"}},
	{"user disabled", userFault(50057), Fail, "token", []string{"AADSTS50057", "disabled"}, []string{"mail2graph login support"}},
	{"user's consent withdrawn", func(b *bench) {
		b.delegated(address, "Mail.ReadWrite", "Mail.Send")
		b.sim.AddApp(graphsim.App{Tenant: tenant, ClientID: client, Public: true, Roles: []string{}, Delegated: []string{"Mail.Read"}})
	}, Fail, "token", []string{"AADSTS65001", "consent"}, []string{"mail2graph login support"}},
	{"app is no public client", func(b *bench) {
		b.delegated(address, "Mail.ReadWrite", "Mail.Send")
		b.sim.AddApp(graphsim.App{Tenant: tenant, ClientID: client, Roles: []string{}, Delegated: []string{"Mail.ReadWrite", "Mail.Send"}})
	}, Fail, "token", []string{"AADSTS7000218", "public client"}, []string{"Authentication page"}},
	{"user has no right to the shared mailbox", func(b *bench) {
		b.delegated(other, "Mail.ReadWrite", "Mail.Send", "Mail.ReadWrite.Shared", "Mail.Send.Shared")
	}, Fail, "reach", []string{"403"}, []string{other, "Add-MailboxPermission"}},
	{"secret's file is missing", func(b *bench) {
		b.values["client_secret"], b.values["client_secret_file"] = "", filepath.Join(b.dir, "missing")
	}, Fail, "config", []string{"client_secret_file", "missing"}, []string{"mend"}},
	{"configuration wrong", set("tenant_id", "common"), Fail, "config", []string{"tenant_id", "common"}, []string{"help config"}},
	{"secret readable for all", func(b *bench) {
		b.write("secret", []byte(secret))
		if err := os.Chmod(filepath.Join(b.dir, "secret"), 0o644); err != nil {
			b.t.Fatal(err)
		}
		b.values["client_secret"], b.values["client_secret_file"] = "", filepath.Join(b.dir, "secret")
	}, Warn, "config", []string{"every user"}, nil},
}

// userFault has a user who had signed in refused with an AADSTS number.
func userFault(aadsts int) func(*bench) {
	return func(b *bench) {
		b.delegated(address, "Mail.ReadWrite", "Mail.Send")
		b.sim.AddUser(graphsim.User{Tenant: tenant, Name: address, TokenError: aadsts})
	}
}

// busy answers every attempt to open the address of IMAP with an error.
func busy(err error) func(*bench) {
	return func(b *bench) {
		b.tweak = func(d *doctor) {
			d.doors.open = func(_ context.Context, addr string) error {
				if addr == string(d.cfg.IMAP.Listen[0]) {
					return &net.OpError{Op: "listen", Net: "tcp", Err: err}
				}
				return nil
			}
		}
	}
}

// listeners gives mail programs a certificate for names that ends then.
func (b *bench) listeners(end time.Time, names ...string) {
	b.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.AddDate(-1, 0, 0), NotAfter: end, DNSNames: names}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("listener.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	b.write("listener.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	b.tables = "[tls]\ncert_file = \"listener.crt\"\nkey_file = \"listener.key\"\n"
}

// spoilOutbox puts a file without sense into a folder of an outbox.
func (b *bench) spoilOutbox(folder string) {
	b.t.Helper()
	dir := filepath.Join(b.values["state_dir"], bridge.OutboxDir)
	s, err := outbox.Open(dir, outbox.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, folder, "0123456789ABCDEF.json"), []byte("{"), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// index puts something in the place of the mailbox's index.
func (b *bench) index(text []byte) {
	b.t.Helper()
	dir := (&bridge.Config{StateDir: b.values["state_dir"]}).MailboxDir(address)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, bridge.IndexFile), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func page(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		io.WriteString(w, "<html><body>Sign in</body></html>")
	}
}

// TestImportOnBehalf: the configuration is remarked on, and the attempt tells the
// permission of a user, not that of an application.
func TestImportOnBehalf(t *testing.T) {
	b := newBench(t)
	b.delegated(address, "Mail.ReadWrite", "Mail.Send")
	b.mailbox += "import_mime = true\n"
	var got []string
	for _, f := range b.run().Findings {
		if f.Status == Fail || f.Status == Warn {
			got = append(got, f.Check+": "+f.Got+" "+f.Cure)
		}
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], "config: ") || !strings.HasPrefix(got[1], "import: 403") ||
		!strings.Contains(got[1], "take import_mime out: it needs the delegated permission Mail-Advanced.ReadWrite,") {
		t.Errorf("findings: %q", got)
	}
}

// TestSingleFaults: a fault gives one finding, which names it and what to do, and
// no other.
func TestSingleFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			f.spoil(b)
			r := b.run()
			var bad []Finding
			for _, x := range r.Findings {
				if x.Status == Fail || x.Status == Warn {
					bad = append(bad, x)
				}
			}
			if len(bad) != 1 {
				t.Fatalf("%d findings, want one:\n%s", len(bad), printed(r))
			}
			x := bad[0]
			if x.Status != f.status || x.Check != f.check {
				t.Errorf("%s %s, want %s %s", x.Status, x.Check, f.status, f.check)
			}
			for _, want := range f.text {
				if !strings.Contains(x.Got+" "+x.Code, want) {
					t.Errorf("what came back lacks %q: %s (%s)", want, x.Got, x.Code)
				}
			}
			for _, want := range f.cure {
				if !strings.Contains(x.Cure, want) {
					t.Errorf("what to do lacks %q: %s", want, x.Cure)
				}
			}
			if x.Cure == "" {
				t.Error("nothing is said of what to do")
			}
			if r.OK != (f.status != Fail) {
				t.Errorf("the report says ok: %v", r.OK)
			}
			if strings.Contains(printed(r), secret) {
				t.Errorf("the report has the secret:\n%s", printed(r))
			}
		})
	}
}
