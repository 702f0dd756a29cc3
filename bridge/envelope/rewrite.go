package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"mail2graph/bridge/mimepart"
)

// Policy says what becomes of To and Cc addresses outside of the envelope.
type Policy string

// The policies; "" is Strict.
const (
	Strict Policy = "strict" // they are taken out
	Trust  Policy = "trust"  // they stay, and get the message too
	Reject Policy = "reject" // Rewrite fails with an *OutsideError
)

// Options says how to treat outside addresses, and what to add if the message
// has none or an empty one; a zero value adds nothing.
type Options struct {
	Policy    Policy
	Date      time.Time
	MessageID string // with angle brackets
	From      string // address
	// ForceFrom makes From the only author and sender, whoever the message names; these
	// are kept as X-Mail2graph-From and X-Mail2graph-Sender.
	ForceFrom bool
}

// Result is a message fit to be sent.
type Result struct {
	// Message reads from the source, which must stay open.
	Message *io.SectionReader
	// Recipients is the envelope without duplicates, as it was given.
	Recipients []string
	// Blind lists the recipients that only Bcc names.
	Blind []string
	// Removed lists the addresses that were taken out of To and Cc.
	Removed []string
	// Added names the fields that were missing.
	Added []string
	// Trusted lists those that To and Cc name and the envelope does not, under Trust:
	// they get the message too.
	Trusted []string
}

// ErrNoRecipients is returned for an empty envelope.
var ErrNoRecipients = errors.New("no recipients")

// OutsideError reports header recipients outside of the envelope.
type OutsideError struct{ Addresses []string }

func (e *OutsideError) Error() string {
	return fmt.Sprintf("header names %d addresses that are not recipients, the first is %q", len(e.Addresses), e.Addresses[0])
}

// Rewrite returns src with a header that names exactly rcpts as recipients (at
// least these, with Trust); the package comment says how. The header is held
// in memory, the rest is read from src when the result is. Its own errors are
// *RecipientError, *OutsideError, ErrNoRecipients and ErrHeaderTooLarge.
func Rewrite(src *io.SectionReader, rcpts []string, opts Options) (*Result, error) {
	w := rewriter{opts: opts, wanted: make(map[string]address), covered: make(map[string]bool)}
	if err := w.recipients(rcpts); err != nil {
		return nil, err
	}
	header, err := Header(src)
	if err != nil {
		return nil, err
	}
	w.split(header)
	to, cc := w.plan("To"), w.plan("Cc")
	from, sender := w.authors("From"), w.authors("Sender")
	if sender.items = sender.items[:min(1, len(sender.items))]; len(from.items) > 1 && len(sender.items) == 0 && !opts.ForceFrom {
		w.fallback = append(w.fallback, "Sender") // RFC 5322 §3.6.2
	}
	if len(from.items) == 0 || opts.ForceFrom {
		w.fallback = append(w.fallback, "From")
	}
	if opts.Policy == Reject && len(w.removed) > 0 {
		return nil, &OutsideError{w.removed}
	}
	for _, f := range w.fields {
		w.field(f, map[string]*list{"To": to, "Cc": cc, "From": from, "Sender": sender})
	}
	blind := w.addMissing(to, cc)
	w.out = append(w.out, w.end...)
	res := &Result{Recipients: w.rcpts, Blind: blind, Removed: w.removed, Added: w.added, Trusted: w.trusted}
	body := src.Size() - int64(len(header))
	if bytes.Equal(w.out, header) {
		res.Message = io.NewSectionReader(src, 0, src.Size())
	} else {
		res.Message = io.NewSectionReader(&joined{w.out, src, int64(len(header))}, 0, int64(len(w.out))+body)
	}
	return res, nil
}

// rewriter holds the header while it is changed.
type rewriter struct {
	opts    Options
	order   []string           // keys of the envelope, in its order
	rcpts   []string           // the same as given
	wanted  map[string]address // by key
	covered map[string]bool    // named by To or Cc of the result
	removed []string
	trusted []string
	added   []string
	// fallback names the fields of authors that opts.From has to stand in.
	fallback []string

	fields []mimepart.Field
	end    string // the empty line
	eol    string
	out    []byte
}

func (w *rewriter) recipients(rcpts []string) error {
	for _, r := range rcpts {
		a, err := parseRecipient(r)
		if err != nil {
			return err
		}
		if key := a.key(); w.wanted[key] == (address{}) {
			w.wanted[key] = a
			w.order = append(w.order, key)
			w.rcpts = append(w.rcpts, r)
		}
	}
	if len(w.order) == 0 {
		return ErrNoRecipients
	}
	return nil
}

// split divides the header into fields, after what readers could take for its
// end has been made harmless.
func (w *rewriter) split(header []byte) {
	w.eol = "\r\n"
	if i := bytes.IndexByte(header, '\n'); i == 0 || i > 0 && header[i-1] != '\r' {
		w.eol = "\n"
	}
	n := 0
	for f := range mimepart.HeaderFields(header) {
		n += len(f.Raw)
	}
	w.end = string(header[n:])
	if w.end == "" {
		w.end = w.eol
	}
	header = header[:n]
	if n > 0 && header[n-1] != '\n' {
		header = append(header[:n:n], w.eol...)
	}
	for f := range mimepart.HeaderFields(sanitize(header)) {
		w.fields = append(w.fields, f)
	}
}

// sanitize makes a space of each NUL and each CR without LF, and removes folds that are
// nothing but white space (RFC 5322 §3.2.2 forbids them).
func sanitize(header []byte) []byte {
	var out []byte
	for rest := header; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		text, eol := line, ""
		for _, e := range []string{"\r\n", "\n"} {
			if t, ok := bytes.CutSuffix(line, []byte(e)); ok {
				text, eol = t, e
				break
			}
		}
		if len(bytes.Trim(text, " \t\r")) == 0 {
			continue
		}
		for _, c := range text {
			if c == '\r' || c == 0 {
				c = ' '
			}
			out = append(out, c)
		}
		out = append(out, eol...)
	}
	return out
}

// list is what becomes of the fields of one name.
type list struct {
	name    string
	keep    bool     // the one field stays as it is
	items   []string // else: the addresses of the new field
	written bool
}

// plan reads the fields of a name and decides.
func (w *rewriter) plan(name string) *list {
	p := &list{name: name}
	var fields []mimepart.Field
	for _, f := range w.fields {
		if f.Is(name) {
			fields = append(fields, f)
		}
	}
	p.keep = len(fields) == 1 && isClean(fields[0])
	seen := make(map[string]bool)
	for _, f := range fields {
		for _, m := range mimepart.ParseAddressList(f.Value()) {
			a := address{m.Mailbox, m.Host}
			if m.Host == "" || !a.usable() {
				continue
			}
			key := a.key()
			if seen[key] {
				continue
			}
			seen[key] = true
			if w.wanted[key] == (address{}) && w.opts.Policy != Trust {
				w.removed = append(w.removed, m.Mailbox+"@"+m.Host)
				p.keep = false
				continue
			}
			if w.wanted[key] == (address{}) && !w.covered[key] {
				w.trusted = append(w.trusted, m.Mailbox+"@"+m.Host)
			}
			w.covered[key] = true
			p.items = append(p.items, a.render(displayName(m.Name)))
		}
	}
	return p
}

// field writes one field of the old header.
func (w *rewriter) field(f mimepart.Field, lists map[string]*list) {
	switch {
	case f.Name == nil:
		w.rename("X-Mail2graph-Line", f.Raw)
	case f.Is("To"):
		w.list(lists["To"], f)
	case f.Is("Cc"):
		w.list(lists["Cc"], f)
	case f.Is("Bcc"), f.Is("Resent-Bcc"):
		// Whom it names rightly gets a Bcc of our own.
	case w.opts.ForceFrom && f.Is("From"):
		w.rename("X-Mail2graph-From", afterColon(f))
	case w.opts.ForceFrom && f.Is("Sender"):
		w.rename("X-Mail2graph-Sender", afterColon(f))
	case f.Is("Resent-To"):
		w.rename("X-Mail2graph-Resent-To", afterColon(f))
	case f.Is("Resent-Cc"):
		w.rename("X-Mail2graph-Resent-Cc", afterColon(f))
	case f.Is("From") && (f.Value() != "" || len(lists["From"].items) > 0):
		w.list(lists["From"], f)
	case f.Is("Sender"): // an empty one says nothing
		w.list(lists["Sender"], f)
	case f.Value() == "" && w.replacement(f) != "":
		// Written anew by addMissing.
	case f.Is("Subject") && !utf8.Valid(f.Raw):
		w.subject(f)
	default:
		w.out = append(w.out, f.Raw...)
	}
}

// subject encodes (RFC 2047) a subject of 8-bit characters that are no UTF-8. Which
// they are the device does not say; most mean windows-1252.
func (w *rewriter) subject(f mimepart.Field) {
	text, err := charmap.Windows1252.NewDecoder().String(f.Value())
	if err != nil {
		w.out = append(w.out, f.Raw...)
		return
	}
	words := mime.QEncoding.Encode("utf-8", strings.Join(strings.FieldsFunc(text, isSpaceOrControl), " "))
	w.out = append(w.out, "Subject: "+strings.ReplaceAll(words, "?= =?", "?="+w.eol+" =?")+w.eol...)
	w.added = append(w.added, "charset")
}

// authors decides on From or Sender: one that not every reader understands alike
// is written anew, so that the service sees the authors that were checked. Who has
// no address at all is nobody.
func (w *rewriter) authors(name string) *list {
	p := &list{name: name}
	var fields []mimepart.Field
	for _, f := range w.fields {
		if f.Is(name) && f.Value() != "" {
			fields = append(fields, f)
		}
	}
	seen := make(map[string]bool)
	for _, f := range fields {
		for _, m := range mimepart.ParseAddressList(f.Value()) {
			a := address{m.Mailbox, m.Host}
			if m.Host == "" || !a.usable() || seen[a.key()] {
				continue
			}
			seen[a.key()] = true
			p.items = append(p.items, a.render(displayName(m.Name)))
		}
	}
	p.keep = len(fields) == 1 && isClean(fields[0]) && (len(p.items) == 1 || len(p.items) > 1 && name == "From")
	return p
}

// list writes the new field in place of the first old one, and keeps the old
// ones readable.
func (w *rewriter) list(p *list, f mimepart.Field) {
	if p.keep {
		if f.Value() != "" { // an empty one beside the one that is kept says nothing
			w.out = append(w.out, f.Raw...)
		}
		return
	}
	if !p.written {
		p.written = true
		switch {
		case len(p.items) > 0:
			w.out = appendList(w.out, p.name, p.items, w.eol)
		case p.name == "To":
			w.out = append(w.out, "To: undisclosed-recipients:;"+w.eol...)
		}
	}
	if f.Value() != "" {
		w.rename("X-Mail2graph-"+p.name, afterColon(f))
	}
}

// rename writes value, with its line ends, under another name.
func (w *rewriter) rename(name string, value []byte) {
	w.out = append(w.out, name...)
	w.out = append(w.out, ':')
	first := bytes.IndexByte(value, '\n')
	switch {
	case len(name)+first > 990:
		w.out = append(w.out, w.eol+" "...)
	case len(value) > 0 && value[0] != ' ' && value[0] != '\t' && value[0] != '\r' && value[0] != '\n':
		w.out = append(w.out, ' ')
	}
	w.out = append(w.out, value...)
}

func afterColon(f mimepart.Field) []byte { return f.Raw[bytes.IndexByte(f.Raw, ':')+1:] }

// replacement returns the value that f's field gets if it is missing, or "".
func (w *rewriter) replacement(f mimepart.Field) string {
	for _, m := range w.required() {
		if f.Is(m.name) {
			return m.value
		}
	}
	return ""
}

type required struct{ name, value string }

// required lists the fields every message has, with a value for them.
func (w *rewriter) required() []required {
	var from, date string
	if a, err := parseRecipient(w.opts.From); err == nil {
		from = a.render("")
	}
	if !w.opts.Date.IsZero() {
		date = w.opts.Date.Format("Mon, 2 Jan 2006 15:04:05 -0700")
	}
	all := []required{{"Date", date}, {"From", from}, {"Message-ID", w.opts.MessageID}}
	if slices.Contains(w.fallback, "Sender") {
		all = append(all, required{"Sender", from})
	}
	return all
}

// addMissing writes what the header lacks, and Bcc. It returns whom Bcc names.
func (w *rewriter) addMissing(to, cc *list) []string {
	for _, m := range w.required() {
		if m.value != "" && !w.has(m.name) {
			w.out = append(w.out, m.name+": "+m.value+w.eol...)
			if m.name != "From" || !w.opts.ForceFrom { // that one is no remark on the message
				w.added = append(w.added, m.name)
			}
		}
	}
	if !w.has("To") && !to.written && !cc.keep && len(cc.items) == 0 { // RFC 5322 §3.6.3: a message for nobody looks broken to many
		w.out = append(w.out, "To: undisclosed-recipients:;"+w.eol...)
		w.added = append(w.added, "To")
	}
	var blind, items []string
	for i, key := range w.order {
		if !w.covered[key] {
			blind = append(blind, w.rcpts[i])
			items = append(items, w.wanted[key].render(""))
		}
	}
	if len(items) > 0 {
		w.out = appendList(w.out, "Bcc", items, w.eol)
	}
	return blind
}

// has reports whether the header has such a field with something in it.
func (w *rewriter) has(name string) bool {
	for _, f := range w.fields {
		if f.Is(name) && f.Value() != "" && !slices.Contains(w.fallback, name) {
			return true
		}
	}
	return false
}

// displayName makes a name fit to be written again.
func displayName(raw string) string {
	const maxName = 256
	name := strings.ToValidUTF8(mimepart.DecodeHeader(raw), "")
	name = strings.Join(strings.FieldsFunc(name, isSpaceOrControl), " ")
	if r := []rune(name); len(r) > maxName {
		name = string(r[:maxName])
	}
	return name
}
