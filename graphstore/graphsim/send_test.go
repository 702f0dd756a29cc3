package graphsim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func outgoing(to ...string) []byte {
	return []byte("To: " + strings.Join(to, ", ") + "\r\nBcc: Hidden\r\n <hidden@outside.example>\r\nSubject: Hello\r\nMessage-ID: <own@id.example>\r\n\r\nbody\r\n.\r\n")
}

func TestSendMIME(t *testing.T) {
	c, mb := newClient(t, Options{})
	r := c.want(202, "POST", "/sendMail", b64(outgoing(bert, "carl@outside.example")))
	equal(t, "body", string(r.text), "")
	d := c.s.Deliveries()
	if len(d) != 1 || len(d[0].Recipients) != 3 || len(d[0].Outside) != 2 {
		t.Fatalf("deliveries: %+v", d)
	}
	if strings.Contains(strings.ToLower(string(d[0].MIME)), "hidden") {
		t.Errorf("Bcc went out:\n%s", d[0].MIME)
	}
	got := c.s.Mailbox(bert).Messages("inbox")
	if len(got) != 1 || got[0].Meta.MessageID != "<own@id.example>" || got[0].Meta.From != (Address{"Anna Ångström", anna}) || got[0].Read {
		t.Fatalf("delivered: %+v", got)
	}
	mime, err := c.s.Mailbox(bert).MIME(got[0].ID)
	if err != nil || !strings.HasPrefix(string(mime), "Received: ") || !strings.HasSuffix(string(mime), "\r\n\r\nbody\r\n.\r\n") {
		t.Errorf("delivered MIME: %v\n%s", err, mime)
	}
	sent := mb.Messages("sentitems")
	if len(sent) != 1 || sent[0].Draft || !sent[0].Read || len(sent[0].Meta.Bcc) != 1 {
		t.Errorf("sent copy: %+v", sent)
	}
}

func TestSendRefusals(t *testing.T) {
	c, _ := newClient(t, Options{Limits: Limits{Recipients: 2, MessageSize: 10_000, SendsPerMinute: 1}})
	mime := func(head string) string { return b64([]byte(head + "\r\n\r\nx")) }
	for _, tt := range []struct {
		name   string
		body   string
		status int
		code   string
	}{
		{"not base64", "%%%", 400, "ErrorMimeContentInvalidBase64String"},
		{"no recipient", mime("Subject: x"), 400, "ErrorInvalidRecipients"},
		{"bad recipient", mime("To: nobody"), 400, "ErrorInvalidRecipients"},
		{"foreign From", mime("From: " + bert + "\r\nTo: " + bert), 403, "ErrorSendAsDenied"},
		{"too many", mime("To: a@x.example, b@x.example, c@x.example"), 400, "ErrorTooManyRecipients"},
		{"too large", mime("To: a@x.example\r\nX-Pad: " + strings.Repeat("p", 10_000)), 413, "ErrorMessageSizeExceeded"},
		{"one", mime("To: a@x.example"), 202, ""},
		{"too fast", mime("To: a@x.example"), 429, "ErrorExceededMessageLimit"},
	} {
		r := c.do("POST", "/sendMail", tt.body)
		if r.status != tt.status || r.str("error.code") != tt.code {
			t.Errorf("%s: got %d %s, want %d %s", tt.name, r.status, r.str("error.code"), tt.status, tt.code)
		}
	}
	equal(t, "deliveries", len(c.s.Deliveries()), 1)
}

func TestSendDraftKeepsItsID(t *testing.T) {
	clk := &clock{start}
	c, mb := newClient(t, Options{Now: clk.now, Modes: Modes{SentDelay: 2 * time.Second, DeliveryDelay: 3 * time.Second}})
	id := c.want(201, "POST", "/messages", b64(outgoing(bert))).str("id")
	equal(t, "drafts", len(mb.Messages("drafts")), 1)
	c.want(202, "POST", "/messages/"+id+"/send", nil)
	c.wantCode(404, "ErrorItemNotFound", "GET", "/messages/"+id, nil)
	clk.t = clk.t.Add(2 * time.Second)
	r := c.want(200, "GET", "/messages/"+id+"?$select=isDraft,parentFolderId", nil)
	equal(t, "isDraft", r.at("isDraft"), any(false))
	sent, err := mb.Folder("sentitems")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "folder", r.str("parentFolderId"), sent.ID)
	equal(t, "not delivered yet", len(c.s.Mailbox(bert).Messages("inbox")), 0)
	clk.t = clk.t.Add(time.Second)
	equal(t, "delivered", len(c.s.Mailbox(bert).Messages("inbox")), 1)
	c.wantCode(400, "ErrorInvalidRequest", "POST", "/messages/"+id+"/send", nil)
}

func TestSendJSON(t *testing.T) {
	c, mb := newClient(t, Options{})
	message := map[string]any{"subject": "Grüße", "body": map[string]string{"contentType": "html", "content": "<p>Hallo</p>"},
		"toRecipients": []any{map[string]any{"emailAddress": map[string]string{"address": bert}}},
		"attachments":  []any{map[string]any{"@odata.type": "#microsoft.graph.fileAttachment", "name": "ä.txt", "contentBytes": b64([]byte("data"))}}}
	c.want(202, "POST", "/sendMail", map[string]any{"message": message, "saveToSentItems": false})
	equal(t, "copies", len(mb.Messages("sentitems")), 0)
	got := c.s.Mailbox(bert).Messages("inbox")
	if len(got) != 1 || got[0].Meta.Subject != "Grüße" || !got[0].Meta.HasAttachments || got[0].Meta.Preview != "Hallo" {
		t.Fatalf("delivered: %+v", got)
	}
	c.want(202, "POST", "/sendMail", map[string]any{"message": message})
	equal(t, "copies by default", len(mb.Messages("sentitems")), 1)
}

func TestNonDelivery(t *testing.T) {
	c, mb := newClient(t, Options{Modes: Modes{NDR: true}})
	c.s.Bounce("bad@outside.example")
	c.want(202, "POST", "/sendMail", b64(outgoing("nobody@contoso.example", "bad@outside.example", "good@outside.example")))
	got := mb.Messages("inbox")
	if len(got) != 1 || got[0].Meta.Class != "REPORT.IPM.Note.NDR" || got[0].Meta.InReplyTo != "<own@id.example>" {
		t.Fatalf("inbox: %+v", got)
	}
	mime, _ := mb.MIME(got[0].ID)
	for _, want := range []string{"Final-Recipient: rfc822;nobody@contoso.example", "Final-Recipient: rfc822;bad@outside.example"} {
		if !strings.Contains(string(mime), want) {
			t.Errorf("no %q in\n%s", want, mime)
		}
	}
	if strings.Contains(string(mime), "good@outside.example\r\nAction") {
		t.Error("a good recipient failed")
	}
}

func TestMisleadingSuccess(t *testing.T) {
	c, mb := newClient(t, Options{Modes: Modes{MisleadingOver: 1000}})
	big := b64([]byte("To: " + bert + "\r\n\r\n" + strings.Repeat("x", 1000)))
	for _, path := range []string{"/sendMail", "/messages"} {
		r := c.want(200, "POST", path, big)
		equal(t, "body", string(r.text), "")
	}
	equal(t, "drafts", len(mb.Messages("drafts")), 0)
	equal(t, "deliveries", len(c.s.Deliveries()), 0)
}

func TestRequestLimit(t *testing.T) {
	c, _ := newClient(t, Options{})
	c.want(413, "POST", "/messages", strings.Repeat("A", 4<<20+4))
	c.want(201, "POST", "/messages", b64([]byte(fmt.Sprintf("Subject: x\r\n\r\n%s", strings.Repeat("x", 3_000_000)))))
}

func TestInternalMailHasTransportHeaders(t *testing.T) {
	c, _ := newClient(t, Options{Modes: Modes{TNEFHeaders: true, StoreSize: 50}})
	c.want(202, "POST", "/sendMail", b64([]byte("To: "+anna+"\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>x</p>")))
	r := c.want(200, "GET", "/mailFolders/inbox/messages?$select=internetMessageHeaders&$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x0E08')", nil)
	got := map[string]string{}
	for _, h := range r.at("value.0.internetMessageHeaders").([]any) {
		got[h.(m)["name"].(string)] = h.(m)["value"].(string)
	}
	if !strings.HasPrefix(got["Content-Type"], "application/ms-tnef") || got["MIME-Version"] != "" {
		t.Errorf("headers: %v", got)
	}
	id := r.column("id")[0]
	mime := c.want(200, "GET", "/messages/"+id+"/$value", nil).text
	if !strings.Contains(string(mime), "Content-Type: text/html") {
		t.Errorf("MIME:\n%s", mime)
	}
	equal(t, "store size", r.str("value.0.singleValueExtendedProperties.0.value"), fmt.Sprint((len(mime)+2000)/2))
}
