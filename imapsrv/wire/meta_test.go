package wire

import (
	"strings"
	"testing"
	"time"
)

func TestSmallExtensionCommands(t *testing.T) {
	preview := FetchItem{Kind: FetchPreview}
	lazy := FetchItem{Kind: FetchPreview, Lazy: true}
	fetch := func(items ...FetchItem) *Fetch { return &Fetch{Set: set(1, 1), Items: items} }
	changed := fetch(preview)
	changed.ChangedSince = modSeq(5)
	both := fetch(lazy)
	both.ChangedSince = modSeq(5)
	checkCommands(t, []commandTest{
		{in: "a FETCH 1 PREVIEW", name: "FETCH", args: fetch(preview)},
		{in: "a FETCH 1 (PREVIEW UID)", name: "FETCH", args: fetch(preview, FetchItem{Kind: FetchUID})},
		{in: "a FETCH 1 (PREVIEW (lazy) UID)", name: "FETCH", args: fetch(lazy, FetchItem{Kind: FetchUID})},
		{in: "a FETCH 1 PREVIEW (LAZY)", name: "FETCH", args: fetch(lazy)},
		{in: "a FETCH 1 PREVIEW (CHANGEDSINCE 5)", name: "FETCH", args: changed},
		{in: "a FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 5)", name: "FETCH", args: both},
		{in: "a FETCH 1 (EMAILID THREADID SAVEDATE)", name: "FETCH",
			args: fetch(FetchItem{Kind: FetchEmailID}, FetchItem{Kind: FetchThreadID}, FetchItem{Kind: FetchSaveDate})},
		{in: `a GETQUOTA ""`, name: "GETQUOTA", args: &QuotaRoot{}},
		{in: "a GETQUOTA {4+}\r\nx\xc3\xbcy", name: "GETQUOTA", args: &QuotaRoot{Name: "xüy"}},
		{in: `a GETQUOTAROOT "Entw&APw-rfe"`, name: "GETQUOTAROOT", args: &Mailbox{Name: "Entwürfe"}},
		{in: `a SETQUOTA "" (storage 512 MESSAGE 9223372036854775807)`, name: "SETQUOTA",
			args: &SetQuota{Limits: []QuotaLimit{{"STORAGE", 512}, {"MESSAGE", 9223372036854775807}}}},
		{in: `a SETQUOTA x ()`, name: "SETQUOTA", args: &SetQuota{Root: "x"}},
		{in: "a UNAUTHENTICATE", name: "UNAUTHENTICATE"},
		{in: "a COMPRESS deflate", name: "COMPRESS", args: &Compress{Mechanism: "DEFLATE"}},
	})
	checkErrors(t, []errorTest{
		{"a FETCH 1 (PREVIEW (EAGER))", "a BAD FETCH [] Unknown FETCH item"},
		{"a FETCH 1 PREVIEW (LAZY LAZY)", "a BAD FETCH [] Unknown PREVIEW modifier"},
		{"a FETCH 1 PREVIEW (EAGER)", "a BAD FETCH [] Unknown FETCH modifier"},
		{"a GETQUOTA", "a BAD GETQUOTA [] Missing argument"},
		{"a GETQUOTA \xfc", "a BAD GETQUOTA [] Invalid UTF-8"},
		{"a SETQUOTA x", "a BAD SETQUOTA [] Missing argument"},
		{"a SETQUOTA x (STORAGE)", "a BAD SETQUOTA [] Unexpected character in command"},
		{"a SETQUOTA x (STORAGE -1)", "a BAD SETQUOTA [] Missing number"},
		{"a SETQUOTA x (\"STORAGE\" 1)", "a BAD SETQUOTA [] Missing resource"},
		{"a UNAUTHENTICATE x", "a BAD UNAUTHENTICATE [] Unexpected text at the end of the command"},
		{"a COMPRESS", "a BAD COMPRESS [] Missing argument"},
		{"a COMPRESS (", "a BAD COMPRESS [] Missing mechanism"},
	})
}

func TestSmallExtensionResponses(t *testing.T) {
	tests := []struct {
		name  string
		write func(w *Writer)
		want  string
	}{
		{"identifiers", func(w *Writer) {
			f := w.Fetch(1)
			f.EmailID("M6d99ac3275bb4e")
			f.ThreadID("T64b478a75b7ea9")
			f.ThreadID("")
			f.EmailID("a b")
			f.End()
		}, "* 1 FETCH (EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9) THREADID NIL EMAILID (a_b))\r\n"},
		{"preview", func(w *Writer) {
			f := w.Fetch(1)
			f.Preview(`See "this"`)
			f.Preview("")
			f.Preview("ü")
			f.PreviewNIL()
			f.End()
		}, "* 1 FETCH (PREVIEW \"See \\\"this\\\"\" PREVIEW \"\" PREVIEW {2}\r\nü PREVIEW NIL)\r\n"},
		{"long preview", func(w *Writer) {
			f := w.Fetch(1)
			f.Preview(strings.Repeat("ü", 300))
			f.End()
		}, "* 1 FETCH (PREVIEW {512}\r\n" + strings.Repeat("ü", 256) + ")\r\n"},
		{"preview at the limit", func(w *Writer) {
			f := w.Fetch(1)
			f.Preview(strings.Repeat("x", 256))
			f.End()
		}, "* 1 FETCH (PREVIEW \"" + strings.Repeat("x", 256) + "\")\r\n"},
		{"save date", func(w *Writer) {
			f := w.Fetch(1)
			f.SaveDate(time.Date(2026, 11, 3, 4, 5, 6, 0, time.UTC))
			f.End()
		}, "* 1 FETCH (SAVEDATE \" 3-Nov-2026 04:05:06 +0000\")\r\n"},
		{"quota", func(w *Writer) {
			w.QuotaRoots("Entwürfe", []string{"", "x y"})
			w.Quota("", []QuotaResource{{"STORAGE", 10, 512}, {"MESSAGE", -1, 9223372036854775807}})
			w.Quota("x", nil)
		}, "* QUOTAROOT \"Entw&APw-rfe\" \"\" \"x y\"\r\n* QUOTA \"\" (STORAGE 10 512 MESSAGE 0 9223372036854775807)\r\n* QUOTA \"x\" ()\r\n"},
		{"in progress", func(w *Writer) { w.Untagged(OK, CodeInProgress("A001", 454, 1000), "x") }, "* OK [INPROGRESS (\"A001\" 454 1000)] x\r\n"},
		{"begun", func(w *Writer) { w.Untagged(OK, CodeInProgress("A001", 0, 1000), "x") }, "* OK [INPROGRESS (\"A001\" 0 1000)] x\r\n"},
		{"without goal", func(w *Writer) { w.Untagged(OK, CodeInProgress("A001", 454, 0), "x") }, "* OK [INPROGRESS (\"A001\" 454 NIL)] x\r\n"},
		{"without any number", func(w *Writer) { w.Untagged(OK, CodeInProgress("A001", -1, 5), "x") }, "* OK [INPROGRESS (\"A001\" NIL NIL)] x\r\n"},
		{"tag that would end the code", func(w *Writer) { w.Untagged(OK, CodeInProgress("a]", 1, 2), "x") }, "* OK [INPROGRESS (NIL 1 2)] x\r\n"},
		{"compression", func(w *Writer) { w.Tagged("a", NO, CodeCompressionActive, "x") }, "a NO [COMPRESSIONACTIVE] x\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := written(t, tt.write); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
