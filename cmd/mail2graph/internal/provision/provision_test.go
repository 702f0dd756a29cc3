package provision

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// plain is what most operators have, odd what tries to leave its quotes.
var (
	plain = Plan{
		Tenant: "contoso.example", AppName: "mail2graph", Credential: Secret,
		Mailboxes: []string{"support@contoso.example", "Sales.Team@contoso.example"},
	}
	odd = Plan{
		Tenant: "11111111-2222-3333-4444-555555555555", Credential: Certificate, Cloud: "usgov",
		AppName:   "O'Neill’s $(touch pwned) `id` \"%s\" \\ !x",
		Mailboxes: []string{"o'brien@contoso.example", "$HOME!{x}@contoso.example", "`a`@contoso.example"},
	}
)

// user and sharing are for mailboxes on behalf of users: their own, and shared ones.
var (
	user    = Plan{Tenant: plain.Tenant, AppName: plain.AppName, Mailboxes: plain.Mailboxes, Access: User}
	sharing = Plan{Tenant: odd.Tenant, AppName: odd.AppName, Cloud: odd.Cloud, Mailboxes: odd.Mailboxes, Access: User, User: "$HOME!{x}@contoso.example"}
	plans   = map[string]Plan{"plain": plain, "odd": odd, "user": user, "shared": sharing}
)

func text(t *testing.T, p Plan, f Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		for name, p := range plans {
			file := filepath.Join("testdata", string(f)+"-"+name+".golden")
			got := text(t, p, f)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; run go test -update and look at the change:\n%s", file, got)
			}
		}
	}
}

// fakeTools stand in for az and openssl: they write down their arguments, one in
// a line, and answer what the script waits for.
var fakeTools = map[string]string{
	"az": `printf '%s\n' "az" "$@" "--" >>"$CALLS"
case "$*" in
"ad app create"*) echo 66666666-7777-8888-9999-000000000000 ;;
"ad sp show --id 66"*) exit 3 ;;
"ad sp create"*) echo 55555555-0000-0000-0000-000000000001 ;;
"ad sp show"*) echo 55555555-0000-0000-0000-000000000002 ;;
"ad app credential reset"*password*) echo the~secret ;;
"rest --method GET"*value?[?]*) printf 'assignment-1\nassignment_2\n' ;;
esac
`,
	"openssl": `printf '%s\n' "openssl" "$@" "--" >>"$CALLS"; : >mail2graph.key; : >mail2graph.crt`,
}

// runBash runs a script with the fake tools in an empty directory, and returns that
// directory, what the tools were called with, and the output.
func runBash(t *testing.T, script string) (dir, calls, out string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	tools := t.TempDir()
	for name, body := range fakeTools {
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!"+bash+"\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir = t.TempDir()
	log := filepath.Join(tools, "calls")
	cmd := exec.Command(bash, "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "CALLS=" + log}
	cmd.Stdin = strings.NewReader("\n")
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, b)
	}
	c, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(c), string(b)
}

func TestBashSyntax(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	for _, p := range plans {
		cmd := exec.Command(bash, "-n")
		cmd.Stdin = strings.NewReader(text(t, p, AzureCLI))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", p.AppName, err, out)
		}
	}
}

// TestBashRun runs the commands for az from beginning to end.
func TestBashRun(t *testing.T) {
	for _, p := range []Plan{plain, odd} {
		dir, calls, out := runBash(t, text(t, p, AzureCLI))
		for _, want := range []string{
			"\n--display-name\n" + p.AppName + "\n", "\n--tenant\n" + p.Tenant + "\n",
			"\n--api\n" + graphAppID + "\n--api-permissions\n" + mailReadWrite + "=Role\n" + mailSend + "=Role\n",
			`"appRoleId":"` + mailReadWrite + `"`, `"appRoleId":"` + mailSend + `"`,
			"\nDELETE\n--url\n" + clouds[or(p.Cloud, "global")].GraphHost + "/v1.0/servicePrincipals/55555555-0000-0000-0000-000000000001/appRoleAssignments/assignment-1\n",
			"/appRoleAssignments/assignment_2\n",
		} {
			if !strings.Contains(calls, want) {
				t.Errorf("%s: nothing was called with %q:\n%s", p.AppName, want, calls)
			}
		}
		if want := "$ObjectId = '55555555-0000-0000-0000-000000000001'"; !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
		if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
			t.Error("an input was run as a command")
		}
		config, err := os.ReadFile(filepath.Join(dir, "config.toml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`tenant_id = "` + p.Tenant, `client_id = "66666666-7777-8888-9999-000000000000"`, `address = "` + p.Mailboxes[0] + `"`} {
			if !strings.Contains(string(config), want) {
				t.Errorf("config.toml lacks %q:\n%s", want, config)
			}
		}
	}
}

// TestBashRunUser does so for mailboxes on behalf of users.
func TestBashRunUser(t *testing.T) {
	for _, p := range []Plan{user, sharing} {
		dir, calls, _ := runBash(t, text(t, p, AzureCLI))
		wants := []string{
			"\n--display-name\n" + p.AppName + "\n", "\n--is-fallback-public-client\ntrue\n", "\n--public-client-redirect-uris\nhttp://localhost\n",
			"024d486e-b451-40bb-833d-3e66d98c5c73=Scope\n", "e383f46e-2787-4529-855e-0e479a3ffac0=Scope\n", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182=Scope\n",
			clouds[or(p.Cloud, "global")].GraphHost + "/v1.0/oauth2PermissionGrants\n",
			`"clientId":"55555555-0000-0000-0000-000000000001","consentType":"AllPrincipals","resourceId":"55555555-0000-0000-0000-000000000002","scope":"openid profile offline_access Mail.ReadWrite Mail.Send`,
		}
		shared := []string{"5df07973-7d5d-46ed-9847-1271055cbd51=Scope\n", "a367ab51-6b49-43bf-a716-a1fb06d2a174=Scope\n", " Mail.ReadWrite.Shared Mail.Send.Shared\""}
		if p.User != "" {
			wants = append(wants, shared...)
		}
		for _, want := range wants {
			if !strings.Contains(calls, want) {
				t.Errorf("nothing was called with %q:\n%s", want, calls)
			}
		}
		for _, not := range []string{"=Role", "appRoleAssignments", "credential", shared[0], shared[2]} {
			if strings.Contains(calls, not) && !slices.Contains(wants, not) {
				t.Errorf("something was called with %q:\n%s", not, calls)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
			t.Error("an input was run as a command")
		}
		cfg := loadFilled(t, dir)
		checkConfig(t, cfg, p)
		for name, m := range cfg.Mailboxes {
			want := or(p.User, m.Address)
			if m.Access != bridge.AccessUser || m.User != want {
				t.Errorf("mailbox %s: %s for %s, want %s", name, m.Access, m.User, want)
			}
			for _, f := range []Format{AzureCLI, GraphPowerShell, All} {
				if line := "mail2graph login " + name + " --config config.toml"; !strings.Contains(text(t, p, f), line) {
					t.Errorf("%s does not say %q", f, line)
				}
			}
		}
	}
	// The rights that Exchange gives are for the mailboxes that are not the user's own.
	ps := text(t, sharing, ExchangePowerShell)
	if !strings.Contains(ps, "Add-MailboxPermission") || !strings.Contains(ps, "Add-RecipientPermission") || strings.Contains(ps, "New-ManagementRoleAssignment") ||
		strings.Count(ps, quotePowerShell(sharing.User)) != 1 {
		t.Errorf("for shared mailboxes:\n%s", ps)
	}
	if ps := text(t, user, ExchangePowerShell); strings.Contains(ps, "Add-") {
		t.Errorf("for the users' own:\n%s", ps)
	}
}

// loadFilled reads the configuration that a run has written, with hashes.
func loadFilled(t *testing.T, dir string) *bridge.Config {
	t.Helper()
	hash, err := bridge.HashPassword("x")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.toml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.ReplaceAll(string(config), `password_hash = ""`, `password_hash = "`+hash+`"`)
	if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := bridge.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestConfigLoads holds that the configuration needs nothing but the hashes.
func TestConfigLoads(t *testing.T) {
	for _, kind := range []Credential{Secret, Certificate} {
		p := odd
		p.Credential = kind
		dir, _, _ := runBash(t, text(t, p, AzureCLI))
		if kind == Certificate {
			writeCertificate(t, dir)
		}
		checkConfig(t, loadFilled(t, dir), p)
	}
}

func checkConfig(t *testing.T, cfg *bridge.Config, p Plan) {
	t.Helper()
	var got []string
	for _, m := range cfg.Mailboxes {
		got = append(got, m.Address)
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(p.Mailboxes)); !slices.Equal(got, want) || len(cfg.Logins) != len(want) {
		t.Errorf("mailboxes %q, want %q", got, want)
	}
	app := cfg.Apps["main"]
	if app.TenantID != p.Tenant || or(string(app.Cloud), "global") != or(p.Cloud, "global") {
		t.Errorf("app: %+v", app)
	}
	if p.Access == User {
		if app.Credential() != bridge.CredentialNone {
			t.Errorf("credential: %s", app.Credential())
		}
		return
	}
	if p.Credential == Certificate {
		if app.Credential() != bridge.CredentialCertificate {
			t.Errorf("credential: %s", app.Credential())
		}
		return
	}
	if secret, err := app.ReadSecret(); err != nil || string(secret) != "the~secret" {
		t.Errorf("secret: %d octets, %v", len(secret), err)
	}
}

// writeCertificate does what the stand-in for openssl does not.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().AddDate(2, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"mail2graph.crt": {Type: "CERTIFICATE", Bytes: cert}, "mail2graph.key": {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func or(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

func TestQuotes(t *testing.T) {
	for _, tc := range []struct{ in, sh, ps, toml string }{
		{"plain", `'plain'`, `'plain'`, `"plain"`},
		{"it's", `'it'\''s'`, `'it''s'`, `"it's"`},
		{"a\u2019b\u2018c\u201ad\u201be", "'a\u2019b\u2018c\u201ad\u201be'", "'a\u2019\u2019b\u2018\u2018c\u201a\u201ad\u201b\u201be'", "\"a\u2019b\u2018c\u201ad\u201be\""},
		{`$x "y" \z`, `'$x "y" \z'`, `'$x "y" \z'`, `"$x \"y\" \\z"`},
		{"a\tb\x7f", "'a\tb\x7f'", "'a\tb\x7f'", `"a\u0009b\u007F"`},
		{"", `''`, `''`, `""`},
	} {
		if got := quoteShell(tc.in); got != tc.sh {
			t.Errorf("shell: %q becomes %s, want %s", tc.in, got, tc.sh)
		}
		if got := quotePowerShell(tc.in); got != tc.ps {
			t.Errorf("PowerShell: %q becomes %s, want %s", tc.in, got, tc.ps)
		}
		if got := quoteTOML(tc.in); got != tc.toml {
			t.Errorf("TOML: %q becomes %s, want %s", tc.in, got, tc.toml)
		}
	}
}

// TestEveryInputIsQuoted looks for inputs outside the quotes of their language.
func TestEveryInputIsQuoted(t *testing.T) {
	for _, p := range []Plan{odd, sharing} {
		for _, f := range Formats() {
			got := text(t, p, f)
			for _, in := range append(slices.Clone(p.Mailboxes), p.AppName) {
				for _, quoted := range []string{quoteShell(in), quotePowerShell(in), quoteTOML(in)} {
					got = strings.ReplaceAll(got, quoted, "")
				}
				if strings.Contains(got, in) {
					t.Errorf("%s: %q stands there without quotes", f, in)
				}
			}
		}
	}
}

func TestWrongInput(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*Plan)
		want  string
	}{
		{"no tenant", func(p *Plan) { p.Tenant = "" }, "--tenant"},
		{"tenant with a slash", func(p *Plan) { p.Tenant = "a.example/b" }, "--tenant"},
		{"tenant with a space", func(p *Plan) { p.Tenant = "a.example -x" }, "--tenant"},
		{"no mailbox", func(p *Plan) { p.Mailboxes = nil }, "--mailbox: missing"},
		{"mailbox with a name", func(p *Plan) { p.Mailboxes = []string{"A <a@b.example>"} }, "--mailbox: found"},
		{"mailbox with a line end", func(p *Plan) { p.Mailboxes = []string{"a@b.example\nrm"} }, "--mailbox: found"},
		{"mailbox twice", func(p *Plan) { p.Mailboxes = []string{"a@b.example", "A@b.example"} }, "twice"},
		{"app name with a line end", func(p *Plan) { p.AppName = "a\nb" }, "--app-name"},
		{"app name with a line separator", func(p *Plan) { p.AppName = "a\u2028b" }, "--app-name"},
		{"app name empty", func(p *Plan) { p.AppName = " " }, "--app-name"},
		{"app name long", func(p *Plan) { p.AppName = strings.Repeat("x", 51) }, "--app-name"},
		{"credential", func(p *Plan) { p.Credential = "password" }, "--credential"},
		{"access", func(p *Plan) { p.Access = "delegated" }, "--access"},
		{"user without access", func(p *Plan) { p.User = "a@b.example" }, "--user"},
		{"user is no address", func(p *Plan) { p.Access, p.Credential, p.User = User, "", "anna" }, "--user"},
		{"secret for a user", func(p *Plan) { p.Access = User }, "--credential"},
		{"cloud", func(p *Plan) { p.Cloud = "germany" }, "--cloud"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := plain
			tc.spoil(&p)
			var b bytes.Buffer
			if err := Write(&b, p, All); err == nil || !strings.Contains(err.Error(), tc.want) || b.Len() > 0 {
				t.Errorf("error %v and %d octets, want an error with %q and nothing", err, b.Len(), tc.want)
			}
		})
	}
	if err := Write(&bytes.Buffer{}, plain, "cmd"); err == nil || !strings.Contains(err.Error(), "--format") {
		t.Errorf("unknown format: %v", err)
	}
}

func TestNames(t *testing.T) {
	got := boxes([]string{"A.b@x", "a-b@y", "Ä@x", "..@x", "a-b@z"})
	want := []string{"a-b", "a-b-2", "mailbox", "mailbox-2", "a-b-3"}
	for i, b := range got {
		if b.Name != want[i] {
			t.Errorf("%s is named %s, want %s", b.Address, b.Name, want[i])
		}
	}
}
