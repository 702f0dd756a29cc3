package imapsrv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/storetest"
)

// rig is a running Mailbox over a mailbox in memory.
type rig struct {
	mem      *storetest.Memory
	options  bridge.MailboxOptions
	index    index.Options
	mailbox  *bridge.Mailbox
	messages map[string]bridge.MessageID // m1, m2, … as delivered
	held     map[string]func()
	dir      string
	sales    *rig // a further mailbox of the login demo; nil: none
	stop     func(testing.TB)
}

func newRig(t testing.TB) *rig {
	return &rig{
		mem:      storetest.NewMemory(storetest.Options{}),
		messages: map[string]bridge.MessageID{},
		held:     map[string]func(){},
		dir:      t.TempDir(),
		stop:     func(testing.TB) {},
	}
}

func (r *rig) start(t testing.TB) {
	t.Helper()
	if r.sales != nil {
		r.sales.options.Name = "sales"
		r.sales.start(t)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x, err := index.Open(ctx, filepath.Join(r.dir, "index.sqlite"), r.index)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := mimecache.Open(filepath.Join(r.dir, "mime"), 1<<30, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := r.options
	o.Name, o.Store, o.Index, o.Cache = cmp.Or(o.Name, "test"), r.mem, x, cache
	if r.mailbox, err = bridge.NewMailbox(ctx, o); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.mailbox.Run(ctx)
	}()
	r.stop = func(t testing.TB) {
		if r.sales != nil {
			r.sales.stop(t)
		}
		for _, release := range r.held {
			release()
		}
		cancel()
		<-done
		if err := errors.Join(cache.Close(), x.Close()); err != nil {
			t.Error(err)
		}
	}
}

// login knows demo with the password demo, reader who may change nothing, and users
// whose login fails otherwise.
func (r *rig) login(_ context.Context, user, password, _ string) (*bridge.Account, error) {
	switch {
	case slices.Contains([]string{"demo", "reader", "traced"}, user) && password == "demo":
		a := &bridge.Account{Name: user, Mailbox: r.mailbox, ReadOnly: user == "reader", Trace: user == "traced"}
		if r.sales != nil {
			a.Others = []*bridge.Mailbox{r.sales.mailbox}
		}
		return a, nil
	case user == "crash":
		panic("a bug")
	case kinds[user] != nil:
		return nil, fmt.Errorf("secret details: %w", kinds[user])
	}
	return nil, bridge.ErrAuth
}

// kinds are the failures that a script can name.
var kinds = map[string]error{
	"unavailable": bridge.ErrUnavailable,
	"credentials": bridge.ErrCredentials,
	"denied":      bridge.ErrDenied,
	"quota":       bridge.ErrQuota,
	"toolarge":    bridge.ErrTooLarge,
	"invalid":     bridge.ErrInvalid,
	"notfound":    bridge.ErrNotFound,
	"throttled":   &bridge.RetryError{After: time.Minute, Err: bridge.ErrUnavailable},
	"bug":         errors.New("something nobody thought of"),
}

// act does what somebody else does to the mailbox:
//
//	deliver FOLDER [seen] [flagged] [draft] [answered] [category=A] [received=RFC3339]
//	        ["header=Name: value"] [subject=S] [size=N] [file=NAME] [eml="…"]   messages are m1, m2, …
//	read m1, unread m1, flag m1, unflag m1, category m1 A, reply m1, remove m1, move m1 FOLDER
//	folder NAME, rmfolder NAME
//	sales …: any of these, to the further mailbox
//	pass METHOD N, fail METHOD N KIND, hold METHOD, release METHOD
func (r *rig) act(t testing.TB, text string) {
	t.Helper()
	f := words(text)
	arg := func(i int) string {
		if i >= len(f) {
			t.Fatalf("%q: argument %d is missing", text, i)
		}
		return f[i]
	}
	id := func() bridge.MessageID {
		if r.messages[arg(1)] == "" {
			t.Fatalf("%q: no such message", text)
		}
		return r.messages[arg(1)]
	}
	switch f[0] {
	case "sales": // what follows happens to the further mailbox
		r.sales.act(t, strings.TrimPrefix(text, "sales "))
	case "deliver":
		r.deliver(t, arg(1), f[2:])
	case "read", "unread":
		r.mem.SetRead(id(), f[0] == "read")
	case "flag", "unflag":
		r.mem.SetFlagged(id(), f[0] == "flag")
	case "category":
		r.mem.SetCategories(id(), f[2:]...)
	case "reply":
		r.mem.SetVerb(id(), bridge.VerbReply)
	case "remove":
		r.mem.Remove(id())
	case "move":
		r.mem.MoveMessage(id(), r.folder(t, arg(2)))
	case "folder":
		r.addFolder(t, arg(1))
	case "rmfolder":
		r.mem.RemoveFolder(r.folder(t, arg(1)))
	case "fail":
		n := 0
		fmt.Sscan(arg(2), &n)
		if kinds[arg(3)] == nil {
			t.Fatalf("%q: %v", text, errNoSuchKind)
		}
		r.mem.Fail(storetest.Method(arg(1)), n, kinds[arg(3)])
	case "pass":
		n := 0
		fmt.Sscan(arg(2), &n)
		for range n {
			r.mem.Inject(storetest.Method(arg(1)), storetest.Fault{})
		}
	case "hold":
		_, r.held[arg(1)] = r.mem.Hold(storetest.Method(arg(1)))
	case "release":
		r.held[arg(1)]()
	default:
		t.Fatalf("cannot do %q", text)
	}
}

// words divides at spaces outside of quotes, and removes the quotes.
func words(s string) []string {
	var list []string
	var word strings.Builder
	quoted, inside := false, false
	for _, ch := range s {
		switch {
		case ch == '"':
			quoted, inside = !quoted, true
		case ch == ' ' && !quoted:
			if inside {
				list = append(list, word.String())
			}
			word.Reset()
			inside = false
		default:
			inside = true
			word.WriteRune(ch)
		}
	}
	if inside {
		list = append(list, word.String())
	}
	return list
}

func (r *rig) folder(t testing.TB, name string) bridge.FolderID {
	t.Helper()
	if strings.EqualFold(name, "INBOX") {
		return r.mem.Folder(bridge.RoleInbox)
	}
	all, err := r.mem.Folders(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var at bridge.FolderID
next:
	for part := range strings.SplitSeq(name, "/") {
		for _, f := range all {
			if f.Parent == at && f.Name == part {
				at = f.ID
				continue next
			}
		}
		t.Fatalf("no folder %q", name)
	}
	return at
}

func (r *rig) addFolder(t testing.TB, name string) {
	t.Helper()
	var parent bridge.FolderID
	if i := strings.LastIndex(name, "/"); i >= 0 {
		parent, name = r.folder(t, name[:i]), name[i+1:]
	}
	r.mem.AddFolder(parent, name)
}

func (r *rig) deliver(t testing.TB, folder string, props []string) {
	t.Helper()
	n := len(r.messages) + 1
	var o storetest.DeliverOptions
	subject, size := fmt.Sprintf("Message %d", n), 0
	var mime []byte
	var fields []string
	for _, p := range props {
		key, value, _ := strings.Cut(p, "=")
		switch key {
		case "seen":
			o.Read = true
		case "flagged":
			o.Flagged = true
		case "draft":
			o.Draft = true
		case "answered":
			o.Verb = bridge.VerbReply
		case "category":
			o.Categories = append(o.Categories, value)
		case "received":
			at, err := time.Parse(time.RFC3339, value)
			if err != nil {
				t.Fatal(err)
			}
			o.Received = at
		case "subject":
			subject = value
		case "size":
			fmt.Sscan(value, &size)
		case "header": // "Name: value", in place of the letter's own
			fields = append(fields, value)
		case "file":
			b, err := os.ReadFile(filepath.Join("testdata", value))
			if err != nil {
				t.Fatal(err)
			}
			mime = b
		default:
			t.Fatalf("unknown property %q", p)
		}
	}
	if mime == nil {
		mime = letter(n, subject, size)
	}
	for _, field := range fields {
		mime = withField(mime, field)
	}
	r.messages[fmt.Sprintf("m%d", n)] = r.mem.Deliver(r.folder(t, folder), mime, o)
}

// withField puts a header field into a message; an empty one only takes the old
// one out.
func withField(mime []byte, field string) []byte {
	name, value, _ := strings.Cut(field, ":")
	var out strings.Builder
	for line := range strings.SplitAfterSeq(string(mime), "\r\n") {
		if !strings.HasPrefix(line, name+":") {
			out.WriteString(line)
		}
	}
	if strings.TrimSpace(value) == "" {
		return []byte(out.String())
	}
	return []byte(field + "\r\n" + out.String())
}

// letter is a small message; size is the octets of its text, 0 for one line.
func letter(n int, subject string, size int) []byte {
	text := fmt.Sprintf("This is message %d.\r\n", n)
	if size > 0 {
		text = strings.Repeat("0123456789abcdef", size/16+1)[:size]
	}
	return fmt.Appendf(nil, "From: Ann <ann@example.org>\r\nTo: user@example.com\r\nSubject: %s\r\n"+
		"Date: Sat, 1 Jan 2000 12:00:%02d +0100\r\nMessage-ID: <%d@example.org>\r\n\r\n%s", subject, n%60, n, text)
}
