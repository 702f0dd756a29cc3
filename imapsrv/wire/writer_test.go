package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// written returns what write sends, checked against the grammar.
func written(t *testing.T, write func(w *Writer)) string {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	write(w)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := checkResponses(out.Bytes()); err != nil {
		t.Errorf("not by the grammar: %v", err)
	}
	return out.String()
}

func TestResponses(t *testing.T) {
	tests := []struct {
		name  string
		write func(w *Writer)
		want  string
	}{
		{"tagged", func(w *Writer) { w.Tagged("a1", OK, "", "done") }, "a1 OK done\r\n"},
		{"code", func(w *Writer) { w.Tagged("a1", NO, CodeTryCreate, "no such folder") }, "a1 NO [TRYCREATE] no such folder\r\n"},
		{"bad charset", func(w *Writer) { w.Tagged("a", NO, CodeBadCharset, "x") }, "a NO [BADCHARSET (US-ASCII UTF-8)] x\r\n"},
		{"untagged", func(w *Writer) { w.Untagged(BYE, "", "bye") }, "* BYE bye\r\n"},
		{"text without text", func(w *Writer) { w.Untagged(OK, CodeReadOnly, "") }, "* OK [READ-ONLY] -\r\n"},
		{"text of several lines", func(w *Writer) { w.Untagged(OK, "", "a\r\nb NO\x00") }, "* OK a  b NO \r\n"},
		{"text that is not ASCII", func(w *Writer) { w.Untagged(NO, "", "für 5 €\xff") }, "* NO f?r 5 ??\r\n"},
		{"text like a code", func(w *Writer) { w.Untagged(OK, "", "[READ-ONLY] x") }, "* OK (READ-ONLY] x\r\n"},
		{"code that ends early", func(w *Writer) { w.Untagged(OK, "X-A b]\r\nc", "x") }, "* OK [X-A b_  c] x\r\n"},
		{"text with brackets", func(w *Writer) { w.Untagged(OK, CodeReadOnly, "a [b]") }, "* OK [READ-ONLY] a [b]\r\n"},
		{"continuation", func(w *Writer) { w.Continue("go on") }, "+ go on\r\n"},
		{"challenge", func(w *Writer) { w.Challenge([]byte("User")) }, "+ VXNlcg==\r\n"},
		{"empty challenge", func(w *Writer) { w.Challenge(nil) }, "+ \r\n"},
		{"capability", func(w *Writer) { w.Capability([]string{"IMAP4rev1", "IDLE"}) }, "* CAPABILITY IMAP4rev1 IDLE\r\n"},
		{"list", func(w *Writer) { w.List([]string{`\HasChildren`, `\Sent`}, '/', "Gesendet & ä") },
			"* LIST (\\HasChildren \\Sent) \"/\" \"Gesendet &- &AOQ-\"\r\n"},
		{"list of the delimiter", func(w *Writer) { w.List([]string{`\Noselect`}, '/', "") }, "* LIST (\\Noselect) \"/\" \"\"\r\n"},
		{"list without delimiter", func(w *Writer) { w.List(nil, 0, `a"\`) }, "* LIST () NIL \"a\\\"\\\\\"\r\n"},
		{"delimiter with an escape", func(w *Writer) { w.Lsub(nil, '\\', "x") }, "* LSUB () \"\\\\\" \"x\"\r\n"},
		{"name with line end", func(w *Writer) { w.List(nil, '/', "a\r\nb") }, "* LIST () \"/\" \"a&AA0ACg-b\"\r\n"},
		{"long name", func(w *Writer) { w.Lsub(nil, '/', strings.Repeat("x", 1001)) },
			"* LSUB () \"/\" {1001}\r\n" + strings.Repeat("x", 1001) + "\r\n"},
		{"status", func(w *Writer) {
			w.Status("INBOX", []StatusItem{{Name: "MESSAGES", Value: 2}, {Name: "UIDNEXT", Value: 4294967295}})
		},
			"* STATUS \"INBOX\" (MESSAGES 2 UIDNEXT 4294967295)\r\n"},
		{"search", func(w *Writer) { w.Search([]uint32{1, 3, 4294967295}) }, "* SEARCH 1 3 4294967295\r\n"},
		{"search without result", func(w *Writer) { w.Search(nil) }, "* SEARCH\r\n"},
		{"flags", func(w *Writer) { w.Flags([]string{`\Seen`, "a b", "ü", "", `\`, `\*`, "x]"}) }, "* FLAGS (\\Seen a_b __ \\_ x_)\r\n"},
		{"counts", func(w *Writer) { w.Exists(5); w.Recent(0); w.Expunge(3) }, "* 5 EXISTS\r\n* 0 RECENT\r\n* 3 EXPUNGE\r\n"},
		{"namespaces", func(w *Writer) { w.Namespaces([]Namespace{{"", '/'}}, nil, nil) }, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"},
		{"id", func(w *Writer) { w.ID([]IDParam{{"name", "x"}, {"version", ""}, {"os", "y"}}) }, "* ID (\"name\" \"x\" \"os\" \"y\")\r\n"},
		{"no id", func(w *Writer) { w.ID(nil) }, "* ID NIL\r\n"},
		{"fetch", func(w *Writer) {
			f := w.Fetch(7)
			f.UID(42)
			f.Flags([]string{`\Seen`, "$Work"})
			f.InternalDate(time.Date(2026, 11, 3, 4, 5, 6, 0, time.FixedZone("", -(3*60+30)*60)))
			f.Size(1234)
			f.End()
		}, "* 7 FETCH (UID 42 FLAGS (\\Seen $Work) INTERNALDATE \" 3-Nov-2026 04:05:06 -0330\" RFC822.SIZE 1234)\r\n"},
		{"fetch without items", func(w *Writer) { w.Exists(1); w.Fetch(7).End(); w.Exists(2) }, "* 1 EXISTS\r\n* 2 EXISTS\r\n"},
		{"dates out of range", func(w *Writer) {
			f := w.Fetch(1)
			f.InternalDate(time.Time{})
			f.InternalDate(time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC))
			f.Size(-1)
			f.End()
		}, "* 1 FETCH (INTERNALDATE \" 1-Jan-0001 00:00:00 +0000\" INTERNALDATE \" 1-Jan-1970 00:00:00 +0000\" RFC822.SIZE 0)\r\n"},
		{"sections", func(w *Writer) {
			f := w.Fetch(1)
			f.SectionBytes(&FetchItem{Kind: FetchSection, Section: Section{Path: []int{1, 2}, Specifier: "HEADER.FIELDS",
				Fields: []string{"Date", "x y", "]", ""}}, Peek: true}, []byte("a\x00\r\n"))
			f.SectionBytes(&FetchItem{Section: Section{Path: []int{3}, Partial: true, Offset: 10, Count: 5}}, nil)
			f.SectionNIL(&FetchItem{Section: Section{Path: []int{4}, Specifier: "MIME"}})
			f.SectionBytes(&FetchItem{Legacy: "RFC822.TEXT", Section: Section{Specifier: "TEXT"}}, []byte("x"))
			f.Section(&FetchItem{}, strings.NewReader("hello world"), 5)
			f.Section(&FetchItem{Section: Section{Specifier: "TEXT"}}, strings.NewReader(""), 0)
			f.End()
		}, "* 1 FETCH (BODY[1.2.HEADER.FIELDS (Date \"x y\" ] \"\")] {4}\r\na\x00\r\n BODY[3]<10> \"\" BODY[4.MIME] NIL" +
			" RFC822.TEXT {1}\r\nx BODY[] {5}\r\nhello BODY[TEXT] {0}\r\n)\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := written(t, tt.write); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestCodes(t *testing.T) {
	pairs := []bridge.UIDPair{{From: 3, To: 10}, {From: 4, To: 11}, {From: 5, To: 12}, {From: 9, To: 13}, {From: 8, To: 15}}
	tests := []struct{ got, want Code }{
		{CodeUIDValidity(4294967295), "UIDVALIDITY 4294967295"},
		{CodeUIDNext(1), "UIDNEXT 1"},
		{CodeUnseen(12), "UNSEEN 12"},
		{CodePermanentFlags([]string{`\Seen`, "x y"}, true), `PERMANENTFLAGS (\Seen x_y \*)`},
		{CodePermanentFlags(nil, true), `PERMANENTFLAGS (\*)`},
		{CodePermanentFlags(nil, false), `PERMANENTFLAGS ()`},
		{CodeCapability([]string{"IMAP4rev1", "IDLE"}), "CAPABILITY IMAP4rev1 IDLE"},
		{CodeAppendUID(7, 8), "APPENDUID 7 8"},
		{CodeCopyUID(7, pairs), "COPYUID 7 3:5,9,8 10:13,15"},
		{CodeCopyUID(7, pairs[:1]), "COPYUID 7 3 10"},
		{CodeCopyUID(7, nil), ""},
		{CodeCopyUID(7, append([]bridge.UIDPair{{From: 2}}, pairs[0])), "COPYUID 7 3 10"},
		{CodeCopyUID(7, []bridge.UIDPair{{From: 2}}), ""},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestEnvelope(t *testing.T) {
	gray := mimepart.Address{Name: "Terry Gray", Mailbox: "gray", Host: "cac.washington.edu"}
	const grayText = `(("Terry Gray" NIL "gray" "cac.washington.edu"))`
	tests := []struct {
		name string
		in   *mimepart.Envelope
		want string
	}{
		{"nothing", nil, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
		{"defaults from From", &mimepart.Envelope{
			Date: "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", Subject: "IMAP4rev1 WG mtg", From: []mimepart.Address{gray},
			To: []mimepart.Address{gray}, MessageID: "<B27397@cac>", InReplyTo: "<x> <y>",
		}, `("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg" ` + grayText + " " + grayText + " " + grayText + " " + grayText +
			` NIL NIL "<x> <y>" "<B27397@cac>")`},
		{"own Sender and Reply-To", &mimepart.Envelope{
			From:    []mimepart.Address{gray},
			Sender:  []mimepart.Address{{Mailbox: "s", Host: "x"}},
			ReplyTo: []mimepart.Address{{Mailbox: "r", Host: "x"}, {Mailbox: "q", Host: "x", Route: "@a,@b"}},
		}, `(NIL NIL ` + grayText + ` ((NIL NIL "s" "x")) ((NIL NIL "r" "x")(NIL "@a,@b" "q" "x")) NIL NIL NIL NIL NIL)`},
		{"group", &mimepart.Envelope{Cc: []mimepart.Address{{Mailbox: "team"}, {Mailbox: "a", Host: "b"}, {}}},
			`(NIL NIL NIL NIL NIL NIL ((NIL NIL "team" NIL)(NIL NIL "a" "b")(NIL NIL NIL NIL)) NIL NIL NIL)`},
		{"addresses that lack something", &mimepart.Envelope{Bcc: []mimepart.Address{
			{Name: "Only"}, {Name: "No Host", Mailbox: "x"}, {Host: "h"}}},
			`(NIL NIL NIL NIL NIL NIL NIL (("Only" NIL "" "")("No Host" NIL "x" "")(NIL NIL "" "h")) NIL NIL)`},
		{"8-bit, NUL and escapes", &mimepart.Envelope{Subject: "gr\xfc\x00\xdfe", Date: `"\`},
			`("\"\\" {6}` + "\r\ngr\xfc \xdfe NIL NIL NIL NIL NIL NIL NIL NIL)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := written(t, func(w *Writer) {
				f := w.Fetch(1)
				f.Envelope(tt.in)
				f.End()
			})
			if want := "* 1 FETCH (ENVELOPE " + tt.want + ")\r\n"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestStructure(t *testing.T) {
	text := func(size, lines int64) *mimepart.Part {
		return &mimepart.Part{Type: "text", Subtype: "plain", Encoding: "7bit", End: size, Lines: lines}
	}
	const empty = `("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)`
	const emptyExt = `("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)`
	global := &mimepart.Part{Type: "message", Subtype: "global", Encoding: "8bit", End: 7, Children: []*mimepart.Part{text(5, 1)}}
	tests := []struct {
		name      string
		in        *mimepart.Part
		body      string
		structure string
	}{
		{"nil", nil, empty, emptyExt},
		{"text", &mimepart.Part{Type: "TEXT", Subtype: "Html", Params: []mimepart.Param{{Name: "charset", Value: "utf-8"}, {Name: "a", Value: ""}},
			Encoding: "quoted-printable", Body: 100, End: 3128, Lines: 92, ID: "<i@d>", Description: "d"},
			`("TEXT" "Html" ("charset" "utf-8" "a" "") "<i@d>" "d" "quoted-printable" 3028 92)`,
			`("TEXT" "Html" ("charset" "utf-8" "a" "") "<i@d>" "d" "quoted-printable" 3028 92 NIL NIL NIL NIL)`},
		{"attachment", &mimepart.Part{Type: "image", Subtype: "png", Encoding: "base64", End: 5, MD5: "Q2hl", Disposition: "attachment",
			DispParams: []mimepart.Param{{Name: "filename", Value: `a"b`}}, Language: []string{"de", "en"}, Location: "http://x"},
			`("image" "png" NIL NIL NIL "base64" 5)`,
			`("image" "png" NIL NIL NIL "base64" 5 "Q2hl" ("attachment" ("filename" "a\"b")) ("de" "en") "http://x")`},
		{"multipart", &mimepart.Part{Type: "multipart", Subtype: "mixed", Params: []mimepart.Param{{Name: "boundary", Value: "b"}},
			Disposition: "inline", Children: []*mimepart.Part{text(10, 1), text(0, 0)}},
			`(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 1)` + empty + ` "mixed")`,
			`(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 1 NIL NIL NIL NIL)` + emptyExt + ` "mixed" ("boundary" "b") ("inline" NIL) NIL NIL)`},
		{"multipart without parts", &mimepart.Part{Type: "MultiPart", Subtype: "mixed"},
			"(" + empty + ` "mixed")`, "(" + emptyExt + ` "mixed" NIL NIL NIL NIL)`},
		{"message", &mimepart.Part{Type: "message", Subtype: "rfc822", Encoding: "7bit", End: 50, Lines: 3,
			Children: []*mimepart.Part{{Type: "text", Subtype: "plain", Encoding: "8bit", End: 20, Lines: 1, Envelope: &mimepart.Envelope{Subject: "s"}}}},
			`("message" "rfc822" NIL NIL NIL "7bit" 50 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "8bit" 20 1) 3)`,
			`("message" "rfc822" NIL NIL NIL "7bit" 50 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ` +
				`("text" "plain" ("charset" "us-ascii") NIL NIL "8bit" 20 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)`},
		{"message without message", &mimepart.Part{Type: "MESSAGE", Subtype: "RFC822", Encoding: "base64", End: 50, Lines: 3},
			`("MESSAGE" "RFC822" NIL NIL NIL "base64" 50 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ` + empty + ` 3)`,
			`("MESSAGE" "RFC822" NIL NIL NIL "base64" 50 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ` + emptyExt + ` 3 NIL NIL NIL NIL)`},
		{"report", &mimepart.Part{Type: "message", Subtype: "delivery-status", Encoding: "7bit", End: 5, Lines: 1},
			`("message" "delivery-status" NIL NIL NIL "7bit" 5)`, `("message" "delivery-status" NIL NIL NIL "7bit" 5 NIL NIL NIL NIL)`},
		{"text in pieces of RFC 2231", &mimepart.Part{Type: "text", Subtype: "plain", Encoding: "7bit", Params: []mimepart.Param{{Name: "Charset*0", Value: "utf"}}},
			`("text" "plain" ("Charset*0" "utf") NIL NIL "7bit" 0 0)`, `("text" "plain" ("Charset*0" "utf") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)`},
		{"global", global, `("message" "global" NIL NIL NIL "8bit" 7)`, `("message" "global" NIL NIL NIL "8bit" 7 NIL NIL NIL NIL)`},
		{"nonsense", &mimepart.Part{Body: 5, Lines: -1, DispParams: []mimepart.Param{{}}},
			`("" "" NIL NIL NIL "" 0)`, `("" "" NIL NIL NIL "" 0 NIL NIL NIL NIL)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := written(t, func(w *Writer) {
				f := w.Fetch(1)
				f.Body(tt.in)
				f.BodyStructure(tt.in)
				f.End()
			})
			if want := "* 1 FETCH (BODY " + tt.body + " BODYSTRUCTURE " + tt.structure + ")\r\n"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestGlobal holds that the message in a message/global is shown to those alone who
// know it.
func TestGlobal(t *testing.T) {
	p := &mimepart.Part{Type: "message", Subtype: "global", Encoding: "8bit", End: 7, Children: []*mimepart.Part{{Type: "text", Subtype: "plain", Encoding: "7bit"}}}
	const leaf = "* 1 FETCH (BODY (\"message\" \"global\" NIL NIL NIL \"8bit\" 7))\r\n"
	const open = "* 1 FETCH (BODY (\"message\" \"global\" NIL NIL NIL \"8bit\" 7 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) " +
		"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) 0))\r\n"
	for d, want := range map[Dialect]string{Rev1: leaf, UTF8: open, Rev2: open} {
		var out bytes.Buffer
		w := NewWriter(&out)
		w.SetDialect(d)
		f := w.Fetch(1)
		f.Body(p)
		f.End()
		w.Flush()
		if got := out.String(); got != want {
			t.Errorf("dialect %d:\ngot  %s\nwant %s", d, got, want)
		}
		if _, err := readResponses(&grammar{b: out.Bytes(), utf8: d != Rev1}); err != nil {
			t.Error(err)
		}
	}
}

// TestGrammarChecker: the checker that the other tests rely on does say no.
func TestGrammarChecker(t *testing.T) {
	const env = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
	for _, s := range []string{
		"* OK\r\n", "* OK x\n", "* OK [READ-ONLY]\r\n", "* OK [READ-ONLY x\r\n", "* MAYBE x\r\n", "* OK \xff\r\n", "* OK x\r\ny\r\n",
		"* 1 FETCH ()\r\n", "* 1 FETCH (UID 1 )\r\n", "* 1 FETCH (UID -1)\r\n", "* 1 FETCH (FLAGS (a b))x\r\n", "* 1 FETCH (FLAGS (\\))\r\n",
		"* 1 FETCH (ENVELOPE (NIL))\r\n", "* 1 FETCH (BODY[] {4}\r\nabc)\r\n", "* 1 FETCH (BODY[] {2}\r\nabc)\r\n", "* 1 FETCH (BODY[] \"a\x00\")\r\n",
		"* 1 FETCH (BODY (\"text\" \"plain\" NIL NIL NIL NIL 0 0))\r\n", "* 1 FETCH (BODY (\"text\" \"plain\" NIL NIL NIL \"\" 0))\r\n",
		"* 1 FETCH (BODY (\"a\" \"b\" () NIL NIL \"\" 0))\r\n", "* 1 FETCH (BODY (\"a\" \"b\" NIL NIL NIL \"\" 0 NIL NIL NIL NIL))\r\n",
		"* 1 FETCH (BODY (\"message\" \"rfc822\" NIL NIL NIL \"\" 0 " + env + "))\r\n", "* 1 FETCH (BODY (\"mixed\"))\r\n",
		"* LIST () \"/\" \"\xfc\"\r\n", "* LIST () / x\r\n", "* SEARCH 1  2\r\n", "* ID (\"a\")\r\n", "* STATUS \"x\" (MESSAGES)\r\n",
		"* VANISHED \r\n", "* VANISHED 5:3\r\n", "* VANISHED (EARLIER) *\r\n", "* SEARCH (MODSEQ 5) 1\r\n", "* ESEARCH\r\n",
		"* ESEARCH (TAG x)\r\n", "* ESEARCH (TAG \"x\") ALL\r\n", "* ESEARCH (TAG \"x\") PARTIAL (-1:5 NIL)\r\n",
		"* THREAD \r\n", "* THREAD (1 (2))\r\n", "* THREAD (1(2)(3))\r\n", "* THREAD ()\r\n", "* THREAD (1) (2)\r\n",
	} {
		if _, err := checkResponses([]byte(s)); err == nil {
			t.Errorf("%q: got no error", s)
		}
	}
}

// TestSectionSourceFails: a source that ends early costs the response if none
// of it was sent, else the connection.
func TestSectionSourceFails(t *testing.T) {
	reason := errors.New("service away")
	failing := func(n int) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(reason))
	}
	t.Run("nothing sent", func(t *testing.T) {
		got := written(t, func(w *Writer) {
			w.Exists(3)
			f := w.Fetch(1)
			f.UID(5)
			if err := f.Section(&FetchItem{}, failing(100), 1000); !errors.Is(err, reason) {
				t.Errorf("got %v, want %v", err, reason)
			}
			f.Size(5)
			f.SectionNIL(&FetchItem{})
			if err := f.End(); err != nil {
				t.Errorf("got %v from End, want none", err)
			}
			w.Tagged("a", NO, CodeUnavailable, "service away")
		})
		if want := "* 3 EXISTS\r\na NO [UNAVAILABLE] service away\r\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("much sent", func(t *testing.T) {
		var out bytes.Buffer
		w := NewWriter(&out)
		f := w.Fetch(1)
		if err := f.Section(&FetchItem{}, failing(100_000), 200_000); !errors.Is(err, reason) {
			t.Errorf("got %v, want %v", err, reason)
		}
		sent := out.Len()
		for _, err := range []error{f.End(), w.Err(), w.Flush()} {
			if !errors.Is(err, reason) {
				t.Errorf("got %v, want %v", err, reason)
			}
		}
		w.Tagged("a", OK, "", "done")
		if err := w.Flush(); err == nil || out.Len() != sent {
			t.Errorf("got %v and %d octets more, want the error and silence", err, out.Len()-sent)
		}
	})
	t.Run("too short", func(t *testing.T) {
		f := NewWriter(io.Discard).Fetch(1)
		if err := f.Section(&FetchItem{}, strings.NewReader("abc"), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
		}
	})
	t.Run("says nothing", func(t *testing.T) {
		f := NewWriter(io.Discard).Fetch(1)
		if err := f.Section(&FetchItem{}, silent{}, 4); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("got %v, want %v", err, io.ErrNoProgress)
		}
	})
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// TestSectionStreams: a long section passes through a buffer of bounded size and
// arrives whole, whatever pieces its source comes in.
func TestSectionStreams(t *testing.T) {
	text := make([]byte, 3<<20)
	for i := range text {
		text[i] = byte(i * 7)
	}
	for name, src := range map[string]io.Reader{
		"whole":                   bytes.NewReader(text),
		"halves":                  iotest.HalfReader(bytes.NewReader(text)),
		"error with the last":     iotest.DataErrReader(bytes.NewReader(text)),
		"more than was announced": io.MultiReader(bytes.NewReader(text), strings.NewReader("more")),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out)
			f := w.Fetch(1)
			if err := f.Section(&FetchItem{}, src, int64(len(text))); err != nil {
				t.Fatal(err)
			}
			f.End()
			if cap(w.buf) > 4*flushAt {
				t.Errorf("the buffer grew to %d octets", cap(w.buf))
			}
			w.Flush()
			want := fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n%s)\r\n", len(text), text)
			if out.String() != want {
				t.Error("the section arrived changed")
			}
		})
	}
}

// TestLargeResponses: what has no bound leaves the buffer before its end.
func TestLargeResponses(t *testing.T) {
	nums := make([]uint32, 200_000)
	for i := range nums {
		nums[i] = uint32(i + 1)
	}
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Search(nums)
	if cap(w.buf) > 4*flushAt {
		t.Errorf("the buffer grew to %d octets", cap(w.buf))
	}
	w.Flush()
	if got := len(strings.Fields(out.String())) - 2; got != len(nums) {
		t.Errorf("got %d numbers, want %d", got, len(nums))
	}
}

func TestWriterKeepsItsError(t *testing.T) {
	broken := errors.New("broken pipe")
	w := NewWriter(failingWriter{broken})
	w.Exists(1)
	if err := w.Flush(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	f := w.Fetch(1)
	if err := f.Section(&FetchItem{}, endless{}, 1<<40); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if err := f.End(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestMailboxNames(t *testing.T) {
	tests := []struct{ name, wire string }{
		{"", ""},
		{"INBOX", "INBOX"},
		{"A&B", "A&-B"},
		{"&", "&-"},
		{"Entwürfe", "Entw&APw-rfe"},
		{"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"}, // RFC 3501 §5.1.3
		{"😀", "&2D3eAA-"},
		{"a😀ü&ü", "a&2D3eAAD8-&-&APw-"},
		{"tab\tDEL\x7f", "tab&AAk-DEL&AH8-"},
		{"\ufffd", "&,,0-"},
	}
	for _, tt := range tests {
		if got := EncodeMailbox(tt.name); got != tt.wire {
			t.Errorf("EncodeMailbox(%q): got %q, want %q", tt.name, got, tt.wire)
		}
		if got := DecodeMailbox(tt.wire); got != tt.name {
			t.Errorf("DecodeMailbox(%q): got %q, want %q", tt.wire, got, tt.name)
		}
	}
	asTheyAre := []string{
		"A&B", "&APw", "Entwürfe", "Entwürfe&-", "&A-", "&APx-", "&AGE-", "&2D0-", "&3gA-", "&APw=-", "&AP/-", "&\r\n-",
		"&U,BTFw-&ZeVnLIqe-", // RFC 3501: a superfluous shift is not permitted
	}
	for _, s := range asTheyAre {
		if got := DecodeMailbox(s); got != s {
			t.Errorf("DecodeMailbox(%q): got %q, want it as it is", s, got)
		}
	}
	if got := EncodeMailbox("a\xff"); DecodeMailbox(got) != "a\ufffd" {
		t.Errorf("got %q for invalid UTF-8, want the replacement character", got)
	}
	if names := []string{"a&-", "&-&-"}; !reflect.DeepEqual([]string{DecodeMailbox(names[0]), DecodeMailbox(names[1])}, []string{"a&", "&&"}) {
		t.Error("& is not decoded")
	}
}
