package index_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
)

// crashEnv makes the test binary the child of TestCrash: "<first round> <path>".
const crashEnv = "MAIL2GRAPH_TEST_CRASH"

func TestMain(m *testing.M) {
	if order := os.Getenv(crashEnv); order != "" {
		fmt.Fprintln(os.Stderr, crashWriter(order))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashWriter writes rounds until it is killed, and reports each after Apply
// has returned. It returns only with an error.
func crashWriter(order string) error {
	first, path, _ := strings.Cut(order, " ")
	round, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	x, err := index.Open(context.Background(), path, index.Options{})
	if err != nil {
		return err
	}
	for ; ; round++ {
		if err := x.Apply(context.Background(), crashUpdate("a", round), crashUpdate("b", round)); err != nil {
			return err
		}
		fmt.Println("round", round)
	}
}

// crashSize varies the length of the transactions, so that the end comes at
// many points of them.
func crashSize(round int) int { return 1 + round*37%150 }

// crashUIDs are the UIDs of a round: first <= uid < next.
func crashUIDs(round int) (first, next uint32) {
	return uint32(round*1000 + 1), uint32(round*1000 + 1 + crashSize(round))
}

// crashUpdate replaces the messages of the round before.
func crashUpdate(id bridge.FolderID, round int) bridge.FolderUpdate {
	first, next := crashUIDs(round)
	u := bridge.FolderUpdate{State: bridge.FolderState{
		FolderInfo: bridge.FolderInfo{ID: id}, UIDValidity: 1, UIDNext: next, ModSeq: uint64(round),
		DeltaLink: fmt.Sprint("link ", round),
	}}
	for uid := first; uid < next; uid++ {
		u.Put = append(u.Put, bridge.Entry{
			Row:    bridge.Row{UID: uid, ID: bridge.MessageID(fmt.Sprintf("%s-%d", id, uid)), ModSeq: uint64(round)},
			Detail: &bridge.Detail{Preview: fmt.Sprint(uid, strings.Repeat("x", 250))},
		})
	}
	if round > 0 {
		for uid, end := crashUIDs(round - 1); uid < end; uid++ {
			u.Expunged = append(u.Expunged, bridge.Expunged{UID: uid, ModSeq: uint64(round)})
		}
	}
	return u
}

// crashRound checks that the index shows one round, whole, and returns it; -1
// for none.
func crashRound(t *testing.T, x *index.Index) int {
	t.Helper()
	states, err := x.Folders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(states) == 0 {
		return -1
	}
	round := int(states[0].ModSeq)
	_, next := crashUIDs(round)
	if len(states) != 2 {
		t.Fatalf("%d folders, want 2", len(states))
	}
	for _, s := range states {
		if int(s.ModSeq) != round || s.UIDNext != next || s.DeltaLink != fmt.Sprint("link ", round) {
			t.Fatalf("folder %s: %+v, want round %d", s.ID, s, round)
		}
		crashFolder(t, x, s.ID, round)
	}
	return round
}

// crashFolder checks the messages of one folder.
func crashFolder(t *testing.T, x *index.Index, id bridge.FolderID, round int) {
	t.Helper()
	want, next := crashUIDs(round)
	var uids []uint32
	if err := x.Rows(t.Context(), id, func(r bridge.Row) error {
		if r.UID != want || int(r.ModSeq) != round {
			t.Errorf("folder %s: uid %d of mod-sequence %d, want %d of %d", id, r.UID, r.ModSeq, want, round)
		}
		want++
		uids = append(uids, r.UID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	details := 0
	if err := x.Details(t.Context(), id, uids, func(uid uint32, d *bridge.Detail) error {
		if strings.HasPrefix(d.Preview, fmt.Sprint(uid, "x")) {
			details++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	gone, err := x.Expunged(t.Context(), id, uint64(max(round-1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	wantGone := 0
	if round > 0 {
		wantGone = crashSize(round - 1)
	}
	if want != next || details != len(uids) || len(gone) != wantGone {
		t.Fatalf("folder %s in round %d: rows up to %d of %d, %d details, %d expunged of %d",
			id, round, want, next, details, len(gone), wantGone)
	}
}

// TestCrash kills a writing process again and again: what it reported as done
// is there, and of what it was doing all or nothing.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	const kills = 5 // with -count for more: each time at other points
	last := -1
	for range kills {
		reported := crashOnce(t, path, last)
		x := open(t, path, index.Options{Check: true})
		round := crashRound(t, x)
		if round < reported || round > reported+1 {
			t.Fatalf("round %d is stored after round %d was reported", round, reported)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		last = round
	}
	t.Logf("%d kills, %d rounds", kills, last+1)
}

// crashOnce lets a child write some rounds, kills it, and returns the last
// round that it reported; last if none.
func crashOnce(t *testing.T, path string, last int) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", crashEnv, last+1, path))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for left := 1 + rand.IntN(12); lines.Scan(); {
		n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "round "))
		if err != nil {
			t.Errorf("the child says %q", lines.Text())
			continue
		}
		last = n
		if left--; left == 0 {
			// Somewhere in the next transaction.
			for end := time.Now().Add(time.Duration(rand.IntN(8000)) * time.Microsecond); time.Now().Before(end); {
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	return last
}
