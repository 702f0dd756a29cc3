package status

import "fmt"

// mailboxRow is a mailbox and how it follows Graph.
type mailboxRow struct {
	Name, Address, By string
	Class, State      string
	Lag               figure
	LastSync          string
	Synced, Known     figure
	Watched           figure
}

func newMailboxRow(s *Snapshot, m *Mailbox) mailboxRow {
	r := mailboxRow{Name: m.Name, Address: m.Address, By: "by app " + m.App}
	if m.User != "" {
		r.By = "on behalf of " + m.User
	}
	r.Class, r.State = m.state()
	const name = "mail2graph_folders"
	r.Synced = newFigure(float64(m.Synced), "", name, "mailbox", m.Name, "state", "synced")
	r.Known = newFigure(float64(m.Folders), "", name, "mailbox", m.Name, "state", "known")
	r.Watched = newFigure(float64(len(m.Watched)), "", name, "mailbox", m.Name, "state", "watched")
	if len(m.Watched) > 0 {
		role := string(m.Watched[0].Role)
		if role == "" {
			role = "other"
		}
		lag := m.lags(s.Now)[role]
		text := ago(lag) + " ago"
		if last := m.Watched[0].LastSync; last.IsZero() {
			text = "not yet, for " + ago(lag)
		} else {
			r.LastSync = last.Format("2 Jan 15:04:05")
		}
		r.Lag = newFigure(lag.Seconds(), text, "mail2graph_sync_lag_seconds", "mailbox", m.Name, "folder", role)
	}
	return r
}

// state says in a word or two how a mailbox is.
func (m *Mailbox) state() (class, text string) {
	failing := m.failing()
	switch {
	case m.User != "" && m.Token.SignInDue:
		return "bad", "sign-in due"
	case m.Token.Refused != nil:
		return "bad", "credential refused"
	case len(failing) > 0 && passing(failing[0].Err), m.Paused > 0:
		return "warn", "throttled"
	case len(failing) > 0, m.TreeError != nil:
		return "bad", "not in step"
	}
	for _, f := range m.Watched {
		if !f.Synced && f.Total > 0 {
			return "busy", fmt.Sprintf("reading %s of %s", grouped(float64(f.Done)), grouped(float64(f.Total)))
		}
	}
	if m.LastSync.IsZero() {
		return "quiet", "not asked yet"
	}
	return "ok", "in step"
}

// sendingRow is what a mailbox sends.
type sendingRow struct {
	Name    string
	Results []figure
	Outbox  []outboxFigure
	Oldest  figure
}

// outboxFigure is how many messages are in a state.
type outboxFigure struct {
	figure
	State string
}

func newSendingRow(s *Snapshot, m *Mailbox) sendingRow {
	r := sendingRow{Name: m.Name}
	for _, x := range results(m.Sent) {
		r.Results = append(r.Results, newFigure(float64(x.n), "", "mail2graph_messages_total", "mailbox", m.Name, "result", x.name))
	}
	for _, state := range outboxStates {
		if n := m.Outbox[state]; n > 0 {
			r.Outbox = append(r.Outbox, outboxFigure{newFigure(float64(n), "", "mail2graph_outbox_messages", "mailbox", m.Name, "state", string(state)), string(state)})
		}
	}
	if !m.Oldest.IsZero() {
		age := max(0, s.Now.Sub(m.Oldest))
		r.Oldest = newFigure(age.Seconds(), ago(age), "mail2graph_outbox_oldest_seconds", "mailbox", m.Name)
	}
	return r
}

// limitRow is what a mailbox uses of Graph and of this host's disk.
type limitRow struct {
	Name                 string
	Busy, Slots, Waiting figure
	Spent, Budget        figure
	Share                int // of the budget, 0 to 100
	Throttles, Pause     figure
	Index, Cache         figure
	Hits                 string
}

func newLimitRow(m *Mailbox) limitRow {
	one := func(v float64, text, name string) figure { return newFigure(v, text, name, "mailbox", m.Name) }
	r := limitRow{
		Name:      m.Name,
		Busy:      one(float64(m.Busy), "", "mail2graph_graph_slots_busy"),
		Slots:     one(float64(m.Slots), "", "mail2graph_graph_slots"),
		Waiting:   one(float64(m.Waiting), "", "mail2graph_graph_waiting"),
		Spent:     one(float64(m.Spent), "", "mail2graph_graph_budget_used"),
		Budget:    one(float64(m.Budget), "", "mail2graph_graph_budget_limit"),
		Throttles: one(float64(m.Throttles), "", "mail2graph_graph_throttles_total"),
		Index:     one(float64(m.IndexSize), octets(m.IndexSize), "mail2graph_index_bytes"),
		Cache:     one(float64(m.Cache.Bytes), octets(m.Cache.Bytes), "mail2graph_cache_bytes"),
		Hits:      "not used yet",
	}
	if m.Budget > 0 {
		r.Share = min(100, m.Spent*100/m.Budget)
	}
	if m.Paused > 0 {
		r.Pause = one(m.Paused.Seconds(), ago(m.Paused), "mail2graph_graph_pause_seconds")
	}
	if all := m.Cache.Hits + m.Cache.Misses; all > 0 {
		r.Hits = fmt.Sprintf("%d %% found", m.Cache.Hits*100/all)
	}
	return r
}

// inOutbox is the number of messages in the outbox, whatever their state.
func inOutbox(s *Snapshot) (n int) {
	for _, m := range s.Mailboxes {
		for _, state := range outboxStates {
			n += m.Outbox[state]
		}
	}
	return n
}
