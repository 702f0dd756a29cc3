package status

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// contentPolicy lets nothing in but the page's own style; the icon is an empty one.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// figure is a number of the page, with the series of the metrics that has it too;
// sum(NAME{LABELS}) is the sum of several.
type figure struct {
	Series, Value, Text string
}

func newFigure(v float64, text, name string, labels ...string) figure {
	return figure{series(name, labels...), number(v), cmp.Or(text, grouped(v))}
}

func sumOf(v float64, name string, labels ...string) figure {
	return figure{"sum(" + series(name, labels...) + ")", number(v), grouped(v)}
}

// view is what the template shows.
type view struct {
	Style    template.CSS
	Class    string // "ok", "warn", "bad"
	Headline string
	Version  string
	Up       figure
	Since    string
	Places   string
	Problems []problem
	Charts   []chart
	Mailbox  []mailboxRow
	Sending  []sendingRow
	Limits   []limitRow
	Programs []programRow
	Open     [2]figure // connections of IMAP, SMTP
	Logins   []loginRow
	Slowed   []string
	Endings  []endingRow
	Notes    []noteRow
	Refresh  int
	At       string
}

// refreshSeconds is how often the page renews itself.
const refreshSeconds = 30

// page shows everything.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	v := s.view(s.o.Snapshot())
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		s.o.Logger.Error("status page not made", "error", err)
		http.Error(w, "the page cannot be made, see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes()) // who asked may be gone
}

func (s *Server) view(snap *Snapshot) *view {
	cure := s.o.Cure
	if cure == nil {
		cure = func(error, *Mailbox) string { return "" }
	}
	v := &view{
		Style: template.CSS(pageStyle), Version: snap.Version, Refresh: refreshSeconds,
		Up:    newFigure(timestamp(snap.Started), ago(snap.Now.Sub(snap.Started)), "process_start_time_seconds"),
		Since: snap.Started.Format("2 January 2006, 15:04 MST"), At: snap.Now.Format("15:04:05 MST"),
		Problems: problems(snap, cure),
	}
	v.headline()
	v.charts(snap, &s.history)
	for _, l := range snap.Listeners {
		if v.Places != "" {
			v.Places += ", "
		}
		v.Places += strings.ToUpper(l.Protocol) + " " + l.Addr
		if l.TLS {
			v.Places += " (TLS)"
		}
	}
	for i := range snap.Mailboxes {
		m := &snap.Mailboxes[i]
		v.Mailbox = append(v.Mailbox, newMailboxRow(snap, m))
		v.Sending = append(v.Sending, newSendingRow(snap, m))
		v.Limits = append(v.Limits, newLimitRow(m))
	}
	v.programs(snap)
	v.endings(snap)
	for _, n := range s.o.Recorder.Notes() {
		v.Notes = append(v.Notes, newNoteRow(snap, n, cure))
	}
	return v
}

func (v *view) headline() {
	bad := 0
	for _, p := range v.Problems {
		if p.Bad {
			bad++
		}
	}
	switch {
	case bad > 0:
		v.Class, v.Headline = "bad", count(bad, "problem")
	case len(v.Problems) > 0:
		v.Class, v.Headline = "warn", count(len(v.Problems), "thing")+" to look at"
	default:
		v.Class, v.Headline = "ok", "All is well"
	}
}

func (v *view) charts(snap *Snapshot, h *history) {
	requests, throttles, outbox := h.curves(snap)
	t := totalsOf(snap)
	v.Charts = []chart{
		newChart("Requests to Graph", " a minute", "requests", requests, sumOf(t.requests, "mail2graph_graph_requests_total")),
		newChart("Throttled answers", " a minute", "throttles", throttles, sumOf(t.throttles, "mail2graph_graph_throttles_total")),
		newChart("Messages in the outbox", "", "outbox", outbox, sumOf(float64(inOutbox(snap)), "mail2graph_outbox_messages")),
	}
	v.Charts[0].Unit, v.Charts[1].Unit, v.Charts[2].Unit = "since the start", "since the start", "now"
}

// programRow is a login with its open connections.
type programRow struct {
	Login      string
	IMAP, SMTP figure
}

// loginRow is what became of attempts to log in by one protocol.
type loginRow struct {
	Protocol string
	Results  []figure
}

func (v *view) programs(s *Snapshot) {
	const name = "mail2graph_connections"
	v.Open = [2]figure{newFigure(float64(s.IMAP.Connections), "", name, "protocol", "imap"), newFigure(float64(s.SMTP.Connections), "", name, "protocol", "smtp")}
	logins := map[string]bool{}
	for l := range s.IMAP.Sessions {
		logins[l] = true
	}
	for l := range s.SMTP.Sessions {
		logins[l] = true
	}
	for _, l := range sorted(logins) {
		v.Programs = append(v.Programs, programRow{l, session(s.IMAP.Sessions, "imap", l), session(s.SMTP.Sessions, "smtp", l)})
	}
	for _, p := range []struct {
		name  string
		count bridge.LoginCount
	}{{"imap", s.Logins.IMAP}, {"smtp", s.Logins.SMTP}} {
		row := loginRow{Protocol: strings.ToUpper(p.name)}
		for _, r := range loginResults(p.count) {
			row.Results = append(row.Results, newFigure(float64(r.n), "", "mail2graph_logins_total", "protocol", p.name, "result", r.name))
		}
		v.Logins = append(v.Logins, row)
	}
	for _, l := range []struct {
		n    int
		text string
	}{
		{s.Logins.SlowedAddresses, "slowed down after failures"},
		{s.Logins.LockedAddresses, "locked out"},
	} {
		if l.n > 0 {
			v.Slowed = append(v.Slowed, count(l.n, "address")+" "+l.text)
		}
	}
	if n := s.Logins.LockedNames; n > 0 {
		v.Slowed = append(v.Slowed, count(n, "user name")+" locked out")
	}
}

// session is empty where there is none: then the metrics have no series either.
func session(all map[string]int, protocol, login string) figure {
	if all[login] == 0 {
		return figure{}
	}
	return newFigure(float64(all[login]), "", "mail2graph_sessions", "protocol", protocol, "login", login)
}

// endingRow is something that ends.
type endingRow struct {
	What, Kind string
	Left       figure
	On         string
	Class      string
}

func (v *view) endings(s *Snapshot) {
	add := func(what, kind string, at time.Time, soon time.Duration, name string, labels ...string) {
		if at.IsZero() {
			return
		}
		left := at.Sub(s.Now)
		row := endingRow{What: what, Kind: kind, On: at.Format("2006-01-02 15:04"), Left: newFigure(timestamp(at), "in "+ago(left), name, labels...)}
		switch {
		case left <= 0:
			row.Class, row.Left.Text = "bad", ago(-left)+" ago"
		case left <= soon:
			row.Class = "warn"
		}
		v.Endings = append(v.Endings, row)
	}
	for _, a := range s.Apps {
		add("app "+a.Name, a.Credential, a.Expires, credentialSoon, "mail2graph_credential_expiry_timestamp_seconds", "app", a.Name)
		add("app "+a.Name, "token, renewed by itself", a.Token.Expires, 0, "mail2graph_token_expiry_timestamp_seconds", "app", a.Name)
	}
	add("listeners", "certificate", s.Certificate, certificateSoon, "mail2graph_certificate_expiry_timestamp_seconds")
	slices.SortStableFunc(v.Endings, func(a, b endingRow) int { return strings.Compare(a.On, b.On) })
}

// noteRow is a line of the log.
type noteRow struct {
	At, Class, Text, About, Detail, Cure, Times string
}

func newNoteRow(s *Snapshot, n Note, cure func(error, *Mailbox) string) noteRow {
	row := noteRow{At: n.At.Format("2 Jan 15:04:05"), Class: "warn", Text: n.Text, About: n.Mailbox, Detail: n.Detail}
	if n.Level >= slog.LevelError {
		row.Class = "bad"
	}
	if n.Times > 1 {
		row.Times = fmt.Sprintf("%d times", n.Times)
	}
	if n.Err != nil {
		for i := range s.Mailboxes {
			if m := &s.Mailboxes[i]; m.Name == n.Mailbox || m.Address == n.Mailbox {
				row.Cure = cure(n.Err, m)
			}
		}
	}
	return row
}
