package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge/mimepart"
)

// Some items of a mailbox have no text: the service cannot make the RFC 5322 form
// of what is damaged, protected or no message at all (graph-reference §13). A client
// that got an error would stop at such a message for ever. It gets a stand-in: the
// header as far as it is known, and a notice.
//
// A stand-in for a message that is merely out of reach would be worse than an
// error: a gateway would take it for the mail, and delete it. So where the service
// does not say itself that the item is at fault, another message has to prove that
// the service makes texts at this moment. And no stand-in lasts: the message is
// asked for again after standInFor and after a restart.

// ItemError is an answer of the service that is about one message, while all else
// works or may work.
type ItemError struct {
	Certain bool   // the service names the message's own content as the reason
	Reason  string // "500 ErrorMimeContentConversionFailed", for the notice
	Err     error
}

func (e *ItemError) Error() string { return e.Err.Error() }
func (e *ItemError) Unwrap() error { return e.Err }

const (
	standInFor    = 15 * time.Minute // until the message is asked for again
	suspectAfter  = time.Minute      // a lone message must fail for so long
	witnesses     = 4                // messages that may prove that the service works
	maxUnreadable = 10_000           // of which this is remembered
)

// unreadable remembers the messages that the service could make no text of.
type unreadable struct {
	mu    sync.Mutex // guards the fields below
	known map[MessageID]failedItem
	good  time.Time // when the last text that came was asked for
}

type failedItem struct {
	first, made time.Time // of the first failure; of the stand-in
}

// standing reports whether a stand-in for id is in force.
func (u *unreadable) standing(id MessageID) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	it, ok := u.known[id]
	return ok && !it.made.IsZero() && time.Since(it.made) < standInFor
}

// failed notes a failure and returns the time of the first.
func (u *unreadable) failed(id MessageID) (first time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	it, ok := u.known[id]
	if !ok {
		if u.known == nil || len(u.known) >= maxUnreadable {
			u.known = map[MessageID]failedItem{}
		}
		it.first = time.Now()
		u.known[id] = it
	}
	return it.first
}

// stand puts a stand-in in force, and reports whether it is the first.
func (u *unreadable) stand(id MessageID) (news bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	it := u.known[id]
	news = it.made.IsZero()
	it.made = time.Now()
	u.known[id] = it
	return news
}

// came notes a text that was asked for at begun.
func (u *unreadable) came(id MessageID, begun time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, id)
	if begun.After(u.good) {
		u.good = begun
	}
}

// works reports whether a text came that was asked for after begun.
func (u *unreadable) works(begun time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.good.After(begun)
}

// standInKey is the cache's key of a stand-in: never that of the message, whose
// own text may yet come.
func standInKey(id MessageID) string { return "stand-in " + string(id) }

// standIn puts a stand-in into the cache if the failure cause, of a request made
// at begun, is about the message id and nothing else. Otherwise it returns cause.
func (m *Mailbox) standIn(ctx context.Context, id MessageID, cause error, begun time.Time) error {
	var item *ItemError
	if !errors.As(cause, &item) {
		if !gone(cause) {
			return cause
		}
		item = &ItemError{Reason: "404 for a message that is listed", Err: cause}
	}
	found, err := m.store.Messages(ctx, []MessageID{id})
	if err != nil || len(found) == 0 {
		return cause // away, or the message is really gone
	}
	if first := m.unreadable.failed(id); !item.Certain && !m.othersWork(ctx, found[0], begun, first) {
		return cause
	}
	var block []byte
	if blocks, err := m.store.Headers(ctx, []MessageID{id}); err == nil {
		block = usefulBlock(blocks[id])
	}
	m.cache.Remove(standInKey(id))
	entry, err := m.cache.Put(ctx, standInKey(id), bytes.NewReader(standInText(found[0], block, item.Reason)))
	if err != nil {
		return diskError(err)
	}
	if m.unreadable.stand(id) {
		m.log.Warn("the service cannot make the text of a message, clients get a stand-in",
			"id", string(id), "class", found[0].Class, "error", cause)
	}
	return entry.Close()
}

// othersWork reports whether the service makes the text of some other message of
// the folder. A message without neighbours is believed after a while.
func (m *Mailbox) othersWork(ctx context.Context, info MessageInfo, begun, first time.Time) bool {
	if m.unreadable.works(begun) {
		return true
	}
	m.mu.Lock()
	f := m.folders[info.Folder]
	m.mu.Unlock()
	if f == nil {
		return time.Since(first) >= suspectAfter
	}
	snap := f.Snapshot()
	pos, _ := snap.Find(f.lookup(info.ID))
	asked := map[int]bool{pos: true}
	for n := range 4 * witnesses {
		try := []int{pos - 1, pos + 1}[n%2]
		if n > 1 && snap.Len() > 0 {
			try = rand.IntN(snap.Len())
		}
		if try < 0 || try >= snap.Len() || asked[try] || m.unreadable.standing(snap.At(try).ID) {
			continue
		}
		if asked[try] = true; m.testifies(ctx, snap.At(try).ID) {
			return true
		}
		if len(asked) > witnesses {
			return false
		}
	}
	return len(asked) == 1 && time.Since(first) >= suspectAfter
}

// testifies reports whether the service begins to send a message's text.
func (m *Mailbox) testifies(ctx context.Context, id MessageID) bool {
	begun := time.Now()
	body, err := m.store.MIME(ctx, id)
	if err != nil {
		return false
	}
	defer body.Close()
	var one [1]byte
	if _, err := io.ReadFull(body, one[:]); err != nil {
		return false
	}
	m.unreadable.came(id, begun)
	return true
}

// standInText writes the stand-in of a message: the header block that the
// transport recorded, else what the listing tells; the same for the same message.
func standInText(info MessageInfo, block []byte, reason string) []byte {
	var b bytes.Buffer
	if len(block) > 0 {
		b.Write(bytes.TrimSuffix(block, []byte("\r\n")))
	} else {
		writeListedHeader(&b, info)
	}
	b.WriteString("X-Mail2graph-Stand-In: " + headerSafe(reason) + "\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	q := quotedprintable.NewWriter(&b)
	fmt.Fprintf(q, "[mail2graph] This is not the message itself.\r\n\r\n"+
		"Exchange Online could not make the text of this message (%s),\r\n"+
		"so mail2graph wrote this in its place. The message is still in the mailbox:\r\n"+
		"Outlook may be able to open it. mail2graph asks for it again later.\r\n\r\n", reason)
	if info.Class != "" {
		fmt.Fprintf(q, "Kind of item: %s\r\n", info.Class)
	}
	if !info.Received.IsZero() {
		fmt.Fprintf(q, "Received: %s\r\n", info.Received.UTC().Format(time.RFC1123Z))
	}
	if info.HasAttachments {
		fmt.Fprint(q, "It has attachments.\r\n")
	}
	if preview := strings.Join(strings.Fields(info.Preview), " "); preview != "" {
		fmt.Fprintf(q, "\r\nIts text begins:\r\n\r\n%s\r\n", preview)
	}
	q.Close()
	return b.Bytes()
}

// writeListedHeader writes header fields as the listing tells them.
func writeListedHeader(b *bytes.Buffer, info MessageInfo) {
	e := detailOf(info).Envelope
	field := func(name, value string) {
		if value = headerSafe(value); value != "" {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	field("Date", e.Date)
	for _, l := range []struct {
		name string
		list []mimepart.Address
	}{{"From", e.From}, {"Sender", e.Sender}, {"Reply-To", e.ReplyTo}, {"To", e.To}, {"Cc", e.Cc}} {
		field(l.name, writeAddresses(l.list))
	}
	field("Subject", e.Subject)
	field("Message-ID", e.MessageID)
	field("In-Reply-To", e.InReplyTo)
	field("References", info.References)
}

// writeAddresses writes a list as a field has it, one address a line.
func writeAddresses(list []mimepart.Address) string {
	var words []string
	for _, a := range list {
		addr := a.Mailbox
		if a.Host != "" && a.Host != mimepart.MissingHost {
			addr += "@" + a.Host
		}
		if a.Name != "" {
			addr = phrase(a.Name) + " <" + addr + ">"
		}
		words = append(words, strings.ReplaceAll(addr, "\n", " "))
	}
	return strings.Join(words, ",\r\n ")
}

// phrase quotes a name where RFC 5322 §3.2.5 wants it.
func phrase(name string) string {
	if strings.HasPrefix(name, "=?") || !strings.ContainsAny(name, "()<>[]:;@\\,.\"") {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// headerSafe makes sure that a value stays within its field: a line break is
// followed by a space.
func headerSafe(s string) string {
	var lines []string
	for _, l := range strings.FieldsFunc(s, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\r\n ")
}
