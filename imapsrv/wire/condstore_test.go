package wire

import (
	"bytes"
	"strings"
	"testing"

	"mail2graph/bridge"
)

func modSeq(n uint64) *uint64 { return &n }

func TestCondStoreCommands(t *testing.T) {
	flags := []FetchItem{{Kind: FetchFlags}}
	modified := func(n uint64) bridge.SearchKey { return bridge.SearchKey{Op: bridge.SearchModSeq, ModSeq: n} }
	checkCommands(t, []commandTest{
		{in: "a SELECT INBOX (CONDSTORE)", name: "SELECT", args: &Mailbox{Name: "INBOX", CondStore: true}},
		{in: "a EXAMINE x  ( condstore )", name: "EXAMINE", args: &Mailbox{Name: "x", CondStore: true}},
		{in: "a SELECT INBOX (QRESYNC (67890007 20050715194045000))", name: "SELECT",
			args: &Mailbox{Name: "INBOX", QResync: &QResync{UIDValidity: 67890007, ModSeq: 20050715194045000}}},
		{in: "a SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541) CONDSTORE)", name: "SELECT",
			args: &Mailbox{Name: "INBOX", CondStore: true,
				QResync: &QResync{UIDValidity: 67890007, ModSeq: 90060115194045000, KnownUIDs: set(41, 211, 214, 541)}}},
		{in: "a SELECT x (QRESYNC (1 2 1:29997 (5000,7500,9000,9990:9999 15000,22500,27000,29970,29973)))", name: "SELECT",
			args: &Mailbox{Name: "x", QResync: &QResync{UIDValidity: 1, ModSeq: 2, KnownUIDs: set(1, 29997),
				MatchSeqs: set(5000, 5000, 7500, 7500, 9000, 9000, 9990, 9999),
				MatchUIDs: set(15000, 15000, 22500, 22500, 27000, 27000, 29970, 29970, 29973, 29973)}}},
		{in: "a SELECT x (QRESYNC (1 2 (1 1)))", name: "SELECT",
			args: &Mailbox{Name: "x", QResync: &QResync{UIDValidity: 1, ModSeq: 2, MatchSeqs: set(1, 1), MatchUIDs: set(1, 1)}}},

		{in: "a FETCH 1 (FLAGS) (CHANGEDSINCE 12345)", name: "FETCH",
			args: &Fetch{Set: set(1, 1), Items: flags, ChangedSince: modSeq(12345)}},
		{in: "a FETCH 1 FLAGS (changedsince 0)", name: "FETCH", args: &Fetch{Set: set(1, 1), Items: flags, ChangedSince: modSeq(0)}},
		{in: "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 9223372036854775807 VANISHED)", name: "FETCH", uid: true,
			args: &Fetch{Set: set(1, 0), Items: flags, ChangedSince: modSeq(9223372036854775807), Vanished: true}},
		{in: "a UID FETCH 1 FLAGS (VANISHED CHANGEDSINCE 1)", name: "FETCH", uid: true,
			args: &Fetch{Set: set(1, 1), Items: flags, ChangedSince: modSeq(1), Vanished: true}},
		{in: "a FETCH 1 (modseq)", name: "FETCH", args: &Fetch{Set: set(1, 1), Items: []FetchItem{{Kind: FetchModSeq}}}},

		{in: `a STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\Deleted)`, name: "STORE", args: &Store{
			Set: set(7, 7, 5, 5, 9, 9), Op: bridge.FlagsAdd, Silent: true, Flags: []string{`\Deleted`}, UnchangedSince: modSeq(320162338)}},
		{in: `a STORE 1 (UNCHANGEDSINCE 0) FLAGS x y`, name: "STORE", args: &Store{
			Set: set(1, 1), Op: bridge.FlagsReplace, Flags: []string{"x", "y"}, UnchangedSince: modSeq(0)}},

		{in: "a SEARCH MODSEQ 620162338", name: "SEARCH", args: &Search{Key: modified(620162338)}},
		{in: `a SEARCH MODSEQ "/flags/\\draft" all 620162338 ALL`, name: "SEARCH", args: &Search{Key: bridge.SearchKey{
			Op: bridge.SearchAnd, Keys: []bridge.SearchKey{modified(620162338), {Op: bridge.SearchAll}}}}},
	})
}

func TestCondStoreErrors(t *testing.T) {
	checkErrors(t, []errorTest{
		{"a SELECT x ()", "a BAD SELECT [] Unknown SELECT parameter"},
		{"a SELECT x (CONDSTORE", "a BAD SELECT [] Invalid list"},
		{"a SELECT x(CONDSTORE)", "a BAD SELECT [] Unexpected text at the end of the command"},
		{"a SELECT x (QRESYNC)", "a BAD SELECT [] Unexpected character in command"},
		{"a SELECT x (QRESYNC (0 1))", "a BAD SELECT [] Number must not be zero"},
		{"a SELECT x (QRESYNC (1))", "a BAD SELECT [] Unexpected character in command"},
		{"a SELECT x (QRESYNC (1 1 1:*))", "a BAD SELECT [] No * allowed here"},
		{"a SELECT x (QRESYNC (1 1 *))", "a BAD SELECT [] No * allowed here"},
		{"a SELECT x (QRESYNC (1 1 1 (1:* 1)))", "a BAD SELECT [] No * allowed here"},
		{"a SELECT x (QRESYNC (1 1 1 (1)))", "a BAD SELECT [] Unexpected character in command"},
		{"a SELECT x (QRESYNC (1 9223372036854775808))", "a BAD SELECT [] Number too large"},
		{"a FETCH 1 FLAGS ()", "a BAD FETCH [] Unknown FETCH modifier"},
		{"a FETCH 1 FLAGS (CHANGEDSINCE)", "a BAD FETCH [] Unexpected character in command"},
		{"a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "a BAD FETCH [] VANISHED needs UID FETCH with CHANGEDSINCE"},
		{"a UID FETCH 1 FLAGS (VANISHED)", "a BAD FETCH [] VANISHED needs UID FETCH with CHANGEDSINCE"},
		{"a STORE 1 () FLAGS (x)", "a BAD STORE [] Unknown STORE modifier"},
		{"a STORE 1 (UNCHANGEDSINCE 1)", "a BAD STORE [] Missing argument"},
		{`a SEARCH MODSEQ "/flags/\\draft" some 5`, "a BAD SEARCH [] Invalid MODSEQ"},
	})
}

func TestEnablesCondStore(t *testing.T) {
	tests := []struct {
		in   string
		want bool
	}{
		{"a SELECT x", false},
		{"a SELECT x (CONDSTORE)", true},
		{"a SELECT x (QRESYNC (1 1))", true},
		{"a FETCH 1 FLAGS", false},
		{"a FETCH 1 (FLAGS MODSEQ)", true},
		{"a FETCH 1 FLAGS (CHANGEDSINCE 1)", true},
		{"a STORE 1 FLAGS x", false},
		{"a STORE 1 (UNCHANGEDSINCE 1) FLAGS x", true},
		{"a SEARCH ALL", false},
		{"a SEARCH OR SEEN NOT (DRAFT MODSEQ 5)", true},
		{"a NOOP", false},
	}
	for _, tt := range tests {
		cmd, err := parseOne(t, tt.in)
		if err != nil || cmd.EnablesCondStore() != tt.want {
			t.Errorf("%s: got %v, want %v (%v)", tt.in, !tt.want, tt.want, err)
		}
	}
}

func TestCondStoreResponses(t *testing.T) {
	tests := []struct {
		name  string
		write func(w *Writer)
		want  string
	}{
		{"highest", func(w *Writer) { w.Untagged(OK, CodeHighestModSeq(715194045007), "x") }, "* OK [HIGHESTMODSEQ 715194045007] x\r\n"},
		{"modified", func(w *Writer) { w.Tagged("a", OK, CodeModified(Numbers([]uint32{7, 9, 10, 11})), "x") }, "a OK [MODIFIED 7,9:11] x\r\n"},
		{"nothing modified", func(w *Writer) { w.Tagged("a", OK, CodeModified(nil), "x") }, "a OK x\r\n"},
		{"fetch", func(w *Writer) {
			f := w.Fetch(1)
			f.UID(4)
			f.ModSeq(12121231000)
			f.End()
		}, "* 1 FETCH (UID 4 MODSEQ (12121231000))\r\n"},
		{"vanished", func(w *Writer) { w.Vanished(false, Numbers([]uint32{405, 407, 410, 425, 426})) }, "* VANISHED 405,407,410,425:426\r\n"},
		{"vanished earlier", func(w *Writer) { w.Vanished(true, set(41, 41, 43, 116)) }, "* VANISHED (EARLIER) 41,43:116\r\n"},
		{"nothing vanished", func(w *Writer) { w.Vanished(true, nil) }, ""},
		{"search", func(w *Writer) { w.SearchModSeq([]uint32{2, 5}, 917162500) }, "* SEARCH 2 5 (MODSEQ 917162500)\r\n"},
		{"search without result", func(w *Writer) { w.SearchModSeq(nil, 5) }, "* SEARCH\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := written(t, tt.write); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestVanishedSplit: a long set comes in several responses, which together are the set.
func TestVanishedSplit(t *testing.T) {
	var uids NumSet
	for i := uint32(1); i < 400_000; i += 4 {
		uids = append(uids, bridge.UIDRange{First: i, Last: i + i%3})
	}
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Vanished(true, uids)
	if cap(w.buf) > 4*flushAt {
		t.Errorf("the buffer grew to %d octets", cap(w.buf))
	}
	w.Flush()
	if _, err := checkResponses(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	var got NumSet
	for line := range strings.Lines(out.String()) {
		if len(line) > vanishedLine+100 {
			t.Errorf("got a line of %d octets", len(line))
		}
		cmd, err := parseOne(t, "a UID EXPUNGE "+strings.TrimSpace(strings.TrimPrefix(line, "* VANISHED (EARLIER) ")))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, cmd.Args.(*Expunge).Set...)
	}
	if len(got) != len(uids) || got[0] != uids[0] || got[len(got)-1] != uids[len(uids)-1] {
		t.Errorf("got %d ranges, want %d", len(got), len(uids))
	}
}
