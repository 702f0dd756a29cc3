package bridge

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// appConfig is smallConfig with another credential.
func appConfig(credential string) string {
	return strings.Replace(smallConfig, `client_secret_file = "secret"`, credential, 1)
}

func TestCredentialKinds(t *testing.T) {
	t.Setenv("MAIL2GRAPH_TEST_SECRET", " from the environment\n")
	systemd := filepath.Dir(write(t, "graph", "from systemd\n"))
	t.Setenv("CREDENTIALS_DIRECTORY", systemd)
	for _, tt := range []struct {
		config string
		kind   CredentialKind
		secret string
	}{
		{`client_secret = "inline"`, CredentialSecret, "inline"},
		{`client_secret_file = "secret"`, CredentialSecret, "from a file"},
		{`client_secret_env = "MAIL2GRAPH_TEST_SECRET"`, CredentialSecret, "from the environment"},
		{`client_secret_credential = "graph"`, CredentialSecret, "from systemd"},
		{`federated_token_file = "secret"`, CredentialFederated, ""},
		{`certificate_file = "cert.pem"`, CredentialCertificate, ""},
	} {
		path := write(t, "c.toml", appConfig(tt.config), "secret", "from a file", "cert.pem", rsaCertificate(t, 90*24*time.Hour))
		c, err := LoadConfig(path)
		if err != nil {
			t.Errorf("%s: %v", tt.config, err)
			continue
		}
		a := c.Apps["a"]
		secret, err := a.ReadSecret()
		if a.Credential() != tt.kind || string(secret) != tt.secret || (err == nil) != (tt.secret != "") || len(c.Warnings) != 0 {
			t.Errorf("%s: %q, secret %q, %v, warnings %q", tt.config, a.Credential(), string(secret), err, c.Warnings)
		}
	}
}

func TestManagedIdentityNeedsNoRegistration(t *testing.T) {
	text := appConfig(`managed_identity = "system"`)
	text = strings.NewReplacer("tenant_id = \"example.com\"\n", "", "client_id = \"id\"\n", "").Replace(text)
	c, err := LoadConfig(write(t, "c.toml", text))
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Apps["a"]; a.Credential() != CredentialManaged {
		t.Errorf("%q", a.Credential())
	}
}

// TestOnBehalfOfUser: an app for users alone needs no credential.
func TestOnBehalfOfUser(t *testing.T) {
	for user, want := range map[string]string{"": "m@example.com", "user = \"anna@example.com\"\n": "anna@example.com"} {
		text := strings.Replace(appConfig(""), `app = "a"`, "app = \"a\"\naccess = \"on-behalf-of-user\"\n"+user, 1)
		path := write(t, "c.toml", `state_dir = "state"`+"\n"+text)
		c, err := LoadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		a, m := c.Apps["a"], c.Mailboxes["m"]
		if a.Credential() != CredentialNone || m.Access != AccessUser || m.User != want {
			t.Errorf("credential %q, %+v, want user %q", a.Credential(), m, want)
		}
		if got := c.SignInFile("m"); got != filepath.Join(filepath.Dir(path), "state", "signin", "m.json") {
			t.Errorf("kept in %s", got)
		}
	}
}

func TestCertificateWarnings(t *testing.T) {
	for life, want := range map[time.Duration]string{
		-time.Hour: "c.toml:5: app.a.certificate_file: the certificate ended on ", time.Hour: "the certificate ends on ",
	} {
		c, err := LoadConfig(write(t, "c.toml", appConfig(`certificate_file = "cert.pem"`), "cert.pem", rsaCertificate(t, life)))
		if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], want) {
			t.Errorf("life %v: %v, %v, want %q", life, c, err, want)
		}
	}
}

// rsaCertificate makes a certificate with its key, PEM.
func rsaCertificate(t *testing.T, life time.Duration) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
