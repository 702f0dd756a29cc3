package imapsrv

import (
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/imapsrv/wire"
)

// A compressed conversation: commands in a row, a literal, IDLE, and back to
// plain text with UNAUTHENTICATE.
func TestCompress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newRig(t)
		rig.start(t)
		defer rig.stop(t)
		near, far := net.Pipe()
		srv := New(Options{Login: rig.login})
		served := make(chan struct{})
		go func() {
			defer close(served)
			srv.serveConn(t.Context(), far)
		}()
		defer func() { near.Close(); <-served }()
		plain := bufio.NewReader(near)
		expect(t, plain, "* OK")
		io.WriteString(near, "a1 LOGIN demo demo\r\n")
		expect(t, plain, "a1 OK")
		io.WriteString(near, "a2 COMPRESS DEFLATE\r\n")
		expect(t, plain, "a2 OK")

		inflated := flate.NewReader(plain) // takes no octet too many from a bufio.Reader
		r := bufio.NewReader(inflated)
		out := bufio.NewWriterSize(near, 64<<10) // one write for each say
		z, err := flate.NewWriter(out, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		say := func(text string) {
			io.WriteString(z, text)
			z.Flush()
			out.Flush()
		}
		say("b1 COMPRESS DEFLATE\r\n")
		if line := expect(t, r, "b1 NO"); !strings.Contains(line, string(wire.CodeCompressionActive)) {
			t.Errorf("second COMPRESS: got %q, want COMPRESSIONACTIVE", line)
		}
		message := "Subject: Hello\r\n\r\n" + strings.Repeat("0123456789\r\n", 5000)
		say("b2 SELECT INBOX\r\n")
		expect(t, r, "b2 OK")
		say(fmt.Sprintf("b3 APPEND INBOX {%d+}\r\n%s\r\n", len(message), message))
		expect(t, r, "b3 OK [APPENDUID")
		say("b4 FETCH 1 BODY.PEEK[]\r\n")
		expect(t, r, "* 1 FETCH")
		got := make([]byte, len(message))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != message {
			t.Errorf("the message came back otherwise (%v)", err)
		}
		expect(t, r, "b4 OK")
		say("b5 IDLE\r\n")
		expect(t, r, "+ ")
		rig.act(t, "deliver INBOX")
		time.Sleep(10 * time.Second)
		expect(t, r, "* 2 EXISTS")
		say("DONE\r\n")
		expect(t, r, "b5 OK")

		io.WriteString(z, "b6 UNAUTHENTICATE\r\n")
		z.Close()
		out.Flush()
		expect(t, r, "b6 OK [CAPABILITY")
		if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
			t.Errorf("after UNAUTHENTICATE: got %q and %v, want the end", rest, err)
		}
		for i, text := range []string{"NOOP", "LOGIN demo demo", "COMPRESS DEFLATE"} {
			fmt.Fprintf(near, "c%d %s\r\n", i, text)
			expect(t, plain, fmt.Sprintf("c%d OK", i))
		}
	})
}
