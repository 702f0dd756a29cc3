package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/logging"
	"mail2graph/cmd/mail2graph/internal/status"
)

// serve runs a configuration until a signal comes.
func serve(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error {
	cfg, path, err := configFlag(flags, args)
	if err != nil {
		return err
	}
	handler, levels, err := logging.New(cfg.Log, std.err)
	if err != nil {
		return err
	}
	recorder := &status.Recorder{}
	log := slog.New(cures{Handler: logging.Addresses(recorder.Handler(calm{handler}), cfg.Log.Addresses), boxes: cfg.Mailboxes})
	for _, w := range cfg.Warnings {
		log.Warn("configuration", "remark", w)
	}
	log.Info("starting", "config", path, "state_dir", cfg.StateDir, "mailboxes", len(cfg.Mailboxes), "logins", len(cfg.Logins))
	v, err := newSteward(ctx, cfg, path, levels, recorder, log)
	if err != nil {
		return err
	}
	return v.run(ctx)
}

// check reads a configuration as serve would and reports on it.
func check(_ context.Context, flags *flag.FlagSet, args []string, std streams) error {
	cfg, path, err := configFlag(flags, args)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(std.err, "warning:", w)
	}
	fmt.Fprintf(std.out, "%s: good: %d app(s), %d mailbox(es), %d login(s)\n",
		path, len(cfg.Apps), len(cfg.Mailboxes), len(cfg.Logins))
	return nil
}

// configFlag takes --config FILE and loads it.
func configFlag(flags *flag.FlagSet, args []string) (*bridge.Config, string, error) {
	path := flags.String("config", "", "the configuration `FILE`, see mail2graph help config")
	if err := parse(flags, args); err != nil {
		return nil, "", err
	}
	if *path == "" {
		return nil, "", usageError{"--config FILE is missing"}
	}
	cfg, err := bridge.LoadConfig(*path)
	if err != nil {
		return nil, "", fmt.Errorf("the configuration has to be mended:\n%w", err)
	}
	return cfg, *path, nil
}
