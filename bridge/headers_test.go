package bridge_test

import (
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/bridge/storetest"
)

func TestHeaderBlocks(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		for n := range 600 {
			r.deliver(bridge.RoleInbox, n, storetest.DeliverOptions{})
		}
		r.deliver(bridge.RoleSent, 1, storetest.DeliverOptions{})
		f, sent := r.folder("INBOX"), r.folder("Sent Items")
		blocks := func(f *bridge.Folder, uids []uint32, requests int) map[uint32][]byte {
			t.Helper()
			r.store.ResetCalls()
			if err := f.PrepareHeaders(r.ctx(), uids); err != nil {
				t.Fatal(err)
			}
			got, err := f.HeaderBlocks(r.ctx(), uids)
			if err != nil {
				t.Fatal(err)
			}
			if n := r.store.AllCalls(); n != requests {
				t.Errorf("%d calls for header blocks of %d messages, want %d", n, len(uids), requests)
			}
			return got
		}
		got := blocks(f, []uint32{1, 2}, 1)
		fields := string(mimepart.Fields(got[1], []string{"Subject", "Content-Type"}, false))
		if len(got) != 2 || !strings.HasPrefix(fields, "Subject: message ") || strings.Contains(fields, "tnef") {
			t.Errorf("fields of message 1: %q", fields)
		}
		if got := blocks(f, f.Snapshot().UIDs(), 1); len(got) != 600 {
			t.Errorf("%d blocks of 600", len(got))
		}
		blocks(f, f.Snapshot().UIDs(), 0)
		// Sent mail has no block: its text is needed, and that is remembered.
		if got := blocks(sent, []uint32{1}, 1); len(got) != 0 {
			t.Errorf("%d blocks of sent mail", len(got))
		}
		blocks(sent, []uint32{1}, 0)
		// Once the text is at hand, it answers.
		c, err := f.Content(r.ctx(), 3)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if got := blocks(f, []uint32{3, 4}, 0); len(got) != 1 {
			t.Errorf("%d blocks for one message with and one without text, want 1", len(got))
		}
	})
	bubble(t, storetest.Options{}, bridge.MailboxOptions{ExactHeaders: true}, func(r *rig) {
		r.deliver(bridge.RoleInbox, 1, storetest.DeliverOptions{})
		f := r.folder("INBOX")
		if err := f.PrepareHeaders(r.ctx(), []uint32{1}); err != nil {
			t.Fatal(err)
		}
		if got, err := f.HeaderBlocks(r.ctx(), []uint32{1}); len(got) != 0 || err != nil {
			t.Errorf("exact headers: %d blocks, %v", len(got), err)
		}
	})
}

// TestSearchHeaderWithoutText searches a field that listings do not have.
func TestSearchHeaderWithoutText(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		for n := range 1200 {
			m := strings.Replace(string(mail(n)), "\r\n\r\n", "\r\nX-Ticket: =?utf-8?q?N=C2=BA?= "+strings.Repeat("7", 1+n%3)+"\r\n\r\n", 1)
			r.store.Deliver(r.store.Folder(bridge.RoleInbox), []byte(m), storetest.DeliverOptions{})
		}
		f := r.folder("INBOX")
		r.store.ResetCalls()
		got, err := f.Search(r.ctx(), f.Snapshot(), bridge.SearchKey{Op: bridge.SearchHeader, Field: "x-ticket", Value: "Nº 777"}, nil)
		if err != nil || len(got) != 400 {
			t.Errorf("%d messages found, %v; want 400", len(got), err)
		}
		if n := r.store.AllCalls(); n != 1 {
			t.Errorf("the search made %d calls, want 1", n)
		}
	})
}
