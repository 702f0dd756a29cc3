package bridge_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/bridge/storetest"
)

// TestReportForm reads a report as a mail program does: RFC 6522 outside, RFC 3464
// §2 inside, the header of the message behind it.
func TestReportForm(t *testing.T) {
	relayBubble(t, storetest.Options{}, nil, func(r *relay) {
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrUnavailable)
		r.store.Fail(storetest.CreateDraft, 1, bridge.ErrDenied)
		env := letterFrom(outUser, "x@example.org", "y@example.org", "silent@example.org")
		env.EnvelopeID, env.Recipients[1].Original, env.Recipients[2].Notify = "E-1", "rfc822;why@example.org", "NEVER"
		if _, err := r.account.Send(r.t.Context(), env, section(letterTo(1, "x@example.org, y@example.org"))); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Hour)
		list := r.store.Contents(r.store.Folder(bridge.RoleInbox))
		if len(list) != 1 {
			r.t.Fatalf("%d reports", len(list))
		}
		src := strings.NewReader(string(r.store.Octets(list[0].ID)))
		root, err := mimepart.Parse(src)
		if err != nil {
			r.t.Fatal(err)
		}
		var kinds, texts []string
		for _, p := range root.Children {
			kinds = append(kinds, strings.ToLower(p.Type+"/"+p.Subtype))
			text, err := io.ReadAll(p.Open(src))
			if err != nil {
				r.t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		if !strings.EqualFold(root.Subtype, "report") || !slices.Equal(kinds, []string{"text/plain", "message/delivery-status", "text/rfc822-headers"}) {
			r.t.Fatalf("a multipart/%s of %q", root.Subtype, kinds)
		}
		groups := strings.Split(strings.TrimSpace(texts[1]), "\r\n\r\n")
		if len(groups) != 3 {
			r.t.Fatalf("%d groups of fields, want one for the message and two for its recipients:\n%s", len(groups), texts[1])
		}
		for i, wants := range [][]string{
			{"Reporting-MTA: dns; ", "Original-Envelope-Id: E-1\r\n", "Arrival-Date: "},
			{"Final-Recipient: rfc822; x@example.org", "Action: failed", "Status: 5.7.1", "Diagnostic-Code: ", "Last-Attempt-Date: "},
			{"Original-Recipient: rfc822; why@example.org", "Final-Recipient: rfc822; y@example.org", "Action: failed", "Status: 5.7.1"},
		} {
			for _, want := range wants {
				if !strings.Contains(groups[i]+"\r\n", want) {
					r.t.Errorf("group %d lacks %q:\n%s", i, want, groups[i])
				}
			}
		}
		if !strings.Contains(texts[2], "Subject: letter 1\r\n") || !strings.Contains(texts[2], "Message-ID: <1@example.com>\r\n") || strings.Contains(texts[2], "\r\nhi") {
			r.t.Errorf("what comes back of the message: %q", texts[2])
		}
		head := string(r.store.Octets(list[0].ID))
		for _, want := range []string{"Auto-Submitted: auto-replied\r\n", "To: <" + outUser + ">\r\n", "In-Reply-To: <1@example.com>\r\n"} {
			if !strings.Contains(head, want) {
				r.t.Errorf("the report lacks %q", want)
			}
		}
		r.clean()
	})
}
