package graphstore

import (
	"html"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"mail2graph/bridge/mimepart"
)

// internetHeaders is the set PS_INTERNET_HEADERS ([MS-OXPROPS] 1.3.2): its named properties are header
// fields, which Exchange writes into the message that goes out ([MS-OXCMAIL], as
// Outlook add-ins use it). That they are also honoured when Graph sets them is assumed.
const internetHeaders = "String {00020386-0000-0000-C000-000000000046} Name "

// passedFields are those that programs along the way act upon: whether to answer by
// themselves, and how to leave a list. A fixed list, since every further name takes a
// place in a table of the mailbox that Exchange never empties.
var passedFields = []string{"Auto-Submitted", "Precedence", "List-Id", "List-Help", "List-Post", "List-Owner", "List-Archive",
	"List-Subscribe", "List-Unsubscribe", "List-Unsubscribe-Post"}

// propSensitivity is PidTagSensitivity ([MS-OXCMSG] 2.2.1.13).
const propSensitivity = "Integer 0x0036"

// sensitivities are the values of the field Sensitivity (RFC 4021 §2.1.55).
var sensitivities = map[string]int{"personal": 1, "private": 2, "company-confidential": 3}

// sentFields sets what a message to be sent has in its header and JSON has no other
// place for.
func (d *draft) sentFields(msg *models.Message, marker string) {
	props := append(d.threading(), property(propMarker, marker))
	for _, name := range passedFields {
		if v := printable(mimepart.DecodeHeader(d.field(name))); v != "" && len(v) <= maxFieldValue {
			props = append(props, property(internetHeaders+name, v))
		}
	}
	if n := sensitivities[strings.ToLower(strings.TrimSpace(d.field("Sensitivity")))]; n > 0 {
		props = append(props, property(propSensitivity, strconv.Itoa(n)))
	}
	msg.SetSingleValueExtendedProperties(props)
	if h := d.xHeaders(); len(h) > 0 {
		msg.SetInternetMessageHeaders(h)
	}
	if strings.TrimSpace(d.field("Disposition-Notification-To")) != "" {
		msg.SetIsReadReceiptRequested(ptr(true))
	}
	if strings.TrimSpace(d.field("Return-Receipt-To")) != "" {
		msg.SetIsDeliveryReceiptRequested(ptr(true))
	}
}

// shownByID is a reference to a part by its Content-ID (RFC 2392).
var shownByID = regexp.MustCompile(`(?i)\bcid:([^"'\s<>)]+)`)

// markShown makes inline whatever the text shows, wherever in the message it stands
// and whatever its Content-Disposition says: programs differ in both.
func (d *draft) markShown() error {
	if d.body == nil || !isText(d.body, "html") {
		return nil
	}
	named := false
	for _, f := range d.files {
		named = named || f.contentID != "" && !f.inline
	}
	if !named {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(d.body.Text(d.src), textLimit))
	if err != nil {
		return err
	}
	shown := map[string]bool{}
	for _, m := range shownByID.FindAllSubmatch(text, -1) {
		id := html.UnescapeString(string(m[1]))
		shown[id] = true
		if plain, err := url.PathUnescape(id); err == nil {
			shown[plain] = true
		}
	}
	for i := range d.files {
		f := &d.files[i]
		f.inline = f.inline || f.contentID != "" && shown[f.contentID]
	}
	return nil
}
