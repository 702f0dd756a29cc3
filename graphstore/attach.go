package graphstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

// Sizes of page graph/outlook-large-attachments: a POST takes files under 3 MB,
// an upload session those above. Which 3 MB is meant is not said: between the
// two readings the session is tried first.
const (
	postLimit     = 2_900_000
	sessionMin    = 3 << 20
	fileLimit     = 150 << 20
	chunkSize     = 9 * 320 << 10 // a multiple of 320 KiB, below 3 MB
	requestLimit  = 3_900_000     // body of one request, 4 MB
	attachedLimit = 2             // tries after a lost answer
	chunkTries    = 4             // of one chunk, when answers are lost
)

// attach adds files to a message, one by one and in order.
func (s *Store) attach(ctx context.Context, id bridge.MessageID, files []file) error {
	for i, f := range files {
		size, err := io.Copy(io.Discard, f.open())
		if err != nil {
			return fmt.Errorf("read attachment %d: %w", i+1, err)
		}
		if err := s.attachOne(ctx, id, f, size, i); err != nil {
			return fmt.Errorf("attachment %d of %d: %w", i+1, len(files), err)
		}
	}
	return nil
}

// attachOne adds the file that comes after have others. A lost answer is looked
// up by counting.
func (s *Store) attachOne(ctx context.Context, id bridge.MessageID, f file, size int64, have int) error {
	for try := 1; ; try++ {
		err := s.upload(ctx, id, f, size)
		if err == nil || !isUncertain(err) || try > attachedLimit {
			return err
		}
		n, lookErr := s.countAttachments(ctx, id)
		switch {
		case lookErr != nil:
			return err
		case n == have+1:
			return nil
		case n != have:
			return err
		}
	}
}

func (s *Store) upload(ctx context.Context, id bridge.MessageID, f file, size int64) error {
	switch {
	case size > fileLimit:
		return fmt.Errorf("%d octets: %w", size, bridge.ErrTooLarge)
	case size > postLimit:
		err := s.uploadInSession(ctx, id, f, size)
		if s.lacksSessions(ctx, err) {
			break // a service without them may have no limit for one request either
		}
		if size >= sessionMin || !hasCode(err, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize") {
			return err
		}
	}
	return s.postAttachment(ctx, id, f, size)
}

// lacksSessions reports whether a service refused an upload session as an unknown path,
// as what stands in for Graph may.
func (s *Store) lacksSessions(ctx context.Context, err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || !strings.HasSuffix(e.Op, "/createUploadSession") || e.Status == http.StatusBadRequest || !lacksAction(err) {
		return false
	}
	s.log.WarnContext(ctx, "graph has no upload sessions, a large attachment goes in one request", "error", err)
	return true
}

// postAttachment adds a small file (page api/message-post-attachments).
func (s *Store) postAttachment(ctx context.Context, id bridge.MessageID, f file, size int64) error {
	a := models.NewFileAttachment()
	a.SetName(&f.name)
	a.SetContentType(&f.mediaType)
	a.SetIsInline(&f.inline)
	if f.contentID != "" {
		a.SetContentId(&f.contentID)
	}
	k, err := s.call(s.message(id).Attachments().ToPostRequestInformation(ctx, a, nil))
	if err != nil {
		return err
	}
	// The content joins the other members as it goes out: {"contentBytes":"…", …}
	k.content = encoded(`{"contentBytes":"`, f.open, size, `",`+strings.TrimPrefix(string(k.body), "{"))
	k.body = nil
	_, err = s.send(ctx, k)
	return err
}

// uploadInSession adds a large file (page api/attachment-createuploadsession).
func (s *Store) uploadInSession(ctx context.Context, id bridge.MessageID, f file, size int64) error {
	item := models.NewAttachmentItem()
	item.SetAttachmentType(ptr(models.FILE_ATTACHMENTTYPE))
	item.SetName(&f.name)
	item.SetSize(&size)
	item.SetContentType(&f.mediaType)
	item.SetIsInline(&f.inline)
	if f.contentID != "" {
		item.SetContentId(&f.contentID)
	}
	body := users.NewItemMessagesItemAttachmentsCreateUploadSessionPostRequestBody()
	body.SetAttachmentItem(item)
	k, err := s.call(s.message(id).Attachments().CreateUploadSession().ToPostRequestInformation(ctx, body, nil))
	if err != nil {
		return err
	}
	k.once = false // a session that is not used disappears
	r, err := s.send(ctx, k)
	if err != nil {
		return err
	}
	session, err := decode[struct {
		UploadURL string `json:"uploadUrl"`
	}](k, r)
	if err != nil {
		return err
	}
	u, err := s.c.base.Parse(session.UploadURL) // a stand-in may leave out the host
	if err != nil || u.Scheme != "https" || session.UploadURL == "" {
		return fmt.Errorf("upload session with the url %q, want one of https: %w", clip(session.UploadURL), bridge.ErrUnavailable)
	}
	if err := s.putChunks(ctx, u.String(), f, size); err != nil {
		s.dropSession(ctx, u.String())
		return err
	}
	return nil
}

const uploadRoute = "/uploadSession"

// putChunks sends the content in order. The URL is its own authorization: the
// token does not go along.
func (s *Store) putChunks(ctx context.Context, target string, f file, size int64) error {
	source := &pieces{open: f.open}
	for off := int64(0); off < size; {
		end := min(off+chunkSize, size)
		if err := s.putChunk(ctx, target, source, off, end, size); err != nil {
			return err
		}
		off = end
	}
	return nil
}

// putChunk sends one chunk. When its answer is lost, or the service has another
// range in mind, the session tells what arrived, and it goes on from there.
func (s *Store) putChunk(ctx context.Context, target string, source *pieces, off, end, size int64) error {
	for try := 1; ; try++ {
		k := &call{
			method: http.MethodPut, url: target, route: uploadRoute, bare: true, content: source.content(off, end-off),
			header: http.Header{
				"Content-Type":  {"application/octet-stream"},
				"Content-Range": {fmt.Sprintf("bytes %d-%d/%d", off, end-1, size)},
			},
			// The last chunk creates the attachment; a chunk sent twice is refused.
			once: true,
		}
		_, err := s.send(ctx, k)
		if err == nil {
			return nil
		}
		if e, ok := errors.AsType[*Error](err); !ok || !e.uncertain && e.Status != http.StatusRequestedRangeNotSatisfiable || try == chunkTries {
			return err
		}
		next, lookErr := s.nextExpected(ctx, target)
		switch {
		case lookErr != nil || next < off || next > end: // over, or of no use
			return err
		case next == end && end < size:
			return nil
		case next == end: // all is there, and no attachment yet: there is nothing to send
			return err
		}
		off = next
	}
}

// nextExpected asks an upload session where it stands. That it can be asked is
// known of sessions for files (page graph/sdks/large-file-upload), assumed for these.
func (s *Store) nextExpected(ctx context.Context, target string) (int64, error) {
	k := &call{method: http.MethodGet, url: target, route: uploadRoute, bare: true, header: http.Header{}}
	r, err := s.send(ctx, k)
	if err != nil {
		return 0, err
	}
	session, err := decode[struct {
		Ranges []string `json:"nextExpectedRanges"` // also matches "NextExpectedRanges"
	}](k, r)
	if err != nil {
		return 0, err
	}
	if len(session.Ranges) == 0 {
		return 0, fmt.Errorf("upload session without a next range: %w", bridge.ErrUnavailable)
	}
	from, _, _ := strings.Cut(session.Ranges[0], "-") // "2097152" or "2097152-"
	return strconv.ParseInt(from, 10, 64)
}

// dropSession frees a session that failed; it would expire anyway.
func (s *Store) dropSession(ctx context.Context, target string) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	k := &call{method: http.MethodDelete, url: target, route: uploadRoute, bare: true, header: http.Header{}}
	if _, err := s.send(ctx, k); err != nil {
		s.log.DebugContext(ctx, "upload session left to expire", "error", err)
	}
}

// countAttachments counts what a message has (page api/message-list-attachments).
func (s *Store) countAttachments(ctx context.Context, id bridge.MessageID) (int, error) {
	k, err := s.call(s.message(id).Attachments().ToGetRequestInformation(ctx,
		&users.ItemMessagesItemAttachmentsRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMessagesItemAttachmentsRequestBuilderGetQueryParameters{Select: []string{"id", "name", "size"}}}))
	if err != nil {
		return 0, err
	}
	total := 0
	for {
		r, err := s.send(ctx, k)
		if err != nil {
			return 0, err
		}
		p, err := decode[page[struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		}]](k, r)
		if err != nil {
			return 0, err
		}
		total += len(p.Value)
		if p.NextLink == "" {
			return total, nil
		}
		if k, err = s.linkCall(p.NextLink, k.route); err != nil {
			return 0, err
		}
	}
}
