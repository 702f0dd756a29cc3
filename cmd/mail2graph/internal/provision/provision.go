// Package provision writes the commands with which an administrator gives
// mail2graph its rights in a tenant, and the configuration that goes with them.
//
// It asks nobody and changes nothing: input is what the operator knows, output is
// text for a shell. Every input stands in that text in quotes of the shell it is for.
package provision

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"unicode"
)

// Format names one text.
type Format string

// The formats. AzureCLI and GraphPowerShell do the same, what is Entra's;
// ExchangePowerShell does what is Exchange's.
const (
	AzureCLI           Format = "az"
	GraphPowerShell    Format = "graph-powershell"
	ExchangePowerShell Format = "exchange-powershell"
	All                Format = "all"
)

// Formats lists them in the order of a help text.
func Formats() []Format { return []Format{AzureCLI, GraphPowerShell, ExchangePowerShell, All} }

// Credential is what the app proves itself with.
type Credential string

// The credentials that setup can make.
const (
	Secret      Credential = "secret"
	Certificate Credential = "certificate"
)

// Access is in whose name the app opens mailboxes, as in the configuration.
type Access string

// The ways: the app by itself, limited in Exchange; or a user, who signs in.
const (
	Application Access = "application"
	User        Access = "on-behalf-of-user"
)

// What Graph is called in every tenant of every cloud, and its application
// permissions (Graph: "Microsoft Graph permissions reference").
const (
	graphAppID    = "00000003-0000-0000-c000-000000000000"
	mailReadWrite = "e2a3a72e-5f79-4c64-b1b1-878b674786c9"
	mailSend      = "b633e1c5-b582-4048-a93e-9f11b44c7e96"
)

// scope is a delegated permission (the same page).
type scope struct{ Name, ID string }

var (
	ownScopes = []scope{
		{"offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"},
		{"Mail.ReadWrite", "024d486e-b451-40bb-833d-3e66d98c5c73"},
		{"Mail.Send", "e383f46e-2787-4529-855e-0e479a3ffac0"},
	}
	sharedScopes = []scope{
		{"Mail.ReadWrite.Shared", "5df07973-7d5d-46ed-9847-1271055cbd51"},
		{"Mail.Send.Shared", "a367ab51-6b49-43bf-a716-a1fb06d2a174"},
	}
)

// Plan is what the operator knows.
type Plan struct {
	Tenant     string     // GUID or verified domain
	Mailboxes  []string   // addresses, at least one
	AppName    string     // display name of the registration
	Access     Access     // "": Application
	User       string     // who signs in for User; "": the user of each mailbox
	Credential Credential // for Application
	Cloud      string     // as in the configuration; "": global
}

// cloud is what the tools call a national cloud (Graph: "National cloud deployments").
type cloud struct{ AZ, Graph, Exchange, GraphHost string }

var clouds = map[string]cloud{
	"global":    {"AzureCloud", "Global", "O365Default", "https://graph.microsoft.com"},
	"usgov":     {"AzureUSGovernment", "USGov", "O365USGovGCCHigh", "https://graph.microsoft.us"},
	"usgov-dod": {"AzureUSGovernment", "USGovDoD", "O365USGovDoD", "https://dod-graph.microsoft.us"},
	"china":     {"AzureChinaCloud", "China", "O365China", "https://microsoftgraph.chinacloudapi.cn"},
}

var (
	guid   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	domain = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?(\.[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?)+$`)
)

// check returns all that is wrong, each with the flag that has it.
func (p Plan) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !guid.MatchString(p.Tenant) && !domain.MatchString(p.Tenant) {
		bad("--tenant: found %q, needed is the tenant's GUID or a verified domain such as contoso.example", p.Tenant)
	}
	if len(p.Mailboxes) == 0 {
		bad("--mailbox: missing, needed is at least one address")
	}
	seen := map[string]bool{}
	for _, m := range p.Mailboxes {
		switch {
		case !isAddress(m):
			bad("--mailbox: found %q, needed is an address such as support@contoso.example", m)
		case seen[strings.ToLower(m)]:
			bad("--mailbox: found %q twice", m)
		}
		seen[strings.ToLower(m)] = true
	}
	if strings.TrimSpace(p.AppName) == "" || len(p.AppName) > 50 || strings.ContainsFunc(p.AppName, unprintable) {
		bad("--app-name: found %q, needed are 1 to 50 octets on one line", p.AppName)
	}
	switch {
	case p.Access != Application && p.Access != User:
		bad("--access: found %q, allowed are %s and %s", p.Access, Application, User)
	case p.Access == User && p.Credential != "":
		bad("--credential: found %q, but an app that opens mailboxes on behalf of a user has none", p.Credential)
	case p.Access == User && p.User != "" && !isAddress(p.User):
		bad("--user: found %q, needed is the name that the user signs in with, such as anna@contoso.example", p.User)
	case p.Access == Application && p.User != "":
		bad("--user: found %q, which belongs to --access %s", p.User, User)
	case p.Access == Application && p.Credential != Secret && p.Credential != Certificate:
		bad("--credential: found %q, allowed are secret and certificate", p.Credential)
	}
	if _, ok := clouds[p.Cloud]; !ok {
		bad("--cloud: found %q, allowed are global, usgov, usgov-dod and china", p.Cloud)
	}
	return errors.Join(errs...)
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s && !strings.ContainsFunc(s, unprintable)
}

// unprintable finds what could end a line in some shell.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
}

//go:embed templates
var templateFiles embed.FS

// Write writes the text of a format, or says what is wrong with the plan.
func Write(w io.Writer, p Plan, f Format) error {
	if p.Cloud == "" {
		p.Cloud = "global"
	}
	if p.Access == "" {
		p.Access = Application
	}
	if p.Access == Application && p.Credential == "" {
		p.Credential = Secret
	}
	if !slices.Contains(Formats(), f) {
		return fmt.Errorf("--format: found %q, allowed are %s", f, join(Formats()))
	}
	if err := p.check(); err != nil {
		return err
	}
	t, err := template.New("").Funcs(template.FuncMap{"sh": quoteShell, "ps": quotePowerShell, "toml": quoteTOML}).
		ParseFS(templateFiles, "templates/*.tmpl")
	if err != nil {
		panic(err) // embedded: it parses or the build is broken
	}
	data := page{
		Plan: p, Cloud: clouds[p.Cloud], CloudName: p.Cloud, Boxes: boxes(p.Mailboxes),
		GraphAppID: graphAppID, MailReadWrite: mailReadWrite, MailSend: mailSend,
		ByCertificate: p.Credential == Certificate, OnBehalf: p.Access == User, Scopes: ownScopes,
	}
	for i, b := range data.Boxes {
		if p.User != "" && !strings.EqualFold(b.Address, p.User) {
			data.Boxes[i].Shared = true
			data.SharedBoxes = append(data.SharedBoxes, data.Boxes[i])
		}
	}
	if data.Shared = len(data.SharedBoxes) > 0; data.Shared {
		data.Scopes = slices.Concat(ownScopes, sharedScopes)
	}
	name := string(f)
	if data.OnBehalf {
		name += "-user"
	}
	return t.ExecuteTemplate(w, name+".tmpl", data)
}

func join(fs []Format) string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// page is what the templates see.
type page struct {
	Plan
	Cloud                               cloud
	CloudName                           string
	Boxes                               []box
	GraphAppID, MailReadWrite, MailSend string
	ByCertificate                       bool

	OnBehalf    bool
	Shared      bool // some mailbox is not that of the user
	SharedBoxes []box
	Scopes      []scope
}

// box is a mailbox with its NAME in the configuration.
type box struct {
	Name, Address string
	Shared        bool // it is not that of the user
}

// boxes gives each mailbox a name that a configuration may use as NAME: its local
// part where that will do, and a number where two would be the same.
func boxes(addresses []string) []box {
	used := map[string]bool{}
	var all []box
	for _, a := range addresses {
		local := a[:strings.LastIndexByte(a, '@')]
		name := strings.Trim(strings.Map(func(r rune) rune {
			switch r = unicode.ToLower(r); {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
				return r
			}
			return '-'
		}, local), "-")
		if name == "" || len(name) > 50 {
			name = "mailbox"
		}
		unique := name
		for n := 2; used[unique]; n++ {
			unique = fmt.Sprint(name, "-", n)
		}
		used[unique] = true
		all = append(all, box{Name: unique, Address: a})
	}
	return all
}
