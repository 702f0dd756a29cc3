package status

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/outbox"
	"mail2graph/graphstore"
	"mail2graph/imapsrv"
	"mail2graph/smtpsrv"
)

var sampleNow = time.Date(2026, 11, 27, 14, 30, 0, 0, time.UTC)

// sample is a service with something of everything: mailboxes that are well, throttled,
// refused and being read, and names that need escaping.
func sample() *Snapshot {
	now := sampleNow
	throttled := &bridge.RetryError{After: 40 * time.Second, Err: bridge.ErrUnavailable}
	refused := errors.New(`token: 401 invalid_client "AADSTS7000222: the client secret has expired; create a new one in the app registration" request-id 5fbd5d2e (credentials refused)`)
	var c Counter
	for i := range 1200 {
		e := graphstore.Exchange{Mailbox: "support@contoso.example", Method: "GET", Route: "/users/{user}/mailFolders/{mailFolder}/messages/delta",
			Status: 200, Requests: 1, Duration: time.Duration(i%400) * time.Millisecond, Waited: time.Duration(i%7) * time.Millisecond, Background: i%2 == 0}
		switch {
		case i%100 == 99:
			e.Status = 429
		case i%5 == 4:
			e.Method, e.Route, e.Requests = "POST", "/$batch", 20
		}
		c.Observe(e)
	}
	inbox := bridge.FolderStatus{Name: "INBOX", Role: bridge.RoleInbox, Synced: true, LastSync: now.Add(-12 * time.Second), Interval: time.Minute}
	late := inbox
	late.LastSync, late.Failures, late.Err = now.Add(-26*time.Minute), 9, throttled
	project := bridge.FolderStatus{Name: `Projects/"Aurora"`, Synced: true, LastSync: now.Add(-3 * time.Second), Interval: 5 * time.Second}
	first := bridge.FolderStatus{Name: "INBOX", Role: bridge.RoleInbox, Done: 12_400, Total: 81_000}
	good := graphstore.TokenState{Expires: now.Add(48 * time.Minute)}
	bad := graphstore.TokenState{Refused: refused, Cure: "AADSTS7000222: the client secret has expired; create a new one in the app registration"}
	started := now.Add(-76 * time.Hour)
	return &Snapshot{
		Now: now, Started: started, Version: "v1.4.0",
		Listeners:   []Listener{{"imap", "127.0.0.1:1143", false}, {"imap", "[::]:993", true}, {"smtp", "127.0.0.1:1025", false}},
		Certificate: now.Add(9 * 24 * time.Hour),
		Mailboxes: []Mailbox{
			{MailboxStatus: bridge.MailboxStatus{Name: "support", Address: "support@contoso.example", Since: started, Folders: 29, Synced: 7,
				Watched: []bridge.FolderStatus{inbox, project}, LastSync: project.LastSync, IndexSize: 48_300_000,
				Cache:  mimecache.Stats{Entries: 8120, Bytes: 1_720_000_000, Hits: 41_022, Misses: 8_311},
				Outbox: map[outbox.State]int{outbox.Deferred: 4, outbox.Active: 1}, Oldest: now.Add(-2 * time.Hour),
				Sent: bridge.Tally{Sent: 3120, Refused: 12, Deferred: 40, Returned: 2}},
				Load: graphstore.Load{Slots: 3, Busy: 1, Throttles: 12, Spent: 812, Budget: 10_000}, App: "contoso", Token: good},
			{MailboxStatus: bridge.MailboxStatus{Name: "invoices", Address: "invoices@contoso.example", Since: started, Folders: 14, Synced: 3,
				Watched: []bridge.FolderStatus{late}, LastSync: late.LastSync, IndexSize: 9_100_000, Cache: mimecache.Stats{Bytes: 210_000_000, Hits: 10, Misses: 90},
				Sent: bridge.Tally{Sent: 88}},
				Load: graphstore.Load{Slots: 3, Busy: 2, Waiting: 5, Paused: 40 * time.Second, Throttles: 96, Refusal: throttled, Spent: 9_400, Budget: 10_000}, App: "contoso", Token: good},
			{MailboxStatus: bridge.MailboxStatus{Name: "archive", Address: "archive@contoso.example", Since: now.Add(-4 * time.Minute), Folders: 6,
				Watched: []bridge.FolderStatus{first}, IndexSize: 2_000_000},
				Load: graphstore.Load{Slots: 3, Busy: 3, Spent: 140, Budget: 10_000}, App: "contoso", Token: good},
			{MailboxStatus: bridge.MailboxStatus{Name: "old", Address: "desk@fabrikam.example", Since: started, Folders: 8, Synced: 2, Watched: []bridge.FolderStatus{inbox},
				LastSync: now.Add(-5 * time.Hour), Outbox: map[outbox.State]int{outbox.Failed: 1, outbox.Held: 2}, Oldest: now.Add(-50 * time.Hour)},
				Load: graphstore.Load{Slots: 3, Budget: 10_000}, App: "fabrikam", Token: bad},
			{MailboxStatus: bridge.MailboxStatus{Name: "anna", Address: "sales@contoso.example", Since: started, Folders: 11, Synced: 4, Watched: []bridge.FolderStatus{inbox}, LastSync: inbox.LastSync},
				Load: graphstore.Load{Slots: 3, Budget: 10_000}, App: "desktop", User: "anna@contoso.example",
				Token: graphstore.TokenState{Refused: refused, SignInDue: true, Cure: "mail2graph login anna"}},
		},
		Apps: []App{
			{"contoso", good, "client secret", now.Add(19 * 24 * time.Hour)},
			{"fabrikam", bad, "client secret", now.Add(-30 * time.Hour)},
		},
		IMAP: imapsrv.Stats{Connections: 7, Accepted: 18_220, TurnedAway: 1, Sessions: map[string]int{"helpdesk": 4, `o"dd\name`: 2},
			Commands: map[imapsrv.Done]uint64{{Command: "FETCH", Result: "OK"}: 9120, {Command: "SELECT", Result: "NO"}: 3, {Command: "other", Result: "BAD"}: 2}},
		SMTP: smtpsrv.Stats{Connections: 1, Accepted: 3400, Sessions: map[string]int{"scanner": 1}, Replies: map[smtpsrv.Reply]uint64{{Command: "RCPT", Class: "2xx"}: 3300}},
		Logins: bridge.LoginCounts{IMAP: bridge.LoginCount{OK: 18_100, Wrong: 96, Denied: 2, Locked: 31}, SMTP: bridge.LoginCount{OK: 3390},
			SlowedAddresses: 2, LockedAddresses: 1, LockedNames: 1},
		Graph: c.Traffic(), DiskFree: new(int64(812_000_000)), Warnings: 14, Errors: 2,
	}
}

// sampleServer shows the sample, with curves of three hours.
func sampleServer() *Server {
	rec := &Recorder{}
	log := slog.New(rec.Handler(slog.DiscardHandler))
	log.With("mailbox", "invoices").Warn("sync failed", "error", fmt.Errorf("delta of folder INBOX: %w", &bridge.RetryError{After: time.Minute, Err: bridge.ErrUnavailable}))
	for range 3 {
		log.With("app", "fabrikam").Error("no token for Graph", "cure", "the client secret has expired", "error", "AADSTS7000222")
	}
	s := New(Options{
		Snapshot: sample, Recorder: rec,
		Cure: func(err error, _ *Mailbox) string {
			if errors.Is(err, bridge.ErrUnavailable) {
				return "wait; then look for other programs that use the same app registration with this mailbox"
			}
			return ""
		},
	})
	snap := sample()
	total := totalsOf(snap)
	for i := range historySize - 1 {
		x := float64(i)
		s.history.points = append(s.history.points, point{
			requests:  math.Round(34 + 22*math.Sin(x/21) + 9*math.Sin(x/3.1) + float64(i*7919%11)),
			throttles: math.Round(max(0, 6*math.Sin((x-96)/11)-3)),
			outbox:    math.Round(max(3, 24-math.Abs(x-128)*.7)),
		})
	}
	s.history.last = totals{total.requests - 31, total.throttles}
	return s
}

var sampleExchange = graphstore.Exchange{Mailbox: "m@example.com", Method: "GET", Requests: 1}
