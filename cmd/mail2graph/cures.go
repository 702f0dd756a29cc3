package main

import (
	"cmp"
	"context"
	"log/slog"

	"mail2graph/bridge"
	"mail2graph/cmd/mail2graph/internal/doctor"
)

// cures adds to each warning and error about a mailbox what an operator can do, in the
// words of doctor and of the status page.
type cures struct {
	slog.Handler
	boxes   map[string]bridge.MailboxConfig // at the start
	mailbox string                          // NAME of the one that the logger is about; "": none
}

// WithAttrs implements slog.Handler.
func (h cures) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "mailbox" {
			h.mailbox = a.Value.String()
		}
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler; nothing here uses groups.
func (h cures) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// Handle implements slog.Handler.
func (h cures) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		mailbox, said, err := h.mailbox, false, error(nil)
		r.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "mailbox":
				mailbox = a.Value.String()
			case "cure":
				said = true
			case "error":
				err, _ = a.Value.Resolve().Any().(error)
			}
			return true
		})
		if mailbox != "" && err != nil && !said {
			m := h.boxes[mailbox] // one that a reload added is called by its name
			user := ""
			if m.Access == bridge.AccessUser {
				user = m.User
			}
			if todo := doctor.Cure(err, mailbox, cmp.Or(m.Address, mailbox), user); todo != "" {
				r = r.Clone()
				r.AddAttrs(slog.String("cure", todo))
			}
		}
	}
	return h.Handler.Handle(ctx, r)
}
