package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// dial connects go-imap's client, which knows nothing of this package, with a
// server that answers every command by answer and then OK.
func dial(t *testing.T, answer func(c *Command, w *Writer) Code) *imapclient.Client {
	t.Helper()
	return dialFor(t, []string{"IMAP4rev1", "UIDPLUS", "MOVE", "NAMESPACE", "ID"}, answer)
}

// dialFor is dial with a server that announces what it is told to.
func dialFor(t *testing.T, caps []string, answer func(c *Command, w *Writer) Code) *imapclient.Client {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan error)
	go func() { done <- serveAnswers(ours, caps, answer) }()
	client := imapclient.New(theirs, nil)
	t.Cleanup(func() {
		client.Close()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return client
}

func serveAnswers(conn net.Conn, caps []string, answer func(c *Command, w *Writer) Code) error {
	defer conn.Close()
	w := NewWriter(conn)
	r := NewReader(conn, ReaderOptions{Continue: func() error { w.Continue("ready"); return w.Flush() }})
	w.Untagged(PREAUTH, CodeCapability(caps), "welcome")
	for {
		if err := w.Flush(); err != nil {
			return err
		}
		c, err := r.ReadCommand()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			return nil
		}
		if err != nil {
			return err
		}
		w.Tagged(c.Tag, OK, answer(c, w), "completed")
	}
}

// TestClientReads: what the writer says is what an independent client understands.
func TestClientReads(t *testing.T) {
	const message = "From: Jörg <j@x>\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nTo: a@b, \"C \\\" D\" <c@d>\r\n" +
		"Message-ID: <1@x>\r\nDate: Tue, 3 Nov 2026 04:05:06 +0100\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>x</b>\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"a b.eml\"\r\n\r\nSubject: inner\r\n\r\ntext\r\n--b--\r\n"
	root, err := mimepart.Parse(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	date := time.Date(2026, 11, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	client := dial(t, func(c *Command, w *Writer) Code {
		fetch := c.Args.(*Fetch)
		f := w.Fetch(3)
		for _, item := range fetch.Items {
			switch item.Kind {
			case FetchUID:
				f.UID(77)
			case FetchFlags:
				f.Flags([]string{`\Seen`, "$Work"})
			case FetchInternalDate:
				f.InternalDate(date)
			case FetchSize:
				f.Size(int64(len(message)))
			case FetchEnvelope:
				f.Envelope(root.Envelope)
			case FetchBodyStructure:
				f.BodyStructure(root)
			case FetchSection:
				f.Section(&item, strings.NewReader(message), int64(len(message)))
			}
		}
		f.End()
		return ""
	})
	msgs, err := client.Fetch(imap.UIDSetNum(77), &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, RFC822Size: true, Envelope: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection: []*imap.FetchItemBodySection{{
			Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"From", "X Y"}, Peek: true,
			Partial: &imap.SectionPartial{Offset: 0, Size: 9999}}},
	}).Collect()
	if err != nil || len(msgs) != 1 {
		t.Fatalf("got %d messages, %v, want 1", len(msgs), err)
	}
	m := msgs[0]
	if m.SeqNum != 3 || m.UID != 77 || m.RFC822Size != int64(len(message)) || !m.InternalDate.Equal(date) {
		t.Errorf("got %d, UID %d, %d octets, %v", m.SeqNum, m.UID, m.RFC822Size, m.InternalDate)
	}
	if want := []imap.Flag{imap.FlagSeen, "$Work"}; !reflect.DeepEqual(m.Flags, want) {
		t.Errorf("got flags %q, want %q", m.Flags, want)
	}
	if len(m.BodySection) != 1 || string(m.BodySection[0].Bytes) != message {
		t.Errorf("got sections %v, want the message", m.BodySection)
	}
	env := m.Envelope
	if env.Subject != "grüße" || env.MessageID != "1@x" || len(env.To) != 2 || env.To[1].Name != `C " D` || env.Sender[0].Addr() != "j@x" {
		t.Errorf("got envelope %+v", env)
	}
	multi, ok := m.BodyStructure.(*imap.BodyStructureMultiPart)
	if !ok || len(multi.Children) != 2 || multi.Extended.Params["boundary"] != "b" {
		t.Fatalf("got structure %+v", m.BodyStructure)
	}
	html := multi.Children[0].(*imap.BodyStructureSinglePart)
	if html.MediaType() != "text/html" || html.Size != 8 || html.Text == nil || html.Params["charset"] != "utf-8" {
		t.Errorf("got text %+v", html)
	}
	inner := multi.Children[1].(*imap.BodyStructureSinglePart)
	if inner.MessageRFC822 == nil || inner.MessageRFC822.Envelope.Subject != "inner" || inner.Filename() != "a b.eml" {
		t.Errorf("got message %+v", inner)
	}
}

func TestClientCommands(t *testing.T) {
	var stored []byte
	client := dial(t, func(c *Command, w *Writer) Code {
		switch a := c.Args.(type) {
		case *List:
			w.List([]string{`\HasChildren`}, '/', "Entwürfe & mehr")
			w.List([]string{`\NonExistent`}, 0, `a"\b`)
		case *Status:
			w.Status(a.Mailbox, []StatusItem{{Name: "MESSAGES", Value: 3}, {Name: "UIDNEXT", Value: 9}})
		case *Search:
			w.Search([]uint32{2, 3, 900})
		case *Append:
			stored, _ = io.ReadAll(a.Literal)
			if err := a.Literal.Close(); err != nil {
				t.Error(err)
			}
			return CodeAppendUID(5, 77)
		case *Copy:
			return CodeCopyUID(6, []bridge.UIDPair{{From: 1, To: 4}, {From: 2, To: 5}, {From: 9, To: 6}})
		case *ID:
			w.ID([]IDParam{{"name", "mail2graph"}, {"version", ""}})
		}
		if c.Name == "NAMESPACE" {
			w.Namespaces([]Namespace{{"", '/'}}, nil, nil)
		}
		return ""
	})

	list, err := client.List("", "*", nil).Collect()
	if err != nil || len(list) != 2 || list[0].Mailbox != "Entwürfe & mehr" || list[0].Delim != '/' || list[1].Mailbox != `a"\b` {
		t.Errorf("LIST: got %+v, %v", list, err)
	}
	st, err := client.Status("Gelöscht", &imap.StatusOptions{NumMessages: true, UIDNext: true}).Wait()
	if err != nil || st.Mailbox != "Gelöscht" || *st.NumMessages != 3 || st.UIDNext != 9 {
		t.Errorf("STATUS: got %+v, %v", st, err)
	}
	found, err := client.UIDSearch(&imap.SearchCriteria{Text: []string{"grüße"}}, nil).Wait()
	if err != nil || fmt.Sprint(found.AllUIDs()) != "[2 3 900]" {
		t.Errorf("SEARCH: got %+v, %v", found, err)
	}
	message := bytes.Repeat([]byte("a LOGOUT\r\n"), 1000)
	cmd := client.Append("INBOX", int64(len(message)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}, Time: time.Now()})
	if _, err := cmd.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err := cmd.Wait(); err != nil || data.UID != 77 || data.UIDValidity != 5 || !bytes.Equal(stored, message) {
		t.Errorf("APPEND: got %+v, %v and %d octets, want %d", data, err, len(stored), len(message))
	}
	copied, err := client.Copy(imap.UIDSetNum(1, 2, 9), "x").Wait()
	if err != nil || copied.SourceUIDs.String() != "1:2,9" || copied.DestUIDs.String() != "4:6" {
		t.Errorf("COPY: got %+v, %v", copied, err)
	}
	ns, err := client.Namespace().Wait()
	if err != nil || len(ns.Personal) != 1 || ns.Personal[0].Delim != '/' || ns.Other != nil {
		t.Errorf("NAMESPACE: got %+v, %v", ns, err)
	}
	id, err := client.ID(&imap.IDData{Name: "test"}).Wait()
	if err != nil || id.Name != "mail2graph" {
		t.Errorf("ID: got %+v, %v", id, err)
	}
}
