package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/logging"
	"mail2graph/cmd/mail2graph/internal/status"
	"mail2graph/cmd/mail2graph/internal/systemd"
)

// steward runs a service as its operator and the service manager expect: it tells
// how things stand, checks itself, and takes a new configuration on SIGHUP.
type steward struct {
	*service
	path     string          // of the configuration
	cfg      *bridge.Config  // in force
	levels   *logging.Levels // of the log
	notifier systemd.Notifier
	watchdog time.Duration  // 0: nobody asks
	beside   sync.WaitGroup // what runs besides the service
	hangup   chan os.Signal
}

// newSteward opens the service of a configuration, with what the service manager
// has given to this process.
func newSteward(ctx context.Context, cfg *bridge.Config, path string, levels *logging.Levels, recorder *status.Recorder, log *slog.Logger) (*steward, error) {
	v := &steward{
		service: &service{log: log, watching: watching{recorder: recorder}}, path: path, cfg: cfg, levels: levels,
		notifier: systemd.NewNotifier(os.Getenv), watchdog: systemd.WatchdogInterval(os.Getenv),
		hangup: make(chan os.Signal, 1),
	}
	signal.Notify(v.hangup, syscall.SIGHUP) // one that comes before everything runs is obeyed then
	var err error
	if v.sockets, err = systemd.Sockets(os.Getenv); err != nil {
		return nil, err
	}
	if v.watchdog > 0 || len(cfg.Metrics.Listen) > 0 || slices.ContainsFunc(v.sockets, isStatusSocket) {
		if v.probe, err = newProbe(); err != nil {
			return nil, err
		}
	}
	admitted := v.admitted(cfg, func(string) bool { return true })
	if err := v.start(ctx, admitted, nil); err != nil {
		return nil, err
	}
	return v, nil
}

// admitted is cfg with the login of the self-check, if there is one.
func (v *steward) admitted(cfg *bridge.Config, usable func(string) bool) *bridge.Config {
	if v.probe == nil {
		return cfg
	}
	return v.probe.admit(cfg, usable)
}

func (v *steward) status() string {
	return systemd.Status("serving %d mailbox(es) for %d login(s)", len(v.cfg.Mailboxes), len(v.cfg.Logins))
}

// tell notifies the service manager; that it does not listen changes nothing here.
func (v *steward) tell(states ...string) {
	if err := v.notifier.Send(states...); err != nil {
		v.log.Warn("notification not sent", "error", err)
	}
}

// run serves until ctx ends, and returns when everything has ended.
func (v *steward) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer signal.Stop(v.hangup)

	running := make(chan struct{})
	v.started = func() {
		v.tell(systemd.Ready, v.status())
		close(running)
	}
	v.beside.Go(func() {
		select {
		case <-running:
		case <-ctx.Done():
			return
		}
		if v.watchdog > 0 {
			v.beside.Go(func() { watch(ctx, v.watchdog, v.selfCheck, func() { v.tell(systemd.Alive) }, v.log) })
		}
		v.obey(ctx)
	})
	err := v.service.run(ctx)
	cancel()
	v.beside.Wait()
	return err
}

// obey reloads with each signal until ctx ends.
func (v *steward) obey(ctx context.Context) {
	for {
		select {
		case <-v.hangup:
			v.reload(ctx)
		case <-ctx.Done():
			v.tell(systemd.Stopping, systemd.Status("stopping"))
			return
		}
	}
}

// reload takes the file as it is now. A configuration with mistakes is refused as
// a whole, and the old one goes on.
func (v *steward) reload(ctx context.Context) {
	v.tell(append(systemd.Reloading(), systemd.Status("reading %s", v.path))...)
	restart, err := v.renew(ctx)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			v.log.Error("configuration refused, the old one goes on", "error", strings.TrimSpace(line))
		}
		v.tell(systemd.Ready, systemd.Status("the new configuration was refused, the old one goes on: see the log"))
		return
	}
	v.log.Info("configuration reloaded", "config", v.path, "logins", len(v.cfg.Logins))
	status := v.status()
	if len(restart) > 0 {
		v.log.Warn("a restart is needed for some changes", "changed", strings.Join(restart, ", "))
		status = systemd.Status("a restart is needed for changes of %s", strings.Join(restart, ", "))
	}
	v.tell(systemd.Ready, status)
}

// renew applies what can change while clients are connected: new mailboxes, logins,
// certificate and log level. It returns what else has changed since the start.
func (v *steward) renew(ctx context.Context) (restart []string, err error) {
	cfg, err := bridge.LoadConfig(v.path)
	if err != nil {
		return nil, err
	}
	hadTLS := v.certs.current.Load() != nil
	if hadTLS {
		if err := v.certs.load(cfg.TLS); err != nil {
			return nil, fmt.Errorf("%s: %w", v.path, err)
		}
	}
	v.levels.Set(cfg.Log)
	v.addMailboxes(ctx, cfg)
	v.bridge.SetLogins(v.admitted(cfg, func(name string) bool { return v.bridge.Mailbox(name) != nil }))
	if outdated := outdatedSessions(v.cfg.Logins, cfg.Logins, v.imap.Stats().Sessions, v.smtp.Stats().Sessions); len(outdated) > 0 {
		v.log.Warn("sessions go on as their logins were when they began", "logins", strings.Join(outdated, ", "), "cure", "restart mail2graph to end them")
	}
	for _, w := range cfg.Warnings {
		v.log.Warn("configuration", "remark", w)
	}
	restart = fixedChanges(v.cfg, cfg)
	if hadTLS != (cfg.TLS.CertFile != "") {
		restart = append(restart, "[tls]")
	}
	// What needs a restart stays as it is, so that the next reload tells it again.
	next := *v.cfg
	next.Logins, next.SMTP.Trusted, next.Log.Level, next.Log.Levels = cfg.Logins, cfg.SMTP.Trusted, cfg.Log.Level, cfg.Log.Levels
	next.TLS.CertFile, next.TLS.KeyFile = cfg.TLS.CertFile, cfg.TLS.KeyFile
	v.cfg = &next
	v.watching.configure(&next)
	return restart, nil
}

// addMailboxes opens the mailboxes that are new, with the apps that are. One that
// cannot be opened is left for a restart, as is one of an app that has changed.
func (v *steward) addMailboxes(ctx context.Context, cfg *bridge.Config) {
	next := *v.cfg
	next.Mailboxes, next.Apps = maps.Clone(v.cfg.Mailboxes), maps.Clone(v.cfg.Apps)
	for name, m := range cfg.Mailboxes {
		app, known := v.cfg.Apps[m.App]
		if _, old := v.cfg.Mailboxes[name]; old || known && app != cfg.Apps[m.App] {
			continue
		}
		err := v.graph.extend(cfg, name, v.log)
		if err == nil {
			err = v.bridge.Add(ctx, cfg, name)
		}
		if err != nil {
			v.log.Error("mailbox not added", "mailbox", name, "error", err)
			continue
		}
		if client, ok := v.graph.users[name]; ok {
			v.beside.Go(func() { client.KeepSignedIn(ctx) })
		}
		v.log.Info("mailbox added", "mailbox", name)
		next.Mailboxes[name], next.Apps[m.App] = m, cfg.Apps[m.App]
	}
	v.cfg = &next
}
