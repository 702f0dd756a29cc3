package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/doctor"
	"mail2graph/cmd/mail2graph/internal/systemd"
	"mail2graph/imapsrv"
	"mail2graph/smtpsrv"
)

// stopTimeout is how long what runs may go on after the signal to stop. With
// what each server adds to it, all ends within ten seconds.
const stopTimeout = 4 * time.Second

// service is a bridge with its servers: what serve and demo have in common.
type service struct {
	log    *slog.Logger
	graph  *clients
	bridge *bridge.Bridge
	imap   *imapsrv.Server
	smtp   *smtpsrv.Server
	doors  []door
	certs  certificates

	watching watching

	// What a service manager adds; see steward.
	sockets []systemd.Socket // opened by it; they replace all addresses of the configuration
	probe   *probe           // of the self-check; nil: none
	started func()           // called when everything runs; may be nil
}

// door is one open listener.
type door struct {
	proto  string
	ln     net.Listener // of tls.NewListener where secure
	secure bool
}

// newService opens everything that can fail at the start: the certificate, all
// listeners, the state of all mailboxes. roots are trusted for Graph besides those
// of the system and of the configuration.
func newService(ctx context.Context, cfg *bridge.Config, log *slog.Logger, roots []byte) (*service, error) {
	s := &service{log: log}
	if err := s.start(ctx, cfg, roots); err != nil {
		return nil, err
	}
	return s, nil
}

// start is open that leaves nothing open when it fails.
func (s *service) start(ctx context.Context, cfg *bridge.Config, roots []byte) error {
	if err := s.open(ctx, cfg, roots); err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

func (s *service) open(ctx context.Context, cfg *bridge.Config, roots []byte) error {
	if err := s.certs.load(cfg.TLS); err != nil {
		return err
	}
	certs := s.certs.configs(cfg)
	if err := s.listen(ctx, cfg, certs); err != nil {
		return err
	}
	if err := s.listenWeb(ctx, cfg); err != nil {
		return err
	}
	remark, err := doctor.MakeStateDir(cfg.StateDir)
	if err != nil {
		return err
	}
	if remark != "" {
		s.log.Warn("configuration", "remark", remark)
	}
	s.graph, err = openClients(cfg, s.log, roots, s.watching.counter.Observe)
	if err != nil {
		return err
	}
	s.bridge, err = bridge.New(ctx, cfg, bridge.Options{
		OpenStore: s.graph.store,
		OpenIndex: s.openIndex,
		Logger:    s.log,
	})
	if err != nil {
		return fmt.Errorf("%w%s", err, doctor.StateCure(err, cfg.StateDir))
	}
	return s.serverOf(cfg, certs)
}

// serverOf makes the two servers on the bridge.
func (s *service) serverOf(cfg *bridge.Config, certs map[string]*tls.Config) error {
	s.imap = imapsrv.New(imapsrv.Options{
		Login: func(ctx context.Context, user, password, remote string) (*bridge.Account, error) {
			return s.bridge.Login(ctx, bridge.IMAP, user, password, remote)
		},
		Logger:      s.log.With("proto", "imap"),
		Uncounted:   isProbe,
		AllowPlain:  allowPlain(cfg.IMAP),
		TLSConfig:   certs["imap"],
		Version:     buildVersion(),
		StopTimeout: stopTimeout,
	})
	spool := ""
	if cfg.Cache.MaxSize > 0 { // else message text is never written to disk
		spool = filepath.Join(cfg.StateDir, "spool")
		if err := os.MkdirAll(spool, 0o700); err != nil {
			return fmt.Errorf("state_dir: %w", err)
		}
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	s.smtp = smtpsrv.New(smtpsrv.Options{
		Login: func(ctx context.Context, user, password, remote string) (smtpsrv.Account, error) {
			account, err := s.bridge.Login(ctx, bridge.SMTP, user, password, remote)
			if err != nil {
				return nil, err // not account: a nil pointer in an interface is no nil
			}
			return account, nil
		},
		AllowPlain: allowPlain(cfg.SMTP.ListenConfig),
		Trusted: func(_ context.Context, remote string) (smtpsrv.Account, string, error) {
			account, err := s.bridge.Trusted(remote)
			if err != nil {
				return nil, "", err
			}
			return account, account.Name, nil
		},
		DSN:         cfg.SMTP.Delivery != bridge.DeliveryDirect, // without an outbox nobody reports
		Hostname:    host,
		Logger:      s.log,
		TLSConfig:   certs["smtp"],
		SpoolDir:    spool,
		MaxSize:     cfg.LargestMessage(),
		StopTimeout: 2 * stopTimeout,

		MaxRecipients:  int(cfg.SMTP.MaxRecipients),
		MaxConnections: int(cfg.SMTP.MaxConnections),
		Limits: smtpsrv.Limits{
			AddressConnections: int(cfg.SMTP.AddressConnections), LoginConnections: int(cfg.SMTP.LoginConnections),
			AddressRate: int(cfg.SMTP.AddressRate), LoginRate: int(cfg.SMTP.LoginRate),
		},
	})
	return nil
}

// allowPlain is nil, the servers' own rule, unless the operator wants something else.
func allowPlain(c bridge.ListenConfig) func(net.Addr) bool {
	if !c.AllowPlaintext {
		return nil
	}
	return func(net.Addr) bool { return true }
}

// listen opens all addresses; one that is taken is reported with the others.
func (s *service) listen(ctx context.Context, cfg *bridge.Config, certs map[string]*tls.Config) error {
	if len(s.sockets) > 0 {
		return s.adopt(certs)
	}
	var errs []error
	var config net.ListenConfig
	add := func(proto string, addrs []bridge.Addr, secure bool) {
		for _, a := range addrs {
			ln, err := config.Listen(ctx, "tcp", string(a))
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w; %s", proto, err, doctor.ListenCure(err)))
				continue
			}
			if secure {
				ln = tls.NewListener(ln, certs[proto])
			}
			s.doors = append(s.doors, door{proto, ln, secure})
		}
	}
	add("imap", cfg.IMAP.Listen, false)
	add("imap", cfg.IMAP.ListenTLS, true)
	add("smtp", cfg.SMTP.Listen, false)
	add("smtp", cfg.SMTP.ListenTLS, true)
	return errors.Join(errs...)
}

// run serves until ctx ends or a listener fails, and returns when everything
// has ended. The bridge goes on while the last commands of clients run.
func (s *service) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	back, stopBridge := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBridge()

	var bridgeErr error
	var running, serving sync.WaitGroup
	running.Go(func() {
		bridgeErr = s.bridge.Run(back)
		cancel(bridgeErr) // it ends early only when something is broken
	})
	if len(s.watching.doors) > 0 {
		page := s.statusServer(s.watching.cfg)
		for _, ln := range s.watching.doors {
			s.log.Info("listening", "proto", "http", "addr", ln.Addr().String(), "tls", false)
		}
		running.Go(func() { page.Run(back, s.watching.doors...) })
	}
	for _, client := range s.graph.users {
		running.Go(func() { client.KeepSignedIn(back) })
	}
	for _, d := range s.doors {
		s.log.Info("listening", "proto", d.proto, "addr", d.ln.Addr().String(), "tls", d.secure)
		serve := s.imap.Serve
		if d.proto == "smtp" {
			serve = s.smtp.Serve
		}
		serving.Go(func() {
			if err := serve(ctx, d.ln); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", d.proto, err))
			}
		})
	}
	if s.probe != nil {
		serving.Go(func() { _ = s.imap.Serve(ctx, s.probe.door) }) // it fails only after Close
	}
	s.watching.set(phaseServing)
	stopping := context.AfterFunc(ctx, func() { s.watching.set(phaseStopping) })
	defer stopping()
	s.log.Info("ready", "version", buildVersion())
	if s.started != nil {
		s.started()
	}

	serving.Wait()
	s.watching.set(phaseStopping)
	stopBridge()
	running.Wait()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	s.log.Info("stopped")
	return errors.Join(err, s.close())
}

// close gives up what open took.
func (s *service) close() error {
	var errs []error
	for _, d := range s.doors {
		if err := d.ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, ln := range s.watching.doors {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.bridge != nil {
		errs = append(errs, s.bridge.Close())
	}
	if s.graph != nil {
		s.graph.close()
	}
	return errors.Join(errs...)
}
