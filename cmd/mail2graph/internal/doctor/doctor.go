// Package doctor finds out why a configuration does not work, or shows that it
// does: from the file on disk to the right to send, one check after the other.
//
// It reads, makes a draft in each mailbox and removes it, and sends mail only when
// it is told to. A check whose ground is missing is skipped and says so, so that
// one fault gives one failure.
package doctor

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// Status is the outcome of a check.
type Status string

// The outcomes: as it should be; works, but look at it; does not work; was not
// tried because something before it failed.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Finding is one check and its outcome.
type Finding struct {
	Check     string `json:"check"`             // "dns", "token", "read"
	Subject   string `json:"subject,omitempty"` // "app contoso", "mailbox support"
	Status    Status `json:"status"`
	Tried     string `json:"tried"`
	Got       string `json:"got,omitempty"`
	Code      string `json:"code,omitempty"`       // Graph's error.code, or AADSTS…
	RequestID string `json:"request_id,omitempty"` // for Microsoft's support
	Cure      string `json:"cure,omitempty"`
}

// Options say what to look at.
type Options struct {
	Config string // path of the configuration
	// Open makes the client of an [app.NAME].
	Open func(name string, app bridge.AppConfig) (*graphstore.Client, error)
	// OpenUser makes that of a [mailbox.NAME] on behalf of a user.
	OpenUser func(cfg *bridge.Config, mailbox string) (*graphstore.Client, error)
	// SendTo gets a message from each mailbox; "": none is sent.
	SendTo string
	// ExpectDenied are mailboxes that no app shall reach.
	ExpectDenied []string
	// Timeout bounds each request; default 20s.
	Timeout time.Duration
	// Now is this host's clock; default time.Now.
	Now func() time.Time
}

// Report is what was found, in the order of the checks.
type Report struct {
	OK       bool      `json:"ok"` // nothing failed
	Findings []Finding `json:"findings"`
}

// Count returns how many findings have a status.
func (r *Report) Count(s Status) int {
	n := 0
	for _, f := range r.Findings {
		if f.Status == s {
			n++
		}
	}
	return n
}

// Run makes all checks; show, if not nil, gets each finding as it comes. When ctx
// ends the rest is reported as failed.
func Run(ctx context.Context, o Options, show func(Finding)) *Report {
	d := newDoctor(o)
	d.show = show
	return d.examine(ctx)
}

func newDoctor(o Options) *doctor {
	if o.Timeout <= 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &doctor{Options: o, report: &Report{}, disk: realDisk(), doors: realDoors(), hosts: map[endpoint]bool{}}
}

func (d *doctor) examine(ctx context.Context) *Report {
	d.run(ctx)
	d.report.OK = d.report.Count(Fail) == 0
	return d.report
}

// doctor is one run.
type doctor struct {
	Options
	show   func(Finding)
	report *Report
	disk   disk
	doors  doors
	cfg    *bridge.Config
	hosts  map[endpoint]bool // those looked at, and whether they answered

	resolver  *net.Resolver // nil: the system's
	clockSeen bool          // one comparison is enough
	running   bool          // a service has state_dir open
}

func (d *doctor) add(f Finding) {
	d.report.Findings = append(d.report.Findings, f)
	if d.show != nil {
		d.show(f)
	}
}

// skip reports a check that was not made.
func (d *doctor) skip(check, subject, why string) {
	d.add(Finding{Check: check, Subject: subject, Status: Skip, Tried: "nothing", Got: why})
}

func (d *doctor) run(ctx context.Context) {
	if !d.config() {
		d.skip("everything else", "", "needs a configuration without mistakes")
		return
	}
	d.state(ctx)
	d.listeners(ctx)
	d.listenerExpiry()
	for _, name := range slices.Sorted(maps.Keys(d.cfg.Apps)) {
		d.app(ctx, name)
	}
}

// config loads the file; the rest needs it.
func (d *doctor) config() bool {
	f := Finding{Check: "config", Tried: "read " + d.Config}
	cfg, err := bridge.LoadConfig(d.Config)
	if err != nil {
		f.Status, f.Got = Fail, err.Error()
		f.Cure = "mend what is listed; mail2graph help config explains the keys"
		d.add(f)
		return false
	}
	d.cfg = cfg
	f.Status = OK
	f.Got = fmt.Sprintf("%d app(s), %d mailbox(es), %d login(s)", len(cfg.Apps), len(cfg.Mailboxes), len(cfg.Logins))
	d.add(f)
	for _, w := range cfg.Warnings {
		d.add(Finding{Check: "config", Status: Warn, Tried: "read " + d.Config, Got: w, Cure: "see the remark"})
	}
	return true
}

// mailboxesOf returns the names of the mailboxes of an app, in order.
func (d *doctor) mailboxesOf(app string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(d.cfg.Mailboxes)) {
		if d.cfg.Mailboxes[name].App == app {
			names = append(names, name)
		}
	}
	return names
}

// limited bounds one request.
func (d *doctor) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.Timeout)
}
