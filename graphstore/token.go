package graphstore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mail2graph/bridge"
)

const (
	// A token lives 60 to 90 minutes; renew this long before the end
	// (entra/identity-platform/configurable-token-lifetimes). azidentity itself
	// gives out its cached token until 5 minutes before.
	renewBefore = 4*time.Minute + 50*time.Second
	// refusalPause is how long a refusal of the credentials is remembered: asking
	// again at once is answered the same, and counted (AADSTS50196).
	refusalPause = time.Minute
	tokenTimeout = 30 * time.Second
)

// tokenSource caches the token of a credential in front of azidentity's cache:
// it keeps short-lived tokens for most of their life, forgets a token that
// Graph refused, remembers a refusal of the credentials for a while, and makes
// the credential anew when its files have changed.
type tokenSource struct {
	credential Credential
	options    CredentialOptions
	log        *slog.Logger

	// mu guards what follows; it is not held while a token is fetched.
	mu           sync.Mutex
	cred         azcore.TokenCredential
	stamp        string // of what cred was made of
	stale        bool   // cred has a token in its own cache that Graph refused
	token        azcore.AccessToken
	renewAt      time.Time
	refused      error
	refusedUntil time.Time
	refusedStamp string        // of the credential that was refused
	renewing     chan struct{} // closed when the renewal under way ends; nil: none
	forgotten    time.Time     // when a token was last dropped without success since
	useless      bool          // it was said that Graph refuses new tokens too
}

func newTokenSource(c Credential, o CredentialOptions, log *slog.Logger) (*tokenSource, error) {
	s := &tokenSource{credential: c, options: o, log: log, stamp: c.stamp()}
	var err error
	s.cred, err = c.New(o)
	return s, err
}

// GetToken returns the cached token or fetches one; only one fetch runs at a time.
func (s *tokenSource) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	for {
		s.mu.Lock()
		now := time.Now()
		switch {
		case s.token.Token != "" && now.Before(s.renewAt):
			defer s.mu.Unlock()
			return s.token, nil
		case s.renewing != nil:
		case s.refused != nil && now.Before(s.refusedUntil) && s.credential.stamp() == s.refusedStamp:
			defer s.mu.Unlock()
			return azcore.AccessToken{}, s.refused
		default:
			done := make(chan struct{})
			s.renewing = done
			cred, stamp := s.current()
			s.mu.Unlock()
			t, err := s.fetch(ctx, cred, o)
			t, err = s.settle(t, err, stamp)
			close(done)
			return t, err
		}
		wait := s.renewing
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return azcore.AccessToken{}, ctx.Err()
		}
	}
}

// current returns the credential, made anew if its files have changed. While
// they cannot be read, as in the middle of a replacement, the last one goes on.
// The caller holds mu.
func (s *tokenSource) current() (azcore.TokenCredential, string) {
	stamp := s.credential.stamp()
	if stamp == s.stamp && !s.stale {
		return s.cred, stamp
	}
	cred, err := s.credential.New(s.options)
	if err != nil {
		s.log.Error("the credential cannot be read, the last one is used", "error", err)
		return s.cred, stamp
	}
	if stamp != s.stamp && !s.credential.user {
		s.log.Info("the credential has changed and is used from now on")
	}
	s.cred, s.stamp, s.stale = cred, stamp, false
	return s.cred, stamp
}

// settle records the outcome of a fetch. A token that is still good outlives a
// failed renewal.
func (s *tokenSource) settle(t azcore.AccessToken, err error, stamp string) (azcore.AccessToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewing = nil
	now := time.Now()
	if err == nil {
		if s.refused != nil {
			s.log.Info("the login service gives tokens again")
		}
		s.token, s.refused = t, nil
		life := t.ExpiresOn.Sub(now)
		s.renewAt = now.Add(max(life-renewBefore, life*4/5))
		return t, nil
	}
	if errors.Is(err, bridge.ErrCredentials) {
		if s.refused == nil || stamp != s.refusedStamp { // else it was said
			what := "no token for Graph"
			if SignInDue(err) {
				what = "a new sign-in is due: " + s.credential.hint
			}
			s.log.Error(what, "cure", cure(err), "error", err)
		}
		s.refused, s.refusedUntil, s.refusedStamp = err, now.Add(refusalPause), stamp
	}
	if s.token.Token != "" && now.Before(s.token.ExpiresOn) {
		s.renewAt = now.Add(min(refusalPause, s.token.ExpiresOn.Sub(now)))
		return s.token, nil
	}
	return azcore.AccessToken{}, err
}

var errUseless = errors.New("token: " + uselessText)

const uselessText = "Graph refuses new tokens too"

const uselessCure = "consent is missing: grant the app Mail.ReadWrite and Mail.Send with admin consent, " +
	"or their roles in Exchange (changes take up to two hours)"

// forget drops a token that Graph refused, and reports whether another try
// makes sense. A credential keeps its own cache, so a new one takes its place.
// When the new token is refused as well the rights are what is wrong, and for a
// while no further ones are asked for.
func (s *tokenSource) forget(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.token.Token != token {
		return true // somebody was here before
	}
	if !s.forgotten.IsZero() && now.Sub(s.forgotten) < refusalPause {
		if !s.useless {
			s.useless = true
			s.log.Error(uselessText, "cure", uselessCure)
		}
		return false
	}
	s.forgotten = now
	s.token, s.stale = azcore.AccessToken{}, true
	return true
}

// accepted notes that Graph took a token.
func (s *tokenSource) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten, s.useless = time.Time{}, false
}

func (s *tokenSource) fetch(ctx context.Context, cred azcore.TokenCredential, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	rec := &tokenExchange{}
	tctx, cancel := context.WithTimeout(context.WithValue(ctx, tokenExchangeKey{}, rec), tokenTimeout)
	defer cancel()
	t, err := cred.GetToken(tctx, o)
	if err == nil {
		return t, nil
	}
	if ctx.Err() != nil {
		return t, context.Cause(ctx)
	}
	return t, rec.explain(err, s.credential)
}
