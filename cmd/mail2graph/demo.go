package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/status"
	"mail2graph/graphstore/graphsim"
)

// Who the demo user is, and the application that reaches his mailbox.
const (
	demoAddress  = "demo@example.com"
	demoPassword = "demo"
	demoTenant   = "00000000-0000-4000-8000-0000000de300"
	demoClient   = "00000000-0000-4000-8000-0000000de301"
	demoSecret   = "simulated"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	imap, smtp, graph bridge.Addr
	status            bridge.Addr // "": no status page
	messages          int
	state, caOut      string
}

func demoFlags(flags *flag.FlagSet, args []string) (demoOptions, error) {
	var o demoOptions
	imap := flags.String("imap", "127.0.0.1:1143", "`ADDR` of IMAP; port 0 lets the system choose")
	smtp := flags.String("smtp", "127.0.0.1:1025", "`ADDR` of SMTP")
	graph := flags.String("graph", "", "`ADDR` of the simulated Graph, for other programs; with its control below /_sim/")
	page := flags.String("status", "", "`ADDR` of the status page and metrics")
	flags.StringVar(&o.caOut, "ca-out", "", "write the certificate that the simulated Graph is signed with to `FILE`")
	flags.IntVar(&o.messages, "messages", 300, "`NUMBER` of messages in the mailbox")
	flags.StringVar(&o.state, "state", "", "keep UIDs in `DIR`; the mailbox itself begins anew each time")
	if err := parse(flags, args); err != nil {
		return o, err
	}
	if o.messages < 1 || o.messages > 1_000_000 {
		return o, usageError{fmt.Sprintf("--messages: found %d, allowed is 1 to 1000000", o.messages)}
	}
	for _, a := range []struct {
		name, value string
		dst         *bridge.Addr
	}{{"imap", *imap, &o.imap}, {"smtp", *smtp, &o.smtp}, {"graph", *graph, &o.graph}, {"status", *page, &o.status}} {
		if a.value == "" && a.name == "status" {
			continue
		}
		if a.value == "" && a.name == "graph" {
			a.value = "127.0.0.1:0"
		}
		if err := a.dst.UnmarshalText([]byte(a.value)); err != nil {
			return o, usageError{fmt.Sprintf("--%s: %v", a.name, err)}
		}
		if !a.dst.Loopback() {
			return o, usageError{fmt.Sprintf("--%s: found %q, allowed are addresses of this host such as 127.0.0.1:1143", a.name, a.value)}
		}
	}
	return o, nil
}

// demo serves a simulated mailbox until a signal comes.
func demo(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error {
	o, err := demoFlags(flags, args)
	if err != nil {
		return err
	}
	ev := newEvents(std.out)
	recorder := &status.Recorder{}
	log := slog.New(recorder.Handler(calm{ev}))
	sim, err := startSimulator(o)
	if err != nil {
		return err
	}
	defer sim.Close()
	sim.Observe(ev.observer(sim.Server))

	cfg, cleanup, err := demoConfig(o, sim.URL)
	if err != nil {
		return err
	}
	defer cleanup()
	s := &service{log: log, watching: watching{recorder: recorder}}
	if o.status != "" {
		if s.probe, err = newProbe(); err != nil {
			return err
		}
		cfg = s.probe.admit(cfg, func(string) bool { return true })
	}
	if err := s.start(ctx, cfg, sim.CAPEM); err != nil {
		return err
	}
	demoGreeting(ev, o, s, sim)
	return s.run(ctx)
}

// startSimulator fills a mailbox and opens it to Graph clients.
func startSimulator(o demoOptions) (*graphsim.Running, error) {
	// The budgets of ten minutes and five are for who asks for them below /_sim/limits:
	// a demo that somebody puts to the test shall not stand still for minutes.
	sim := graphsim.New(graphsim.Options{Seed: 1, Limits: graphsim.Limits{Requests: -1, UploadBytes: -1}})
	sim.AddApp(graphsim.App{
		Tenant: demoTenant, ClientID: demoClient, Secret: demoSecret,
		Roles:  []string{"Mail.ReadWrite", "Mail.Send"},
		Public: true, Delegated: []string{"Mail.ReadWrite", "Mail.Send", "Mail.ReadWrite.Shared", "Mail.Send.Shared"},
	})
	sim.AddUser(graphsim.User{Tenant: demoTenant, Name: demoAddress})
	mb, err := sim.AddMailbox(demoAddress, graphsim.MailboxOptions{DisplayName: "Demo User"})
	if err != nil {
		return nil, err
	}
	if err := graphsim.Seed(mb, graphsim.SeedOptions{Messages: o.messages, Seed: 1}); err != nil {
		return nil, err
	}
	// The seeded messages have the same ids in each run, what comes later must
	// not: state that was kept knows what came in the last run, however fast it came.
	mb.SkipIDs(uint64(time.Now().UnixMicro()))
	running, err := sim.Start(string(o.graph))
	if err != nil {
		return nil, fmt.Errorf("simulated Graph: %w", err)
	}
	if o.caOut != "" {
		if err := os.WriteFile(o.caOut, running.CAPEM, 0o644); err != nil {
			return nil, errors.Join(fmt.Errorf("--ca-out: %w", err), running.Close())
		}
	}
	return running, nil
}

// demoConfig is the configuration that an operator would write for the
// simulator. cleanup removes its state unless that is to be kept.
func demoConfig(o demoOptions, url string) (cfg *bridge.Config, cleanup func(), err error) {
	hash, err := bridge.HashPassword(demoPassword)
	if err != nil {
		return nil, nil, err
	}
	cleanup = func() {}
	state := o.state
	if state == "" {
		if state, err = os.MkdirTemp("", "mail2graph-demo-"); err != nil {
			return nil, nil, err
		}
		cleanup = func() { _ = os.RemoveAll(state) }
	}
	cfg = bridge.Defaults()
	cfg.StateDir = state
	cfg.IMAP.Listen = []bridge.Addr{o.imap}
	cfg.SMTP.Listen = []bridge.Addr{o.smtp}
	if o.status != "" {
		cfg.Metrics.Listen = []bridge.Addr{o.status}
	}
	app := bridge.DefaultApp()
	app.TenantID, app.ClientID, app.ClientSecret = demoTenant, demoClient, demoSecret
	app.AuthorityHost, app.GraphEndpoint = bridge.Endpoint(url), bridge.Endpoint(url)
	mailbox := bridge.DefaultMailbox()
	mailbox.Address, mailbox.App = demoAddress, "demo"
	mailbox.IdlePoll = bridge.Duration(2 * time.Second)
	mailbox.Poll = bridge.Duration(15 * time.Second)
	cfg.Apps = map[string]bridge.AppConfig{"demo": app}
	cfg.Mailboxes = map[string]bridge.MailboxConfig{"demo": mailbox}
	cfg.Logins = map[string]bridge.LoginConfig{"demo": {
		Username: demoAddress, PasswordHash: bridge.PasswordHash(hash), Mailbox: "demo",
	}}
	return cfg, cleanup, nil
}

// demoGreeting tells what to enter in a mail program.
func demoGreeting(ev *events, o demoOptions, s *service, sim *graphsim.Running) {
	ev.printf("mail2graph demo: a simulated mailbox of Exchange Online with %d messages\n\n", o.messages)
	ev.printf("Enter in a mail program:\n\n  Name        Demo User\n  Address     %s\n  User name   %s\n  Password    %s\n",
		demoAddress, demoAddress, demoPassword)
	for _, d := range s.doors {
		host, port, err := net.SplitHostPort(d.ln.Addr().String())
		if err != nil {
			continue // a TCP listener has both
		}
		name := map[string]string{"imap": "IMAP", "smtp": "SMTP"}[d.proto]
		ev.printf("  %s        %s port %s, no encryption, password in plain text\n", name, host, port)
	}
	for _, ln := range s.watching.doors {
		ev.printf("  Status      http://%s/\n", ln.Addr())
	}
	ev.printf("\nMail to %s arrives here; mail to others goes nowhere.\n", demoAddress)
	ev.printf("Programs that speak Graph find the same mailbox at\n\n  Graph       %s\n  Tenant      %s\n  Client      %s\n  Secret      %s\n",
		sim.URL, demoTenant, demoClient, demoSecret)
	if o.caOut != "" {
		ev.printf("  CA file     %s\n", o.caOut)
	}
	ev.printf("\nCtrl-C stops it. What happens:\n\n")
}
