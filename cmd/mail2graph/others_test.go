package main

import (
	"net/smtp"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// TestOtherUsers: a login sees a second mailbox, and messages go to and fro between the
// two as Graph knows them.
func TestOtherUsers(t *testing.T) {
	b := newBed(t)
	sales, err := b.sim.AddMailbox("sales@example.com", graphsim.MailboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := b.cfg.Mailboxes["demo"]
	m.Address = "sales@example.com"
	b.cfg.Mailboxes["sales"] = m
	u := b.cfg.Logins["u"]
	u.Mailboxes = []string{"sales"}
	b.cfg.Logins["u"] = u
	b.cfg.Logins["reader"] = bridge.LoginConfig{Username: "reader", PasswordHash: u.PasswordHash, Mailbox: "sales", ReadOnly: true}
	received := time.Date(2025, 5, 6, 7, 8, 9, 0, time.UTC)
	offer := []byte("From: a@example.org\r\nTo: sales@example.com\r\nSubject: offer\r\nMessage-ID: <offer@example.org>\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\ntext of the offer\r\n" +
		"--b\r\nContent-Type: application/pdf; name=o.pdf\r\nContent-Disposition: attachment; filename=o.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--b--\r\n")
	if _, err := sales.Deliver(offer, graphsim.DeliverOptions{Received: received}); err != nil {
		t.Fatal(err)
	}
	b.start()
	s := b.login()
	if got := s.ok("NAMESPACE").with("NAMESPACE"); len(got) != 1 || !strings.Contains(got[0], `(("Other Users/" "/"))`) {
		t.Errorf("namespaces: %q", got)
	}
	s.ok(`SELECT "Other Users/sales/INBOX"`)
	s.ok(`STORE 1 +FLAGS (\Flagged Important)`)
	s.ok("COPY 1 INBOX")
	own := b.box.Messages("inbox")
	if len(own) != 1 || own[0].Flag != "flagged" || own[0].Draft || !own[0].Received.Equal(received) || own[0].Meta.Subject != "offer" ||
		len(own[0].Categories) != 1 || own[0].Categories[0] != "Important" || own[0].Attachments != 1 {
		t.Fatalf("the copy: %+v", own)
	}
	if n := len(sales.Messages("inbox")); n != 1 {
		t.Errorf("%d messages where it was copied from, want 1", n)
	}
	s.ok("SELECT INBOX")
	if text := strings.Join(s.ok("UID FETCH 1 BODY.PEEK[]").lines, "\n"); !strings.Contains(text, "text of the offer") || !strings.Contains(text, "AAECAw==") {
		t.Errorf("the copy's text:\n%s", text)
	}
	s.ok(`UID MOVE 1 "Other Users/sales/Archive"`)
	if len(b.box.Messages("inbox")) != 0 || len(sales.Messages("archive")) != 1 {
		t.Errorf("after the move: %d and %d messages", len(b.box.Messages("inbox")), len(sales.Messages("archive")))
	}

	r := b.connect()
	r.ok("LOGIN reader %q", bedPassword)
	r.ok("SELECT INBOX")
	r.ok("FETCH 1 BODY[]")
	r.no("NOPERM", `STORE 1 +FLAGS (\Seen)`)
	r.no("NOPERM", "APPEND INBOX {3+}\r\nabc")
	if sales.Messages("inbox")[0].Read {
		t.Error("a login that only reads marked a message as read")
	}
	c, err := smtp.Dial(b.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(smtp.PlainAuth("", "reader", bedPassword, "127.0.0.1")); err == nil || !strings.HasPrefix(err.Error(), "535") {
		t.Errorf("a login that only reads, over SMTP: %v, want 535", err)
	}
}
