package wire

import (
	"fmt"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

var extended = []string{"IMAP4rev1", "ENABLE", "UTF8=ACCEPT", "CONDSTORE", "ESEARCH", "SEARCHRES", "SORT", "THREAD=REFERENCES",
	"LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "STATUS=SIZE", "QUOTA", "BINARY", "LITERAL+"}

// TestClientMailboxes: LIST, STATUS, ENABLE and QUOTA as an independent client sees them.
func TestClientMailboxes(t *testing.T) {
	client := dialFor(t, extended, func(c *Command, w *Writer) Code {
		switch a := c.Args.(type) {
		case *Enable:
			w.Enabled(a.Capabilities)
		case *List:
			if !a.Select.Subscribed || !a.Select.RecursiveMatch || !a.Return.Children || len(a.Return.Status) != 2 || !slices.Contains(a.Return.Status, "SIZE") {
				t.Errorf("got LIST %+v", a)
			}
			w.ListEntry(&ListEntry{Attrs: []string{`\HasChildren`}, Delim: '/', Name: "Entwürfe & mehr", ChildInfo: []string{"SUBSCRIBED"}, OldName: "älter"})
			w.Status("Entwürfe & mehr", []StatusItem{{Name: "MESSAGES", Value: 3}, {Name: "SIZE", Value: 1 << 40}})
		case *Status:
			w.Status(a.Mailbox, []StatusItem{{Name: "HIGHESTMODSEQ", Value: 1 << 50}, {Name: "DELETED", Value: 2}, {Name: "APPENDLIMIT", Value: 9}})
		case *Mailbox:
			if c.Name == "GETQUOTAROOT" {
				w.QuotaRoots(a.Name, []string{""})
				w.Quota("", []QuotaResource{{"STORAGE", 10, 512}})
				return ""
			}
			if !a.CondStore {
				t.Errorf("got %s %+v, want CONDSTORE", c.Name, a)
			}
			w.Untagged(OK, CodeHighestModSeq(715194045007), "highest")
		}
		return ""
	})
	list, err := client.List("", "*", &imap.ListOptions{SelectSubscribed: true, SelectRecursiveMatch: true, ReturnChildren: true,
		ReturnStatus: &imap.StatusOptions{NumMessages: true, Size: true}}).Collect()
	if err != nil || len(list) != 1 || list[0].Mailbox != "Entwürfe & mehr" || list[0].OldName != "älter" ||
		list[0].ChildInfo == nil || !list[0].ChildInfo.Subscribed || list[0].Status == nil || *list[0].Status.Size != 1<<40 {
		t.Errorf("LIST: got %+v, %v", list, err)
	}
	st, err := client.Status("Gelöscht", &imap.StatusOptions{HighestModSeq: true, NumDeleted: true, AppendLimit: true}).Wait()
	if err != nil || st.Mailbox != "Gelöscht" || st.HighestModSeq != 1<<50 || *st.NumDeleted != 2 || *st.AppendLimit != 9 {
		t.Errorf("STATUS: got %+v, %v", st, err)
	}
	if _, err := client.Enable(imap.CapUTF8Accept).Wait(); err != nil {
		t.Errorf("ENABLE: %v", err)
	}
	sel, err := client.Select("INBOX", &imap.SelectOptions{CondStore: true}).Wait()
	if err != nil || sel.HighestModSeq != 715194045007 {
		t.Errorf("SELECT: got %+v, %v", sel, err)
	}
	quota, err := client.GetQuotaRoot("INBOX").Wait()
	if err != nil || len(quota) != 1 || quota[0].Resources["STORAGE"] != (imapclient.QuotaResourceData{Usage: 10, Limit: 512}) {
		t.Errorf("GETQUOTAROOT: got %+v, %v", quota, err)
	}
}

// TestClientMessages: ESEARCH, SORT, THREAD, MODSEQ and BINARY as an independent
// client sees them.
func TestClientMessages(t *testing.T) {
	client := dialFor(t, extended, func(c *Command, w *Writer) Code {
		switch a := c.Args.(type) {
		case *Search:
			w.ESearch(&ESearch{Tag: c.Tag, UID: c.UID, Return: a.Return, Nums: []uint32{2, 3, 4, 900}, ModSeq: 917162500})
		case *Sort:
			if len(a.Criteria) != 1 || a.Criteria[0] != (SortCriterion{"DATE", true}) {
				t.Errorf("got SORT %+v", a)
			}
			w.Sort([]uint32{5, 3, 4, 1}, 0)
		case *Thread:
			w.Threads([]ThreadNode{{Num: 2}, {Num: 3, Children: []ThreadNode{{Num: 6, Children: []ThreadNode{{Num: 4}, {Num: 44}}}}}})
		case *Store:
			if a.UnchangedSince == nil || *a.UnchangedSince != 12 {
				t.Errorf("got STORE %+v", a)
			}
		case *Fetch:
			if a.ChangedSince == nil || *a.ChangedSince != 12 {
				t.Errorf("got FETCH %+v", a)
			}
			f := w.Fetch(1)
			f.ModSeq(12121231000)
			for i := range a.Items {
				switch a.Items[i].Kind {
				case FetchBinary:
					f.SectionBytes(&a.Items[i], []byte("a\x00b"))
				case FetchBinarySize:
					f.BinarySize(&a.Items[i], 3)
				}
			}
			f.End()
		}
		return ""
	})
	found, err := client.UIDSearch(&imap.SearchCriteria{Text: []string{"x"}},
		&imap.SearchOptions{ReturnMin: true, ReturnMax: true, ReturnAll: true, ReturnCount: true}).Wait()
	if err != nil || found.Min != 2 || found.Max != 900 || found.Count != 4 || found.All.String() != "2:4,900" || found.ModSeq != 917162500 {
		t.Errorf("SEARCH: got %+v, %v", found, err)
	}
	sorted, err := client.Sort(&imapclient.SortOptions{SearchCriteria: &imap.SearchCriteria{},
		SortCriteria: []imapclient.SortCriterion{{Key: imapclient.SortKeyDate, Reverse: true}}}).Wait()
	if err != nil || fmt.Sprint(sorted) != "[5 3 4 1]" {
		t.Errorf("SORT: got %v, %v", sorted, err)
	}
	threads, err := client.Thread(&imapclient.ThreadOptions{Algorithm: imap.ThreadReferences, SearchCriteria: &imap.SearchCriteria{}}).Wait()
	if got := fmt.Sprint(threads); err != nil || got != "[{[2] []} {[3 6] [{[4] []} {[44] []}]}]" {
		t.Errorf("THREAD: got %s, %v", got, err)
	}
	if err := client.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagSeen}},
		&imap.StoreOptions{UnchangedSince: 12}).Close(); err != nil {
		t.Errorf("STORE: %v", err)
	}
	msgs, err := client.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{ModSeq: true, ChangedSince: 12,
		BinarySection:     []*imap.FetchItemBinarySection{{Part: []int{1, 2}, Peek: true}},
		BinarySectionSize: []*imap.FetchItemBinarySectionSize{{Part: []int{3}}}}).Collect()
	if err != nil || len(msgs) != 1 || msgs[0].ModSeq != 12121231000 || len(msgs[0].BinarySection) != 1 ||
		string(msgs[0].BinarySection[0].Bytes) != "a\x00b" || len(msgs[0].BinarySectionSize) != 1 || msgs[0].BinarySectionSize[0].Size != 3 {
		t.Errorf("FETCH: got %+v, %v", msgs, err)
	}
}
