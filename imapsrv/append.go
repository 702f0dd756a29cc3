package imapsrv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// maxUploads and maxUploaded bound what one APPEND keeps aside: messages, and
// octets as a multiple of the largest message.
const (
	maxUploads  = 1000
	maxUploaded = 4
)

// append is APPEND (RFC 3501 §6.3.11, RFC 4315 §3) of one or more messages
// (MULTIAPPEND, RFC 3502). A missing folder is told before the message is sent,
// and nothing is filed unless the whole command was right.
func (c *conn) append(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.Append)
	c.net.expect()
	f, err := c.target(ctx, args.Mailbox)
	if err != nil {
		return answer{}, errors.Join(err, c.refuseLiteral(args.Literal))
	}
	uploads, err := c.receive(ctx, f, args)
	defer func() {
		for _, u := range uploads {
			u.Close()
		}
	}()
	if err != nil {
		return answer{}, err
	}
	uids, err := c.file(ctx, f, uploads)
	if err != nil {
		return answer{}, filingError(f, err)
	}
	return answer{code: wire.CodeAppendUIDs(f.UIDValidity(), uids)}, nil
}

// receive takes all messages of an APPEND. The uploads are the caller's to
// close, also after an error.
func (c *conn) receive(ctx context.Context, f *bridge.Folder, args *wire.Append) (uploads []*bridge.Upload, err error) {
	total := int64(0)
	for msg := args; msg != nil; {
		total += msg.Literal.Size
		switch {
		case msg.Literal.Size == 0: // also how a client gives up (RFC 3502 §6.3.11)
			err = no(wire.CodeCannot, "An empty message cannot be filed")
		case len(uploads) == maxUploads || total > maxUploaded*c.opts.MaxAppend:
			err = no(wire.CodeLimit, "Too much for one command; file the messages in several")
		}
		if err != nil {
			return uploads, errors.Join(err, c.refuseLiteral(msg.Literal))
		}
		if err := msg.Literal.Accept(); err != nil {
			return uploads, lost(err)
		}
		u, err := c.receiveOne(ctx, f, msg)
		if err != nil {
			return uploads, err
		}
		uploads = append(uploads, u)
		if msg, err = msg.Next(); err != nil {
			return uploads, lost(err)
		}
		if msg != nil {
			if err := c.checkUTF8Message(msg); err != nil {
				return uploads, err
			}
		}
	}
	return uploads, nil
}

// refuseLiteral skips the message if it comes in spite of a refusal. Only the
// end of the connection is an error.
func (c *conn) refuseLiteral(l *wire.Literal) error {
	err := l.Refuse()
	var syntax *wire.SyntaxError
	if err == nil || errors.As(err, &syntax) {
		return nil
	}
	return &lostError{err}
}

// receiveOne keeps a message aside as it comes in.
func (c *conn) receiveOne(ctx context.Context, f *bridge.Folder, args *wire.Append) (u *bridge.Upload, err error) {
	flags, keywords := parseFlags(args.Flags)
	opts := bridge.AppendOptions{Flags: flags, Keywords: keywords, Date: args.Date}
	size := args.Literal.Size
	msg := &incoming{literal: args.Literal, left: size}
	say := func() headway {
		if left := msg.progress.Load(); left > 0 {
			return headway{fmt.Sprintf("%d of %d octets to go", left, size), size - left, size}
		}
		return headway{}
	}
	limit := c.opts.CommandTimeout + c.opts.TransferTimeout
	err = c.wait(ctx, limit, say, func(ctx context.Context) (err error) {
		u, err = f.Receive(ctx, msg, size, opts)
		return err
	})
	switch {
	case msg.err != nil: // whatever the folder made of it
		return nil, lost(msg.err)
	case err != nil:
		return nil, errors.Join(filingError(f, err), c.refuseLiteral(args.Literal))
	case args.Binary && msg.nul:
		if u, err = c.encode(ctx, f, u); err != nil {
			return nil, errors.Join(err, c.refuseLiteral(args.Literal))
		}
	}
	return u, nil
}

// encode makes base64 of the parts of a message that has NUL in it (RFC 3516 §4.4).
func (c *conn) encode(ctx context.Context, f *bridge.Folder, binary *bridge.Upload) (u *bridge.Upload, err error) {
	err = c.call(ctx, 1, func(ctx context.Context) (err error) {
		u, err = f.ReceiveLines(ctx, binary)
		return err
	})
	switch {
	case errors.Is(err, bridge.ErrInvalid):
		return nil, errBinary
	case err != nil:
		return nil, filingError(f, err)
	}
	return u, nil
}

// file files what was received, all of it or nothing.
func (c *conn) file(ctx context.Context, f *bridge.Folder, uploads []*bridge.Upload) (uids []uint32, err error) {
	var filed atomic.Int64
	say := func() headway {
		if n := filed.Load(); n > 0 {
			return headway{fmt.Sprintf("Filed %d of %d messages", n, len(uploads)), -1, 0}
		}
		return headway{}
	}
	err = c.wait(ctx, c.opts.CommandTimeout+c.opts.TransferTimeout, say, func(ctx context.Context) (err error) {
		uids, err = f.File(ctx, uploads, func(done int) { filed.Store(int64(done)) })
		return err
	})
	return uids, err
}

// filingError is an error of the folder that messages are filed in.
func filingError(f *bridge.Folder, err error) error {
	return &targetError{fmt.Errorf("append to %q: %w", f.Name(), err)}
}

// incoming reads the message of an APPEND.
type incoming struct {
	literal  *wire.Literal
	left     int64
	progress atomic.Int64
	nul      bool  // there is a NUL among the octets
	err      error // of the connection
}

func (m *incoming) Read(p []byte) (int, error) {
	switch {
	case m.err != nil:
		return 0, m.err
	case m.left == 0:
		return 0, io.EOF
	}
	n, err := m.literal.Read(p)
	m.left -= int64(n)
	m.nul = m.nul || bytes.IndexByte(p[:n], 0) >= 0
	m.progress.Store(m.left)
	if m.left == 0 {
		return n, io.EOF
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	m.err = err
	return n, err
}
