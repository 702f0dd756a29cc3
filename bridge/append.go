package bridge

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge/disk"
	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/mimepart"
)

// AppendOptions are the flags and the date that a client gives with APPEND.
type AppendOptions struct {
	Flags    Flags
	Keywords []string
	Date     time.Time // zero: now
}

// Append files a message of size octets and returns its UID. The octets stay in
// the cache, so that the client reads back what it wrote. A message that was
// just sent through the bridge and is filed in Sent Items is the service's own
// copy there: it is recognised by its Message-ID, not doubled. So is a draft that
// comes there by COPY or MOVE (intoSent).
func (f *Folder) Append(ctx context.Context, msg io.Reader, size int64, o AppendOptions) (uid uint32, err error) {
	u, err := f.Receive(ctx, msg, size, o)
	if err != nil {
		return 0, err
	}
	defer u.Close()
	uids, err := f.File(ctx, []*Upload{u}, nil)
	if err != nil {
		return 0, err
	}
	return uids[0], nil
}

// file gives the message to the service and enters it into the index.
func (f *Folder) file(ctx context.Context, entry *mimecache.Entry, spool string, root *mimepart.Part, o AppendOptions) (uint32, error) {
	info := f.info()
	categories, forwarded := applyKeywords(nil, FlagsReplace, o.Keywords)
	if forwarded > 0 {
		o.Flags |= FlagForwarded
	}
	if o.Date.IsZero() {
		o.Date = time.Now()
	}
	draft := o.Flags&FlagDraft != 0 || info.Role == RoleDrafts
	made, err := f.m.store.Append(ctx, NewMessage{
		Folder: f.id, MIME: io.NewSectionReader(entry, 0, entry.Size()), Parts: root, Draft: draft,
		Read: o.Flags&FlagSeen != 0, Flagged: o.Flags&FlagFlagged != 0, Verb: verbOf(0, o.Flags),
		Categories: categories, Received: o.Date.UTC().Truncate(time.Second),
		RatherDraft: f.m.opts.AppendSigned == AppendDraft && losesStructure(root),
	})
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", f.Name(), err)
	}
	// It is filed: the rest must happen even if the client went.
	ctx = context.WithoutCancel(ctx)
	if err := f.m.cache.Link(spool, string(made.ID)); err != nil {
		f.log.Warn("appended text not kept in the cache", "error", err)
	}
	f.m.lazy.setPart(made.ID, root)
	e := entryOf(made)
	e.Received = o.Date.UTC().Truncate(time.Second)
	e.Size, e.SizeExact = entry.Size(), true
	e.Flags = withDraft(o.Flags&^(FlagDraft|FlagUnsent), made.Draft)
	e.Detail.Envelope = *root.Envelope
	return f.enter(ctx, e)
}

// losesStructure reports whether a message means something else, or nothing, when
// it is built anew from its parts: a signature covers octets, encrypted text is for
// the recipient's program, a report is for programs (RFC 1847, 8551, 3462). What
// is attached as a message is kept octet by octet and does not count.
func losesStructure(p *mimepart.Part) bool {
	switch strings.ToLower(p.Type + "/" + p.Subtype) {
	case "multipart/signed", "multipart/encrypted", "multipart/report",
		"application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	}
	return p.IsMultipart() && slices.ContainsFunc(p.Children, losesStructure)
}

// enter commits one new message that the service already has. A round may have
// seen it arrive: then it keeps its UID and gets what only the client knows.
func (f *Folder) enter(ctx context.Context, e Entry) (uid uint32, err error) {
	f.touch([]MessageID{e.ID}, true)
	fresh, err := f.commit(ctx, func(snap *Snapshot) batch {
		if uid = f.lookup(e.ID); uid == 0 {
			return batch{add: []Entry{e}, filed: true}
		}
		known := e
		known.UID = uid
		return batch{put: []Entry{known}}
	})
	if err != nil {
		return 0, err
	}
	if len(fresh) == 1 {
		uid = fresh[0]
	}
	return uid, nil
}

// sentCopyWait bounds the time in which the service's own copy must show up in
// Sent Items; it comes some seconds after the sending (graph-reference §10.1).
const sentCopyWait = 15 * time.Second

// sentCopy finds the service's copy of a message that was just sent, and gives
// it the client's flags. 0: this message was not sent by us, or its copy does
// not appear.
func (f *Folder) sentCopy(ctx context.Context, messageID string, o AppendOptions) (uint32, error) {
	if messageID == "" {
		return 0, nil
	}
	sent, err := f.m.index.WasSent(ctx, messageID, time.Now().Add(-sentWindow))
	if err != nil || !sent {
		return 0, err
	}
	for end := time.Now().Add(sentCopyWait); ; {
		if err := f.Sync(ctx); err != nil {
			return 0, fmt.Errorf("append to %s: look for the sent copy: %w", f.Name(), err)
		}
		uid, err := f.recentByMessageID(ctx, messageID)
		if err != nil {
			return 0, err
		}
		if uid != 0 {
			_, err := f.SetFlags(ctx, []uint32{uid}, FlagsAdd, o.Flags, o.Keywords, nil)
			return uid, err
		}
		if time.Now().After(end) {
			f.log.Warn("no copy of a sent message appeared in Sent Items, filing the client's", "message_id", messageID)
			return 0, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(freshFor):
		}
	}
}

// recentByMessageID looks among the newest messages.
func (f *Folder) recentByMessageID(ctx context.Context, messageID string) (found uint32, err error) {
	uids := f.Snapshot().UIDs()
	if len(uids) > 500 {
		uids = uids[len(uids)-500:]
	}
	err = f.m.index.Details(ctx, f.id, uids, func(uid uint32, d *Detail) error {
		if d.Envelope.MessageID == messageID {
			found = uid
		}
		return nil
	})
	return found, err
}

// copyText lets a copy share the cached text of its original.
func (m *Mailbox) copyText(from, to MessageID) {
	if err := m.cache.Link(string(from), string(to)); err != nil {
		m.log.Debug("cached text not shared with the copy", "error", err)
	}
	if p := m.lazy.part(from); p != nil {
		m.lazy.setPart(to, p)
	}
}

// diskError gives a full disk its name.
func diskError(err error) error {
	if disk.IsFull(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

func sortedUIDs(uids []uint32) []uint32 {
	if slices.IsSorted(uids) {
		return uids
	}
	s := slices.Clone(uids)
	slices.Sort(s)
	return s
}
