package imapsrv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
)

// trace logs the lines of a conversation, without what is nobody's business:
// literals, the arguments of LOGIN and AUTHENTICATE, what is searched for, strings
// of responses that carry mail, and whatever does not look like a command. It
// follows the client's side from the first octet, shown or not, so as to know at
// any time what is a command and what is text.
type trace struct {
	rw         io.ReadWriter
	compressed bool // what passes here; the lines pass overReader and overWriter
	shown      bool
	in, out    lineTrace
}

func newTrace(rw io.ReadWriter, known func(command string) bool) *trace {
	return &trace{rw: rw, in: lineTrace{known: known}}
}

// show logs the lines from now on at a level, if log takes that.
func (t *trace) show(log *slog.Logger, level slog.Level) {
	ctx := context.Background()
	t.shown = log.Enabled(ctx, level)
	t.out = lineTrace{} // at the beginning of a line
	t.in.log, t.out.log = nil, nil
	if t.shown {
		t.in.log = func(line string) { log.Log(ctx, level, "client", "line", line) }
		t.out.log = func(line string) { log.Log(ctx, level, "server", "line", line) }
	}
}

// compress says that from now on the lines pass overReader and overWriter; what
// the client sent ahead is compressed already.
func (t *trace) compress(on bool) {
	t.compressed = on
	t.in = lineTrace{log: t.in.log, known: t.in.known}
}

func (t *trace) Read(p []byte) (int, error) {
	n, err := t.rw.Read(p)
	if !t.compressed {
		t.in.write(p[:n])
	}
	return n, err
}

func (t *trace) Write(p []byte) (int, error) {
	n, err := t.rw.Write(p)
	if !t.compressed && t.shown {
		t.out.write(p[:n])
	}
	return n, err
}

// overReader and overWriter look at the lines above a compression.
func (t *trace) overReader(r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		t.in.write(p[:n])
		return n, err
	})
}

func (t *trace) overWriter(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		n, err := w.Write(p)
		if t.shown {
			t.out.write(p[:n])
		}
		return n, err
	})
}

type (
	readerFunc func(p []byte) (int, error)
	writerFunc func(p []byte) (int, error)
)

func (f readerFunc) Read(p []byte) (int, error)  { return f(p) }
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// hideNext keeps the client's next line out of the trace: an answer to a SASL
// challenge.
func (c *conn) hideNext() { c.trace.in.secret = true }

// traceLogin shows the conversation of a login that is traced whatever the level
// is, and that of others at level debug.
func (c *conn) traceLogin() {
	if c.account != nil && c.account.Trace {
		c.trace.show(c.log, slog.LevelInfo)
		return
	}
	c.trace.show(c.log, slog.LevelDebug)
}

// maxTraced is how much of a line is kept, announcement how long "{n+}" and the
// line end may be.
const (
	maxTraced    = 1000
	announcement = 24
)

// lineTrace puts one direction's octets together to lines.
type lineTrace struct {
	known  func(command string) bool // nil: it is the server's direction
	log    func(string)              // nil: nothing is shown
	buf    []byte                    // of the line so far, not more than maxTraced
	tail   []byte                    // its last octets, where a literal is announced
	skip   int64                     // octets of a literal to come
	inside bool                      // the line goes on behind a literal
	secret bool                      // nothing of this line may be shown
	mail   bool                      // its strings may not be shown
}

var (
	literalEnd  = regexp.MustCompile(`\{(\d{1,18})\+?\}\r?\n$`)
	commandLine = regexp.MustCompile(`^([^ ]+ +(?:(?i:UID) +)?)([A-Za-z]+)(.*)$`)
	fetchLine   = regexp.MustCompile(`(?i)^\* \d+ FETCH\b`)
	quotedText  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?`)
	searchWord  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?|[^ ()]+`)
	searchPlain = regexp.MustCompile(`^([\d:*,$]+|\d{1,2}-[A-Za-z]{3}-\d{4}|\{\d+\+?\})$`)
)

// searchKeys are the words of SEARCH, SORT and THREAD that tell nothing of mail.
var searchKeys = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(`ALL ANSWERED BCC BEFORE BODY CC DELETED DRAFT FLAGGED FROM HEADER KEYWORD LARGER NEW NOT OLD ON
		OR RECENT SEEN SENTBEFORE SENTON SENTSINCE SINCE SMALLER SUBJECT TEXT TO UID UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNKEYWORD UNSEEN
		RETURN MIN MAX COUNT SAVE PARTIAL MODSEQ OLDER YOUNGER EMAILID THREADID SAVEDBEFORE SAVEDON SAVEDSINCE SAVEDATESUPPORTED
		CHARSET UTF-8 US-ASCII REVERSE ARRIVAL DATE SIZE DISPLAYFROM DISPLAYTO ORDEREDSUBJECT REFERENCES SEARCH SORT THREAD`) {
		m[word] = true
	}
	return m
}()

func (t *lineTrace) write(p []byte) {
	for len(p) > 0 {
		if t.skip > 0 {
			n := min(t.skip, int64(len(p)))
			p, t.skip = p[n:], t.skip-n
			continue
		}
		end := bytes.IndexByte(p, '\n') + 1
		piece := p
		if end > 0 {
			piece = p[:end]
		}
		p = p[len(piece):]
		if room := maxTraced - len(t.buf); room > 0 {
			t.buf = append(t.buf, piece[:min(room, len(piece))]...)
		}
		t.tail = append(t.tail, piece[max(0, len(piece)-announcement):]...)
		t.tail = t.tail[max(0, len(t.tail)-announcement):]
		if end > 0 {
			t.line()
		}
	}
}

// line shows the line that has just ended.
func (t *lineTrace) line() {
	shown := string(bytes.TrimRight(t.buf, "\r\n"))
	switch {
	case t.secret:
		shown = "<hidden>"
	case t.inside && t.mail:
		shown = t.withoutMail(shown)
	case t.inside:
	case t.known != nil:
		shown = t.command(shown)
	default:
		if t.mail = fetchLine.MatchString(shown); t.mail {
			shown = t.withoutMail(shown)
		}
	}
	if t.log != nil {
		t.log(shown)
	}
	t.buf = t.buf[:0]
	m := literalEnd.FindSubmatch(t.tail)
	t.tail = t.tail[:0]
	if t.inside = m != nil; t.inside {
		t.skip, _ = strconv.ParseInt(string(m[1]), 10, 64)
		return
	}
	t.secret, t.mail = false, false
}

// command is what may be shown of the first line of a command, or of what came in
// its place: the answer to a SASL challenge, text that the client sends although
// it was refused.
func (t *lineTrace) command(line string) string {
	m := commandLine.FindStringSubmatch(line)
	name := ""
	if m != nil {
		name = strings.ToUpper(m[2])
	}
	switch {
	case strings.EqualFold(line, "DONE"), line == "*", line == "":
		return line
	case !t.known(name):
		return fmt.Sprintf("<%d octets hidden>", len(line))
	case name == "LOGIN" || name == "AUTHENTICATE":
		t.secret = true
		return m[1] + m[2] + " <hidden>"
	case name == "SEARCH" || name == "SORT" || name == "THREAD":
		t.mail = true
		return m[1] + m[2] + t.withoutMail(m[3])
	}
	return line
}

// withoutMail hides the strings of a response, and all words but keys in what is
// searched for.
func (t *lineTrace) withoutMail(text string) string {
	if t.known == nil {
		return quotedText.ReplaceAllString(text, `"…"`)
	}
	return searchWord.ReplaceAllStringFunc(text, func(word string) string {
		switch {
		case searchKeys[strings.ToUpper(word)], searchPlain.MatchString(word):
			return word
		case word[0] == '"':
			return `"…"`
		}
		return "…"
	})
}
