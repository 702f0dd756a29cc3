package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mail2graph/bridge"
)

// TestCures: a line about a mailbox that went wrong tells what to do, once.
func TestCures(t *testing.T) {
	var out bytes.Buffer
	boxes := map[string]bridge.MailboxConfig{"support": {Address: "support@example.com"}}
	log := slog.New(cures{Handler: slog.NewTextHandler(&out, nil), boxes: boxes})
	away := fmt.Errorf("list folders: %w", bridge.ErrUnavailable)
	for _, tc := range []struct {
		name string
		log  func()
		want int // times that a cure is in it
	}{
		{"of the logger's mailbox", func() { log.With("mailbox", "support").Warn("folder list not read", "error", away) }, 1},
		{"of the line's", func() { log.With("part", "sync").Error("not read", "mailbox", "support", "error", away) }, 1},
		{"added by a reload", func() { log.Warn("not read", "mailbox", "other", "error", away) }, 1},
		{"told already", func() { log.Warn("not read", "mailbox", "support", "cure", "wait", "error", away) }, 1},
		{"information", func() { log.Info("not read", "mailbox", "support", "error", away) }, 0},
		{"about no mailbox", func() { log.Warn("not read", "error", away) }, 0},
		{"about nothing that doctor knows", func() { log.Warn("not read", "mailbox", "support", "error", errors.New("x")) }, 0},
	} {
		out.Reset()
		tc.log()
		if got := strings.Count(out.String(), "cure="); got != tc.want {
			t.Errorf("%s: %d cures, want %d: %s", tc.name, got, tc.want, out.String())
		}
	}
}
