package bridge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

var updateConfig = flag.Bool("update-config", false, "rewrite testdata/config/*.err")

const (
	exampleFile = "../config.example.toml"
	testBcrypt  = "$2a$04$cgULFaPtWZbXXn6yWyyl.evLi1M2FOKZX7K5yOPbhavqsVyZU5EMK" // "secret"
)

func TestLoadConfigExample(t *testing.T) {
	c, err := LoadConfig(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Mailboxes["support"].Address, "support@example.com"; got != want {
		t.Errorf("mailbox.support.address = %q, want %q", got, want)
	}
	if got, want := c.Logins["support"].Username, "support"; got != want {
		t.Errorf("login.support.username = %q, want the name of the table %q", got, want)
	}
}

// allKeys is every key that the loader knows, named tables as NAME.
func allKeys() []string {
	var c Config
	var a AppConfig
	var m MailboxConfig
	var l LoginConfig
	keys := []string{"state_dir"}
	for table, fields := range map[string]map[string]any{
		"log": c.Log.fields(), "cache": c.Cache.fields(), "imap": c.IMAP.fields(), "smtp": c.SMTP.fields(),
		"tls": c.TLS.fields(), "metrics": c.Metrics.fields(), "log.levels": c.Log.Levels.fields(), "app.NAME": a.fields(), "mailbox.NAME": m.fields(), "login.NAME": l.fields(),
	} {
		for key := range fields {
			keys = append(keys, table+"."+key)
		}
	}
	slices.Sort(keys)
	return keys
}

// TestExampleNamesEveryKey reads the example with its "#key = value" lines
// switched on and compares its keys with those of the loader.
func TestExampleNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "#"); ok && rest != "" && rest[0] != ' ' && rest[0] != '#' {
			lines[i] = rest
		}
	}
	var root map[string]any
	md, err := toml.Decode(strings.Join(lines, "\n"), &root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, key := range md.Keys() {
		if key[0] == "smtp" && len(key) == 3 {
			continue // an address of [smtp.trusted]
		}
		if len(key) == 3 && key[0] != "log" { // [app.NAME] and the like
			key = toml.Key{key[0], "NAME", key[2]}
		}
		if key.String() == "smtp.trusted" || md.Type(key...) != "Hash" && len(key) != 2 || len(key) == 2 && !slices.Contains([]string{"app", "mailbox", "login"}, key[0]) {
			got = append(got, strings.Join(key, "."))
		}
	}
	got = slices.DeleteFunc(got, func(k string) bool {
		return slices.Contains([]string{"log", "cache", "imap", "smtp", "tls", "metrics", "app", "mailbox", "login"}, k)
	})
	slices.Sort(got)
	if got, want := slices.Compact(got), allKeys(); !slices.Equal(got, want) {
		t.Errorf("keys of the example:\n%s\nkeys of the loader:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBadConfigs loads testdata/config/NAME.toml and compares the error with NAME.err.
func TestBadConfigs(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "") // as outside of a systemd unit
	files, err := filepath.Glob("testdata/config/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	dir, err := filepath.Abs("testdata/config")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := LoadConfig(file)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
			golden := strings.TrimSuffix(file, ".toml") + ".err"
			if *updateConfig {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("the error shows a secret")
			}
		})
	}
}

// write puts files into a new directory and returns the path of the first.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0])
}

const smallConfig = `
[app.a]
tenant_id = "example.com"
client_id = "id"
client_secret_file = "secret"
[mailbox.m]
address = "m@example.com"
app = "a"
[login.u]
password_hash = "` + testBcrypt + `"
mailbox = "m"
`

func TestLoadConfigDefaults(t *testing.T) {
	path := write(t, "c.toml", smallConfig, "secret", "  s3cret \n")
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Apps["a"]
	if got, err := a.ReadSecret(); err != nil || string(got) != "s3cret" {
		t.Errorf("secret %q, %v; want it without white space", string(got), err)
	}
	m := c.Mailboxes["m"]
	if m.Expunge != ExpungeTrash || m.Sizes != SizesEstimate ||
		time.Duration(m.IdlePoll) != 5*time.Second || time.Duration(m.Poll) != time.Minute {
		t.Errorf("defaults of a mailbox: %+v", m)
	}
	if c.Cache.MaxSize != 2<<30 || c.Log.Level != LevelInfo || c.Log.Format != FormatAuto ||
		!slices.Equal(c.IMAP.Listen, []Addr{"127.0.0.1:1143"}) || !slices.Equal(c.SMTP.Listen, []Addr{"127.0.0.1:1025"}) {
		t.Errorf("defaults: %+v", c)
	}
	if c.Apps["a"].Cloud != CloudGlobal {
		t.Errorf("cloud %q", c.Apps["a"].Cloud)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

func TestLoadConfigOverrides(t *testing.T) {
	path := write(t, "c.toml", `state_dir = "state"
log.level = "debug"
log.levels = { graph = "warn" }
metrics = { listen = "0.0.0.0:9143", allow_remote = true }
[cache]
max_size = 0
[imap]
listen = []
[smtp]
listen = ["[::1]:0", "localhost:0"]
`+strings.NewReplacer(
		`app = "a"`, `app = "a"`+"\nquota = \"100GiB\"\nidle_poll = \"1s\"\npoll = \"0\"\nexpunge = \"permanent\"",
		`client_id = "id"`, `client_id = "id"`+"\nclient_secret_expires = 2027-03-01\ngraph_endpoint = \"https://127.0.0.1:8443/\"",
	).Replace(smallConfig), "secret", "s")
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "state"); c.StateDir != want {
		t.Errorf("state_dir %q, want %q", c.StateDir, want)
	}
	if c.Log.Level.Slog() != slog.LevelDebug || c.Cache.MaxSize != 0 || len(c.IMAP.Listen) != 0 || len(c.SMTP.Listen) != 2 {
		t.Errorf("%+v", c)
	}
	if m := c.Mailboxes["m"]; m.Poll != 0 || time.Duration(m.IdlePoll) != time.Second || m.Expunge != ExpungePermanent || m.Quota != 100<<30 {
		t.Errorf("%+v", m)
	}
	if l := c.Log.Levels; l.Of("graph") != LevelWarn || l.Of("imap") != "" || l.Of("nonsense") != "" || !slices.Equal(c.Metrics.Listen, []Addr{"0.0.0.0:9143"}) {
		t.Errorf("%+v, %+v", l, c.Metrics)
	}
	if got := c.Apps["a"].ClientSecretExpires.Format(time.DateOnly); got != "2027-03-01" {
		t.Errorf("client_secret_expires %s", got)
	}
	if got := c.Apps["a"].GraphEndpoint; got != "https://127.0.0.1:8443" {
		t.Errorf("graph_endpoint %q", got)
	}
}

func TestConfigWarnings(t *testing.T) {
	path := write(t, "c.toml", smallConfig+"[mailbox.other]\naddress = \"o@example.com\"\napp = \"a\"\n", "secret", "s")
	if err := os.Chmod(filepath.Join(filepath.Dir(path), "secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(c.Warnings, "\n")
	if len(c.Warnings) != 2 || !strings.Contains(got, "c.toml:5: app.a.client_secret_file: every user of this host can read") ||
		!strings.Contains(got, "c.toml:12: mailbox.other: no login opens this mailbox") {
		t.Errorf("warnings:\n%s", got)
	}
}

// TestImportOnBehalf: a sign-in does not ask for what importMime needs.
func TestImportOnBehalf(t *testing.T) {
	text := strings.Replace(smallConfig, "app = \"a\"\n", "app = \"a\"\naccess = \"on-behalf-of-user\"\nimport_mime = true\n", 1)
	c, err := LoadConfig(write(t, "c.toml", text, "secret", "s"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], ".import_mime: found true with access") || !strings.Contains(c.Warnings[0], "Mail-Advanced.ReadWrite)") {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

// TestConfigTLS: with a certificate mail2graph may listen for everybody.
func TestConfigTLS(t *testing.T) {
	cert, key := testCertificate(t)
	tls := "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n[imap]\nlisten = [\":143\"]\nlisten_tls = [\":993\"]\n"
	path := write(t, "c.toml", tls+smallConfig, "secret", "s", "cert.pem", cert, "key.pem", key)
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "cert.pem"); c.TLS.CertFile != want || len(c.Warnings) != 0 {
		t.Errorf("%+v, warnings %q", c.TLS, c.Warnings)
	}
	_, other := testCertificate(t)
	path = write(t, "c.toml", tls+smallConfig, "secret", "s", "cert.pem", cert, "key.pem", other)
	if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), "c.toml:2: tls.cert_file: ") {
		t.Errorf("a key of another certificate: %v", err)
	}
}

// testCertificate makes a certificate and its key, PEM.
func testCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestOversizedConfig(t *testing.T) {
	path := write(t, "c.toml", strings.Repeat("#\n", maxConfigSize/2+1))
	if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), "are no configuration") {
		t.Errorf("got %v", err)
	}
}

func TestMissingConfig(t *testing.T) {
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want os.ErrNotExist", err)
	}
}

func TestSecretIsHidden(t *testing.T) {
	c := AppConfig{ClientSecret: "hunter2"}
	l := LoginConfig{PasswordHash: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "a", c.ClientSecret, "b", c, "c", l.PasswordHash, "d", l)
	js, err := json.Marshal([]any{c, l})
	if err != nil {
		t.Fatal(err)
	}
	out := []string{log.String(), string(js), fmt.Errorf("x: %v", c.ClientSecret).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		out = append(out, fmt.Sprintf(verb, c), fmt.Sprintf(verb, c.ClientSecret), fmt.Sprintf(verb, l))
	}
	for _, s := range out {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") {
			t.Errorf("secret shown: %s", s)
		}
	}
}

func TestValues(t *testing.T) {
	var (
		size Size
		dur  Duration
		addr Addr
		ep   Endpoint
	)
	for _, tc := range []struct {
		name, in string
		dst      interface{ UnmarshalText([]byte) error }
		ok       bool
	}{
		{"size unit", "2GiB", &size, true},
		{"size fraction", "1.5 MB", &size, true},
		{"size plain", "65536", &size, true},
		{"size negative", "-1", &size, false},
		{"size not a number", "NaN", &size, false},
		{"size infinite", "Inf", &size, false},
		{"size too big", "9999999TiB", &size, false},
		{"size word", "big", &size, false},
		{"size empty", "", &size, false},
		{"duration", "1m30s", &dur, true},
		{"duration zero", "0", &dur, true},
		{"duration without unit", "60", &dur, false},
		{"duration negative", "-5s", &dur, false},
		{"address", "127.0.0.1:1143", &addr, true},
		{"address IPv6", "[::1]:993", &addr, true},
		{"address of all interfaces", ":143", &addr, true},
		{"address without port", "127.0.0.1", &addr, false},
		{"address with a name for a port", "127.0.0.1:imap", &addr, false},
		{"address with a large port", "127.0.0.1:70000", &addr, false},
		{"address with a path", "localhost/x:1", &addr, false},
		{"endpoint", "https://graph.example:8443", &ep, true},
		{"endpoint http", "http://graph.example", &ep, false},
		{"endpoint with path", "https://graph.example/v1.0", &ep, false},
		{"endpoint with query", "https://graph.example?x", &ep, false},
		{"endpoint with user", "https://u:hunter2@graph.example", &ep, false},
		{"endpoint without host", "https://:443", &ep, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.dst.UnmarshalText([]byte(tc.in)); (err == nil) != tc.ok {
				t.Errorf("%q: %v", tc.in, err)
			}
		})
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[Addr]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "[::ffff:127.0.0.1]:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false, "gateway:1": false, "": false,
	} {
		if got := addr.Loopback(); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/config/*.toml")
	for _, file := range append(files, exampleFile) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "_file") {
			return // no reading of files that the text names
		}
		c, err := parseConfig("fuzz.toml", text)
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v and error %v", c, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "fuzz.toml:") {
			t.Fatalf("an error without a place: %v", err)
		}
	})
}
