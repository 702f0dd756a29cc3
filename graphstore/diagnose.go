package graphstore

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

// Claims are what an access token says of itself
// (entra/identity-platform/access-token-claims-reference). They are for a
// diagnosis alone: the token is Graph's, its form may change, and rights that
// Exchange itself grants are not in it.
type Claims struct {
	AppID    string
	TenantID string
	Roles    []string // application permissions granted in Entra
	Scopes   []string // delegated permissions
	Expires  time.Time
}

// Claims fetches a token and reads it. ok is false for one that is no JWT.
func (c *Client) Claims(ctx context.Context) (claims Claims, ok bool, err error) {
	token, err := c.token(ctx)
	if err != nil {
		return Claims{}, false, err
	}
	claims, ok = readClaims(token)
	return claims, ok, nil
}

func readClaims(token string) (Claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Claims{}, false
	}
	var body struct {
		AppID    string   `json:"appid"`
		AppIDv2  string   `json:"azp"` // of a version 2 token
		TenantID string   `json:"tid"`
		Roles    []string `json:"roles"`
		Scopes   string   `json:"scp"`
		Expires  float64  `json:"exp"`
	}
	if json.Unmarshal(text, &body) != nil {
		return Claims{}, false
	}
	return Claims{
		AppID: cmp.Or(body.AppID, body.AppIDv2), TenantID: body.TenantID, Roles: body.Roles,
		Scopes: strings.Fields(body.Scopes), Expires: time.Unix(int64(body.Expires), 0).UTC(),
	}, true
}

// Endpoints are the login service and Graph of a cloud, "https://host" each; ""
// is the global one.
func Endpoints(name string) (login, graph string, ok bool) {
	place, ok := clouds[cmp.Or(name, "global")]
	return place.authority, place.graph, ok
}

// The methods below try one right each, and leave nothing behind. The request id
// is that of the answer; that of an error is in its *Error.

// TryReach asks for the id of the inbox: the smallest request that needs no more
// than Mail rights on the mailbox.
func (s *Store) TryReach(ctx context.Context) (requestID string, err error) {
	k, err := s.call(s.folder("inbox").ToGetRequestInformation(ctx,
		&users.ItemMailFoldersMailFolderItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMailFoldersMailFolderItemRequestBuilderGetQueryParameters{Select: []string{"id"}}}))
	if err != nil {
		return "", err
	}
	requestID, err = s.ask(ctx, k)
	if !unknownName(err) {
		return requestID, err
	}
	// Without well-known names, as in what stands in for Graph, it is in the tree.
	if tree, treeErr := s.Folders(ctx); treeErr == nil && slices.ContainsFunc(tree, func(f bridge.FolderInfo) bool { return f.Role == bridge.RoleInbox }) {
		return requestID, nil
	}
	return requestID, err
}

// TryRead asks for the id of one message, if there is any.
func (s *Store) TryRead(ctx context.Context) (requestID string, err error) {
	one := int32(1)
	k, err := s.call(s.user.Messages().ToGetRequestInformation(ctx,
		&users.ItemMessagesRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMessagesRequestBuilderGetQueryParameters{Select: []string{"id"}, Top: &one}}))
	if err != nil {
		return "", err
	}
	return s.ask(ctx, k)
}

// TryWrite makes a draft and purges it. Where the purge fails the error says so:
// then a draft with the given subject has stayed in Drafts.
func (s *Store) TryWrite(ctx context.Context, subject string) (requestID string, err error) {
	draft := newMessage()
	draft.SetSubject(&subject)
	k, err := s.call(s.user.Messages().ToPostRequestInformation(ctx, draft, nil))
	if err != nil {
		return "", err
	}
	return s.tryMaking(ctx, k)
}

// TryImport files a message in Deleted Items by importMime and purges it. Where the
// purge fails the error says so.
func (s *Store) TryImport(ctx context.Context, subject string) (requestID string, err error) {
	text := "Subject: " + subject + "\r\n\r\n"
	k, err := s.importCall(ctx, "deleteditems", io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))))
	if err != nil {
		return "", err
	}
	return s.tryMaking(ctx, k)
}

// tryMaking sends a call that makes a message, and purges that.
func (s *Store) tryMaking(ctx context.Context, k *call) (requestID string, err error) {
	r, err := s.send(ctx, k)
	if err != nil {
		return "", err
	}
	var made wireMessage
	if err := json.Unmarshal(r.body, &made); err != nil || made.ID == "" {
		return r.requestID, fmt.Errorf("the message was made, but the answer does not name it: %w", bridge.ErrUnavailable)
	}
	after, cancel := cleanup(ctx)
	defer cancel()
	if err := s.Delete(after, []bridge.MessageID{bridge.MessageID(made.ID)}, bridge.DisposePermanent)[0]; err != nil {
		return r.requestID, fmt.Errorf("the message was made, but not removed: %w", err)
	}
	return r.requestID, nil
}

// TrySend submits a message without recipients, which goes to nobody. The service
// refuses it as such (400) where sending is allowed, and with 403 where it is not.
func (s *Store) TrySend(ctx context.Context) (requestID string, err error) {
	k, err := s.call(s.user.SendMail().ToPostRequestInformation(ctx, users.NewItemSendMailPostRequestBody(), nil))
	if err != nil {
		return "", err
	}
	k.header.Set("Content-Type", "application/json")
	k.body = []byte(`{"message":{"subject":"mail2graph doctor","toRecipients":[]},"saveToSentItems":false}`)
	requestID, err = s.ask(ctx, k)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest {
		return e.RequestID, nil
	}
	return requestID, err
}

// ask sends a call whose answer counts, and not what is in it.
func (s *Store) ask(ctx context.Context, k *call) (requestID string, err error) {
	r, err := s.send(ctx, k)
	if err != nil {
		return "", err
	}
	return r.requestID, nil
}

// Pause tells until when the service asked for no further requests for this
// mailbox; zero: it did not.
func (s *Store) Pause() time.Time {
	s.sched.mu.Lock()
	defer s.sched.mu.Unlock()
	return s.sched.paused
}
