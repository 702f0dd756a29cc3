package graphstore

import (
	"errors"
	"fmt"
	"testing"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// TestBulkMeetsPassingFaults: steps of batches that meet a conflict or a moment in
// which the mailbox is said to be unknown are repeated, by themselves; one that is
// refused does not take others along.
func TestBulkMeetsPassingFaults(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	var ids []bridge.MessageID
	for i := range 130 {
		id, err := s.box.Deliver(fmt.Appendf(nil, "Subject: %d\r\n\r\nx\r\n", i), graphsim.DeliverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, bridge.MessageID(id))
	}
	step := func(f graphsim.Fault, skip, count int) {
		f.Where, f.Skip, f.Count = "step", skip, count
		s.AddFault(f)
	}
	step(graphsim.FaultConflict, 7, 5)
	step(graphsim.FaultInvalidUser, 30, 3)
	refused := string(ids[77])
	s.AddFault(graphsim.Fault{Path: refused, Where: "step", Status: 403, Code: "ErrorAccessDenied"})
	updates := make([]bridge.FlagUpdate, len(ids))
	for i, id := range ids {
		updates[i] = bridge.FlagUpdate{ID: id, Read: ptr(true)}
	}
	for i, err := range s.store.SetFlags(t.Context(), updates) {
		if (i == 77) != errors.Is(err, bridge.ErrDenied) || i != 77 && err != nil {
			t.Errorf("flags of message %d: %v", i, err)
		}
	}
	archive := s.folderID(t, "archive")
	step(graphsim.FaultInvalidUser, 10, 2)
	for i, r := range s.store.Move(t.Context(), ids, archive) {
		if (i == 77) != errors.Is(r.Err, bridge.ErrDenied) || i != 77 && (r.Err != nil || r.ID != ids[i]) {
			t.Errorf("move of message %d: %v", i, r.Err)
		}
	}
	read := 0
	for _, m := range s.box.Messages("archive") {
		if m.Read {
			read++
		}
	}
	if read != 129 || len(s.box.Messages("inbox")) != 1 {
		t.Errorf("%d read messages arrived, %d are left", read, len(s.box.Messages("inbox")))
	}
}
