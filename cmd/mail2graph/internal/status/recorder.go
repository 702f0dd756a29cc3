package status

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// recordSize is how many different lines of the log are kept.
const recordSize = 12

// Recorder keeps the latest warnings and errors of a log for the page, and counts
// all. Its zero value is ready.
type Recorder struct {
	mu               sync.Mutex // guards the fields below
	notes            []Note     // oldest first
	warnings, errors int64
}

// Note is a line of the log, or the same one several times.
type Note struct {
	At      time.Time // of the last time
	Level   slog.Level
	Text    string
	Mailbox string // or the app, or the login, whoever it is about
	Err     error  // nil: there is none, or it is a text
	Detail  string
	Times   int
}

// Notes returns what was kept, the latest first.
func (r *Recorder) Notes() []Note {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Note, 0, len(r.notes))
	for i := len(r.notes) - 1; i >= 0; i-- {
		out = append(out, r.notes[i])
	}
	return out
}

// Counts returns how many warnings and errors there were.
func (r *Recorder) Counts() (warnings, errors int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.warnings, r.errors
}

func (r *Recorder) add(n Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.Level >= slog.LevelError {
		r.errors++
	} else {
		r.warnings++
	}
	n.Times = 1
	for i, old := range r.notes {
		if old.Text == n.Text && old.Mailbox == n.Mailbox && old.Level == n.Level {
			n.Times = old.Times + 1
			r.notes = append(r.notes[:i:i], r.notes[i+1:]...)
			break
		}
	}
	if len(r.notes) == recordSize {
		r.notes = r.notes[1:]
	}
	r.notes = append(r.notes[:len(r.notes):len(r.notes)], n)
}

// Handler returns next with a recorder before it.
func (r *Recorder) Handler(next slog.Handler) slog.Handler { return &recording{Handler: next, to: r} }

// recording is a handler that keeps what is worse than information.
type recording struct {
	slog.Handler
	to    *Recorder
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *recording) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *recording) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &recording{h.Handler.WithAttrs(attrs), h.to, append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup implements slog.Handler; nothing here uses groups.
func (h *recording) WithGroup(name string) slog.Handler {
	return &recording{h.Handler.WithGroup(name), h.to, h.attrs}
}

// Handle implements slog.Handler.
func (h *recording) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelWarn {
		n := Note{At: rec.Time, Level: rec.Level, Text: rec.Message}
		for _, a := range h.attrs {
			n.take(a)
		}
		rec.Attrs(func(a slog.Attr) bool { n.take(a); return true })
		h.to.add(n)
	}
	if !h.Handler.Enabled(ctx, rec.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, rec)
}

// take keeps the attributes that the page shows; others, such as senders, are the
// log's alone.
func (n *Note) take(a slog.Attr) {
	v := a.Value.Resolve()
	switch a.Key {
	case "mailbox", "app", "login":
		if n.Mailbox == "" || a.Key == "mailbox" {
			n.Mailbox = v.String()
		}
	case "error":
		n.Err, _ = v.Any().(error)
		n.Detail = v.String()
	case "cure", "remark", "limit", "folder":
		if n.Detail == "" {
			n.Detail = v.String()
		}
	}
}
