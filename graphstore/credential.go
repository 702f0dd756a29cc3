package graphstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"mail2graph/bridge/keyfile"
)

// CredentialOptions are what every kind of credential must be made with, so that
// it talks to the right authority, over the right roots, and without retries of
// its own.
type CredentialOptions struct {
	Client                   azcore.ClientOptions
	DisableInstanceDiscovery bool // the authority is not one of Microsoft's
}

// Credential is how an application proves who it is. The functions of this
// package make one of each kind.
type Credential struct {
	// New makes it of what its files hold now. It is called again when they
	// change, and when Graph refuses a token that should still be good, since
	// credentials cache theirs.
	New func(CredentialOptions) (azcore.TokenCredential, error)
	// Stamp tells two states of the files apart; nil: there are none.
	Stamp func() string

	host bool   // the token comes from this machine, past any proxy
	user bool   // it acts on behalf of a user
	hint string // the command that signs him in
	// explain has a cure for an AADSTS number that means something else for this
	// kind; it may be nil.
	explain func(aadsts int) string
}

func (c Credential) stamp() string {
	if c.Stamp == nil {
		return ""
	}
	return c.Stamp()
}

var (
	errNoTenant = errors.New("tenant id is missing")
	errNoClient = errors.New("client id is missing")
)

// Secret is a client secret; read returns it as it is now.
func Secret(tenant, client string, read func() (string, error)) Credential {
	return Credential{
		New: func(o CredentialOptions) (azcore.TokenCredential, error) {
			secret, err := read()
			switch {
			case err != nil:
				return nil, err
			case tenant == "":
				return nil, errNoTenant
			case client == "":
				return nil, errNoClient
			case secret == "":
				return nil, errors.New("client secret is missing")
			}
			return azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{
				ClientOptions:            o.Client,
				DisableInstanceDiscovery: o.DisableInstanceDiscovery,
			})
		},
		Stamp: func() string {
			secret, err := read()
			if err != nil {
				return err.Error()
			}
			return digest(strings.NewReader(secret))
		},
	}
}

// Certificate is a certificate that is registered on the app
// (entra/identity-platform/certificate-credentials).
func Certificate(tenant, client string, files keyfile.Files) Credential {
	return Credential{
		New: func(o CredentialOptions) (azcore.TokenCredential, error) {
			pair, err := keyfile.Load(files)
			if err != nil {
				return nil, err
			}
			return azidentity.NewClientCertificateCredential(tenant, client, pair.Certificates, pair.Key,
				&azidentity.ClientCertificateCredentialOptions{
					ClientOptions:            o.Client,
					DisableInstanceDiscovery: o.DisableInstanceDiscovery,
				})
		},
		Stamp: func() string { return digestFiles(files.Certificate, files.Key, files.Password) },
	}
}

// FederatedToken is a token of an outside issuer, in a file that the issuer
// renews: it is read for each assertion (entra/workload-id/workload-identity-federation).
func FederatedToken(tenant, client, file string) Credential {
	assertion := func(ctx context.Context) (string, error) {
		text, err := os.ReadFile(file)
		token := strings.TrimSpace(string(text))
		if err == nil && token == "" {
			err = errors.New(file + " is empty")
		}
		noteLocal(ctx, err)
		return token, err
	}
	return Credential{
		New: func(o CredentialOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientAssertionCredential(tenant, client, assertion, &azidentity.ClientAssertionCredentialOptions{
				ClientOptions:            o.Client,
				DisableInstanceDiscovery: o.DisableInstanceDiscovery,
			})
		},
		Stamp: func() string { return digestFiles(file) },
	}
}

// ManagedIdentity is the identity that Azure gives to this machine: id is
// "system", or the client id of a user-assigned one
// (entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
func ManagedIdentity(id string) Credential {
	return Credential{
		New: func(o CredentialOptions) (azcore.TokenCredential, error) {
			options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o.Client}
			if id != "system" {
				options.ID = azidentity.ClientID(id)
			}
			cred, err := azidentity.NewManagedIdentityCredential(options)
			if err != nil {
				return nil, err
			}
			return uncached{cred}, nil
		},
		host: true,
	}
}

// uncached goes past the cache of managed identities, which all credentials of
// the process share and which a token that Graph refused would never leave.
type uncached struct{ cred azcore.TokenCredential }

// GetToken asks the machine. Claims are what switches the cache off; they are
// sent nowhere.
func (u uncached) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	o.Claims = "{}"
	return u.cred.GetToken(ctx, o)
}

// digestFiles tells states of files apart without keeping what they hold.
func digestFiles(files ...string) string {
	var all []string
	for _, name := range files {
		if name == "" {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			all = append(all, err.Error())
			continue
		}
		all = append(all, digest(io.LimitReader(f, 1<<20)))
		f.Close()
	}
	return strings.Join(all, " ")
}

func digest(r io.Reader) string {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return err.Error()
	}
	return hex.EncodeToString(h.Sum(nil))
}

// withoutProxy is the client for addresses of this machine.
func withoutProxy(hc *http.Client) *http.Client {
	t := hc.Transport.(*http.Transport).Clone() // newHTTPClient makes no other
	t.Proxy = nil
	return &http.Client{Transport: t, CheckRedirect: hc.CheckRedirect}
}
