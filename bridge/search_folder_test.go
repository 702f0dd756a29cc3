package bridge_test

import (
	"slices"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
)

func TestSearch(t *testing.T) {
	mails := []string{
		"From: Ann <ann@example.org>\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Wien\r\nDate: Mon, 02 Mar 2026 23:30:00 -0500\r\n\r\nHello World\r\n",
		"From: Bob <bob@example.com>\r\nCc: ann@example.org\r\nX-Tag: Blue Moon\r\nSubject: report\r\nDate: Tue, 03 Mar 2026 10:00:00 +0000\r\n" +
			"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nK=F6ln am Rhein\r\n--b\r\nContent-Type: application/octet-stream; name=secret.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nSGlkZGVu\r\n--b--\r\n",
	}
	key := func(op bridge.SearchOp, field, value string) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Field: field, Value: value}
	}
	on := func(op bridge.SearchOp, d int) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Date: time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC)}
	}
	combine := func(op bridge.SearchOp, keys ...bridge.SearchKey) bridge.SearchKey {
		return bridge.SearchKey{Op: op, Keys: keys}
	}
	tests := []struct {
		name string
		key  bridge.SearchKey
		want []uint32
		text bool // may read message text
	}{
		{"all", bridge.SearchKey{}, []uint32{1, 2}, false},
		{"from name", key(bridge.SearchHeader, "From", "ANN"), []uint32{1}, false},
		{"from address", key(bridge.SearchHeader, "from", "bob@EXAMPLE"), []uint32{2}, false},
		{"cc", key(bridge.SearchHeader, "Cc", "ann"), []uint32{2}, false},
		{"subject decoded", key(bridge.SearchHeader, "Subject", "GRÜSSE"), nil, false},
		{"subject umlaut", key(bridge.SearchHeader, "Subject", "grüße"), []uint32{1}, false},
		{"sent on, in UTC", on(bridge.SearchSentOn, 3), []uint32{1, 2}, false},
		{"sent since", on(bridge.SearchSentSince, 4), nil, false},
		{"received on", on(bridge.SearchOn, 4), []uint32{1, 2}, false},
		{"received before", on(bridge.SearchBefore, 4), nil, false},
		{"flag", bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagSeen}, []uint32{2}, false},
		{"not flag", combine(bridge.SearchNot, bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagSeen}), []uint32{1}, false},
		{"keyword", key(bridge.SearchKeyword, "", "BLUE_category"), []uint32{2}, false},
		{"uid", bridge.SearchKey{Op: bridge.SearchUIDs, Ranges: []bridge.UIDRange{{First: 2, Last: 9}}}, []uint32{2}, false},
		{"other header", key(bridge.SearchHeader, "x-tag", "blue"), []uint32{2}, true},
		{"header there", key(bridge.SearchHeader, "x-tag", ""), []uint32{2}, true},
		{"body", key(bridge.SearchBody, "", "hello w"), []uint32{1}, true},
		{"body charset", key(bridge.SearchBody, "", "KÖLN"), []uint32{2}, true},
		{"body not header", key(bridge.SearchBody, "", "blue moon"), nil, true},
		{"text header", key(bridge.SearchText, "", "blue moon"), []uint32{2}, true},
		{"not in binary", key(bridge.SearchBody, "", "hidden"), nil, true},
		{"or", combine(bridge.SearchOr, key(bridge.SearchBody, "", "hello"), key(bridge.SearchHeader, "x-tag", "moon")), []uint32{1, 2}, true},
		{"and decides early", combine(bridge.SearchAnd, key(bridge.SearchBody, "", "hello"), key(bridge.SearchHeader, "From", "nobody")), nil, false},
		{"larger", bridge.SearchKey{Op: bridge.SearchLarger, Size: 10}, []uint32{1, 2}, false},
		{"smaller", bridge.SearchKey{Op: bridge.SearchSmaller, Size: 10}, nil, false},
	}
	bubble(t, storetest.Options{}, bridge.MailboxOptions{}, func(r *rig) {
		for i, m := range mails {
			r.store.Deliver(r.store.Folder(bridge.RoleInbox), []byte(m), storetest.DeliverOptions{
				Received: time.Date(2026, 3, 4, 10+i, 0, 0, 0, time.UTC), Read: i == 1,
				Categories: [][]string{nil, {"Blue category"}}[i],
			})
		}
		f := r.folder("INBOX")
		for _, tt := range tests {
			r.store.ResetCalls()
			got, err := f.Search(r.ctx(), f.Snapshot(), tt.key, nil)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
			}
			if n := r.store.AllCalls(); n > 0 && !tt.text {
				t.Errorf("%s: asked the service %d times", tt.name, n)
			}
		}
		// Once the text was read, the day is that of the Date field as written.
		time.Sleep(5 * time.Second)
		if got, err := f.Search(r.ctx(), f.Snapshot(), on(bridge.SearchSentOn, 2), nil); err != nil || !slices.Equal(got, []uint32{1}) {
			t.Errorf("sent on, own zone: %v, %v; want [1]", got, err)
		}
	})
}
