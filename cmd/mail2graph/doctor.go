package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/mail"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/doctor"
	"mail2graph/graphstore"
)

// diagnose is the command doctor: it tries everything that serve needs.
func diagnose(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error {
	o := doctor.Options{
		Open: func(name string, a bridge.AppConfig) (*graphstore.Client, error) {
			o := appOptions(a, nil)
			o.Credential = credential(a)
			return graphstore.New(o)
		},
		OpenUser: func(cfg *bridge.Config, mailbox string) (*graphstore.Client, error) {
			return userClient(cfg, mailbox, slog.New(slog.DiscardHandler), nil, nil)
		},
	}
	flags.StringVar(&o.Config, "config", "", "the configuration `FILE`")
	flags.StringVar(&o.SendTo, "send-to", "", "send a message from each mailbox to `ADDRESS`; without it none is sent")
	flags.Func("expect-denied", "`ADDRESS` of a mailbox that must not be reached; may come several times", func(s string) error {
		o.ExpectDenied = append(o.ExpectDenied, s)
		return nil
	})
	asJSON := flags.Bool("json", false, "print one JSON object instead of lines")
	var p probing
	flags.StringVar(&p.mailbox, "probe", "", "find out in the throw-away `MAILBOX` how this tenant really behaves, and nothing else")
	flags.StringVar(&p.report, "report", "", "with --probe: write the report to the new `FILE`")
	flags.BoolVar(&p.yes, "yes", false, "with --probe: do not ask for the address first")
	if err := parse(flags, args); err != nil {
		return err
	}
	if o.Config == "" {
		return usageError{"--config FILE is missing"}
	}
	for _, a := range append([]string{o.SendTo}, o.ExpectDenied...) {
		if p, err := mail.ParseAddress(a); a != "" && (err != nil || p.Address != a) {
			return usageError{fmt.Sprintf("found %q, allowed is an address such as user@example.com", a)}
		}
	}
	if p.mailbox != "" {
		p.json, p.sendTo, p.denied = *asJSON, o.SendTo, o.ExpectDenied
		return p.run(ctx, o.Config, std)
	}
	show := func(f doctor.Finding) { doctor.Print(std.out, f) }
	if *asJSON {
		show = nil
	}
	r := doctor.Run(ctx, o, show)
	if *asJSON {
		if err := doctor.JSON(std.out, r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.out, "\n%s\n", doctor.Summary(r))
	}
	if !r.OK {
		return fmt.Errorf("%d check(s) failed", r.Count(doctor.Fail))
	}
	return nil
}
