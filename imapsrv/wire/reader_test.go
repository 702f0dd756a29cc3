package wire

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
)

// parseOne reads one command from its text (without the last CRLF). Literals
// are taken as if the client had waited.
func parseOne(t *testing.T, text string) (*Command, error) {
	t.Helper()
	r := NewReader(strings.NewReader(text+"\r\n"), ReaderOptions{Continue: func() error { return nil }})
	return r.ReadCommand()
}

// commandTest is a command and what it must be read as.
type commandTest struct {
	in   string
	name string
	uid  bool
	args any
}

func checkCommands(t *testing.T, tests []commandTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := parseOne(t, tt.in)
			if err != nil {
				t.Fatalf("got error %v, want %s", err, tt.name)
			}
			if tag, _, _ := strings.Cut(tt.in, " "); got.Tag != tag {
				t.Errorf("got tag %q, want %q", got.Tag, tag)
			}
			if got.Name != tt.name || got.UID != tt.uid {
				t.Errorf("got %s (UID %v), want %s (UID %v)", got.Name, got.UID, tt.name, tt.uid)
			}
			if !reflect.DeepEqual(got.Args, tt.args) {
				t.Errorf("got  %+v\nwant %+v", got.Args, tt.args)
			}
		})
	}
}

// errorTest is a command that is refused and what is said of it: Tag, Condition,
// Name, Code and Text.
type errorTest struct{ in, want string }

func checkErrors(t *testing.T, tests []errorTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.60q", tt.in), func(t *testing.T) {
			r := NewReader(strings.NewReader(tt.in+"\r\nnext NOOP\r\n"), ReaderOptions{Continue: func() error { return nil }})
			cmd, err := r.ReadCommand()
			var se *SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("got %+v, %v, want a SyntaxError", cmd, err)
			}
			got := fmt.Sprintf("%s %s %s [%s] %s", se.Tag, se.Condition(), se.Name, se.Code, se.Text)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			next, err := r.ReadCommand()
			if err != nil || next.Tag != "next" {
				t.Errorf("got %+v, %v after it, want the next command", next, err)
			}
		})
	}
}

func ranges(pairs ...uint32) []bridge.UIDRange {
	var s []bridge.UIDRange
	for i := 0; i < len(pairs); i += 2 {
		s = append(s, bridge.UIDRange{First: pairs[i], Last: pairs[i+1]})
	}
	return s
}

func set(pairs ...uint32) NumSet { return ranges(pairs...) }

func TestReadCommand(t *testing.T) {
	day := time.Date(1994, 2, 1, 0, 0, 0, 0, time.UTC)
	seen := bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagSeen}
	all := bridge.SearchKey{Op: bridge.SearchAll}
	and := func(keys ...bridge.SearchKey) bridge.SearchKey {
		return bridge.SearchKey{Op: bridge.SearchAnd, Keys: keys}
	}
	header := func(field, value string) bridge.SearchKey {
		return bridge.SearchKey{Op: bridge.SearchHeader, Field: field, Value: value}
	}
	search := func(keys ...bridge.SearchKey) any {
		if len(keys) == 1 {
			return &Search{Key: keys[0]}
		}
		return &Search{Key: and(keys...)}
	}
	section := func(s Section) any {
		return &Fetch{Set: set(1, 1), Items: []FetchItem{{Kind: FetchSection, Section: s}}}
	}
	plain := func(kinds ...FetchKind) any {
		f := &Fetch{Set: set(1, 1)}
		for _, k := range kinds {
			f.Items = append(f.Items, FetchItem{Kind: k})
		}
		return f
	}
	checkCommands(t, []commandTest{
		{in: "a NOOP", name: "NOOP"},
		{in: "a noop  ", name: "NOOP"},
		{in: "a\x7e!#$&'.]-1 nOoP", name: "NOOP"},
		{in: "a EXPUNGE", name: "EXPUNGE"},
		{in: "a idle", name: "IDLE"},
		{in: "a UNSELECT", name: "UNSELECT"},

		{in: "a LOGIN fred secret", name: "LOGIN", args: &Login{"fred", "secret"}},
		{in: `a LOGIN "fr\"ed" "\\x{3}"`, name: "LOGIN", args: &Login{`fr"ed`, `\x{3}`}},
		{in: `a LOGIN "" ""`, name: "LOGIN", args: &Login{}},
		{in: "a LOGIN {4}\r\nfred {6+}\r\na\r\n\"\\b", name: "LOGIN", args: &Login{"fred", "a\r\n\"\\b"}},
		{in: "a LOGIN {0}\r\n {0+}\r\n", name: "LOGIN", args: &Login{}},
		{in: "a LOGIN {007}\r\npat-bob x", name: "LOGIN", args: &Login{"pat-bob", "x"}},
		{in: "a LOGIN j\xc3\xb6rg \"p\xc3\xa4ss\"", name: "LOGIN", args: &Login{"jörg", "päss"}},
		{in: "a LOGIN  a]b  c", name: "LOGIN", args: &Login{"a]b", "c"}},

		{in: "a AUTHENTICATE plain", name: "AUTHENTICATE", args: &Authenticate{Mechanism: "PLAIN"}},
		{in: "a AUTHENTICATE PLAIN =", name: "AUTHENTICATE", args: &Authenticate{"PLAIN", []byte{}}},
		{in: "a AUTHENTICATE PLAIN AGEAYg==", name: "AUTHENTICATE", args: &Authenticate{"PLAIN", []byte("\x00a\x00b")}},

		{in: "a SELECT inbox", name: "SELECT", args: &Mailbox{Name: "inbox"}},
		{in: `a EXAMINE "Entw&APw-rfe"`, name: "EXAMINE", args: &Mailbox{Name: "Entwürfe"}},
		{in: "a SELECT Entw\xc3\xbcrfe", name: "SELECT", args: &Mailbox{Name: "Entwürfe"}},
		{in: "a CREATE {3}\r\na\"b", name: "CREATE", args: &Mailbox{Name: `a"b`}},
		{in: "a DELETE A&B", name: "DELETE", args: &Mailbox{Name: "A&B"}},
		{in: "a RENAME old {3+}\r\nnew", name: "RENAME", args: &Rename{"old", "new"}},
		{in: `a LIST "" *`, name: "LIST", args: &List{Pattern: "*"}},
		{in: `a LIST "" "%/x&-*"`, name: "LIST", args: &List{Pattern: "%/x&*"}},
		{in: `a LSUB #news. comp.%`, name: "LSUB", args: &List{Reference: "#news.", Pattern: "comp.%"}},
		{in: `a LIST "" ""`, name: "LIST", args: &List{}},
		{in: "a STATUS x (uidnext MESSAGES)", name: "STATUS", args: &Status{"x", []string{"UIDNEXT", "MESSAGES"}}},
		{in: "a STATUS x ( UNSEEN )", name: "STATUS", args: &Status{"x", []string{"UNSEEN"}}},
		{in: "a ID NIL", name: "ID", args: &ID{}},
		{in: "a ID ()", name: "ID", args: &ID{map[string]string{}}},
		{in: `a ID ("Name" "x" "version" NIL {2}` + "\r\n" + `os {3}` + "\r\nwin)", name: "ID",
			args: &ID{map[string]string{"name": "x", "version": "", "os": "win"}}},

		{in: "a COPY 2,4:7,9,12:* x", name: "COPY", args: &Copy{set(2, 2, 4, 7, 9, 9, 12, 0), "x"}},
		{in: "a UID MOVE *:5,7:3,* x", name: "MOVE", uid: true, args: &Copy{set(5, 0, 3, 7, 0, 0), "x"}},
		{in: "a MOVE 4294967295 x", name: "MOVE", args: &Copy{set(4294967295, 4294967295), "x"}},
		{in: "a uid expunge *:*", name: "EXPUNGE", uid: true, args: &Expunge{set(0, 0)}},

		{in: `a STORE 1 FLAGS (\Seen Work)`, name: "STORE",
			args: &Store{Set: set(1, 1), Op: bridge.FlagsReplace, Flags: []string{`\Seen`, "Work"}}},
		{in: `a UID STORE 1 +flags.silent \Deleted $Forwarded`, name: "STORE", uid: true,
			args: &Store{Set: set(1, 1), Op: bridge.FlagsAdd, Silent: true, Flags: []string{`\Deleted`, "$Forwarded"}}},
		{in: `a STORE 1 -FLAGS ()`, name: "STORE", args: &Store{Set: set(1, 1), Op: bridge.FlagsRemove}},
		{in: `a STORE 1 FLAGS \XFuture`, name: "STORE", args: &Store{Set: set(1, 1), Flags: []string{`\XFuture`}}},

		{in: "a FETCH 1 FAST", name: "FETCH", args: plain(FetchFlags, FetchInternalDate, FetchSize)},
		{in: "a FETCH 1 all", name: "FETCH", args: plain(FetchFlags, FetchInternalDate, FetchSize, FetchEnvelope)},
		{in: "a FETCH 1 FULL", name: "FETCH", args: plain(FetchFlags, FetchInternalDate, FetchSize, FetchEnvelope, FetchBody)},
		{in: "a FETCH 1 (UID  bodystructure )", name: "FETCH", args: plain(FetchUID, FetchBodyStructure)},
		{in: "a FETCH 1 BODY", name: "FETCH", args: plain(FetchBody)},
		{in: "a FETCH 1 BODY[]", name: "FETCH", args: section(Section{})},
		{in: "a FETCH 1 body[1.2.3]", name: "FETCH", args: section(Section{Path: []int{1, 2, 3}})},
		{in: "a FETCH 1 BODY[4.MIME]", name: "FETCH", args: section(Section{Path: []int{4}, Specifier: "MIME"})},
		{in: "a FETCH 1 BODY[4.1.text]<0.2048>", name: "FETCH",
			args: section(Section{Path: []int{4, 1}, Specifier: "TEXT", Partial: true, Count: 2048})},
		{in: "a FETCH 1 BODY[HEADER.FIELDS (Date {4}\r\nFrom \"X-A\")]", name: "FETCH",
			args: section(Section{Specifier: "HEADER.FIELDS", Fields: []string{"Date", "From", "X-A"}})},
		{in: "a FETCH 1 BODY[2.header.fields.not ( a ) ]<5.1>", name: "FETCH", args: section(Section{
			Path: []int{2}, Specifier: "HEADER.FIELDS.NOT", Fields: []string{"a"}, Partial: true, Offset: 5, Count: 1})},
		{in: "a UID FETCH 1 (BODY.PEEK[HEADER] RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)", name: "FETCH", uid: true,
			args: &Fetch{Set: set(1, 1), Items: []FetchItem{
				{Kind: FetchSection, Section: Section{Specifier: "HEADER"}, Peek: true},
				{Kind: FetchSection, Legacy: "RFC822"},
				{Kind: FetchSection, Legacy: "RFC822.HEADER", Section: Section{Specifier: "HEADER"}, Peek: true},
				{Kind: FetchSection, Legacy: "RFC822.TEXT", Section: Section{Specifier: "TEXT"}},
				{Kind: FetchSize},
			}}},

		{in: "a SEARCH ALL", name: "SEARCH", args: search(all)},
		{in: "a UID SEARCH unseen 2:*", name: "SEARCH", uid: true,
			args: search(not(seen), bridge.SearchKey{Op: bridge.SearchSeqs, Ranges: ranges(2, 0)})},
		{in: "a SEARCH SMALLER 5 SINCE 1-Jan-2000", name: "SEARCH", args: search(
			bridge.SearchKey{Op: bridge.SearchSmaller, Size: 5},
			bridge.SearchKey{Op: bridge.SearchSince, Date: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})},
		{in: `a SEARCH BEFORE "1-feb-1994" SENTON 01-FEB-1994 ON " 1-Feb-1994"`, name: "SEARCH", args: search(
			bridge.SearchKey{Op: bridge.SearchBefore, Date: day},
			bridge.SearchKey{Op: bridge.SearchSentOn, Date: day},
			bridge.SearchKey{Op: bridge.SearchOn, Date: day})},
		{in: "a SEARCH NEW OLD RECENT", name: "SEARCH", args: search(
			and(bridge.SearchKey{Op: bridge.SearchRecent}, not(seen)),
			not(bridge.SearchKey{Op: bridge.SearchRecent}),
			bridge.SearchKey{Op: bridge.SearchRecent})},
		{in: "a SEARCH ANSWERED UNDELETED DRAFT FLAGGED", name: "SEARCH", args: search(
			bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagAnswered},
			not(bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagDeleted}),
			bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagDraft},
			bridge.SearchKey{Op: bridge.SearchFlag, Flag: bridge.FlagFlagged})},
		{in: "a SEARCH KEYWORD $Work UNKEYWORD x", name: "SEARCH", args: search(
			bridge.SearchKey{Op: bridge.SearchKeyword, Value: "$Work"},
			not(bridge.SearchKey{Op: bridge.SearchKeyword, Value: "x"}))},
		{in: `a SEARCH HEADER Message-ID "<a@b>" HEADER x "" LARGER 4294967296`, name: "SEARCH", args: search(
			header("Message-ID", "<a@b>"), header("x", ""),
			bridge.SearchKey{Op: bridge.SearchLarger, Size: 4294967296})},
		{in: "a SEARCH FROM a TO b CC c BCC d SUBJECT {1}\r\ne BODY f TEXT g", name: "SEARCH", args: search(
			header("From", "a"), header("To", "b"), header("Cc", "c"), header("Bcc", "d"), header("Subject", "e"),
			bridge.SearchKey{Op: bridge.SearchBody, Value: "f"}, bridge.SearchKey{Op: bridge.SearchText, Value: "g"})},
		{in: "a SEARCH OR (FROM a SEEN) NOT ( UID 5,7 ) ALL", name: "SEARCH", args: search(
			bridge.SearchKey{Op: bridge.SearchOr, Keys: []bridge.SearchKey{
				and(header("From", "a"), seen),
				not(bridge.SearchKey{Op: bridge.SearchUIDs, Ranges: ranges(5, 5, 7, 7)}),
			}}, all)},
		{in: "a SEARCH ((((ALL))))", name: "SEARCH", args: search(all)},
		{in: "a SEARCH CHARSET utf-8 SUBJECT {3+}\r\n\xe2\x82\xac", name: "SEARCH",
			args: &Search{Charset: "UTF-8", Key: header("Subject", "€")}},
		{in: "a SEARCH CHARSET \"ISO-8859-15\" SUBJECT \"\xa4\"", name: "SEARCH",
			args: &Search{Charset: "ISO-8859-15", Key: header("Subject", "€")}},
		{in: "a SEARCH CHARSET US-ASCII TEXT a", name: "SEARCH",
			args: &Search{Charset: "US-ASCII", Key: bridge.SearchKey{Op: bridge.SearchText, Value: "a"}}},
		{in: "a SEARCH CHARSET KOI8-R TEXT {2}\r\n\xd4\xc1", name: "SEARCH",
			args: &Search{Charset: "KOI8-R", Key: bridge.SearchKey{Op: bridge.SearchText, Value: "та"}}},
		{in: "a SEARCH TEXT \xc3\xbc", name: "SEARCH", args: search(bridge.SearchKey{Op: bridge.SearchText, Value: "ü"})},
	})
}

// TestRealCommands: lines that mail programs send, to be accepted as they are.
func TestRealCommands(t *testing.T) {
	for _, line := range []string{
		`2 id ("name" "Thunderbird" "version" "153.0.1")`,
		`7 lsub "" "*"`,
		`8 list "" "INBOX.%"`,
		`9 select "INBOX"`,
		`10 UID fetch 1:* (FLAGS)`,
		`11 UID fetch 5 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority ` +
			`X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])`,
		`12 UID fetch 5 (UID RFC822.SIZE BODY.PEEK[])`,
		`13 uid store 5 +Flags (\Seen $MDNSent)`,
		`14 uid copy 5:6 "Trash"`,
		`15 append "Sent" (\Seen) "21-Nov-2026 10:00:00 +0100" {310+}`,
		`a0001 AUTHENTICATE PLAIN am9lAGpvZQBzZWNyZXQ=`,
		`a0004 FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE FROM SENDER SUBJECT TO CC MESSAGE-ID ` +
			`REFERENCES CONTENT-TYPE CONTENT-DESCRIPTION IN-REPLY-TO REPLY-TO LINES LIST-POST LIST-SUBSCRIBE LIST-UNSUBSCRIBE X-LABEL X-ORIGINAL-TO)])`,
		`A0003 FETCH 1 RFC822.HEADER`,
		`A0004 FETCH 1 BODY.PEEK[TEXT]`,
		`A5 FETCH 1 (BODY[1.MIME])`,
		`A6 FETCH 1 (BODY[2]<16384.16384>)`,
		`A7 FETCH 1:5 (ENVELOPE INTERNALDATE RFC822.SIZE FLAGS BODYSTRUCTURE)`,
		`A8 SEARCH CHARSET UTF-8 OR FROM "x" SUBJECT "y" ALL`,
		`IIHN5 UID STORE 1,2 FLAGS.SILENT (\Seen \Deleted)`,
		`4 UID FETCH 1:* (UID FLAGS)`,
		`1013 UID SEARCH CHARSET UTF-8 UNSEEN UNDELETED`,
		`1014 STATUS "INBOX" (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)`,
		`1015 UID SEARCH HEADER Message-Id <a.b@c>`,
		`1016 UID EXPUNGE 4,6:8`,
		`1017 CREATE Archiv/2026`,
		`1018 FETCH 2:4 ALL`,
	} {
		if _, err := parseOne(t, line); err != nil {
			t.Errorf("%s: got %v", line, err)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	deep := strings.Repeat("NOT ", maxSearchDepth) + "ALL"
	checkErrors(t, []errorTest{
		{"a", "a BAD  [] Missing command"},
		{"a ", "a BAD  [] Unknown command"},
		{" a NOOP", "* BAD  [] Invalid tag"},
		{"a+ NOOP", "* BAD  [] Invalid tag"},
		{"a\tNOOP", "* BAD  [] Invalid tag"},
		{"+OK", "* BAD  [] Invalid tag"},
		{"\xff\xfe\x00 x", "* BAD  [] Invalid tag"},
		{"GET / HTTP/1.1", "GET BAD  [] Unknown command"},
		{"a XYZZY 1 2", "a BAD  [] Unknown command"},
		{"a UID", "a BAD  [] Missing argument"},
		{"a UID NOOP", "a BAD  [] Unknown command"},
		{"a " + strings.Repeat("X", 500), "a BAD  [] Unknown command"},
		{"a NOOP x", "a BAD NOOP [] Unexpected text at the end of the command"},
		{"a NOOP\x00", "a BAD NOOP [] Unexpected text at the end of the command"},
		{"a EXPUNGE 1", "a BAD EXPUNGE [] Unexpected text at the end of the command"},

		{"a LOGIN", "a BAD LOGIN [] Missing argument"},
		{"a LOGIN ", "a BAD LOGIN [] Missing or invalid string"},
		{"a LOGIN x", "a BAD LOGIN [] Missing argument"},
		{`a LOGIN "x y`, "a BAD LOGIN [] Unterminated quoted string"},
		{`a LOGIN "x\y" z`, "a BAD LOGIN [] Invalid escape in quoted string"},
		{`a LOGIN "x\`, "a BAD LOGIN [] Invalid escape in quoted string"},
		{"a LOGIN \"x\rz\" z", "a BAD LOGIN [] Invalid character in quoted string"},
		{"a LOGIN \"x\x00\" z", "a BAD LOGIN [] Invalid character in quoted string"},
		{`a LOGIN "x"y z`, "a BAD LOGIN [] Unexpected character in command"},
		{"a LOGIN {x} y", "a BAD LOGIN [] Invalid literal"},
		{"a LOGIN {3", "a BAD LOGIN [] Invalid literal"},
		{"a LOGIN {3} ", "a BAD LOGIN [] Invalid literal"},
		{"a LOGIN {x{3}", "a BAD LOGIN [] Invalid literal"},
		{"a LOGIN {-3}", "a BAD LOGIN [] Invalid literal"},
		{"a LOGIN {65537}", "a BAD LOGIN [TOOBIG] Literal too large"},
		{"a LOGIN {99999999999999999999999999}", "a BAD LOGIN [TOOBIG] Literal too large"},
		{"a LOGIN {3}\r\na\x00b x", "a BAD LOGIN [] NUL in literal"},
		{"a LOGIN ~{3+}\r\nabc x", "a BAD LOGIN [] Unexpected character in command"},
		{"a LOGIN a b c", "a BAD LOGIN [] Unexpected text at the end of the command"},
		{"a AUTHENTICATE", "a BAD AUTHENTICATE [] Missing argument"},
		{"a AUTHENTICATE PLAIN ====", "a BAD AUTHENTICATE [] Invalid base64"},
		{"a AUTHENTICATE PLAIN YQ== x", "a BAD AUTHENTICATE [] Unexpected text at the end of the command"},

		{"a SELECT \xfc", "a BAD SELECT [] Invalid UTF-8"},
		{"a SELECT x (XYZZY)", "a BAD SELECT [] Unknown SELECT parameter"},
		{"a DELETE x (CONDSTORE)", "a BAD DELETE [] Unexpected text at the end of the command"},
		{"a SELECT x%", "a BAD SELECT [] Unexpected text at the end of the command"},
		{`a LSUB (SUBSCRIBED) "" "*"`, "a BAD LSUB [] Missing or invalid string"},
		{`a LSUB "" (a b)`, "a BAD LSUB [] Missing or invalid mailbox pattern"},
		{"a STATUS x", "a BAD STATUS [] Missing argument"},
		{"a STATUS x ()", "a BAD STATUS [] Unknown STATUS item"},
		{"a STATUS x (XMODSEQ)", "a BAD STATUS [] Unknown STATUS item"},
		{"a STATUS x (MESSAGES UNSEEN", "a BAD STATUS [] Invalid list"},
		{"a STATUS x MESSAGES", "a BAD STATUS [] Missing parenthesis"},
		{`a ID ("name")`, "a BAD ID [] Unexpected character in command"},
		{"a ID nope", "a BAD ID [] Invalid ID"},

		{"a COPY 0 x", "a BAD COPY [] Number must not be zero"},
		{"a COPY 1: x", "a BAD COPY [] Invalid message set"},
		{"a COPY 1,,2 x", "a BAD COPY [] Invalid message set"},
		{"a COPY 1:2:3 x", "a BAD COPY [] Unexpected character in command"},
		{"a COPY 4294967296 x", "a BAD COPY [] Number too large"},
		{"a STORE 1 FLAGS", "a BAD STORE [] Missing argument"},
		{"a STORE 1 FLAGS ", "a BAD STORE [] Invalid flag"},
		{`a STORE 1 FLAGS (\)`, "a BAD STORE [] Invalid flag"},
		{`a STORE 1 FLAGS (\*)`, "a BAD STORE [] Invalid flag"},
		{`a STORE 1 FLAGS (a(b)`, "a BAD STORE [] Invalid list"},
		{"a STORE 1 LABELS (x)", "a BAD STORE [] Unknown STORE item"},

		{"a FETCH 1", "a BAD FETCH [] Missing argument"},
		{"a FETCH 1 ()", "a BAD FETCH [] Unknown FETCH item"},
		{"a FETCH 1 FLAGS UID", "a BAD FETCH [] Unexpected text at the end of the command"},
		{"a FETCH 1 (FLAGS(UID))", "a BAD FETCH [] Invalid list"},
		{"a FETCH 1 XMODSEQ", "a BAD FETCH [] Unknown FETCH item"},
		{"a FETCH 1 BODY.PEEK", "a BAD FETCH [] Unknown FETCH item"},
		{"a FETCH 1 FLAGS[]", "a BAD FETCH [] Unknown FETCH item"},
		{"a FETCH 1 BODY[MIME]", "a BAD FETCH [] MIME needs a part number"},
		{"a FETCH 1 BODY[0]", "a BAD FETCH [] Number must not be zero"},
		{"a FETCH 1 BODY[1.]", "a BAD FETCH [] Invalid section"},
		{"a FETCH 1 BODY[1.2", "a BAD FETCH [] Missing ] in section"},
		{"a FETCH 1 BODY[FOO]", "a BAD FETCH [] Unknown section"},
		{"a FETCH 1 BODY[HEADER.FIELDS]", "a BAD FETCH [] Unexpected character in command"},
		{"a FETCH 1 BODY[HEADER.FIELDS ()]", "a BAD FETCH [] Missing or invalid string"},
		{"a FETCH 1 BODY[]<0.0>", "a BAD FETCH [] Number must not be zero"},
		{"a FETCH 1 BODY[" + strings.Repeat("1.", maxPathLen+1) + "1]", "a BAD FETCH [] Invalid section"},

		{"a SEARCH", "a BAD SEARCH [] Missing argument"},
		{"a SEARCH ", "a BAD SEARCH [] Unknown search key"},
		{"a SEARCH ()", "a BAD SEARCH [] Unknown search key"},
		{"a SEARCH (ALL", "a BAD SEARCH [] Missing parenthesis in search"},
		{"a SEARCH ALL)", "a BAD SEARCH [] Unexpected text at the end of the command"},
		{"a SEARCH (ALL)(ALL)", "a BAD SEARCH [] Invalid search key"},
		{"a SEARCH OR ALL", "a BAD SEARCH [] Missing argument"},
		{"a SEARCH NOT", "a BAD SEARCH [] Missing argument"},
		{"a SEARCH UNRECENT", "a BAD SEARCH [] Unknown search key"},
		{"a SEARCH ON 30-Feb-2000", "a BAD SEARCH [] Invalid date"},
		{"a SEARCH ON 1-anf-2000", "a BAD SEARCH [] Invalid date"},
		{"a SEARCH ON 1-Feb-20000", "a BAD SEARCH [] Invalid date"},
		{"a SEARCH LARGER -1", "a BAD SEARCH [] Missing number"},
		{"a SEARCH LARGER 99999999999999999999", "a BAD SEARCH [] Number too large"},
		{"a SEARCH SUBJECT \xfc", "a NO SEARCH [BADCHARSET (US-ASCII UTF-8)] String is neither in the given charset nor UTF-8"},
		{"a SEARCH CHARSET UTF-8 SUBJECT \xfc", "a NO SEARCH [BADCHARSET (US-ASCII UTF-8)] String is neither in the given charset nor UTF-8"},
		{"a SEARCH CHARSET UTF-8", "a BAD SEARCH [] Missing argument"},
		{"a SEARCH CHARSET X-KLINGON ALL", "a NO SEARCH [BADCHARSET (US-ASCII UTF-8)] Unknown charset"},
		{"a SEARCH CHARSET ISO-2022-KR ALL", "a NO SEARCH [BADCHARSET (US-ASCII UTF-8)] Unknown charset"},
		{"a SEARCH " + deep, "a BAD SEARCH [] Search keys nested too deeply"},

		{"a APPEND x", "a BAD APPEND [] Missing argument"},
		{"a APPEND x text", "a BAD APPEND [] Missing message literal"},
		{"a APPEND x ~~{3+}\r\nabc", "a BAD APPEND [] Missing message literal"},
		{"a APPEND x UTF8 ({3+}\r\nabc)", "a BAD APPEND [] Missing message literal"},
		{"a APPEND x UTF8 ~{3+}\r\nabc", "a BAD APPEND [] Missing parenthesis"},
		{"a APPEND x CATENATE (TEXT {3+}\r\nabc)", "a BAD APPEND [] Missing message literal"},
		{"a REPLACE x {3}", "a BAD REPLACE [] Invalid message set"},
		{"a REPLACE 0 x {3}", "a BAD REPLACE [] Number must not be zero"},
		{"a REPLACE 1:2 x {3}", "a BAD REPLACE [] Unexpected character in command"},
		{"a REPLACE 1 x", "a BAD REPLACE [] Missing argument"},
		{"a REPLACE 1 x {157286401}", "a NO REPLACE [TOOBIG] Message too large"},
		{"a FETCH 1 BINARY", "a BAD FETCH [] Unknown FETCH item"},
		{"a FETCH 1 BINARY.SIZE[1]<0.5>", "a BAD FETCH [] Unexpected text at the end of the command"},
		{`a APPEND x "32-Jan-2000 00:00:00 +0000" {3}`, "a BAD APPEND [] Invalid date-time"},
		{`a APPEND x "1-Jan-2000 00:00:00" {3}`, "a BAD APPEND [] Invalid date-time"},
		{`a APPEND x "1-Jan-2000 24:00:00 +0000" {3}`, "a BAD APPEND [] Invalid date-time"},
		{`a APPEND x "1-Jan-2000 00:00:00 *0000" {3}`, "a BAD APPEND [] Invalid date-time"},
		{"a APPEND x {157286401}", "a NO APPEND [TOOBIG] Message too large"},
	})
}

func TestReadErrors(t *testing.T) {
	tests := []struct {
		name, in string
		want     error
	}{
		{"nothing", "", io.EOF},
		{"empty lines", "\r\n\n\r\n", io.EOF},
		{"half a line", "a NO", io.ErrUnexpectedEOF},
		{"half a literal", "a LOGIN {5}\r\nfr", io.ErrUnexpectedEOF},
		{"nothing after a literal", "a LOGIN {2}\r\nfr", io.ErrUnexpectedEOF},
		{"half a skipped literal", "a FOO {5+}\r\nfr", io.ErrUnexpectedEOF},
		{"nothing after a skipped literal", "a FOO {2+}\r\nfr", io.ErrUnexpectedEOF},
		{"half an overlong line", "a FOO " + strings.Repeat("x", 1<<17), io.ErrUnexpectedEOF},
		{"literal beyond all limits", "a FOO {4294967296+}\r\n", ErrOutOfSync},
		{"literal beyond int64", "a FOO {99999999999999999999+}\r\n", ErrOutOfSync},
		{"size that began long ago", "a FOO {" + strings.Repeat("0", 1<<17) + "3+}\r\nabc\r\n", ErrOutOfSync},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(strings.NewReader(tt.in), ReaderOptions{Continue: func() error { return nil }})
			cmd, err := r.ReadCommand()
			if !errors.Is(err, tt.want) {
				t.Errorf("got %+v, %v, want %v", cmd, err, tt.want)
			}
		})
	}
}

// TestEndlessLine sends a line that never ends: the connection must be given up.
func TestEndlessLine(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader("a NOOP "), endless{}), ReaderOptions{})
	if _, err := r.ReadCommand(); !errors.Is(err, ErrOutOfSync) {
		t.Errorf("got %v, want ErrOutOfSync", err)
	}
	if cap(r.long) > 128<<10 {
		t.Errorf("the line took %d octets of memory", cap(r.long))
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
