package imapsrv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// selection is which mailboxes a LIST answers with (RFC 5258 §3).
type selection struct {
	patterns []pattern
	wire.ListSelect
}

// listed is one mailbox of the answer. Without existing it is a name that is
// subscribed, or that only stands above such a one.
type listed struct {
	bridge.FolderEntry
	exists    bool
	meets     bool     // the selection options, not only by its descendants
	childInfo []string // options that a descendant meets, with RECURSIVEMATCH
}

func newSelection(args *wire.List) selection {
	s := selection{ListSelect: args.Select}
	texts := args.Patterns
	if texts == nil {
		texts = []string{args.Pattern}
	}
	for _, text := range texts {
		s.patterns = append(s.patterns, newPattern(args.Reference+text))
	}
	return s
}

// withMissing lists the folders, and then the names without a folder among the
// subscribed ones and above them.
func withMissing(tree, subscribed []bridge.FolderEntry) []listed {
	list := make([]listed, 0, len(tree))
	known := make(map[string]bool, len(tree))
	for _, e := range tree {
		list = append(list, listed{FolderEntry: e, exists: true})
		known[e.Name] = true
	}
	var missing []listed
	add := func(name string, subscribed bool) {
		if !known[name] {
			known[name] = true
			missing = append(missing, listed{FolderEntry: bridge.FolderEntry{Name: name, Subscribed: subscribed}})
		}
	}
	for _, e := range subscribed {
		add(e.Name, true)
	}
	for _, e := range subscribed {
		for parent := range parents(e.Name) {
			add(parent, false)
		}
	}
	slices.SortFunc(missing, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
	return append(list, missing...)
}

// parents yields the names above a name.
func parents(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(name) {
			if name[i] == separator && !yield(name[:i]) {
				return
			}
		}
	}
}

// from selects among the names. Each comes once, however many patterns match it.
// What does not meet the options itself stands for descendants that do and that no
// pattern matches (RFC 5258 §5, example 9).
func (s selection) from(names []listed) []listed {
	above := map[string]bool{}     // names with a descendant that meets the options
	standsFor := map[string]bool{} // those with one that is not in the answer
	for i := range names {
		e := &names[i]
		if e.meets = s.met(e); e.meets && s.RecursiveMatch {
			hidden := !s.matches(e.Name)
			for parent := range parents(e.Name) {
				above[parent] = true
				standsFor[parent] = standsFor[parent] || hidden
			}
		}
	}
	found := make([]listed, 0, len(names))
	for _, e := range names {
		if !e.meets && !standsFor[e.Name] || !s.matches(e.Name) {
			continue
		}
		if above[e.Name] {
			e.childInfo = s.options()
		}
		found = append(found, e)
	}
	return found
}

// met reports whether a mailbox meets all selection options (RFC 5258 §3.1).
// REMOTE changes nothing: there are no mailboxes elsewhere.
func (s selection) met(e *listed) bool {
	switch {
	case s.Subscribed && !e.Subscribed:
		return false
	case s.SpecialUse && specialUse[e.Role] == "":
		return false
	}
	return e.exists || s.Subscribed
}

func (s selection) matches(name string) bool {
	return slices.ContainsFunc(s.patterns, func(p pattern) bool { return p.matches(name) })
}

// options names the selection options for CHILDINFO (RFC 5258 §3.5).
func (s selection) options() (names []string) {
	if s.Subscribed {
		names = append(names, "SUBSCRIBED")
	}
	if s.SpecialUse {
		names = append(names, "SPECIAL-USE")
	}
	return names
}

// attributes are those of LIST. \HasChildren and the special use come unasked,
// \Subscribed when it was asked for or selected by (RFC 5258 §3.1, §3.2).
func (e *listed) attributes(args *wire.List) []string {
	var attrs []string
	switch {
	case e.exists:
		attrs = attributes(e.FolderEntry)
	case e.childInfo == nil:
		attrs = []string{`\NonExistent`, `\HasNoChildren`}
	default: // what is below may not exist either
		attrs = []string{`\NonExistent`}
	}
	if e.Subscribed && (args.Select.Subscribed || args.Return.Subscribed) {
		attrs = append(attrs, `\Subscribed`)
	}
	return attrs
}

// syncAtOnce is how many folders LIST brings up to date at a time.
const syncAtOnce = 3

// syncListed brings those mailboxes up to date that get a STATUS response (RFC
// 5819 §2), before any is told of, so that each STATUS can follow its LIST. A
// folder that cannot be read now has none.
func (c *conn) syncListed(ctx context.Context, items []string, found []listed) (map[string]*bridge.Folder, error) {
	if items == nil {
		return nil, nil
	}
	folders := make(map[string]*bridge.Folder, len(found))
	var order []*bridge.Folder
	for i := range found {
		if !found[i].exists || !found[i].meets {
			continue
		}
		f, err := c.folder(ctx, found[i].Name)
		switch {
		case errors.Is(err, bridge.ErrNotFound): // removed since
			continue
		case err != nil:
			return nil, err
		}
		folders[found[i].Name] = f
		order = append(order, f)
	}
	err := c.syncAll(ctx, order)
	switch {
	case err == nil:
		c.stale = false
	case ctx.Err() != nil:
		return nil, err
	default:
		fail := lookUp(err)
		c.logFailure("folders not synchronised", fail, err)
		c.w.Untagged(wire.NO, fail.code, fail.text+" (showing folders as they were last seen)")
		c.stale = true
	}
	return folders, nil
}

// syncAll brings folders up to date, several at a time. It returns the first
// error, but tries the others too.
func (c *conn) syncAll(ctx context.Context, folders []*bridge.Folder) error {
	var done atomic.Int64
	say := func() headway {
		seen, ready := 0, done.Load()
		for _, f := range folders {
			n, _ := f.Progress()
			seen += n
		}
		text := fmt.Sprintf("Looked at %d of %d folders", ready, len(folders))
		if seen > 0 {
			text += fmt.Sprintf(", reading new ones: %d messages", seen)
		}
		return headway{text, ready, int64(len(folders))}
	}
	limit := c.opts.SyncTimeout
	if slices.ContainsFunc(folders, func(f *bridge.Folder) bool { return !f.Synced() }) {
		limit = c.opts.CommandTimeout
	}
	return c.wait(ctx, limit, say, func(ctx context.Context) error {
		var work sync.WaitGroup
		errs := make([]error, len(folders))
		slots := make(chan struct{}, syncAtOnce)
		for i, f := range folders {
			slots <- struct{}{}
			work.Go(func() {
				errs[i] = <-start(ctx, f.Sync)
				done.Add(1)
				<-slots
			})
		}
		work.Wait()
		for i, err := range errs {
			if err != nil && !folders[i].Gone() {
				return fmt.Errorf("folder %q: %w", folders[i].Name(), err)
			}
		}
		return nil
	})
}

// statusOfListed writes the STATUS of a mailbox after its LIST. Where it cannot
// be told it is left out, which is no failure (RFC 5819 §2).
func (c *conn) statusOfListed(ctx context.Context, f *bridge.Folder, name string, items []string) error {
	if !f.Synced() || f.Gone() {
		return nil
	}
	values, err := c.statusItems(ctx, f, items)
	var a answer
	switch {
	case errors.As(err, &a):
		return a
	case err != nil:
		c.logFailure("status not told", lookUp(err), err, "folder", name)
		return nil
	}
	c.w.Status(name, values)
	return nil
}
