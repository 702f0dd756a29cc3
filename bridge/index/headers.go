package index

import (
	"bytes"
	"compress/flate"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// maxHeader bounds what a stored block may unpack to.
const maxHeader = 8 << 20

// A record is the block as DEFLATE has it. In front of that stand, with their length,
// the fields that programs list folders by: to unpack the rest, which is many times as
// long, costs more than all else there is to a field. Where they are the whole block
// nothing follows. No DEFLATE stream begins with plainMark, as it would be a block of
// the reserved type (RFC 1951 §3.2.3).
const (
	plainMark = 0x07
	maxPlain  = 4 << 10
)

// plainFields are those fields; what few mails have and few programs ask for costs
// nothing.
var plainFields = []string{
	"Date", "Subject", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To", "References",
	"Priority", "X-Priority", "X-MSMail-Priority", "Importance", "Newsgroups", "Followup-To", "Lines", "X-Label", "X-TUID",
	"List-Id", "List-Post", "List-Subscribe", "List-Unsubscribe", "List-Help", "List-Archive", "List-Owner",
	"X-Original-To", "Delivered-To", "Mail-Followup-To", "Mail-Reply-To", "Disposition-Notification-To", "Return-Receipt-To",
	"X-Mailer", "User-Agent", "Organization", "X-Draft-Info", "X-K9mail-Identity", "X-Identity-Key", "Chat-Version",
	"X-Uniform-Type-Identifier", "X-Universally-Unique-Identifier", "Resent-From", "Resent-To", "Resent-Date",
}

var isPlain = func() map[string]bool {
	m := make(map[string]bool, len(plainFields))
	for _, name := range plainFields {
		m[strings.ToLower(name)] = true
	}
	return m
}()

// Headers implements bridge.Index. A block that cannot be unpacked is as good as
// none: it is asked for again.
func (x *Index) Headers(ctx context.Context, ids []bridge.MessageID, fields []string, yield func(bridge.MessageID, []byte) error) error {
	u := headerUnpacker{plain: len(fields) > 0 && !slices.ContainsFunc(fields, func(name string) bool { return !isPlain[strings.ToLower(name)] })}
	u.inflate = flate.NewReader(&u.src)
	err := x.records(ctx, x.get.headers, ids, func(id bridge.MessageID, packed []byte) error {
		block, err := u.unpack(packed)
		if err != nil {
			return nil
		}
		return yield(id, block)
	})
	if err != nil {
		return fmt.Errorf("index: headers: %w", x.translate(err))
	}
	return nil
}

// headerUnpacker undoes headerPacker.
type headerUnpacker struct {
	plain   bool // plainFields are all that is wanted
	src     bytes.Reader
	inflate io.ReadCloser
	block   bytes.Buffer
}

func (u *headerUnpacker) unpack(packed []byte) ([]byte, error) {
	if len(packed) > 0 && packed[0] == plainMark {
		n, width := binary.Uvarint(packed[1:])
		if width <= 0 || n > uint64(len(packed)-1-width) {
			return nil, errBlob
		}
		plain := packed[1+width:][:n:n]
		if packed = packed[1+width+int(n):]; u.plain || len(packed) == 0 {
			return plain, nil
		}
	}
	u.src.Reset(packed)
	u.block.Reset()
	if err := u.inflate.(flate.Resetter).Reset(&u.src, nil); err != nil {
		return nil, err
	}
	if _, err := u.block.ReadFrom(io.LimitReader(u.inflate, maxHeader)); err != nil {
		return nil, err
	}
	return bytes.Clone(u.block.Bytes()), nil
}

// headerPacker makes records of blocks.
type headerPacker struct {
	buf     bytes.Buffer
	deflate *flate.Writer
}

func (p *headerPacker) pack(block []byte) ([]byte, error) {
	p.buf.Reset()
	if plain := mimepart.Fields(block, plainFields, false); len(block) > 0 && len(plain) <= maxPlain {
		p.buf.WriteByte(plainMark)
		p.buf.Write(binary.AppendUvarint(nil, uint64(len(plain))))
		p.buf.Write(plain)
		if bytes.Equal(plain, block) {
			return bytes.Clone(p.buf.Bytes()), nil
		}
	}
	p.deflate.Reset(&p.buf)
	if _, err := p.deflate.Write(block); err != nil {
		return nil, err
	}
	if err := p.deflate.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(p.buf.Bytes()), nil
}

// HasHeaders implements bridge.Index.
func (x *Index) HasHeaders(ctx context.Context, ids []bridge.MessageID, yield func(bridge.MessageID) error) error {
	defer x.use()()
	err := x.records(ctx, x.get.hasHeader, ids, func(id bridge.MessageID, _ []byte) error { return yield(id) })
	if err != nil {
		return fmt.Errorf("index: headers: %w", x.translate(err))
	}
	return nil
}

// PutHeaders implements bridge.Index.
func (x *Index) PutHeaders(ctx context.Context, blocks map[bridge.MessageID][]byte) error {
	packed := make(map[bridge.MessageID][]byte, len(blocks))
	var p headerPacker
	var err error
	if p.deflate, err = flate.NewWriter(&p.buf, flate.BestSpeed); err != nil {
		return fmt.Errorf("index: put headers: %w", err)
	}
	for id, block := range blocks {
		if packed[id], err = p.pack(block); err != nil {
			return fmt.Errorf("index: header of %s: %w", id, err)
		}
	}
	return x.update(ctx, "put headers", func(ctx context.Context, tx *sql.Tx) error {
		for id, data := range packed {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO header (hash, id, data) VALUES (?,?,?)",
				hash(id), string(id), data); err != nil {
				return fmt.Errorf("header of %s: %w", id, err)
			}
		}
		return nil
	})
}
