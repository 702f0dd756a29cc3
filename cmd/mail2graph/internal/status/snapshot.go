package status

import (
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore"
	"mail2graph/imapsrv"
	"mail2graph/smtpsrv"
)

// Snapshot is how everything stands at one moment.
type Snapshot struct {
	Now, Started time.Time
	Version      string
	Listeners    []Listener
	Certificate  time.Time // when that of the listeners ends; zero: there is none
	Mailboxes    []Mailbox
	Apps         []App
	IMAP         imapsrv.Stats
	SMTP         smtpsrv.Stats
	Logins       bridge.LoginCounts
	Graph        Traffic
	DiskFree     *int64 // octets on the disk of state_dir; nil: not known
	NoInodes     bool   // that disk can take no further file; DiskFree is 0 then
	Warnings     int64  // lines of the log since the start
	Errors       int64
}

// Listener is an open address.
type Listener struct {
	Protocol, Addr string
	TLS            bool
}

// Mailbox is a mailbox with its way to Graph.
type Mailbox struct {
	bridge.MailboxStatus
	graphstore.Load
	App   string
	User  string                // on whose behalf it is opened; "": the app's own
	Token graphstore.TokenState // of User, or of the app
}

// App is an application with its credential.
type App struct {
	Name       string
	Token      graphstore.TokenState
	Credential string    // "client secret"
	Expires    time.Time // of the credential; zero: it does not say
}

// lag is how long ago a folder was in step with the service. For one that was not
// yet, the time since its mailbox was opened counts.
func (m *Mailbox) lag(f bridge.FolderStatus, now time.Time) time.Duration {
	last := f.LastSync
	if last.IsZero() {
		last = m.Since
	}
	return max(0, now.Sub(last))
}

// lags are those of the folders that are polled, by what they are for: names of
// folders would make series without end.
func (m *Mailbox) lags(now time.Time) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, f := range m.Watched {
		role := string(f.Role)
		if role == "" {
			role = "other"
		}
		out[role] = max(out[role], m.lag(f, now))
	}
	return out
}

// failing returns the folders whose last round failed.
func (m *Mailbox) failing() (out []bridge.FolderStatus) {
	for _, f := range m.Watched {
		if f.Err != nil {
			out = append(out, f)
		}
	}
	return out
}
