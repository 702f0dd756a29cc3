package imapsrv

import (
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// The trace shows what is needed to see what went wrong, and no secrets, no
// mail; it does not matter how the octets come in.
func TestTrace(t *testing.T) {
	tests := []struct {
		name   string
		server bool
		input  string
		secret bool // as after a SASL challenge
		want   []string
	}{
		{"commands", false, "a NOOP\r\nb SELECT \"Sent Items\"\r\nc IDLE\r\nDONE\r\n", false, []string{"a NOOP", `b SELECT "Sent Items"`, "c IDLE", "DONE"}},
		{"login", false, "a LOGIN demo secret\r\nb NOOP\r\n", false, []string{"a LOGIN <hidden>", "b NOOP"}},
		{"login in lower case", false, "a  login demo secret\r\n", false, []string{"a  login <hidden>"}},
		{"login by literals", false, "a LOGIN {4}\r\ndemo {6+}\r\nsecret\r\nb NOOP\r\n", false,
			[]string{"a LOGIN <hidden>", "<hidden>", "<hidden>", "b NOOP"}},
		{"authenticate", false, "a AUTHENTICATE PLAIN AGRlbW8AZGVtbw==\r\n", false, []string{"a AUTHENTICATE <hidden>"}},
		{"answer to a challenge", false, "AGRlbW8AZGVtbw==\r\nb NOOP\r\n", true, []string{"<hidden>", "b NOOP"}},
		{"answer ahead of the challenge", false, "a AUTHENTICATE LOGIN\r\nZGVtbw==\r\nc2VjcmV0\r\nb NOOP\r\n", false,
			[]string{"a AUTHENTICATE <hidden>", "<8 octets hidden>", "<8 octets hidden>", "b NOOP"}},
		{"append", false, "a APPEND x {12}\r\nSubject: me\n\r\nb NOOP\r\n", false, []string{"a APPEND x {12}", "", "b NOOP"}},
		{"text of a message that was refused", false, "Subject: secret plan\r\nThe plan.\r\nselect secret\r\nb NOOP\r\n", false,
			[]string{"<20 octets hidden>", "<9 octets hidden>", "<13 octets hidden>", "b NOOP"}},
		{"search", false, `a UID SEARCH RETURN (MIN) SUBJECT "secret \" plan" UNSEEN SINCE 1-Jan-2026 1:*,7` + "\r\n", false,
			[]string{`a UID SEARCH RETURN (MIN) SUBJECT "…" UNSEEN SINCE 1-Jan-2026 1:*,7`}},
		{"search for an atom", false, "a search charset utf-8 or body secret header x-plan secret\r\n", false,
			[]string{"a search charset utf-8 or body … header … …"}},
		{"search for a literal", false, "a SEARCH TEXT {6}\r\nsecret FROM plan\r\n", false, []string{"a SEARCH TEXT {6}", " FROM …"}},
		{"sort", false, `a UID SORT (REVERSE ARRIVAL) UTF-8 SUBJECT secret` + "\r\n", false, []string{"a UID SORT (REVERSE ARRIVAL) UTF-8 SUBJECT …"}},
		{"fetch", true, `* 1 FETCH (UID 2 ENVELOPE ("Mon" "secret") BODY[] {6}` + "\r\nsecret FLAGS ())\r\n", false,
			[]string{`* 1 FETCH (UID 2 ENVELOPE ("…" "…") BODY[] {6}`, " FLAGS ())"}},
		{"strings behind a literal", true, "* 1 FETCH (BODY[] {1}\r\nx ENVELOPE (\"secret\"))\r\n", false,
			[]string{"* 1 FETCH (BODY[] {1}", ` ENVELOPE ("…"))`}},
		{"server", true, "* LIST () \"/\" Work\r\na OK [READ-WRITE] done\r\n", false, []string{`* LIST () "/" Work`, "a OK [READ-WRITE] done"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 3, len(tt.input)} {
				var got []string
				lt := lineTrace{log: func(s string) { got = append(got, s) }, secret: tt.secret}
				if !tt.server {
					lt.known = New(Options{}).known
				}
				for piece := range slices.Chunk([]byte(tt.input), size) {
					lt.write(piece)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("in pieces of %d: got %q, want %q", size, got, tt.want)
				}
			}
		})
	}
}

// TestTraceOfLogin: a login that is traced is shown from its login to its end, under
// compression too, others are not; and nothing of passwords and mail is.
func TestTraceOfLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newRig(t)
		rig.start(t)
		defer rig.stop(t)
		log := new(strings.Builder) // one connection, one goroutine writes
		near, far := net.Pipe()
		srv := New(Options{Login: rig.login, Logger: slog.New(slog.NewTextHandler(log, nil))})
		served := make(chan struct{})
		go func() {
			defer close(served)
			srv.serveConn(t.Context(), far)
		}()
		r := bufio.NewReader(near)
		expect(t, r, "* OK")
		message := "Subject: secret plan\r\n\r\nsecret text\r\n"
		// In one piece: the trace begins in the middle of what was received.
		go fmt.Fprintf(near, "a1 LOGIN traced demo\r\na2 SELECT INBOX\r\na3 APPEND INBOX {%d+}\r\n%s\r\n", len(message), message)
		expect(t, r, "a3 OK")
		io.WriteString(near, "a4 SEARCH SUBJECT secret\r\n")
		expect(t, r, "a4 OK")
		io.WriteString(near, "a5 COMPRESS DEFLATE\r\n")
		expect(t, r, "a5 OK")
		inflated := bufio.NewReader(flate.NewReader(r))
		out := bufio.NewWriterSize(near, 64<<10)
		z, err := flate.NewWriter(out, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(z, "b1 FETCH 1 (ENVELOPE BODY[])\r\n")
		z.Flush()
		out.Flush()
		expect(t, inflated, "b1 OK")
		io.WriteString(z, "b2 UNAUTHENTICATE\r\n")
		z.Close()
		out.Flush()
		expect(t, inflated, "b2 OK")
		if _, err := io.Copy(io.Discard, inflated); err != nil {
			t.Fatal(err)
		}
		io.WriteString(near, "c1 LOGIN demo demo\r\nc2 SELECT INBOX\r\n")
		expect(t, r, "c2 OK")
		near.Close()
		<-served

		text := log.String()
		for _, want := range []string{
			`server login=traced line="a1 OK [CAPABILITY`, `client login=traced line="a4 SEARCH SUBJECT …"`,
			`server login=traced line="* SEARCH 1"`, `client login=traced line="b1 FETCH 1 (ENVELOPE BODY[])"`,
			`server login=traced line="* 1 FETCH (ENVELOPE (NIL \"…\"`, `client login=traced line="b2 UNAUTHENTICATE"`,
		} {
			if !strings.Contains(strings.ReplaceAll(text, " conn=1 remote=pipe", ""), "msg="+want) {
				t.Errorf("the log lacks %s", want)
			}
		}
		for _, other := range []string{"secret", "traced demo", "c1 LOGIN", "c2 SELECT"} {
			if strings.Contains(text, other) {
				t.Errorf("the log has %q", other)
			}
		}
		if t.Failed() {
			t.Log(text)
		}
	})
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newRig(t)
		rig.start(t)
		defer rig.stop(t)
		srv := New(Options{Login: rig.login, MaxConnections: 1})
		near, far := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			srv.serveConn(t.Context(), far)
		}()
		r := bufio.NewReader(near)
		expect(t, r, "* OK")
		io.WriteString(near, "a1 LOGIN demo demo\r\na2 NONSENSE\r\na3 SELECT nowhere\r\na4 SELECT INBOX\r\na5 UID SEARCH ALL\r\na6 FETCH\r\n")
		expect(t, r, "a6 BAD")
		second, far2 := net.Pipe()
		go srv.serveConn(t.Context(), far2)
		expect(t, bufio.NewReader(second), "* BYE")
		synctest.Wait()

		got := srv.Stats()
		if got.Connections != 1 || got.Accepted != 1 || got.TurnedAway != 1 || !maps.Equal(got.Sessions, map[string]int{"demo": 1}) {
			t.Errorf("with a client: %+v", got)
		}
		want := map[Done]uint64{{"LOGIN", "OK"}: 1, {"other", "BAD"}: 2, {"SELECT", "NO"}: 1, {"SELECT", "OK"}: 1, {"SEARCH", "OK"}: 1}
		if !maps.Equal(got.Commands, want) {
			t.Errorf("commands %v, want %v", got.Commands, want)
		}
		near.Close()
		<-served
		if got := srv.Stats(); got.Connections != 0 || len(got.Sessions) != 0 {
			t.Errorf("without one: %+v", got)
		}
	})
}
