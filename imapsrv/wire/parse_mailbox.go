package wire

// mailbox takes a mailbox name.
func (r *Reader) mailbox() string {
	return r.mailboxName(r.astring())
}

// mailboxName undoes modified UTF-7, which is not there with UTF-8 names (RFC
// 9755 §3, RFC 9051 §5.1).
func (r *Reader) mailboxName(s string) string {
	if !r.utf8Mode {
		s = DecodeMailbox(s)
	}
	return r.utf8(s)
}

// listMailbox takes a pattern of LIST: a name with wildcards, which need no quotes.
func (r *Reader) listMailbox() string {
	switch r.peek() {
	case '"', '{':
		return r.mailbox()
	}
	s := string(r.run(classList))
	if s == "" {
		r.fail("Missing or invalid mailbox pattern")
	}
	return r.mailboxName(s)
}

func (r *Reader) parseMailboxArg() any { return &Mailbox{Name: r.mailbox()} }

func (r *Reader) parseRename() any {
	from := r.mailbox()
	r.sp()
	return &Rename{From: from, To: r.mailbox()}
}

// parseCreate parses CREATE with its parameter USE (RFC 6154 §3).
func (r *Reader) parseCreate() any {
	m := &Mailbox{Name: r.mailbox()}
	if r.option('(') {
		r.list(false, func() {
			var buf [32]byte
			if string(r.keyword(&buf)) != "USE" {
				r.fail("Unknown CREATE parameter")
				return
			}
			r.sp()
			m.Use = r.flagList()
		})
	}
	return m
}

func (r *Reader) parseLsub() any {
	ref := r.mailbox()
	r.sp()
	return &List{Reference: ref, Pattern: r.listMailbox()}
}

// statusItems are the items of STATUS (RFC 3501 §6.3.10), and of its extensions.
var statusItems = map[string]bool{
	"APPENDLIMIT":     true, // RFC 7889 §3.2
	"DELETED":         true, // RFC 9051 §6.3.11, RFC 9208 §4.1.4
	"DELETED-STORAGE": true, // RFC 9208 §4.1.4
	"HIGHESTMODSEQ":   true, // RFC 7162 §3.1.7
	"MAILBOXID":       true, // RFC 8474 §4.3
	"SIZE":            true, // RFC 8438
	"MESSAGES":        true,
	"RECENT":          true,
	"UIDNEXT":         true,
	"UIDVALIDITY":     true,
	"UNSEEN":          true,
}

func (r *Reader) parseStatus() any {
	name := r.mailbox()
	r.sp()
	return &Status{Mailbox: name, Items: r.statusItems()}
}

// statusItems takes the items of STATUS in parentheses.
func (r *Reader) statusItems() (items []string) {
	var buf [32]byte
	r.list(false, func() {
		item := r.keyword(&buf)
		if !statusItems[string(item)] {
			r.fail("Unknown STATUS item")
			return
		}
		items = append(items, string(item))
	})
	return items
}
