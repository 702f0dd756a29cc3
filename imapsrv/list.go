package imapsrv

import (
	"context"
	"slices"
	"strings"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

const separator = '/'

// specialUse are the attributes of RFC 6154 §2; INBOX is named well enough.
var specialUse = map[bridge.Role]string{
	bridge.RoleArchive: `\Archive`,
	bridge.RoleDrafts:  `\Drafts`,
	bridge.RoleJunk:    `\Junk`,
	bridge.RoleSent:    `\Sent`,
	bridge.RoleTrash:   `\Trash`,
}

// list is LIST (RFC 3501 §6.3.8) with the attributes of RFC 3348 and RFC 6154,
// and the options of RFC 5258, RFC 5819 and RFC 6154 §4.
func (c *conn) list(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.List)
	if args.Pattern == "" && !args.Extended { // asks for the separator
		c.w.List([]string{`\Noselect`}, separator, "")
		return answer{}, nil
	}
	var tree, subscribed []bridge.FolderEntry
	err := c.call(ctx, 0, func(ctx context.Context) (err error) {
		if tree, err = c.account.Tree(ctx); err == nil && args.Select.Subscribed {
			subscribed, err = c.account.Subscribed(ctx)
		}
		return err
	})
	if err != nil {
		return answer{}, err
	}
	found := newSelection(args).from(withMissing(tree, subscribed))
	folders, err := c.syncListed(ctx, args.Return.Status, found)
	if err != nil {
		return answer{}, err
	}
	for i := range found {
		e := &found[i]
		c.w.ListEntry(&wire.ListEntry{Attrs: e.attributes(args), Delim: separator, Name: e.Name, ChildInfo: e.childInfo})
		if f := folders[e.Name]; f != nil {
			if err := c.statusOfListed(ctx, f, e.Name, args.Return.Status); err != nil {
				return answer{}, err
			}
		}
	}
	return answer{}, nil
}

func attributes(e bridge.FolderEntry) []string {
	attrs := make([]string, 0, 3)
	if e.NoSelect {
		attrs = append(attrs, `\Noselect`)
	}
	if e.HasChildren {
		attrs = append(attrs, `\HasChildren`)
	} else {
		attrs = append(attrs, `\HasNoChildren`)
	}
	if use := specialUse[e.Role]; use != "" {
		attrs = append(attrs, use)
	}
	return attrs
}

// lsub is LSUB (RFC 3501 §6.3.9). A pattern that ends in % also finds the
// parents of subscribed names, as \Noselect if they are not subscribed.
func (c *conn) lsub(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.List)
	if args.Pattern == "" {
		c.w.Lsub([]string{`\Noselect`}, separator, "")
		return answer{}, nil
	}
	var names []bridge.FolderEntry
	err := c.call(ctx, 0, func(ctx context.Context) (err error) {
		names, err = c.account.Subscribed(ctx)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	for _, e := range matchSubscribed(names, args.Reference+args.Pattern) {
		var attrs []string
		if e.NoSelect {
			attrs = []string{`\Noselect`}
		}
		c.w.Lsub(attrs, separator, e.Name)
	}
	return answer{}, nil
}

// matchSubscribed selects the entries of LSUB, each name once.
func matchSubscribed(names []bridge.FolderEntry, text string) []bridge.FolderEntry {
	subscribed := make(map[string]bool, len(names))
	for _, e := range names {
		subscribed[e.Name] = true
	}
	pattern := newPattern(text)
	parents := strings.HasSuffix(text, "%")
	var out []bridge.FolderEntry
	for _, e := range names {
		ends := pattern.ends(e.Name)
		for i := 0; parents && i < len(e.Name); i++ {
			if parent := e.Name[:i]; ends[i] && e.Name[i] == separator && !subscribed[parent] {
				subscribed[parent] = true
				out = append(out, bridge.FolderEntry{Name: parent, NoSelect: true})
			}
		}
		if ends[len(e.Name)] {
			out = append(out, e)
		}
	}
	return out
}

// pattern is what LIST and LSUB compare names with: "*" stands for anything,
// "%" for anything without a separator.
type pattern struct {
	text     string // runs of wildcards reduced to one
	literals int
}

func newPattern(s string) pattern {
	b := make([]byte, 0, len(s))
	literals := 0
	for i := range len(s) {
		ch, last := s[i], byte(0)
		if len(b) > 0 {
			last = b[len(b)-1]
		}
		switch {
		case ch != '*' && ch != '%':
			b = append(b, ch)
			literals++
		case last == '*': // has everything already
		case last == '%':
			b[len(b)-1] = ch
		default:
			b = append(b, ch)
		}
	}
	return pattern{string(b), literals}
}

// matches reports whether the pattern covers the whole name.
func (p pattern) matches(name string) bool { return p.ends(name)[len(name)] }

// ends tells for each length whether the pattern matches so much of the name.
// INBOX, and only that, is compared without regard to case (RFC 3501 §5.1). It
// takes time in proportion to both lengths, whatever the wildcards.
func (p pattern) ends(name string) []bool {
	reach := make([]bool, len(name)+1)
	if p.literals > len(name) {
		return reach
	}
	fold := 0
	if name == "INBOX" || strings.HasPrefix(name, "INBOX/") {
		fold = len("INBOX")
	}
	reach[0] = true
	next := make([]bool, len(name)+1)
	for i := range len(p.text) {
		step(p.text[i], name, fold, reach, next)
		reach, next = next, reach
		if !slices.Contains(reach, true) {
			break
		}
	}
	return reach
}

// step sets next to what can be reached from reach by one pattern octet.
func step(ch byte, name string, fold int, reach, next []bool) {
	next[0] = reach[0] && (ch == '*' || ch == '%')
	for j := 1; j <= len(name); j++ {
		have := name[j-1]
		switch ch {
		case '*':
			next[j] = reach[j] || next[j-1]
		case '%':
			next[j] = reach[j] || next[j-1] && have != separator
		default:
			next[j] = reach[j-1] && (have == ch || j <= fold && have == upper(ch))
		}
	}
}

func upper(ch byte) byte {
	if 'a' <= ch && ch <= 'z' {
		return ch - 'a' + 'A'
	}
	return ch
}
