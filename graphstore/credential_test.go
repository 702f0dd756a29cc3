package graphstore

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"mail2graph/bridge"
	"mail2graph/bridge/keyfile"
	"mail2graph/graphstore/graphsim"
)

// access is a simulator with one mailbox, its app as a test wants it, and a
// client with a credential from files.
type access struct {
	*graphsim.Running
	t      *testing.T
	dir    string
	log    strings.Builder
	client *Client
	store  *Store
}

const simTenant, simApp = "example.com", "app-1"

func newAccess(t *testing.T, o graphsim.Options, app graphsim.App) *access {
	t.Helper()
	a := &access{Running: graphsim.NewTest(t, o), t: t, dir: t.TempDir()}
	if _, err := a.AddMailbox(simAddress, graphsim.MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	a.app(app)
	return a
}

// app registers the app anew.
func (a *access) app(app graphsim.App) {
	app.Tenant, app.ClientID = simTenant, simApp
	if app.Roles == nil {
		app.Roles = []string{"Mail.ReadWrite", "Mail.Send"}
	}
	a.AddApp(app)
}

// open makes the client.
func (a *access) open(c Credential) *access {
	a.t.Helper()
	client, err := New(Options{Credential: c, AuthorityHost: a.URL, GraphEndpoint: a.URL, CAs: a.CAPEM,
		Logger: slog.New(slog.NewTextHandler(&a.log, nil))})
	if err != nil {
		a.t.Fatal(err)
	}
	a.client, a.store = client, client.Mailbox(simAddress)
	return a
}

// put replaces a file as a careful program does.
func (a *access) put(name, content string) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path+"~", []byte(content), 0o600); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// reads tries a request that needs a token.
func (a *access) reads(want error, text string) {
	a.t.Helper()
	_, err := a.store.Folders(a.t.Context())
	if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), text) {
		a.t.Errorf("got %v, want %v with %q", err, want, text)
	}
}

// asked returns how many tokens were asked for since the last call.
func (a *access) asked() int {
	n := 0
	for _, e := range a.Requests() {
		if strings.HasSuffix(e.Route, "/oauth2/v2.0/token") {
			n++
		}
	}
	a.ResetLog()
	return n
}

func (a *access) secretFile(secret string) Credential {
	path := a.put("secret", secret)
	return Secret(simTenant, simApp, func() (string, error) {
		b, err := os.ReadFile(path)
		return string(b), err
	})
}

// keyPair is a self-signed certificate.
func keyPair(t *testing.T, life time.Duration) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func pemOf(t *testing.T, cert *x509.Certificate, key *rsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// workloadToken is what an outside issuer writes into its file.
func workloadToken(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": "https://issuer.example", "sub": "job", "aud": "api://AzureADTokenExchange",
		"exp": time.Now().Add(time.Minute).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(payload)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

func TestSecretRotates(t *testing.T) {
	a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one"})
	a.open(a.secretFile("one"))
	a.reads(nil, "")

	// The new secret is in the file before the old one ends: nobody notices.
	a.put("secret", "two")
	a.app(graphsim.App{Secret: "two"})
	a.RevokeTokens(simTenant, simApp)
	a.reads(nil, "")
	a.asked()

	// The old one ends first: one attempt, then the refusal is remembered until
	// the file changes.
	a.app(graphsim.App{Secret: "three"})
	a.RevokeTokens(simTenant, simApp)
	a.client.tokens.accepted() // as if the last token had been good for long
	for range 3 {
		a.reads(bridge.ErrCredentials, "AADSTS7000215: wrong client secret")
	}
	if n := a.asked(); n != 1 {
		t.Errorf("%d token requests while refused, want 1", n)
	}
	a.put("secret", "still wrong")
	a.reads(bridge.ErrCredentials, "AADSTS7000215")
	a.reads(bridge.ErrCredentials, "AADSTS7000215")
	if n := a.asked(); n != 1 {
		t.Errorf("%d token requests for the second secret, want 1", n)
	}
	a.put("secret", "three")
	a.reads(nil, "")
	if got := strings.Count(a.log.String(), "no token for Graph"); got != 2 { // once for each secret
		t.Errorf("%d lines about refusals, want 2:\n%s", got, a.log.String())
	}
	for _, secret := range []string{"one", "two", "three", "still wrong"} {
		if strings.Contains(a.log.String(), `"`+secret+`"`) || strings.Contains(a.log.String(), "="+secret) {
			t.Errorf("the log has a secret:\n%s", a.log.String())
		}
	}
}

// TestSecretFileAway: a file that is missing for a moment stops nothing.
func TestSecretFileAway(t *testing.T) {
	a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one"})
	a.open(a.secretFile("one"))
	if err := os.Remove(filepath.Join(a.dir, "secret")); err != nil {
		t.Fatal(err)
	}
	a.reads(nil, "")
	if !strings.Contains(a.log.String(), "the last one is used") {
		t.Errorf("log:\n%s", a.log.String())
	}
}

func TestCertificate(t *testing.T) {
	cert, key := keyPair(t, time.Hour)
	pfx, err := pkcs12.Modern.Encode(key, cert, nil, "pfx password")
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]func(a *access) keyfile.Files{
		"PEM": func(a *access) keyfile.Files {
			return keyfile.Files{Certificate: a.put("pem", pemOf(t, cert, key))}
		},
		"PFX": func(a *access) keyfile.Files {
			return keyfile.Files{Certificate: a.put("pfx", string(pfx)), Password: a.put("password", "pfx password\n")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccess(t, graphsim.Options{}, graphsim.App{Certificates: []*x509.Certificate{cert}})
			a.open(Certificate(simTenant, simApp, files(a)))
			a.reads(nil, "")
		})
	}
}

func TestCertificateRotates(t *testing.T) {
	first, firstKey := keyPair(t, time.Hour)
	second, secondKey := keyPair(t, time.Hour)
	a := newAccess(t, graphsim.Options{}, graphsim.App{Certificates: []*x509.Certificate{first}})
	a.open(Certificate(simTenant, simApp, keyfile.Files{Certificate: a.put("pem", pemOf(t, first, firstKey))}))
	a.reads(nil, "")
	a.app(graphsim.App{Certificates: []*x509.Certificate{second}})
	a.RevokeTokens(simTenant, simApp)
	a.reads(bridge.ErrCredentials, "AADSTS700027: the certificate is not registered")
	a.put("pem", "half of a certif")
	a.reads(bridge.ErrCredentials, "AADSTS700027")
	a.put("pem", pemOf(t, second, secondKey))
	a.reads(nil, "")
}

func TestCertificateEnded(t *testing.T) {
	cert, key := keyPair(t, -time.Hour)
	a := newAccess(t, graphsim.Options{}, graphsim.App{Certificates: []*x509.Certificate{cert}})
	a.open(Certificate(simTenant, simApp, keyfile.Files{Certificate: a.put("pem", pemOf(t, cert, key))}))
	a.reads(bridge.ErrCredentials, "AADSTS700024")
}

func TestFederatedToken(t *testing.T) {
	_, key := keyPair(t, time.Hour)
	_, otherKey := keyPair(t, time.Hour)
	app := graphsim.App{Federated: []graphsim.Federated{{Issuer: "https://issuer.example", Subject: "job", Key: key.Public()}}}
	a := newAccess(t, graphsim.Options{}, app)
	a.open(FederatedToken(simTenant, simApp, a.put("token", workloadToken(t, key, nil)+"\n")))
	a.reads(nil, "")
	for _, tt := range []struct{ name, token, want string }{
		{"other subject", workloadToken(t, key, map[string]any{"sub": "x"}), "AADSTS700213"},
		{"other audience", workloadToken(t, key, map[string]any{"aud": "x"}), "AADSTS700212"},
		{"other issuer", workloadToken(t, key, map[string]any{"iss": "https://x.example"}), "AADSTS700211"},
		{"expired", workloadToken(t, key, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), "AADSTS700024"},
		{"other key", workloadToken(t, otherKey, nil), "AADSTS700027"},
		{"empty", "", "token is empty"},
	} {
		a.put("token", tt.token)
		a.client.tokens.accepted()
		a.RevokeTokens(simTenant, simApp)
		a.reads(bridge.ErrCredentials, tt.want)
		// The issuer writes a new one: it is read at once.
		a.put("token", workloadToken(t, key, map[string]any{"jti": tt.name}))
		a.reads(nil, "")
	}
}

// TestTokenFailures gives each failure of the token endpoint its kind and its cure.
func TestTokenFailures(t *testing.T) {
	for _, tt := range []struct {
		aadsts int
		want   error
		cure   string
	}{
		{7000215, bridge.ErrCredentials, "wrong client secret"},
		{7000222, bridge.ErrCredentials, "expired"},
		{700016, bridge.ErrCredentials, "client id is not known"},
		{7000112, bridge.ErrCredentials, "disabled"},
		{90002, bridge.ErrCredentials, "tenant does not exist"},
		{900023, bridge.ErrCredentials, "tenant_id"},
		{500011, bridge.ErrCredentials, "check cloud"},
		{70011, bridge.ErrCredentials, "check cloud"},
		{53003, bridge.ErrCredentials, "conditional access blocks the app"},
		{50196, bridge.ErrCredentials, "too many token requests"},
		{700024, bridge.ErrCredentials, "clock"},
		{90033, bridge.ErrUnavailable, "temporarily_unavailable"},
		{90024, bridge.ErrUnavailable, "temporarily_unavailable"},
	} {
		a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one", TokenError: tt.aadsts})
		a.open(a.secretFile("one"))
		_, err := a.client.token(t.Context())
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.cure) {
			t.Errorf("AADSTS%d: got %v, want %v with %q", tt.aadsts, err, tt.want, tt.cure)
		}
		if logged := strings.Contains(a.log.String(), tt.cure); logged != errors.Is(tt.want, bridge.ErrCredentials) {
			t.Errorf("AADSTS%d: log:\n%s", tt.aadsts, a.log.String())
		}
	}
}

// TestWrongTenant: the app exists, elsewhere.
func TestWrongTenant(t *testing.T) {
	a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one"})
	a.AddApp(graphsim.App{Tenant: "other.example", ClientID: "another"})
	secret := func() (string, error) { return "one", nil }
	a.open(Secret("other.example", simApp, secret))
	a.reads(bridge.ErrCredentials, "AADSTS700016")
	a.open(Secret("nowhere.example", simApp, secret))
	a.reads(bridge.ErrCredentials, "") // the library asks for the tenant's metadata first
}

// TestConsentMissing: a token comes, without a single permission in it.
func TestConsentMissing(t *testing.T) {
	a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one", Roles: []string{}})
	a.open(a.secretFile("one"))
	a.reads(bridge.ErrCredentials, "no permissions")
	if n := a.asked(); n > 2 {
		t.Errorf("%d tokens asked for, want at most 2", n)
	}
	a.reads(bridge.ErrCredentials, "no permissions")
	if n := a.asked(); n != 0 {
		t.Errorf("%d more tokens asked for", n)
	}
	if n := strings.Count(a.log.String(), "consent is missing"); n != 1 {
		t.Errorf("%d lines about it, want 1:\n%s", n, a.log.String())
	}
}

// TestExpiryInTheMiddleOfAWalk: tokens end between two pages; the walk goes on
// with a secret that has changed meanwhile.
func TestExpiryInTheMiddleOfAWalk(t *testing.T) {
	a := newAccess(t, graphsim.Options{Modes: graphsim.Modes{MaxPage: 5}}, graphsim.App{Secret: "one"})
	box := a.Mailbox(simAddress)
	for range 23 {
		if _, err := box.Deliver([]byte("Subject: s\r\n\r\nx\r\n"), graphsim.DeliverOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	a.open(a.secretFile("one"))
	pages, seen := 0, map[bridge.MessageID]bool{}
	_, err := a.store.Delta(t.Context(), "inbox", "", func(changes []bridge.Change) error {
		if pages++; pages == 2 {
			a.put("secret", "two")
			a.app(graphsim.App{Secret: "two"})
			a.RevokeTokens(simTenant, simApp)
		}
		for _, c := range changes {
			seen[c.ID] = true
		}
		return nil
	})
	if err != nil || len(seen) != 23 || pages < 3 {
		t.Errorf("%d messages on %d pages, %v; want 23", len(seen), pages, err)
	}
}

// TestSeveralApps: two tenants at once, each with its own credential.
func TestSeveralApps(t *testing.T) {
	a := newAccess(t, graphsim.Options{}, graphsim.App{Secret: "one"})
	a.open(a.secretFile("one"))
	cert, key := keyPair(t, time.Hour)
	a.AddApp(graphsim.App{Tenant: "other.example", ClientID: "app-2", Certificates: []*x509.Certificate{cert}, Roles: []string{"Mail.Read"}})
	other, err := New(Options{Credential: Certificate("other.example", "app-2", keyfile.Files{Certificate: a.put("pem", pemOf(t, cert, key))}),
		AuthorityHost: a.URL, GraphEndpoint: a.URL, CAs: a.CAPEM})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a.reads(nil, "")
		claims, ok, err := other.Claims(context.Background())
		if err != nil || !ok || claims.TenantID != "other.example" || claims.AppID != "app-2" {
			t.Errorf("the token of the other app: %+v, %v", claims, err)
		}
		a.RevokeTokens(simTenant, simApp)
		a.client.tokens.accepted()
	}
}
