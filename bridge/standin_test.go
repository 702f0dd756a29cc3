package bridge_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// fault500 is an answer that may be about the message or about the service.
var fault500 = &bridge.ItemError{Reason: "500 ErrorInternalServerError", Err: fmt.Errorf("read mime: %w", bridge.ErrUnavailable)}

// read returns a message's text, and whether it is a stand-in.
func (r *rig) read(f *bridge.Folder, uid uint32) (string, bool, error) {
	r.t.Helper()
	c, err := f.Content(r.ctx(), uid)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size))
	if err != nil || c.Root.End != c.Size {
		r.t.Fatalf("read %d octets of %d, structure ends at %d: %v", len(b), c.Size, c.Root.End, err)
	}
	return string(b), c.StandIn, nil
}

// TestStandIn: a message whose text the service cannot make is readable as a
// notice, for all readers the same, and the text itself as soon as there is one.
func TestStandIn(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(3)
		r.store.Fail(storetest.MIME, 1, &bridge.ItemError{Certain: true, Reason: "500 ErrorMimeContentConversionFailed", Err: bridge.ErrInvalid})
		text, standIn, err := r.read(f, 2)
		if err != nil || !standIn {
			t.Fatalf("stand-in %t, error %v", standIn, err)
		}
		for _, want := range []string{"From: Ann <ann@example.org>\r\n", "Subject: message 1\r\n", "Message-ID: <1@example.org>\r\n",
			"\r\nX-Mail2graph-Stand-In: 500 ErrorMimeContentConversionFailed\r\n", "This is not the message itself.", "body of 1"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
		calls := r.store.Calls(storetest.MIME)
		if again, _, err := r.read(f, 2); again != text || err != nil || r.store.Calls(storetest.MIME) != calls {
			t.Errorf("read again, %v:\n%s", err, again)
		}
		if row := f.Snapshot().Row(2); row.Size != int64(len(text)) {
			t.Errorf("size %d, the stand-in has %d", row.Size, len(text))
		}
		time.Sleep(16 * time.Minute)
		if text, standIn, err := r.read(f, 2); text != string(mail(1)) || standIn || err != nil {
			t.Errorf("stand-in %t, error %v:\n%s", standIn, err, text)
		}
		r.restart()
		f = r.folder("INBOX")
		if text, _, err := r.read(f, 2); text != string(mail(1)) || err != nil {
			t.Errorf("after a restart, %v:\n%s", err, text)
		}
	})
}

// TestNoStandInInAnOutage: while the service makes no texts at all, a client must
// not take a notice for its mail.
func TestNoStandInInAnOutage(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(20)
		r.store.Fail(storetest.MIME, 9, fault500)
		if text, _, err := r.read(f, 5); !errors.Is(err, bridge.ErrUnavailable) {
			t.Fatalf("error %v:\n%s", err, text)
		}
		time.Sleep(2 * time.Minute) // longer failing is no proof either
		r.store.Fail(storetest.MIME, 5, fault500)
		if text, _, err := r.read(f, 5); !errors.Is(err, bridge.ErrUnavailable) {
			t.Fatalf("error %v:\n%s", err, text)
		}
	})
}

// TestStandInByWitness: a failure of unknown reason is the message's own if
// others can be read.
func TestStandInByWitness(t *testing.T) {
	for name, cause := range map[string]error{"500": fault500, "404 for what is listed": bridge.ErrNotFound} {
		bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
			f := r.fillInbox(3)
			r.store.Fail(storetest.MIME, 1, cause)
			if _, standIn, err := r.read(f, 2); !standIn || err != nil {
				t.Errorf("%s: stand-in %t, error %v", name, standIn, err)
			}
		})
	}
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(2)
		r.store.Remove(f.Snapshot().Row(1).ID)
		if _, _, err := r.read(f, 1); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("a message that is gone: %v", err)
		}
	})
}

// TestStandInOfALoneMessage: without others to ask it must have failed for a while.
func TestStandInOfALoneMessage(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		f := r.fillInbox(1)
		r.store.Fail(storetest.MIME, 2, fault500)
		if _, _, err := r.read(f, 1); !errors.Is(err, bridge.ErrUnavailable) {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(61 * time.Second)
		if _, standIn, err := r.read(f, 1); !standIn || err != nil {
			t.Errorf("after a minute: stand-in %t, error %v", standIn, err)
		}
	})
}

// TestEmptyText: a message of no octets is no message.
func TestEmptyText(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		r.store.Deliver(r.store.Folder(bridge.RoleInbox), nil, storetest.DeliverOptions{})
		f := r.fillInbox(1)
		for uid := range uint32(2) {
			text, standIn, err := r.read(f, uid+1)
			if err != nil || standIn == strings.Contains(text, "Message-ID: <0@example.org>") || text == "" {
				t.Errorf("%d: stand-in %t, error %v:\n%s", uid+1, standIn, err, text)
			}
		}
	})
}

// TestStandInIsNotMoved: to another mailbox a notice must not go in place of the
// message, which would then be deleted.
func TestStandInIsNotMoved(t *testing.T) {
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		other := newRig(r.t, storetest.Options{}, bridge.MailboxOptions{})
		defer func() { other.stop() }()
		f, dest := r.fillInbox(2), other.folder("Archive")
		r.store.Fail(storetest.MIME, 1, &bridge.ItemError{Certain: true, Reason: "500", Err: bridge.ErrInvalid})
		if _, standIn, err := r.read(f, 2); !standIn || err != nil {
			t.Fatalf("stand-in %t, %v", standIn, err)
		}
		pairs, err := f.Transfer(r.ctx(), []uint32{1, 2}, dest, true, nil)
		if !errors.Is(err, bridge.ErrInvalid) || len(pairs) != 1 || pairs[0].From != 1 {
			t.Errorf("moved %v, error %v", pairs, err)
		}
		r.expect(f, "2:")
	})
}
