package bridge

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSnapshotModel drives snapshots with random changes beside a plain slice
// and compares content, lookups and differences across any distance of versions.
func TestSnapshotModel(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		snap := &Snapshot{UIDNext: 1}
		var model []Row
		type version struct {
			snap  *Snapshot
			model []Row
		}
		history := []version{{snap, nil}}
		modSeq := uint64(0)
		for range 60 {
			modSeq++
			var put []Row
			var gone []uint32
			next := model[:0:0]
			share := rnd.IntN(100)
			for _, r := range model {
				switch k := rnd.IntN(1000); {
				case k < share:
					gone = append(gone, r.UID)
					continue
				case k < 2*share:
					r.ModSeq = modSeq
					put = append(put, r)
				}
				next = append(next, r)
			}
			uid := snap.UIDNext
			for range rnd.IntN(1 + rnd.IntN(700)) {
				r := Row{UID: uid, ModSeq: modSeq}
				uid += 1 + rnd.Uint32N(3)
				put, next = append(put, r), append(next, r)
			}
			snap = snap.with(put, gone, uid, modSeq)
			model = next
			history = append(history, version{snap, model})
		}
		for _, v := range history {
			checkContent(t, v.snap, v.model)
		}
		for range 200 {
			i := rnd.IntN(len(history))
			j := i + rnd.IntN(len(history)-i)
			checkDiff(t, history[i].snap, history[j].snap, history[i].model, history[j].model)
		}
	}
}

func checkContent(t *testing.T, s *Snapshot, model []Row) {
	t.Helper()
	if s.Len() != len(model) {
		t.Fatalf("Len() = %d, want %d", s.Len(), len(model))
	}
	for i, want := range model {
		if got := s.At(i); got.UID != want.UID || got.ModSeq != want.ModSeq {
			t.Fatalf("At(%d) = uid %d modseq %d, want %d %d", i, got.UID, got.ModSeq, want.UID, want.ModSeq)
		}
		if p, ok := s.Find(want.UID); p != i || !ok {
			t.Fatalf("Find(%d) = %d, %v, want %d", want.UID, p, ok, i)
		}
	}
	if p, ok := s.Find(s.UIDNext); p != len(model) || ok {
		t.Fatalf("Find(UIDNext) = %d, %v, want %d, false", p, ok, len(model))
	}
}

func checkDiff(t *testing.T, a, b *Snapshot, ma, mb []Row) {
	t.Helper()
	var gone, changed []int
	old := map[uint32]uint64{}
	for _, r := range ma {
		old[r.UID] = r.ModSeq
	}
	added := 0
	now := map[uint32]bool{}
	for i, r := range mb {
		now[r.UID] = true
		if m, ok := old[r.UID]; !ok {
			added++
		} else if m != r.ModSeq {
			changed = append(changed, i)
		}
	}
	for i := len(ma) - 1; i >= 0; i-- {
		if !now[ma[i].UID] {
			gone = append(gone, i)
		}
	}
	g, c, n := a.Diff(b)
	if !slices.Equal(g, gone) || !slices.Equal(c, changed) || n != added {
		t.Fatalf("Diff: %d gone, %d changed, %d added; want %d, %d, %d", len(g), len(c), n, len(gone), len(changed), added)
	}
}

// TestSnapshotShares holds the promise that one changed row copies one chunk.
func TestSnapshotShares(t *testing.T) {
	rows := make([]Row, 10_000)
	for i := range rows {
		rows[i].UID = uint32(i + 1)
	}
	a := new(Snapshot).with(rows, nil, 10_001, 1)
	b := a.with([]Row{{UID: 5000, ModSeq: 2}}, nil, 10_001, 2)
	other := 0
	for i := range a.chunks {
		if a.chunks[i] != b.chunks[i] {
			other++
		}
	}
	if other != 1 {
		t.Errorf("one changed row copied %d chunks, want 1", other)
	}
}
