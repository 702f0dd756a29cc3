package probe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mail2graph/graphstore"
	"mail2graph/graphstore/graphsim"
	"mail2graph/graphstore/probe"
)

const (
	address = "throwaway@example.com"
	denied  = "director@example.com"
)

// bench is a mailbox that is to be as it was afterwards, whatever the service does.
type bench struct {
	t   *testing.T
	sim *graphsim.Running
	box *graphsim.Mailbox
	o   probe.Options
}

func newBench(t *testing.T) *bench {
	t.Helper()
	// Some checks ask what the documentation forbids: that is their question.
	lenient := func(string, string, url.Values, http.Header, []byte) error { return nil }
	b := &bench{t: t, sim: graphsim.NewTest(t, graphsim.Options{Seed: 1, Check: lenient})}
	var err error
	if b.box, err = b.sim.AddMailbox(address, graphsim.MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err = b.sim.AddMailbox(denied, graphsim.MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.box.Deliver([]byte("Subject: of somebody\r\n\r\nprivate\r\n"), graphsim.DeliverOptions{}); err != nil {
		t.Fatal(err)
	}
	b.sim.AddApp(graphsim.App{Tenant: "example.com", ClientID: "app", Secret: "s", Roles: []string{}, ExchangeRoles: []string{"Mail.ReadWrite", "Mail.Send"}, AllowMailboxes: []string{address}})
	client, err := graphstore.New(graphstore.Options{TenantID: "example.com", ClientID: "app", ClientSecret: "s", AuthorityHost: b.sim.URL, GraphEndpoint: b.sim.URL, CAs: b.sim.CAPEM})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b.o = probe.Options{
		Mailbox: address, Name: probe.FolderName(),
		Pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Do: func(ctx context.Context, method, target string, header http.Header, body []byte) (int, http.Header, []byte, error) {
			a, err := client.Raw(ctx, method, target, header, body)
			if err != nil {
				return 0, nil, nil, err
			}
			return a.Status, a.Header, a.Body, nil
		},
	}
	return b
}

// clean holds that nothing of the probe is where a user looks.
func (b *bench) clean() {
	b.t.Helper()
	for _, f := range b.box.Folders() {
		if f.WellKnown == "recoverableitemsdeletions" {
			continue
		}
		if f.WellKnown == "" || strings.Contains(f.Path, "mail2graph") {
			b.t.Errorf("the folder %q was left", f.Path)
		}
		for _, m := range b.box.Messages(f.Path) {
			if m.Meta.Subject != "of somebody" {
				b.t.Errorf("the message %q was left in %s", m.Meta.Subject, f.Path)
			}
		}
	}
	if n := len(b.box.Messages("inbox")); n != 1 {
		b.t.Errorf("%d messages in the INBOX, want the one that was there", n)
	}
}

// verdicts are those of a report, by check.
func verdicts(r *probe.Report) map[string]probe.Check {
	by := map[string]probe.Check{}
	for _, c := range r.Checks {
		by[c.ID] = c
	}
	return by
}

// TestAllChecks: each has its verdict, and the report tells what was asked and nothing
// of what is in the mailbox.
func TestAllChecks(t *testing.T) {
	b := newBench(t)
	b.o.Denied, b.o.SendTo = denied, "x@example.org"
	r, err := probe.Run(t.Context(), b.o)
	if err != nil || len(r.Left) > 0 {
		t.Fatalf("%v, left %v", err, r.Left)
	}
	b.clean()
	if n := len(b.sim.Deliveries()); n != 1 {
		t.Errorf("%d messages were sent, want 1", n)
	}
	want := map[probe.Verdict]string{
		probe.Assumed: "C1 C3 C4 C7 C9 C10 C13 C15 C16 C18 C19 C20 C22 C24",
		probe.Noted:   "C5 C6 C8 C11 C14 C17 C23",
		probe.ByHand:  "C2 C12 C21",
	}
	got := map[probe.Verdict][]string{}
	for _, c := range r.Checks {
		got[c.Verdict] = append(got[c.Verdict], c.ID)
		if c.Verdict == probe.ByHand && c.Todo == "" || c.Verdict != probe.ByHand && c.Found == "" || c.Title == "" || c.Assumes == "" {
			t.Errorf("%s says too little: %+v", c.ID, c)
		}
	}
	if len(r.Checks) != 24 {
		t.Errorf("%d checks, want 24", len(r.Checks))
	}
	for v, ids := range want {
		if strings.Join(got[v], " ") != ids {
			t.Errorf("%s: %v, want %s", v, got[v], ids)
		}
	}
	var text bytes.Buffer
	if err := probe.Markdown(&text, r); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text.String(), string(j)} {
		for _, secret := range []string{"of somebody", "private", "Bearer", "eyJ"} {
			if strings.Contains(out, secret) {
				t.Errorf("the report has %q", secret)
			}
		}
		for _, part := range []string{"C24", "ErrorFolderExists", "InvalidInternetMessageHeader", "/users/{u}/mailFolders/{id}/messages"} {
			if !strings.Contains(out, part) {
				t.Errorf("the report lacks %q", part)
			}
		}
	}
}

// TestOtherTenants: services that behave otherwise, and those that fail. The report says
// what differs, and nothing stays behind.
func TestOtherTenants(t *testing.T) {
	const messages, inFolder = "/users/{id}/messages", "/users/{id}/mailFolders/{id}/messages"
	for _, tc := range []struct {
		name  string
		spoil func(b *bench)
		want  map[string]probe.Verdict
		found map[string]string
	}{
		{"nothing is purged in this cloud", func(b *bench) { b.sim.SetModes(graphsim.Modes{NoPermanentDelete: true}) },
			map[string]probe.Verdict{"C22": probe.Differs}, map[string]string{"C22": "permanentDelete: 404"}},
		{"no message can be made", func(b *bench) {
			b.sim.AddFault(graphsim.Fault{Method: "POST", Route: inFolder, Status: 403, Code: "ErrorAccessDenied"})
		}, map[string]probe.Verdict{"C4": probe.Unclear, "C5": probe.Unclear, "C14": probe.Unclear, "C19": probe.Unclear, "C20": probe.Unclear, "C22": probe.Unclear, "C23": probe.Unclear},
			map[string]string{"C20": "403 ErrorAccessDenied"}},
		{"no MIME", func(b *bench) {
			b.sim.AddFault(graphsim.Fault{Method: "POST", Route: messages, Status: 400, Code: "UnableToDeserializePostBody"})
		}, map[string]probe.Verdict{"C13": probe.Unclear, "C16": probe.Differs, "C17": probe.Unclear, "C24": probe.Unclear}, nil},
		{"a success with nothing in it", func(b *bench) { b.sim.AddFault(graphsim.Fault{Method: "POST", Route: messages, Status: 200}) },
			map[string]probe.Verdict{"C16": probe.Differs}, nil},
		{"delta is expired for ever", func(b *bench) {
			b.sim.AddFault(graphsim.Fault{Route: inFolder + "/delta", Status: 410, Code: "SyncStateNotFound"})
		}, map[string]probe.Verdict{"C14": probe.Unclear, "C15": probe.Unclear}, nil},
		{"a gateway's pages", func(b *bench) {
			b.sim.AddFault(graphsim.Fault{Method: "PATCH", Status: 502, HTML: true})
			b.sim.AddFault(graphsim.Fault{Method: "GET", Route: messages + "/{id}/$value", Status: 504, HTML: true})
		}, map[string]probe.Verdict{"C4": probe.Differs, "C20": probe.Differs, "C13": probe.Differs}, nil},
		{"throttled now and then", func(b *bench) {
			b.sim.AddFault(graphsim.Fault{Status: 429, Code: "ApplicationThrottled", RetryAfter: "1.5", Probability: 0.2})
		}, map[string]probe.Verdict{"C9": probe.Assumed}, nil},
		{"connections break", func(b *bench) {
			b.sim.AddFault(graphsim.Fault{Method: "PATCH", Reset: graphsim.ResetBefore})
		}, map[string]probe.Verdict{"C20": probe.Differs}, nil},
		{"sensitive changes are closed", func(b *bench) {
			b.sim.AddFault(graphsim.Fault{Method: "PATCH", Route: messages + "/{id}", Skip: 13, Status: 403, Code: "ErrorAccessDenied"})
		}, map[string]probe.Verdict{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tc.spoil(b)
			r, err := probe.Run(t.Context(), b.o)
			if err != nil {
				t.Fatal(err)
			}
			by := verdicts(r)
			for id, want := range tc.want {
				if got := by[id]; got.Verdict != want || !strings.Contains(got.Found, tc.found[id]) {
					t.Errorf("%s: %s (%s), want %s (%s)", id, got.Verdict, got.Found, want, tc.found[id])
				}
			}
			if len(r.Left) > 0 {
				t.Errorf("left: %v", r.Left)
			}
			b.clean()
		})
	}
}

// TestBrokenOff: whenever it ends, what was made is taken away.
func TestBrokenOff(t *testing.T) {
	for _, after := range []int{1, 2, 5, 20, 60, 120} {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		do, n := b.o.Do, 0
		b.o.Do = func(c context.Context, method, target string, header http.Header, body []byte) (int, http.Header, []byte, error) {
			if n++; n == after+1 {
				cancel()
			}
			return do(c, method, target, header, body)
		}
		if _, err := probe.Run(ctx, b.o); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d requests: %v, want that it was cancelled", after, err)
		}
		cancel()
		b.clean()
	}
}

// TestNoGround: without its folder nothing is done.
func TestNoGround(t *testing.T) {
	b := newBench(t)
	b.sim.AddFault(graphsim.Fault{Method: "POST", Route: "/users/{id}/mailFolders", Status: 403, Code: "ErrorAccessDenied"})
	r, err := probe.Run(t.Context(), b.o)
	if err == nil || !strings.Contains(err.Error(), "403 ErrorAccessDenied") || len(r.Checks) != 0 || b.sim.Count() > 3 {
		t.Errorf("%v, %d checks, %d requests", err, len(r.Checks), b.sim.Count())
	}
	b.clean()
}

// TestTokenStaysHere: links that the service gives lead to its own host, or nowhere.
func TestTokenStaysHere(t *testing.T) {
	b := newBench(t)
	for _, target := range []string{"https://evil.example/v1.0/x", strings.Replace(b.sim.URL, "https", "http", 1) + "/v1.0/x", "evil.example/x"} {
		if _, _, _, err := b.o.Do(t.Context(), "GET", target, nil, nil); err == nil {
			t.Errorf("%s was asked", target)
		}
	}
}
