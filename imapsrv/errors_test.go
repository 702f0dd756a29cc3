package imapsrv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// sentinels lists the bridge's kinds of failure by name, with their code.
var sentinels = map[string]struct {
	err  error
	code wire.Code
}{
	"ErrAuth":        {bridge.ErrAuth, wire.CodeAuthenticationFailed},
	"ErrSendAs":      {bridge.ErrSendAs, wire.CodeNoPerm},
	"ErrOutside":     {bridge.ErrOutside, wire.CodeCannot},
	"ErrLocked":      {bridge.ErrLocked, wire.CodeUnavailable},
	"ErrCredentials": {bridge.ErrCredentials, wire.CodeUnavailable},
	"ErrDenied":      {bridge.ErrDenied, wire.CodeNoPerm},
	"ErrNoMailbox":   {bridge.ErrNoMailbox, wire.CodeNonExistent},
	"ErrNotFound":    {bridge.ErrNotFound, wire.CodeNonExistent},
	"ErrExists":      {bridge.ErrExists, wire.CodeAlreadyExists},
	"ErrInvalid":     {bridge.ErrInvalid, wire.CodeCannot},
	"ErrTooLarge":    {bridge.ErrTooLarge, wire.CodeTooBig},
	"ErrQuota":       {bridge.ErrQuota, wire.CodeOverQuota},
	"ErrNoSpace":     {bridge.ErrNoSpace, wire.CodeOverQuota},
	"ErrUnavailable": {bridge.ErrUnavailable, wire.CodeUnavailable},
	"ErrResync":      {bridge.ErrResync, wire.CodeUnavailable},
}

// Every sentinel that package bridge declares has a line in the table.
func TestFailuresComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../bridge/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, id := range spec.Names {
			if !strings.HasPrefix(id.Name, "Err") {
				continue
			}
			found++
			s, ok := sentinels[id.Name]
			if !ok {
				t.Errorf("bridge.%s is not in the table of this test", id.Name)
				continue
			}
			f := lookUp(fmt.Errorf("move 3 messages: %w", s.err))
			if f.code != s.code || f.text == unknown.text {
				t.Errorf("bridge.%s: got [%s] %q, want [%s]", id.Name, f.code, f.text, s.code)
			}
		}
		return true
	})
	if found != len(sentinels) {
		t.Errorf("got %d sentinels in bridge/errors.go, want %d", found, len(sentinels))
	}
}

func TestLookUp(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want failure
	}{
		{"throttled", &bridge.RetryError{After: time.Minute, Err: bridge.ErrUnavailable}, throttled},
		{"throttled before any other kind", fmt.Errorf("x: %w", &bridge.RetryError{Err: bridge.ErrDenied}), throttled},
		{"target missing", &targetError{fmt.Errorf("folder %q: %w", "a", bridge.ErrNotFound)}, noTarget},
		{"target denied", &targetError{bridge.ErrDenied}, lookUp(bridge.ErrDenied)},
		{"deadline", fmt.Errorf("%w: %w", errStalled, context.Canceled), lookUp(context.DeadlineExceeded)},
		{"stopping", fmt.Errorf("sync: %w", context.Canceled), lookUp(context.Canceled)},
		{"anything else", errors.New("bug"), unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := lookUp(tt.err); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// The client gets the table's text alone, the log gets the error, once.
func TestAnswerToLogs(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		want  answer
		level string
	}{
		{"service", fmt.Errorf("folder AAMkSecret=: %w", bridge.ErrDenied),
			answer{wire.NO, wire.CodeNoPerm, lookUp(bridge.ErrDenied).text}, "WARN"},
		{"bug", errors.New("AAMkSecret= is nil"), answer{wire.NO, wire.CodeServerBug, unknown.text}, "ERROR"},
		{"own refusal", no(wire.CodeReadOnly, "read-only"), answer{wire.NO, wire.CodeReadOnly, "read-only"}, ""},
		{"syntax", &wire.SyntaxError{Text: "junk"}, answer{wire.BAD, "", "junk"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			c := &conn{log: slog.New(slog.NewTextHandler(&log, nil))}
			got := c.answerTo(&wire.Command{Name: "STORE", UID: true}, tt.err)
			if got != tt.want {
				t.Errorf("answer: got %+v, want %+v", got, tt.want)
			}
			lines := strings.Count(log.String(), "\n")
			if tt.level == "" {
				if lines != 0 {
					t.Errorf("log: got %q, want nothing", log.String())
				}
				return
			}
			for _, part := range []string{"level=" + tt.level, "AAMkSecret", `command="UID STORE"`} {
				if lines != 1 || !strings.Contains(log.String(), part) {
					t.Errorf("log: got %q, want one line with %q", log.String(), part)
				}
			}
		})
	}
}
