package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

var handlers = []func(*Append) string{store, refuse, forget, readOne, closeUnread, storeAll, refuseSecond, leaveSecond}

// FuzzReadCommand: whatever comes, there is an end, and every command that was
// read stands at the begin of a line of the input.
func FuzzReadCommand(f *testing.F) {
	for _, s := range []string{
		"a LOGIN {3}\r\nabc {3+}\r\ndef\r\n",
		"a APPEND x (\\Seen) \"01-Jan-2020 00:00:00 +0000\" {5+}\r\nhello\r\nb LOGOUT\r\n",
		"a UID FETCH 1:*,5 (UID BODY.PEEK[1.2.HEADER.FIELDS (a \"b\")]<0.10>)\r\n",
		"a STORE 1 +FLAGS.SILENT (\\Deleted x)\r\na ID (\"a\" NIL)\r\n",
		"a SEARCH CHARSET ISO-8859-1 OR SUBJECT {1}\r\n\xfc NOT (ALL 1:*)\r\n",
		"a APPEND x (\\Seen) {2+}\r\nhi UTF8 (~{2+}\r\nho) ~{1+}\r\nx\r\na UID REPLACE * x (y) {1+}\r\nx\r\n",
		"a SELECT x (QRESYNC (1 2 3:4 (5 6)) CONDSTORE)\r\na FETCH $ (BINARY.PEEK[1.2]<0.5> PREVIEW (LAZY)) (CHANGEDSINCE 5 PARTIAL -1:-5)\r\n",
		"a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a% \"b*\") RETURN (STATUS (SIZE) CHILDREN)\r\na CREATE x (USE (\\Sent))\r\n",
		"a UID SORT RETURN (PARTIAL 1:5 SAVE) (REVERSE DATE) UTF-8 MODSEQ \"/flags/x\" all 5\r\na THREAD REFERENCES UTF-8 $\r\n",
		"a ENABLE UTF8=ACCEPT\r\na SETQUOTA \"\" (STORAGE 5)\r\na STORE 1 (UNCHANGEDSINCE 5) FLAGS x\r\na COMPRESS DEFLATE\r\n",
		"a STATUS x (DELETED DELETED-STORAGE)\r\na GETQUOTAROOT x\r\na SEARCH SAVEDSINCE 1-Jan-2020 SAVEDATESUPPORTED\r\na FETCH 1 SAVEDATE\r\n",
		"a STATUS x (MESSAGES)\r\na LIST \"\" %\r\na AUTHENTICATE PLAIN =\r\n\r\n{5+}\r\n",
	} {
		f.Add([]byte(s), uint8(0))
	}
	f.Fuzz(func(t *testing.T, in []byte, how uint8) {
		opts := ReaderOptions{MaxLine: 200, MaxLiteral: 100, MaxAppend: 1000}
		starts := make(map[string]bool)
		for line := range bytes.Lines(in) {
			tag, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
			starts[string(tag)] = true
		}
		seen := transcript(string(in), opts, handlers[int(how)%len(handlers)])
		if len(seen) > 2*bytes.Count(in, []byte("\n"))+2 {
			t.Errorf("got %d outcomes of %d lines", len(seen), bytes.Count(in, []byte("\n")))
		}
		for _, s := range seen[:len(seen)-1] {
			if tag, _, _ := strings.Cut(s, " "); tag != "*" && tag != "+" && !starts[tag] {
				t.Errorf("got %q, no line begins so", s)
			}
		}
	})
}

// FuzzLiteralsNeverRun puts commands into a literal that the client does not
// wait to send, after any beginning of a command, and a good command after it.
func FuzzLiteralsNeverRun(f *testing.F) {
	for _, s := range []string{
		"", "a ", "a NOOP ", "a LOGIN ", "a LOGIN x ", "a LOGIN \"x", "a APPEND x ", "a APPEND x ~", "a SEARCH TEXT ", "a SEARCH CHARSET x TEXT ",
		"a FETCH 1 BODY[HEADER.FIELDS (", "a ID (", "a SELECT ", "a LOGIN {5", "{", "a FOO " + strings.Repeat("x", 300), "a AUTHENTICATE X ",
	} {
		f.Add(s, " x", uint8(3), uint8(0))
	}
	f.Fuzz(func(t *testing.T, before, after string, n, how uint8) {
		strip := strings.NewReplacer("\r", "", "\n", "")
		before, after = strip.Replace(before), strip.Replace(after)
		if _, _, ok := announcement([]byte(after)); ok {
			return // a second literal, whose content the input does not have
		}
		evil := strings.Repeat("evil LOGOUT\r\n", int(n))
		in := fmt.Sprintf("%s{%d+}\r\n%s%s\r\ngood NOOP\r\n", before, len(evil), evil, after)
		seen := transcript(in, ReaderOptions{MaxLine: 200, MaxLiteral: 100, MaxAppend: 500}, handlers[int(how)%len(handlers)])
		for _, s := range seen {
			if strings.HasPrefix(s, "evil") {
				t.Errorf("got %q from inside a literal", s)
			}
		}
		if k := len(seen); k < 2 || seen[k-2] != "good NOOP" || seen[k-1] != "EOF" {
			if seen[len(seen)-1] != ErrOutOfSync.Error() {
				t.Errorf("got %q, want good NOOP before the end", seen)
			}
		}
	})
}

// FuzzSearch: what is accepted is a well-formed tree of UTF-8.
func FuzzSearch(f *testing.F) {
	f.Add("OR (FROM a SEEN) NOT UID 5:*")
	f.Add("CHARSET ISO-8859-1 SUBJECT \"\xfc\" UNKEYWORD x")
	f.Add("SINCE 1-Jan-2000 SMALLER 5 HEADER a b 1,3:* NEW OLD UNSEEN")
	f.Add("RETURN (MIN SAVE PARTIAL -5:-1) $ OLDER 5 OR MODSEQ 5 UID $ SAVEDON 1-Jan-2000 EMAILID x THREADID y")
	f.Add("CHARSET UTF-16LE TEXT \"abcd\"")
	f.Fuzz(func(t *testing.T, s string) {
		read := func(verb string) (*Search, error) {
			cmd, err := NewReader(strings.NewReader("a "+verb+" "+s+"\r\n"), ReaderOptions{}).ReadCommand()
			if err != nil {
				return nil, err
			}
			return cmd.Args.(*Search), nil
		}
		got, err := read("SEARCH")
		if err != nil {
			if se := (*SyntaxError)(nil); !errors.As(err, &se) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrOutOfSync) {
				t.Errorf("got error %v of an unknown kind", err)
			}
			return
		}
		if msg := wellFormed(&got.Key, 0); msg != "" {
			t.Errorf("got %+v: %s", got.Key, msg)
		}
		if uid, err := read("uid search"); err != nil || !reflect.DeepEqual(uid, got) {
			t.Errorf("got %+v, %v by UID SEARCH, want %+v", uid, err, got)
		}
	})
}

func wellFormed(k *bridge.SearchKey, depth int) string {
	want := 0
	switch k.Op {
	case bridge.SearchOr:
		want = 2
	case bridge.SearchNot:
		want = 1
	case bridge.SearchAnd:
		want = max(2, len(k.Keys))
	case bridge.SearchSeqs, bridge.SearchUIDs:
		if len(k.Ranges) == 0 {
			return "no ranges"
		}
	}
	switch {
	case len(k.Keys) != want:
		return fmt.Sprintf("%d keys below op %d", len(k.Keys), k.Op)
	case depth > 3*maxSearchDepth:
		return "too deep"
	case !utf8.ValidString(k.Value) || !utf8.ValidString(k.Field):
		return "not UTF-8"
	}
	for _, r := range k.Ranges {
		if r.First == 0 && r.Last != 0 || r.First > r.Last && r.Last != 0 {
			return fmt.Sprintf("range %v", r)
		}
	}
	for i := range k.Keys {
		if msg := wellFormed(&k.Keys[i], depth+1); msg != "" {
			return msg
		}
	}
	return ""
}

// FuzzMailboxName: every name has one form on the wire, and that leads back.
func FuzzMailboxName(f *testing.F) {
	for _, s := range []string{"INBOX", "A&B", "Entwürfe", "&APw-", "&U,BTFw-&ZeVnLIqe-", "😀&-", "&2D3eAA-x", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		enc := EncodeMailbox(s)
		for i := range len(enc) {
			if enc[i] < 0x20 || enc[i] > 0x7e {
				t.Errorf("EncodeMailbox(%q): got %q, not printable ASCII", s, enc)
			}
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && DecodeMailbox(enc) != want {
			t.Errorf("%q becomes %q becomes %q", s, enc, DecodeMailbox(enc))
		}
		if dec := DecodeMailbox(s); dec != s && EncodeMailbox(dec) != s {
			t.Errorf("%q decoded is %q, encoded again %q", s, dec, EncodeMailbox(dec))
		}
		cmd, err := NewReader(strings.NewReader(`a SELECT "`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(enc)+"\"\r\n"),
			ReaderOptions{MaxLine: 1 << 20}).ReadCommand()
		if err != nil || cmd.Args.(*Mailbox).Name != DecodeMailbox(enc) {
			t.Errorf("got %+v, %v from SELECT %q", cmd, err, enc)
		}
	})
}

// FuzzWriter writes parts made of the input, both as the parser makes them and
// as it never would, and reads them back.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--"))
	f.Add([]byte("Content-Type: message/rfc822\r\n\r\nFrom: a: b@c, \"d\x00\" <e@f>;\r\n\r\nx"))
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07multipart\x00message\x00rfc822\x00text\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		parsed, err := mimepart.Parse(bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		made := (&partMaker{in: in}).part(5)
		for _, p := range []*mimepart.Part{parsed, made} {
			checkWritten(t, p, in)
		}
	})
}

func checkWritten(t *testing.T, p *mimepart.Part, raw []byte) {
	t.Helper()
	for _, d := range []Dialect{Rev1, UTF8, Rev2} {
		checkWrittenAs(t, p, raw, d)
	}
}

func checkWrittenAs(t *testing.T, p *mimepart.Part, raw []byte, d Dialect) {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	w.SetDialect(d)
	text := string(raw)
	w.Untagged(OK, CodePermanentFlags(strings.Fields(text), true), text)
	w.List([]string{text}, byte(len(raw)), text)
	w.ID([]IDParam{{text, text}})
	w.ListEntry(&ListEntry{Attrs: []string{text}, Delim: byte(len(raw)), Name: text, ChildInfo: []string{text}, OldName: text})
	w.Status(text, []StatusItem{{Name: "MAILBOXID", ID: text}, {Name: "SIZE", Value: uint64(len(raw))}})
	w.Quota(text, []QuotaResource{{"STORAGE", int64(len(raw)), -1}})
	w.QuotaRoots(text, []string{text})
	w.Untagged(OK, CodeInProgress(text, int64(len(raw)), 5), text)
	w.Untagged(OK, CodeMailboxID(text), text)
	fw := w.Fetch(1)
	fw.Envelope(p.Envelope)
	fw.Body(p)
	fw.BodyStructure(p)
	fw.Flags(strings.Fields(text))
	fw.SectionBytes(&FetchItem{Section: Section{Specifier: "HEADER.FIELDS", Fields: []string{text, "x"}}}, raw)
	fw.SectionBytes(&FetchItem{Legacy: "RFC822"}, raw)
	fw.SectionBytes(&FetchItem{Kind: FetchBinary, Section: Section{Path: []int{1}}}, raw)
	fw.EmailID(text)
	fw.ThreadID(text)
	fw.Preview(text)
	fw.End()
	w.Flush()
	got, err := readResponses(&grammar{b: out.Bytes(), utf8: d != Rev1})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d FETCH responses, %v, of %q", len(got), err, out.Bytes())
	}
	// Written again, what was read must read the same: nothing was lost. Its
	// parameters are joined already.
	out.Reset()
	w.SetDialect(min(d, UTF8))
	fw = w.Fetch(1)
	fw.Envelope(got[0].envelope)
	fw.Body(got[0].body)
	fw.BodyStructure(got[0].structure)
	fw.End()
	w.Flush()
	again, err := readResponses(&grammar{b: out.Bytes(), utf8: d != Rev1})
	if err != nil || len(again) != 1 {
		t.Fatalf("got %d FETCH responses, %v, of %q", len(again), err, out.Bytes())
	}
	same := reflect.DeepEqual(again[0].envelope, got[0].envelope) &&
		reflect.DeepEqual(again[0].body, got[0].body) && reflect.DeepEqual(again[0].structure, got[0].structure)
	if !same {
		t.Errorf("got something else when what was read is written again: %q", out.Bytes())
	}
	if s := got[0].sections; !bytes.Equal(s["RFC822"], raw) {
		t.Errorf("got section %q, want %q", s["RFC822"], raw)
	}
}

// FuzzThreads writes threads of any shape, with messages absent anywhere.
func FuzzThreads(f *testing.F) {
	f.Add([]byte{1, 2, 2, 1, 0, 0, 0, 2, 3, 0, 4, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		m := &partMaker{in: in}
		var nums []uint32
		var node func(depth int) ThreadNode
		node = func(depth int) ThreadNode {
			n := ThreadNode{Num: uint32(m.byte() % 4)}
			if n.Num != 0 {
				nums = append(nums, n.Num)
			}
			for range m.byte() % 4 {
				if depth > 0 && len(m.in) > 0 {
					n.Children = append(n.Children, node(depth-1))
				}
			}
			return n
		}
		var roots []ThreadNode
		for len(m.in) > 0 {
			roots = append(roots, node(8))
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		w.Threads(roots)
		w.Flush()
		if _, err := checkResponses(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		split := strings.FieldsFunc(strings.TrimPrefix(out.String(), "* THREAD"), func(r rune) bool { return strings.ContainsRune(" ()\r\n", r) })
		if got, want := strings.Join(split, " "), strings.Trim(fmt.Sprint(nums), "[]"); got != want {
			t.Errorf("got messages %s, want %s", got, want)
		}
	})
}

// partMaker makes trees of parts out of any octets.
type partMaker struct{ in []byte }

func (m *partMaker) byte() byte {
	if len(m.in) == 0 {
		return 0
	}
	c := m.in[0]
	m.in = m.in[1:]
	return c
}

func (m *partMaker) text() string {
	switch c := m.byte(); c % 8 {
	case 0:
		return ""
	case 1:
		return "multipart"
	case 2:
		return "message"
	case 3:
		return "rfc822"
	case 4:
		return strings.Repeat("x", 4*int(c)+600)
	default:
		n := min(int(c)%20, len(m.in))
		s := string(m.in[:n])
		m.in = m.in[n:]
		return s
	}
}

func (m *partMaker) params() (list []mimepart.Param) {
	for range m.byte() % 3 {
		list = append(list, mimepart.Param{Name: m.text(), Value: m.text()})
	}
	return list
}

func (m *partMaker) addresses() (list []mimepart.Address) {
	for range m.byte() % 4 {
		list = append(list, mimepart.Address{Name: m.text(), Route: m.text(), Mailbox: m.text(), Host: m.text()})
	}
	return list
}

func (m *partMaker) part(depth int) *mimepart.Part {
	p := &mimepart.Part{
		Type: m.text(), Subtype: m.text(), Params: m.params(), ID: m.text(), Description: m.text(), Encoding: m.text(), MD5: m.text(),
		Disposition: m.text(), DispParams: m.params(), Location: m.text(),
		Body: int64(m.byte()), End: int64(m.byte()), Lines: int64(m.byte()) - 100,
	}
	for range m.byte() % 3 {
		p.Language = append(p.Language, m.text())
	}
	if m.byte()%2 == 0 {
		p.Envelope = &mimepart.Envelope{
			Date: m.text(), Subject: m.text(), From: m.addresses(), Sender: m.addresses(), ReplyTo: m.addresses(),
			To: m.addresses(), Cc: m.addresses(), Bcc: m.addresses(), InReplyTo: m.text(), MessageID: m.text(),
		}
	}
	for range m.byte() % 4 {
		if depth > 0 && len(m.in) > 0 {
			p.Children = append(p.Children, m.part(depth-1))
		}
	}
	return p
}
