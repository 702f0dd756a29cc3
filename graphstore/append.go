package graphstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

const (
	// mimeLimit is what a MIME request may hold as base64: the limit is 4 MB, a
	// report saw refusals above 3 MB (docs#13979).
	mimeLimit = 3_000_000
	// mimeMost is the documented limit (page api/user-post-messages).
	mimeMost = 4 << 20
	// suspectLimit: above it a 2xx other than the documented one is that refusal.
	suspectLimit = 2_000_000
	// textLimit bounds the text of a JSON body; what is longer is also attached.
	textLimit = 2 << 20

	// propMarker is a named property that a created message carries, to find it
	// again after a lost answer.
	propMarker = "String {5b3a1f5e-5a0c-4a51-9f0f-6d61696c3267} Name mail2graph-created"

	cleanupTimeout = 30 * time.Second

	// createTries bounds how often a message is filed whose request was not answered
	// and is found nowhere, lookAgain is the time between two looks.
	createTries = 3
	lookAgain   = time.Second
)

// cleanup is the context for removing what a failed operation left behind: it
// outlives the caller's patience, not for long.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
}

// Append files a message (graph-reference §7.1 to §7.3): drafts as MIME, which Graph
// makes a draft, for ever; everything else by importMime where the operator has it,
// or built from JSON, which is the one way in v1.0 to a message that is no draft. A
// message that would lose its structure so may become a draft by choice.
func (s *Store) Append(ctx context.Context, m bridge.NewMessage) (bridge.MessageInfo, error) {
	if m.Parts == nil {
		var err error
		if m.Parts, err = mimepart.Parse(section(m.MIME)); err != nil {
			return bridge.MessageInfo{}, fmt.Errorf("append: %w", err)
		}
	}
	if !m.Draft && s.importable(m) {
		info, again, err := s.appendImported(ctx, m)
		if !again {
			return info, wrap("append by import", err)
		}
		s.importing.refused()
		s.log.WarnContext(ctx, "importMime is refused, messages are built anew for a while", "error", err)
	}
	if (m.Draft || m.RatherDraft) && base64.StdEncoding.EncodedLen(int(m.MIME.Size())) <= mimeLimit {
		info, err := s.appendMIME(ctx, m)
		if !isRefusedSize(err, m.MIME.Size()) && !s.takesNoMIME(ctx, err) {
			return info, wrap("append draft", err)
		}
	}
	info, err := s.appendBuilt(ctx, m)
	return info, wrap("append", err)
}

// isRefusedSize reports whether Graph found a MIME request too large: 413, or
// the 200 without a resource of docs#13979.
func isRefusedSize(err error, size int64) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Status == http.StatusRequestEntityTooLarge ||
		e.Status >= 200 && e.Status < 300 && base64.StdEncoding.EncodedLen(int(size)) > suspectLimit
}

// takesNoMIME reports whether a request was refused because it holds MIME, which Graph
// takes at /messages (page api/user-post-messages), and what stands in for it may not.
// Its code is the one of a folder's path (docs#16368).
func (s *Store) takesNoMIME(ctx context.Context, err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusUnsupportedMediaType && !hasCode(err, "UnableToDeserializePostBody") {
		return false
	}
	level := slog.LevelDebug
	if s.noMIME.CompareAndSwap(false, true) {
		level = slog.LevelWarn
	}
	s.log.Log(ctx, level, "graph takes no MIME, messages are built anew", "error", err)
	return true
}

// appendMIME creates a draft from MIME, which works in Drafts alone
// (docs#16368), moves it and sets its flags.
func (s *Store) appendMIME(ctx context.Context, m bridge.NewMessage) (bridge.MessageInfo, error) {
	k, err := s.call(s.user.Messages().ToPostRequestInformation(ctx, newMessage(), nil))
	if err != nil {
		return bridge.MessageInfo{}, err
	}
	mimeCall(k, m.MIME)
	k.accept = []int{http.StatusCreated}
	made, err := s.createMIME(ctx, k, m, "drafts")
	if err != nil {
		return bridge.MessageInfo{}, err
	}
	info, err := s.finishDraft(ctx, made, m)
	if err != nil {
		s.discard(ctx, bridge.MessageID(made.ID))
		return bridge.MessageInfo{}, err
	}
	return info, nil
}

// finishDraft moves a draft where it belongs, unless that is Drafts.
func (s *Store) finishDraft(ctx context.Context, made wireMessage, m bridge.NewMessage) (bridge.MessageInfo, error) {
	id, in := bridge.MessageID(made.ID), bridge.FolderID(made.ParentFolderID)
	if in == "" {
		found, err := s.listed(ctx, id)
		if err != nil {
			return bridge.MessageInfo{}, err
		}
		in = found.Folder
	}
	if in != m.Folder {
		moved := s.Move(ctx, []bridge.MessageID{id}, m.Folder)[0]
		if moved.Err != nil {
			return bridge.MessageInfo{}, moved.Err
		}
		if id = moved.ID; id == "" {
			found, err := s.withMessageID(ctx, m.Folder, made.InternetID)
			if err != nil || len(found) != 1 {
				return bridge.MessageInfo{}, fmt.Errorf("draft moved to its folder, where it is not found: %w", errors.Join(bridge.ErrUnavailable, err))
			}
			id = bridge.MessageID(found[0].ID)
		}
	}
	return s.finishFiled(ctx, id, m)
}

// finishFiled sets the flags of a message made of MIME and reads what came of it.
func (s *Store) finishFiled(ctx context.Context, id bridge.MessageID, m bridge.NewMessage) (bridge.MessageInfo, error) {
	u := bridge.FlagUpdate{ID: id, Read: &m.Read, Flagged: &m.Flagged}
	if m.Verb != bridge.VerbNone {
		u.Verb = &m.Verb
	}
	if len(m.Categories) > 0 {
		u.Categories = &m.Categories
	}
	if err := s.SetFlags(ctx, []bridge.FlagUpdate{u})[0]; err != nil {
		return bridge.MessageInfo{}, err
	}
	return s.listed(ctx, id)
}

// appendBuilt creates the message from JSON in its folder, adds the attachments
// and verifies the result.
func (s *Store) appendBuilt(ctx context.Context, m bridge.NewMessage) (bridge.MessageInfo, error) {
	d, err := takeApart(m.MIME, m.Parts)
	if err != nil {
		return bridge.MessageInfo{}, err
	}
	marker := newGUID()
	id, err := s.create(ctx, d, m.Folder, marker, func(msg *models.Message) (*call, error) {
		props := append(d.filing(m.Received), property(propMarker, marker))
		if !m.Draft {
			// PidTagMessageFlags without the bit 0x8 (unsent): no draft. It counts
			// in the creating POST alone.
			flags := "0"
			if m.Read {
				flags = "1"
			}
			props = append(props, property(propFlags, flags))
		}
		if m.Verb != bridge.VerbNone {
			props = append(props, verbProperties(m.Verb)...)
		}
		msg.SetSingleValueExtendedProperties(props)
		msg.SetIsRead(&m.Read)
		msg.SetFlag(followup(m.Flagged))
		if len(m.Categories) > 0 {
			msg.SetCategories(m.Categories)
		}
		return s.call(s.folder(m.Folder).Messages().ToPostRequestInformation(ctx, msg, nil))
	})
	if err != nil {
		return bridge.MessageInfo{}, err
	}
	info, err := s.complete(ctx, id, d, m.Draft)
	if err != nil {
		s.discard(ctx, id)
		return bridge.MessageInfo{}, err
	}
	return info, nil
}

// create posts the message that finish makes of d's JSON form, into a folder.
// Text that would not fit into a request is cut and added as a file.
func (s *Store) create(ctx context.Context, d *draft, in bridge.FolderID, marker string, finish func(*models.Message) (*call, error)) (bridge.MessageID, error) {
	var k *call
	for limit := textLimit; ; limit /= 4 {
		msg, cut, err := d.message(limit)
		if err != nil {
			return "", err
		}
		if k, err = finish(msg); err != nil {
			return "", err
		}
		if len(k.body) > requestLimit && limit > 1024 {
			continue
		}
		if cut {
			d.files = append(d.files, file{name: "body" + extensions["text/"+strings.ToLower(d.body.Subtype)],
				mediaType: "text/" + strings.ToLower(d.body.Subtype), open: func() io.Reader { return d.body.Open(d.src) }})
		}
		break
	}
	made, err := s.createOnce(ctx, k)
	for try := 1; isUncertain(err); try++ {
		id, lookErr := s.cameToBe(ctx, in, marker, err)
		if lookErr == nil && id != "" {
			return id, nil
		}
		// Programs there are that never file again what was once refused (mbsync).
		// Whoever sends mail knows himself what to do.
		if lookErr != nil || k.wary || try == createTries {
			return "", err
		}
		s.log.DebugContext(ctx, "nothing came of a request, it is repeated", "route", k.route, "error", err)
		made, err = s.createOnce(ctx, k)
	}
	return made, err
}

// createOnce sends a creating request and reads the id from its answer.
func (s *Store) createOnce(ctx context.Context, k *call) (bridge.MessageID, error) {
	r, err := s.send(ctx, k)
	if err != nil {
		return "", err
	}
	var row wireMessage
	if json.Unmarshal(r.body, &row) == nil && row.ID != "" {
		return bridge.MessageID(row.ID), nil
	}
	return "", &Error{Op: k.op(), Status: r.status, RequestID: r.requestID,
		Message: "created, but answered without an id", kind: bridge.ErrUnavailable, uncertain: true}
}

// cameToBe looks for the message that a request without an answer may have made, twice:
// the request itself may still be on its way.
func (s *Store) cameToBe(ctx context.Context, in bridge.FolderID, marker string, lost error) (bridge.MessageID, error) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	id, err := s.withMarker(ctx, in, marker)
	var e *Error
	if err != nil || id != "" || !errors.As(lost, &e) {
		return id, err
	}
	if err := pauseFor(ctx, lookAgain, e); err != nil {
		return "", err
	}
	return s.withMarker(ctx, in, marker)
}

// complete adds the attachments and checks what came of it all.
func (s *Store) complete(ctx context.Context, id bridge.MessageID, d *draft, asDraft bool) (bridge.MessageInfo, error) {
	if err := s.attach(ctx, id, d.files); err != nil {
		return bridge.MessageInfo{}, err
	}
	if len(d.files) > 0 {
		n, err := s.countAttachments(ctx, id)
		if err != nil {
			return bridge.MessageInfo{}, err
		}
		if n != len(d.files) {
			return bridge.MessageInfo{}, fmt.Errorf("%d of %d attachments arrived: %w", n, len(d.files), bridge.ErrUnavailable)
		}
	}
	info, err := s.listed(ctx, id)
	if err != nil {
		return info, err
	}
	if asDraft && !info.Draft { // DraftState would take it for sent
		return bridge.MessageInfo{}, fmt.Errorf("the service made no draft of it: %w", bridge.ErrInvalid)
	}
	if info.Draft && !asDraft {
		// Better a copy with the wrong mark, which clients see as \Draft, than none.
		level := slog.LevelDebug
		if s.draftsOnly.CompareAndSwap(false, true) {
			level = slog.LevelWarn
		}
		s.log.Log(ctx, level, "the service files messages as drafts, whatever it is told (help append)", "id", id)
	}
	return info, nil
}

// listed reads a message just created as listings show it.
func (s *Store) listed(ctx context.Context, id bridge.MessageID) (bridge.MessageInfo, error) {
	found, err := s.Messages(ctx, []bridge.MessageID{id})
	if err != nil {
		return bridge.MessageInfo{}, err
	}
	if len(found) == 0 {
		return bridge.MessageInfo{}, fmt.Errorf("message vanished: %w", bridge.ErrNotFound)
	}
	return found[0], nil
}

// discard removes what a failed operation created.
func (s *Store) discard(ctx context.Context, id bridge.MessageID) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	if err := s.Delete(ctx, []bridge.MessageID{id}, bridge.DisposePermanent)[0]; err != nil {
		s.log.ErrorContext(ctx, "an incomplete message stays in the mailbox", "id", id, "error", err)
	}
}

func section(r *io.SectionReader) *io.SectionReader { return io.NewSectionReader(r, 0, r.Size()) }
