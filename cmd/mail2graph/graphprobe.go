package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"mail2graph/bridge"
	"mail2graph/graphstore"
	graphprobe "mail2graph/graphstore/probe"
)

// probing is what doctor --probe was told.
type probing struct {
	mailbox string // NAME of a [mailbox.NAME]
	report  string // file; "": standard output
	yes     bool
	json    bool
	sendTo  string
	denied  []string
}

// run makes the checks of package probe in a throw-away mailbox.
func (o probing) run(ctx context.Context, config string, std streams) error {
	cfg, err := bridge.LoadConfig(config)
	if err != nil {
		return fmt.Errorf("the configuration has to be mended:\n%w", err)
	}
	m, ok := cfg.Mailboxes[o.mailbox]
	if !ok {
		return usageError{fmt.Sprintf("--probe: found %q, allowed is the NAME of a [mailbox.NAME]: %s", o.mailbox, strings.Join(sortedNames(cfg.Mailboxes), ", "))}
	}
	if !o.yes {
		if err := confirm(std, m.Address); err != nil {
			return err
		}
	}
	open := appClient
	name := m.App
	if m.Access == bridge.AccessUser {
		open, name = userClient, o.mailbox
	}
	client, err := open(cfg, name, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	out := std.out
	if o.report != "" { // before anything is done
		f, err := os.OpenFile(o.report, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	p := graphprobe.Options{
		Do: raw(client), Mailbox: m.Address, SendTo: o.sendTo, Name: graphprobe.FolderName(),
		Log: func(c graphprobe.Check) { fmt.Fprintf(std.err, "%-4s %-10s  %s\n", c.ID, c.Verdict, c.Title) },
	}
	if len(o.denied) > 0 {
		p.Denied = o.denied[0]
	}
	r, err := graphprobe.Run(ctx, p)
	return errors.Join(err, o.write(out, r), leftBehind(r))
}

func (o probing) write(w io.Writer, r *graphprobe.Report) error {
	if !o.json {
		return graphprobe.Markdown(w, r)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

func leftBehind(r *graphprobe.Report) error {
	if len(r.Left) == 0 {
		return nil
	}
	return fmt.Errorf("not removed from %s, look for it yourself: %s", r.Mailbox, strings.Join(r.Left, "; "))
}

// confirm lets the operator type the address: nobody types that of a mailbox in use by
// mistake.
func confirm(std streams, address string) error {
	fmt.Fprintf(std.err, "This makes, changes and removes messages and a folder in the mailbox %s,\n"+
		"about 200 requests. Use one that nobody needs. Type its address to go on: ", address)
	line, err := bufio.NewReader(std.in).ReadString('\n')
	if err != nil && line == "" {
		return errors.New("not confirmed; type the address, or say --yes")
	}
	if !strings.EqualFold(strings.TrimSpace(line), address) {
		return fmt.Errorf("found %q, not the address: nothing was done", strings.TrimSpace(line))
	}
	return nil
}

func raw(client *graphstore.Client) graphprobe.Doer {
	return func(ctx context.Context, method, target string, header http.Header, body []byte) (int, http.Header, []byte, error) {
		a, err := client.Raw(ctx, method, target, header, body)
		if a == nil {
			return 0, nil, nil, err
		}
		return a.Status, a.Header, a.Body, err
	}
}
