package graphstore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"mail2graph/bridge"
)

// call makes a call of what a request builder gives. Its result is fit for
// s.call(builder.ToGetRequestInformation(...)).
func (s *Store) call(ri *abstractions.RequestInformation, err error) (*call, error) {
	if err != nil {
		return nil, err
	}
	ri.PathParameters["baseurl"] = s.c.base.String()
	u, err := ri.GetUri()
	if err != nil {
		return nil, err
	}
	k := &call{
		method: ri.Method.String(),
		url:    s.plainURL(u),
		route:  routeName(ri.UrlTemplate),
		header: http.Header{},
		body:   ri.Content,
	}
	for _, name := range ri.Headers.ListKeys() {
		for _, v := range ri.Headers.Get(name) {
			k.header.Add(name, v)
		}
	}
	k.once = k.method == http.MethodPost
	return k, nil
}

// plainURL writes a URL as the documentation does. The SDK escapes the dollar
// of $select and calls delta as a function; the service takes both forms, a
// proxy or stand-in perhaps the documented one alone, with addresses and ids as they
// are: "@" and "=" may stand in a path (RFC 3986 §3.3).
func (s *Store) plainURL(u *url.URL) string {
	out := *u
	out.RawQuery = escapedDollar.ReplaceAllString(u.RawQuery, "$1$$")
	raw := strings.TrimSuffix(u.EscapedPath(), "()")
	// A user principal name that begins with a dollar is written as a key
	// (graph/known-issues).
	if strings.HasPrefix(s.address, "$") {
		segment := "/users/" + url.PathEscape(s.address)
		raw = strings.Replace(strings.Replace(raw, "/users/%24", "/users/$", 1), segment, "/users('"+url.PathEscape(s.address)+"')", 1)
	}
	raw = plainSegment.Replace(raw)
	if path, err := url.PathUnescape(raw); err == nil {
		out.Path, out.RawPath = path, raw
	}
	return out.String()
}

var (
	plainSegment  = strings.NewReplacer("%40", "@", "%3D", "=", "%3d", "=")
	escapedDollar = regexp.MustCompile(`(^|&)%24`)
	templateQuery = regexp.MustCompile(`\{\?[^}]*\}`)
	templateName  = regexp.MustCompile(`\{([A-Za-z]+)%2Did[0-9]*\}`)
)

// routeName makes "/users/{user}/messages/{message}" of a builder's template.
func routeName(template string) string {
	template = templateQuery.ReplaceAllString(template, "")
	template = strings.TrimPrefix(template, "{+baseurl}")
	template = templateName.ReplaceAllString(template, "{$1}")
	return strings.TrimSuffix(template, "()")
}

// linkCall follows a link of an answer; its path and query are the service's
// affair and stay unchanged (graph/paging). Where it names another host, as a
// service behind a proxy or a forwarded port may, the configured one is asked
// instead: the token goes nowhere else. Graph's links are absolute; one of a stand-in
// may begin with its path, or with what follows the version.
func (s *Store) linkCall(link, route string) (*call, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("link of %s: %w: %w", route, bridge.ErrInvalid, err)
	}
	if version := s.c.base.Path + "/"; u.Host == "" && (len(u.Path) < len(version) || !strings.EqualFold(u.Path[:len(version)], version)) {
		rest, _ := strings.CutPrefix(link, "/")
		link = s.c.base.String() + "/" + rest
	} else if !sameOrigin(u, s.c.base) {
		u.Scheme, u.Host, u.User = s.c.base.Scheme, s.c.base.Host, nil
		link = u.String()
	}
	return &call{method: http.MethodGet, url: link, route: route, header: http.Header{"Accept": {"application/json"}}}, nil
}

func (s *Store) folder(id bridge.FolderID) *users.ItemMailFoldersMailFolderItemRequestBuilder {
	return s.user.MailFolders().ByMailFolderId(string(s.places.of(id)))
}

func (s *Store) message(id bridge.MessageID) *users.ItemMessagesMessageItemRequestBuilder {
	return s.user.Messages().ByMessageId(string(id))
}

// getMessage reads one message's listing (page api/message-get).
func (s *Store) getMessage(ctx context.Context, id bridge.MessageID, sel, expand []string) (*call, error) {
	return s.call(s.message(id).ToGetRequestInformation(ctx,
		&users.ItemMessagesMessageItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemMessagesMessageItemRequestBuilderGetQueryParameters{Select: sel, Expand: expand}}))
}

// patchMessage changes a message (page api/message-update). The same PATCH
// twice leaves the same message.
func (s *Store) patchMessage(ctx context.Context, id bridge.MessageID, m models.Messageable) (*call, error) {
	return s.call(s.message(id).ToPatchRequestInformation(ctx, m, nil))
}

func (s *Store) deleteMessage(ctx context.Context, id bridge.MessageID) (*call, error) {
	return s.call(s.message(id).ToDeleteRequestInformation(ctx, nil))
}

// moveMessage and copyMessage: pages api/message-move and api/message-copy.
func (s *Store) moveMessage(ctx context.Context, id bridge.MessageID, to bridge.FolderID) (*call, error) {
	body := users.NewItemMessagesItemMovePostRequestBody()
	body.SetAdditionalData(destination(s.places.of(to)))
	return s.call(s.message(id).Move().ToPostRequestInformation(ctx, body, nil))
}

func (s *Store) copyMessage(ctx context.Context, id bridge.MessageID, to bridge.FolderID) (*call, error) {
	body := users.NewItemMessagesItemCopyPostRequestBody()
	body.SetAdditionalData(destination(s.places.of(to)))
	return s.call(s.message(id).Copy().ToPostRequestInformation(ctx, body, nil))
}

// destination writes the member as the documentation does; the SDK's own setter
// writes "DestinationId", which the service takes too.
func destination(to bridge.FolderID) map[string]any {
	return map[string]any{"destinationId": string(to)}
}

// newMessage is an empty body; its type goes without saying.
func newMessage() *models.Message {
	m := models.NewMessage()
	m.SetOdataType(nil)
	return m
}

// mimeCall makes k carry a message as base64 text (page
// graph/outlook-send-mime-message).
func mimeCall(k *call, mime *io.SectionReader) {
	k.header.Set("Content-Type", "text/plain")
	k.body, k.content = nil, encoded("", func() io.Reader { return section(mime) }, mime.Size(), "")
}
