package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"mail2graph/graphstore/graphsim"
)

// events prints what happens in the demo, one line each. It is the handler of
// all logging there, and an observer of the simulated Graph.
type events struct {
	*printer
	attrs []slog.Attr
}

// printer is shared by all events made with With.
type printer struct {
	// mu guards w and sent.
	mu   sync.Mutex
	w    io.Writer
	sent int // deliveries of the simulator that were printed
}

func newEvents(w io.Writer) *events { return &events{printer: &printer{w: w}} }

// printf prints text as it is. A terminal that went away does not end the demo.
func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format, args...)
}

func (p *printer) line(format string, args ...any) {
	p.printf("%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// Enabled implements slog.Handler.
func (e *events) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// WithAttrs implements slog.Handler.
func (e *events) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &events{e.printer, append(e.attrs[:len(e.attrs):len(e.attrs)], attrs...)}
}

// WithGroup implements slog.Handler; nothing here uses groups.
func (e *events) WithGroup(string) slog.Handler { return e }

// Handle implements slog.Handler.
func (e *events) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if r.Level > slog.LevelInfo {
		b.WriteString(r.Level.String() + " ")
	}
	b.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		if a.Key == "part" { // for levels, which the demo has not
			return true
		}
		value := a.Value.Resolve().String()
		if strings.ContainsAny(value, " \t\r\n\"") {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, " %s=%s", a.Key, value)
		return true
	}
	for _, a := range e.attrs {
		add(a)
	}
	r.Attrs(add)
	e.line("%s", b.String())
	return nil
}

// observer prints what changes in the simulated mailbox, whoever asked for it:
// requests that only read are left out.
func (p *printer) observer(sim *graphsim.Server) func(graphsim.Entry) {
	var show func(graphsim.Entry)
	show = func(e graphsim.Entry) {
		for _, step := range e.Steps {
			show(step)
		}
		method, route, _ := strings.Cut(e.Route, " ")
		if method == "GET" || e.Kind == "token" || e.Route == "" || len(e.Steps) > 0 || strings.HasSuffix(route, "/$batch") {
			return
		}
		p.line("graph %s %s: %d %s", method, route, e.Status, e.Code)
	}
	return func(e graphsim.Entry) {
		show(e)
		for _, d := range p.news(sim) {
			p.line("delivery from %s to %s", d.Mailbox, strings.Join(d.Recipients, ", "))
		}
	}
}

// news returns the deliveries since the last call.
func (p *printer) news(sim *graphsim.Server) []graphsim.Delivery {
	all := sim.Deliveries()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(all) <= p.sent {
		return nil
	}
	all = all[p.sent:]
	p.sent += len(all)
	return all
}
