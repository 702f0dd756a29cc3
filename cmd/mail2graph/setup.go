package main

import (
	"bytes"
	"context"
	"flag"

	"mail2graph/cmd/mail2graph/internal/provision"
)

// setup prints the commands that register the app and limit it to its mailboxes.
func setup(_ context.Context, flags *flag.FlagSet, args []string, std streams) error {
	var p provision.Plan
	flags.StringVar(&p.Tenant, "tenant", "", "`TENANT`: its GUID or a verified domain")
	flags.Func("mailbox", "`ADDRESS` that the app shall reach; once for each mailbox", func(s string) error {
		p.Mailboxes = append(p.Mailboxes, s)
		return nil
	})
	flags.StringVar(&p.AppName, "app-name", "mail2graph", "`NAME` of the app registration")
	flags.StringVar(&p.Cloud, "cloud", "global", "`CLOUD`: global, usgov, usgov-dod or china")
	access := flags.String("access", string(provision.Application), "`WAY`: application, or on-behalf-of-user for mailboxes that a user opens who signs in")
	flags.StringVar(&p.User, "user", "", "on-behalf-of-user: `ADDRESS` of who signs in, for shared mailboxes; default the user of each mailbox")
	credential := flags.String("credential", string(provision.Secret), "application: `KIND` of credential, secret or certificate")
	format := flags.String("format", string(provision.All), "`TOOL`: az, graph-powershell, exchange-powershell or all")
	if err := parse(flags, args); err != nil {
		return err
	}
	p.Access = provision.Access(*access)
	flags.Visit(func(f *flag.Flag) { // its default is for one of the ways
		if f.Name == "credential" {
			p.Credential = provision.Credential(*credential)
		}
	})
	var text bytes.Buffer
	if err := provision.Write(&text, p, provision.Format(*format)); err != nil {
		return usageError{err.Error()}
	}
	_, err := std.out.Write(text.Bytes())
	return err
}
