package imapsrv

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// TestIndependentClient lets a client with a parser of its own read every kind
// of response, in IMAP4rev1 and in IMAP4rev2.
func TestIndependentClient(t *testing.T) {
	t.Run("rev1", func(t *testing.T) { testIndependent(t, false) })
	t.Run("rev2", func(t *testing.T) { testIndependent(t, true) })
}

func testIndependent(t *testing.T, rev2 bool) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		// This client takes names for modified UTF-7 also where IMAP4rev2 is enabled.
		folder := "Entwürfe & Co"
		if rev2 {
			folder = "Entwurf"
		}
		r.addFolder(t, folder)
		r.start(t)
		defer r.stop(t)
		r.act(t, "deliver INBOX file=nested.eml flagged category=Blue")
		r.act(t, `deliver INBOX subject="=?utf-8?q?=C3=9Cber?=" seen received=2001-05-01T10:00:00Z`)

		near, far := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			New(Options{Login: r.login, Version: "1.0"}).serveConn(ctx, far)
		}()
		news := make(chan string, 100)
		c := imapclient.New(near, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Expunge: func(n uint32) { news <- fmt.Sprint("expunge ", n) },
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					news <- fmt.Sprint("exists ", *d.NumMessages)
				}
			},
		}})
		x := &independent{t: t, c: c, rig: r, news: news, rev2: rev2, folder: folder}
		x.logIn()
		x.folders()
		x.read()
		x.change()
		x.idle()
		x.leave()
		cancel()
		c.Close()
		<-ended
	})
}

type independent struct {
	t    *testing.T
	c    *imapclient.Client
	rig  *rig
	news chan string
	rev2 bool
	// folder is one with a name that has to be encoded, if this client can.
	folder string
}

// recent is \Recent where there is such a flag.
func (x *independent) recent() []imap.Flag {
	if x.rev2 {
		return nil
	}
	return []imap.Flag{`\Recent`}
}

func (x *independent) ok(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *independent) same(what string, got, want any) {
	x.t.Helper()
	if !reflect.DeepEqual(got, want) {
		x.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (x *independent) logIn() {
	x.ok(x.c.WaitGreeting())
	err := x.c.Login("demo", "wrong").Wait()
	if e, ok := err.(*imap.Error); !ok || e.Code != imap.ResponseCodeAuthenticationFailed {
		x.t.Errorf("wrong password: got %v", err)
	}
	x.ok(x.c.Login("demo", "demo").Wait())
	for _, name := range []imap.Cap{imap.CapIMAP4rev1, imap.CapIMAP4rev2, imap.CapIdle, imap.CapMove, imap.CapUIDPlus, imap.CapSpecialUse, imap.CapLiteralPlus} {
		x.same("capability "+string(name), x.c.Caps().Has(name), true)
	}
	if x.rev2 {
		on, err := x.c.Enable(imap.CapIMAP4rev2).Wait()
		x.ok(err)
		x.same("enabled", on.Caps.Has(imap.CapIMAP4rev2), true)
	}
	id, err := x.c.ID(&imap.IDData{Name: "test"}).Wait()
	x.ok(err)
	x.same("ID", []string{id.Name, id.Version}, []string{"mail2graph", "1.0"})
	ns, err := x.c.Namespace().Wait()
	x.ok(err)
	x.same("namespace", ns.Personal, []imap.NamespaceDescriptor{{Prefix: "", Delim: '/'}})
}

func (x *independent) folders() {
	list, err := x.c.List("", "*", nil).Collect()
	x.ok(err)
	var names []string
	for _, l := range list {
		names = append(names, l.Mailbox)
		if l.Mailbox == "Sent Items" {
			x.same("attributes of Sent Items", slices.Contains(l.Attrs, imap.MailboxAttrSent), true)
		}
	}
	x.same("folders", names, []string{"INBOX", "Archive", "Deleted Items", "Drafts", x.folder, "Junk Email", "Outbox", "Sent Items"})
	x.ok(x.c.Create("Work", nil).Wait())
	x.ok(x.c.Rename("Work", x.folder+"/Arbeit", nil).Wait())
	st, err := x.c.Status("INBOX", &imap.StatusOptions{NumMessages: true, NumUnseen: true, UIDNext: true}).Wait()
	x.ok(err)
	x.same("messages and unseen", []uint32{*st.NumMessages, *st.NumUnseen, uint32(st.UIDNext)}, []uint32{2, 1, 3})
}

func (x *independent) read() {
	sel, err := x.c.Select("INBOX", nil).Wait()
	x.ok(err)
	x.same("messages", sel.NumMessages, uint32(2))
	x.same("permanent flags", slices.Contains(sel.PermanentFlags, imap.FlagWildcard), true)
	header := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Subject", "From"}, Peek: true}
	inner := &imap.FetchItemBodySection{Part: []int{2, 2}, Peek: true, Partial: &imap.SectionPartial{Offset: 3, Size: 5}}
	whole := &imap.FetchItemBodySection{Peek: true}
	msgs, err := x.c.Fetch(imap.SeqSetNum(1, 2), &imap.FetchOptions{
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		Envelope:      true, Flags: true, InternalDate: true, RFC822Size: true, UID: true,
		BodySection: []*imap.FetchItemBodySection{header, inner, whole},
	}).Collect()
	x.ok(err)
	if len(msgs) != 2 {
		x.t.Fatalf("got %d messages, want 2", len(msgs))
	}
	m := msgs[0]
	x.same("flags", m.Flags, slices.Concat([]imap.Flag{imap.FlagFlagged}, x.recent(), []imap.Flag{"Blue"}))
	x.same("subject", m.Envelope.Subject, "Outer")
	x.same("size", m.RFC822Size, int64(len(m.FindBodySection(whole))))
	x.same("header fields", string(m.FindBodySection(header)), "From: Ann <ann@example.org>\r\nSubject: Outer\r\n\r\n")
	x.same("piece of a nested part", string(m.FindBodySection(inner)), "inner")
	var parts []string
	m.BodyStructure.Walk(func(path []int, part imap.BodyStructure) bool {
		parts = append(parts, fmt.Sprint(path, part.MediaType()))
		return true
	})
	x.same("parts", parts, []string{"[]multipart/mixed", "[1]text/plain", "[2]message/rfc822"})
	x.same("decoded subject", msgs[1].Envelope.Subject, "Über")
	x.same("date", msgs[1].InternalDate.Equal(time.Date(2001, 5, 1, 10, 0, 0, 0, time.UTC)), true)

	found, err := x.c.UIDSearch(&imap.SearchCriteria{
		Header:  []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: "ÜBER"}},
		NotFlag: []imap.Flag{imap.FlagDeleted},
	}, nil).Wait()
	x.ok(err)
	x.same("search", found.AllUIDs(), []imap.UID{2})
}

func (x *independent) change() {
	msgs, err := x.c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagSeen, "Work"}}, nil).Collect()
	x.ok(err)
	x.same("flags after STORE", msgs[0].Flags, slices.Concat([]imap.Flag{imap.FlagFlagged, imap.FlagSeen}, x.recent(), []imap.Flag{"Blue", "Work"}))

	text := strings.Repeat("0123456789abcdef", 10_000)
	app := x.c.Append("INBOX", int64(len(text)+6), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}, Time: time.Unix(0, 0)})
	_, err = app.Write([]byte("A: b\r\n" + text))
	x.ok(err)
	x.ok(app.Close())
	data, err := app.Wait()
	x.ok(err)
	x.same("UID of the appended message", data.UID, imap.UID(3))
	x.same("news", <-x.news, "exists 3")

	cp, err := x.c.Copy(imap.SeqSetNum(1, 3), x.folder).Wait()
	x.ok(err)
	x.same("copied", []string{cp.SourceUIDs.String(), cp.DestUIDs.String()}, []string{"1,3", "1:2"})
	mv, err := x.c.Move(imap.UIDSetNum(2), x.folder).Wait()
	x.ok(err)
	x.same("moved", []string{fmt.Sprint(mv.SourceUIDs), fmt.Sprint(mv.DestUIDs)}, []string{"2", "3"})
	x.same("news", <-x.news, "expunge 2")

	x.ok(x.c.Store(imap.SeqSetNum(1, 2), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close())
	nums, err := x.c.UIDExpunge(imap.UIDSetNum(3)).Collect()
	x.ok(err)
	x.same("expunged by UID", nums, []uint32{2})
	nums, err = x.c.Expunge().Collect()
	x.ok(err)
	x.same("expunged", nums, []uint32{1})

	_, cerr := x.c.Copy(imap.UIDSetNum(9), "Missing").Wait()
	if e, ok := cerr.(*imap.Error); !ok || e.Code != imap.ResponseCodeTryCreate {
		x.t.Errorf("copy to a missing folder: got %v", cerr)
	}
}

func (x *independent) idle() {
	idle, err := x.c.Idle()
	x.ok(err)
	x.rig.act(x.t, "deliver INBOX")
	x.same("news while IDLE", <-x.news, "exists 1")
	x.rig.act(x.t, "remove m3")
	x.same("news while IDLE", <-x.news, "expunge 1")
	x.ok(idle.Close())
	x.ok(idle.Wait())
}

func (x *independent) leave() {
	x.ok(x.c.Unselect().Wait())
	x.ok(x.c.Delete(x.folder + "/Arbeit").Wait())
	x.ok(x.c.Logout().Wait())
}
