package bridge

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"mail2graph/bridge/mimecache"
	"mail2graph/bridge/mimelines"
	"mail2graph/bridge/mimepart"
)

// Upload is a message that a client has sent to its end, kept aside until it is
// filed. Close gives up what it holds, filed or not.
type Upload struct {
	cache *mimecache.Cache
	spool string
	entry *mimecache.Entry
	root  *mimepart.Part
	opts  AppendOptions
}

// Receive takes a message of size octets from a client. Nothing is filed yet.
func (f *Folder) Receive(ctx context.Context, msg io.Reader, size int64, o AppendOptions) (*Upload, error) {
	u := &Upload{cache: f.m.cache, spool: "append " + rand.Text(), opts: o}
	var err error
	if u.entry, err = u.cache.Put(ctx, u.spool, io.LimitReader(msg, size)); err != nil {
		return nil, fmt.Errorf("append to %s: %w", f.Name(), diskError(err))
	}
	if u.entry.Size() != size {
		defer u.Close()
		return nil, fmt.Errorf("append to %s: %d of %d octets came: %w", f.Name(), u.entry.Size(), size, io.ErrUnexpectedEOF)
	}
	if u.root, err = mimepart.Parse(io.NewSectionReader(u.entry, 0, size)); err != nil {
		defer u.Close()
		return nil, fmt.Errorf("append to %s: %w", f.Name(), err)
	}
	return u, nil
}

// ReceiveLines takes what was received anew with its parts of octets as base64, since
// Exchange Online keeps MIME made of lines alone; u is closed. ErrInvalid where a NUL
// stays, in a header or in what is signed.
func (f *Folder) ReceiveLines(ctx context.Context, u *Upload) (*Upload, error) {
	defer u.Close()
	lines, err := mimelines.Fit(io.NewSectionReader(u.entry, 0, u.entry.Size()), true)
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", f.Name(), err)
	}
	var found nulFinder
	made, err := f.Receive(ctx, io.TeeReader(lines.Message, &found), lines.Message.Size(), u.opts)
	if err == nil && bool(found) {
		made.Close()
		return nil, fmt.Errorf("append to %s: NUL outside of what can be encoded: %w", f.Name(), ErrInvalid)
	}
	return made, err
}

// nulFinder is true once a NUL was written to it.
type nulFinder bool

func (n *nulFinder) Write(p []byte) (int, error) {
	*n = *n || bytes.IndexByte(p, 0) >= 0
	return len(p), nil
}

// Close gives up the octets, unless the message was filed and needs them.
func (u *Upload) Close() {
	u.cache.Remove(u.spool)
	u.entry.Close()
}

// LeftoverError says that messages were filed which should not have been, and
// could not be taken back.
type LeftoverError struct {
	UIDs []uint32
	Err  error // why the rest was not filed
}

func (e *LeftoverError) Error() string {
	return fmt.Sprintf("%v; %d messages stay filed nevertheless", e.Err, len(e.UIDs))
}

func (e *LeftoverError) Unwrap() error { return e.Err }

// File files messages in their order, all of them or none (RFC 3502): the
// service takes them one by one, so when it refuses one, those before it are
// removed again; a *LeftoverError tells where that fails. progress, if not nil,
// is called after each.
func (f *Folder) File(ctx context.Context, uploads []*Upload, progress func(done int)) (uids []uint32, err error) {
	if err := f.ensureSynced(ctx); err != nil {
		return nil, fmt.Errorf("append to %s: %w", f.Name(), err)
	}
	var made []uint32 // without those that are the service's own copies
	for i, u := range uploads {
		uid, own, err := f.fileOne(ctx, u)
		if err != nil {
			return nil, f.takeBack(ctx, made, err)
		}
		uids = append(uids, uid)
		if own {
			made = append(made, uid)
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	return uids, nil
}

// fileOne files one message; own says that it was made, and not found.
func (f *Folder) fileOne(ctx context.Context, u *Upload) (uid uint32, own bool, err error) {
	if f.info().Role == RoleSent {
		if uid, err := f.sentCopy(ctx, u.root.Envelope.MessageID, u.opts); uid != 0 || err != nil {
			return uid, false, err
		}
	}
	uid, err = f.file(ctx, u.entry, u.spool, u.root, u.opts)
	return uid, true, err
}

// takeBackLimit bounds undoing what failed half-way, which happens even if the client
// has gone.
const takeBackLimit = time.Minute

// takeBack removes messages that were just filed, for good, since cause kept
// what belongs to them from being done. It returns cause, and what is left.
func (f *Folder) takeBack(ctx context.Context, uids []uint32, cause error) error {
	if len(uids) == 0 {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackLimit)
	defer cancel()
	left, err := f.remove(ctx, uids, func(ctx context.Context, ids []MessageID) ([]error, error) {
		return f.m.store.Delete(ctx, ids, DisposePermanent), nil
	})
	if len(left) == 0 {
		return cause
	}
	return &LeftoverError{UIDs: left, Err: errors.Join(cause, err)}
}

// Replace files a message and then expunges another of src, by the operator's
// policy (RFC 8508). If that cannot be expunged the new one is taken back.
func (f *Folder) Replace(ctx context.Context, u *Upload, src *Folder, old uint32) (uid uint32, err error) {
	if err := f.ensureSynced(ctx); err != nil {
		return 0, fmt.Errorf("append to %s: %w", f.Name(), err)
	}
	// The service's own copy of a message that was sent is no replacement: it
	// may be what is to be replaced.
	if uid, err = f.file(ctx, u.entry, u.spool, u.root, u.opts); err != nil {
		return 0, err
	}
	left, err := src.remove(ctx, []uint32{old}, src.dispose)
	if len(left) > 0 {
		return 0, f.takeBack(ctx, []uint32{uid}, err)
	}
	return uid, nil
}

// remove takes messages away as dispose does, and returns those that stay, with
// the first error.
func (f *Folder) remove(ctx context.Context, uids []uint32, dispose func(context.Context, []MessageID) ([]error, error)) (left []uint32, err error) {
	snap := f.Snapshot()
	var known []uint32
	var ids []MessageID
	for _, uid := range uids {
		if row := snap.Row(uid); row != nil {
			known, ids = append(known, uid), append(ids, row.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	results, err := dispose(ctx, ids)
	if err != nil {
		return known, err
	}
	var gone []uint32
	for i, uid := range known {
		if results[i] == nil {
			gone = append(gone, uid)
			continue
		}
		left = append(left, uid)
		if err == nil {
			err = fmt.Errorf("remove message %d of folder %s: %w", uid, f.Name(), results[i])
		}
	}
	if cerr := f.drop(context.WithoutCancel(ctx), gone, ids); cerr != nil {
		return known, cerr
	}
	return left, err
}
