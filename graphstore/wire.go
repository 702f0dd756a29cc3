package graphstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mail2graph/bridge"
)

// MAPI properties as singleValueExtendedProperties (graph-reference §8).
const (
	propSize       = "Integer 0x0e08" // PidTagMessageSize
	propSizeLong   = "Long 0x0e08"
	propFlags      = "Integer 0x0E07" // PidTagMessageFlags
	propDelivery   = "SystemTime 0x0E06"
	propSubmit     = "SystemTime 0x0039"
	propHeaders    = "String 0x007D" // PidTagTransportMessageHeaders
	propVerb       = "Integer 0x1081"
	propIcon       = "Integer 0x1080"
	propInReplyTo  = "String 0x1042"
	propReferences = "String 0x1039"
	propArticle    = "Integer 0x0e23" // PidTagInternetArticleNumber
	propClass      = "String 0x001a"
)

// Values of PidTagLastVerbExecuted and PidTagIconIndex.
const (
	verbReply, verbReplyAll, verbForward = 102, 103, 104
	iconReplied, iconForwarded           = 261, 262
)

// listSelect names what MessageInfo needs (page api/user-list-messages).
var listSelect = []string{"id", "parentFolderId", "isRead", "isDraft", "flag", "categories", "receivedDateTime",
	"sentDateTime", "subject", "internetMessageId", "from", "sender", "replyTo", "toRecipients", "ccRecipients",
	"bccRecipients", "conversationId", "bodyPreview", "hasAttachments"}

// listExpand names the extended properties that MessageInfo needs. The size is
// declared Integer by DavMail and Long in recordings of v1.0 (graph-reference
// §8, §19); a service that refuses the first form is asked with the second, and one
// that refuses them all with none: replies are not told from other mail then, and
// sizes are guessed.
func (s *Store) listExpand() []string {
	if s.plain.Load() {
		return nil
	}
	size := propSize
	if s.sizeIsLong.Load() {
		size = propSizeLong
	}
	return []string{expandProperties(size, propVerb, propInReplyTo, propReferences, propArticle, propClass)}
}

// asksLess reports whether a refused listing is worth another try, which asks for
// less. expanded: it asked for extended properties; if it did not, the reason is another.
func (s *Store) asksLess(ctx context.Context, expanded bool, err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest && e.Status != http.StatusNotImplemented {
		return false
	}
	if hasCode(err, "ErrorInvalidExtendedProperty") && s.sizeIsLong.CompareAndSwap(false, true) {
		return true
	}
	if expanded && s.plain.CompareAndSwap(false, true) {
		s.log.WarnContext(ctx, "the service refuses a listing; asking without extended properties", "error", err)
	}
	if !expanded {
		s.plain.Store(false)
	}
	return expanded
}

// expandProperties asks for extended properties: they come only by name.
func expandProperties(ids ...string) string {
	for i, id := range ids {
		ids[i] = "id eq '" + id + "'"
	}
	return "singleValueExtendedProperties($filter=" + strings.Join(ids, " or ") + ")"
}

// page is one page of a collection.
type page[T any] struct {
	Value     []T    `json:"value"`
	NextLink  string `json:"@odata.nextLink"`
	DeltaLink string `json:"@odata.deltaLink"`
}

// wireMessage is a row of a list or a delta. Pointers tell a missing member
// from an empty one: delta rows may hold a few members alone (docs#7776).
type wireMessage struct {
	ID             string    `json:"id"`
	Removed        *struct{} `json:"@removed"`
	ParentFolderID string    `json:"parentFolderId"`
	ChangeKey      string    `json:"changeKey"`
	IsRead         *bool     `json:"isRead"`
	IsDraft        *bool     `json:"isDraft"`
	Flag           *struct {
		FlagStatus string `json:"flagStatus"`
	} `json:"flag"`
	Categories       *[]string       `json:"categories"`
	ReceivedDateTime wireTime        `json:"receivedDateTime"`
	SentDateTime     wireTime        `json:"sentDateTime"`
	CreatedDateTime  wireTime        `json:"createdDateTime"`
	Subject          string          `json:"subject"`
	InternetID       string          `json:"internetMessageId"`
	From             *wireRecipient  `json:"from"`
	Sender           *wireRecipient  `json:"sender"`
	ReplyTo          []wireRecipient `json:"replyTo"`
	To               []wireRecipient `json:"toRecipients"`
	Cc               []wireRecipient `json:"ccRecipients"`
	Bcc              []wireRecipient `json:"bccRecipients"`
	ConversationID   string          `json:"conversationId"`
	BodyPreview      string          `json:"bodyPreview"`
	HasAttachments   bool            `json:"hasAttachments"`
	Properties       []wireProperty  `json:"singleValueExtendedProperties"`
}

type wireRecipient struct {
	EmailAddress struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"emailAddress"`
}

type wireProperty struct {
	ID    string    `json:"id"`
	Value looseText `json:"value"`
}

// looseText takes a value of any JSON type as text; the service sends strings.
type looseText string

// UnmarshalJSON never fails.
func (t *looseText) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	*t = looseText(s)
	return nil
}

// looseInt takes a number, or a string that holds one as JSON of OData may
// (IEEE754Compatible). Anything else is 0: an odd count must not cost the page.
type looseInt int64

// UnmarshalJSON never fails.
func (n *looseInt) UnmarshalJSON(b []byte) error {
	v, _ := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = looseInt(v)
	return nil
}

// wireTime reads "2026-01-02T03:04:05Z"; what it cannot read is unknown, since
// one odd row must not cost the page.
type wireTime struct{ time.Time }

// UnmarshalJSON never fails on a string.
func (t *wireTime) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil || s == "" {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil { // times without a zone are UTC
		if parsed, err = time.Parse("2006-01-02T15:04:05", s); err != nil {
			return nil
		}
	}
	// "0001-01-01T00:00:00Z" is how Exchange says that there is none.
	if parsed = parsed.UTC().Truncate(time.Second); parsed.Year() > 1 {
		t.Time = parsed
	}
	return nil
}

// info translates a full row of a list.
func (m *wireMessage) info() bridge.MessageInfo {
	in := bridge.MessageInfo{
		ID:                bridge.MessageID(m.ID),
		Folder:            bridge.FolderID(m.ParentFolderID),
		Read:              m.IsRead != nil && *m.IsRead,
		Draft:             m.IsDraft != nil && *m.IsDraft,
		Flagged:           m.flagged(),
		Received:          m.ReceivedDateTime.Time,
		Sent:              m.SentDateTime.Time,
		Subject:           m.Subject,
		InternetMessageID: m.InternetID,
		From:              addresses(m.From),
		Sender:            addresses(m.Sender),
		ReplyTo:           addressList(m.ReplyTo),
		To:                addressList(m.To),
		Cc:                addressList(m.Cc),
		Bcc:               addressList(m.Bcc),
		ConversationID:    m.ConversationID,
		Preview:           m.BodyPreview,
		HasAttachments:    m.HasAttachments,
	}
	if in.Received.IsZero() { // better for INTERNALDATE than none
		in.Received = in.Sent
	}
	if m.Categories != nil && len(*m.Categories) > 0 {
		in.Categories = *m.Categories
	}
	for _, p := range m.Properties {
		p.apply(&in)
	}
	return in
}

func (m *wireMessage) flagged() bool {
	return m.Flag != nil && strings.EqualFold(m.Flag.FlagStatus, "flagged")
}

// propertyTag returns the number of a MAPI property. Ids come back normalised
// ("Integer 0xe23"), so tags are compared as numbers.
func propertyTag(id string) (uint64, bool) {
	_, hex, ok := strings.Cut(strings.ToLower(id), " 0x")
	tag, err := strconv.ParseUint(hex, 16, 32)
	return tag, ok && err == nil
}

// sameProperty reports whether two ids name the same MAPI property.
func sameProperty(a, b string) bool {
	ta, ok := propertyTag(a)
	tb, also := propertyTag(b)
	return ok && also && ta == tb
}

// apply sets the member that an extended property stands for.
func (p *wireProperty) apply(in *bridge.MessageInfo) {
	tag, ok := propertyTag(p.ID)
	if !ok {
		return
	}
	value := string(p.Value)
	n, _ := strconv.ParseInt(value, 10, 64)
	switch tag {
	case 0x0e08:
		in.StoreSize = max(n, 0)
	case 0x0e23:
		in.ArticleNumber = n
	case 0x1081:
		switch n {
		case verbReply, verbReplyAll:
			in.Verb = bridge.VerbReply
		case verbForward:
			in.Verb = bridge.VerbForward
		}
	case 0x1042:
		in.InReplyTo = value
	case 0x1039:
		in.References = value
	case 0x001a:
		in.Class = value
	}
}

func addresses(r *wireRecipient) []bridge.Address {
	if r == nil || r.EmailAddress.Name == "" && r.EmailAddress.Address == "" {
		return nil
	}
	return []bridge.Address{{Name: r.EmailAddress.Name, Address: r.EmailAddress.Address}}
}

func addressList(rs []wireRecipient) []bridge.Address {
	var out []bridge.Address
	for i := range rs {
		out = append(out, addresses(&rs[i])...)
	}
	return out
}

// change translates a row of a delta. The row of the read state alone has no time
// (docs#7776); in a row that has one, what is not there is not set. Should a row with
// a time be partial all the same: the message of a complete row is asked for by id.
func (m *wireMessage) change() bridge.Change {
	ch := bridge.Change{ID: bridge.MessageID(m.ID), Removed: m.Removed != nil}
	if ch.Removed {
		return ch
	}
	ch.Read, ch.Draft, ch.Categories = m.IsRead, m.IsDraft, m.Categories
	if m.Flag != nil {
		ch.Flagged = ptr(m.flagged())
	}
	ch.Complete = m.IsRead == nil || m.Flag != nil // without the read state: something changed, who knows what
	if !m.ReceivedDateTime.IsZero() {
		ch.Complete = true
		ch.Read = cmp.Or(ch.Read, new(bool))
		ch.Flagged = cmp.Or(ch.Flagged, new(bool))
		ch.Draft = cmp.Or(ch.Draft, new(bool))
		ch.Categories = cmp.Or(ch.Categories, new([]string))
	}
	return ch
}

// decode reads a JSON answer.
func decode[T any](k *call, r *reply) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(r.body, v); err != nil {
		return nil, &Error{Op: k.op(), Status: r.status, RequestID: r.requestID,
			Message: "unreadable answer: " + clip(err.Error()), kind: bridge.ErrUnavailable}
	}
	if p, ok := any(v).(interface{ complete(string) bool }); ok && !p.complete(k.url) {
		return nil, &Error{Op: k.op(), Status: r.status, RequestID: r.requestID,
			Message: "the link to the next page leads to the same one", kind: bridge.ErrUnavailable}
	}
	return v, nil
}

// complete gives links that are a query alone the path of their request. Graph's are
// absolute; linkCall knows what else a stand-in may leave out. false: the next page is
// this one, as where a service does not know $skip, and would be for ever.
func (p *page[T]) complete(request string) bool {
	path, _, _ := strings.Cut(request, "?")
	for _, link := range []*string{&p.NextLink, &p.DeltaLink} {
		if strings.HasPrefix(*link, "?") {
			*link = path + *link
		}
	}
	return p.NextLink == "" || p.NextLink != request
}
