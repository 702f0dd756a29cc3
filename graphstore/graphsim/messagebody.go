package graphsim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// messageBody is the JSON of a message in a request (res/message). Pointers tell what is absent.
type messageBody struct {
	Subject    *string          `json:"subject"`
	Body       *bodyBody        `json:"body"`
	From       *recipientBody   `json:"from"`
	Sender     *recipientBody   `json:"sender"`
	To         *[]recipientBody `json:"toRecipients"`
	Cc         *[]recipientBody `json:"ccRecipients"`
	Bcc        *[]recipientBody `json:"bccRecipients"`
	ReplyTo    *[]recipientBody `json:"replyTo"`
	MessageID  *string          `json:"internetMessageId"`
	IsRead     *bool            `json:"isRead"`
	Importance *string          `json:"importance"`
	Categories *[]string        `json:"categories"`
	Flag       *flagBody        `json:"flag"`
	Inference  *string          `json:"inferenceClassification"`
	ReadRcpt   *bool            `json:"isReadReceiptRequested"`
	DelivRcpt  *bool            `json:"isDeliveryReceiptRequested"`
	Headers    *[]Header        `json:"internetMessageHeaders"`
	Attach     []attachmentBody `json:"attachments"`
	Ext        []extBody        `json:"singleValueExtendedProperties"`

	ext  map[string]extValue
	have map[string]bool // members present, lower case
}

type bodyBody struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

type recipientBody struct {
	EmailAddress *Address `json:"emailAddress"`
}

type flagBody struct {
	Status    string        `json:"flagStatus"`
	Start     *dateTimeZone `json:"startDateTime"`
	Due       *dateTimeZone `json:"dueDateTime"`
	Completed *dateTimeZone `json:"completedDateTime"`
}

type extBody struct {
	ID    string  `json:"id"`
	Value *string `json:"value"`
}

// readOnlyMembers are members of a message that a request cannot set (§7.2).
var readOnlyMembers = map[string]bool{
	"isdraft": true, "receiveddatetime": true, "sentdatetime": true, "createddatetime": true, "lastmodifieddatetime": true,
	"changekey": true, "id": true, "hasattachments": true, "bodypreview": true, "parentfolderid": true, "conversationid": true,
	"conversationindex": true, "weblink": true, "uniquebody": true,
}

// settable are the members that decode into messageBody.
var settable = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`subject body from sender toRecipients ccRecipients bccRecipients replyTo internetMessageId
		isRead importance categories flag inferenceClassification isReadReceiptRequested isDeliveryReceiptRequested
		internetMessageHeaders attachments singleValueExtendedProperties multiValueExtendedProperties extensions`) {
		m[strings.ToLower(n)] = true
	}
	return m
}()

// parseMessage reads the JSON of a message and checks what can be checked without one.
func (c *call) parseMessage(text []byte) (*messageBody, *apiError) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errBody("the body is not a JSON object")
	}
	b := &messageBody{have: map[string]bool{}}
	for name := range members {
		lower := strings.ToLower(name)
		switch {
		case strings.Contains(name, "@"):
		case readOnlyMembers[lower]:
			if c.srv.modes.RefuseReadOnly {
				return nil, errBody("the property '%s' is read-only", name)
			}
		case !settable[lower]:
			return nil, errBody("the property '%s' does not exist on type 'microsoft.graph.message'", name)
		}
		b.have[lower] = true
	}
	if err := json.Unmarshal(text, b); err != nil {
		return nil, errBody("%v", err)
	}
	return b, b.check()
}

func (b *messageBody) check() (err *apiError) {
	if b.ext, err = parseExtBody(b.Ext); err != nil {
		return err
	}
	bad := func(name, value string) *apiError {
		return errBody("'%s' is not a value of %s", value, name)
	}
	if b.Importance != nil && !oneOf(*b.Importance, "low", "normal", "high") {
		return bad("importance", *b.Importance)
	}
	if b.Body != nil && !oneOf(b.Body.ContentType, "", "text", "html") {
		return bad("bodyType", b.Body.ContentType)
	}
	if b.Inference != nil && !oneOf(*b.Inference, "focused", "other") {
		return bad("inferenceClassificationType", *b.Inference)
	}
	if f := b.Flag; f != nil {
		if !oneOf(f.Status, "notFlagged", "flagged", "complete") {
			return bad("followupFlagStatus", f.Status)
		}
		if f.Due != nil && f.Start == nil { // res/followupflag
			return fail(http.StatusBadRequest, "ErrorInvalidArgument", "A dueDateTime requires a startDateTime.")
		}
	}
	for _, l := range []*[]recipientBody{b.To, b.Cc, b.Bcc, b.ReplyTo} {
		if l == nil {
			continue
		}
		for _, r := range *l {
			if r.EmailAddress == nil {
				return errBody("a recipient has no emailAddress")
			}
		}
	}
	return b.checkHeaders()
}

// checkHeaders: only x- headers, at most five (res/message, check C18).
func (b *messageBody) checkHeaders() *apiError {
	if b.Headers == nil {
		return nil
	}
	for _, h := range *b.Headers {
		if len(h.Name) < 3 || !strings.EqualFold(h.Name[:2], "x-") {
			return fail(http.StatusBadRequest, "InvalidInternetMessageHeader",
				"The internet message header name '%s' should start with 'x-' or 'X-'.", h.Name)
		}
	}
	if len(*b.Headers) > 5 {
		return fail(http.StatusBadRequest, "InvalidInternetMessageHeaderCollection",
			"Maximum number of headers in one message should be less than or equal to 5.")
	}
	return nil
}

func oneOf(v string, list ...string) bool {
	for _, s := range list {
		if strings.EqualFold(s, v) {
			return true
		}
	}
	return false
}

// parseExtBody reads the extended properties of a request. A null value unsets, and is kept as such with typ "".
func parseExtBody(list []extBody) (map[string]extValue, *apiError) {
	if len(list) == 0 {
		return nil, nil
	}
	out := map[string]extValue{}
	for _, e := range list {
		id, err := parseExtID(e.ID)
		if err != nil {
			return nil, err
		}
		if e.Value == nil {
			out[id.key] = extValue{}
			continue
		}
		v, err := checkExtValue(id.typ, *e.Value)
		if err != nil {
			return nil, err
		}
		out[id.key] = extValue{id.typ, v}
	}
	return out, nil
}

func addressesOf(list *[]recipientBody) []Address {
	if list == nil {
		return nil
	}
	var out []Address
	for _, r := range *list {
		a := *r.EmailAddress
		if a.Name == "" {
			a.Name = a.Address
		}
		out = append(out, a)
	}
	return out
}

// sensitive are the members that only a draft may change (api/message-update, §7.4).
var sensitive = []string{"subject", "body", "internetmessageid", "replyto", "torecipients", "ccrecipients", "bccrecipients", "from", "sender"}

// touchesContent reports whether the body has any of them.
func (b *messageBody) touchesContent() bool {
	for _, n := range sensitive {
		if b.have[n] {
			return true
		}
	}
	return false
}

// applyContent sets the draft-only members on a message made of properties.
func (b *messageBody) applyContent(m *message) {
	i := m.meta
	set := func(name string, to *[]Address, from *[]recipientBody) {
		if b.have[name] {
			*to = addressesOf(from)
		}
	}
	set("torecipients", &i.To, b.To)
	set("ccrecipients", &i.Cc, b.Cc)
	set("bccrecipients", &i.Bcc, b.Bcc)
	set("replyto", &i.ReplyTo, b.ReplyTo)
	if b.have["subject"] {
		i.Subject = deref(b.Subject)
	}
	if b.MessageID != nil {
		i.MessageID = *b.MessageID
	}
	for _, p := range []struct {
		to   *Address
		from *recipientBody
	}{{&i.From, b.From}, {&i.Sender, b.Sender}} {
		if p.from != nil && p.from.EmailAddress != nil {
			*p.to = addressesOf(&[]recipientBody{*p.from})[0]
		}
	}
	if b.Body != nil {
		m.body = itemBody{strings.EqualFold(b.Body.ContentType, "html"), b.Body.Content}
	}
	m.refresh()
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// applyState sets the members that any message may change, and returns what kind of change that is.
func (b *messageBody) applyState(m *message) (kind changeKind, changed bool) {
	mark := func() { kind, changed = changeState, true }
	if b.have["categories"] {
		m.categories = nil
		if b.Categories != nil {
			m.categories = *b.Categories
		}
		mark()
	}
	if b.Flag != nil {
		m.flag = followUp{canonical(b.Flag.Status, "notFlagged", "flagged", "complete"), b.Flag.Start, b.Flag.Due, b.Flag.Completed}
		mark()
	}
	if b.Importance != nil {
		m.info().Importance = strings.ToLower(*b.Importance)
		mark()
	}
	if b.Inference != nil {
		m.inference = strings.ToLower(*b.Inference)
		mark()
	}
	if b.ReadRcpt != nil {
		m.info().ReadReceipt = *b.ReadRcpt
		mark()
	}
	if b.DelivRcpt != nil {
		m.info().DelivReceipt = *b.DelivRcpt
		mark()
	}
	if len(b.ext) > 0 {
		m.applyExt(b.ext)
		if !changed {
			kind, changed = changeExt, true
		}
	}
	return kind, changed
}

func canonical(v string, list ...string) string {
	for _, s := range list {
		if strings.EqualFold(s, v) {
			return s
		}
	}
	return v
}

// creationOnly are the extended properties that a later PATCH cannot change; it is accepted without effect (§7.2).
var creationOnly = map[string]bool{"0xe07": true, "0xe06": true, "0x39": true, "0xe23": true, "0xe08": true, "0xff9": true,
	"0x3007": true, "0x3008": true, "0x7d": true}

// applyExt stores extended properties; 0x1090 is the flag.
func (m *message) applyExt(ext map[string]extValue) {
	for key, v := range ext {
		switch {
		case creationOnly[key]:
		case key == "0x1090":
			m.flag = followUp{Status: map[string]string{"2": "flagged", "1": "complete"}[v.value]}
			if m.flag.Status == "" {
				m.flag.Status = "notFlagged"
			}
		case v.typ == "":
			delete(m.ext, key)
		default:
			if m.ext == nil {
				m.ext = map[string]extValue{}
			}
			m.ext[key] = v
		}
	}
}
