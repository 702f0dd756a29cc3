package status

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"strings"

	"mail2graph/bridge"
	"mail2graph/bridge/outbox"
)

// outboxStates are those that are told, even while nothing is in them.
var outboxStates = []outbox.State{outbox.Incoming, outbox.Active, outbox.Deferred, outbox.Held, outbox.Failed, outbox.Doomed}

// Metrics writes a snapshot in the text format 0.0.4 of Prometheus.
func Metrics(s *Snapshot, ready bool) []byte {
	e := &exposition{}
	e.family("mail2graph_build_info", gauge, "Version of the program, always 1.")
	e.sample("mail2graph_build_info", 1, "version", s.Version, "goversion", runtime.Version())
	e.one("mail2graph_ready", gauge, "Whether listeners are open and indexes readable, as /readyz tells.", truth(ready))
	e.family("mail2graph_log_messages_total", counter, "Lines of the log that are warnings or errors.")
	e.sample("mail2graph_log_messages_total", float64(s.Warnings), "level", "warn")
	e.sample("mail2graph_log_messages_total", float64(s.Errors), "level", "error")
	e.family("mail2graph_state_dir_free_bytes", gauge, "Free space on the disk of state_dir, 0 too if it has no inodes left.")
	if s.DiskFree != nil {
		e.sample("mail2graph_state_dir_free_bytes", float64(*s.DiskFree))
	}
	e.graph(s)
	e.sync(s)
	e.outbox(s)
	e.programs(s)
	e.expiries(s)
	e.process(s)
	return e.b.Bytes()
}

// each writes one value for each mailbox.
func (e *exposition) each(s *Snapshot, name, kind, help string, value func(m *Mailbox) float64) {
	e.family(name, kind, help)
	for i := range s.Mailboxes {
		e.sample(name, value(&s.Mailboxes[i]), "mailbox", s.Mailboxes[i].Name)
	}
}

func (e *exposition) graph(s *Snapshot) {
	e.family("mail2graph_graph_requests_total", counter, "HTTP requests to Graph by route and class of status; 429 and 503 apart, none: no answer.")
	for _, r := range slices.SortedFunc(maps.Keys(s.Graph.Requests), func(a, b Request) int {
		return cmp.Or(strings.Compare(a.Route, b.Route), strings.Compare(a.Method, b.Method), strings.Compare(a.Status, b.Status))
	}) {
		e.sample("mail2graph_graph_requests_total", float64(s.Graph.Requests[r]), "method", r.Method, "route", r.Route, "status", r.Status)
	}
	e.histograms("mail2graph_graph_request_duration_seconds", "Time from the request to the end of its answer.", "method", s.Graph.Durations)
	e.histograms("mail2graph_graph_wait_seconds", "Time a request stood in line for a slot, a pause or the budget.", "priority", s.Graph.Waits)
	e.each(s, "mail2graph_graph_units_total", counter, "Requests as Graph counts them: the steps of a batch.",
		func(m *Mailbox) float64 { return float64(s.Graph.Units[m.Address]) })
	e.each(s, "mail2graph_graph_slots_busy", gauge, "Slots for requests in use.", func(m *Mailbox) float64 { return float64(m.Busy) })
	e.each(s, "mail2graph_graph_slots", gauge, "Slots for requests.", func(m *Mailbox) float64 { return float64(m.Slots) })
	e.each(s, "mail2graph_graph_waiting", gauge, "Requests in line.", func(m *Mailbox) float64 { return float64(m.Waiting) })
	e.each(s, "mail2graph_graph_throttles_total", counter, "Answers 429 and 503, those inside batches too.", func(m *Mailbox) float64 { return float64(m.Throttles) })
	e.each(s, "mail2graph_graph_pause_seconds", gauge, "Left of the pause that Graph asked for.", func(m *Mailbox) float64 { return m.Paused.Seconds() })
	e.each(s, "mail2graph_graph_budget_used", gauge, "Requests of the last ten minutes as Graph counts them.", func(m *Mailbox) float64 { return float64(m.Spent) })
	e.each(s, "mail2graph_graph_budget_limit", gauge, "What Graph allows in that time.", func(m *Mailbox) float64 { return float64(m.Budget) })
}

func (e *exposition) sync(s *Snapshot) {
	e.family("mail2graph_sync_lag_seconds", gauge, "Time since a folder that is polled was in step with Graph, the longest of its kind.")
	for i := range s.Mailboxes {
		m := &s.Mailboxes[i]
		lags := m.lags(s.Now)
		for _, role := range sorted(lags) {
			e.sample("mail2graph_sync_lag_seconds", lags[role].Seconds(), "mailbox", m.Name, "folder", role)
		}
	}
	e.family("mail2graph_sync_last_success_timestamp_seconds", gauge, "When a folder of the mailbox was last in step; 0: not since the start.")
	for _, m := range s.Mailboxes {
		v := 0.0
		if !m.LastSync.IsZero() {
			v = timestamp(m.LastSync)
		}
		e.sample("mail2graph_sync_last_success_timestamp_seconds", v, "mailbox", m.Name)
	}
	e.family("mail2graph_folders", gauge, "Folders that exist, were read once, are polled, and whose last round failed.")
	for i := range s.Mailboxes {
		m := &s.Mailboxes[i]
		for _, f := range []struct {
			state string
			n     int
		}{{"known", m.Folders}, {"synced", m.Synced}, {"watched", len(m.Watched)}, {"failing", len(m.failing())}} {
			e.sample("mail2graph_folders", float64(f.n), "mailbox", m.Name, "state", f.state)
		}
	}
	e.each(s, "mail2graph_cache_hits_total", counter, "Texts of messages found in the cache.", func(m *Mailbox) float64 { return float64(m.Cache.Hits) })
	e.each(s, "mail2graph_cache_misses_total", counter, "Texts of messages not found in the cache.", func(m *Mailbox) float64 { return float64(m.Cache.Misses) })
	e.each(s, "mail2graph_cache_evictions_total", counter, "Texts of messages dropped to make room.", func(m *Mailbox) float64 { return float64(m.Cache.Evicted) })
	e.each(s, "mail2graph_cache_entries", gauge, "Texts of messages in the cache.", func(m *Mailbox) float64 { return float64(m.Cache.Entries) })
	e.each(s, "mail2graph_cache_bytes", gauge, "Size of the cache on disk.", func(m *Mailbox) float64 { return float64(m.Cache.Bytes) })
	e.each(s, "mail2graph_index_bytes", gauge, "Size of the index on disk.", func(m *Mailbox) float64 { return float64(m.IndexSize) })
}

func (e *exposition) outbox(s *Snapshot) {
	e.family("mail2graph_outbox_messages", gauge, "Messages in the outbox by state.")
	for _, m := range s.Mailboxes {
		for _, state := range outboxStates {
			e.sample("mail2graph_outbox_messages", float64(m.Outbox[state]), "mailbox", m.Name, "state", string(state))
		}
	}
	e.each(s, "mail2graph_outbox_oldest_seconds", gauge, "Age of the oldest message in the outbox, 0: it is empty.", func(m *Mailbox) float64 {
		if m.Oldest.IsZero() {
			return 0
		}
		return max(0, s.Now.Sub(m.Oldest).Seconds())
	})
	e.family("mail2graph_messages_total", counter, "What became of messages: sent, refused at once, deferred to another attempt, returned with a report, failed without one.")
	for _, m := range s.Mailboxes {
		for _, r := range results(m.Sent) {
			e.sample("mail2graph_messages_total", float64(r.n), "mailbox", m.Name, "result", r.name)
		}
	}
}

// result is a number with its label.
type result struct {
	name string
	n    int64
}

func results(t bridge.Tally) []result {
	return []result{{"sent", t.Sent}, {"refused", t.Refused}, {"deferred", t.Deferred}, {"returned", t.Returned}, {"failed", t.Failed}}
}

func loginResults(c bridge.LoginCount) []result {
	return []result{{"ok", int64(c.OK)}, {"wrong", int64(c.Wrong)}, {"denied", int64(c.Denied)}, {"locked", int64(c.Locked)}}
}

func (e *exposition) programs(s *Snapshot) {
	e.family("mail2graph_connections", gauge, "Open connections of mail programs.")
	e.sample("mail2graph_connections", float64(s.IMAP.Connections), "protocol", "imap")
	e.sample("mail2graph_connections", float64(s.SMTP.Connections), "protocol", "smtp")
	e.family("mail2graph_connections_total", counter, "Connections that were accepted, or turned away because there were too many.")
	for _, p := range []struct {
		name           string
		accepted, away uint64
	}{{"imap", s.IMAP.Accepted, s.IMAP.TurnedAway}, {"smtp", s.SMTP.Accepted, s.SMTP.TurnedAway}} {
		e.sample("mail2graph_connections_total", float64(p.accepted), "protocol", p.name, "result", "accepted")
		e.sample("mail2graph_connections_total", float64(p.away), "protocol", p.name, "result", "turned_away")
	}
	e.family("mail2graph_sessions", gauge, "Open connections that are logged in.")
	for _, p := range []struct {
		name     string
		sessions map[string]int
	}{{"imap", s.IMAP.Sessions}, {"smtp", s.SMTP.Sessions}} {
		for _, login := range sorted(p.sessions) {
			e.sample("mail2graph_sessions", float64(p.sessions[login]), "protocol", p.name, "login", login)
		}
	}
	e.family("mail2graph_logins_total", counter, "Attempts to log in: ok, wrong password or name, denied by the login's limits, locked after too many.")
	for _, p := range []struct {
		name  string
		count bridge.LoginCount
	}{{"imap", s.Logins.IMAP}, {"smtp", s.Logins.SMTP}} {
		for _, r := range loginResults(p.count) {
			e.sample("mail2graph_logins_total", float64(r.n), "protocol", p.name, "result", r.name)
		}
	}
	e.one("mail2graph_slowed_addresses", gauge, "Addresses whose logins are slowed down after failures.", float64(s.Logins.SlowedAddresses))
	e.family("mail2graph_locked", gauge, "Addresses and user names that are locked out for now.")
	e.sample("mail2graph_locked", float64(s.Logins.LockedAddresses), "kind", "address")
	e.sample("mail2graph_locked", float64(s.Logins.LockedNames), "kind", "name")
	e.commands(s)
}

func (e *exposition) commands(s *Snapshot) {
	all := map[[3]string]uint64{}
	for c, n := range s.IMAP.Commands {
		all[[3]string{"imap", c.Command, strings.ToLower(c.Result)}] += n
	}
	for c, n := range s.SMTP.Replies {
		all[[3]string{"smtp", c.Command, c.Class}] += n
	}
	e.family("mail2graph_commands_total", counter, "Answered commands by outcome: ok, no, bad of IMAP, class of the reply of SMTP.")
	for _, c := range slices.SortedFunc(maps.Keys(all), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }) {
		e.sample("mail2graph_commands_total", float64(all[c]), "protocol", c[0], "command", c[1], "result", c[2])
	}
}

func (e *exposition) expiries(s *Snapshot) {
	e.family("mail2graph_token_refused", gauge, "Whether the login service, or Graph, refuses the app.")
	for _, a := range s.Apps {
		e.sample("mail2graph_token_refused", truth(a.Token.Refused != nil), "app", a.Name)
	}
	e.family("mail2graph_token_expiry_timestamp_seconds", gauge, "When the app's present token ends; it is renewed before.")
	for _, a := range s.Apps {
		if !a.Token.Expires.IsZero() {
			e.sample("mail2graph_token_expiry_timestamp_seconds", timestamp(a.Token.Expires), "app", a.Name)
		}
	}
	e.family("mail2graph_credential_expiry_timestamp_seconds", gauge, "When the app's credential ends, where that is known.")
	for _, a := range s.Apps {
		if !a.Expires.IsZero() {
			e.sample("mail2graph_credential_expiry_timestamp_seconds", timestamp(a.Expires), "app", a.Name)
		}
	}
	e.family("mail2graph_signin_due", gauge, "Whether a user has to sign in again, for mailboxes opened on behalf of one.")
	for _, m := range s.Mailboxes {
		if m.User != "" {
			e.sample("mail2graph_signin_due", truth(m.Token.SignInDue), "mailbox", m.Name)
		}
	}
	e.family("mail2graph_certificate_expiry_timestamp_seconds", gauge, "When the certificate of the listeners ends.")
	if !s.Certificate.IsZero() {
		e.sample("mail2graph_certificate_expiry_timestamp_seconds", timestamp(s.Certificate))
	}
}
