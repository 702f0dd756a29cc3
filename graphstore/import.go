package graphstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge"
)

// importPause is how long importMime is left alone after it was refused: a
// permission that is granted meanwhile takes hold without a restart.
const importPause = time.Hour

// importing is what a Store knows of importMime (page api/mailfolder-importmime,
// beta): it files MIME as it is, in its folder, as no draft.
type importing struct {
	on bool // by configuration

	mu    sync.Mutex // guards until
	until time.Time  // refused: not before
}

func (i *importing) due() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.on && !time.Now().Before(i.until)
}

func (i *importing) refused() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.until = time.Now().Add(importPause)
}

// UseImportMIME makes Append use importMime of the beta version where it is
// permitted (Mail-Advanced.ReadWrite.All). Call it before the Store is used.
func (s *Store) UseImportMIME(on bool) { s.importing.on = on }

// importable reports whether m may go by importMime now. The request limit is
// not documented for it: that of the other MIME requests is assumed (C16).
func (s *Store) importable(m bridge.NewMessage) bool {
	return s.importing.due() && base64.StdEncoding.EncodedLen(int(m.MIME.Size())) <= mimeLimit
}

// appendImported files m by importMime. again says that the service refused the
// call as such and did nothing, so that the message may go another way.
func (s *Store) appendImported(ctx context.Context, m bridge.NewMessage) (info bridge.MessageInfo, again bool, err error) {
	k, err := s.importCall(ctx, m.Folder, m.MIME)
	if err != nil {
		return info, false, err
	}
	made, err := s.createMIME(ctx, k, m, string(m.Folder))
	if isRefusedImport(err, m.MIME.Size()) {
		return info, true, err
	}
	if err != nil {
		return info, false, err
	}
	id := bridge.MessageID(made.ID)
	info, err = s.finishFiled(ctx, id, m)
	if err == nil && info.Draft {
		err = &Error{Op: k.op(), Message: "the imported message is a draft", kind: bridge.ErrInvalid}
	}
	if err != nil {
		s.discard(ctx, id)
	}
	return info, false, err
}

// importCall is the request for it.
func (s *Store) importCall(ctx context.Context, folder bridge.FolderID, mime *io.SectionReader) (*call, error) {
	k, err := s.call(s.folder(folder).Messages().ToPostRequestInformation(ctx, newMessage(), nil))
	if err != nil {
		return nil, err
	}
	// The builders know v1.0 alone: the path is made of the one beside it.
	k.url = strings.Replace(strings.TrimSuffix(k.url, "/messages")+"/importMime", s.c.base.String(), s.c.beta(), 1)
	k.route = "/beta/users/{user}/mailFolders/{mailFolder}/importMime"
	mimeCall(k, mime)
	k.accept = []int{http.StatusCreated}
	return k, nil
}

// isRefusedImport reports whether an answer means that importMime is not to be
// had, or not for this message, and nothing happened. A folder that is missing, a
// full mailbox or an outage would meet the other way too.
func isRefusedImport(err error, size int64) bool {
	var e *Error
	if !errors.As(err, &e) || e.uncertain || e.transient {
		return false
	}
	if isRefusedSize(err, size) || lacksAction(err) {
		return true
	}
	return errors.Is(err, bridge.ErrDenied) || errors.Is(err, bridge.ErrInvalid)
}

// createMIME sends a creating request of MIME and returns the message made; after
// a lost answer it looks for the message in the folder by its Message-ID.
func (s *Store) createMIME(ctx context.Context, k *call, m bridge.NewMessage, folder string) (row wireMessage, err error) {
	started := time.Now()
	r, err := s.send(ctx, k)
	if err == nil {
		if json.Unmarshal(r.body, &row) == nil && row.ID != "" {
			return row, nil
		}
		err = &Error{Op: k.op(), Status: r.status, RequestID: r.requestID,
			Message: "created, but answered without an id", kind: bridge.ErrUnavailable, uncertain: true}
	}
	if isUncertain(err) && m.Parts.Envelope != nil && strings.TrimSpace(m.Parts.Envelope.MessageID) != "" {
		look, cancel := cleanup(ctx)
		defer cancel()
		found, lookErr := s.newestWith(look, bridge.FolderID(folder), strings.TrimSpace(m.Parts.Envelope.MessageID), started)
		if lookErr == nil && found != "" {
			return wireMessage{ID: string(found)}, nil
		}
	}
	return row, err
}
