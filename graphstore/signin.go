package graphstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
)

// SignIn is how an app acts on behalf of a user: he signs in once, and what is
// kept of it gives tokens from then on.
type SignIn struct {
	TenantID string
	ClientID string // of an app that allows public client flows
	User     string // user principal name of the one who signs in
	// Shared says that the mailbox is another than the user's own: it takes the
	// permissions Mail.ReadWrite.Shared and Mail.Send.Shared.
	Shared bool
	File   string // where it is kept, mode 0600
	// Hint is the command that signs in, for the log.
	Hint   string
	Logger *slog.Logger // nil: nothing is logged
}

// scopes are the permissions to ask for; resource is "https://graph.microsoft.com".
// The library adds openid, profile and offline_access, which gives the refresh token.
func (s SignIn) scopes(resource string) []string {
	out := []string{resource + "/Mail.ReadWrite", resource + "/Mail.Send"}
	if s.Shared {
		out = append(out, resource+"/Mail.ReadWrite.Shared", resource+"/Mail.Send.Shared")
	}
	return out
}

// OnBehalfOf is the credential of a user who has signed in with
// SignInWithCode or SignInWithBrowser. A later sign-in is used at once.
func OnBehalfOf(s SignIn) Credential {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	file := newSignInFile(s.File)
	return Credential{
		New: func(o CredentialOptions) (azcore.TokenCredential, error) {
			switch {
			case s.TenantID == "":
				return nil, errNoTenant
			case s.ClientID == "":
				return nil, errNoClient
			}
			return &userCredential{s, file, o}, nil
		},
		Stamp:   file.stamp,
		user:    true,
		hint:    s.Hint,
		explain: func(code int) string { return userCures[code] },
	}
}

// userCredential asks for tokens with a refresh token.
type userCredential struct {
	SignIn
	file    *signInFile
	options CredentialOptions
}

// GetToken makes one refresh. The refresh token of the answer replaces the old
// one on disk before the access token is used
// (entra/identity-platform/v2-oauth2-auth-code-flow).
func (u *userCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	none := azcore.AccessToken{}
	st, err := u.stored()
	if err != nil {
		noteLocal(ctx, err)
		return none, err
	}
	lib := &libraryCache{parts: st.Cache}
	client, err := publicClient(u.SignIn, u.options, lib)
	if err != nil {
		return none, err
	}
	accounts, err := client.Accounts(ctx)
	if err != nil || len(accounts) != 1 {
		noteLocal(ctx, fmt.Errorf("%s holds %d accounts: %w", u.File, len(accounts), errors.Join(errNoSignIn, err)))
		return none, errNoSignIn
	}
	res, err := client.AcquireTokenSilent(ctx, u.scopes(resourceOf(o.Scopes)), public.WithSilentAccount(accounts[0]))
	if err != nil {
		return none, err
	}
	next := *st
	next.Cache = lib.parts
	if err := u.file.replace(st, &next); err != nil {
		u.Logger.Error("the new refresh token cannot be kept, it is tried again with the next one", "error", err)
	}
	return azcore.AccessToken{Token: res.AccessToken, ExpiresOn: res.ExpiresOn}, nil
}

// stored reads the sign-in and makes sure that it is the configured one.
func (u *userCredential) stored() (*storedSignIn, error) {
	st, err := u.file.load()
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(st.TenantID, u.TenantID) || !strings.EqualFold(st.ClientID, u.ClientID) ||
		!strings.EqualFold(st.User, u.User) || u.Shared && !st.Shared {
		return nil, fmt.Errorf("the last sign-in was by %s for another tenant, app, user or mailbox: %w", st.User, errNoSignIn)
	}
	return st, nil
}

// noteLocal records what kept a request from being made.
func noteLocal(ctx context.Context, err error) {
	if rec, ok := ctx.Value(tokenExchangeKey{}).(*tokenExchange); ok {
		rec.local = err
	}
}

// resourceOf is "https://graph.microsoft.com" of its "/.default" scope.
func resourceOf(scopes []string) string {
	for _, s := range scopes {
		if r, ok := strings.CutSuffix(s, "/.default"); ok {
			return r
		}
	}
	return ""
}

// libraryHTTP is the HTTP client of Microsoft's library.
type libraryHTTP struct{ policy.Transporter }

// CloseIdleConnections does nothing: the connections are the Client's.
func (libraryHTTP) CloseIdleConnections() {}

func publicClient(s SignIn, o CredentialOptions, lib *libraryCache) (public.Client, error) {
	return public.New(s.ClientID,
		public.WithAuthority(o.Client.Cloud.ActiveDirectoryAuthorityHost+s.TenantID),
		public.WithInstanceDiscovery(!o.DisableInstanceDiscovery),
		public.WithHTTPClient(libraryHTTP{o.Client.Transport}),
		public.WithCache(lib))
}

// DeviceCode is what a user has to do to sign in
// (entra/identity-platform/v2-oauth2-device-code).
type DeviceCode struct {
	URL     string // page to open on any device
	Code    string // to enter there
	Expires time.Time
}

// SignInWithCode signs a user in by device code: show is called once, then it
// waits until he is done, declines, or lets the code expire. Options say where the
// login service is.
func SignInWithCode(ctx context.Context, o Options, s SignIn, show func(DeviceCode)) error {
	return signIn(ctx, o, s, func(ctx context.Context, c public.Client, scopes []string) (public.AuthResult, error) {
		code, err := c.AcquireTokenByDeviceCode(ctx, scopes)
		if err != nil {
			return public.AuthResult{}, err
		}
		show(DeviceCode{URL: code.Result.VerificationURL, Code: code.Result.UserCode, Expires: code.Result.ExpiresOn})
		res, err := code.AuthenticationResult(ctx)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = errors.New("the code has expired before somebody signed in with it")
			noteLocal(ctx, err)
		}
		return res, err
	})
}

// SignInWithBrowser signs a user in by authorization code with PKCE
// (entra/identity-platform/v2-oauth2-auth-code-flow): open gets the page for a
// browser on this host, which comes back to a port of the loopback address.
func SignInWithBrowser(ctx context.Context, o Options, s SignIn, open func(page string) error) error {
	return signIn(ctx, o, s, func(ctx context.Context, c public.Client, scopes []string) (public.AuthResult, error) {
		res, err := c.AcquireTokenInteractive(ctx, scopes, public.WithOpenURL(open), public.WithLoginHint(s.User))
		if err != nil && !refusedByToken(ctx) {
			noteLocal(ctx, err) // what the browser brought back
		}
		return res, err
	})
}

// refusedByToken reports that the last exchange with the login service failed.
func refusedByToken(ctx context.Context) bool {
	rec, ok := ctx.Value(tokenExchangeKey{}).(*tokenExchange)
	return ok && (rec.err != nil || rec.status >= http.StatusBadRequest)
}

// signIn runs a flow and keeps what comes of it, if it is the right user.
func signIn(ctx context.Context, o Options, s SignIn, flow func(context.Context, public.Client, []string) (public.AuthResult, error)) error {
	env, err := o.environment()
	if err != nil {
		return err
	}
	defer env.http.CloseIdleConnections()
	lib := &libraryCache{}
	client, err := publicClient(s, env.credentialOptions(false), lib)
	if err != nil {
		return err
	}
	rec := &tokenExchange{}
	res, err := flow(context.WithValue(ctx, tokenExchangeKey{}, rec), client, s.scopes(resourceOf([]string{env.scope})))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return rec.explain(err, OnBehalfOf(s))
	}
	who := res.IDToken.PreferredUsername
	if who == "" {
		who = res.IDToken.UPN
	}
	if !strings.EqualFold(who, s.User) {
		return fmt.Errorf("%s has signed in, expected was %s; nothing was kept", who, s.User)
	}
	return newSignInFile(s.File).write(&storedSignIn{Version: signInVersion, ID: newSignInID(), TenantID: s.TenantID, ClientID: s.ClientID,
		User: s.User, Shared: s.Shared, SignedIn: time.Now().UTC().Truncate(time.Second), Cache: lib.parts})
}

// KeepSignedIn asks for a token now and twice a day until ctx ends: a refresh
// token ends when it is not used for 90 days, and an operator wants to know at
// the start that a sign-in is due (entra/identity-platform/refresh-tokens).
func (c *Client) KeepSignedIn(ctx context.Context) {
	const interval = 12 * time.Hour
	for {
		_ = c.Check(ctx) // a refusal is in the log
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// SignInDue reports that err came of a sign-in that has ended or never was: the
// user has to sign in again.
func SignInDue(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.signIn
}

// userCures are the cures of delegated flows, where a number may mean something
// else than for an app by itself.
var userCures = map[int]string{
	7000218: "the app does not allow public client flows; allow them on its Authentication page",
	700025:  "the app is a public client and takes no secret; take the credential out of its table",
	65001:   "consent is missing; the user or an administrator has to grant Mail.ReadWrite, Mail.Send (and .Shared for a shared mailbox)",
	65004:   "the user declined to consent; sign in again and accept, or have an administrator consent",
	50011:   "http://localhost is not registered; add it to the app's platform for mobile and desktop applications",
	50034:   "the user does not exist in this tenant; check user, or address, and tenant_id",
	50057:   "the user's account is disabled; an administrator has to enable it, then sign in again",
	50055:   "the user's password has expired",
	50076:   "a second factor is asked for",
	50079:   "the user has to enrol for a second factor",
	50078:   "the second factor has to be shown again",
	50105:   "the user is not assigned to the app; assign him on the page of its enterprise application",
	50173:   "the sign-in was revoked, for example by a new password",
	53000:   "conditional access asks for a managed device; exclude the app or the user, or sign in with --browser on such a device",
	53003:   "conditional access blocks this sign-in; exclude the app or the user, allow this host's address, or use mail2graph login --browser where device codes are forbidden",
	70008:   "the sign-in has expired",
	70018:   "the code is not known; begin again with mail2graph login",
	70019:   "the code has expired before somebody signed in with it; begin again with mail2graph login",
	70020:   "the code has expired before somebody signed in with it; begin again with mail2graph login",
	70043:   "the sign-in has expired by the tenant's sign-in frequency",
	700082:  "the sign-in has expired, it was not used for long",
	700084:  "the sign-in has expired",
}
