package status

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/outbox"
)

// problem is something that a person should know of, with what to do.
type problem struct {
	Bad   bool   // else it is a warning
	What  string // "mailbox support: not in step with Graph since 14:02"
	Error string // what came back
	Cure  string
}

// From when on things are worth a remark.
const (
	credentialSoon  = 30 * 24 * time.Hour
	certificateSoon = 14 * 24 * time.Hour
	outboxOld       = time.Hour
	budgetHigh      = 0.9
)

// problems lists what is wrong at present, the worst first.
func problems(s *Snapshot, cure func(error, *Mailbox) string) []problem {
	var out []problem
	refused := map[string]bool{} // what hangs on a token is told once
	for _, a := range s.Apps {
		if a.Token.Refused != nil {
			refused[a.Name] = true
			out = append(out, problem{true, "app " + a.Name + ": Microsoft refuses its credential", a.Token.Refused.Error(), toDo(a.Token.Cure)})
			continue
		}
		if p, due := ending(s.Now, a.Expires, credentialSoon, fmt.Sprintf("app %s: its %s", a.Name, a.Credential),
			"make a new one in the app registration and put it into the file; it is read by itself (mail2graph help credentials)"); due {
			out = append(out, p)
		}
	}
	if p, due := ending(s.Now, s.Certificate, certificateSoon, "the certificate of the listeners", "renew cert_file in [tls] and reload"); due {
		out = append(out, p)
	}
	if s.DiskFree != nil && *s.DiskFree < outbox.LowSpace {
		full := *s.DiskFree < outbox.DefaultReserve
		what, todo := fmt.Sprintf("the disk of state_dir has %s free", octets(*s.DiskFree)), "make room, or give [cache] a smaller max_size"
		if s.NoInodes {
			what, todo = "the disk of state_dir has no inodes left", outbox.InodesCure
		}
		if full {
			what += ", so mail to be sent is refused with 452"
		}
		out = append(out, problem{full, what, "", todo})
	}
	for i := range s.Mailboxes {
		m := &s.Mailboxes[i]
		switch {
		case m.User != "" && m.Token.SignInDue:
			out = append(out, problem{true, "mailbox " + m.Name + ": " + m.User + " has to sign in again", m.Token.Refused.Error(), "run: " + m.Token.Cure})
		case m.User != "" && m.Token.Refused != nil:
			out = append(out, problem{true, "mailbox " + m.Name + ": Microsoft refuses the sign-in of " + m.User, m.Token.Refused.Error(), toDo(m.Token.Cure)})
		case m.User == "" && refused[m.App]:
		default:
			out = append(out, syncProblems(s, m, cure)...)
		}
		out = append(out, limitProblems(m)...)
		out = append(out, outboxProblems(s, m)...)
	}
	slices.SortStableFunc(out, func(a, b problem) int {
		switch {
		case a.Bad == b.Bad:
			return 0
		case a.Bad:
			return -1
		}
		return 1
	})
	return out
}

// toDo is the second half of "what is wrong; what to do", which graphstore says of
// an AADSTS number.
func toDo(cure string) string {
	if _, todo, ok := strings.Cut(cure, "; "); ok {
		return todo
	}
	return cure
}

// ending tells of something that ends soon, or has.
func ending(now, end time.Time, soon time.Duration, what, cure string) (problem, bool) {
	switch left := end.Sub(now); {
	case end.IsZero() || left > soon:
		return problem{}, false
	case left <= 0:
		return problem{true, what + " ended on " + end.Format(time.DateOnly), "", cure}, true
	default:
		return problem{false, fmt.Sprintf("%s ends on %s, in %s", what, end.Format(time.DateOnly), ago(left)), "", cure}, true
	}
}

// syncProblems tells of a mailbox whose folders do not follow; the same error of
// several folders counts once.
func syncProblems(s *Snapshot, m *Mailbox, cure func(error, *Mailbox) string) (out []problem) {
	if failing := m.failing(); len(failing) > 0 {
		f := failing[0]
		since := f.LastSync
		if since.IsZero() {
			since = m.Since
		}
		what := fmt.Sprintf("mailbox %s: not in step with Graph for %s", m.Name, ago(s.Now.Sub(since)))
		if len(failing) > 1 {
			what += fmt.Sprintf(" (%d folders)", len(failing))
		}
		return []problem{{!passing(f.Err), what, f.Err.Error(), cure(f.Err, m)}}
	}
	if m.TreeError != nil {
		return []problem{{!passing(m.TreeError), "mailbox " + m.Name + ": its folders cannot be listed", m.TreeError.Error(), cure(m.TreeError, m)}}
	}
	return nil
}

// passing reports an error that needs patience and nobody's work.
func passing(err error) bool {
	_, throttled := errors.AsType[*bridge.RetryError](err)
	return throttled
}

func limitProblems(m *Mailbox) (out []problem) {
	if m.Paused > 0 && len(m.failing()) == 0 {
		out = append(out, problem{false, fmt.Sprintf("mailbox %s: Graph asks for a pause, %s left", m.Name, ago(m.Paused)), "",
			"it passes; if it comes back, look for other programs that use the same app registration with this mailbox"})
	}
	if m.Budget > 0 && float64(m.Spent) > budgetHigh*float64(m.Budget) {
		out = append(out, problem{false, fmt.Sprintf("mailbox %s: %s of %s requests in ten minutes are used", m.Name, grouped(float64(m.Spent)), grouped(float64(m.Budget))), "",
			"longer poll and idle_poll, fewer programs, or sizes and headers that need no texts"})
	}
	return out
}

func outboxProblems(s *Snapshot, m *Mailbox) (out []problem) {
	if n := m.Outbox[outbox.Failed]; n > 0 {
		out = append(out, problem{true, fmt.Sprintf("mailbox %s: %s given up, and the sender could not be told", m.Name, count(n, "message")), "",
			"mail2graph queue list and show tell why; retry or delete them"})
	}
	if n := m.Outbox[outbox.Held]; n > 0 {
		out = append(out, problem{false, fmt.Sprintf("mailbox %s: %s held", m.Name, count(n, "message")), "", "mail2graph queue release sends them"})
	}
	if m.Outbox[outbox.Deferred] > 0 && s.Now.Sub(m.Oldest) > outboxOld {
		out = append(out, problem{false, fmt.Sprintf("mailbox %s: the outbox has a message that is %s old", m.Name, ago(s.Now.Sub(m.Oldest))), "",
			"mail2graph queue show tells the last error of each message"})
	}
	return out
}
