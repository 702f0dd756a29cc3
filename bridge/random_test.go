package bridge_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

// TestRandom lets a client and somebody else change a mailbox at random, with
// failures and expired links in between, and compares with the service's truth.
func TestRandom(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			so := storetest.Options{PageSize: 3, FullRows: seed%2 == 0, Replay: seed%3 == 0}
			bubble(t, so, bridge.MailboxOptions{}, func(r *rig) { randomRun(r, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func randomRun(r *rig, rnd *rand.Rand) {
	roles := []bridge.Role{bridge.RoleInbox, bridge.RoleArchive}
	names := []string{"INBOX", "Archive"}
	n := 0
	seen := map[string]map[uint32]bridge.MessageID{} // a UID never means another message
	for step := range 150 {
		k := rnd.IntN(2)
		id := r.store.Folder(roles[k])
		list := r.store.Contents(id)
		switch c := rnd.IntN(14); {
		case c < 4 || len(list) == 0:
			n++
			r.deliver(roles[k], n, storetest.DeliverOptions{Read: rnd.IntN(2) == 0})
		case c < 8:
			m := list[rnd.IntN(len(list))]
			[]func(){
				func() { r.store.SetRead(m.ID, rnd.IntN(2) == 0) },
				func() { r.store.SetFlagged(m.ID, rnd.IntN(2) == 0) },
				func() { r.store.SetCategories(m.ID, "a", "b") },
				func() { r.store.MoveMessage(m.ID, r.store.Folder(roles[1-k])) },
				func() { r.store.Remove(m.ID) },
				func() { r.store.ExpireDelta() },
			}[rnd.IntN(6)]()
		default:
			f, err := r.Folder(r.ctx(), names[k])
			if err != nil {
				r.t.Fatal(err)
			}
			if f.Synced() {
				randomOrder(r, rnd, f, names[1-k])
			}
		}
		if rnd.IntN(30) == 0 {
			r.restart()
		}
		if rnd.IntN(4) > 0 {
			continue
		}
		for k, name := range names {
			f := r.folder(name)
			// A second round settles what the first one had to put off.
			r.sync(f)
			compare(r, f, r.store.Contents(r.store.Folder(roles[k])), seen, step)
		}
	}
}

func randomOrder(r *rig, rnd *rand.Rand, f *bridge.Folder, other string) {
	snap := f.Snapshot()
	if snap.Len() == 0 {
		return
	}
	var uids []uint32
	for i := range snap.Len() {
		if rnd.IntN(3) == 0 {
			uids = append(uids, snap.At(i).UID)
		}
	}
	ctx := context.Background()
	switch rnd.IntN(5) {
	case 0:
		f.SetFlags(ctx, uids, bridge.FlagOp(rnd.IntN(3)), bridge.Flags(rnd.IntN(64)), []string{"kw"}, nil)
	case 1:
		f.SetFlags(ctx, uids, bridge.FlagsAdd, bridge.FlagDeleted, nil, nil)
		f.Expunge(ctx, snap.UIDs(), nil)
	case 2, 3:
		if dest, err := r.Folder(ctx, other); err == nil {
			f.Transfer(ctx, uids, dest, rnd.IntN(2) == 0, nil)
		}
	case 4:
		body := mail(10_000 + rnd.IntN(1000))
		f.Append(ctx, bytes.NewReader(body), int64(len(body)), bridge.AppendOptions{Flags: bridge.Flags(rnd.IntN(8))})
	}
}

func compare(r *rig, f *bridge.Folder, truth []bridge.MessageInfo, seen map[string]map[uint32]bridge.MessageID, step int) {
	r.t.Helper()
	want := map[bridge.MessageID]bridge.MessageInfo{}
	for _, m := range truth {
		want[m.ID] = m
	}
	snap := f.Snapshot()
	if snap.Len() != len(truth) {
		r.t.Fatalf("step %d: folder %s has %d messages, the service %d", step, f.Name(), snap.Len(), len(truth))
	}
	if seen[f.Name()] == nil {
		seen[f.Name()] = map[uint32]bridge.MessageID{}
	}
	for i := range snap.Len() {
		row := snap.At(i)
		m, ok := want[row.ID]
		switch {
		case !ok:
			r.t.Fatalf("step %d: folder %s: UID %d is not in the service's folder", step, f.Name(), row.UID)
		case m.Read != (row.Flags&bridge.FlagSeen != 0), m.Flagged != (row.Flags&bridge.FlagFlagged != 0),
			!slices.Equal(m.Categories, row.Categories) && len(m.Categories)+len(row.Categories) > 0:
			r.t.Fatalf("step %d: folder %s: UID %d has %s, the service %+v", step, f.Name(), row.UID, show(snap), m)
		}
		if old, known := seen[f.Name()][row.UID]; known && old != row.ID {
			r.t.Fatalf("step %d: folder %s: UID %d was another message before", step, f.Name(), row.UID)
		}
		seen[f.Name()][row.UID] = row.ID
	}
}
