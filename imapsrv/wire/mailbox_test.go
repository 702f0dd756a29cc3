package wire

import (
	"bytes"
	"strings"
	"testing"

	"mail2graph/bridge/mimepart"
)

func TestExtendedMailboxCommands(t *testing.T) {
	checkCommands(t, []commandTest{
		{in: `a LIST (SUBSCRIBED) "" "*"`, name: "LIST", args: &List{Pattern: "*", Extended: true, Select: ListSelect{Subscribed: true}}},
		{in: `a LIST () "" %`, name: "LIST", args: &List{Pattern: "%", Extended: true}},
		{in: `a LIST (RECURSIVEMATCH subscribed REMOTE SPECIAL-USE) "" "*"`, name: "LIST", args: &List{Pattern: "*", Extended: true,
			Select: ListSelect{Subscribed: true, Remote: true, RecursiveMatch: true, SpecialUse: true}}},
		{in: `a LIST "" ("INBOX" "Drafts" Sent/%)`, name: "LIST",
			args: &List{Pattern: "INBOX", Patterns: []string{"INBOX", "Drafts", "Sent/%"}, Extended: true}},
		{in: `a LIST "" "Entw&APw-rfe" RETURN ()`, name: "LIST", args: &List{Pattern: "Entwürfe", Extended: true}},
		{in: `a LIST "" % return (Children SUBSCRIBED SPECIAL-USE)`, name: "LIST", args: &List{Pattern: "%", Extended: true,
			Return: ListReturn{Subscribed: true, Children: true, SpecialUse: true}}},
		{in: `a LIST "" % RETURN (STATUS (MESSAGES UNSEEN SIZE) CHILDREN)`, name: "LIST", args: &List{Pattern: "%", Extended: true,
			Return: ListReturn{Children: true, Status: []string{"MESSAGES", "UNSEEN", "SIZE"}}}},
		{in: `a LIST (SPECIAL-USE) {1+}` + "\r\nx" + ` {1+}` + "\r\n" + `* RETURN (CHILDREN)`, name: "LIST", args: &List{Reference: "x",
			Pattern: "*", Extended: true, Select: ListSelect{SpecialUse: true}, Return: ListReturn{Children: true}}},
		{in: "a STATUS x (size DELETED DELETED-STORAGE HIGHESTMODSEQ MAILBOXID APPENDLIMIT)", name: "STATUS", args: &Status{Mailbox: "x",
			Items: []string{"SIZE", "DELETED", "DELETED-STORAGE", "HIGHESTMODSEQ", "MAILBOXID", "APPENDLIMIT"}}},
		{in: `a CREATE x (USE (\Sent \Drafts))`, name: "CREATE", args: &Mailbox{Name: "x", Use: []string{`\Sent`, `\Drafts`}}},
		{in: `a CREATE x (USE ())`, name: "CREATE", args: &Mailbox{Name: "x"}},
		{in: "a ENABLE utf8=accept X-FUTURE CONDSTORE ", name: "ENABLE", args: &Enable{[]string{"UTF8=ACCEPT", "X-FUTURE", "CONDSTORE"}}},
	})
	checkErrors(t, []errorTest{
		{`a LIST (XYZZY) "" "*"`, "a BAD LIST [] Unknown LIST option"},
		{`a LIST (RECURSIVEMATCH) "" "*"`, "a BAD LIST [] RECURSIVEMATCH alone selects nothing"},
		{`a LIST (RECURSIVEMATCH REMOTE) "" "*"`, "a BAD LIST [] RECURSIVEMATCH alone selects nothing"},
		{`a LIST "" ()`, "a BAD LIST [] Missing or invalid mailbox pattern"},
		{`a LIST "" "*" RETURN`, "a BAD LIST [] Unexpected text at the end of the command"},
		{`a LIST "" "*" RETURN CHILDREN`, "a BAD LIST [] Missing parenthesis"},
		{`a LIST "" "*" RETURN (XYZZY)`, "a BAD LIST [] Unknown RETURN option"},
		{`a LIST "" "*" RETURN (STATUS ())`, "a BAD LIST [] Unknown STATUS item"},
		{`a LIST "" "*" RETURN (STATUS)`, "a BAD LIST [] Unexpected character in command"},
		{`a LSUB "" "*" RETURN (CHILDREN)`, "a BAD LSUB [] Unexpected text at the end of the command"},
		{`a CREATE x (\Sent)`, "a BAD CREATE [] Unknown CREATE parameter"},
		{"a ENABLE", "a BAD ENABLE [] Missing argument"},
		{"a ENABLE  ", "a BAD ENABLE [] Missing capability"},
		{"a ENABLE (CONDSTORE)", "a BAD ENABLE [] Missing capability"},
	})
	for _, in := range []string{"a ENABLE QRESYNC", "a STATUS x (HIGHESTMODSEQ)", `a LIST "" * RETURN (STATUS (HIGHESTMODSEQ))`} {
		if cmd, err := parseOne(t, in); err != nil || !cmd.EnablesCondStore() {
			t.Errorf("%s: does not enable CONDSTORE (%v)", in, err)
		}
	}
}

func TestExtendedMailboxResponses(t *testing.T) {
	tests := []struct {
		name  string
		write func(w *Writer)
		want  string
	}{
		{"plain", func(w *Writer) { w.ListEntry(&ListEntry{Attrs: []string{`\Subscribed`}, Delim: '/', Name: "ä"}) },
			"* LIST (\\Subscribed) \"/\" \"&AOQ-\"\r\n"},
		{"children", func(w *Writer) {
			w.ListEntry(&ListEntry{Delim: '/', Name: "x", ChildInfo: []string{"SUBSCRIBED", "SPECIAL-USE"}})
		},
			"* LIST () \"/\" \"x\" (\"CHILDINFO\" (\"SUBSCRIBED\" \"SPECIAL-USE\"))\r\n"},
		{"old name", func(w *Writer) { w.ListEntry(&ListEntry{Delim: '/', Name: "x", OldName: "ä"}) },
			"* LIST () \"/\" \"x\" (\"OLDNAME\" (\"&AOQ-\"))\r\n"},
		{"both", func(w *Writer) { w.ListEntry(&ListEntry{Name: "x", ChildInfo: []string{"SUBSCRIBED"}, OldName: "y"}) },
			"* LIST () NIL \"x\" (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"y\"))\r\n"},
		{"enabled", func(w *Writer) { w.Enabled([]string{"CONDSTORE", "UTF8=ACCEPT"}) }, "* ENABLED CONDSTORE UTF8=ACCEPT\r\n"},
		{"nothing enabled", func(w *Writer) { w.Enabled(nil) }, "* ENABLED\r\n"},
		{"status", func(w *Writer) {
			w.Status("x", []StatusItem{{Name: "SIZE", Value: 1 << 40}, {Name: "MAILBOXID", ID: "F2212ea87-6097"}, {Name: "DELETED"}})
		}, "* STATUS \"x\" (SIZE 1099511627776 MAILBOXID (F2212ea87-6097) DELETED 0)\r\n"},
		{"mailbox identifier", func(w *Writer) { w.Tagged("a", OK, CodeMailboxID("F/2="), "x") }, "a OK [MAILBOXID (F_2_)] x\r\n"},
		{"long identifier", func(w *Writer) { w.Tagged("a", OK, CodeMailboxID(strings.Repeat("x", 300)), "x") },
			"a OK [MAILBOXID (" + strings.Repeat("x", 255) + ")] x\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := written(t, tt.write); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestUTF8Mode: after ENABLE names and strings are UTF-8 both ways.
func TestUTF8Mode(t *testing.T) {
	in := strings.Join([]string{`a SELECT "Entw&APw-rfe"`, "b SELECT Entw\xc3\xbcrfe", "c LIST \"\" \"A&B/*\"", "d SELECT \"\xfc\"",
		"e SEARCH CHARSET UTF-8 SUBJECT ü", "f SEARCH CHARSET ISO-8859-1 SUBJECT \"\xfc\"", "g SELECT &APw-", ""}, "\r\n")
	r := NewReader(strings.NewReader(in), ReaderOptions{})
	r.SetUTF8(true)
	var got []string
	for range 7 {
		if len(got) == 6 {
			r.SetUTF8(false)
		}
		cmd, err := r.ReadCommand()
		if err != nil {
			got = append(got, describe(err))
			continue
		}
		switch a := cmd.Args.(type) {
		case *Mailbox:
			got = append(got, a.Name)
		case *List:
			got = append(got, a.Pattern)
		case *Search:
			got = append(got, a.Key.Value)
		}
	}
	if want := "Entw&APw-rfe|Entwürfe|A&B/*|d BAD|ü|ü|ü"; strings.Join(got, "|") != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}

	var out bytes.Buffer
	w := NewWriter(&out)
	w.SetDialect(UTF8)
	w.List(nil, '/', "Entwürfe & \"mehr\"")
	w.Status("ü", []StatusItem{{Name: "MESSAGES"}})
	f := w.Fetch(1)
	f.Envelope(&mimepart.Envelope{Subject: "grüße", From: []mimepart.Address{{Name: "J\xf6rg", Mailbox: "jörg", Host: "例え.jp"}}})
	f.BodyStructure(&mimepart.Part{Type: "text", Subtype: "plain", Description: "ü\r\n", Params: []mimepart.Param{{Name: "a*", Value: "b''c"}}, DispParams: []mimepart.Param{{Name: "filename", Value: "ü"}}, Disposition: "inline"})
	f.End()
	w.SetDialect(Rev1)
	w.List(nil, '/', "ü")
	w.SetDialect(Rev2)
	f = w.Fetch(2)
	f.Body(&mimepart.Part{Type: "text", Subtype: "plain", Params: []mimepart.Param{{Name: "a*", Value: "utf-8''%C3%BC"}}, Encoding: "7bit"})
	f.End()
	w.Flush()
	const from = "((" + "{4}\r\nJ\xf6rg NIL \"jörg\" \"例え.jp\"))"
	want := "* LIST () \"/\" \"Entwürfe & \\\"mehr\\\"\"\r\n* STATUS \"ü\" (MESSAGES 0)\r\n" +
		"* 1 FETCH (ENVELOPE (NIL \"grüße\" " + from + " " + from + " " + from + " NIL NIL NIL NIL NIL)" +
		" BODYSTRUCTURE (\"text\" \"plain\" (\"a*\" \"b''c\" \"charset\" \"us-ascii\") NIL {4}\r\nü\r\n \"\" 0 0 NIL (\"inline\" (\"filename\" \"ü\")) NIL NIL))\r\n" +
		"* LIST () \"/\" \"&APw-\"\r\n" +
		"* 2 FETCH (BODY (\"text\" \"plain\" (\"a*\" \"ü\" \"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0))\r\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	if _, err := readResponses(&grammar{b: out.Bytes(), utf8: true}); err != nil {
		t.Error(err)
	}
}
