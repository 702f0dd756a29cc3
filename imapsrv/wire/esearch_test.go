package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
)

func TestExtendedSearchCommands(t *testing.T) {
	all := bridge.SearchKey{Op: bridge.SearchAll}
	saved := bridge.SearchKey{Op: bridge.SearchSaved}
	returns := func(s SearchReturn) any { return &Search{Return: &s, Key: all} }
	and := func(keys ...bridge.SearchKey) any {
		return &Search{Key: bridge.SearchKey{Op: bridge.SearchAnd, Keys: keys}}
	}
	day := time.Date(1994, 2, 1, 0, 0, 0, 0, time.UTC)
	checkCommands(t, []commandTest{
		{in: "a SEARCH RETURN () ALL", name: "SEARCH", args: returns(SearchReturn{All: true})},
		{in: "a SEARCH return (min Max COUNT) ALL", name: "SEARCH", args: returns(SearchReturn{Min: true, Max: true, Count: true})},
		{in: "a UID SEARCH RETURN ( ALL SAVE ) ALL", name: "SEARCH", uid: true, args: returns(SearchReturn{All: true, Save: true})},
		{in: "a SEARCH RETURN (SAVE) ALL", name: "SEARCH", args: returns(SearchReturn{Save: true})},
		{in: "a SEARCH RETURN (PARTIAL 501:1000) ALL", name: "SEARCH", args: returns(SearchReturn{Partial: &Partial{First: 501, Last: 1000}})},
		{in: "a SEARCH RETURN (PARTIAL -1:-100 COUNT) ALL", name: "SEARCH",
			args: returns(SearchReturn{Count: true, Partial: &Partial{First: 1, Last: 100, FromEnd: true}})},
		{in: "a SEARCH RETURN (COUNT) CHARSET UTF-8 ALL", name: "SEARCH",
			args: &Search{Return: &SearchReturn{Count: true}, Charset: "UTF-8", Key: all}},
		{in: "a SEARCH $ UID $ ALL", name: "SEARCH", args: and(saved, saved, all)},
		{in: "a SEARCH OLDER 3600 YOUNGER 86400", name: "SEARCH", args: and(
			bridge.SearchKey{Op: bridge.SearchOlder, Size: 3600}, bridge.SearchKey{Op: bridge.SearchYounger, Size: 86400})},
		{in: "a SEARCH SAVEDBEFORE 1-Feb-1994 SAVEDON 1-Feb-1994 SAVEDSINCE 1-Feb-1994 SAVEDATESUPPORTED", name: "SEARCH", args: and(
			bridge.SearchKey{Op: bridge.SearchSavedBefore, Date: day}, bridge.SearchKey{Op: bridge.SearchSavedOn, Date: day},
			bridge.SearchKey{Op: bridge.SearchSavedSince, Date: day}, bridge.SearchKey{Op: bridge.SearchSaveDateSupported})},
		{in: "a SEARCH EMAILID M6d99ac3275bb4e THREADID T64b478a75b7ea9", name: "SEARCH", args: and(
			bridge.SearchKey{Op: bridge.SearchEmailID, Value: "M6d99ac3275bb4e"},
			bridge.SearchKey{Op: bridge.SearchThreadID, Value: "T64b478a75b7ea9"})},

		{in: "a SORT (SUBJECT) UTF-8 ALL", name: "SORT", args: &Sort{Criteria: []SortCriterion{{By: "SUBJECT"}}, Charset: "UTF-8", Key: all}},
		{in: "a UID SORT (reverse date DisplayFrom) US-ASCII $", name: "SORT", uid: true, args: &Sort{
			Criteria: []SortCriterion{{By: "DATE", Reverse: true}, {By: "DISPLAYFROM"}}, Charset: "US-ASCII", Key: saved}},
		{in: "a SORT RETURN (PARTIAL 1:20 COUNT) (ARRIVAL CC FROM SIZE TO DISPLAYTO) UTF-8 SUBJECT {2+}\r\n\xc3\xbc", name: "SORT", args: &Sort{
			Return:   &SearchReturn{Count: true, Partial: &Partial{First: 1, Last: 20}},
			Criteria: []SortCriterion{{By: "ARRIVAL"}, {By: "CC"}, {By: "FROM"}, {By: "SIZE"}, {By: "TO"}, {By: "DISPLAYTO"}},
			Charset:  "UTF-8", Key: bridge.SearchKey{Op: bridge.SearchHeader, Field: "Subject", Value: "ü"}}},
		{in: "a THREAD orderedsubject UTF-8 ALL", name: "THREAD", args: &Thread{Algorithm: "ORDEREDSUBJECT", Charset: "UTF-8", Key: all}},
		{in: "a UID THREAD REFERENCES US-ASCII ALL", name: "THREAD", uid: true,
			args: &Thread{Algorithm: "REFERENCES", Charset: "US-ASCII", Key: all}},

		{in: "a COPY $ x", name: "COPY", args: &Copy{Set: NumSet{}, Mailbox: "x"}},
		{in: `a UID STORE $ FLAGS ($x)`, name: "STORE", uid: true, args: &Store{Set: NumSet{}, Flags: []string{"$x"}}},
		{in: "a FETCH $ FLAGS", name: "FETCH", args: &Fetch{Set: NumSet{}, Items: []FetchItem{{Kind: FetchFlags}}}},
		{in: "a UID EXPUNGE $", name: "EXPUNGE", uid: true, args: &Expunge{NumSet{}}},
		{in: "a UID FETCH 25900:26600 (FLAGS) (PARTIAL -1:-30 CHANGEDSINCE 98305)", name: "FETCH", uid: true, args: &Fetch{
			Set: set(25900, 26600), Items: []FetchItem{{Kind: FetchFlags}}, ChangedSince: modSeq(98305),
			Partial: &Partial{First: 1, Last: 30, FromEnd: true}}},
	})
}

func TestExtendedSearchErrors(t *testing.T) {
	checkErrors(t, []errorTest{
		{"a SEARCH RETURN ALL", "a BAD SEARCH [] Missing parenthesis"},
		{"a SEARCH RETURN (XYZZY) ALL", "a BAD SEARCH [] Unknown RETURN option"},
		{"a SEARCH RETURN (COUNT)", "a BAD SEARCH [] Missing argument"},
		{"a SEARCH RETURN (ALL PARTIAL 1:2) ALL", "a BAD SEARCH [] Either ALL or PARTIAL"},
		{"a SEARCH RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL", "a BAD SEARCH [] PARTIAL twice"},
		{"a SEARCH RETURN (PARTIAL 1:-2) ALL", "a BAD SEARCH [] Missing number"},
		{"a SEARCH RETURN (PARTIAL -1:2) ALL", "a BAD SEARCH [] Invalid range"},
		{"a SEARCH RETURN (PARTIAL 1) ALL", "a BAD SEARCH [] Invalid range"},
		{"a SEARCH RETURN (PARTIAL 0:1) ALL", "a BAD SEARCH [] Number must not be zero"},
		{"a SEARCH RETURN (PARTIAL 1:*) ALL", "a BAD SEARCH [] Missing number"},
		{"a SEARCH $,5", "a BAD SEARCH [] Invalid search key"},
		{"a SEARCH OLDER 0", "a BAD SEARCH [] Number must not be zero"},
		{"a SEARCH OLDER 1-Jan-2000", "a BAD SEARCH [] Invalid search key"},
		{"a SEARCH EMAILID", "a BAD SEARCH [] Missing argument"},
		{"a SORT () UTF-8 ALL", "a BAD SORT [] Unknown sort criterion"},
		{"a SORT (BODY) UTF-8 ALL", "a BAD SORT [] Unknown sort criterion"},
		{"a SORT (REVERSE) UTF-8 ALL", "a BAD SORT [] Unknown sort criterion"},
		{"a SORT SUBJECT UTF-8 ALL", "a BAD SORT [] Missing parenthesis"},
		{"a SORT (SUBJECT) UTF-8", "a BAD SORT [] Missing argument"},
		{"a SORT (SUBJECT) X-KLINGON ALL", "a NO SORT [BADCHARSET (US-ASCII UTF-8)] Unknown charset"},
		{"a THREAD XYZZY UTF-8 ALL", "a BAD THREAD [] Unknown thread algorithm"},
		{"a THREAD REFERENCES UTF-8", "a BAD THREAD [] Missing argument"},
		{"a FETCH $:5 FLAGS", "a BAD FETCH [] Unexpected character in command"},
		{"a SELECT x (QRESYNC (1 1 1 ($ 1)))", "a BAD SELECT [] No $ allowed here"},
	})
}

func TestPartialSpan(t *testing.T) {
	tests := []struct {
		p        Partial
		n        int
		from, to int
		text     string
	}{
		{Partial{First: 1, Last: 3}, 5, 0, 3, "1:3"},
		{Partial{First: 3, Last: 1}, 5, 0, 3, "3:1"},
		{Partial{First: 4, Last: 9}, 5, 3, 5, "4:9"},
		{Partial{First: 6, Last: 9}, 5, 5, 5, "6:9"},
		{Partial{First: 4294967295, Last: 4294967295}, 5, 5, 5, "4294967295:4294967295"},
		{Partial{First: 1, Last: 1, FromEnd: true}, 5, 4, 5, "-1:-1"},
		{Partial{First: 1, Last: 3, FromEnd: true}, 5, 2, 5, "-1:-3"},
		{Partial{First: 9, Last: 5, FromEnd: true}, 5, 0, 1, "-9:-5"},
		{Partial{First: 9, Last: 6, FromEnd: true}, 5, 0, 0, "-9:-6"},
		{Partial{First: 1, Last: 1, FromEnd: true}, 0, 0, 0, "-1:-1"},
	}
	for _, tt := range tests {
		if from, to := tt.p.Span(tt.n); from != tt.from || to != tt.to || tt.p.String() != tt.text {
			t.Errorf("%v of %d: got %d..%d %q, want %d..%d %q", tt.p, tt.n, from, to, tt.p.String(), tt.from, tt.to, tt.text)
		}
	}
}

func TestSubset(t *testing.T) {
	nums := []uint32{2, 4, 6, 8, 10}
	page := func(first, last uint32) *Partial { return &Partial{First: first, Last: last} }
	tests := []struct {
		name string
		ret  *SearchReturn
		of   []uint32
		want []uint32
	}{
		{"no RETURN", nil, nums, nums},
		{"SAVE", &SearchReturn{Save: true}, nums, nums},
		{"ALL MIN", &SearchReturn{All: true, Min: true}, nums, nums},
		{"COUNT MIN", &SearchReturn{Count: true, Min: true}, nums, nums},
		{"MIN", &SearchReturn{Min: true}, nums, []uint32{2}},
		{"MAX", &SearchReturn{Max: true}, nums, []uint32{10}},
		{"MIN MAX", &SearchReturn{Min: true, Max: true}, nums, []uint32{2, 10}},
		{"MIN MAX of one", &SearchReturn{Min: true, Max: true}, nums[:1], []uint32{2}},
		{"MIN MAX of none", &SearchReturn{Min: true, Max: true}, nil, nil},
		{"PARTIAL", &SearchReturn{Partial: page(2, 3)}, nums, []uint32{4, 6}},
		{"PARTIAL COUNT", &SearchReturn{Partial: page(2, 3), Count: true}, nums, nums},
		{"PARTIAL MIN MAX", &SearchReturn{Partial: page(2, 3), Min: true, Max: true}, nums, []uint32{2, 4, 6, 10}},
		{"PARTIAL has MIN", &SearchReturn{Partial: page(1, 2), Min: true}, nums, []uint32{2, 4}},
		{"PARTIAL has MAX", &SearchReturn{Partial: page(4, 9), Max: true}, nums, []uint32{8, 10}},
		{"PARTIAL beyond, MIN MAX", &SearchReturn{Partial: page(8, 9), Min: true, Max: true}, nums, []uint32{2, 10}},
		{"PARTIAL has the only one", &SearchReturn{Partial: page(1, 9), Min: true, Max: true}, nums[:1], []uint32{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.ret.Subset(tt.of); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestESearch(t *testing.T) {
	nums := []uint32{2, 10, 11, 12, 20}
	tests := []struct {
		name string
		in   ESearch
		want string
	}{
		{"default", ESearch{Tag: "a1", Nums: nums}, `* ESEARCH (TAG "a1") ALL 2,10:12,20`},
		{"nothing", ESearch{Tag: "a1", UID: true}, `* ESEARCH (TAG "a1") UID`},
		{"counts", ESearch{Tag: "a]", UID: true, Nums: nums, Return: &SearchReturn{Min: true, Max: true, Count: true}},
			`* ESEARCH (TAG "a]") UID MIN 2 MAX 20 COUNT 5`},
		{"counts of nothing", ESearch{Tag: "a", Return: &SearchReturn{Min: true, Max: true, Count: true, All: true}, ModSeq: 5},
			`* ESEARCH (TAG "a") COUNT 0`},
		{"mod-sequence", ESearch{Tag: "a", Nums: nums, Return: &SearchReturn{All: true}, ModSeq: 917162500},
			`* ESEARCH (TAG "a") MODSEQ 917162500 ALL 2,10:12,20`},
		{"page", ESearch{Tag: "a", UID: true, Nums: nums, Return: &SearchReturn{Partial: &Partial{First: 1, Last: 3, FromEnd: true}}},
			`* ESEARCH (TAG "a") UID PARTIAL (-1:-3 11:12,20)`},
		{"page beyond the end", ESearch{Tag: "a", UID: true, Nums: nums, Return: &SearchReturn{Partial: &Partial{First: 24000, Last: 24500}}},
			`* ESEARCH (TAG "a") UID PARTIAL (24000:24500 NIL)`},
		{"sorted", ESearch{Tag: "a", Nums: []uint32{9, 4, 5, 3}, Return: &SearchReturn{Min: true, All: true}}, `* ESEARCH (TAG "a") MIN 9 ALL 9,4:5,3`},
		{"saved and counted", ESearch{Tag: "a", Nums: nums, Return: &SearchReturn{Save: true, Count: true}}, `* ESEARCH (TAG "a") COUNT 5`},
		{"saved only", ESearch{Tag: "a", Nums: nums, Return: &SearchReturn{Save: true}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := written(t, func(w *Writer) { w.ESearch(&tt.in) })
			if strings.TrimSuffix(got, "\r\n") != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestSortAndThread(t *testing.T) {
	leaf := func(n uint32) ThreadNode { return ThreadNode{Num: n} }
	node := func(n uint32, children ...ThreadNode) ThreadNode { return ThreadNode{n, children} }
	tests := []struct {
		name  string
		write func(w *Writer)
		want  string
	}{
		{"sort", func(w *Writer) { w.Sort([]uint32{2, 84, 3}, 0) }, "* SORT 2 84 3\r\n"},
		{"sort with mod-sequence", func(w *Writer) { w.Sort([]uint32{5, 3}, 7) }, "* SORT 5 3 (MODSEQ 7)\r\n"},
		{"sort of nothing", func(w *Writer) { w.Sort(nil, 7) }, "* SORT\r\n"},
		{"no threads", func(w *Writer) { w.Threads(nil) }, "* THREAD\r\n"},
		{"the example", func(w *Writer) {
			w.Threads([]ThreadNode{leaf(2), node(3, node(6, node(4, leaf(23)), node(44, node(7, leaf(96)))))})
		}, "* THREAD (2)(3 6 (4 23)(44 7 96))\r\n"},
		{"absent parent", func(w *Writer) { w.Threads([]ThreadNode{node(0, leaf(3), leaf(5))}) }, "* THREAD ((3)(5))\r\n"},
		{"absent parent of one", func(w *Writer) { w.Threads([]ThreadNode{node(0, node(3, leaf(5)))}) }, "* THREAD (3 5)\r\n"},
		{"absent message of nothing", func(w *Writer) { w.Threads([]ThreadNode{node(0, node(0)), node(1, node(0))}) }, "* THREAD (1)\r\n"},
		{"absent messages only", func(w *Writer) { w.Threads([]ThreadNode{node(0, node(0))}) }, "* THREAD\r\n"},
		{"absent in the middle", func(w *Writer) { w.Threads([]ThreadNode{node(1, node(0, leaf(2), leaf(3)))}) }, "* THREAD (1 (2)(3))\r\n"},
		{"absent below absent", func(w *Writer) { w.Threads([]ThreadNode{node(0, node(0, leaf(2), leaf(3)), leaf(4))}) }, "* THREAD ((2)(3)(4))\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := written(t, tt.write); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestLongThread: a chain of any length is written, in a buffer of bounded size.
func TestLongThread(t *testing.T) {
	root := ThreadNode{Num: 100_000}
	for n := uint32(99_999); n > 0; n-- {
		root = ThreadNode{Num: n, Children: []ThreadNode{root}}
	}
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Threads([]ThreadNode{root, {Num: 5}})
	if cap(w.buf) > 4*flushAt {
		t.Errorf("the buffer grew to %d octets", cap(w.buf))
	}
	w.Flush()
	if _, err := checkResponses(out.Bytes()); err != nil {
		t.Error(err)
	}
	if got := len(strings.Fields(out.String())) - 2; got != 100_000 {
		t.Errorf("got %d numbers, want 100000", got)
	}
}
