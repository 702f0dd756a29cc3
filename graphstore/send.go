package graphstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

// markerField is the header field that carries the marker of a draft made from
// MIME. It goes out with the message, like the queue id in a Received field.
const markerField = "X-Mail2graph-Id"

// msgFlagSubmit is the bit of PidTagMessageFlags that a message has once it was
// handed to the transport ([MS-OXCMSG] 2.2.1.6).
const msgFlagSubmit = 0x4

// CreateDraft files a message to be sent as a draft. As MIME it stays as it is;
// above the limit of a request it is built from JSON, attachments and upload
// sessions (pages api/user-post-messages, graph/outlook-large-attachments). MIME
// has no envelope: recipients are those of the header.
//
// Two requests instead of one sendMail are the price for knowing: a draft keeps
// its immutable id when it is sent, and nobody can tell what became of a sendMail
// whose answer was lost.
func (s *Store) CreateDraft(ctx context.Context, m bridge.Outgoing) (bridge.MessageID, error) {
	if len(m.Recipients) == 0 {
		return "", fmt.Errorf("create draft: no recipients: %w", bridge.ErrInvalid)
	}
	if m.Parts == nil {
		var err error
		if m.Parts, err = mimepart.Parse(section(m.MIME)); err != nil {
			return "", fmt.Errorf("create draft: %w", err)
		}
	}
	size, limit := base64.StdEncoding.EncodedLen(int(m.MIME.Size())+len(markerLine(m.Marker))), mimeLimit
	form, keep := formOf(m)
	if form != "" {
		limit = mimeMost // there is no other way for it: try
	}
	if size <= limit {
		id, err := s.draftMIME(ctx, m)
		if !isRefusedSize(err, m.MIME.Size()) && (keep || !s.takesNoMIME(ctx, err)) {
			return id, wrap("create draft", refusal(err))
		}
	}
	if keep {
		return "", &bridge.Refusal{
			Reply: fmt.Sprintf("%s of %d octets: above about 3 MB Microsoft Graph takes messages in parts only, which that does not survive", form, m.MIME.Size()),
			Err:   fmt.Errorf("create draft: %s cannot be built anew; see large_signed: %w", form, bridge.ErrTooLarge),
		}
	}
	id, err := s.draftBuilt(ctx, m)
	return id, wrap("create draft", refusal(err))
}

func markerLine(marker string) string {
	if marker == "" {
		return ""
	}
	return markerField + ": " + marker + "\r\n"
}

// draftMIME is one request. 201 alone is success: 200 was seen for messages that
// were not taken (docs#13979).
func (s *Store) draftMIME(ctx context.Context, m bridge.Outgoing) (bridge.MessageID, error) {
	if m.Again {
		if id, err := s.markedDraft(ctx, m); id != "" || err != nil {
			return id, err
		}
	}
	k, err := s.call(s.user.Messages().ToPostRequestInformation(ctx, newMessage(), nil))
	if err != nil {
		return "", err
	}
	mimeCall(k, withLine(markerLine(m.Marker), m.MIME))
	k.accept = []int{http.StatusCreated}
	k.wary = true
	r, err := s.send(ctx, k)
	if err == nil {
		var row wireMessage
		if json.Unmarshal(r.body, &row) == nil && row.ID != "" {
			return bridge.MessageID(row.ID), nil
		}
		err = &Error{Op: k.op(), Status: r.status, RequestID: r.requestID,
			Message: "created, but answered without an id", kind: bridge.ErrUnavailable, uncertain: true}
	}
	if !isUncertain(err) || isRefusedSize(err, m.MIME.Size()) {
		return "", err
	}
	look, cancel := cleanup(ctx)
	defer cancel()
	if id, lookErr := s.markedDraft(look, m); lookErr == nil && id != "" {
		return id, nil
	}
	return "", err
}

// withLine puts a line before a message.
func withLine(line string, mime *io.SectionReader) *io.SectionReader {
	if line == "" {
		return mime
	}
	return io.NewSectionReader(&prefixed{line, mime}, 0, int64(len(line))+mime.Size())
}

// prefixed reads line and then rest.
type prefixed struct {
	line string
	rest io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (p *prefixed) ReadAt(b []byte, off int64) (n int, err error) {
	if off < int64(len(p.line)) {
		if n = copy(b, p.line[off:]); n == len(b) {
			return n, nil
		}
	}
	more, err := p.rest.ReadAt(b[n:], off+int64(n)-int64(len(p.line)))
	return n + more, err
}

// markedDraft returns the draft that an earlier call made from this MIME, or "".
func (s *Store) markedDraft(ctx context.Context, m bridge.Outgoing) (bridge.MessageID, error) {
	if m.Parts.Envelope == nil {
		return "", nil
	}
	ids, err := s.markedMIME(ctx, "drafts", m.Marker, m.Parts.Envelope.MessageID)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// draftBuilt makes a draft from JSON and adds the attachments. What an earlier try
// left is incomplete, as far as anybody knows, and removed.
func (s *Store) draftBuilt(ctx context.Context, m bridge.Outgoing) (bridge.MessageID, error) {
	d, err := takeApart(m.MIME, m.Parts)
	if err != nil {
		return "", err
	}
	marker := m.Marker
	if marker == "" {
		marker = newGUID()
	}
	if m.Again {
		id, err := s.withMarker(ctx, "drafts", marker)
		if err != nil {
			return "", err
		}
		if id != "" {
			s.discard(ctx, id)
		}
	}
	id, err := s.create(ctx, d, "drafts", marker, func(msg *models.Message) (*call, error) {
		d.sentFields(msg, marker)
		k, err := s.call(s.user.Messages().ToPostRequestInformation(ctx, msg, nil))
		if err == nil {
			k.wary = true
		}
		return k, err
	})
	if err != nil {
		return "", err
	}
	if _, err := s.complete(ctx, id, d, true); err != nil {
		s.discard(ctx, id)
		return "", err
	}
	return id, nil
}

// lacksSend reports whether a refusal to send a draft that is there means that the path
// is unknown, as it is to no Graph: it must not read as an unknown recipient.
func lacksSend(err error) bool {
	var e *Error
	if !errors.As(err, &e) || hasCode(err, "ErrorItemNotFound") || hasCode(err, "ErrorInvalidUser") {
		return false
	}
	return e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusNotImplemented
}

// SendDraft sends a draft (page api/message-send); 202 alone is success. From
// another address than the mailbox's goes the same way, and Exchange judges.
func (s *Store) SendDraft(ctx context.Context, id bridge.MessageID) (bridge.Receipt, error) {
	k, err := s.call(s.message(id).Send().ToPostRequestInformation(ctx, nil))
	if err != nil {
		return bridge.Receipt{}, err
	}
	k.accept = []int{http.StatusAccepted}
	k.wary = true
	r, err := s.send(ctx, k)
	if err != nil {
		if lacksSend(err) {
			if state, lookErr := s.DraftState(ctx, id); lookErr == nil && state == bridge.DraftWaits {
				err = &bridge.Refusal{Reply: "the mail service cannot send drafts: it does not know /send",
					Err: fmt.Errorf("no such path (page api/message-send): %w: %v", bridge.ErrInvalid, err)} // its kind is misleading
				return bridge.Receipt{}, wrap("send draft", err)
			}
		}
		return bridge.Receipt{}, wrap("send draft", refusal(err))
	}
	return bridge.Receipt{RequestID: r.requestID}, nil
}

// DraftState looks for a draft by its immutable id, which the copy in Sent Items
// takes over after a while (page graph/outlook-immutable-id).
func (s *Store) DraftState(ctx context.Context, id bridge.MessageID) (bridge.DraftState, error) {
	k, err := s.getMessage(ctx, id, []string{"id", "isDraft", "parentFolderId"},
		[]string{expandProperties(propFlags)})
	if err != nil {
		return bridge.DraftWaits, err
	}
	r, err := s.send(ctx, k)
	if errors.Is(err, bridge.ErrNotFound) {
		return bridge.DraftGone, nil
	}
	if err != nil {
		return bridge.DraftWaits, wrap("look for a draft", err)
	}
	row, err := decode[wireMessage](k, r)
	if err != nil {
		return bridge.DraftWaits, wrap("look for a draft", err)
	}
	if row.IsDraft != nil && !*row.IsDraft {
		return bridge.DraftSent, nil
	}
	for _, p := range row.Properties {
		flags, err := strconv.Atoi(string(p.Value))
		if err == nil && sameProperty(p.ID, propFlags) && flags&msgFlagSubmit != 0 {
			return bridge.DraftSent, nil
		}
	}
	return bridge.DraftWaits, nil
}
