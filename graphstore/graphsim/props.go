package graphsim

import (
	"strings"
)

// property writes one property of a message; nil-valued ones are written as null.
type property struct {
	name   string
	hidden bool // only with $select
	value  func(*message, *call) any
}

// messageProps are the properties of res/message in the order of the service.
var messageProps = []property{
	{"createdDateTime", false, func(m *message, _ *call) any { return m.created }},
	{"lastModifiedDateTime", false, func(m *message, _ *call) any { return m.modified }},
	{"changeKey", false, func(m *message, _ *call) any { return changeKey(m.mb.id, m.key) }},
	{"categories", false, func(m *message, _ *call) any { return append([]string{}, m.categories...) }},
	{"receivedDateTime", false, func(m *message, _ *call) any { return m.received }},
	{"sentDateTime", false, func(m *message, _ *call) any { return m.sent() }},
	{"hasAttachments", false, func(m *message, _ *call) any { return m.info().HasAttachments }},
	{"internetMessageId", false, func(m *message, _ *call) any { return textOrNull(m.info().MessageID) }},
	{"subject", false, func(m *message, _ *call) any { return m.info().Subject }},
	{"bodyPreview", false, func(m *message, _ *call) any { return m.info().Preview }},
	{"importance", false, func(m *message, _ *call) any { return m.importance() }},
	{"parentFolderId", false, func(m *message, _ *call) any { return m.folder.id() }},
	{"conversationId", false, func(m *message, _ *call) any { return encodeID(m.mb.id, kindThread, m.thread(), 0) }},
	{"conversationIndex", false, func(m *message, _ *call) any { return m.threadIndex() }},
	{"isDeliveryReceiptRequested", false, func(m *message, _ *call) any { return m.info().DelivReceipt }},
	{"isReadReceiptRequested", false, func(m *message, _ *call) any { return m.info().ReadReceipt }},
	{"isRead", false, func(m *message, _ *call) any { return m.read }},
	{"isDraft", false, func(m *message, _ *call) any { return m.draft }},
	{"webLink", false, func(m *message, c *call) any {
		return "https://outlook.office365.com/owa/?ItemID=" + strings.ReplaceAll(m.id(false), "=", "%3D") + "&exvsurl=1&viewmodel=ReadMessageItem"
	}},
	{"inferenceClassification", false, func(m *message, _ *call) any { return m.inference }},
	{"body", false, func(m *message, c *call) any { return c.bodyObject(m) }},
	{"sender", false, func(m *message, _ *call) any {
		if s := m.info().Sender; s.Address != "" {
			return recipient(s)
		}
		return recipientOrNull(m.info().From)
	}},
	{"from", false, func(m *message, _ *call) any { return recipientOrNull(m.info().From) }},
	{"toRecipients", false, func(m *message, _ *call) any { return recipients(m.info().To) }},
	{"ccRecipients", false, func(m *message, _ *call) any { return recipients(m.info().Cc) }},
	{"bccRecipients", false, func(m *message, _ *call) any { return recipients(m.info().Bcc) }},
	{"replyTo", false, func(m *message, _ *call) any { return recipients(m.info().ReplyTo) }},
	{"flag", false, func(m *message, _ *call) any { return m.flag.object() }},
	{"internetMessageHeaders", true, func(m *message, _ *call) any { return m.internetHeaders() }},
	{"uniqueBody", true, func(m *message, c *call) any { return c.bodyObject(m) }},
}

// navigation are members that need $expand or a request of their own; $select of them is allowed and gives nothing.
var navigation = map[string]bool{"attachments": true, "extensions": true, "singlevalueextendedproperties": true,
	"multivalueextendedproperties": true}

// absent is the value of a property that is left out altogether.
type absent struct{}

// selected are the properties that a request names, in the order of the table.
func selected(sel string) ([]property, *apiError) {
	if strings.TrimSpace(sel) == "" {
		var out []property
		for _, p := range messageProps {
			if !p.hidden {
				out = append(out, p)
			}
		}
		return out, nil
	}
	want := map[string]bool{}
	for name := range strings.SplitSeq(sel, ",") {
		name = strings.TrimSpace(name)
		name, _, _ = strings.Cut(name, "/")
		want[strings.ToLower(name)] = true
		if !knownProperty(name) {
			return nil, errProperty(name, "message")
		}
	}
	all := want["*"]
	var out []property
	for _, p := range messageProps {
		if want[strings.ToLower(p.name)] || all && !p.hidden {
			out = append(out, p)
		}
	}
	return out, nil
}

func knownProperty(name string) bool {
	if name == "*" || strings.EqualFold(name, "id") || navigation[strings.ToLower(name)] {
		return true
	}
	for _, p := range messageProps {
		if strings.EqualFold(p.name, name) {
			return true
		}
	}
	return false
}

// row writes a message with the given properties.
func (c *call) row(m *message, props []property, x *expansion) object {
	o := make(object, 0, len(props)+4)
	if m.odataType != "" {
		o = o.add("@odata.type", "#"+m.odataType)
	}
	o = o.add("@odata.etag", `W/"`+changeKey(m.mb.id, m.key)+`"`).add("id", m.id(c.immutable()))
	for _, p := range props {
		if v := p.value(m, c); v != (absent{}) {
			o = o.add(p.name, v)
		}
	}
	return x.expandMessage(c, m, o)
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func recipient(a Address) object {
	return object{{"emailAddress", object{{"name", a.Name}, {"address", a.Address}}}}
}

func recipientOrNull(a Address) any {
	if a == (Address{}) {
		return absent{}
	}
	return recipient(a)
}

func recipients(list []Address) []object {
	out := make([]object, len(list))
	for i, a := range list {
		out[i] = recipient(a)
	}
	return out
}

func (m *message) importance() string {
	if i := m.info().Importance; i != "" {
		return i
	}
	return "normal"
}

// thread groups by the first message of the references, or by subject.
func (m *message) thread() uint64 {
	i := m.info()
	for _, s := range []string{i.References, i.InReplyTo, i.MessageID} {
		if f := strings.Fields(s); len(f) > 0 {
			return hash64(f[0])
		}
	}
	return hash64(i.Subject)
}

func (f followUp) object() object {
	o := object{{"flagStatus", f.Status}}
	for _, d := range []struct {
		name string
		at   *dateTimeZone
	}{{"startDateTime", f.Start}, {"dueDateTime", f.Due}, {"completedDateTime", f.Completed}} {
		if d.at != nil {
			o = o.add(d.name, object{{"dateTime", d.at.DateTime}, {"timeZone", d.at.TimeZone}})
		}
	}
	return o
}

// bodyObject is res/itembody in the type that the request prefers.
func (c *call) bodyObject(m *message) object {
	b := m.itemBody()
	if strings.EqualFold(c.prefer("outlook.body-content-type"), "text") && b.html {
		b = itemBody{false, strings.TrimSpace(htmlText(b.text))}
	}
	typ := "text"
	if b.html {
		typ = "html"
	}
	return object{{"contentType", typ}, {"content", b.text}}
}

// internetHeaders is absent on drafts (§19).
func (m *message) internetHeaders() any {
	fields := m.headerFields()
	if _, transport := m.ext["0x7d"]; len(fields) == 0 || m.draft && m.content != nil && !transport {
		return absent{}
	}
	out := make([]object, len(fields))
	for i, h := range fields {
		out[i] = object{{"name", strings.ToValidUTF8(h.Name, "\uFFFD")}, {"value", strings.ToValidUTF8(h.Value, "\uFFFD")}}
	}
	return out
}
