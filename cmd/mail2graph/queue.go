package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/outbox"
)

// queueActions are the words after queue.
var queueActions = []string{"list", "show", "retry", "hold", "release", "delete"}

// queue shows what waits in the outbox and changes it, whether the daemon runs or not.
func queue(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error {
	config := flags.String("config", "", "the configuration `FILE`")
	mailbox := flags.String("mailbox", "", "messages of this mailbox alone, its `NAME` or address")
	state := flags.String("state", "", "messages in this `STATE` alone: active, deferred, held, failed, doomed")
	older := flags.String("older", "", "messages older than this alone, a `DURATION` such as 2h or 3d")
	all := flags.Bool("all", false, "all messages, for actions that change them")
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{"which action? Allowed are " + strings.Join(queueActions, ", ")}
	}
	action := args[0]
	if !slices.Contains(queueActions, action) {
		return usageError{fmt.Sprintf("unknown action %q, allowed are %s", action, strings.Join(queueActions, ", "))}
	}
	ids, err := queueIDs(flags, args[1:])
	if err != nil {
		return err
	}
	if *config == "" {
		return usageError{"--config FILE is missing"}
	}
	cfg, err := bridge.LoadConfig(*config)
	if err != nil {
		return fmt.Errorf("the configuration has to be mended:\n%w", err)
	}
	q := queueView{dir: filepath.Join(cfg.StateDir, bridge.OutboxDir), cfg: cfg, ids: ids, state: outbox.State(*state), now: time.Now()}
	if err := q.narrow(*mailbox, *older); err != nil {
		return err
	}
	switch action {
	case "list":
		return q.list(std.out)
	case "show":
		return q.show(std.out)
	}
	if len(ids) == 0 && q.mailbox == "" && q.state == "" && q.older == 0 && !*all {
		return usageError{"which messages? Give ids, --mailbox, --state, --older or --all"}
	}
	return q.order(ctx, outbox.Op(action), std)
}

// queueIDs takes flags and ids in any order.
func queueIDs(flags *flag.FlagSet, args []string) (ids []string, err error) {
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{err.Error()}
		}
		args = flags.Args()
		if len(args) > 0 {
			ids = append(ids, args[0])
			args = args[1:]
		}
	}
	return ids, nil
}

// queueView is a choice of messages.
type queueView struct {
	dir     string
	cfg     *bridge.Config
	ids     []string // none: by the other criteria
	mailbox string   // address in lower case; "": any
	state   outbox.State
	older   time.Duration
	now     time.Time
}

func (q *queueView) narrow(mailbox, older string) error {
	if mailbox != "" {
		q.mailbox = strings.ToLower(mailbox)
		if m, ok := q.cfg.Mailboxes[mailbox]; ok {
			q.mailbox = strings.ToLower(m.Address)
		}
	}
	if older != "" {
		var d bridge.Duration
		if err := d.UnmarshalText([]byte(older)); err != nil {
			return usageError{"--older: " + err.Error()}
		}
		q.older = time.Duration(d)
	}
	return nil
}

func (q *queueView) wants(r *outbox.Record) bool {
	return (len(q.ids) == 0 || slices.Contains(q.ids, r.ID)) && (q.mailbox == "" || r.Mailbox == q.mailbox) &&
		(q.state == "" || r.State == q.state) && q.now.Sub(r.Received) >= q.older
}

// chosen calls yield for every message that is meant.
func (q *queueView) chosen(yield func(*outbox.Record)) error {
	damaged, err := outbox.List(q.dir, func(r *outbox.Record) error {
		if q.wants(r) {
			yield(r)
		}
		return nil
	})
	if err == nil && damaged > 0 {
		err = fmt.Errorf("%d damaged records; the next start of mail2graph moves them to %s", damaged, filepath.Join(q.dir, "corrupt"))
	}
	return err
}

// list prints one line for each message, the oldest first.
func (q *queueView) list(w io.Writer) error {
	type row struct {
		id, text string
	}
	var rows []row
	var octets int64
	err := q.chosen(func(r *outbox.Record) {
		octets += r.Size
		next := "-"
		if r.State == outbox.Deferred {
			next = "now"
			if d := r.Next.Sub(q.now); d > 0 {
				next = "in " + d.Round(time.Second).String()
			}
		}
		rows = append(rows, row{r.ID, fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", r.ID, r.State, r.Mailbox, len(r.Recipients), r.Size,
			q.now.Sub(r.Received).Round(time.Second), next, plain(cmp.Or(r.Verdict, r.Reason), 80))})
	})
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.id, b.id) })
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(rows) > 0 {
		fmt.Fprint(t, "ID\tSTATE\tMAILBOX\tRECIPIENTS\tSIZE\tAGE\tNEXT\tREASON\n")
	}
	for _, r := range rows {
		fmt.Fprint(t, r.text)
	}
	fmt.Fprintf(t, "%d messages, %d octets\n", len(rows), octets)
	return errors.Join(err, t.Flush())
}

// plain makes one short line of a text that others wrote.
func plain(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); limit > 0 && len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	return s
}

// show prints all that is known of messages, with their headers.
func (q *queueView) show(w io.Writer) error {
	if len(q.ids) == 0 {
		return usageError{"show which message? Give its id"}
	}
	for _, id := range q.ids {
		r, f, err := outbox.Show(q.dir, id)
		if err != nil {
			return err
		}
		showRecord(w, r)
		err = showHeader(w, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func showRecord(w io.Writer, r *outbox.Record) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-10s %s\n", name+":", plain(value, 0))
		}
	}
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Local().Format(time.RFC3339)
	}
	line("id", r.ID)
	line("state", string(r.State))
	line("reason", cmp.Or(r.Verdict, r.Reason))
	line("login", r.Login)
	line("mailbox", r.Mailbox)
	line("from", "<"+r.From+">")
	for _, rcpt := range r.Recipients {
		line("to", "<"+rcpt.Address+">")
	}
	line("size", fmt.Sprint(r.Size))
	line("received", when(r.Received))
	line("attempts", fmt.Sprint(r.Attempts))
	line("last", when(r.Last))
	line("next", when(r.Next))
	if r.Done > 0 {
		line("done", fmt.Sprintf("%d of %d recipients", r.Done, len(r.Recipients)))
	}
	line("draft", r.Draft)
}

// showHeader prints a header indented, without what would move a terminal.
func showHeader(w io.Writer, f *os.File) error {
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
		head = head[:i]
	}
	fmt.Fprintln(w)
	for line := range bytes.Lines(head) {
		fmt.Fprintln(w, "   ", plain(strings.ToValidUTF8(string(bytes.TrimRight(line, "\r\n")), "?"), 0))
	}
	fmt.Fprintln(w)
	return nil
}

// order carries out an action and reports what it could not do.
func (q *queueView) order(ctx context.Context, op outbox.Op, std streams) error {
	ids := q.ids
	if len(ids) == 0 {
		if err := q.chosen(func(r *outbox.Record) { ids = append(ids, r.ID) }); err != nil {
			return err
		}
	}
	if len(ids) == 0 {
		fmt.Fprintln(std.out, "no such messages")
		return nil
	}
	results, err := outbox.Order(ctx, q.dir, op, ids)
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range results {
		if r.Err != "" {
			failed++
			fmt.Fprintf(std.err, "%s: %s\n", plain(r.ID, 80), r.Err)
		}
	}
	fmt.Fprintf(std.out, "%s: %d done, %d not\n", op, len(results)-failed, failed)
	if failed > 0 {
		return errors.New("not done for all of them")
	}
	return nil
}
