package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// clients are the ways to Graph of a configuration.
type clients struct {
	observe func(graphstore.Exchange) // hears of every exchange

	// mu guards the maps: mailboxes are added while others are looked at.
	mu     sync.Mutex
	stores map[string]*graphstore.Store  // by [mailbox.NAME]
	apps   map[string]*graphstore.Client // by [app.NAME], for what it opens itself
	users  map[string]*graphstore.Client // by [mailbox.NAME], for those on behalf of a user
}

// openClients makes a client for each app that opens mailboxes itself, and one
// for each mailbox on behalf of a user: that one has tokens of its own.
func openClients(cfg *bridge.Config, log *slog.Logger, roots []byte, observe func(graphstore.Exchange)) (*clients, error) {
	c := &clients{observe: observe, stores: map[string]*graphstore.Store{}, apps: map[string]*graphstore.Client{}, users: map[string]*graphstore.Client{}}
	for name, a := range cfg.Apps {
		if a.Credential() == bridge.CredentialNone {
			continue
		}
		client, err := appClient(cfg, name, log, roots, observe)
		if err != nil {
			return nil, fmt.Errorf("app %s: %w", name, err)
		}
		c.apps[name] = client
	}
	for name, m := range cfg.Mailboxes {
		if m.Access != bridge.AccessUser {
			continue
		}
		client, err := userClient(cfg, name, log, roots, observe)
		if err != nil {
			return nil, fmt.Errorf("mailbox %s: %w", name, err)
		}
		c.users[name] = client
	}
	return c, nil
}

// extend opens what a mailbox needs that was configured later.
func (c *clients) extend(cfg *bridge.Config, mailbox string, log *slog.Logger) error {
	m := cfg.Mailboxes[mailbox]
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Access == bridge.AccessUser {
		client, err := userClient(cfg, mailbox, log, nil, c.observe)
		if err == nil {
			c.users[mailbox] = client
		}
		return err
	}
	if c.apps[m.App] != nil {
		return nil
	}
	client, err := appClient(cfg, m.App, log, nil, c.observe)
	if err == nil {
		c.apps[m.App] = client
	}
	return err
}

// appClient is the client of an app that opens mailboxes itself.
func appClient(cfg *bridge.Config, name string, log *slog.Logger, roots []byte, observe func(graphstore.Exchange)) (*graphstore.Client, error) {
	a := cfg.Apps[name]
	o := appOptions(a, roots)
	o.Credential = credential(a)
	o.Logger = log.With("part", "graph", "app", name)
	o.Observe = observe
	return graphstore.New(o)
}

// userClient is the client of a mailbox on behalf of a user.
func userClient(cfg *bridge.Config, mailbox string, log *slog.Logger, roots []byte, observe func(graphstore.Exchange)) (*graphstore.Client, error) {
	m := cfg.Mailboxes[mailbox]
	s := signIn(cfg, mailbox)
	s.Logger = log.With("part", "graph", "app", m.App, "mailbox", mailbox, "user", s.User)
	o := appOptions(cfg.Apps[m.App], roots)
	o.Credential = graphstore.OnBehalfOf(s)
	o.Logger = s.Logger
	o.Observe = observe
	return graphstore.New(o)
}

// store is that of a mailbox.
func (c *clients) store(name string, m bridge.MailboxConfig) (bridge.Store, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var s *graphstore.Store
	switch client, app := c.users[name], c.apps[m.App]; {
	case client != nil:
		s = client.Mailbox(m.Address) // its log has the name
	case app != nil:
		s = app.Mailbox(m.Address).Named(name)
	default:
		return nil, fmt.Errorf("no [app.%s]", m.App)
	}
	s.UseImportMIME(bool(m.ImportMIME))
	c.stores[name] = s
	return s, nil
}

// close drops idle connections.
func (c *clients) close() {
	for _, client := range c.apps {
		client.Close()
	}
	for _, client := range c.users {
		client.Close()
	}
}

// signIn is what is known of the user of a mailbox.
func signIn(cfg *bridge.Config, mailbox string) graphstore.SignIn {
	m := cfg.Mailboxes[mailbox]
	a := cfg.Apps[m.App]
	return graphstore.SignIn{
		TenantID: a.TenantID,
		ClientID: a.ClientID,
		User:     m.User,
		Shared:   !strings.EqualFold(m.User, m.Address),
		File:     cfg.SignInFile(mailbox),
		Hint:     "mail2graph login " + mailbox,
	}
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// appOptions are where an app's Graph is and how to get there. roots are trusted
// besides those of the system and of the configuration.
func appOptions(a bridge.AppConfig, roots []byte) graphstore.Options {
	return graphstore.Options{
		Cloud:         string(a.Cloud),
		AuthorityHost: string(a.AuthorityHost),
		GraphEndpoint: string(a.GraphEndpoint),
		CAFile:        a.CAFile,
		CAs:           roots,
		Proxy:         string(a.Proxy),
	}
}

// credential is how the app proves who it is; files are read when they are needed.
func credential(a bridge.AppConfig) graphstore.Credential {
	switch a.Credential() {
	case bridge.CredentialCertificate:
		return graphstore.Certificate(a.TenantID, a.ClientID, a.KeyFiles())
	case bridge.CredentialFederated:
		return graphstore.FederatedToken(a.TenantID, a.ClientID, a.FederatedTokenFile)
	case bridge.CredentialManaged:
		return graphstore.ManagedIdentity(a.ManagedIdentity)
	}
	return graphstore.Secret(a.TenantID, a.ClientID, func() (string, error) {
		secret, err := a.ReadSecret()
		return string(secret), err
	})
}
