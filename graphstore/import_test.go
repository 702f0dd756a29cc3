package graphstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// mayImport registers the app with the permission of importMime.
func (s *sim) mayImport(on bool) {
	roles := []string{"Mail.ReadWrite", "Mail.Send"}
	if on {
		roles = append(roles, "Mail-Advanced.ReadWrite.All")
	}
	s.AddApp(graphsim.App{Tenant: "example.com", ClientID: "app-1", Secret: "s3cret", Roles: roles})
	s.store.UseImportMIME(true)
}

const importRoute = "POST /users/{id}/mailFolders/{id}/importMime"

// signed is a message that a rebuild would take apart.
const signedLetter = "From: Demo <demo@example.com>\r\nTo: Bob <bob@example.org>\r\nSubject: signed\r\nMessage-ID: <signed@example.com>\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=sha-256; protocol=\"application/pkcs7-signature\"; boundary=s\r\n\r\n" +
	"--s\r\nContent-Type: text/plain\r\n\r\nsigned text\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nxxxx\r\n--s--\r\n"

// TestImportMIME files by importMime where it is permitted: the octets stay.
func TestImportMIME(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	s.mayImport(true)
	m := s.filed(t, signedLetter)
	m.Flagged, m.Categories, m.Verb, m.RatherDraft = true, []string{"Red category"}, bridge.VerbReply, true
	info, err := s.store.Append(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if info.Draft || !info.Read || !info.Flagged || info.Verb != bridge.VerbReply || len(info.Categories) != 1 || info.Folder != m.Folder {
		t.Errorf("filed as %+v", info)
	}
	if mime, err := s.box.MIME(string(info.ID)); err != nil || string(mime) != signedLetter {
		t.Errorf("the octets changed: %v\n%s", err, mime)
	}
	if n := s.CountRoute(importRoute); n != 1 {
		t.Errorf("%d requests to importMime; %v", n, s.Counts())
	}
	// A draft stays one, and what is too large is built.
	m = s.filed(t, letter("draft", 10))
	m.Draft = true
	if info, err := s.store.Append(t.Context(), m); err != nil || !info.Draft {
		t.Errorf("draft: %+v, %v", info, err)
	}
	if info, err := s.store.Append(t.Context(), s.filed(t, letter("large", 3_300_000))); err != nil || info.Draft {
		t.Errorf("large: %+v, %v", info, err)
	}
	if n := s.CountRoute(importRoute); n != 1 {
		t.Errorf("%d requests to importMime, want no more", n)
	}
}

// TestImportMIMERefused: without the permission, or where the service has no such
// action, the message goes the other way, and importMime is not asked each time.
func TestImportMIMERefused(t *testing.T) {
	for name, fault := range map[string]*graphsim.Fault{
		"not permitted": nil,
		"not there":     {Route: "/users/{id}/mailFolders/{id}/importMime", Status: 404, Code: "ResourceNotFound"},
		"not modelled":  {Route: "/users/{id}/mailFolders/{id}/importMime", Status: 501},
		"bad request":   {Route: "/users/{id}/mailFolders/{id}/importMime", Status: 400, Code: "BadRequest"},
		"too large":     {Route: "/users/{id}/mailFolders/{id}/importMime", Status: 413, HTML: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
			s.mayImport(fault != nil)
			if fault != nil {
				s.AddFault(*fault)
			}
			for i := range 2 {
				info, err := s.store.Append(t.Context(), s.filed(t, letter(fmt.Sprint(i), 10)))
				if err != nil || info.Draft {
					t.Errorf("%+v, %v", info, err)
				}
			}
			if n := s.CountRoute(importRoute); n != 1 {
				t.Errorf("importMime was asked %d times", n)
			}
			if n := len(s.box.Messages("sentitems")); n != 2 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestRatherDraft: by the operator's choice a signed message is kept as it is, as
// a draft in its folder; other messages are no drafts.
func TestRatherDraft(t *testing.T) {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	m := s.filed(t, signedLetter)
	m.RatherDraft = true
	info, err := s.store.Append(t.Context(), m)
	if err != nil || !info.Draft || info.Folder != m.Folder {
		t.Fatalf("%+v, %v", info, err)
	}
	if mime, err := s.box.MIME(string(info.ID)); err != nil || string(mime) != signedLetter {
		t.Errorf("the octets changed: %v\n%s", err, mime)
	}
}

// TestAppendCutAnywhere breaks each request of an APPEND once, before or after its
// effect, or refuses it: afterwards the message is there once and whole, or
// nothing of it is.
func TestAppendCutAnywhere(t *testing.T) {
	roads := []struct {
		name  string
		text  string
		draft bool
		files int
	}{
		{"draft", letter("x", 100), true, 1},
		{"built", letter("x", 100, 3_200_000), false, 2},
		{"imported", letter("x", 100), false, 1},
	}
	kinds := map[string]graphsim.Fault{
		"lost before": {Reset: graphsim.ResetBefore, Count: 1},
		"lost after":  {Reset: graphsim.ResetAfter, Count: 1},
		"refused":     {Status: 403, Code: "ErrorAccessDenied", Count: 1},
		"busy":        {Status: 503, Code: "ErrorServerBusy", Count: 1},
	}
	for _, road := range roads {
		for kind, fault := range kinds {
			t.Run(road.name+" "+kind, func(t *testing.T) {
				t.Parallel()
				for at := range 30 {
					if !appendCutAt(t, road.text, road.draft, road.name == "imported", road.files, fault, at) {
						if at < 3 {
							t.Errorf("an APPEND of %d requests", at)
						}
						return
					}
				}
				t.Error("the fault was met at each request")
			})
		}
	}
}

// appendCutAt reports whether the fault was met.
func appendCutAt(t *testing.T, text string, draft, imports bool, files int, fault graphsim.Fault, at int) bool {
	s := newSim(t, graphsim.Options{}, graphsim.MailboxOptions{})
	if imports {
		s.mayImport(true)
	}
	m := s.filed(t, text)
	m.Draft = draft
	if err := s.client.Check(t.Context()); err != nil { // the token is not the matter
		t.Fatal(err)
	}
	fault.Skip = at
	id := s.AddFault(fault)
	info, err := s.store.Append(t.Context(), m)
	var found []graphsim.MessageView
	for _, f := range []string{"sentitems", "drafts", "deleteditems", "recoverableitemsdeletions"} {
		for _, v := range s.box.Messages(f) {
			if f == "sentitems" || err != nil {
				found = append(found, v)
			} else {
				t.Errorf("request %d: a message stays in %s", at, f)
			}
		}
	}
	switch {
	case err == nil && (len(found) != 1 || found[0].ID != string(info.ID) || found[0].Attachments != files || found[0].Draft != draft || !found[0].Read):
		t.Errorf("request %d: filed as %+v", at, found)
	case err != nil && len(found) != 0:
		t.Errorf("request %d: refused (%v), but left %+v", at, err, found)
	case err == nil:
		if mime, err := s.box.MIME(string(info.ID)); err != nil || bytes.Count(mime, []byte("line of an attachment")) == 0 && !strings.Contains(string(mime), "base64") {
			t.Errorf("request %d: the attachments are empty: %v", at, err)
		}
	case !errors.Is(err, bridge.ErrDenied) && !errors.Is(err, bridge.ErrUnavailable):
		t.Errorf("request %d: %v", at, err)
	}
	return s.FaultApplied(id) > 0
}
