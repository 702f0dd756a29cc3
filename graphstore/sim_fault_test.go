package graphstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/graphstore/graphsim"
)

// letter is a message with attachments of given sizes.
func letter(subject string, sizes ...int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: Demo <%s>\r\nTo: Bob <bob@example.org>\r\nSubject: %s\r\nMessage-ID: <%s@example.com>\r\n"+
		"Date: Mon, 02 Nov 2026 10:20:30 +0100\r\nX-Priority: 1\r\nIn-Reply-To: <before@example.com>\r\nReferences: <first@example.com>\r\n <before@example.com>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSchöne Grüße\r\n",
		simAddress, subject, strings.ReplaceAll(subject, " ", "-"))
	for i, n := range sizes {
		fmt.Fprintf(&b, "--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=f%d.bin\r\n"+
			"Content-Transfer-Encoding: 8bit\r\n\r\n", i)
		b.WriteString(strings.Repeat(fmt.Sprintf("%d-line of an attachment\n", i%10), n/25))
		b.WriteString("\r\n")
	}
	b.WriteString("--b--\r\n")
	return b.String()
}

func parsed(t *testing.T, text string) (*io.SectionReader, *mimepart.Part) {
	t.Helper()
	root, err := mimepart.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))), root
}

func (s *sim) folderID(t *testing.T, name string) bridge.FolderID {
	t.Helper()
	f, err := s.box.Folder(name)
	if err != nil {
		t.Fatal(err)
	}
	return bridge.FolderID(f.ID)
}

// filed is a message to be filed in Sent Items.
func (s *sim) filed(t *testing.T, text string) bridge.NewMessage {
	t.Helper()
	m := bridge.NewMessage{Folder: s.folderID(t, "sentitems"), Read: true, Received: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)}
	m.MIME, m.Parts = parsed(t, text)
	return m
}

func TestAppendAttachmentSizes(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	for _, sizes := range [][]int{{1000}, {2_950_000}, {3_000_000}, {3_200_000, 100}, {7_000_000}} {
		subject := fmt.Sprint("sizes ", sizes)
		info, err := s.store.Append(t.Context(), s.filed(t, letter(subject, sizes...)))
		if err != nil {
			t.Errorf("%v: %v", sizes, err)
			continue
		}
		v, err := s.box.Message(string(info.ID))
		if err != nil || v.Draft || v.Attachments != len(sizes) || !v.Received.Equal(time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%v: draft %t, %d attachments, received %v, %v", sizes, v.Draft, v.Attachments, v.Received, err)
		}
		mime, err := s.box.MIME(string(info.ID))
		if err != nil || !bytes.Contains(mime, []byte("<before@example.com>")) {
			t.Errorf("%v: references are lost, %v", sizes, err)
		}
	}
	for _, e := range s.Requests() {
		if e.Kind == "upload" && e.Header.Get("Authorization") != "" {
			t.Error("the token went to the upload host")
		}
	}
	if s.Counts()["upload"] == 0 {
		t.Error("no upload session was used")
	}
}

func TestSendLarge(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}}
	out.MIME, out.Parts = parsed(t, letter("large mail", 4_000_000, 10))
	if err := sendNow(t, s.store, out); err != nil {
		t.Fatal(err)
	}
	sent := s.box.Messages("sentitems")
	if len(sent) != 1 || sent[0].Attachments != 2 || sent[0].Draft || len(s.box.Messages("drafts")) != 0 {
		t.Errorf("Sent Items %+v, %d drafts", sent, len(s.box.Messages("drafts")))
	}
	// An attachment is refused: nothing stays behind.
	s.AddFault(graphsim.Fault{Method: "POST", Route: "/users/{id}/messages/{id}/attachments", Status: 403, Code: "ErrorAccessDenied"})
	if err := sendNow(t, s.store, out); !errors.Is(err, bridge.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	if n := len(s.box.Messages("drafts")); n != 0 {
		t.Errorf("%d drafts stay behind", n)
	}
}

// sendNow sends a message in two steps.
func sendNow(t *testing.T, s *Store, out bridge.Outgoing) error {
	t.Helper()
	id, err := s.CreateDraft(t.Context(), out)
	if err == nil {
		_, err = s.SendDraft(t.Context(), id)
	}
	return err
}

// TestCreateDraftAgain: what an earlier call left behind is found by its marker,
// among drafts that are its like.
func TestCreateDraftAgain(t *testing.T) {
	for name, size := range map[string]int{"as MIME": 100, "built": 3_500_000} {
		for _, reencode := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reencoded %t", name, reencode), func(t *testing.T) {
				s := newSim(t, graphsim.Options{Modes: graphsim.Modes{Reencode: reencode}}, graphsim.MailboxOptions{})
				out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}}
				out.MIME, out.Parts = parsed(t, letter("x", size))
				ids := map[bridge.MessageID]bool{}
				for _, marker := range []string{"M1", "M2", "M3"} {
					out.Marker = marker
					id, err := s.store.CreateDraft(t.Context(), out)
					if err != nil {
						t.Fatal(err)
					}
					ids[id] = true
				}
				out.Marker, out.Again = "M2", true
				id, err := s.store.CreateDraft(t.Context(), out)
				if err != nil {
					t.Fatal(err)
				}
				if name == "as MIME" && !ids[id] {
					t.Error("a whole draft was made anew")
				}
				if n := len(s.box.Messages("drafts")); n != 3 {
					t.Errorf("%d drafts, want 3", n)
				}
			})
		}
	}
}

// TestLostAnswers: the connection breaks after the effect; the order is neither
// lost nor carried out twice.
func TestLostAnswers(t *testing.T) {
	route := func(method, r string) graphsim.Fault {
		return graphsim.Fault{Method: method, Route: r, Reset: graphsim.ResetAfter, Count: 1}
	}
	cases := []struct {
		name  string
		fault graphsim.Fault
		do    func(s *sim) error
		in    string // folder that then has exactly one message
		files int
	}{
		{"create of a filed message", route("POST", "/users/{id}/mailFolders/{id}/messages"), func(s *sim) error {
			_, err := s.store.Append(t.Context(), s.filed(t, letter("x", 100)))
			return err
		}, "sentitems", 1},
		{"attachment", route("POST", "/users/{id}/messages/{id}/attachments"), func(s *sim) error {
			_, err := s.store.Append(t.Context(), s.filed(t, letter("x", 100, 200)))
			return err
		}, "sentitems", 2},
		{"create of a draft", route("POST", "/users/{id}/messages"), func(s *sim) error {
			m := s.filed(t, letter("x", 100))
			m.Draft, m.Folder = true, s.folderID(t, "drafts")
			_, err := s.store.Append(t.Context(), m)
			return err
		}, "drafts", 1},
		{"move of a draft", route("POST", "/users/{id}/messages/{id}/move"), func(s *sim) error {
			m := s.filed(t, letter("x", 100))
			m.Draft = true
			_, err := s.store.Append(t.Context(), m)
			return err
		}, "sentitems", 1},
		{"copy", route("POST", "/users/{id}/messages/{id}/copy"), func(s *sim) error {
			id, err := s.box.Deliver([]byte(letter("x", 100)), graphsim.DeliverOptions{})
			if err != nil {
				return err
			}
			r := s.store.Copy(t.Context(), []bridge.MessageID{bridge.MessageID(id)}, s.folderID(t, "sentitems"))[0]
			if r.Err == nil && string(r.ID) == id {
				return errors.New("the copy has its source's id")
			}
			return r.Err
		}, "sentitems", 1},
		{"send of a large message", route("POST", "/users/{id}/messages/{id}/send"), func(s *sim) error {
			out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}}
			out.MIME, out.Parts = parsed(t, letter("x", 3_500_000))
			id, err := s.store.CreateDraft(t.Context(), out)
			if err != nil {
				return err
			}
			if _, err = s.store.SendDraft(t.Context(), id); !isUncertain(err) {
				return fmt.Errorf("SendDraft: %w, want an uncertain error", err)
			}
			if state, err := s.store.DraftState(t.Context(), id); state != bridge.DraftSent {
				return fmt.Errorf("state %v, %w", state, err)
			}
			return nil
		}, "sentitems", 1},
		{"create of a message to be sent", route("POST", "/users/{id}/messages"), func(s *sim) error {
			out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}, Marker: "M1"}
			out.MIME, out.Parts = parsed(t, letter("x", 100))
			return sendNow(t, s.store, out)
		}, "sentitems", 1},
		{"create of a large message to be sent", route("POST", "/users/{id}/messages"), func(s *sim) error {
			out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}, Marker: "M1"}
			out.MIME, out.Parts = parsed(t, letter("x", 3_500_000))
			return sendNow(t, s.store, out)
		}, "sentitems", 1},
		{"create of a folder", route("POST", "/users/{id}/mailFolders"), func(s *sim) error {
			_, err := s.store.CreateFolder(t.Context(), "", "New")
			return err
		}, "", 0},
		{"delete", route("DELETE", "/users/{id}/mailFolders/{id}"), func(s *sim) error {
			id, err := s.box.CreateFolder("", "New")
			if err != nil {
				return err
			}
			return s.store.DeleteFolder(t.Context(), bridge.FolderID(id))
		}, "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			id := s.AddFault(c.fault)
			if err := c.do(s); err != nil {
				t.Error(err)
			}
			if s.FaultApplied(id) != 1 {
				t.Fatal("the fault was not met")
			}
			if c.in == "" {
				return
			}
			got := s.box.Messages(c.in)
			if len(got) != 1 || got[0].Attachments != c.files {
				t.Errorf("%s holds %+v, want one message with %d attachments", c.in, got, c.files)
			}
			if c.in != "drafts" && len(s.box.Messages("drafts")) != 0 {
				t.Error("a draft stays behind")
			}
		})
	}
}

// TestAppendFailsCleanly: whatever step fails for good, nothing stays behind.
func TestAppendFailsCleanly(t *testing.T) {
	cases := []struct {
		name  string
		fault graphsim.Fault
		draft bool
		want  error
	}{
		{"attachment refused", graphsim.Fault{Method: "POST", Route: "/users/{id}/messages/{id}/attachments", Status: 507, Code: "ErrorQuotaExceeded"}, false, bridge.ErrQuota},
		{"upload session refused", graphsim.Fault{Method: "POST", Route: "/users/{id}/messages/{id}/attachments/createUploadSession", Status: 403, Code: "ErrorAccessDenied"}, false, bridge.ErrDenied},
		{"verification fails", graphsim.Fault{Method: "GET", Route: "/users/{id}/messages/{id}", Status: 403, Code: "ErrorAccessDenied"}, false, bridge.ErrDenied},
		{"move of a draft refused", graphsim.Fault{Method: "POST", Route: "/users/{id}/messages/{id}/move", Status: 404, Code: "ErrorItemNotFound"}, true, bridge.ErrNotFound},
		{"flags of a draft refused", graphsim.Fault{Method: "PATCH", Status: 403, Code: "ErrorAccessDenied"}, true, bridge.ErrDenied},
		{"create refused", graphsim.Fault{Method: "POST", Route: "/users/{id}/mailFolders/{id}/messages", Status: 413, HTML: true}, false, bridge.ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			s.AddFault(c.fault)
			size := 3_300_000
			if c.draft {
				size = 100
			}
			m := s.filed(t, letter("x", 100, size))
			m.Draft = c.draft
			if _, err := s.store.Append(t.Context(), m); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			for _, f := range []string{"sentitems", "drafts", "deleteditems"} {
				if n := len(s.box.Messages(f)); n != 0 {
					t.Errorf("%d messages stay in %s", n, f)
				}
			}
		})
	}
}

// TestMisleading200: a MIME request of some size that is answered 200 did
// nothing (docs#13979); the message goes the other way.
func TestMisleading200(t *testing.T) {
	s := newSim(t, graphsim.Options{Modes: graphsim.Modes{MisleadingOver: 1_700_000}}, graphsim.MailboxOptions{})
	out := bridge.Outgoing{From: simAddress, Recipients: []string{"bob@example.org"}}
	out.MIME, out.Parts = parsed(t, letter("x", 1_800_000))
	if err := sendNow(t, s.store, out); err != nil {
		t.Error(err)
	}
	if n := len(s.box.Messages("sentitems")); n != 1 {
		t.Errorf("%d messages were sent, want 1", n)
	}
	m := s.filed(t, letter("y", 1_800_000))
	m.Draft, m.Folder = true, s.folderID(t, "drafts")
	if info, err := s.store.Append(t.Context(), m); err != nil || !info.Draft {
		t.Errorf("draft: %+v, %v", info, err)
	}
	if n := len(s.box.Messages("drafts")); n != 1 {
		t.Errorf("%d drafts, want 1", n)
	}
}

func TestSimCredentials(t *testing.T) {
	for _, c := range []struct {
		name string
		app  graphsim.App
		want error
		text string
	}{
		{"wrong secret", graphsim.App{Secret: "other"}, bridge.ErrCredentials, "AADSTS7000215"},
		{"expired secret", graphsim.App{Secret: "s3cret", SecretExpired: true}, bridge.ErrCredentials, "AADSTS7000222"},
		{"disabled", graphsim.App{Secret: "s3cret", Disabled: true}, bridge.ErrCredentials, "AADSTS7000112"},
		{"other mailbox allowed", graphsim.App{Secret: "s3cret", Roles: []string{"Mail.ReadWrite"}, AllowMailboxes: []string{"x@example.com"}}, bridge.ErrDenied, "ErrorAccessDenied"},
		{"no role", graphsim.App{Secret: "s3cret", Roles: []string{"User.Read.All"}}, bridge.ErrDenied, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			c.app.Tenant, c.app.ClientID = "example.com", "app-1"
			s.AddApp(c.app)
			_, err := s.store.Folders(t.Context())
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
	t.Run("revoked in the middle", func(t *testing.T) {
		s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
		for range 2 {
			if _, err := s.store.Folders(t.Context()); err != nil {
				t.Error(err)
			}
			s.RevokeTokens("example.com", "app-1")
		}
	})
	t.Run("unknown mailbox", func(t *testing.T) {
		s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
		if _, err := s.client.Mailbox("nobody@example.com").Folders(t.Context()); !errors.Is(err, bridge.ErrNoMailbox) {
			t.Errorf("got %v, want ErrNoMailbox", err)
		}
	})
}

// TestConcurrencyLimit: the store keeps to the service's four slots with a slot
// freed late, without a single refusal.
func TestConcurrencyLimit(t *testing.T) {
	s := newSim(t, graphsim.Options{Modes: graphsim.Modes{Latency: 2 * time.Millisecond}}, graphsim.MailboxOptions{})
	var ids []bridge.MessageID
	for range 200 {
		id, err := s.box.Deliver([]byte(letter("x")), graphsim.DeliverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, bridge.MessageID(id))
	}
	read := true
	var updates []bridge.FlagUpdate
	for _, id := range ids {
		updates = append(updates, bridge.FlagUpdate{ID: id, Read: &read})
	}
	if err := errors.Join(s.store.SetFlags(context.Background(), updates)...); err != nil {
		t.Error(err)
	}
	for _, e := range s.Requests() {
		for _, q := range append(e.Steps, e) {
			if q.Status == http.StatusTooManyRequests {
				t.Fatal("the service refused a request for being too many")
			}
		}
	}
}

// TestFirstOpenRequests counts what the first open of a large folder costs: the
// tree, the delta walk, the listing and a delta round.
func TestFirstOpenRequests(t *testing.T) {
	const messages = 10_000
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{Locale: "de"})
	meta := func(i int) *graphsim.Meta {
		return &graphsim.Meta{Subject: fmt.Sprint("message ", i), MessageID: fmt.Sprintf("<%d@example.com>", i)}
	}
	for i := range messages {
		if _, err := s.box.DeliverContent(graphsim.Bytes("Subject: x\r\n\r\ny\r\n"), graphsim.DeliverOptions{Meta: meta(i)}); err != nil {
			t.Fatal(err)
		}
	}
	s.ResetLog()
	if _, err := s.store.Folders(t.Context()); err != nil {
		t.Fatal(err)
	}
	tree := s.Count()
	inbox := s.folderID(t, "inbox")
	n := 0
	link, err := s.store.Delta(t.Context(), inbox, "", func(c []bridge.Change) error { n += len(c); return nil })
	if err != nil || n != messages {
		t.Fatalf("delta walk: %d rows, %v", n, err)
	}
	walk := s.Count() - tree
	n = 0
	if err := s.store.List(t.Context(), inbox, func(m []bridge.MessageInfo) error { n += len(m); return nil }); err != nil || n != messages {
		t.Fatalf("listing: %d rows, %v", n, err)
	}
	list := s.Count() - tree - walk
	if _, err := s.store.Delta(t.Context(), inbox, link, func([]bridge.Change) error { return nil }); err != nil {
		t.Fatal(err)
	}
	round := s.Count() - tree - walk - list
	t.Logf("requests, the token's included: tree %d, walk %d, listing %d, round %d, together %d", tree, walk, list, round, s.Count())
	if s.Count() > 45 || round != 1 {
		t.Errorf("%d requests, of them %d for an idle round; want 45 at most, and 1", s.Count(), round)
	}
}
