package graphstore

import (
	"fmt"
	"testing"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// TestLostOrders: in an order for many messages whole batches get no answer, some before they are
// carried out and some after, also when they are given again. Each message is moved or copied once.
func TestLostOrders(t *testing.T) {
	const messages = 100
	for name, order := range map[string]func(*sim, []bridge.MessageID) []bridge.Relocated{
		"move": func(s *sim, ids []bridge.MessageID) []bridge.Relocated {
			return s.store.Move(t.Context(), ids, s.folderID(t, "archive"))
		},
		"copy": func(s *sim, ids []bridge.MessageID) []bridge.Relocated {
			return s.store.Copy(t.Context(), ids, s.folderID(t, "archive"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			ids := make([]bridge.MessageID, messages)
			for i := range ids {
				// Two messages have the same Message-ID now and then.
				id, err := s.box.Deliver(fmt.Appendf(nil, "From: a@example.org\r\nMessage-ID: <%d@example.org>\r\n\r\n%d\r\n", i/4*3+i%3, i), graphsim.DeliverOptions{})
				if err != nil {
					t.Fatal(err)
				}
				ids[i] = bridge.MessageID(id)
			}
			for _, f := range []graphsim.Fault{
				{Reset: graphsim.ResetAfter, Skip: 1, Count: 1}, {Reset: graphsim.ResetBefore, Skip: 1, Count: 1},
				{Status: 504, HTML: true, Skip: 2, Count: 2}, {Reset: graphsim.ResetAfter, Skip: 1, Count: 1},
			} {
				f.Route = "/$batch"
				s.AddFault(f)
			}
			seen := map[bridge.MessageID]bool{}
			for i, r := range order(s, ids) {
				if r.Err != nil {
					t.Errorf("message %d: %v", i, r.Err)
				}
				if seen[r.ID] {
					t.Errorf("message %d has the id %q of another one", i, r.ID)
				}
				seen[r.ID] = true
			}
			if n := len(s.box.Messages("archive")); n != messages {
				t.Errorf("%d messages arrived, want %d", n, messages)
			}
			if n := len(s.box.Messages("inbox")); name == "move" && n != 0 || name == "copy" && n != messages {
				t.Errorf("%d messages stay", n)
			}
		})
	}
}
