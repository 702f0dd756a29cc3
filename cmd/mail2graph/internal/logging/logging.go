// Package logging makes the logger of a configuration: text, JSON, or the journal
// of systemd with its native protocol; with a level for each part of the program
// that can be changed while it runs.
//
// A part is what a logger was given as the attribute "part" or "proto".
package logging

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"mail2graph/bridge"
)

// Levels are the levels in force.
type Levels struct {
	config atomic.Pointer[bridge.LogConfig]
}

// Set applies the levels of a configuration, to all loggers made before too.
func (l *Levels) Set(c bridge.LogConfig) { l.config.Store(&c) }

func (l *Levels) of(part string) slog.Level {
	c := l.config.Load()
	if own := c.Levels.Of(part); own != "" {
		return own.Slog()
	}
	return c.Level.Slog()
}

// New makes the handler of a configuration. w is where text and JSON go to, standard
// error: when it is the way to the journal, "auto" talks to the journal itself.
func New(c bridge.LogConfig, w io.Writer) (slog.Handler, *Levels, error) {
	levels := &Levels{}
	levels.Set(c)
	all := &slog.HandlerOptions{Level: slog.Level(-1 << 10)} // Levels decide
	format := c.Format
	if format == bridge.FormatAuto || format == "" {
		format = bridge.FormatText
		if isJournal(w, os.Getenv("JOURNAL_STREAM")) {
			format = bridge.FormatJournald
		}
	}
	var h slog.Handler
	switch format {
	case bridge.FormatJSON:
		h = slog.NewJSONHandler(w, all)
	case bridge.FormatJournald:
		j, err := dialJournal(journalSocket, w)
		if err != nil && c.Format == bridge.FormatJournald {
			return nil, nil, err
		}
		if h = j; err != nil {
			h = slog.NewTextHandler(w, all)
		}
	default:
		h = slog.NewTextHandler(w, all)
	}
	return &handler{Handler: Addresses(h, c.Addresses), levels: levels}, levels, nil
}

// handler shows what the level of its part lets through.
type handler struct {
	slog.Handler
	levels *Levels
	part   string
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.levels.of(h.part)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := &handler{h.Handler.WithAttrs(attrs), h.levels, h.part}
	for _, a := range attrs {
		if a.Key == "part" || a.Key == "proto" {
			next.part = a.Value.Resolve().String()
		}
	}
	return next
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.levels, h.part}
}
